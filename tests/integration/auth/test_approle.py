"""auth/approle as spec/core-api.md 6.2 and 6.4 have it."""
import itertools

from support.server import wait_for

REFUSED = 'invalid role or secret ID'
OF_ID = 'source address unauthorized by CIDR restrictions on the secret ID'
OF_ROLE = 'source address unauthorized by CIDR restrictions on the role'
COUNTER = itertools.count()


class Role:
    """A role of its own for a test."""

    def __init__(self, methods, mount='approle', **fields):
        self.methods, self.api, self.mount, self.name = methods, methods.api(), mount, f'role{next(COUNTER)}'
        got = self.api.post(self.path(), fields)
        assert got.status == 204, got
        self.role_id = self.api.get(self.path('role-id')).data['role_id']

    def path(self, *below):
        return '/'.join((f'auth/{self.mount}/role/{self.name}', *below))

    def secret(self, **fields):
        got = self.api.post(self.path('secret-id'), fields)
        assert got.status == 200, got
        return got.data

    def login(self, secret_id=None, role_id=None):
        body = {'role_id': role_id or self.role_id}
        if secret_id is not None:
            body['secret_id'] = secret_id
        return self.methods.api(None).post(f'auth/{self.mount}/login', body)

    def lookup(self, secret):
        return self.api.post(self.path('secret-id-accessor/lookup'), {'secret_id_accessor': secret['secret_id_accessor']})


# ---- secret ids -------------------------------------------------------------------------

def test_a_secret_id_is_good_for_its_mount(methods):
    methods.mount_auth('approle', 'second')
    one, two = Role(methods), Role(methods, mount='second')
    assert two.api.post(two.path('role-id'), {'role_id': one.role_id}).status == 204
    secret = one.secret()['secret_id']
    assert two.login(secret, one.role_id).errors == [REFUSED]
    assert one.login(secret).status == 200


def test_uses_are_counted(methods):
    role = Role(methods, secret_id_num_uses=3)
    secret = role.secret()
    assert secret['secret_id_num_uses'] == 3
    for left in (3, 2, 1):
        told = role.lookup(secret).data
        assert told['secret_id_num_uses'] == left
        assert (told['last_updated_time'] == told['creation_time']) == (left == 3)
        # What is refused takes none.
        assert role.login(secret['secret_id'], 'nosuch').status == 400
        assert role.login(secret['secret_id']).status == 200
    assert role.login(secret['secret_id']).errors == [REFUSED]
    assert role.lookup(secret).status == 404
    assert role.api.list(role.path('secret-id')).status == 404


def test_a_spent_secret_id_locks_nobody_out(methods):
    role = Role(methods, secret_id_num_uses=1)
    spent, good = role.secret(num_uses=1)['secret_id'], role.secret()['secret_id']
    assert role.login(spent).status == 200
    for _ in range(12):
        assert role.login(spent).errors == [REFUSED]
    assert role.login(good).status == 200


def test_custom_secret_ids(methods):
    role, other = Role(methods, secret_id_num_uses=2), Role(methods)
    path, theirs = role.path('custom-secret-id'), other.path('custom-secret-id')
    uuid = '0f3a5f5c-9bd5-4b9c-8b0e-6d0f4e7a1c11'
    for text in ('my own secret', uuid, 'x' * 1024, 'schlüssel'):
        made = role.api.post(path, {'secret_id': text})
        assert (made.status, made.data['secret_id']) == (200, text)
        assert role.api.post(path, {'secret_id': text}).errors == ['failed to store secret_id: SecretID is already registered']
        assert role.login(text).status == 200
        assert other.login(text).errors == [REFUSED]
        # Another role may have the same one.
        assert other.api.post(theirs, {'secret_id': text}).status == 200
        assert other.login(text).status == 200
        assert role.api.post(role.path('secret-id/lookup'), {'secret_id': text}).data['secret_id_num_uses'] == 1
        assert role.login(text).status == 200
        assert role.login(text).errors == [REFUSED]
        # What is spent may come again.
        assert role.api.post(path, {'secret_id': text}).status == 200
        assert role.api.post(role.path('secret-id/destroy'), {'secret_id': text}).status == 204


def test_an_expired_secret_id_is_gone(methods):
    role = Role(methods)
    short, long = role.secret(ttl=1), role.secret(ttl=600)
    assert role.lookup(long).data['secret_id_ttl'] == 600
    wait_for(lambda: role.lookup(short).status == 404, 'the secret id expires')
    assert role.login(short['secret_id']).errors == [REFUSED]
    assert role.login(long['secret_id']).status == 200
    wait_for(lambda: role.api.list(role.path('secret-id')).data['keys'] == [long['secret_id_accessor']], 'its row goes')


# ---- addresses ------------------------------------------------------------------------------

def test_addresses_of_logins(methods):
    role = Role(methods, secret_id_num_uses=1)
    secret = role.secret(cidr_list='10.0.0.0/8')
    for _ in range(7):
        got = role.login(secret['secret_id'])
        assert (got.status, got.errors) == (400, [OF_ID])
    # From the wrong place nothing was used up.
    assert role.lookup(secret).data['secret_id_num_uses'] == 1
    secret = role.secret(cidr_list='127.0.0.0/8,10.0.0.0/8')
    assert role.api.post(role.path(), {'secret_id_bound_cidrs': '10.0.0.0/8'}).status == 204
    assert role.login(secret['secret_id']).errors == [OF_ROLE]
    assert role.api.delete(role.path('secret-id-bound-cidrs')).status == 204
    assert role.login(secret['secret_id']).status == 200


