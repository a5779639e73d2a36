"""Token roles: roles/:role_name and create/:role_name (core-api 6.1)."""
import pytest

from support.good import fresh
from support.server import wait_for
from support.wire import Wire

WRAPPED = '1 error occurred:\n\t* %s\n\n'
SUFFIX = 'given role path suffix contains invalid characters; must match \\w[\\w-.]+\\w'
NO_BATCH = "'token_type' cannot be 'batch' when role is set to generate "


def write(server, name=None, **fields):
    name = name or fresh('role')
    got = server.api().post(f'auth/token/roles/{name}', fields)
    assert got.status == 204, got
    return name


def read(server, name):
    return server.api().get(f'auth/token/roles/{name}').data


def make(server, role, token='', **fields):
    return server.api(token).post(f'auth/token/create/{role}', fields)


def made(server, role, token='', **fields):
    got = make(server, role, token, **fields)
    assert got.status == 200, got
    return got.json['auth']


def lookup(server, token):
    return server.api().post('auth/token/lookup', {'token': token}).data


def maker(server, role, **fields):
    return server.token_with(f'path "auth/token/create/{role}" {{ capabilities = ["update"] }}', **fields)


# ---- the record -------------------------------------------------------------

def test_the_defaults_of_a_role(shared):
    name = write(shared)
    assert read(shared, name) == {
        'name': name, 'allowed_policies': [], 'disallowed_policies': [], 'allowed_entity_aliases': None, 'orphan': False,
        'path_suffix': '', 'renewable': True, 'period': 0, 'explicit_max_ttl': 0, 'token_period': 0,
        'token_explicit_max_ttl': 0, 'token_type': 'default-service'}


@pytest.mark.parametrize('sent, shown', [
    ({'allowed_policies': ' Web,apple,web'}, {'allowed_policies': ['apple', 'web']}),
    ({'disallowed_policies': ['ROOT']}, {'disallowed_policies': ['root']}),
    ({'allowed_policies_glob': ['ci-*']}, {'allowed_policies_glob': ['ci-*']}),
    ({'token_period': '1h'}, {'token_period': 3600, 'period': 0}),
    ({'period': '1h'}, {'token_period': 3600, 'period': 3600}),
    ({'explicit_max_ttl': 60}, {'token_explicit_max_ttl': 60, 'explicit_max_ttl': 60}),
    ({'token_explicit_max_ttl': 60}, {'token_explicit_max_ttl': 60, 'explicit_max_ttl': 0}),
    ({'bound_cidrs': '10.0.0.0/8,127.0.0.1/32'}, {'bound_cidrs': ['10.0.0.0/8', '127.0.0.1'],
                                                  'token_bound_cidrs': ['10.0.0.0/8', '127.0.0.1']}),
    ({'token_bound_cidrs': '10.0.0.0/8'}, {'token_bound_cidrs': ['10.0.0.0/8']}),
    ({'token_num_uses': 3}, {'token_num_uses': 3}),
    ({'path_suffix': 'v-1.2'}, {'path_suffix': 'v-1.2'}),
    ({'orphan': True, 'renewable': False, 'token_type': 'batch'}, {'orphan': True, 'renewable': False, 'token_type': 'batch'}),
    ({'allowed_entity_aliases': ['web-*']}, {'allowed_entity_aliases': ['web-*']})])
def test_what_a_write_leaves(shared, sent, shown):
    seen = read(shared, write(shared, **sent))
    assert {key: seen.get(key) for key in shown} == shown
    assert 'token_no_default_policy' not in seen
    for key in ('token_bound_cidrs', 'bound_cidrs', 'token_num_uses'):
        assert (key in seen) == (key in shown)


