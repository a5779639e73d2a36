"""auth/token: create, look up, renew, revoke."""
import re
import threading
import time

import pytest

from support.server import Server, wait_for

WRAPPED = '1 error occurred:\n\t* %s\n\n'
CREATE = 'path "auth/token/create" { capabilities = ["create", "update"] }\n'
ORPHAN = 'path "auth/token/create-orphan" { capabilities = ["update"] }\n'
SUDO = 'path "auth/token/create" { capabilities = ["update", "sudo"] }\n'
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
    """Tokens with names for the tables below."""
    shared.api().put('sys/policies/acl/web', {'policy': SELF})
    limited = shared.token_with(CREATE, num_uses=50)
    return {'root': '', 'plain': shared.token_with(CREATE + ORPHAN + SELF),
            'sudo': shared.token_with(SUDO), 'limited': limited}


@pytest.mark.parametrize('caller, fields, text', [
    ('limited', {}, 'restricted use token cannot generate child tokens'),
    ('plain', {'id': 'mine'}, 'root or sudo privileges required to specify token id'),
    ('plain', {'no_parent': True}, 'root or sudo privileges required to create orphan token'),
    ('plain', {'period': '1h'}, 'root or sudo privileges required to create periodic token'),
    ('plain', {'policies': ['web']}, 'child policies must be subset of parent'),
    ('plain', {'policies': ['root']}, 'child policies must be subset of parent'),
    ('sudo', {'policies': ['root']}, 'root tokens may not be created without parent token being root'),
    ('sudo', {'policies': [' ROOT ']}, 'root tokens may not be created without parent token being root'),
    ('root', {'policies': ['response-wrapping']}, 'cannot assign policy "response-wrapping"'),
    ('root', {'policies': ['Response-Wrapping ']}, 'cannot assign policy "response-wrapping"'),
    ('root', {'id': 's.abc'}, "custom token ID cannot have the 's.' prefix"),
    ('root', {'id': 'hvs.abc'}, "custom token ID cannot have the 's.' prefix"),
    ('root', {'id': 'a.b'}, "custom token ID cannot have a '.' in the value"),
    ('root', {'type': 'odd'}, "invalid 'token_type' value"),
    ('root', {'num_uses': -1}, 'number of uses cannot be negative'),
    ('root', {'entity_alias': 'x'}, "'entity_alias' is only allowed in combination with token role")])
def test_what_create_refuses(shared, callers, caller, fields, text):
    """core-api 6.1, L04."""
    got = create(shared, callers[caller], **fields)
    assert (got.status, got.errors) == (400, [text])


@pytest.mark.parametrize('fields', [{'ttl': -5}, {'ttl': '-1h'}, {'ttl': 'soon'}, {'num_uses': 'x'},
                                    {'policies': {'a': 1}}, {'meta': 'x'}, {'renewable': 'maybe'}])
def test_a_wrong_type_is_400(shared, fields):
    assert create(shared, **fields).status == 400


def test_a_duplicate_id_is_refused(shared):
    assert made(shared, id='my-own-id')['client_token'] == 'my-own-id'
    got = create(shared, id='my-own-id')
    assert (got.status, got.errors) == (400, ['cannot create a token with a duplicate ID'])
    assert shared.api('my-own-id').get('sys/mounts').status == 200


def test_the_answer_of_create(shared):
    """core-api 6.1."""
    got = create(shared, policies=['web'], ttl='1h', display_name='ci x!', meta={'team': 'b'})
    auth = got.json['auth']
    assert got.json['data'] is None
    assert re.fullmatch(r'hvs\.[0-9A-Za-z]{24}', auth['client_token'])
    assert re.fullmatch('[0-9A-Za-z]{24}', auth['accessor'])
    assert {k: v for k, v in auth.items() if k not in ('client_token', 'accessor')} == {
        'policies': ['default', 'web'], 'token_policies': ['default', 'web'], 'metadata': {'team': 'b'},
        'lease_duration': 3600, 'renewable': True, 'entity_id': '', 'token_type': 'service', 'orphan': False}
    seen = lookup(shared, auth['client_token']).data
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z', seen['expire_time'])
    assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z', seen['issue_time'])
    assert 0 < seen['ttl'] <= 3600
    assert {k: v for k, v in seen.items() if k not in ('expire_time', 'issue_time', 'creation_time', 'ttl')} == {
        'id': auth['client_token'], 'accessor': auth['accessor'], 'policies': ['default', 'web'],
        'path': 'auth/token/create', 'meta': {'team': 'b'}, 'display_name': 'token-ci-x', 'num_uses': 0,
        'orphan': False, 'creation_ttl': 3600, 'explicit_max_ttl': 0, 'entity_id': '', 'type': 'service',
        'renewable': True}


