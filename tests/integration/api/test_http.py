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


@pytest.mark.parametrize('query, status', [
    ('list=true', 200), ('list=1', 200), ('list=T', 200), ('list=t', 200), ('list=TRUE', 200), ('list=True', 200),
    ('list=false', 405), ('list=0', 405), ('list=F', 405), ('list=', 405), ('list=yes', 400), ('list=2', 400)])
def test_list_as_a_query(shared, query, status):
    got = get(shared, '/v1/ssh/roles?' + query)
    assert got.status == status
    if status == 400:
        assert json.loads(got.body) == {'errors': []}


@pytest.mark.parametrize('target', ['/', '/v2/sys/health', '/v1', '/V1/sys/health', '/health', '/v1sys/health', '/ui/'])
def test_outside_of_v1(shared, target):
    got = get(shared, target)
    assert (got.status, got.body) == (404, b'{"errors":[]}\n'), got


@pytest.mark.parametrize('method', ['PATCH', 'TRACE', 'PROPFIND', 'get', 'FOO'])
def test_unknown_methods(shared, method):
    got = get(shared, '/v1/ssh/roles/otp', method=method)
    assert (got.status, got.body) == (405, b'{"errors":[]}\n')


@pytest.mark.parametrize('method', ['HEAD', 'OPTIONS'])
def test_head_and_options(shared, method):
    """core-api 1.1: past the token check 403, 405 for root."""
    plain = shared.token_with('path "ssh/*" { capabilities = ["read"] }')
    for headers, status in ((END, 400), (END + f'X-Vault-Token: {plain}\r\n', 403), (ROOT, 405)):
        got = get(shared, '/v1/ssh/roles/otp', headers, method)
        assert got.status == status
        assert (got.body == b'') == (method == 'HEAD')


def test_help_is_a_method(shared):
    assert 'help' in json.loads(get(shared, '/v1/ssh/roles/otp', method='HELP').body)


@pytest.mark.parametrize('path', ['/v1/ssh/roles/', '/v1/ssh/roles/x/', '/v1/sys/mounts/'])
def test_a_write_to_a_slash(shared, path):
    got = put(shared, path, '{}')
    assert (got.status, json.loads(got.body)['errors']) == (400, ["cannot write to a path ending in '/'"])


DOTS = ['/v1/ssh/../sys/mounts', '/v1/./ssh/roles/otp', '/v1/ssh/roles/.', '/v1/ssh/roles/..', '/v1/ssh/%2e%2e/sys/mounts',
        '/v1/ssh/.%2e/x', '/v1/ssh/%2E/x', '/v1/ssh%2f..%2fsys/mounts', '/v1/ssh/x%2f%2e%2e%2fsys', '/../v1/sys/mounts',
        '/v1/../v1/sys/mounts']


@pytest.mark.parametrize('target', DOTS)
def test_dots_are_refused(shared, target):
    """L01, reliability 6."""
    got = get(shared, target)
    assert got.status == 400
    assert b'path cannot contain parent references' in got.body


@pytest.mark.parametrize('target', ['/v1/ssh%2froles', '/v1/ssh/roles%5cx', '/v1/ssh/roles\\x', '/v1/ssh/ro%252e%252e'])
def test_odd_escapes_reach_nothing(shared, target):
    assert get(shared, target).status in (400, 404)


@pytest.mark.parametrize('target, cleaned', [
    ('/v1//ssh/roles/otp', '/v1/ssh/roles/otp'), ('//v1/ssh/roles/otp', '/v1/ssh/roles/otp'),
    ('/v1/ssh//roles///otp', '/v1/ssh/roles/otp'), ('/v1/ssh//roles?list=true', '/v1/ssh/roles?list=true')])
def test_empty_segments(shared, target, cleaned):
    """README: 301 for GET, else 400."""
    got = get(shared, target)
    assert (got.status, got.headers['location']) == (301, cleaned)
    got = get(shared, target, method='DELETE')
    assert got.status == 400
    assert b'path cannot contain empty segments' in got.body


@pytest.mark.parametrize('target', ['/v1/ssh/roles/%00', '/v1/ssh/roles/a%0ab', '/v1/ssh/roles/%7f', '/v1/ssh/roles/%ff',
                                    '/v1/ssh/roles/%c0%af', '/v1/ssh/roles/%1b'])
def test_control_bytes_and_bad_utf8(shared, target):
    """core-api 1.1: 400 with an empty body, neither Content-Type nor Cache-Control."""
    got = get(shared, target)
    assert (got.status, got.body) == (400, b'')
    assert 'content-type' not in got.headers and 'cache-control' not in got.headers


@pytest.mark.parametrize('target', ['/v1/ssh/roles/%', '/v1/ssh/roles/%2', '/v1/ssh/roles/%zz'])
def test_broken_escapes(shared, target):
    assert get(shared, target).status == 400


