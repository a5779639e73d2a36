"""auth/token: create, look up, renew, revoke."""
import threading

import pytest

from support.server import wait_for

CREATE = 'path "auth/token/create" { capabilities = ["create", "update"] }\n'
ORPHAN = 'path "auth/token/create-orphan" { capabilities = ["update"] }\n'
SELF = ('path "auth/token/lookup-self" { capabilities = ["read"] }\n'
        'path "auth/token/renew-self" { capabilities = ["update"] }\n'
        'path "auth/token/revoke-self" { capabilities = ["update"] }\n')


def create(server, token='', path='auth/token/create', **fields):
    return server.api(token).post(path, fields)


def made(server, token='', path='auth/token/create', **fields):
    got = create(server, token, path, **fields)
    assert got.status == 200, got
    return got.json['auth']


def lookup(server, token):
    return server.api().post('auth/token/lookup', {'token': token})


def is_dead(server, token):
    got = server.api(token).get('auth/token/lookup-self')
    return got.status == 403 and got.errors == ['permission denied']


@pytest.fixture(scope='module')
def callers(shared):
    shared.api().put('sys/policies/acl/web', {'policy': SELF})
    return {'plain': shared.token_with(CREATE + ORPHAN + SELF)}


def test_a_child_inherits_and_default_needs_the_parent(shared, callers):
    mine = lookup(shared, callers['plain']).data['policies']
    assert made(shared, callers['plain'])['policies'] == mine
    assert made(shared, callers['plain'], policies=mine)['policies'] == mine
    both = shared.token_with(CREATE, no_default_policy=False)
    policies = lookup(shared, both).data['policies']
    assert made(shared, both, policies=[policies[1]])['policies'] == policies


# ---- uses -------------------------------------------------------------------

def test_uses_in_parallel_never_exceed_the_number(shared):
    """num_uses under concurrency: n uses are n answers."""
    token = made(shared, policies=['web'], num_uses=10)['client_token']
    gate = threading.Barrier(40)
    got = []

    def ask():
        gate.wait()
        got.append(shared.api(token).get('auth/token/lookup-self').status)

    threads = [threading.Thread(target=ask) for _ in range(40)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(got) == 10 * [200] + 30 * [403]


def test_the_last_use_ends_leases_of_the_token(shared):
    """A used-up token takes its leases along (core-api 5.3)."""
    token = shared.token_with('path "ssh/creds/otp" { capabilities = ["update"] }', num_uses=2)
    otp = shared.otp(token=token)
    shared.api(token).get('sys/mounts')
    assert is_dead(shared, token)
    assert shared.api(None).put('ssh/verify', {'otp': otp['data']['key']}).status == 400


# ---- trees ------------------------------------------------------------------

def test_children_die_with_their_parent(shared, callers):
    parent = made(shared, ttl='1h')['client_token']
    child = made(shared, parent, ttl='1h')['client_token']
    grandchild = made(shared, child, ttl='1h')['client_token']
    orphan = made(shared, child, path='auth/token/create-orphan', ttl='1h')
    free = made(shared, child, no_parent=True, ttl='1h')
    assert (orphan['orphan'], free['orphan']) == (True, True)
    otp = shared.otp(token=grandchild)
    assert shared.api().post('auth/token/revoke', {'token': parent}).status == 204
    for one in (parent, child, grandchild):
        assert is_dead(shared, one)
    for one in (orphan, free):
        assert not is_dead(shared, one['client_token'])
    assert shared.api(None).put('ssh/verify', {'otp': otp['data']['key']}).status == 400
    assert shared.api().put('sys/leases/lookup', {'lease_id': otp['lease_id']}).status == 400


# ---- look-up ----------------------------------------------------------------

def test_accessors_are_listed_and_revoke(shared):
    auth = made(shared, policies=['web'], ttl='1h')
    for got in (shared.api().list('auth/token/accessors'), shared.api().get('auth/token/accessors/?list=true')):
        assert auth['accessor'] in got.data['keys']
    assert shared.api().post('auth/token/revoke-accessor', {'accessor': auth['accessor']}).status == 204
    assert auth['accessor'] not in shared.api().list('auth/token/accessors').data['keys']
    assert is_dead(shared, auth['client_token'])


def test_an_accessor_is_no_token(shared):
    """L10."""
    auth = made(shared)
    assert is_dead(shared, auth['accessor'])


# ---- renewal ----------------------------------------------------------------

def test_a_token_expires(shared):
    auth = made(shared, policies=['default'], ttl='1s')
    wait_for(lambda: is_dead(shared, auth['client_token']), 'the token ends')
    parent = made(shared, ttl='1h')['client_token']
    child = made(shared, parent, ttl='1h')['client_token']
    got = shared.api().post('auth/token/renew', {'token': parent, 'increment': '1s'})
    assert (got.status, got.json['auth']['lease_duration']) == (200, 1)
    wait_for(lambda: is_dead(shared, child), 'a child ends with its parent')
    assert is_dead(shared, parent)


def test_tokens_are_never_in_the_store_or_the_log(server):
    """core-api 6.1: ids are stored hashed only; neither OTPs (S2-3, G-5)."""
    token = made(server, id='canary-token-id-0123456789', policies=['web'])['client_token']
    usual = made(server)['client_token']
    otp = server.otp(token=usual)['data']['key']
    server.stop()
    for path in [server.log] + sorted(server.store.parent.iterdir()):
        content = path.read_bytes()
        for secret in (token, usual, otp):
            assert secret.encode() not in content, path
    server.start()
    assert not is_dead(server, usual)
