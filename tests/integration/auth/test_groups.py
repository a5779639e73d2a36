"""External groups: what a jwt login's groups_claim says is who is in them (core-api 6.6, 6.7)."""
import json

import pytest

from support.tokens import Key, claims, key_set

KEY = Key('ES256', kid='k1')
ROLE = {'user_claim': 'user', 'bound_audiences': 'sallyport', 'token_policies': 'web', 'groups_claim': 'groups'}
GONE = "the group of an alias cannot be changed; delete it and make another"


def issuer(method):
    one = method('jwt')
    one.write('config', jwt_validation_pubkeys=[json.dumps(key_set(KEY))])
    one.write('role/ci', **ROLE)
    one.write('role/plain', **{**ROLE, 'groups_claim': ''})
    one.accessor = one.api.get('sys/auth').data[one.path[len('auth/'):] + '/']['accessor']
    return one


@pytest.fixture
def jwt(method):
    return issuer(method)


def log_in(jwt, groups, user='bob', role='ci'):
    got = jwt.login(role=role, jwt=KEY.sign(claims(user=user, groups=groups)))
    assert got.status == 200, got
    return got.json['auth']


def external(jwt, name, alias, policies=()):
    """A new external group of these policies under the alias; (its id, its alias's id)."""
    group = jwt.api.post('identity/group', {'name': f'{jwt.path[5:]}-{name}', 'type': 'external', 'policies': list(policies)}).data['id']
    made = jwt.api.post('identity/group-alias', {'name': alias, 'mount_accessor': jwt.accessor, 'canonical_id': group})
    assert made.status == 200 and made.data['canonical_id'] == group, made
    return group, made.data['id']


def members(jwt, group):
    return jwt.api.get(f'identity/group/id/{group}').data['member_entity_ids']


def policies(jwt, auth):
    seen = jwt.api.post('auth/token/lookup', {'token': auth['client_token']}).data
    return seen['policies'], seen.get('identity_policies', [])


def test_a_login_is_in_the_groups_that_it_names(jwt):
    dev, _ = external(jwt, 'dev', 'dev', ['deploy'])
    ops, _ = external(jwt, 'ops', 'Ops Team/1', ['restart'])
    auth = log_in(jwt, ['dev', 'Ops Team/1', 'nobody-made-this', 'dev'])
    assert auth['identity_policies'] == ['deploy', 'restart']
    assert auth['token_policies'] == ['default', 'web']
    assert auth['policies'] == ['default', 'deploy', 'restart', 'web']
    assert members(jwt, dev) == members(jwt, ops) == [auth['entity_id']]
    entity = jwt.api.get(f'identity/entity/id/{auth["entity_id"]}').data
    assert sorted(entity['direct_group_ids']) == sorted([dev, ops])


def test_the_next_login_takes_it_out_again_for_every_token(jwt):
    dev, _ = external(jwt, 'dev', 'dev', ['deploy'])
    first = log_in(jwt, 'dev')
    assert policies(jwt, first)[1] == ['deploy']
    second = log_in(jwt, ['other'])
    assert 'identity_policies' not in second
    assert policies(jwt, first)[1] == policies(jwt, second)[1] == []
    assert members(jwt, dev) == []
    assert log_in(jwt, ['dev'])['identity_policies'] == ['deploy']
    # A role that is told of no groups proves none.
    assert 'identity_policies' not in log_in(jwt, ['dev'], role='plain')
    assert members(jwt, dev) == []


def test_names_are_taken_byte_for_byte(jwt):
    dev, _ = external(jwt, 'dev', 'dev', ['deploy'])
    for other in ('Dev', 'dev ', ' dev', 'dev/', 'de', 'dev2'):
        assert 'identity_policies' not in log_in(jwt, [other])
    assert members(jwt, dev) == []