def test_an_absolute_target(shared):
    assert get(shared, 'http://x/v1/sys/health').status == 200


# ---- 1.2 bodies --------------------------------------------------------------------

GOOD = ['{"ip":"10.0.0.1"}', ' \r\n\t{"ip":"10.0.0.1"} \n', '{"ip":"10.0.0.1","unknown":[1,{"a":null}]}',
        '{"\\u0069p":"10.0.0.1"}']
BAD = ['{', '[]', '"x"', '5', 'true', '{"ip":}', "{'ip':'10.0.0.1'}", '{"ip":"10.0.0.1"}x', '{"ip":"10.0.0.1"}{}',
       '{"ip":"1","ip":"10.0.0.1"}', '{"ip":"\\ud800"}', '{"ip":"10.0.0.1",}', '{"ip":"a\nb"}', '{"ip":"\\x"}', '\ufeff{}',
       '{"a":' * 17 + '1' + '}' * 17, '{"a":[' + ','.join('""' for _ in range(1001)) + ']}', 'NaN', '{"a":NaN}',
       '{' + ','.join(f'"k{i}":1' for i in range(1001)) + '}', b'{"ip":"\xff"}', b'{"ip":"a\x00b"}']


@pytest.mark.parametrize('body', GOOD)
@pytest.mark.parametrize('kind', ['', 'Content-Type: application/json\r\n', 'Content-Type: text/plain\r\n',
                                  'Content-Type: application/x-www-form-urlencoded\r\n'])
def test_json_whatever_the_type_says(shared, body, kind):
    assert put(shared, '/v1/ssh/creds/otp', body, kind).status == 200


@pytest.mark.parametrize('body', BAD)
def test_bad_json(shared, body):
    """C-8, reliability 6."""
    got = put(shared, '/v1/ssh/creds/otp', body)
    assert (got.status, json.loads(got.body)) == (400, {'errors': ['error parsing JSON']}), got


@pytest.mark.parametrize('body', ['', 'null', '{}', '  '])
def test_no_data(shared, body):
    assert json.loads(put(shared, '/v1/ssh/creds/otp', body).body)['errors'] == ['Missing ip']


@pytest.mark.parametrize('body, status', [('ip=10.0.0.1', 200), ('ip=10.0.0.1&username=ubuntu', 200), ('ip=10%2E0.0.1', 200),
                                          ('x=1', 400), ('ip=%zz', 400)])
@pytest.mark.parametrize('kind', ['application/x-www-form-urlencoded', 'Application/X-WWW-Form-Urlencoded; charset=utf-8'])
def test_a_form(shared, body, status, kind):
    got = put(shared, '/v1/ssh/creds/otp', body, f'Content-Type: {kind}\r\n')
    assert got.status == status
    if '%zz' in body:
        assert json.loads(got.body)['errors'] == ['error parsing form data']


def test_numbers_keep_their_text(shared):
    api = shared.api()
    for ttl in (60, '60', '60s'):
        assert api.post('ssh/roles/n', {'key_type': 'otp', 'default_user': 'u', 'ttl': ttl}).status == 204
        assert api.get('ssh/roles/n').data['ttl'] == 60
    assert put(shared, '/v1/ssh/roles/n', '{"key_type":"otp","default_user":12345678901234567890.50}').status == 204
    assert api.get('ssh/roles/n').data['default_user'] == '12345678901234567890.50'


def test_unknown_fields_are_named_when_there_is_a_body(shared):
    """core-api 1.3."""
    got = shared.api().put('ssh/creds/otp', {'ip': '10.0.0.1', 'b': 1, 'a': 2, 'role': 'x'})
    assert got.status == 200
    assert 'Endpoint ignored these unrecognized parameters: [a b]' in got.json['warnings']
    assert any('replaced the value of these parameters with the values captured' in one for one in got.json['warnings'])


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


# ---- 1.5 headers -------------------------------------------------------------------

@pytest.mark.parametrize('headers, status', [
    ('X-Vault-Token: root', 200), ('x-vault-token: root', 200), ('Authorization: Bearer root', 200),
    ('Authorization: Bearer  root ', 200), ('Authorization: bearer root', 400), ('Authorization: Basic cm9vdA==', 400),
    ('X-Vault-Token: root\r\nAuthorization: Bearer junk', 200), ('X-Vault-Token: junk\r\nAuthorization: Bearer root', 403),
    ('', 400), ('X-Vault-Token: ', 400), ('X-Vault-Token: root\r\nX-Vault-Request: true', 200),
    ('X-Vault-Token: root\r\nX-Vault-Request: nonsense', 200), ('X-Vault-Token: root\r\nX-Vault-Namespace: root', 200),
    ('X-Vault-Token: root\r\nX-Vault-Namespace: /', 200), ('X-Vault-Token: root\r\nX-Vault-Namespace:', 200),
    ('X-Vault-Token: root\r\nX-Vault-Index: x\r\nX-Vault-Forward: a\r\nX-Vault-MFA: b', 200),
    ('X-Vault-Token: root\r\nX-Vault-Wrap-TTL: 0', 200), ('X-Vault-Token: root\r\nX-Vault-Wrap-TTL: soon', 400),
    ('X-Vault-Token: root\r\nX-Vault-Wrap-TTL: -5', 400), ('X-Vault-Token: root\r\nX-Vault-Policy-Override: maybe', 400),
    ('X-Vault-Token: root\r\nX-Vault-Policy-Override: true', 200)])
