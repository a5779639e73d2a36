"""auth/approle as spec/core-api.md 6.2 and 6.4 have it."""
import itertools
import json
import re

import pytest

from support.cases import empty, run, wrapped
from support.server import wait_for

REFUSED = 'invalid role or secret ID'
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}')
COUNTER = itertools.count()
NO_PATH = wrapped('unsupported path')


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


def only(fields):
    return lambda got: got.data == fields


NEW = {'bind_secret_id': True, 'local_secret_ids': False, 'secret_id_bound_cidrs': [], 'secret_id_num_uses': 0,
       'secret_id_ttl': 0, 'token_bound_cidrs': [], 'token_explicit_max_ttl': 0, 'token_max_ttl': 0,
       'token_no_default_policy': False, 'token_num_uses': 0, 'token_period': 0, 'token_policies': [], 'token_ttl': 0,
       'token_type': 'default'}
UNBOUND = 'at least one constraint should be enabled on the role'

ROLES = [
    ('LIST', 'role', None, 404, empty),
    ('GET', 'role/ci', None, 404, empty),
    ('DELETE', 'role/ci', None, 204, None),
    ('POST', 'role/ci', {'bind_secret_id': False}, 400, UNBOUND),
    ('POST', 'role/ci', {'secret_id_num_uses': -1}, 400, None),
    ('POST', 'role/ci', {'secret_id_ttl': -1}, 400, None),
    ('POST', 'role/ci', {'secret_id_bound_cidrs': '10.0.0.0/33'}, 400, None),
    ('POST', 'role/ci', {'token_ttl': '2h', 'token_max_ttl': '1h'}, 400, "'token_ttl' cannot be greater than 'token_max_ttl'"),
    ('POST', 'role/ci', {'token_type': 'odd'}, 400, 'invalid \'token_type\' value "odd"'),
    ('GET', 'role/ci', None, 404, empty),
    ('POST', 'role/ci', {}, 204, None),
    ('GET', 'role/ci', None, 200, only(NEW)),
    ('LIST', 'role', None, 200, only({'keys': ['ci']})),
    # A write changes what it sends and nothing else; names are lower-cased.
    ('POST', 'role/CI', {'secret_id_num_uses': 5, 'secret_id_ttl': '10m', 'policies': 'web', 'token_ttl': 60}, 204, None),
    ('PUT', 'role/ci', {'secret_id_bound_cidrs': ['127.0.0.1/32', '10.1.2.3/8']}, 204, None),
    ('GET', 'role/Ci', None, 200, {'secret_id_num_uses': 5, 'secret_id_ttl': 600, 'token_policies': ['web'], 'policies': ['web'],
                                   'token_ttl': 60, 'secret_id_bound_cidrs': ['127.0.0.1', '10.0.0.0/8']}),
    ('POST', 'role/ci', {'bound_cidr_list': '127.0.0.0/8'}, 204, None),
    ('GET', 'role/ci', None, 200, {'secret_id_bound_cidrs': ['127.0.0.0/8'], 'bind_secret_id': True}),
    ('POST', 'role/ci', {'bind_secret_id': False}, 204, None),
    ('POST', 'role/ci', {'secret_id_bound_cidrs': ''}, 400, UNBOUND),
    ('POST', 'role/ci', {'token_bound_cidrs': '127.0.0.1', 'secret_id_bound_cidrs': ''}, 204, None),
    ('GET', 'role/ci', None, 200, {'secret_id_bound_cidrs': [], 'token_bound_cidrs': ['127.0.0.1'], 'bind_secret_id': False}),
    ('POST', 'role/ci', {'local_secret_ids': True}, 400, 'local_secret_ids can only be modified during role creation'),
    ('POST', 'role/ci', {'local_secret_ids': False}, 204, None),
    ('POST', 'role/local', {'local_secret_ids': True}, 204, None),
    ('GET', 'role/local', None, 200, {'local_secret_ids': True}),
    ('POST', 'role/local', {'token_ttl': 5}, 204, None),
    ('GET', 'role/local/local-secret-ids', None, 200, only({'local_secret_ids': True})),
    ('GET', 'role/none/local-secret-ids', None, 404, empty),
    ('POST', 'role/local/local-secret-ids', {'local_secret_ids': False}, 405, wrapped('unsupported operation')),
    ('LIST', 'role', None, 200, only({'keys': ['ci', 'local']})),
    ('DELETE', 'role/LOCAL', None, 204, None),
    ('DELETE', 'role/ci', None, 204, None),
    ('LIST', 'role', None, 404, empty),
]