@pytest.mark.parametrize('sent, text', [
    ({'path_suffix': 'a/b'}, SUFFIX), ({'path_suffix': '-ab'}, SUFFIX), ({'path_suffix': 'ab'}, SUFFIX),
    ({'token_type': 'odd'}, 'invalid \'token_type\' value "odd"'),
    ({'token_type': 'batch'}, NO_BATCH + 'non-orphan tokens'),
    ({'token_type': 'batch', 'orphan': True, 'token_period': 60}, NO_BATCH + 'periodic tokens'),
    ({'token_type': 'batch', 'orphan': True}, NO_BATCH + 'renewable tokens'),
    ({'token_type': 'batch', 'orphan': True, 'renewable': False, 'explicit_max_ttl': 60},
     NO_BATCH + 'tokens with an explicit max TTL'),
    ({'token_type': 'batch', 'orphan': True, 'renewable': False, 'token_num_uses': 1},
     NO_BATCH + 'tokens with limited use count'),
    ({'token_num_uses': -1}, "'token_num_uses' cannot be negative"),
    ({'token_bound_cidrs': 'x'}, '"x" in \'token_bound_cidrs\' is no CIDR block, such as 10.0.0.0/8')])
def test_what_a_write_refuses(shared, sent, text):
    name = fresh('role')
    got = shared.api().post(f'auth/token/roles/{name}', sent)
    assert (got.status, got.errors) == (400, [text])
    assert shared.api().get(f'auth/token/roles/{name}').status == 404


def test_a_write_changes_what_was_sent(shared):
    name = write(shared, allowed_policies='web', period='1h', path_suffix='one')
    write(shared, name, path_suffix='two')
    seen = read(shared, name)
    assert (seen['allowed_policies'], seen['period'], seen['path_suffix']) == (['web'], 3600, 'two')
    write(shared, name, token_period='2h')
    assert (read(shared, name)['period'], read(shared, name)['token_period']) == (0, 7200)


def test_roles_are_listed_and_deleted(shared):
    name = write(shared)
    assert name in shared.api().list('auth/token/roles').data['keys']
    for _ in range(2):
        assert shared.api().delete(f'auth/token/roles/{name}').status == 204
    assert shared.api().get(f'auth/token/roles/{name}').status == 404


def test_a_new_role_needs_create(shared):
    """core-api 4.3."""
    one, two = fresh('role'), write(shared)
    token = shared.token_with('path "auth/token/roles/*" { capabilities = ["update"] }')
    assert shared.api(token).post(f'auth/token/roles/{one}', {}).status == 403
    assert shared.api(token).post(f'auth/token/roles/{two}', {}).status == 204
    token = shared.token_with('path "auth/token/roles/*" { capabilities = ["create"] }')
    assert shared.api(token).post(f'auth/token/roles/{one}', {}).status == 204


# ---- policies ---------------------------------------------------------------

ANY = object()


@pytest.mark.parametrize('role, asked, policies', [
    ({'allowed_policies': 'web,ops'}, None, ['default', 'ops', 'web']),
    ({'allowed_policies': 'web,ops'}, ['web'], ['default', 'web']),
    ({'allowed_policies': 'web', 'token_no_default_policy': True}, None, ['web']),
    ({'allowed_policies': 'web', 'disallowed_policies': 'default'}, None, ['web']),
    ({'allowed_policies_glob': 'ci-*'}, ['ci-a', 'ci-b'], ['ci-a', 'ci-b', 'default']),
    ({'allowed_policies_glob': 'ci-*', 'allowed_policies': 'web'}, ['ci-a', 'web'], ['ci-a', 'default', 'web']),
    ({'disallowed_policies': 'ops'}, ['web'], ['default', 'web'])])
def test_the_role_says_which_policies(shared, role, asked, policies):
    """A maker without rights of its own gets what the role allows."""
    name = write(shared, **role)
    fields = {} if asked is None else {'policies': asked}
    assert made(shared, name, maker(shared, name), **fields)['policies'] == policies


@pytest.mark.parametrize('role, asked, text', [
    ({'allowed_policies': 'a', 'token_no_default_policy': True}, ['a', 'b'],
     'token policies (["a" "b"]) must be subset of the role\'s allowed policies (["a"])'),
    ({'allowed_policies_glob': 'ci-*', 'token_no_default_policy': True}, ['web'],
     'token policies (["web"]) must be subset of the role\'s allowed policies ([])'),
    ({'disallowed_policies': 'ops'}, ['OPS'], 'token policy "ops" is disallowed by this role'),
    ({'disallowed_policies_glob': 'op*'}, ['ops'], 'token policy "ops" is disallowed by this role'),
    ({'allowed_policies': 'root'}, ['root'], 'root tokens may not be created without parent token being root'),
    ({'allowed_policies': 'root'}, [' Root'], 'root tokens may not be created without parent token being root'),
    ({'allowed_policies': 'response-wrapping'}, None, 'cannot assign policy "response-wrapping"'),
    ({}, ['web'], 'child policies must be subset of parent'),
    ({'allowed_entity_aliases': 'web-*'}, ANY, "invalid 'entity_alias' value")])
