"""The HTTP layer: methods, paths, bodies, headers, and what is no HTTP at all."""
import json
import socket

import pytest

from support.patience import PATIENCE_S
from support.raw import ask, exchange

END = 'Host: x\r\nConnection: close\r\n'
ROOT = END + 'X-Vault-Token: root\r\n'


def get(server, target, headers=ROOT, method='GET'):
    return ask(server, f'{method} {target} HTTP/1.1\r\n{headers}\r\n')


def put(server, path, body, headers=''):
    body = body.encode() if isinstance(body, str) else body
    head = f'PUT {path} HTTP/1.1\r\n{ROOT}{headers}Content-Length: {len(body)}\r\n\r\n'
    return ask(server, head.encode() + body)


# ---- 1.1 methods and paths --------------------------------------------------------

def test_the_list_verb_over_a_socket(shared):
    """S2-24: LIST /v1/ssh/roles HTTP/1.1."""
    got = get(shared, '/v1/ssh/roles', method='LIST')
    assert got.status == 200
    assert 'otp' in json.loads(got.body)['data']['keys']


@pytest.mark.parametrize('method', ['PATCH', 'TRACE', 'PROPFIND', 'get', 'FOO'])
def test_unknown_methods(shared, method):
    got = get(shared, '/v1/ssh/roles/otp', method=method)
    assert (got.status, got.body) == (405, b'{"errors":[]}\n')


@pytest.mark.parametrize('target', ['/v1/ssh%2froles', '/v1/ssh/roles%5cx', '/v1/ssh/roles\\x', '/v1/ssh/ro%252e%252e'])
def test_odd_escapes_reach_nothing(shared, target):
    assert get(shared, target).status in (400, 404)


def test_an_absolute_target(shared):
    assert get(shared, 'http://x/v1/sys/health').status == 200


# ---- 1.2 bodies --------------------------------------------------------------------

BAD = ['{"ip":"a\nb"}', '\ufeff{}', '{"a":' * 17 + '1' + '}' * 17, '{"a":[' + ','.join('""' for _ in range(1001)) + ']}',
       '{' + ','.join(f'"k{i}":1' for i in range(1001)) + '}', b'{"ip":"\xff"}', b'{"ip":"a\x00b"}']


@pytest.mark.parametrize('body', BAD)
def test_bad_json(shared, body):
    """C-8, reliability 6."""
    got = put(shared, '/v1/ssh/creds/otp', body)
    assert (got.status, json.loads(got.body)) == (400, {'errors': ['error parsing JSON']}), got


def test_chunked_bodies(shared):
    head = f'PUT /v1/ssh/creds/otp HTTP/1.1\r\n{ROOT}Transfer-Encoding: chunked\r\n\r\n'
    got = ask(shared, head + '5\r\n{"ip"\r\nc\r\n:"10.0.0.1"}\r\n0\r\n\r\n')
    assert got.status == 200, got


def test_expect_100_continue(shared):
    body = '{"ip":"10.0.0.1"}'
    with socket.create_connection(('127.0.0.1', shared.port), timeout=PATIENCE_S) as one:
        one.sendall(f'PUT /v1/ssh/creds/otp HTTP/1.1\r\n{ROOT}Expect: 100-continue\r\n'
                    f'Content-Length: {len(body)}\r\n\r\n'.encode())
        assert one.recv(1000).startswith(b'HTTP/1.1 100 ')
        one.sendall(body.encode())
        assert b' 200 ' in one.recv(1000)


def test_pipelined_requests_are_answered_in_order(shared):
    first = 'GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n\r\n'
    got = exchange(shared, first + f'GET /v1/ssh/roles/none HTTP/1.1\r\n{ROOT}\r\n')
    assert got.index(b'HTTP/1.1 200') < got.index(b'HTTP/1.1 404')


def test_http_1_0_is_served_and_closed(shared):
    got = ask(shared, 'GET /v1/sys/health HTTP/1.0\r\n\r\n')
    assert got.status == 200


def test_upgrade_is_ignored(shared):
    got = get(shared, '/v1/sys/health', END.replace('close', 'Upgrade') + 'Upgrade: h2c\r\nConnection: close\r\n')
    assert got.status == 200


CLOSED = [
    ('nonsense\r\n\r\n', 400), ('GET /v1/sys/health\r\n\r\n', 400), ('GET  /v1/sys/health HTTP/1.1\r\n\r\n', 400),
    ('GET /v1/sys/health HTTP/1.1\nHost: x\n\n', 400), ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n', 400),
    ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n', 400),
    ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nX: a\x00b\r\n\r\n', 400),
    ('GET /v1/sys/health HTTP/1.1\r\nHost : x\r\n\r\n', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nContent-Length: +2\r\n\r\n{}', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2;x=1\r\n{}\r\n0\r\n\r\n', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\nA: b\r\n\r\n', 400),
    ('PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n', 400),
    ('GET /v1/sys/health HTTP/2.0\r\nHost: x\r\n\r\n', 505), ('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 505),
    ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n', 417),
    ('GET /v1/' + 'x' * 9000 + ' HTTP/1.1\r\nHost: x\r\n\r\n', 414),
    ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\nX: ' + 'y' * 17000 + '\r\n\r\n', 431),
    ('GET /v1/sys/health HTTP/1.1\r\nHost: x\r\n' + ''.join(f'X{i}: y\r\n' for i in range(70)) + '\r\n', 431),
    ('GET /v1/ssh/roles/otp HTTP/1.1\r\nHost: x\r\nX-Vault-Token: ' + 'y' * 5000 + '\r\n\r\n', 431)]


@pytest.mark.parametrize('request_text, status', CLOSED)
def test_what_is_refused_and_closed(shared, request_text, status):
    """reliability 6: the connection ends after the answer."""
    got = ask(shared, request_text)
    assert got.status == status, got
    texts = {400: ['malformed request'], 505: ['unsupported protocol'], 417: ['unsupported protocol'],
             414: ['request too large'], 431: ['request too large']}
    assert json.loads(got.body)['errors'] == texts[status]
    assert got.headers['content-type'] == 'application/json'
    assert got.headers.get('connection', 'close') == 'close'


@pytest.mark.parametrize('path, token, size, status', [
    ('ssh/verify', None, 4097, 413), ('ssh/creds/otp', None, 1024 * 1024 + 1, 413), ('ssh/creds/otp', 'root', 2 ** 21, 400),
    ('ssh/creds/otp', 'root', 32 * 2 ** 20 + 1, 413)])


def test_bodies_that_are_too_large(shared, path, token, size, status):
    """reliability 6, core-api 1.2: 32 MiB, 1 MiB without a token, 4 KiB on verify."""
    try:
        got = shared.api(token).call('PUT', path, raw='x' * size)
    except (ConnectionResetError, BrokenPipeError):
        assert status == 413  # closed while the rest was being sent
        return
    assert got.status == status


# ---- 1.6 to 1.9 answers ---------------------------------------------------------------

def test_request_ids_are_new(shared):
    seen = {shared.api().get('ssh/roles/otp').json['request_id'] for _ in range(20)}
    assert len(seen) == 20