ROLE_IDS = [
    ('GET', 'role/a/role-id', None, 404, empty),
    ('POST', 'role/a/role-id', {'role_id': 'x'}, 404, NO_PATH),
    ('POST', 'role/a', {}, 204, None),
    ('POST', 'role/b', {'role_id': 'of-b'}, 204, None),
    ('GET', 'role/a/role-id', None, 200, lambda got: set(got.data) == {'role_id'} and UUID.fullmatch(got.data['role_id'])),
    ('GET', 'role/b/role-id', None, 200, only({'role_id': 'of-b'})),
    ('POST', 'role/a/role-id', {}, 400, 'missing role_id'),
    ('POST', 'role/a/role-id', {'role_id': ''}, 400, 'missing role_id'),
    ('POST', 'role/a/role-id', {'role_id': 'of-b'}, 400, 'role_id already in use'),
    ('POST', 'role/a', {'role_id': 'of-b'}, 400, 'role_id already in use'),
    ('POST', 'role/c', {'role_id': 'of-b'}, 400, 'role_id already in use'),
    ('GET', 'role/c', None, 404, empty),
    ('POST', 'role/b/role-id', {'role_id': 'of-b'}, 204, None),
    ('POST', 'role/a/role-id', {'role_id': 'of-a'}, 204, None),
    ('POST', 'role/b/role-id', {'role_id': 'Of-A'}, 204, None),
    # An empty one is none sent; a freed one is free.
    ('POST', 'role/a', {'role_id': '', 'token_ttl': 5}, 204, None),
    ('GET', 'role/a/role-id', None, 200, only({'role_id': 'of-a'})),
    ('POST', 'role/c', {'role_id': 'of-b'}, 204, None),
    ('DELETE', 'role/c', None, 204, None),
    ('POST', 'role/a/role-id', {'role_id': 'of-b'}, 204, None),
    ('POST', 'role/c', {'role_id': 'of-a'}, 204, None),
    ('DELETE', 'role/a/role-id', None, 405, wrapped('unsupported operation')),
    *[('DELETE', f'role/{name}', None, 204, None) for name in 'abc'],
]


# Each part: path, field as it is shown, a value and how it reads, a bad value or None, what a new role has.
PARTS = [
    ('policies', 'token_policies', 'a,b', ['a', 'b'], None, []),
    ('bind-secret-id', 'bind_secret_id', False, False, 'maybe', True),
    ('secret-id-num-uses', 'secret_id_num_uses', 7, 7, -1, 0),
    ('secret-id-ttl', 'secret_id_ttl', '2m', 120, -5, 0),
    ('secret-id-bound-cidrs', 'secret_id_bound_cidrs', ['10.1.2.3/8'], ['10.0.0.0/8'], 'x', []),
    ('bound-cidr-list', 'bound_cidr_list', '10.0.0.0/8', ['10.0.0.0/8'], 'x', []),
    ('token-bound-cidrs', 'token_bound_cidrs', '127.0.0.1', ['127.0.0.1'], 'x', []),
    ('token-num-uses', 'token_num_uses', '3', 3, -1, 0),
    ('token-ttl', 'token_ttl', '1m', 60, '3h', 0),
    ('token-max-ttl', 'token_max_ttl', '2h', 7200, -5, 0),
    ('period', 'token_period', 30, 30, 'soon', 0),
]


