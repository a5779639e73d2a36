"""Token roles: roles/:role_name and create/:role_name (core-api 6.1)."""
from support.good import fresh
from support.server import wait_for
from support.wire import Wire


def write(server, name=None, **fields):
    name = name or fresh('role')
    got = server.api().post(f'auth/token/roles/{name}', fields)
    assert got.status == 204, got
    return name


def make(server, role, token='', **fields):
    return server.api(token).post(f'auth/token/create/{role}', fields)


def made(server, role, token='', **fields):
    got = make(server, role, token, **fields)
    assert got.status == 200, got
    return got.json['auth']


def lookup(server, token):
    return server.api().post('auth/token/lookup', {'token': token}).data


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

def test_a_used_up_token_of_a_role_ends(shared):
    name = write(shared, allowed_policies='default', token_num_uses=1)
    token = made(shared, name)['client_token']
    assert shared.api(token).get('auth/token/lookup-self').status == 200
    wait_for(lambda: shared.api(token).get('auth/token/lookup-self').status == 403, 'the token ends')
