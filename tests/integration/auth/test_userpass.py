"""auth/userpass as spec/core-api.md 6.2 and 6.3 have it."""
import pytest

from support.cases import empty, run, wrapped
from support.wire import Wire

RUSH = 200
WRONG = 'invalid username or password'
NOTHING = {'token_bound_cidrs': [], 'token_explicit_max_ttl': 0, 'token_max_ttl': 0, 'token_no_default_policy': False,
           'token_num_uses': 0, 'token_period': 0, 'token_policies': [], 'token_ttl': 0, 'token_type': 'default'}


def user(methods, name, **fields):
    got = methods.api().post(f'auth/userpass/users/{name}', {'password': 'right', **fields})
    assert got.status == 204, got


def login(methods, name, password='right', mount='userpass'):
    return methods.api(None).post(f'auth/{mount}/login/{name}', {'password': password})


def only(fields):
    return lambda got: got.data == fields


def holds_nothing_secret(got):
    return 'argon2' not in got.body and 'hash' not in got.body and 'password' not in got.body


USERS = [
    ('LIST', 'users', None, 404, empty),
    ('GET', 'users/bob', None, 404, empty),
    ('DELETE', 'users/bob', None, 204, None),
    ('POST', 'users/bob', {}, 400, 'missing password'),
    ('POST', 'users/bob', {'password': ''}, 400, 'missing password'),
    ('POST', 'users/bob', {'password': None}, 400, 'missing password'),
    ('POST', 'users/bob', {'token_ttl': '1h'}, 400, 'missing password'),
    ('POST', 'users/bob', {'password': 'x', 'token_ttl': '2h', 'token_max_ttl': '1h'}, 400,
     "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ('POST', 'users/bob', {'password': 'x', 'token_type': 'odd'}, 400, 'invalid \'token_type\' value "odd"'),
    ('POST', 'users/bob', {'password': 'x', 'token_num_uses': -1}, 400, "'token_num_uses' cannot be negative"),
    ('POST', 'users/bob', {'password': 'x', 'token_bound_cidrs': 'nope'}, 400, None),
    ('GET', 'users/bob', None, 404, empty),
    ('POST', 'users/bob', {'password': 'x'}, 204, None),
    ('GET', 'users/bob', None, 200, only(NOTHING)),
    ('GET', 'users/bob', None, 200, holds_nothing_secret),
    ('LIST', 'users', None, 200, only({'keys': ['bob']})),
    # A write changes what it sends and nothing else.
    ('POST', 'users/bob', {'token_policies': ['Web', ' db'], 'token_bound_cidrs': '127.0.0.1/32,10.1.2.3/8'}, 204, None),
    ('GET', 'users/bob', None, 200, {'token_policies': ['Web', 'db'], 'token_bound_cidrs': ['127.0.0.1', '10.0.0.0/8']}),
    ('PUT', 'users/BOB', {'token_ttl': '1h'}, 204, None),
    ('GET', 'users/Bob', None, 200, {'token_ttl': 3600, 'token_policies': ['Web', 'db']}),
    ('LIST', 'users', None, 200, only({'keys': ['bob']})),
    ('POST', 'users/bob', {'token_bound_cidrs': ''}, 204, None),
    ('GET', 'users/bob', None, 200, {'token_bound_cidrs': []}),
    # Old names are taken, and shown where they were used last.
    ('POST', 'users/bob', {'policies': 'ops', 'ttl': 60, 'max_ttl': '2m'}, 204, None),
    ('GET', 'users/bob', None, 200, {'policies': ['ops'], 'token_policies': ['ops'], 'ttl': 60, 'token_ttl': 60, 'max_ttl': 120}),
    ('POST', 'users/bob', {'token_policies': 'dev', 'token_ttl': 30}, 204, None),
    ('GET', 'users/bob', None, 200, lambda got: 'policies' not in got.data and 'ttl' not in got.data and got.data['max_ttl'] == 120),
    # Password and policies by themselves.
    ('POST', 'users/bob/password', {}, 400, 'missing password'),
    ('POST', 'users/bob/password', {'password': ''}, 400, 'missing password'),
    ('POST', 'users/none/password', {'password': 'x'}, 400, 'username does not exist'),
    ('POST', 'users/none/policies', {'policies': 'x'}, 400, 'username does not exist'),
    ('GET', 'users/none', None, 404, empty),
    ('POST', 'users/bob/password', {'password': 'right'}, 204, None),
    ('POST', 'users/bob/policies', {'policies': 'one,two', 'token_ttl': 5}, 204, None),
    ('GET', 'users/bob', None, 200, {'token_policies': ['one', 'two'], 'policies': ['one', 'two'], 'token_ttl': 30}),
    ('POST', 'users/bob/policies', {'token_policies': ['three']}, 204, None),
    ('POST', 'users/bob/policies', {}, 204, None),
    ('GET', 'users/bob', None, 200, lambda got: got.data['token_policies'] == ['three'] and 'policies' not in got.data),
    ('GET', 'users/bob/password', None, 405, wrapped('unsupported operation')),
    ('DELETE', 'users/bob/policies', None, 405, wrapped('unsupported operation')),
    ('GET', 'users/bob/nosuch', None, 404, wrapped('unsupported path')),
    # Other names, and the end.
    ('POST', 'users/a.b-c@d', {'password': 'x'}, 204, None),
    ('POST', 'users/_', {'password': 'x'}, 204, None),
    ('POST', 'users/-a', {'password': 'x'}, 404, wrapped('unsupported path')),
    ('LIST', 'users', None, 200, only({'keys': ['_', 'a.b-c@d', 'bob']})),
    ('GET', 'users?list=true', None, 200, only({'keys': ['_', 'a.b-c@d', 'bob']})),
    ('DELETE', 'users/_', None, 204, None),
    ('DELETE', 'users/a.b-c@d', None, 204, None),
    ('DELETE', 'users/BOB', None, 204, None),
    ('GET', 'users/bob', None, 404, empty),
    ('LIST', 'users', None, 404, empty),
]


def test_users(methods):
    run(methods.api(), [(method, f'auth/userpass/{path}', *rest) for method, path, *rest in USERS])


LOGINS = [
    ({}, 400, 'missing password'),
    ({'password': ''}, 400, 'missing password'),
    ({'password': None}, 400, 'missing password'),
    ({'password': 'wrong'}, 400, WRONG),
    ({'password': 'right '}, 400, WRONG),
    ({'password': 'Right'}, 400, WRONG),
    ({'password': ['right']}, 400, None),
]


@pytest.mark.parametrize('name', ['known', 'unknown'])
def test_refused_logins(methods, name):
    """The same for who is there and who is not."""
    user(methods, 'known')
    run(methods.api(None), [('POST', f'auth/userpass/login/{name}', *case) for case in LOGINS])
    run(methods.api(None), [('GET', f'auth/userpass/login/{name}', None, 405, 'unsupported operation')])


def test_a_login(methods):
    user(methods, 'alice', token_policies='web,default', token_ttl='20m', token_max_ttl='1h')
    got = login(methods, 'ALICE')
    assert got.status == 200
    assert got.data is None and got.json['lease_id'] == ''
    auth = got.json['auth']
    assert auth['client_token'].startswith('hvs.')
    told = {k: auth[k] for k in ('policies', 'token_policies', 'metadata', 'lease_duration', 'renewable', 'token_type', 'orphan')}
    assert told == {'policies': ['default', 'web'], 'token_policies': ['default', 'web'], 'metadata': {'username': 'alice'},
                    'lease_duration': 1200, 'renewable': True, 'token_type': 'service', 'orphan': True}
    token = methods.api(auth['client_token']).get('auth/token/lookup-self').data
    assert (token['display_name'], token['path'], token['meta']) == ('userpass-alice', 'auth/userpass/login/alice', {'username': 'alice'})
    assert (token['creation_ttl'], token['orphan'], token['num_uses']) == (1200, True, 0)


def test_the_display_name_tells_the_mount(methods):
    methods.mount_auth('userpass', 'teams/blue')
    assert methods.api().post('auth/teams/blue/users/eve', {'password': 'right'}).status == 204
    token = login(methods, 'eve', mount='teams/blue').json['auth']['client_token']
    assert methods.api(token).get('auth/token/lookup-self').data['display_name'] == 'teams-blue-eve'
    # A user of one mount is none of the other's.
    assert login(methods, 'eve').errors == [WRONG]


def test_what_tokens_are_made_of(methods):
    user(methods, 'limits', token_num_uses=2, token_no_default_policy=True, token_policies='web', token_period='10m',
         token_explicit_max_ttl='1h')
    auth = login(methods, 'limits').json['auth']
    assert (auth['policies'], auth['lease_duration']) == (['web'], 600)
    root = methods.api()
    token = root.post('auth/token/lookup', {'token': auth['client_token']}).data
    assert (token['num_uses'], token['period'], token['explicit_max_ttl']) == (2, 600, 3600)
    for _ in range(2):
        assert methods.api(auth['client_token']).get('sys/mounts').status == 403
    assert root.post('auth/token/lookup', {'token': auth['client_token']}).status == 403


@pytest.mark.parametrize('kind, start', [('batch', 'hvb.'), ('service', 'hvs.'), ('default', 'hvs.'), ('', 'hvs.')])
def test_types_of_tokens(methods, kind, start):
    name = f'typed{kind}'
    user(methods, name, token_type=kind, token_ttl='10m')
    auth = login(methods, name).json['auth']
    assert auth['client_token'].startswith(start)
    assert auth['token_type'] == ('batch' if kind == 'batch' else 'service')
    assert methods.api(auth['client_token']).get('auth/token/lookup-self').data['meta'] == {'username': name}
    assert methods.api().get(f'auth/userpass/users/{name}').data['token_type'] == (kind or 'default')


def test_too_many_logins_at_once_are_told_to_come_again(methods):
    """The two threads that hash have a bounded queue; whoever finds it full has lost nothing."""
    user(methods, 'rush')
    wires = [Wire(methods, token=None) for _ in range(RUSH)]
    for one in wires:
        one.hold('PUT', 'auth/userpass/login/rush', {'password': 'right'})
    for one in wires:
        one.let_go()
    answers = [one.answer() for one in wires]
    for one in wires:
        one.close()
    assert {status for status, _ in answers} <= {200, 503}
    assert {str(body) for status, body in answers if status == 503} <= {"{'errors': ['overloaded']}"}
    assert [status for status, _ in answers].count(200) >= 1
    # Others are served meanwhile and afterwards, and the name is not locked.
    assert login(methods, 'rush').status == 200


def test_no_login_gives_root(methods):
    user(methods, 'rooted', token_policies='Root')
    assert login(methods, 'rooted').errors == ['auth methods cannot create root tokens']


@pytest.mark.parametrize('blocks, status', [('127.0.0.1', 200), ('127.0.0.0/8,10.0.0.0/8', 200), ('10.0.0.0/8', 403), ('::1', 403)])
def test_logins_from_bound_addresses(methods, blocks, status):
    name = f'bound{blocks.translate(str.maketrans("", "", ".,/:"))}'
    user(methods, name, token_bound_cidrs=blocks)
    got = login(methods, name)
    assert got.status == status
    assert status == 200 or got.errors == ['permission denied']
    # From elsewhere, too, a wrong password is one: the address tells nothing of the name.
    assert login(methods, name, 'wrong').errors == [WRONG]


def test_a_token_is_bound_to_the_addresses_of_its_login(methods):
    user(methods, 'moved', token_bound_cidrs='127.0.0.1')
    token = login(methods, 'moved').json['auth']['client_token']
    assert methods.api(token).get('auth/token/lookup-self').data['bound_cidrs'] == ['127.0.0.1']


def test_a_new_password_replaces_the_old(methods):
    user(methods, 'changed')
    root = methods.api()
    assert root.post('auth/userpass/users/changed/password', {'password': 'new'}).status == 204
    assert login(methods, 'changed').errors == [WRONG]
    assert login(methods, 'changed', 'new').status == 200
    assert root.post('auth/userpass/users/changed', {'password': 'newer'}).status == 204
    assert login(methods, 'changed', 'new').errors == [WRONG]
    assert login(methods, 'changed', 'newer').status == 200
    # What is stored in its place cannot be sent.
    before = root.post('auth/userpass/users/changed', {'password_hash': '', 'hash': ''})
    assert before.status in (200, 204)
    assert login(methods, 'changed', 'newer').status == 200


def renew(methods, token):
    return methods.api(token).post('auth/token/renew-self', {'increment': 0})


def test_renewals_follow_the_user(methods):
    """New limits count at once; other policies, or no user, end them."""
    user(methods, 'renewed', token_policies='default', token_ttl='10m')
    token = login(methods, 'renewed').json['auth']['client_token']
    root = methods.api()
    assert renew(methods, token).json['auth']['lease_duration'] == 600
    assert root.post('auth/userpass/users/renewed', {'token_ttl': '5m'}).status == 204
    assert renew(methods, token).json['auth']['lease_duration'] == 300
    assert root.post('auth/userpass/users/renewed/policies', {'policies': 'default,more'}).status == 204
    got = renew(methods, token)
    assert (got.status, got.errors) == (500, [wrapped('failed to renew entry: policies have changed, not renewing')])
    # Back again, in another spelling: nothing has changed.
    assert root.post('auth/userpass/users/renewed/policies', {'policies': ' Default '}).status == 204
    assert renew(methods, token).status == 200
    assert root.delete('auth/userpass/users/renewed').status == 204
    got = renew(methods, token)
    assert (got.status, got.errors) == (400, ['user no longer exists, not renewing'])
    assert methods.api(token).get('auth/token/lookup-self').status == 200


def test_tokens_go_with_the_mount(methods):
    methods.mount_auth('userpass', 'gone')
    assert methods.api().post('auth/gone/users/bob', {'password': 'right'}).status == 204
    token = login(methods, 'bob', mount='gone').json['auth']['client_token']
    assert methods.api(token).get('auth/token/lookup-self').status == 200
    assert methods.api().delete('sys/auth/gone').status == 204
    assert methods.api(token).get('auth/token/lookup-self').status == 403
    # A new mount of that name knows nobody.
    methods.mount_auth('userpass', 'gone')
    assert methods.api().list('auth/gone/users').status == 404
    assert login(methods, 'bob', mount='gone').errors == [WRONG]


def test_logins_are_leases_below_their_path(methods):
    user(methods, 'leased')
    tokens = [login(methods, 'leased').json['auth']['client_token'] for _ in range(3)]
    assert len(methods.api().list('sys/leases/lookup/auth/userpass/login/leased').data['keys']) == 3
    assert methods.api().post('sys/leases/revoke-prefix/auth/userpass/login/leased').status == 204
    assert [methods.api(one).get('auth/token/lookup-self').status for one in tokens] == [403] * 3


def test_creating_needs_create_and_changing_update(methods):
    user(methods, 'there')
    path = 'path "auth/userpass/users/*" { capabilities = ["%s"] }'
    for capability, new, old in (('create', 204, 403), ('update', 403, 204)):
        api = methods.api(methods.token_with(path % capability))
        assert api.post(f'auth/userpass/users/new{capability}', {'password': 'x'}).status == new
        assert api.post('auth/userpass/users/THERE', {'password': 'right'}).status == old
    # The password's own path is an update of what is there.
    api = methods.api(methods.token_with('path "auth/userpass/users/+/password" { capabilities = ["update"] }'))
    assert api.post('auth/userpass/users/there/password', {'password': 'mine'}).status == 204
    assert api.post('auth/userpass/users/there', {'password': 'mine'}).status == 403


def test_users_are_there_after_a_restart(methods):
    user(methods, 'kept', token_policies='web')
    methods.restart()
    auth = login(methods, 'kept').json['auth']
    assert auth['policies'] == ['default', 'web']
    assert login(methods, 'kept', 'wrong').errors == [WRONG]