@pytest.mark.parametrize('path, field, value, shown, bad, usual', PARTS, ids=[one[0] for one in PARTS])
def test_parts_of_a_role(methods, path, field, value, shown, bad, usual):
    # Bound twice, so that either bond may go.
    role = Role(methods, secret_id_bound_cidrs='127.0.0.1', token_bound_cidrs='127.0.0.0/8', token_max_ttl='1h')
    before = role.api.get(role.path()).data
    own = 'secret_id_bound_cidrs' if field == 'bound_cidr_list' else field
    run(role.api, [
        ('GET', role.path(path), None, 200, only({field: before[own]})),
        ('POST', role.path(path), {field: value}, 204, None),
        ('GET', role.path(path), None, 200, only({field: shown})),
        ('GET', role.path(), None, 200, {own: shown}),
        # Other fields are not of this path.
        ('POST', role.path(path), {field: value, 'token_explicit_max_ttl': 99}, 204, None),
        ('GET', role.path(), None, 200, {'token_explicit_max_ttl': 0}),
        *([('POST', role.path(path), {field: bad}, 400, None)] if bad is not None else []),
        ('GET', role.path(path), None, 200, only({field: shown})),
        ('DELETE', role.path(path), None, 204, None),
        ('GET', role.path(path), None, 200, only({field: usual})),
        ('GET', f'auth/approle/role/none/{path}', None, 404, empty),
        ('POST', f'auth/approle/role/none/{path}', {field: value}, 404, NO_PATH),
        ('DELETE', f'auth/approle/role/none/{path}', None, 204, None)])
    changed = {k: v for k, v in role.api.get(role.path()).data.items() if before.get(k) != v}
    assert set(changed) <= {own}


def test_old_names_of_parts(methods):
    role = Role(methods)
    run(role.api, [
        ('POST', role.path('policies'), {'policies': 'x'}, 204, None),
        ('GET', role.path('policies'), None, 200, only({'token_policies': ['x']})),
        ('GET', role.path(), None, 200, {'policies': ['x'], 'token_policies': ['x']}),
        ('POST', role.path('period'), {'period': '1m'}, 204, None),
        ('GET', role.path('period'), None, 200, only({'token_period': 60})),
        ('GET', role.path('bound-cidr-list'), None, 200, lambda got: 'deprecated' in got.json['warnings'][0]),
        *[('POST', role.path(path), {}, 400, f'missing {field}') for path, field in (
            ('bind-secret-id', 'bind_secret_id'), ('secret-id-num-uses', 'secret_id_num_uses'), ('secret-id-ttl', 'secret_id_ttl'))]])


def test_the_last_bond_stays(methods):
    role = Role(methods, bind_secret_id=False, secret_id_bound_cidrs='127.0.0.1')
    run(role.api, [('DELETE', role.path('secret-id-bound-cidrs'), None, 400, UNBOUND),
                   ('POST', role.path('bound-cidr-list'), {'bound_cidr_list': ''}, 400, UNBOUND),
                   ('DELETE', role.path('bind-secret-id'), None, 204, None),
                   ('DELETE', role.path('secret-id-bound-cidrs'), None, 204, None),
                   ('POST', role.path('bind-secret-id'), {'bind_secret_id': False}, 400, UNBOUND)])


@pytest.mark.parametrize('table', [ROLES, ROLE_IDS], ids=['roles', 'role ids'])
def test_roles(methods, table):
    mount = f'empty{next(COUNTER)}'
    methods.mount_auth('approle', mount)
    run(methods.api(), [(method, f'auth/{mount}/{path}', *rest) for method, path, *rest in table])


# ---- secret ids -------------------------------------------------------------------------

