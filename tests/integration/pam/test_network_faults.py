"""R60: no fault of the network lets anyone in, or holds a login beyond its deadline."""
import concurrent.futures
import contextlib
import gzip
import json
import pathlib
import socket
import ssl
import struct

import pytest

from support.figures import figure
from support.host import UUID, YES, Host, programs, settings
from support.netns import Names, Network
from support.patience import PATIENCE_S
from support.places import public_directory
from support.server import wait_for
from support.sshd import LONGEST_S
from support.standin import Certificate, Scripted, Standin

BODY = json.dumps(YES).encode()
PACKED = gzip.compress(BODY)
OK = b'HTTP/1.1 200 OK\r\n'
JSON = OK + b'Content-Type: application/json\r\n'
LENGTH = b'Content-Length: %d\r\n\r\n'
GOOD = JSON + LENGTH % len(BODY) + BODY
CHUNKED = JSON + b'Transfer-Encoding: chunked\r\n\r\n'


# ---- what a server may do to a connection ----------------------------------

def take_request(connection, server):
    text = connection.recv(1)
    server.asked += 1
    while b'\r\n\r\n' not in text:
        text += connection.recv(4096)
    while not text.endswith(b'}'):
        text += connection.recv(4096)


def reset(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    connection.close()


def says(*parts, then='closes', pause=0.0):
    """Takes the request, sends the parts, and closes, resets or holds the connection."""
    def script(connection, server):
        take_request(connection, server)
        for part in parts:
            connection.sendall(part)
            if pause:
                server.ended.wait(pause)
        if then == 'resets':
            reset(connection)
        elif then == 'holds':
            server.ended.wait(PATIENCE_S)
    return script


def for_ever(start, piece):
    def script(connection, server):
        take_request(connection, server)
        connection.sendall(start)
        while not server.ended.is_set():
            connection.sendall(piece)
    return script


def drip(text):
    return says(*(text[i:i + 1] for i in range(len(text))), pause=0.05)


def resets_at_once(connection, server):
    reset(connection)


def says_nothing(connection, server):
    server.ended.wait(PATIENCE_S)


def never_answers(connection, server):
    take_request(connection, server)
    server.ended.wait(PATIENCE_S)


def closes_its_half(connection, server):
    connection.shutdown(socket.SHUT_WR)
    with contextlib.suppress(OSError):
        while connection.recv(4096):
            pass


def redirects(connection, server):
    says(b'HTTP/1.1 307 Again\r\nLocation: ' + server.address.encode() + b'/v1/ssh/verify\r\nContent-Length: 0\r\n\r\n')(
        connection, server)


# ---- and to TLS ------------------------------------------------------------------

def context_of(certificate, **more):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    for name, value in more.items():
        setattr(context, name, value)
    return context


def inside(script, certificate='good', **more):
    """The script, behind a handshake that is done."""
    def outer(connection, server):
        with context_of(server.certificates[certificate], **more).wrap_socket(connection, server_side=True) as one:
            script(one, server)
    return outer


def stalls_after(n):
    """The first n bytes of the server's part of the handshake, or all but |n|; then nothing."""
    def script(connection, server):
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        one = context_of(server.certificates['good']).wrap_bio(into, out, server_side=True)
        into.write(connection.recv(65536))
        with contextlib.suppress(ssl.SSLWantReadError):
            one.do_handshake()
        connection.sendall(out.read()[:n])
        server.ended.wait(PATIENCE_S)
    return script


def resets_in_the_handshake(connection, server):
    connection.recv(65536)
    reset(connection)


def sends_an_alert(connection, server):
    connection.recv(65536)
    connection.sendall(b'\x15\x03\x03\x00\x02\x02\x28')


def speaks_plainly(connection, server):
    connection.sendall(GOOD)


def cut_without_a_goodbye(connection, server):
    """Half a body by TLS, then the end of the connection under it."""
    with context_of(server.certificates['good']).wrap_socket(connection, server_side=True) as one:
        take_request(one, server)
        one.sendall(GOOD[:-20])
        reset(socket.socket(fileno=one.detach()))


PLAIN = {
    'reset when accepted': resets_at_once,
    'reset after the request': says(then='resets'),
    'reset in the head': says(JSON, then='resets'),
    'reset in the body': says(GOOD[:-20], then='resets'),
    'accepts and says nothing': says_nothing,
    'takes the request and says nothing': never_answers,
    'a head byte by byte': drip(GOOD),
    'a body byte by byte': says(JSON + LENGTH % len(BODY), *(BODY[i:i + 1] for i in range(len(BODY))), pause=0.05),
    'a head that stops': says(JSON, then='holds'),
    'a body that stops': says(GOOD[:-1], then='holds'),
    'headers without end': for_ever(OK, b'X-Pad: ' + b'x' * 1000 + b'\r\n'),
    'one header without end': for_ever(OK + b'X-Pad: ', b'x' * 4096),
    'a body without end': for_ever(JSON + b'\r\n', b' ' * 4096),
    'chunks without end': for_ever(CHUNKED, b'8\r\n        \r\n'),
    'a huge body': for_ever(JSON + LENGTH % (1 << 40), BODY),
    'interim answers without end': for_ever(b'', b'HTTP/1.1 100 Continue\r\n\r\n'),
    'closes without a word': says(),
    'cut in the first line': says(b'HTTP/1.1 2'),
    'cut after the head': says(JSON + LENGTH % len(BODY)),
    'cut in the body': says(GOOD[:-20]),
    'a length that is too short': says(JSON + LENGTH % (len(BODY) - 20) + BODY),
    'a length that is none': says(JSON + b'Content-Length: -1\r\n\r\n' + BODY),
    'chunks that are none': says(CHUNKED + b'zz\r\n' + BODY + b'\r\n0\r\n\r\n'),
    'chunks cut before their end': says(CHUNKED + b'%x\r\n' % len(BODY) + BODY),
    'closes its half': closes_its_half,
    'redirects for ever': redirects,
    'no HTTP': says(BODY),
    'the greeting of another service': says(b'SSH-2.0-OpenSSH_9.2p1\r\n' + BODY),
    'NUL bytes': says(b'\0' * 4096),
    'a packed body': says(JSON + b'Content-Encoding: gzip\r\n' + LENGTH % len(PACKED) + PACKED),
    'overloaded': says(b'HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\n' + LENGTH % len(BODY) + BODY),
}

TLS = {
    'TLS: says nothing': says_nothing,
    'TLS: stops in its first record': stalls_after(3),
    'TLS: stops in its certificate': stalls_after(300),
    'TLS: stops before its last byte': stalls_after(-1),
    'TLS: stops after the handshake': inside(says_nothing),
    'TLS: takes the request and says nothing': inside(never_answers),
    'TLS: a head byte by byte': inside(drip(GOOD)),
    'TLS: reset in the handshake': resets_in_the_handshake,
    'TLS: an alert': sends_an_alert,
    'TLS: no TLS at all': speaks_plainly,
    'TLS: cut without a goodbye': cut_without_a_goodbye,
    'TLS: a foreign authority': inside(says(GOOD), 'foreign'),
    'TLS: another name': inside(says(GOOD), 'elsewhere'),
    'TLS: expired': inside(says(GOOD), 'expired'),
    'TLS: signed by itself': inside(says(GOOD), 'own'),
}


class Own:
    """A certificate that is its own authority."""

    def __init__(self, other):
        self.cert, self.key = other.ca, other.ca[:-2] + 'cakey'


def make_certificates(directory):
    def one(stem, names='IP:127.0.0.1', **more):
        return Certificate(directory, names, stem, **more)
    made = {'good': one('good'), 'foreign': one('foreign'), 'elsewhere': one('elsewhere', 'DNS:elsewhere.example'),
            'expired': one('expired', days=-1)}
    made['own'] = Own(one('own'))
    # Each but the foreign ones would do if it were not for its fault.
    trusted = directory / 'trusted.pem'
    trusted.write_text(''.join(pathlib.Path(made[name].ca).read_text() for name in ('good', 'elsewhere', 'expired')))
    return made, trusted


class Login:
    """One authentication of a host of its own, and all that is to be known of it."""

    def __init__(self, program, directory, text, words=('dev', 'timeout=1')):
        directory.mkdir()
        self.host = Host(program, directory).write_config(text)
        self.code = self.host.run('timed', 'auth', password=UUID, words=words)[0][1]
        self.in_time = self.host.is_in_time(int(words[-1].split('=')[1]))


def attempt(program, directory, script, certificates=None, trusted=None, timeout_s=1):
    with Scripted(script) as server:
        server.certificates = certificates
        if certificates is None:
            login = Login(program, directory, settings(server.address), ('dev', f'timeout={timeout_s}'))
        else:
            login = Login(program, directory, settings(f'https://127.0.0.1:{server.port}', ca_cert=f'"{trusted}"'),
                          words=(f'timeout={timeout_s}',))
        login.asked = server.asked
        return login


@pytest.fixture(scope='module')
def logins_at_fault(host_program):
    """All of them side by side: most wait for their deadline."""
    with public_directory() as place, concurrent.futures.ThreadPoolExecutor(12) as pool:
        certificates, trusted = make_certificates(place)
        running = {name: pool.submit(attempt, host_program, place / f'plain{i}', script)
                   for i, (name, script) in enumerate(PLAIN.items())}
        running |= {name: pool.submit(attempt, host_program, place / f'tls{i}', script, certificates, trusted)
                    for i, (name, script) in enumerate(TLS.items())}
        done = {name: one.result() for name, one in running.items()}
        good = attempt(host_program, place / 'good', inside(says(GOOD)), certificates, trusted, LONGEST_S)
        assert good.code == 'SUCCESS'
        figure('R60', len(done), sum(one.code != 'AUTHINFO_UNAVAIL' or not one.in_time for one in done.values()),
               'network faults')
        wait_for(lambda: not any(one.startswith(str(place)) for one in programs()), 'every helper ends')
        yield done


@pytest.mark.parametrize('fault', [*PLAIN, *TLS])
def test_a_fault_is_a_no_in_time(logins_at_fault, fault):
    login = logins_at_fault[fault]
    assert login.code == 'AUTHINFO_UNAVAIL', login.host.said
    assert login.in_time, (login.host.facts, login.host.said)
    assert login.host.left() == {}
    assert login.asked <= 1  # a password that may be spent is never sent twice


def refusing():
    """A port that is taken and refuses."""
    one = socket.socket()
    one.bind(('127.0.0.1', 0))
    return one


@contextlib.contextmanager
def dropping():
    """A port whose queue is full: what tells it of a new connection is dropped."""
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(socket.create_server(('127.0.0.1', 0), backlog=0))
        for _ in range(4):
            other = stack.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(one.getsockname())
        yield one


def test_no_connection_is_made(host_program, public_path):
    with refusing() as one:
        login = Login(host_program, public_path / 'refused', settings(f'http://127.0.0.1:{one.getsockname()[1]}'))
        assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
    with dropping() as one:
        dead = f'http://127.0.0.1:{one.getsockname()[1]}'
        login = Login(host_program, public_path / 'dropped', settings(dead))
        assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
        with Standin(200, YES) as server:
            login = Login(host_program, public_path / 'second', settings(f'{dead},{server.address}'),
                          words=('dev', f'timeout={LONGEST_S}'))
            assert (login.code, len(server.requests)) == ('SUCCESS', 1)


def test_no_route(host_program, public_path):
    with Network() as network:
        login = network.run(Login, host_program, public_path / 'none', settings('http://192.0.2.1:8200'))
        assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
    with Network('ip route add 192.0.2.0/24 dev lo', 'ip route add unreachable 198.51.100.0/24') as network:
        for i, address in enumerate(('192.0.2.1', '198.51.100.1')):
            login = network.run(Login, host_program, public_path / f'route{i}', settings(f'http://{address}:8200'))
            assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts


def test_a_slow_and_lossy_network(host_program, public_path):
    with Network('tc qdisc add dev lo root netem delay 60ms 20ms loss 10%') as network:
        server = network.run(Standin, 200, YES)
        with server:
            # One address is given three seconds to connect: a few tries, as to several servers.
            login = network.run(Login, host_program, public_path / 'slow', settings(','.join([server.address] * 8)),
                                ('dev', f'timeout={LONGEST_S}'))
            assert (login.code, len(server.requests)) == ('SUCCESS', 1)
        with network.run(Scripted, never_answers) as server:
            login = network.run(Login, host_program, public_path / 'stuck', settings(server.address))
            assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
    with Network('tc qdisc add dev lo root netem loss 100%') as network:
        login = network.run(Login, host_program, public_path / 'dark', settings('http://127.0.0.1:1'))
        assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts


def test_names_without_a_name_server(names, host_program, public_path):
    """R60: the server's own name cannot be resolved, at once or never."""
    login = names.run(Login, host_program, public_path / 'dead', settings('http://sallyport.example:8200'))
    assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
    silent = names.run(Names)
    for timeout_s in (1, 10, LONGEST_S):  # on a busy machine the first may be over before it asks
        login = names.run(Login, host_program, public_path / f'slow{timeout_s}', settings('http://sallyport.example:8200'),
                          ('dev', f'timeout={timeout_s}'))
        assert login.code == 'AUTHINFO_UNAVAIL' and login.in_time, login.host.facts
        if silent.asked:
            break
    silent.close()
    assert silent.asked


def test_a_name_whose_first_address_is_dead(names, host_program, public_path):
    server, resolver = names.run(Standin, 200, YES), names.run(Names, '127.0.0.2', '127.0.0.1')
    with server:
        address = f'http://sallyport.example:{server.server.server_port}'
        login = names.run(Login, host_program, public_path / 'two', settings(address), ('dev', f'timeout={LONGEST_S}'))
        assert (login.code, len(server.requests)) == ('SUCCESS', 1)
    resolver.close()
