"""identity/ and what it does to logins and requests (core-api 4.4, 6.7)."""
import re
import threading

import pytest

from support import audit
from support.server import Server

READ = 'path "%s" { capabilities = ["read"] }\n'


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    one.enable_audit()
    api = one.api()
    for name in ('people', 'staff'):
        assert api.post(f'sys/auth/{name}', {'type': 'userpass'}).status == 204
    yield one
    one.clean()


@pytest.fixture(scope='module')
def api(server):
    return server.api()


def accessor(api, mount='people'):
    return api.get('sys/auth').data[f'{mount}/']['accessor']


def login(server, user, mount='people', policies=(), password='correct horse'):
    """A new user logs in; the answer."""
    server.api().post(f'auth/{mount}/users/{user}', {'password': password, 'token_policies': list(policies)})
    return server.api(None).post(f'auth/{mount}/login/{user}', {'password': password})


def logged_in(server, user, **more):
    got = login(server, user, **more)
    assert got.status == 200, got
    return got.json['auth']


def policy(api, name, text):
    assert api.put(f'sys/policies/acl/{name}', {'policy': text}).status == 204


# ---- entities -------------------------------------------------------------

def test_a_login_makes_its_entity_once(server, api):
    first, second = logged_in(server, 'ann'), logged_in(server, 'ann')
    assert first['entity_id'] == second['entity_id']
    entity = api.get(f'identity/entity/id/{first["entity_id"]}').data
    assert re.fullmatch('entity_[0-9a-f]{8}', entity['name'])
    assert (entity['disabled'], entity['policies'], entity['namespace_id']) == (False, [], 'root')
    alias, = entity['aliases']
    assert (alias['name'], alias['mount_accessor'], alias['mount_type'], alias['mount_path'], alias['canonical_id']) == (
        'ann', accessor(api), 'userpass', 'auth/people/', first['entity_id'])
    assert logged_in(server, 'ann', mount='staff')['entity_id'] != first['entity_id']


def test_the_token_carries_it_and_so_do_its_children(server, api):
    auth = logged_in(server, 'carl', policies=['default', 'maker'])
    policy(api, 'maker', 'path "auth/token/create" { capabilities = ["update"] }')
    assert api.post('auth/token/lookup', {'token': auth['client_token']}).data['entity_id'] == auth['entity_id']
    child = server.api(auth['client_token']).post('auth/token/create', {}).json['auth']
    assert child['entity_id'] == auth['entity_id']
    orphan = api.post('auth/token/create-orphan', {}).json['auth']
    assert orphan['entity_id'] == ''


WRITES = [
    ('identity/entity', {'name': 'w1', 'metadata': {'team': 'x'}, 'policies': ['B', ' a ', 'b']}, 200, None),
    ('identity/entity', {'name': 'W1'}, 204, None),
    ('identity/entity/name/w1', {'disabled': False}, 204, None),
    ('identity/entity', {'id': 'no-such'}, 400, 'entity not found from id'),
    ('identity/entity/id/no-such', {'name': 'a'}, 400, 'entity not found from id'),
    ('identity/entity', {'name': 'a b'}, 400, 'invalid name "a b"'),
    ('identity/entity', {'name': '../a'}, 400, 'invalid name "../a"'),
    ('identity/entity', {'name': 'a..b'}, 400, 'invalid name "a..b"'),
    ('identity/entity', {'name': 'a*'}, 400, 'invalid name "a*"'),
    ('identity/entity', {'name': 'w2', 'policies': ['Root']}, 400, 'policies cannot contain root'),
    ('identity/entity', {'name': 'w2', 'metadata': {'k': 'v' * 513}}, 400, 'metadata "k" is too long'),
    ('identity/entity', {'name': 'w2', 'metadata': {f'k{i}': 'v' for i in range(65)}}, 400, 'metadata has more than 64 keys'),
    ('identity/entity-alias', {}, 400, 'missing alias name'),
    ('identity/entity-alias', {'name': 'x'}, 400, 'missing mount_accessor'),
    ('identity/entity-alias', {'name': 'x', 'mount_accessor': 'nope'}, 400, 'invalid mount accessor "nope"'),
    ('identity/entity-alias', {'name': 'x', 'mount_accessor': 'SSH'}, 400, 'invalid mount accessor "%s"'),
    ('identity/entity-alias', {'name': 'x', 'mount_accessor': 'PEOPLE', 'canonical_id': 'no'}, 400, 'invalid canonical ID'),
    ('identity/entity-alias/id/no-such', {'name': 'y'}, 400, 'invalid alias ID'),
    ('identity/group', {'name': 'g', 'type': 'odd'}, 400, 'group type "odd" is invalid'),
    ('identity/group', {'name': 'g', 'member_entity_ids': ['no']}, 400, 'invalid entity ID "no"'),
    ('identity/group', {'name': 'g', 'member_group_ids': ['no']}, 400, 'invalid group ID "no"'),
    ('identity/group', {'name': 'g', 'policies': 'root'}, 400, 'policies cannot contain root'),
    ('identity/group', {'id': 'no-such'}, 400, 'group not found from id'),
    ('identity/group', {'name': 'g', 'type': 'external', 'member_entity_ids': ['no']}, 400,
     "member entities can't be set manually for external groups"),
]