def test_another_mounts_groups_stay_as_they_are(jwt, method):
    """The same entity by aliases of two mounts: each mount speaks for its own groups."""
    other = issuer(method)
    mine, _ = external(jwt, 'one', 'dev', ['deploy'])
    theirs, _ = external(other, 'two', 'dev', ['restart'])
    entity = log_in(jwt, ['dev'])['entity_id']
    assert jwt.api.post('identity/entity-alias', {
        'name': 'bob', 'mount_accessor': other.accessor, 'canonical_id': entity}).status == 200
    assert log_in(other, ['dev'])['entity_id'] == entity
    assert log_in(other, ['dev'])['identity_policies'] == ['deploy', 'restart']
    assert log_in(jwt, [])['identity_policies'] == ['restart']
    assert (members(jwt, mine), members(jwt, theirs)) == ([], [entity])


def test_internal_groups_are_not_for_logins(jwt):
    """Neither left nor joined; an external group may be a member of one."""
    auth = log_in(jwt, ['dev'])
    name = f'{jwt.path[5:]}-crew'
    crew = jwt.api.post('identity/group', {'name': name, 'policies': ['crew'], 'member_entity_ids': [auth['entity_id']]}).data['id']
    assert log_in(jwt, [name])['identity_policies'] == ['crew']
    dev, _ = external(jwt, 'dev', 'dev', ['deploy'])
    above = jwt.api.post('identity/group', {'name': f'{name}-above', 'policies': ['above'], 'member_group_ids': [dev]}).data['id']
    assert log_in(jwt, ['dev'])['identity_policies'] == ['above', 'crew', 'deploy']
    assert jwt.api.get(f'identity/entity/id/{auth["entity_id"]}').data['inherited_group_ids'] == [above]
    assert log_in(jwt, [])['identity_policies'] == ['crew']
    assert members(jwt, crew) == [auth['entity_id']]


def test_members_are_for_logins_alone(jwt):
    dev, _ = external(jwt, 'dev', 'dev', ['deploy'])
    entity = log_in(jwt, ['dev'])['entity_id']
    path = f'identity/group/id/{dev}'
    got = jwt.api.post(path, {'member_entity_ids': [entity]})
    assert (got.status, got.errors) == (400, ["member entities can't be set manually for external groups"])
    got = jwt.api.post(path, {'member_group_ids': [dev]})
    assert (got.status, got.errors) == (400, ["member groups can't be set for external groups"])
    # What else it has can be changed while somebody is in it.
    assert jwt.api.post(path, {'policies': ['other']}).status == 200
    assert members(jwt, dev) == [entity]
    assert policies(jwt, log_in(jwt, ['dev']))[1] == ['other']


@pytest.mark.parametrize('end', ['alias', 'rename', 'group', 'entity'])
def test_what_ends_ends_for_its_members_at_once(jwt, end):
    dev, alias = external(jwt, 'dev', 'dev', ['deploy'])
    auth = log_in(jwt, ['dev'])
    if end == 'alias':
        assert jwt.api.delete(f'identity/group-alias/id/{alias}').status == 204
    elif end == 'rename':
        assert jwt.api.post(f'identity/group-alias/id/{alias}', {'name': 'dev2'}).status == 200
    elif end == 'group':
        assert jwt.api.delete(f'identity/group/id/{dev}').status == 204
        assert jwt.api.get(f'identity/group-alias/id/{alias}').status == 404
    else:
        assert jwt.api.delete(f'identity/entity/id/{auth["entity_id"]}').status == 204
    if end != 'group':
        assert members(jwt, dev) == []
    if end != 'entity':
        assert policies(jwt, auth) == (['default', 'web'], [])
        assert 'identity_policies' not in log_in(jwt, ['dev'])
    if end == 'rename':
        assert log_in(jwt, ['dev2'])['identity_policies'] == ['deploy']
    if end == 'group':
        # The name is free for another.
        external(jwt, 'new', 'dev')


