"""Batch tokens: sealed in their own text, without a row (core-api 6.1)."""
import base64
import sqlite3

import pytest

from support import audit
from support.good import fresh
from support.server import wait_for
from support.wire import Wire

CREDS = 'path "ssh/creds/otp" { capabilities = ["update"] }'


def policy(server, text):
    name = fresh('batch')
    assert server.api().put(f'sys/policies/acl/{name}', {'policy': text}).status == 204
    return name


def create(server, token='', path='auth/token/create', **fields):
    return server.api(token).post(path, {'type': 'batch', 'policies': ['default'], **fields})


def made(server, token='', path='auth/token/create', **fields):
    got = create(server, token, path, **fields)
    assert got.status == 200, got
    return got.json['auth']


def is_dead(server, token):
    got = server.api(token).get('auth/token/lookup-self')
    return got.status == 403 and got.errors == ['permission denied']


def rows(server):
    with sqlite3.connect(f'file:{server.store}?mode=ro', uri=True) as db:
        return db.execute("select count(*) from kv where hex(key) like '726F772F%'").fetchone()[0]


@pytest.fixture(scope='module')
def parent(shared):
    return shared.token_with('path "auth/token/create*" { capabilities = ["update"] }', no_default_policy=False)


def test_it_has_no_row(server):
    before = rows(server), server.api().list('auth/token/accessors').data['keys']
    for _ in range(5):
        made(server)
    assert (rows(server), server.api().list('auth/token/accessors').data['keys']) == before


def test_it_may_what_its_policies_say(shared):
    token = made(shared, policies=[policy(shared, CREDS)])['client_token']
    assert shared.api(token).put('ssh/creds/otp', {'ip': '10.1.2.3'}).status == 200
    assert shared.api(token).get('ssh/roles/otp').status == 403
    got = shared.api().post('sys/capabilities', {'token': token, 'paths': ['ssh/creds/otp']})
    assert got.data['ssh/creds/otp'] == ['update']


# ---- its end ----------------------------------------------------------------

def test_it_ends_with_its_time(shared):
    token = made(shared, ttl='1s')['client_token']
    wait_for(lambda: is_dead(shared, token), 'the token ends')
    assert shared.api().post('auth/token/lookup', {'token': token}).errors == ['bad token']


def test_a_child_ends_with_its_parent(shared, parent):
    mother = shared.api(parent).post('auth/token/create', {'ttl': '1h'}).json['auth']['client_token']
    child, orphan = made(shared, mother), made(shared, mother, path='auth/token/create-orphan')
    assert (child['orphan'], orphan['orphan']) == (False, True)
    assert not is_dead(shared, child['client_token'])
    assert shared.api().post('auth/token/revoke', {'token': mother}).status == 204
    assert is_dead(shared, child['client_token'])
    assert not is_dead(shared, orphan['client_token'])


def test_it_outlives_a_restart_and_a_rotation(server):
    token = made(server)['client_token']
    server.restart(kill=True)
    assert not is_dead(server, token)


def test_nothing_else_is_taken_for_one(shared):
    token = made(shared)['client_token']
    raw = bytearray(base64.urlsafe_b64decode(token[4:] + '=' * (-len(token[4:]) % 4)))
    for at in range(0, len(raw), 7):
        forged = bytearray(raw)
        forged[at] ^= 1
        text = 'hvb.' + base64.urlsafe_b64encode(bytes(forged)).decode().rstrip('=')
        assert is_dead(shared, text), at
    for text in ('hvb.', 'hvb.AAAA', token[:-1], token + 'A', token + '=', 'hvs.' + token[4:], 'HVB.' + token[4:], token[4:]):
        assert is_dead(shared, text), text


# ---- its leases -------------------------------------------------------------

def test_a_lease_ends_with_the_batch_token(shared):
    """No row is there to take it back: it is as short as the token."""
    token = made(shared, policies=[policy(shared, CREDS)], ttl='60s')['client_token']
    got = shared.otp(token=token)
    assert 0 < got['lease_duration'] <= 60
    assert shared.otp()['lease_duration'] == 600


def test_a_lease_ends_with_the_parent(shared, parent):
    name = policy(shared, CREDS)
    mother = shared.token_with(CREDS + '\npath "auth/token/create" { capabilities = ["update"] }')
    child = shared.api(mother).post('auth/token/create', {'type': 'batch'}).json['auth']['client_token']
    orphan = made(shared, policies=[name], no_parent=True)['client_token']
    mine, free = shared.otp(token=child), shared.otp(token=orphan)
    assert shared.api().post('auth/token/revoke', {'token': mother}).status == 204
    assert shared.api(None).put('ssh/verify', {'otp': mine['data']['key']}).status == 400
    assert shared.api(None).put('ssh/verify', {'otp': free['data']['key']}).status == 200


# ---- addresses, roles, wrapping, the log ------------------------------------

def role(server, **fields):
    name = fresh('role')
    got = server.api().post(f'auth/token/roles/{name}', {'allowed_policies': 'default', **fields})
    assert got.status == 204, got
    return name


BATCH = {'token_type': 'batch', 'orphan': True, 'renewable': False}


@pytest.mark.parametrize('fields, asked, kind', [
    (BATCH, '', 'batch'), (BATCH, 'service', 'batch'), ({'token_type': 'service'}, 'batch', 'service'),
    ({'token_type': 'default-service'}, '', 'service'), ({'token_type': 'default-service'}, 'batch', 'batch'),
    ({'token_type': 'default-batch'}, '', 'batch'), ({'token_type': 'default-batch'}, 'service', 'service')])


