"""L19: failed logins are counted by the name that is looked up, however it was spelled."""
import itertools

import pytest

from support.figures import figure
from support.server import Server

WRONG, LOCKED = (400, ['invalid username or password']), (403, ['permission denied'])
FAILURES = 5
NAME = 'somebody'


@pytest.fixture(scope='module')
def people():
    server = Server().start().mount_auth('userpass')
    server.mount_auth('userpass', 'other')
    yield server
    server.clean()


def user(server, name, mount='userpass'):
    assert server.api().post(f'auth/{mount}/users/{name}', {'password': 'right'}).status == 204


def login(server, name, password='wrong', mount='userpass'):
    got = server.api(None).post(f'auth/{mount}/login/{name}', {'password': password})
    return (got.status, got.errors) if got.status != 200 else (200, None)


def spellings(name, n):
    """Ways to write a name in a path that all lead to it: cases, and escapes of its bytes."""
    cases = (''.join(letters) for letters in itertools.product(*((one.lower(), one.upper()) for one in name)))
    escaped = [''.join(f'%{ord(one):02x}' for one in name), f'%{ord(name[0].upper()):02X}{name[1:]}',
               f'{name[:-1]}%{ord(name[-1]):02x}']
    return (escaped + list(itertools.islice(cases, n)))[:n]


@pytest.mark.parametrize('known', [True, False], ids=['known', 'unknown'])
def test_all_spellings_share_one_counter(people, known):
    name = NAME if known else NAME[::-1]
    if known:
        user(people, name)
    ways = spellings(name, 30)
    answers = [login(people, one) for one in ways]
    want = [WRONG] * FAILURES + [LOCKED] * (len(ways) - FAILURES)
    wrong = [one for one in zip(ways, answers, want) if one[1] != one[2]]
    figure('L19', len(ways), len(wrong), 'spellings')
    assert len(set(ways)) == 30
    assert wrong == []
    # The right password opens nothing now, in no spelling.
    assert [login(people, one, 'right') for one in ways] == [LOCKED] * len(ways)


def test_known_and_unknown_names_are_locked_alike(people):
    user(people, 'alike')
    assert [login(people, 'alike') for _ in range(8)] == [login(people, 'unlike') for _ in range(8)]


def test_a_right_password_begins_a_new_count(people):
    user(people, 'typist')
    for _ in range(3):
        assert [login(people, 'typist') for _ in range(FAILURES - 1)] == [WRONG] * (FAILURES - 1)
        assert login(people, 'TYPIST', 'right')[0] == 200


def test_names_and_mounts_are_counted_apart(people):
    for mount in ('userpass', 'other'):
        user(people, 'twin', mount)
    user(people, 'twin2')
    assert [login(people, 'twin') for _ in range(FAILURES + 1)][-1] == LOCKED
    assert login(people, 'twin2', 'right')[0] == 200
    assert login(people, 'twin', 'right', mount='other')[0] == 200
    assert login(people, 'twin', 'right') == LOCKED


@pytest.mark.parametrize('path', ['users/forgetful', 'users/forgetful/password'])
def test_a_new_password_opens_the_name(people, path):
    user(people, 'forgetful')
    assert [login(people, 'forgetful') for _ in range(FAILURES + 1)][-1] == LOCKED
    assert people.api().post('auth/userpass/users/forgetful', {'token_ttl': '1h'}).status == 204
    assert login(people, 'forgetful', 'right') == LOCKED
    assert people.api().post(f'auth/userpass/{path}', {'password': 'right'}).status == 204
    assert login(people, 'forgetful', 'right')[0] == 200


def test_what_is_no_guess_is_not_counted(people):
    """A missing password, a body that is none, a name that is none."""
    user(people, 'quiet')
    for _ in range(2 * FAILURES):
        assert login(people, 'quiet', '') == (400, ['missing password'])
        assert people.api(None).call('POST', 'auth/userpass/login/quiet', raw='{').status == 400
        assert people.api(None).get('auth/userpass/login/quiet').status == 405
    assert login(people, 'quiet', 'right')[0] == 200


def test_guesses_of_secret_ids_are_counted_by_role(people):
    people.mount_auth('approle')
    root = people.api()
    for role in ('ci', 'cd'):
        assert root.post(f'auth/approle/role/{role}', {'role_id': f'id-of-{role}'}).status == 204
    secrets = {role: root.post(f'auth/approle/role/{role}/secret-id').data['secret_id'] for role in ('ci', 'cd')}

    def attempt(role, secret):
        got = people.api(None).post('auth/approle/login', {'role_id': f'id-of-{role}', 'secret_id': secret})
        return got.status

    assert [attempt('ci', f'guess {i}') for i in range(FAILURES + 2)] == [400] * FAILURES + [403] * 2
    assert attempt('ci', secrets['ci']) == 403
    assert attempt('cd', secrets['cd']) == 200
    assert [attempt('none', f'guess {i}') for i in range(FAILURES + 2)] == [400] * (FAILURES + 2)