@pytest.mark.parametrize('path, body, status, text', WRITES)
def test_writes_are_answered_as_documented(server, api, path, body, status, text):
    ssh = api.get('sys/mounts').data['ssh/']['accessor']
    body = {k: {'SSH': ssh, 'PEOPLE': accessor(api)}.get(v, v) if isinstance(v, str) else v for k, v in body.items()}
    got = api.post(path, body)
    assert got.status == status, got
    if text:
        assert got.errors == [text % ssh if '%s' in text else text]


@pytest.mark.parametrize('end', ['disable', 'delete'])
def test_without_its_entity_a_token_is_refused(server, api, end):
    user = f'gone-{end}'
    auth = logged_in(server, user)
    mine = server.api(auth['client_token'])
    assert mine.get('auth/token/lookup-self').status == 200
    path = f'identity/entity/id/{auth["entity_id"]}'
    assert (api.post(path, {'disabled': True}) if end == 'disable' else api.delete(path)).status == 204
    got = mine.get('auth/token/lookup-self')
    assert (got.status, got.errors) == (403, ['permission denied'])
    assert api.post('sys/capabilities', {'token': auth['client_token'], 'paths': ['auth/token/lookup-self']}).data[
        'capabilities'] == ['deny']
    again = login(server, user)
    if end == 'disable':
        assert (again.status, again.errors) == (403, ['permission denied'])
        # Such a token does not stand in the way of a login.
        assert server.api(auth['client_token']).post('auth/people/login/ann', {'password': 'correct horse'}).status == 200
        assert api.post(path, {'disabled': False}).status == 204
        assert mine.get('auth/token/lookup-self').status == 200
    else:
        assert again.json['auth']['entity_id'] != auth['entity_id']


# ---- policies -------------------------------------------------------------

def test_policies_of_entity_and_groups_count_at_once(server, api):
    for name in ('of-entity', 'of-group', 'of-parent'):
        policy(api, name, READ % f'ssh/roles/{name}')
        server.write_role(name)
    auth = logged_in(server, 'dora')
    mine, me = server.api(auth['client_token']), auth['entity_id']

    def reads(name):
        return mine.get(f'ssh/roles/{name}').status == 200

    def shown():
        return api.post('auth/token/lookup', {'token': auth['client_token']}).data.get('identity_policies')

    assert not reads('of-entity') and shown() is None
    assert api.post(f'identity/entity/id/{me}', {'policies': ['of-entity']}).status == 204
    assert reads('of-entity') and shown() == ['of-entity']
    group = api.post('identity/group', {'name': 'crew', 'policies': ['of-group'], 'member_entity_ids': [me]}).data
    assert set(group) == {'id', 'name'}
    assert reads('of-group') and shown() == ['of-entity', 'of-group']
    parent = api.post('identity/group', {'name': 'fleet', 'policies': ['of-parent'], 'member_group_ids': [group['id']]}).data
    assert reads('of-parent') and shown() == ['of-entity', 'of-group', 'of-parent']
    entity = api.get(f'identity/entity/id/{me}').data
    assert (entity['direct_group_ids'], entity['inherited_group_ids'], entity['group_ids']) == (
        [group['id']], [parent['id']], [group['id'], parent['id']])
    again = login(server, 'dora').json['auth']
    assert again['identity_policies'] == ['of-entity', 'of-group', 'of-parent']
    assert again['policies'] == sorted(again['token_policies'] + again['identity_policies'])
    assert api.post('identity/group/name/crew', {'member_entity_ids': []}).status == 200
    assert reads('of-entity') and not reads('of-group') and not reads('of-parent')
    assert api.post(f'identity/entity/id/{me}', {'policies': []}).status == 204
    assert not reads('of-entity')