def test_request_headers(shared, headers, status):
    """S3-1: understood or refused."""
    got = get(shared, '/v1/ssh/roles/otp', END + (headers + '\r\n' if headers else ''))
    assert got.status == status, got
    errors = json.loads(got.body).get('errors')
    if 'Wrap-TTL' in headers and status == 400:
        assert errors[0].startswith('error parsing X-Vault-Wrap-TTL header: ')
    if 'Override' in headers and status == 400:
        assert errors[0].startswith('failed to parse X-Vault-Policy-Override header: ')
    if headers in ('', 'X-Vault-Token: '):
        assert errors == ['missing client token']


def test_a_namespace_is_never_ignored(shared):
    """S3-1: what is not understood is refused."""
    assert get(shared, '/v1/ssh/roles/otp', ROOT + 'X-Vault-Namespace: team\r\n').status == 403


# ---- 1.6 to 1.9 answers ---------------------------------------------------------------

ANSWERS = [('GET', 'ssh/roles/otp', 200), ('PUT', 'ssh/roles/other', 204), ('GET', 'ssh/roles/none', 404),
           ('GET', 'nowhere/x', 404), ('GET', 'ssh/nosuch', 404), ('DELETE', 'ssh/lookup', 405), ('PUT', 'ssh/creds/x', 400),
           ('GET', 'sys/health', 200), ('GET', 'sys/seal-status', 200), ('PUT', 'ssh/verify', 400)]


@pytest.mark.parametrize('method, path, status', ANSWERS)
def test_the_headers_of_every_answer(shared, method, path, status):
    """core-api 1.6; C-8: 204 has no body."""
    body = {'key_type': 'otp', 'default_user': 'u'} if 'other' in path else {}
    got = shared.api().call(method, path, body)
    assert got.status == status
    assert got.headers['Content-Type'] == 'application/json'
    assert got.headers['Cache-Control'] == 'no-store'
    assert 'Server' not in got.headers
    if status == 204:
        assert got.body == '' and 'Content-Length' not in got.headers
    else:
        assert int(got.headers['Content-Length']) == len(got.body.encode())
        assert got.body.endswith('\n') and not got.body.endswith('\n\n')
    if status >= 400:
        assert set(got.json) == {'errors'}


REFUSALS = [
    ('GET', 'ssh/roles/x', None, None, 400, ['missing client token']),
    ('GET', 'ssh/roles/x', 'junk', None, 403, ['permission denied']),
    ('GET', 'ssh/roles/x', 'root', None, 404, []),
    ('GET', 'nowhere/x', 'root', None, 404, ["no handler for route 'nowhere/x'"]),
    ('GET', 'ssh/nosuch', 'root', None, 404, ['1 error occurred:\n\t* unsupported path\n\n']),
    ('DELETE', 'ssh/lookup', 'root', None, 405, ['1 error occurred:\n\t* unsupported operation\n\n']),
    ('DELETE', 'ssh/verify', None, None, 405, ['unsupported operation']),
    ('PUT', 'ssh/creds/x', 'root', '{"ttl":', 400, ['error parsing JSON']),
    ('PUT', 'ssh/creds/x', 'junk', '{"ttl":', 403, ['permission denied']),
    ('PUT', 'ssh/creds/x', None, '{"ttl":', 400, ['missing client token']),
    ('GET', 'ssh/config/lease', 'root', None, 404, ['1 error occurred:\n\t* unsupported path\n\n'])]


@pytest.mark.parametrize('method, path, token, raw, status, errors', REFUSALS)
def test_refusals_side_by_side(shared, method, path, token, raw, status, errors):
    """core-api 9, 1.9."""
    got = shared.api(token).call(method, path, raw=raw)
    assert (got.status, got.json) == (status, {'errors': errors})


def test_allow_tells_those_with_rights(shared):
    """reliability 6."""
    assert shared.api().delete('ssh/lookup').headers['Allow'] == 'POST, PUT'
    assert shared.api().put('sys/mounts', {}).headers['Allow'] == 'GET'


def test_request_ids_are_new(shared):
    seen = {shared.api().get('ssh/roles/otp').json['request_id'] for _ in range(20)}
    assert len(seen) == 20
