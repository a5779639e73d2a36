"""Response wrapping: the header on every endpoint, and sys/wrapping (core-api 5.1)."""
import json
import re
import threading

import pytest

from support import audit
from support.figures import count, figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server, wait_for
from support.wire import Wire

INVALID = 'wrapping token is not valid or does not exist'
DENIED = '1 error occurred:\n\t* permission denied\n\n'
TTL = {'X-Vault-Wrap-TTL': '2m'}
RACERS = count('UNWRAP_RACERS', 64, 64)
RACES = count('UNWRAP_RACES', 8, 200)


def wrap(server, data=None, ttl='2m', token=''):
    got = server.api(token).post('sys/wrapping/wrap', data if data is not None else {'a': 'b'}, headers={'X-Vault-Wrap-TTL': ttl})
    assert got.status == 200, got
    return got.json['wrap_info']


def unwrap(server, token, by=''):
    return server.api(by).post('sys/wrapping/unwrap', {'token': token})


# ---- what is wrapped --------------------------------------------------------

@pytest.mark.parametrize('form', ['jwt', 'JWT', 'x'])
def test_another_form_of_token_is_refused_and_nothing_done(shared, form):
    """Not a plain token in its place: the caller would take it for a JWT."""
    body = {'policies': ['default'], 'display_name': f'form-{form}'}
    before = len(shared.api().list('auth/token/accessors').data['keys'])
    got = shared.api().post('auth/token/create', body, headers={**TTL, 'X-Vault-Wrap-Format': form})
    assert (got.status, got.errors) == (400, [
        f'error parsing X-Vault-Wrap-Format header: "{form}" is not supported; without the header the token is a plain one'])
    assert len(shared.api().list('auth/token/accessors').data['keys']) == before
    # Where nothing is wrapped it asks for nothing.
    assert shared.api().get('auth/token/lookup-self', headers={'X-Vault-Wrap-Format': form}).json['wrap_info'] is None


def test_the_answer_that_a_caller_gets(shared):
    got = shared.api().put('ssh/creds/otp', {'ip': '10.1.2.3'}, headers=TTL)
    info = got.json['wrap_info']
    assert got.body.startswith('{"request_id":"","lease_id":"","renewable":false,"lease_duration":0,"data":null,"wrap_info":{"token":')
    assert got.body.endswith('},"warnings":null,"auth":null}\n')
    assert list(info) == ['token', 'accessor', 'ttl', 'creation_time', 'creation_path']
    assert re.fullmatch(r'hvs\.[0-9A-Za-z]{24}', info['token'])
    assert re.fullmatch('[0-9A-Za-z]{24}', info['accessor'])
    assert (info['ttl'], info['creation_path']) == (120, 'ssh/creds/otp')
    inner = unwrap(shared, info['token'])
    assert shared.api(None).put('ssh/verify', {'otp': inner.data['key']}).status == 200


def test_an_auth_block_is_wrapped(shared):
    got = shared.api().post('auth/token/create', {'policies': ['default']}, headers=TTL)
    info = got.json['wrap_info']
    auth = unwrap(shared, info['token']).json['auth']
    assert info['wrapped_accessor'] == auth['accessor']
    assert shared.api(auth['client_token']).get('auth/token/lookup-self').status == 200


def test_a_warning_alone_is_wrapped(shared):
    got = shared.api().put('sys/leases/tidy', {}, headers=TTL)
    assert got.status == 200
    got = unwrap(shared, got.json['wrap_info']['token'])
    assert got.status == 202
    assert got.json['warnings'][0].startswith('Tidy operation')


def test_every_endpoint_is_wrapped():
    """Each answer with content comes back as it was; all else is as without the header."""
    server = Server(dev=False).start().mount_ssh()
    server.write_role()
    world, wrong, wrapped = World(server), [], 0
    world.zeroaddress()
    try:
        for route in all_routes(server):
            if str(route) in AT_START | ENDS:
                continue
            method, path, data, token = prepare(route, world)
            plain = world.api.call(method, path, data, token=token)
            method, path, data, token = prepare(route, world)
            got = world.api.call(method, path, data, token=token, headers=TTL)
            has_content = plain.status < 300 and plain.body != '' and route.has_envelope and str(route) != 'POST sys/wrapping/rewrap'
            if str(route) == 'POST sys/wrapping/wrap':
                has_content = True
            if not has_content:
                if '"wrap_info":{' in got.body and str(route) != 'POST sys/wrapping/rewrap':
                    wrong.append((str(route), plain, got))
                continue
            wrapped += 1
            if got.status != 200 or got.json.get('wrap_info') is None or got.json['wrap_info']['creation_path'] != path.split('?')[0]:
                if not (route.method == 'LIST' and got.json.get('wrap_info')):
                    wrong.append((str(route), plain, got))
                    continue
            inner = unwrap(server, got.json['wrap_info']['token'])
            if str(route) == 'POST sys/wrapping/wrap':
                continue
            if inner.status != plain.status or (inner.json or {}).keys() != (plain.json or {}).keys() or (
                    isinstance(plain.json['data'], dict) and inner.json['data'].keys() != plain.json['data'].keys()):
                wrong.append((str(route), plain, inner))
        figure('wrapping', wrapped, len(wrong), 'endpoints')
        assert wrong == []
        assert wrapped > 20
    finally:
        server.clean()