def test_a_secret_id(methods):
    role = Role(methods)
    made = role.secret(metadata=json.dumps({'host': 'b7', 'role_name': 'other'}))
    assert set(made) == {'secret_id', 'secret_id_accessor', 'secret_id_num_uses', 'secret_id_ttl'}
    assert UUID.fullmatch(made['secret_id']) and UUID.fullmatch(made['secret_id_accessor'])
    assert made['secret_id'] != made['secret_id_accessor']
    assert (made['secret_id_num_uses'], made['secret_id_ttl']) == (0, 0)
    by_accessor, by_text = role.lookup(made), role.api.post(role.path('secret-id/lookup'), {'secret_id': made['secret_id']})
    assert by_accessor.status == by_text.status == 200
    assert by_accessor.data == by_text.data
    told = by_text.data
    assert {k: v for k, v in told.items() if not k.endswith('_time')} == {
        'secret_id_accessor': made['secret_id_accessor'], 'secret_id_num_uses': 0, 'secret_id_ttl': 0,
        'metadata': {'host': 'b7', 'role_name': 'other'}, 'cidr_list': [], 'token_bound_cidrs': []}
    assert told['creation_time'] == told['last_updated_time']
    assert told['expiration_time'] == '0001-01-01T00:00:00Z'
    assert role.api.list(role.path('secret-id')).data == {'keys': [made['secret_id_accessor']]}
    assert made['secret_id'] not in by_accessor.body


def test_a_login(methods):
    role = Role(methods, token_policies='web', token_ttl='20m')
    secret = role.secret(metadata=json.dumps({'host': 'b7', 'role_name': 'other'}))
    got = role.login(secret['secret_id'])
    assert got.status == 200 and got.data is None
    auth = got.json['auth']
    told = {k: auth[k] for k in ('policies', 'token_policies', 'metadata', 'lease_duration', 'renewable', 'token_type', 'orphan')}
    assert told == {'policies': ['default', 'web'], 'token_policies': ['default', 'web'],
                    'metadata': {'role_name': role.name, 'host': 'b7'}, 'lease_duration': 1200, 'renewable': True,
                    'token_type': 'service', 'orphan': True}
    token = methods.api(auth['client_token']).get('auth/token/lookup-self').data
    assert (token['display_name'], token['path']) == ('approle', 'auth/approle/login')
    assert token['meta'] == {'role_name': role.name, 'host': 'b7'}
    # No limit of uses: again.
    assert role.login(secret['secret_id']).status == 200


def test_refused_logins(methods):
    role, other = Role(methods), Role(methods)
    right, others = role.secret()['secret_id'], other.secret()['secret_id']
    accessor = role.secret()['secret_id_accessor']
    anybody = methods.api(None)
    run(anybody, [
        ('POST', 'auth/approle/login', {}, 400, 'missing role_id'),
        ('POST', 'auth/approle/login', {'role_id': ''}, 400, 'missing role_id'),
        ('POST', 'auth/approle/login', {'secret_id': right}, 400, 'missing role_id'),
        ('POST', 'auth/approle/login', {'role_id': role.role_id}, 400, 'missing secret_id'),
        ('POST', 'auth/approle/login', {'role_id': 'nosuch'}, 400, 'missing secret_id'),
        ('POST', 'auth/approle/login', {'role_id': 'nosuch', 'secret_id': right}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.name, 'secret_id': right}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.role_id.upper(), 'secret_id': right}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.role_id, 'secret_id': others}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.role_id, 'secret_id': accessor}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.role_id, 'secret_id': right.upper()}, 400, REFUSED),
        ('POST', 'auth/approle/login', {'role_id': role.role_id, 'secret_id': right.replace('-', '')}, 400, REFUSED),
        ('GET', 'auth/approle/login', None, 405, 'unsupported operation')])
    assert role.login(right).status == 200


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