def test_addresses_of_tokens_are_narrowed(methods):
    """L14: a token is never good for more than today's role and its secret id both allow."""
    role = Role(methods, token_bound_cidrs='127.0.0.0/8,10.0.0.0/8')

    def bound(secret):
        auth = role.login(secret['secret_id']).json['auth']
        return methods.api().post('auth/token/lookup', {'token': auth['client_token']}).data['bound_cidrs']

    assert bound(role.secret()) == ['127.0.0.0/8', '10.0.0.0/8']
    narrow = role.secret(token_bound_cidrs='127.0.0.1,10.9.0.0/16')
    assert bound(narrow) == ['127.0.0.1', '10.9.0.0/16']
    wide = role.secret(token_bound_cidrs='127.0.0.0/8')
    assert role.api.post(role.path(), {'token_bound_cidrs': '127.0.0.0/30'}).status == 204
    assert bound(narrow) == ['127.0.0.1']
    assert bound(wide) == ['127.0.0.0/30']
    assert role.api.post(role.path(), {'token_bound_cidrs': '192.0.2.0/24'}).status == 204
    for secret in (narrow, wide):
        got = role.login(secret['secret_id'])
        assert (got.status, got.errors) == (403, ['permission denied'])


# ---- what becomes of it ---------------------------------------------------------------------

def test_a_deleted_roles_secret_ids_do_not_come_back(methods):
    role = Role(methods)
    secret = role.secret()
    assert role.api.delete(role.path()).status == 204
    assert role.login(secret['secret_id']).errors == [REFUSED]
    assert role.api.post(role.path(), {'role_id': role.role_id}).status == 204
    assert role.login(secret['secret_id']).errors == [REFUSED]
    assert role.lookup(secret).status == 404
    assert role.api.list(role.path('secret-id')).status == 404


def test_renewals_follow_the_role(methods):
    role = Role(methods, token_ttl='10m')
    token = role.login(role.secret()['secret_id']).json['auth']['client_token']

    def renew():
        return methods.api(token).post('auth/token/renew-self')

    assert renew().json['auth']['lease_duration'] == 600
    assert role.api.post(role.path('token-ttl'), {'token_ttl': '5m'}).status == 204
    assert renew().json['auth']['lease_duration'] == 300
    assert role.api.post(role.path('period'), {'token_period': '7m'}).status == 204
    assert renew().json['auth']['lease_duration'] == 420
    assert role.api.post(role.path('policies'), {'token_policies': 'default,more'}).status == 204
    got = renew()
    assert (got.status, got.errors) == (500, ['1 error occurred:\n\t* failed to renew entry: policies have changed, not renewing\n\n'])
    assert role.api.delete(role.path('policies')).status == 204
    assert renew().status == 200
    assert role.api.delete(role.path()).status == 204
    got = renew()
    assert (got.status, got.errors) == (400, [f'role "{role.name}" does not exist, not renewing'])


def test_tokens_and_secret_ids_go_with_the_mount(methods):
    methods.mount_auth('approle', 'gone')
    role = Role(methods, mount='gone')
    secret = role.secret()['secret_id']
    token = role.login(secret).json['auth']['client_token']
    assert role.api.delete('sys/auth/gone').status == 204
    assert methods.api(token).get('auth/token/lookup-self').status == 403
    assert role.login(secret).status == 400
    methods.mount_auth('approle', 'gone')
    assert role.api.post(role.path(), {'role_id': role.role_id}).status == 204
    assert role.login(secret).errors == [REFUSED]


def test_secret_ids_are_no_leases(methods):
    """sys/leases neither shows nor revokes them."""
    methods.mount_auth('approle', 'leased')
    role = Role(methods, mount='leased')
    secret = role.secret()['secret_id']
    assert role.api.list('sys/leases/lookup/auth/leased').status == 404
    assert role.login(secret).status == 200
    assert role.api.list('sys/leases/lookup/auth/leased').data['keys'] == ['login/']
    assert role.api.post('sys/leases/revoke-prefix/auth/leased').status == 204
    assert role.api.list('sys/leases/lookup/auth/leased').status == 404
    assert role.login(secret).status == 200


def test_creating_needs_create_and_changing_update(methods):
    role = Role(methods)
    path = 'path "auth/approle/role/*" { capabilities = ["%s"] }'
    for capability, new, old in (('create', 204, 403), ('update', 403, 204)):
        api = methods.api(methods.token_with(path % capability))
        assert api.post(f'auth/approle/role/new{capability}').status == new
        assert api.post(role.path().upper().replace('AUTH/APPROLE/ROLE', 'auth/approle/role')).status == old
    # Whatever is below a role is an update.
    api = methods.api(methods.token_with('path "auth/approle/role/+/*" { capabilities = ["update"] }'))
    assert api.post(role.path('secret-id')).status == 200
    assert api.post(role.path('token-ttl'), {'token_ttl': 5}).status == 204


def test_roles_and_secret_ids_are_there_after_a_restart(methods):
    role = Role(methods, secret_id_num_uses=2)
    secret = role.secret()
    assert role.login(secret['secret_id']).status == 200
    methods.restart()
    assert role.lookup(secret).data['secret_id_num_uses'] == 1
    assert role.login(secret['secret_id']).status == 200
    assert role.login(secret['secret_id']).errors == [REFUSED]