def test_what_the_role_does_not_allow(shared, role, asked, text):
    name = write(shared, **role)
    fields = {'entity_alias': 'db-1'} if asked is ANY else {} if asked is None else {'policies': asked}
    got = make(shared, name, maker(shared, name), **fields)
    assert (got.status, got.errors) == (400, [text])


def test_an_unknown_role(shared):
    got = make(shared, 'nowhere')
    assert (got.status, got.errors) == (400, ['unknown role nowhere'])


# ---- the token --------------------------------------------------------------

def test_a_token_says_who_made_it(shared):
    plain, suffixed = write(shared, allowed_policies='web'), write(shared, allowed_policies='web', path_suffix='v-2')
    seen = lookup(shared, made(shared, plain, period='1h')['client_token'])
    assert (seen['role'], seen['path']) == (plain, f'auth/token/create/{plain}')
    token = made(shared, suffixed)['client_token']
    assert lookup(shared, token)['path'] == f'auth/token/create/{suffixed}/v-2'
    assert shared.api().put(f'sys/leases/revoke-prefix/auth/token/create/{suffixed}/v-2').status == 204
    assert shared.api(token).get('auth/token/lookup-self').status == 403


def test_an_orphan_outlives_its_maker(shared):
    child, orphan = write(shared, allowed_policies='default'), write(shared, allowed_policies='default', orphan=True)
    token = shared.token_with('path "auth/token/create/*" { capabilities = ["update"] }')
    one, two = made(shared, child, token), made(shared, orphan, token)
    assert (one['orphan'], two['orphan']) == (False, True)
    assert shared.api().post('auth/token/revoke', {'token': token}).status == 204
    assert shared.api(one['client_token']).get('auth/token/lookup-self').status == 403
    assert shared.api(two['client_token']).get('auth/token/lookup-self').status == 200


@pytest.mark.parametrize('role, asked, uses', [(3, 0, 3), (3, 2, 2), (3, 9, 3), (0, 2, 2), (0, 0, 0)])
def test_uses_are_the_smaller_number(shared, role, asked, uses):
    name = write(shared, allowed_policies='default', token_num_uses=role)
    assert lookup(shared, made(shared, name, num_uses=asked)['client_token'])['num_uses'] == uses


@pytest.mark.parametrize('role, asked, ttl', [
    ({'token_period': 60}, {}, 60), ({'token_period': 60}, {'period': 30}, 30), ({'token_period': 60}, {'period': 90}, 60),
    ({'token_explicit_max_ttl': 60}, {'ttl': '1h'}, 60),
    ({'token_explicit_max_ttl': 60}, {'ttl': '1h', 'explicit_max_ttl': 30}, 30),
    ({'token_period': 90, 'token_explicit_max_ttl': 60}, {}, 60)])
def test_lifetimes_are_the_smaller_ones(shared, role, asked, ttl):
    name = write(shared, allowed_policies='default', **role)
    auth = made(shared, name, **asked)
    seen = lookup(shared, auth['client_token'])
    assert auth['lease_duration'] == ttl
    assert (seen['explicit_max_ttl'], seen.get('period', 0)) == (asked.get('explicit_max_ttl', 0), asked.get('period', 0))


def test_no_renewal_where_the_role_says_so(shared):
    name = write(shared, allowed_policies='default', renewable=False)
    auth = made(shared, name, renewable=True)
    assert auth['renewable'] is False
    assert shared.api(auth['client_token']).put('auth/token/renew-self', {}).errors == ['lease is not renewable']