def test_groups_are_read_listed_and_deleted(server, api):
    me = logged_in(server, 'gert')['entity_id']
    inner = api.post('identity/group', {'name': 'inner', 'member_entity_ids': [me], 'metadata': {'a': 'b'}}).data['id']
    outer = api.post('identity/group', {'name': 'outer', 'member_group_ids': [inner]}).data['id']
    shown = api.get('identity/group/name/INNER').data
    assert (shown['id'], shown['type'], shown['member_entity_ids'], shown['parent_group_ids'], shown['metadata']) == (
        inner, 'internal', [me], [outer], {'a': 'b'})
    for member in (outer, inner):
        got = api.post('identity/group/name/inner', {'member_group_ids': [member]})
        assert (got.status, got.errors) == (400, [f'cyclic relationship detected for member group ID "{member}"'])
    got = api.post('identity/group/name/inner', {'type': 'external'})
    assert (got.status, got.errors) == (400, ['group type cannot be changed'])
    assert api.list('identity/group/id').data['key_info'][inner] == {'name': 'inner'}
    assert {'inner', 'outer'} <= set(api.list('identity/group/name').data['keys'])
    assert api.delete(f'identity/group/id/{inner}').status == 204
    assert api.get('identity/group/name/outer').data['member_group_ids'] == []
    assert api.get(f'identity/entity/id/{me}').data['group_ids'] == []
    assert api.delete('identity/group/name/outer').status == 204
    assert api.get('identity/group/name/outer').status == 404
    kept = api.post('identity/group', {'name': 'kept', 'member_entity_ids': [me]}).data['id']
    assert api.delete(f'identity/entity/id/{me}').status == 204
    assert api.get(f'identity/group/id/{kept}').data['member_entity_ids'] == []


# ---- templates ------------------------------------------------------------

def test_templates_are_filled_in_for_who_asks(server, api):
    people = accessor(api)
    text = (READ % 'ssh/roles/{{identity.entity.metadata.team}}'
            + READ % ('ssh/roles/u-{{ identity.entity.aliases.%s.name }}' % people)
            + READ % 'ssh/roles/g-{{identity.groups.names.tgroup.metadata.k}}'
            + READ % 'identity/entity/id/{{identity.entity.id}}')
    policy(api, 'templated', text)
    for name in ('red', 'blue', 'u-eve', 'u-eva', 'g-val'):
        server.write_role(name)
    auth = logged_in(server, 'eve', policies=['templated'])
    mine, me = server.api(auth['client_token']), auth['entity_id']

    def open_roles():
        return [one for one in ('red', 'blue', 'u-eve', 'u-eva', 'g-val') if mine.get(f'ssh/roles/{one}').status == 200]

    assert open_roles() == ['u-eve']
    assert mine.get(f'identity/entity/id/{me}').status == 200
    assert mine.get(f'identity/entity/id/{logged_in(server, "ann")["entity_id"]}').status == 403
    api.post(f'identity/entity/id/{me}', {'metadata': {'team': 'red'}})
    assert open_roles() == ['red', 'u-eve']
    api.post('identity/group', {'name': 'tgroup', 'metadata': {'k': 'val'}, 'member_entity_ids': [me]})
    assert open_roles() == ['red', 'u-eve', 'g-val']
    assert server.api(logged_in(server, 'eva', mount='staff', policies=['templated'])['client_token']).get(
        'ssh/roles/u-eva').status == 403
    # A value that could widen a path ends all that the token may do, until it is mended.
    api.post(f'identity/entity/id/{me}', {'metadata': {'team': '*'}})
    got = mine.get('auth/token/lookup-self')
    assert (got.status, got.errors) == (403, ['permission denied'])
    api.post(f'identity/entity/id/{me}', {'metadata': {}})
    assert open_roles() == ['u-eve', 'g-val']