WISHES = [
    ({'ttl': '5m', 'num_uses': 2}, 200, {'secret_id_ttl': 300, 'secret_id_num_uses': 2}),
    ({'ttl': 0, 'num_uses': 0}, 200, {'secret_id_ttl': 600, 'secret_id_num_uses': 4}),
    ({'ttl': '', 'num_uses': ''}, 200, {'secret_id_ttl': 600, 'secret_id_num_uses': 4}),
    ({'ttl': '11m'}, 400, "ttl cannot be longer than the role's secret_id_ttl"),
    ({'ttl': -5}, 400, None),
    ({'num_uses': 5}, 400, "num_uses cannot be higher than the role's secret_id_num_uses"),
    ({'num_uses': -1}, 400, None),
    ({'metadata': '{"a":"b","c":""}'}, 200, None),
    ({'metadata': '{}'}, 200, None),
    ({'metadata': 'host=b7'}, 400, 'failed to parse metadata: not JSON'),
    ({'metadata': '["a"]'}, 400, 'failed to parse metadata: not an object'),
    ({'metadata': '{"a":5}'}, 400, 'failed to parse metadata: a value that is no text'),
    ({'metadata': '{"a":{"b":"c"}}'}, 400, 'failed to parse metadata: a value that is no text'),
    ({'metadata': '{"a":"b"'}, 400, 'failed to parse metadata: not JSON'),
    ({'metadata': '{"a":"b","a":"c"}'}, 400, 'failed to parse metadata: not JSON'),
    ({'cidr_list': '10.1.0.0/16,10.2.3.4'}, 200, None),
    ({'cidr_list': '10.0.0.0/8'}, 200, None),
    ({'cidr_list': '10.0.0.0/7'}, 400, "CIDR blocks in 'cidr_list' of the secret ID should be a subset of those of the role"),
    ({'cidr_list': '10.1.0.0/16,11.0.0.1'}, 400,
     "CIDR blocks in 'cidr_list' of the secret ID should be a subset of those of the role"),
    ({'cidr_list': '::ffff:10.1.2.3'}, 200, None),
    ({'cidr_list': 'nope'}, 400, None),
    ({'token_bound_cidrs': '192.168.7.0/24'}, 200, None),
    ({'token_bound_cidrs': '192.168.0.0/15'}, 400,
     "CIDR blocks in 'token_bound_cidrs' of the secret ID should be a subset of those of the role"),
    ({'token_bound_cidrs': '192.168.0.0/33'}, 400, None),
]


def test_wishes_within_those_of_the_role(methods):
    role = Role(methods, secret_id_ttl='10m', secret_id_num_uses=4, secret_id_bound_cidrs='10.0.0.0/8',
                token_bound_cidrs='192.168.0.0/16')
    run(role.api, [('POST', role.path('secret-id'), *case) for case in WISHES])
    # A custom one has the same limits.
    run(role.api, [('POST', role.path('custom-secret-id'), {**body, 'secret_id': f'custom-{i}'}, *rest)
                   for i, (body, *rest) in enumerate(WISHES)])


def test_a_lifetime_beyond_the_mounts_is_cut(methods):
    role = Role(methods, secret_id_ttl='1000h')
    assert role.secret()['secret_id_ttl'] == 768 * 3600


def test_a_role_that_binds_no_secret_id(methods):
    role = Role(methods, bind_secret_id=False, token_bound_cidrs='127.0.0.0/8')
    run(role.api, [('POST', role.path('secret-id'), {}, 400, 'bind_secret_id is not set on the role'),
                   ('POST', role.path('custom-secret-id'), {'secret_id': 'x'}, 400, 'bind_secret_id is not set on the role')])
    assert role.login().status == 200
    assert role.login('anything').status == 200


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
    run(role.api, [('POST', path, {}, 400, 'missing secret_id'), ('POST', path, {'secret_id': ''}, 400, 'missing secret_id'),
                   ('POST', path, {'secret_id': 'x' * 1025}, 400, None)])