# ---- unwrap -----------------------------------------------------------------

def test_the_answer_comes_byte_for_byte_and_once(server):
    path = server.enable_audit()
    got = server.api().get('ssh/roles/otp', headers=TTL)
    inner = unwrap(server, got.json['wrap_info']['token'])
    asked = [one for one in audit.entries(path, 'request', 'ssh/roles/otp')][-1]
    assert inner.status == 200
    assert inner.json['request_id'] == asked['request']['id']
    plain = server.api().get('ssh/roles/otp')
    assert inner.body.replace(inner.json['request_id'], '') == plain.body.replace(plain.json['request_id'], '')
    again = unwrap(server, got.json['wrap_info']['token'])
    assert (again.status, again.errors) == (400, [INVALID])


def test_one_wrapping_token_opens_another(shared):
    """Both are handed in: neither is good for more."""
    one, two = wrap(shared, {'n': 'one'})['token'], wrap(shared, {'n': 'two'})['token']
    assert unwrap(shared, two, by=one).data == {'n': 'two'}
    for token in (one, two):
        assert unwrap(shared, token).errors == [INVALID]


def test_unwrapping_may_be_wrapped(shared):
    got = shared.api().post('sys/wrapping/unwrap', {'token': wrap(shared)['token']}, headers=TTL)
    assert got.json['wrap_info']['creation_path'] == 'sys/wrapping/unwrap'
    assert unwrap(shared, got.json['wrap_info']['token']).data == {'a': 'b'}


def test_the_old_way_through_the_cubbyhole(shared):
    token = wrap(shared)['token']
    got = shared.api(token).get('cubbyhole/response')
    assert json.loads(got.data['response'])['data'] == {'a': 'b'}
    assert got.json['warnings'] == ["Reading from 'cubbyhole/response' is deprecated. Please use sys/wrapping/unwrap to unwrap "
                                    'responses, as it provides additional security checks and other benefits.']
    assert shared.api(token).get('cubbyhole/response').status == 403
    assert unwrap(shared, token).errors == [INVALID]


# ---- the token --------------------------------------------------------------

def test_it_is_in_nobodys_tree(shared):
    parent = shared.token_with('path "sys/wrapping/wrap" { capabilities = ["update"] }')
    token = wrap(shared, token=parent)['token']
    assert shared.api().post('auth/token/revoke', {'token': parent}).status == 204
    assert unwrap(shared, token).status == 200


def test_it_ends_with_its_time(shared):
    token = wrap(shared, ttl='1s')['token']
    wait_for(lambda: shared.api(None).post('sys/wrapping/lookup', {'token': token}).status == 400, 'it ends')
    assert unwrap(shared, token).errors == [INVALID]


def test_a_lease_inside_belongs_to_who_asked(shared):
    token = shared.token_with('path "ssh/creds/otp" { capabilities = ["update"] }')
    got = shared.api(token).put('ssh/creds/otp', {'ip': '10.1.2.3'}, headers=TTL)
    inner = unwrap(shared, got.json['wrap_info']['token']).json
    assert shared.api().put('sys/leases/lookup', {'lease_id': inner['lease_id']}).status == 200
    got = shared.api(token).put('ssh/creds/otp', {'ip': '10.1.2.3'}, headers=TTL)
    assert shared.api().post('auth/token/revoke', {'token': token}).status == 204
    second = unwrap(shared, got.json['wrap_info']['token'])
    assert second.status == 200
    for one in (inner, second.json):
        assert shared.api(None).put('ssh/verify', {'otp': one['data']['key']}).status == 400


def test_the_last_use_of_a_token_may_wrap(shared):
    token = shared.token_with('path "ssh/roles/otp" { capabilities = ["read"] }', num_uses=1)
    got = shared.api(token).get('ssh/roles/otp', headers=TTL)
    assert unwrap(shared, got.json['wrap_info']['token']).data['key_type'] == 'otp'
    assert shared.api(token).get('ssh/roles/otp').status == 403
    token = shared.token_with('path "ssh/creds/otp" { capabilities = ["update"] }', num_uses=1)
    got = shared.api(token).put('ssh/creds/otp', {'ip': '10.1.2.3'}, headers=TTL)
    assert got.status == 400
    assert got.errors[0].startswith('Secret cannot be returned; token had one use left')


# ---- once -------------------------------------------------------------------

def test_of_racing_unwraps_one_wins(shared):
    """64 at once, half by the token in the body and half by the token itself."""
    doubles = 0
    for _ in range(RACES):
        token, gate, got = wrap(shared)['token'], threading.Barrier(RACERS), []

        def ask(number):
            wire = Wire(shared, token=token if number % 2 else 'root')
            gate.wait()
            got.append(wire.call('POST', 'sys/wrapping/unwrap', {} if number % 2 else {'token': token})[0])
            wire.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(RACERS)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        doubles += got.count(200) != 1 or got.count(400) != RACERS - 1
    figure('unwrap-once', RACES * RACERS, doubles, 'racing unwraps')
    assert doubles == 0