def test_group_aliases_are_read_and_listed(jwt):
    dev, alias = external(jwt, 'dev', 'dev')
    shown = jwt.api.get(f'identity/group-alias/id/{alias}').data
    assert (shown['id'], shown['canonical_id'], shown['name'], shown['mount_accessor'], shown['mount_path'], shown['mount_type']) == (
        alias, dev, 'dev', jwt.accessor, jwt.path + '/', 'jwt')
    assert jwt.api.get(f'identity/group/id/{dev}').data['alias'] == shown
    listed = jwt.api.list('identity/group-alias/id').data
    assert alias in listed['keys'] and listed['key_info'][alias]['canonical_id'] == dev
    assert jwt.api.delete(f'identity/group-alias/id/{alias}').status == 204
    assert jwt.api.delete(f'identity/group-alias/id/{alias}').status == 204
    assert jwt.api.get(f'identity/group-alias/id/{alias}').status == 404
    assert jwt.api.get(f'identity/group/id/{dev}').data['alias'] == {}


def test_an_alias_without_a_group_makes_one(jwt):
    made = jwt.api.post('identity/group-alias', {'name': 'fresh', 'mount_accessor': jwt.accessor}).data
    group = jwt.api.get(f'identity/group/id/{made["canonical_id"]}').data
    assert (group['type'], group['alias']['id']) == ('external', made['id'])
    assert members(jwt, made['canonical_id']) == []


WRITES = [
    ({}, 'missing alias name'),
    ({'name': 'x'}, 'missing mount_accessor'),
    ({'name': 'x', 'mount_accessor': 'nope'}, 'invalid mount accessor "nope"'),
    ({'name': 'x', 'mount_accessor': 'SECRETS'}, 'invalid mount accessor "SECRETS"'),
    ({'name': 'x', 'mount_accessor': 'MINE', 'canonical_id': 'no'}, "invalid group ID given in 'canonical_id'"),
    ({'name': 'x', 'mount_accessor': 'MINE', 'canonical_id': 'INTERNAL'}, "alias can't be set on an internal group"),
    ({'name': 'x', 'mount_accessor': 'MINE', 'canonical_id': 'DEV'}, 'this group has an alias already; delete it first'),
    ({'name': 'dev', 'mount_accessor': 'MINE'}, 'combination of mount and group alias name is already in use'),
    ({'name': 'dev', 'mount_accessor': 'MINE', 'canonical_id': 'FREE'}, 'combination of mount and group alias name is already in use'),
    ({'id': 'no', 'name': 'y'}, 'invalid group alias ID'),
    ({'id': 'ALIAS', 'name': 'taken'}, 'combination of mount and group alias name is already in use'),
    ({'id': 'ALIAS', 'canonical_id': 'FREE'}, GONE),
    ({'id': 'ALIAS', 'mount_accessor': 'SECRETS'}, GONE.replace('group', 'mount')),
    ({'id': 'ALIAS', 'name': 'dev', 'mount_accessor': 'MINE', 'canonical_id': 'DEV'}, None),
    ({'id': 'ALIAS'}, None),
]


@pytest.mark.parametrize('body, text', WRITES)
def test_writes_are_answered_as_documented(jwt, body, text):
    dev, alias = external(jwt, 'dev', 'dev')
    external(jwt, 'taken', 'taken')
    names = {'MINE': jwt.accessor, 'SECRETS': jwt.api.get('sys/mounts').data['cubbyhole/']['accessor'], 'DEV': dev, 'ALIAS': alias,
             'FREE': jwt.api.post('identity/group', {'name': f'{jwt.path[5:]}-free', 'type': 'external'}).data['id'],
             'INTERNAL': jwt.api.post('identity/group', {'name': f'{jwt.path[5:]}-internal'}).data['id']}
    got = jwt.api.post('identity/group-alias', {key: names.get(value, value) for key, value in body.items()})
    if text is None:
        assert got.status == 204, got
    else:
        assert (got.status, got.errors) == (400, [names['SECRETS'].join(text.split('SECRETS'))]), got
    assert jwt.api.get(f'identity/group-alias/id/{alias}').data['name'] == 'dev'