def test_look_up_and_destroy(methods):
    role, other = Role(methods), Role(methods)
    one, two, three, theirs = role.secret(), role.secret(), role.secret(), other.secret()
    unknown = '0f3a5f5c-9bd5-4b9c-8b0e-6d0f4e7a1c11'
    none = 'failed to find accessor entry for secret_id_accessor'
    by_id, by_accessor = role.path('secret-id'), role.path('secret-id-accessor')
    run(role.api, [
        ('POST', f'{by_id}/lookup', {}, 400, 'missing secret_id'),
        ('POST', f'{by_id}/destroy', {}, 400, 'missing secret_id'),
        ('DELETE', f'{by_id}/destroy', None, 400, 'missing secret_id'),
        ('POST', f'{by_accessor}/lookup', {}, 400, 'missing secret_id_accessor'),
        ('POST', f'{by_accessor}/destroy', {}, 400, 'missing secret_id_accessor'),
        ('DELETE', f'{by_accessor}/destroy', None, 400, 'missing secret_id_accessor'),
        ('POST', f'{by_id}/lookup', {'secret_id': unknown}, 204, None),
        ('POST', f'{by_id}/destroy', {'secret_id': unknown}, 204, None),
        ('POST', f'{by_accessor}/lookup', {'secret_id_accessor': unknown}, 404, none),
        ('POST', f'{by_accessor}/destroy', {'secret_id_accessor': unknown}, 404, none),
        ('POST', f'{by_accessor}/destroy', {'secret_id_accessor': one['secret_id']}, 404, none),
        # L09: what is another role's is nobody's here.
        ('POST', f'{by_id}/lookup', {'secret_id': theirs['secret_id']}, 204, None),
        ('POST', f'{by_id}/destroy', {'secret_id': theirs['secret_id']}, 204, None),
        *[(method, f'{by_accessor}/{what}', {'secret_id_accessor': theirs['secret_id_accessor']}, 404,
           none) for method, what in (('POST', 'lookup'), ('POST', 'destroy'))],
        ('DELETE', f'{by_accessor}/destroy?secret_id_accessor={theirs["secret_id_accessor"]}', None, 404, None),
        ('POST', f'{other.path("secret-id")}/lookup', {'secret_id': theirs['secret_id']}, 200, None),
        ('POST', f'{by_id}/destroy', {'secret_id': one['secret_id']}, 204, None),
        ('POST', f'{by_accessor}/destroy', {'secret_id_accessor': two['secret_id_accessor']}, 204, None),
        ('DELETE', f'{by_id}/destroy?secret_id={three["secret_id"]}', None, 204, None),
        ('LIST', by_id, None, 404, empty),
        ('LIST', other.path('secret-id'), None, 200, only({'keys': [theirs['secret_id_accessor']]}))])
    for gone in (one, two, three):
        assert role.login(gone['secret_id']).errors == [REFUSED]
    assert other.login(theirs['secret_id']).status == 200


def test_secret_ids_of_no_role(methods):
    none, text = 'auth/approle/role/none', 'role "none" does not exist'
    accessor = {'secret_id_accessor': 'x'}
    run(methods.api(), [
        ('LIST', f'{none}/secret-id', None, 400, text), ('POST', f'{none}/secret-id', {}, 404, text),
        ('POST', f'{none}/custom-secret-id', {'secret_id': 'x'}, 404, text),
        ('POST', f'{none}/secret-id/lookup', {'secret_id': 'x'}, 404, text),
        ('POST', f'{none}/secret-id/destroy', {'secret_id': 'x'}, 404, text),
        ('POST', f'{none}/secret-id-accessor/lookup', accessor, 404, text),
        ('POST', f'{none}/secret-id-accessor/destroy', accessor, 404, text)])


def test_an_expired_secret_id_is_gone(methods):
    role = Role(methods)
    short, long = role.secret(ttl=1), role.secret(ttl=600)
    assert role.lookup(long).data['secret_id_ttl'] == 600
    wait_for(lambda: role.lookup(short).status == 404, 'the secret id expires')
    assert role.login(short['secret_id']).errors == [REFUSED]
    assert role.login(long['secret_id']).status == 200
    wait_for(lambda: role.api.list(role.path('secret-id')).data['keys'] == [long['secret_id_accessor']], 'its row goes')


# ---- addresses ------------------------------------------------------------------------------

OF_ID = 'source address unauthorized by CIDR restrictions on the secret ID'
OF_ROLE = 'source address unauthorized by CIDR restrictions on the role'


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
    assert (got.status, got.errors) == (500, [wrapped('failed to renew entry: policies have changed, not renewing')])
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


def test_tidy(methods):
    role = Role(methods)
    kept = role.secret()
    got = role.api.post('auth/approle/tidy/secret-id')
    assert (got.status, got.json['warnings'][0][:40]) == (202, 'Tidy operation successfully started. Any')
    assert role.login(kept['secret_id']).status == 200


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
