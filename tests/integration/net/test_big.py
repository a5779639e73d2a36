"""R44, L34: what is too large is refused without being kept; the process does not grow with it."""
import socket

import pytest

from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server

GIB = 2 ** 30
MIB = 2 ** 20
PIECE = b'x' * 65536
LONG = {'a body of 1 GiB', 'a head without an end'}
OTHERS = count('BIG_BYTES', 64 * MIB, GIB)  # what the others try to send
GROWTH_MAX = MIB


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    one.write_role()
    for _ in range(50):  # each thread, pool and cache has been at work
        one.otp()
        one.api().put('ssh/creds/otp', {'ip': 'x' * 200})
        answer_to(one, head(one, 'PUT', f'Content-Length: {GIB}'), endless(PIECE), 4 * MIB)
    yield one
    one.clean()


def memory(server, name):
    """Bytes of one line of the process's status: VmRSS, or VmHWM, the most it ever was."""
    for line in open(f'/proc/{server.process.pid}/status', encoding='ascii'):
        if line.startswith(name + ':'):
            return int(line.split()[1]) * 1024
    raise AssertionError(name)


def forget_peak(server):
    with open(f'/proc/{server.process.pid}/clear_refs', 'w', encoding='ascii') as file:
        file.write('5')


def head(server, method, *fields, path='ssh/creds/otp', token='root'):
    lines = [f'{method} /v1/{path} HTTP/1.1', 'Host: x', *fields]
    token = server.token if token == 'root' else token
    return '\r\n'.join(lines + ([f'X-Vault-Token: {token}'] if token else []) + ['', '']).encode()


def endless(piece):
    while True:
        yield piece


def answer_to(server, start, pieces, total):
    """(bytes that could be sent, first line of the answer).

    What comes behind a refusal is read for some seconds and dropped, so that the answer is not lost.
    """
    sent, got = 0, b''
    with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE_S) as one:
        try:
            one.sendall(start)
            for piece in pieces:
                one.sendall(piece)
                sent += len(piece)
                if sent >= total:
                    break
        except OSError:
            pass
        try:
            got = one.recv(4096)
        except OSError:
            pass
    return sent, got.split(b'\r\n')[0]


def chunk(piece):
    return f'{len(piece):x}\r\n'.encode() + piece + b'\r\n'


CASES = {
    'a body of 1 GiB': (lambda s: head(s, 'PUT', f'Content-Length: {GIB}'), PIECE, 413),
    'the same of nobody': (lambda s: head(s, 'PUT', f'Content-Length: {GIB}', token=None), PIECE, 413),
    'the same to verify': (lambda s: head(s, 'PUT', f'Content-Length: {GIB}', path='ssh/verify', token=None), PIECE, 413),
    'the same with a junk token': (lambda s: head(s, 'PUT', f'Content-Length: {GIB}', token='junk'), PIECE, 413),
    'a little more than anybody may send': (lambda s: head(s, 'PUT', f'Content-Length: {MIB + 1}', token='junk'), PIECE, 413),
    'the same where a token is good': (lambda s: head(s, 'PUT', f'Content-Length: {32 * MIB + 1}'), PIECE, 413),
    'a body without a known path': (lambda s: head(s, 'PUT', f'Content-Length: {GIB}', path='%2e%2e/x', token=None), PIECE, 413),
    'chunks to verify': (lambda s: head(s, 'PUT', 'Transfer-Encoding: chunked', path='ssh/verify', token=None), chunk(PIECE), 413),
    'a head without an end': (lambda s: b'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nX: ', PIECE, 431),
    'fields without an end': (lambda s: b'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n', b'X: y\r\n' * 10000, 431),
    'a path without an end': (lambda s: b'GET /v1/', PIECE, 414),
    'a method without an end': (lambda s: b'', PIECE, 414),
}


@pytest.mark.parametrize('name', CASES)
def test_what_is_too_large_is_not_kept(server, name):
    start, piece, status = CASES[name]
    forget_peak(server)
    before = memory(server, 'VmRSS')
    sent, line = answer_to(server, start(server), endless(piece), GIB if name in LONG else OTHERS)
    grown = memory(server, 'VmHWM') - before
    figure('R44', 1, int(grown >= GROWTH_MAX), name)
    print(f'{name}: {sent} bytes sent, {grown} bytes grown, {line}')
    assert grown < GROWTH_MAX
    # Whoever still sends may lose the answer with the connection.
    assert line == b'' or line.split()[1] == str(status).encode()


@pytest.mark.parametrize('token', [None, 'junk', 'hvs.' + 'A' * 24])
def test_chunks_of_nobody_are_kept_up_to_what_anybody_may_send(server, token):
    """Their length shows only at the end; what is kept is 1 MiB, in a buffer that doubles."""
    forget_peak(server)
    before = memory(server, 'VmRSS')
    sent, line = answer_to(server, head(server, 'PUT', 'Transfer-Encoding: chunked', token=token), endless(chunk(PIECE)), OTHERS)
    grown = memory(server, 'VmHWM') - before
    figure('R44', 1, int(grown >= 4 * MIB), 'chunks of nobody')
    print(f'{sent} bytes sent, {grown} bytes grown, {line}')
    assert grown < 4 * MIB
    assert line == b'' or line.split()[1] == b'413'


def test_a_large_body_is_still_read_for_a_good_token(server):
    """Up to 32 MiB: it is read whole and found to be no JSON."""
    for token, status in ((server.token, 400), ('junk', 413)):
        got = None
        try:
            got = server.api(token).call('PUT', 'ssh/creds/otp', raw='x' * (2 * MIB))
        except (ConnectionResetError, BrokenPipeError):
            assert status == 413
        assert got is None or got.status == status
    assert server.api('junk').call('PUT', 'ssh/creds/otp', raw='x' * MIB).status == 403


def test_what_was_kept_is_given_back(server):
    """The second hundred of them finds the room that the first had; kept, they would be 100 MiB."""
    def hundred():
        for _ in range(100):
            answer_to(server, head(server, 'PUT', 'Transfer-Encoding: chunked', token='junk'), endless(chunk(PIECE)), 4 * MIB)
        return memory(server, 'VmRSS')
    before = hundred()
    grown = hundred() - before
    print(f'{grown} bytes grown')
    assert grown < 16 * MIB