def test_the_role_decides_or_the_maker(shared, fields, asked, kind):
    auth = made(shared, path=f'auth/token/create/{role(shared, **fields)}', type=asked)
    assert auth['token_type'] == kind
    assert auth['client_token'].startswith('hvb.' if kind == 'batch' else 'hvs.')


@pytest.mark.parametrize('fields, text', [({'token_num_uses': 2}, 'num_uses'), ({'token_period': 60}, 'period'),
                                          ({'token_explicit_max_ttl': 60}, 'explicit_max_ttl')])


def test_a_role_may_make_it_impossible(shared, fields, text):
    got = create(shared, path=f'auth/token/create/{role(shared, **fields)}')
    assert (got.status, got.errors) == (400, [f'batch tokens cannot have "{text}" set'])


def test_it_is_bound_to_addresses(shared):
    token = made(shared, path=f'auth/token/create/{role(shared, token_bound_cidrs="127.0.0.8/29", **BATCH)}')['client_token']
    for source, status in (('127.0.0.9', 200), ('127.0.0.1', 403)):
        wire = Wire(shared, token=token, source=source)
        assert wire.call('GET', 'auth/token/lookup-self')[0] == status
        wire.close()


def test_it_is_wrapped(shared):
    got = shared.api().post('auth/token/create', {'type': 'batch', 'policies': ['default']}, headers={'X-Vault-Wrap-TTL': '1m'})
    info = got.json['wrap_info']
    assert 'wrapped_accessor' not in info
    token = shared.api(info['token']).post('sys/wrapping/unwrap').json['auth']['client_token']
    assert not is_dead(shared, token)
    got = shared.api(token).post('sys/wrapping/wrap', {'a': 'b'}, headers={'X-Vault-Wrap-TTL': '1m'})
    assert shared.api(token).post('sys/wrapping/unwrap', {'token': got.json['wrap_info']['token']}).data == {'a': 'b'}


def test_how_it_stands_in_the_log(server):
    path = server.enable_audit()
    token = made(server, ttl='1h')['client_token']
    server.api(token).get('auth/token/lookup-self')
    made_line = audit.entries(path, 'response', 'auth/token/create')[-1]['response']['auth']
    assert (made_line['token_type'], 'accessor' in made_line) == ('batch', False)
    used = audit.entries(path, 'request', 'auth/token/lookup-self')[-1]
    assert (used['auth']['token_type'], 'accessor' in used['auth']) == ('batch', False)
    assert used['auth']['token_ttl'] == 3600
    assert token not in open(path).read() and token[4:] not in open(path).read()


# ---- logins -----------------------------------------------------------------

def login(server, mount, **fields):
    name = fresh('bob')
    got = server.api().post(f'auth/{mount}/users/{name}', {'password': 'right', **fields})
    assert got.status == 204, got
    return server.api(None).post(f'auth/{mount}/login/{name}', {'password': 'right'})


@pytest.mark.parametrize('mount, user, kind', [
    ('', '', 'service'), ('', 'batch', 'batch'), ('default-service', 'batch', 'batch'), ('default-batch', '', 'batch'),
    ('default-batch', 'service', 'service'), ('service', 'batch', 'service'), ('batch', 'service', 'batch'), ('batch', '', 'batch')])


def test_mount_and_user_decide(shared, mount, user, kind):
    name = fresh('method')
    config = {'token_type': mount} if mount else {}
    assert shared.api().post(f'sys/auth/{name}', {'type': 'userpass', 'config': config}).status == 204
    auth = login(shared, name, **({'token_type': user} if user else {})).json['auth']
    assert auth['token_type'] == kind
    assert bool(auth['accessor']) == (kind == 'service')
    seen = shared.api(auth['client_token']).get('auth/token/lookup-self').data
    assert (seen['type'], seen['orphan'], seen['entity_id'] != '') == (kind, True, True)
    assert seen['entity_id'] == auth['entity_id']


def test_a_mount_of_batch_tokens_refuses_what_they_cannot_have(shared):
    name = fresh('method')
    assert shared.api().post(f'sys/auth/{name}', {'type': 'userpass', 'config': {'token_type': 'batch'}}).status == 204
    got = login(shared, name, token_num_uses=2)
    assert (got.status, got.errors) == (400, ['batch tokens cannot have "num_uses" set'])


def test_accessors_of_logins_are_listed(shared):
    """Their rows stand under the mount that made them."""
    name = fresh('method')
    assert shared.api().post(f'sys/auth/{name}', {'type': 'userpass'}).status == 204
    auth = login(shared, name).json['auth']
    assert auth['accessor'] in shared.api().list('auth/token/accessors').data['keys']
    assert shared.api().post('auth/token/revoke-accessor', {'accessor': auth['accessor']}).status == 204
    assert auth['accessor'] not in shared.api().list('auth/token/accessors').data['keys']


def test_an_entity_alias_of_a_token_role(shared):
    """core-api 6.1: the token belongs to the entity of that name."""
    name = role(shared, allowed_entity_aliases='web-*')
    auth = made(shared, path=f'auth/token/create/{name}', type='service', entity_alias='web-1')
    again = made(shared, path=f'auth/token/create/{name}', type='service', entity_alias='web-1')
    other = made(shared, path=f'auth/token/create/{name}', type='batch', entity_alias='web-2')
    assert auth['entity_id'] != '' and auth['entity_id'] == again['entity_id'] != other['entity_id'] != ''
    got = create(shared, path=f'auth/token/create/{name}', entity_alias='db-1')
    assert (got.status, got.errors) == (400, ["invalid 'entity_alias' value"])