def test_the_default_policy_opens_the_own_entity(server, api):
    auth = logged_in(server, 'fred')
    mine = server.api(auth['client_token'])
    assert mine.get(f'identity/entity/id/{auth["entity_id"]}').status == 200
    name = api.get(f'identity/entity/id/{auth["entity_id"]}').data['name']
    assert mine.get(f'identity/entity/name/{name}').status == 200
    assert mine.get('identity/entity/name/w1').status == 403
    assert mine.list('identity/entity/id').status == 403


# ---- aliases --------------------------------------------------------------

def test_an_alias_made_beforehand_is_who_logs_in(server, api):
    entity = api.post('identity/entity', {'name': 'hal'}).data['id']
    body = {'name': 'hal', 'mount_accessor': accessor(api), 'canonical_id': entity}
    alias = api.post('identity/entity-alias', body).data
    assert alias['canonical_id'] == entity
    assert api.post('identity/entity-alias', body).status == 204
    assert logged_in(server, 'hal')['entity_id'] == entity
    assert api.get(f'identity/entity-alias/id/{alias["id"]}').data['name'] == 'hal'
    assert api.list('identity/entity-alias/id').data['key_info'][alias['id']]['canonical_id'] == entity
    # Another name: the next login under the old one is somebody else.
    assert api.post(f'identity/entity-alias/id/{alias["id"]}', {'name': 'hal2'}).status == 204
    assert logged_in(server, 'hal')['entity_id'] != entity
    assert logged_in(server, 'hal2')['entity_id'] == entity
    got = api.post(f'identity/entity-alias/id/{alias["id"]}', {'mount_accessor': accessor(api, 'staff')})
    assert got.status == 400 and 'cannot be changed' in got.errors[0]
    assert api.delete(f'identity/entity-alias/id/{alias["id"]}').status == 204
    assert api.get(f'identity/entity-alias/id/{alias["id"]}').status == 404
    assert api.get(f'identity/entity/id/{entity}').data['aliases'] == []
    assert logged_in(server, 'hal2')['entity_id'] != entity


def test_racing_first_logins_make_one_entity(server):
    logged_in(server, 'ann')
    server.api().post('auth/people/users/racer', {'password': 'correct horse'})
    found = []

    def one():
        found.append(server.api(None).post('auth/people/login/racer', {'password': 'correct horse'}).json['auth']['entity_id'])

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8 and len(set(found)) == 1


def test_the_audit_log_says_whose_policies_they_are(server, api):
    policy(api, 'audited', READ % 'ssh/roles/none')
    auth = logged_in(server, 'iris')
    api.post(f'identity/entity/id/{auth["entity_id"]}', {'policies': ['audited']})
    server.api(auth['client_token']).get('ssh/roles/none')
    line = audit.entries(server.audit_directory / 'audit.log')[-1]['auth']
    assert line['identity_policies'] == ['audited'] and line['policies'] == ['audited', 'default']
    assert line['token_policies'] == ['default'] and line['entity_id'] == auth['entity_id']


def test_it_lasts(server, api):
    auth = logged_in(server, 'lasting')
    server.restart()
    assert logged_in(server, 'lasting')['entity_id'] == auth['entity_id']


def test_the_mount_is_there_and_stays(server, api):
    mount = api.get('sys/mounts').data['identity/']
    assert (mount['type'], mount['description'], mount['options']) == ('identity', 'identity store', None)
    assert api.delete('sys/mounts/identity').errors == ['cannot unmount "identity/"']
    assert api.post('sys/mounts/x', {'type': 'identity'}).errors == ['mount type of "identity" is not mountable']
