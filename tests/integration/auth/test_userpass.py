"""auth/userpass as spec/core-api.md 6.2 and 6.3 have it."""
import pytest

from support.wire import Wire

RUSH = 200
WRONG = 'invalid username or password'


def user(methods, name, **fields):
    got = methods.api().post(f'auth/userpass/users/{name}', {'password': 'right', **fields})
    assert got.status == 204, got


def login(methods, name, password='right', mount='userpass'):
    return methods.api(None).post(f'auth/{mount}/login/{name}', {'password': password})


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