def test_a_role_is_read_again_at_each_renewal(shared):
    name = write(shared, allowed_policies='default', token_period='1h')
    api = shared.api(made(shared, name)['client_token'])
    assert api.put('auth/token/renew-self', {'increment': 5}).json['auth']['lease_duration'] == 3600
    write(shared, name, token_period='2h')
    assert api.put('auth/token/renew-self', {}).json['auth']['lease_duration'] == 7200
    write(shared, name, token_period=0, token_explicit_max_ttl='30m')
    got = api.put('auth/token/renew-self', {'increment': '3h'}).json
    assert 1700 < got['auth']['lease_duration'] <= 1800
    assert shared.api().delete(f'auth/token/roles/{name}').status == 204
    got = api.put('auth/token/renew-self', {})
    assert (got.status, got.errors) == (400, [
        f'failed to renew entry: original token role "{name}" could not be found, not renewing'])


def test_a_period_of_its_own_lasts_as_long_as_the_role_agrees(shared):
    name = write(shared, allowed_policies='default')
    api = shared.api(made(shared, name, period='1h')['client_token'])
    assert api.put('auth/token/renew-self', {'increment': 5}).json['auth']['lease_duration'] == 3600
    write(shared, name, token_period='30m')
    assert api.put('auth/token/renew-self', {'increment': 5}).json['auth']['lease_duration'] == 1800


# ---- addresses --------------------------------------------------------------

def status_from(server, token, source, path='auth/token/lookup-self'):
    wire = Wire(server, token=token, source=source)
    try:
        status, got = wire.call('GET', path)
        return status, got.get('errors')
    finally:
        wire.close()


def test_a_token_is_bound_to_its_blocks(shared):
    name = write(shared, allowed_policies='default', token_bound_cidrs='127.0.0.8/29,10.0.0.0/8')
    token = made(shared, name)['client_token']
    assert lookup(shared, token)['bound_cidrs'] == ['127.0.0.8/29', '10.0.0.0/8']
    assert status_from(shared, token, '127.0.0.9')[0] == 200
    assert status_from(shared, token, '127.0.0.1') == (403, ['permission denied'])
    assert status_from(shared, token, '127.0.0.16') == (403, ['permission denied'])


def test_a_child_is_bound_as_its_parent(shared):
    """L14: what binds the maker binds what it makes, also an orphan."""
    shared.api().put('sys/policies/acl/bound-maker', {
        'policy': 'path "auth/token/create*" { capabilities = ["update"] }'})
    name = write(shared, allowed_policies='bound-maker', token_bound_cidrs='127.0.0.8/29')
    token = made(shared, name)['client_token']
    free, other = write(shared, orphan=True), write(shared, token_bound_cidrs='127.0.0.0/30')
    wire = Wire(shared, token=token, source='127.0.0.9')
    try:
        for path in ('create', 'create-orphan', f'create/{free}'):
            child = wire.call('POST', f'auth/token/{path}', {})[1]['auth']['client_token']
            assert status_from(shared, child, '127.0.0.9')[0] == 200
            assert status_from(shared, child, '127.0.0.1')[0] == 403
        child = wire.call('POST', f'auth/token/create/{other}', {})[1]['auth']['client_token']
        assert status_from(shared, child, '127.0.0.1')[0] == 200
    finally:
        wire.close()


def test_an_endless_root_token_is_bound_to_nothing(shared):
    name = write(shared, allowed_policies='root', token_bound_cidrs='10.0.0.0/8')
    token = made(shared, name)['client_token']
    assert status_from(shared, token, '127.0.0.1')[0] == 200
    ending = made(shared, name, ttl='1h')['client_token']
    assert status_from(shared, ending, '127.0.0.1')[0] == 403


# ---- the rest ---------------------------------------------------------------

def test_tidy_is_accepted(shared):
    got = shared.api().post('auth/token/tidy')
    assert got.status == 202
    assert got.json['warnings'] == ['Tidy operation successfully started. Any information from the operation will be '
                                    "printed to Vault's server logs."]


def test_a_used_up_token_of_a_role_ends(shared):
    name = write(shared, allowed_policies='default', token_num_uses=1)
    token = made(shared, name)['client_token']
    assert shared.api(token).get('auth/token/lookup-self').status == 200
    wait_for(lambda: shared.api(token).get('auth/token/lookup-self').status == 403, 'the token ends')