@pytest.mark.parametrize('caller, fields, policies', [
    ('root', {}, ['root']),
    ('root', {'policies': []}, ['root']),
    ('root', {'policies': ['web', 'WEB', ' web ', 'apple']}, ['apple', 'default', 'web']),
    ('root', {'policies': ['web', 'root']}, ['root']),
    ('root', {'policies': ['web'], 'no_default_policy': True}, ['web']),
    ('root', {'policies': 'web,ops'}, ['default', 'web,ops']),
    ('sudo', {'policies': ['web']}, ['default', 'web'])])
def test_the_policies_of_a_new_token(shared, callers, caller, fields, policies):
    assert made(shared, callers[caller], **fields)['policies'] == policies


def test_a_child_inherits_and_default_needs_the_parent(shared, callers):
    mine = lookup(shared, callers['plain']).data['policies']
    assert made(shared, callers['plain'])['policies'] == mine
    assert made(shared, callers['plain'], policies=mine)['policies'] == mine
    both = shared.token_with(CREATE, no_default_policy=False)
    policies = lookup(shared, both).data['policies']
    assert made(shared, both, policies=[policies[1]])['policies'] == policies


def test_a_missing_policy_warns(shared):
    got = create(shared, policies=['nowhere'])
    assert 'Policy "nowhere" does not exist' in got.json['warnings']


def test_a_root_token_never_ends(shared):
    auth = made(shared)
    assert (auth['lease_duration'], auth['renewable']) == (0, False)
    seen = lookup(shared, auth['client_token']).data
    assert (seen['expire_time'], seen['ttl'], seen['creation_ttl'], seen['renewable']) == (None, 0, 0, False)
    seen = shared.api().get('auth/token/lookup-self').data
    assert (seen['renewable'], seen['orphan'], seen['path']) == (False, True, 'auth/token/root')


def test_an_ending_root_token_makes_no_endless_one(shared):
    short = made(shared, ttl='1h')['client_token']
    got = create(shared, short)
    assert got.errors == ['expiring root tokens cannot create non-expiring root tokens']
    assert made(shared, short, ttl='30m')['lease_duration'] == 1800


def test_what_the_command_line_sends_for_unset(shared):
    """core-api 6.1: "0s" and 0 are "not given"."""
    auth = made(shared, policies=['web'], ttl='0s', period='0s', explicit_max_ttl='0s', num_uses=0, renewable=True,
                type='service', display_name='', no_parent=False, no_default_policy=False, meta=None, entity_alias='')
    assert auth['lease_duration'] == 2764800


# ---- uses -------------------------------------------------------------------

def test_uses_are_counted_denied_ones_too(shared):
    """core-api 6.1: every authenticated request."""
    token = made(shared, policies=['web'], num_uses=4)['client_token']
    assert shared.api(token).get('auth/token/lookup-self').data['num_uses'] == 3
    assert shared.api(token).get('sys/mounts').status == 403
    assert lookup(shared, token).data['num_uses'] == 2
    assert shared.api(token).get('sys/nosuch').status in (403, 404)
    assert shared.api(token).get('auth/token/lookup-self').status == 200
    assert is_dead(shared, token)
    assert lookup(shared, token).errors == ['bad token']


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


def test_create_orphan_needs_no_sudo(shared, callers):
    auth = made(shared, callers['plain'], path='auth/token/create-orphan')
    assert auth['orphan'] is True
    assert lookup(shared, auth['client_token']).data['orphan'] is True


def test_revoke_orphan_frees_the_children(shared):
    parent = made(shared, ttl='1h')['client_token']
    child = made(shared, parent, ttl='1h')['client_token']
    assert shared.api().post('auth/token/revoke-orphan', {'token': parent}).status == 204
    assert is_dead(shared, parent)
    assert lookup(shared, child).data['orphan'] is True
    got = shared.api().post('auth/token/revoke-orphan', {'token': parent})
    assert (got.status, got.errors) == (400, ['token to revoke not found'])


def test_revoke_orphan_needs_sudo(shared):
    token = shared.token_with('path "auth/token/revoke-orphan" { capabilities = ["update"] }')
    got = shared.api(token).post('auth/token/revoke-orphan', {'token': made(shared)['client_token']})
    assert (got.status, got.errors) == (400, ['root or sudo privileges required to revoke and orphan'])


def test_revoking_twice_is_204(shared):
    token = made(shared, ttl='1h')['client_token']
    for _ in range(2):
        assert shared.api().post('auth/token/revoke', {'token': token}).status == 204
    assert shared.api().post('auth/token/revoke', {'token': 'never-was'}).status == 204
    assert shared.api().post('auth/token/revoke', {}).status == 400