# ---- sys/locked-users -------------------------------------------------------------------------------------------------


def accessor(people, mount):
    return people.api().get('sys/auth').data[f'{mount}/']['accessor']


def locked(people, mount):
    """The names that sys/locked-users shows for the mount."""
    data = people.api().get(f'sys/locked-users?mount_accessor={accessor(people, mount)}').data
    if data['total'] == 0:
        assert data['by_namespace'] == []
        return []
    space, = data['by_namespace']
    assert (space['namespace_id'], space['namespace_path'], space['counts']) == ('root', '', data['total'])
    one, = space['mount_accessors']
    assert (one['mount_accessor'], one['counts']) == (accessor(people, mount), data['total'])
    return sorted(one['alias_identifiers'])


def lock(people, name, mount):
    assert [login(people, name, mount=mount) for _ in range(FAILURES + 1)][-1] == LOCKED


def test_locked_names_are_listed_by_mount(people):
    for mount in ('list1', 'list2'):
        people.mount_auth('userpass', mount)
    assert locked(people, 'list1') == []
    lock(people, 'Nobody', 'list1')
    lock(people, 'someone', 'list1')
    lock(people, 'someone', 'list2')
    login(people, 'once', mount='list1')
    assert (locked(people, 'list1'), locked(people, 'list2')) == (['nobody', 'someone'], ['someone'])
    data = people.api().get('sys/locked-users').data
    mounts = {one['mount_accessor']: one for one in data['by_namespace'][0]['mount_accessors']}
    assert {accessor(people, 'list1'), accessor(people, 'list2')} <= set(mounts)
    assert sum(one['counts'] for one in mounts.values()) == data['total'] == data['by_namespace'][0]['counts']


def test_unlocking_opens_the_name_in_its_mount_alone(people):
    for mount in ('open1', 'open2'):
        people.mount_auth('userpass', mount)
        user(people, 'bob', mount)
        lock(people, 'bob', mount)
    path = f'sys/locked-users/{accessor(people, "open1")}/unlock'
    for name in ('BOB', 'bob', 'never-heard-of'):
        assert people.api().post(f'{path}/{name}').status == 204
    assert login(people, 'bob', 'right', mount='open1')[0] == 200
    assert login(people, 'bob', 'right', mount='open2') == LOCKED
    assert (locked(people, 'open1'), locked(people, 'open2')) == ([], ['bob'])
    # It has all its tries again.
    assert [login(people, 'bob', mount='open1') for _ in range(FAILURES + 1)] == [WRONG] * FAILURES + [LOCKED]


def test_a_role_id_of_any_bytes_is_unlocked(people):
    people.mount_auth('approle', 'machines')
    root, role_id = people.api(), 'Role/of:any/Case'
    assert root.post('auth/machines/role/ci', {'role_id': role_id}).status == 204
    secret = root.post('auth/machines/role/ci/secret-id').data['secret_id']

    def attempt(one):
        return people.api(None).post('auth/machines/login', {'role_id': role_id, 'secret_id': one}).status

    assert [attempt(f'guess {i}') for i in range(FAILURES + 1)] == [400] * FAILURES + [403]
    assert locked(people, 'machines') == [role_id]
    assert root.post(f'sys/locked-users/{accessor(people, "machines")}/unlock/{role_id}').status == 204
    assert attempt(secret) == 200


@pytest.mark.parametrize('what', ['unknown', 'secrets'])
def test_only_auth_methods_have_locked_names(people, what):
    name = 'auth_none_00000000' if what == 'unknown' else people.api().get('sys/mounts').data['cubbyhole/']['accessor']
    for got in (people.api().get(f'sys/locked-users?mount_accessor={name}'), people.api().post(f'sys/locked-users/{name}/unlock/bob')):
        assert (got.status, got.errors) == (400, [f'invalid mount accessor "{name}"'])


def test_a_policy_decides_who_may_unlock(people):
    token = people.api().post('auth/token/create', {'policies': ['default']}).json['auth']['client_token']
    for got in (people.api(token).get('sys/locked-users'), people.api(token).post('sys/locked-users/x/unlock/bob')):
        assert got.status == 403