def test_of_racing_unwraps_and_rewraps_one_wins(shared):
    for _ in range(RACES):
        token, gate, got = wrap(shared)['token'], threading.Barrier(16), []

        def ask(number):
            wire = Wire(shared, token='root')
            gate.wait()
            got.append(wire.call('POST', 'sys/wrapping/' + ('unwrap' if number % 2 else 'rewrap'), {'token': token})[0])
            wire.close()

        threads = [threading.Thread(target=ask, args=(number,)) for number in range(16)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert sorted(got) == [200] + 15 * [400]


def test_it_survives_a_kill_and_stays_spent(server):
    kept, spent = wrap(server, {'n': 'kept'})['token'], wrap(server)['token']
    assert unwrap(server, spent).status == 200
    server.restart(kill=True)
    assert unwrap(server, spent).errors == [INVALID]
    assert unwrap(server, kept).data == {'n': 'kept'}


def test_nothing_of_it_is_in_the_store_in_clear(server):
    info = wrap(server, {'secret': 'canary-wrapped-value'})
    server.stop()
    for path in [server.log] + sorted(server.store.parent.iterdir()):
        content = path.read_bytes()
        for secret in (info['token'], 'canary-wrapped-value'):
            assert secret.encode() not in content, path
    server.start()


# ---- the audit log ----------------------------------------------------------

def hashed(server, text):
    return server.api().put('sys/audit-hash/file', {'input': text}).data['hash']


def test_the_lines_of_wrapping(server):
    """core-api 7.2."""
    path = server.enable_audit()
    got = server.api().post('auth/token/create', {'policies': ['default']}, headers=TTL)
    info = got.json['wrap_info']
    asked, told = audit.entries(path, request_path='auth/token/create')[-2:]
    assert (asked['request']['wrap_ttl'], told['request']['wrap_ttl']) == (120, 120)
    assert told['response'] == {'mount_type': 'token', 'wrap_info': {
        'ttl': 120, 'token': hashed(server, info['token']), 'accessor': hashed(server, info['accessor']),
        'creation_time': info['creation_time'], 'creation_path': 'auth/token/create',
        'wrapped_accessor': hashed(server, info['wrapped_accessor'])}}
    auth = unwrap(server, info['token']).json['auth']
    asked, told = audit.entries(path, request_path='sys/wrapping/unwrap')[-2:]
    assert asked['request']['data'] == {'token': hashed(server, info['token'])}
    assert told['response']['auth']['client_token'] == hashed(server, auth['client_token'])
    assert told['response']['auth']['accessor'] == hashed(server, auth['accessor'])
    assert info['token'] not in open(path).read() and auth['client_token'] not in open(path).read()


def test_an_unwrapped_answer_is_told_as_itself(server):
    path = server.enable_audit()
    got = server.api().put('ssh/creds/otp', {'ip': '10.1.2.3'}, headers=TTL)
    inner = unwrap(server, got.json['wrap_info']['token']).json
    told = audit.entries(path, 'response', 'sys/wrapping/unwrap')[-1]['response']
    assert told['secret'] == {'lease_id': inner['lease_id']}
    assert told['data']['key'] == hashed(server, inner['data']['key'])
    assert told['data']['port'] == hashed(server, '22')


@pytest.mark.parametrize('misuse, error', [
    (lambda server, token: unwrap(server, token), 'wrapping token was used before'),
    (lambda server, token: server.api(None).post('sys/wrapping/lookup', {'token': token}), 'wrapping token was used before'),
    (lambda server, token: server.api(token).post('sys/wrapping/unwrap'), INVALID),
    (lambda server, token: unwrap(server, 'hvs.' + 'A' * 24), INVALID)])


def test_misuse_shows(server, misuse, error):
    """A token that was intercepted: who has it comes second, or finds it looked at."""
    path = server.enable_audit()
    token = wrap(server)['token']
    assert unwrap(server, token).status == 200
    assert misuse(server, token).status == 400
    last = audit.entries(path)[-1]
    assert (last['type'], last['error']) == ('response', error)


def test_a_wrapping_token_used_elsewhere_shows(server):
    path = server.enable_audit()
    info = wrap(server)
    assert server.api(info['token']).get('ssh/roles/otp').status == 403
    last = audit.entries(path, 'response')[-1]
    assert last['auth']['policies'] == ['response-wrapping']
    assert last['auth']['accessor'] == hashed(server, info['accessor'])
    assert last['error'] == DENIED


# ---- sealed -----------------------------------------------------------------

@pytest.mark.parametrize('path', ['unwrap', 'lookup', 'rewrap'])
def test_sealed(path):
    server = Server(dev=False).start()
    try:
        token = wrap(server)['token']
        assert server.api().put('sys/seal').status == 204
        got = server.api(token).post(f'sys/wrapping/{path}')
        assert (got.status, got.errors) == (503, ['error validating wrapping token: Vault is sealed'])
    finally:
        server.clean()