def test_revoke_self(shared):
    token = made(shared, policies=['default'])['client_token']
    assert shared.api(token).put('auth/token/revoke-self').status == 204
    assert is_dead(shared, token)


# ---- look-up ----------------------------------------------------------------

def test_lookup_in_all_its_forms(shared):
    auth = made(shared, policies=['web'], ttl='1h')
    token, api = auth['client_token'], shared.api()
    assert api.get(f'auth/token/lookup?token={token}').data['id'] == token
    assert shared.api(token).get('auth/token/lookup-self').data['id'] == token
    assert api.post('auth/token/lookup', {}).data['policies'] == ['root']
    assert api.post('auth/token/lookup-self').data['id'] == 'root'
    seen = api.post('auth/token/lookup-accessor', {'accessor': auth['accessor']}).data
    assert (seen['id'], seen['accessor']) == ('', auth['accessor'])
    assert lookup(shared, 'unknown').status == 403
    assert lookup(shared, 'unknown').errors == ['bad token']


@pytest.mark.parametrize('path', ['lookup-accessor', 'renew-accessor', 'revoke-accessor'])
@pytest.mark.parametrize('accessor, text', [('', 'missing accessor'), ('x' * 24, 'invalid accessor'),
                                            ('short', 'invalid accessor')])
def test_accessor_refusals_are_wrapped(shared, path, accessor, text):
    got = shared.api().post(f'auth/token/{path}', {'accessor': accessor})
    assert (got.status, got.errors) == (400, [WRAPPED % text])


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

def test_renewal_counts_from_now(shared):
    auth = made(shared, policies=['default'], ttl='1h')
    token, api = auth['client_token'], shared.api()
    got = api.post('auth/token/renew', {'token': token, 'increment': '2h'}).json['auth']
    assert got['lease_duration'] == 7200
    assert got['client_token'] == token
    assert shared.api(token).put('auth/token/renew-self', {}).json['auth']['lease_duration'] == 7200
    assert shared.api(token).put('auth/token/renew-self', {'increment': 60}).json['auth']['lease_duration'] == 60
    got = api.put('auth/token/renew-accessor', {'accessor': auth['accessor'], 'increment': '30m'}).json['auth']
    assert (got['client_token'], got['lease_duration']) == ('', 1800)
    seen = lookup(shared, token).data
    assert (seen['last_renewal_time'] >= seen['creation_time'], seen['creation_ttl']) == (True, 3600)
    assert 'last_renewal' in seen


def test_a_renewal_is_capped_with_a_warning(shared):
    """core-api 5.3."""
    begun = time.monotonic()
    got = create(shared, policies=['default'], ttl='1h', explicit_max_ttl='90m')
    token = got.json['auth']['client_token']
    got = shared.api(token).put('auth/token/renew-self', {'increment': '10h'}).json
    assert 5400 - (time.monotonic() - begun) - 2 <= got['auth']['lease_duration'] <= 5400
    assert got['warnings'] == [
        'TTL of "10h" exceeded the effective max_ttl of "1h30m"; TTL value is capped accordingly']


def test_a_creation_is_capped_with_a_warning(shared):
    got = create(shared, policies=['default'], ttl='1000h').json
    assert got['auth']['lease_duration'] == 2764800
    assert got['warnings'] == ['TTL of "1000h" exceeded the effective max_ttl of "768h"; TTL value is capped accordingly']
    got = create(shared, policies=['default'], ttl='2h', explicit_max_ttl='1h').json
    assert got['auth']['lease_duration'] == 3600
    assert lookup(shared, got['auth']['client_token']).data['explicit_max_ttl'] == 3600


def test_a_periodic_token_renews_to_its_period(shared):
    auth = made(shared, policies=['default'], period='1h')
    assert auth['lease_duration'] == 3600
    api = shared.api(auth['client_token'])
    assert api.put('auth/token/renew-self', {'increment': '9h'}).json['auth']['lease_duration'] == 3600
    assert lookup(shared, auth['client_token']).data['period'] == 3600
    auth = made(shared, policies=['default'], period='1h', explicit_max_ttl='30m')
    assert auth['lease_duration'] == 1800


@pytest.mark.parametrize('fields', [{'renewable': False, 'ttl': '1h', 'policies': ['default']}, {}])
def test_what_is_not_renewable(shared, fields):
    token = made(shared, **fields)['client_token']
    got = shared.api().post('auth/token/renew', {'token': token})
    assert (got.status, got.errors) == (400, ['lease is not renewable'])


def test_renewals_that_name_no_token(shared):
    assert shared.api().post('auth/token/renew', {'token': 'gone'}).errors == ['token not found']
    assert shared.api().post('auth/token/renew', {}).status == 400


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
