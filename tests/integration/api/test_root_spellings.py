"""L04: no spelling of a reserved policy name gets past the check."""
import pytest

from support.figures import figure
from support.good import ISSUER, JWT_ROLE
from support.keys import SshKey
from support.routes import all_routes, enable_methods
from support.tokens import claims

# Fields whose values become policies of a token.
POLICY_FIELDS = {'policies', 'token_policies', 'allowed_policies', 'identity_policies'}
SPELLINGS = ['root', 'Root', 'ROOT', 'rOOt', ' root', 'root ', '\troot', 'root\n', '\r\nroot', '  ROOT  ', '\x0broot',
             'root\x0c', 'RooT\t', ' \t root', 'root\t\n']
ODD = ['r\u014d\u014dt', 'ro\u200bot', '\u00a0root', 'root\u00a0', 'root\x00', '\uff52\uff4f\uff4f\uff54', 'root/', '/root',
       'root,default', './root', '../root', 'r oot', 'root;', '"root"', "'root'", '\ufeffroot', 'root\u0301', 'ro\u00f6t',
       'root.', 'root%20', 'r\u200coot', '\u0072oot\u200d', '\u2028root', 'root%00', 'root\\']


SSH_KEY = None
WALKER = {'role_id': 'walker'}  # a login that no policy hangs on, but the entity's and its groups'


@pytest.fixture(scope='module', autouse=True)
def logins(shared, tmp_path_factory):
    """What the ways below log in with; a password is hashed once, which takes its time."""
    global SSH_KEY
    SSH_KEY = SshKey(tmp_path_factory.mktemp('keys'), 'key')
    enable_methods(shared)
    api = shared.api()
    assert api.post('auth/userpass/users/route-walk', {'password': 'right'}).status == 204
    assert api.post('auth/approle/role/walker', WALKER).status == 204
    WALKER['secret_id'] = api.post('auth/approle/role/walker/secret-id').data['secret_id']


@pytest.fixture(scope='module')
def sudo(shared):
    """May create tokens with any policies, yet is not root."""
    return shared.token_with('path "auth/*" { capabilities = ["create", "update", "sudo"] }\n'
                             'path "identity/*" { capabilities = ["create", "update"] }')


def by_token(api, path, fields):
    return api.post(path, {**fields, 'ttl': '1h'})


def by_token_role(api, path, fields):
    """A token of the role that allows these policies, asked for by name and not."""
    written = api.post(path, fields)
    if written.status >= 400:
        return written
    asked = api.post('auth/token/create/route-walk', {'policies': ['root'], 'ttl': '1h'})
    return asked if asked.status == 200 else api.post('auth/token/create/route-walk', {'ttl': '1h'})


def by_userpass(api, path, fields):
    """A token of the user who was given these policies."""
    written = api.post(path, {**fields, 'token_ttl': '1h'})
    return written if written.status >= 400 else api.post('auth/userpass/login/route-walk', {'password': 'right'})


def by_approle(api, path, fields):
    """A token of the role that was given these policies."""
    role = 'auth/approle/role/route-walk'
    assert api.post(role, {'role_id': 'walk'}).status == 204
    written = api.post(path, {**fields, 'token_ttl': '1h'})
    secret = api.post(f'{role}/secret-id').data['secret_id']
    return written if written.status >= 400 else api.post('auth/approle/login', {'role_id': 'walk', 'secret_id': secret})


def by_jwt(api, path, fields):
    """A token of the role that was given these policies."""
    assert api.post('auth/jwt/config', {'jwt_validation_pubkeys': ISSUER.pem}).status == 204
    written = api.post(path, {**JWT_ROLE, **fields, 'token_ttl': '1h'})
    return written if written.status >= 400 else api.post('auth/jwt/login', {'role': 'route-walk', 'jwt': ISSUER.sign(claims())})


def by_role_of_tokens(api, path, fields):
    """A token that is asked for by a role which allows all of them."""
    assert api.post('auth/token/roles/route-walk', {'allowed_policies': 'root,web', 'disallowed_policies': ''}).status == 204
    return api.post('auth/token/create/route-walk', {**fields, 'ttl': '1h'})


def by_ssh(api, path, fields):
    """A token of the role that was given these policies."""
    written = api.post(path, {'public_keys': [SSH_KEY.public], **fields, 'token_ttl': '1h'})
    asked = api.post('auth/ssh/challenge', {'public_key': SSH_KEY.public}).data
    return written if written.status >= 400 else api.post('auth/ssh/login', {
        'role': 'route-walk', 'nonce': asked['nonce'], 'signature': SSH_KEY.sign(asked['namespace'], asked['message'])})


def by_identity(api, path, fields):
    """A token of the entity, or of a member of the group, that was given these policies."""
    log_in = lambda: api.post('auth/approle/login', WALKER)
    entity = log_in().json['auth']['entity_id']
    if '/group' in path:
        group = api.post('identity/group/name/route-walk', {'member_entity_ids': [entity]}).data['id']
        fields = {**fields, **({} if '/name/' in path else {'name': 'route-walk'})}
        path = path.replace('id/route-walk', f'id/{group}')
    else:
        fields = fields if '/name/' in path else {**fields, 'name': 'route-walk'}
        assert api.post(f'identity/entity/id/{entity}', {'name': 'route-walk'}).status == 204
        path = path.replace('id/route-walk', f'id/{entity}')
    written = api.post(path, fields)
    return written if written.status >= 400 else log_in()


# How a policy that was written comes to be a token's.
WAYS = {'auth/token/roles/': (by_token_role, 4), 'auth/token/create/': (by_role_of_tokens, 4),
        'auth/token/': (by_token, 4), 'auth/userpass/': (by_userpass, 1), 'auth/approle/': (by_approle, 4), 'auth/jwt/': (by_jwt, 2),
        'auth/ssh/': (by_ssh, 1), 'identity/': (by_identity, 1)}


# Their logins want TLS, or a cluster: test_no_login_gives_root in their own files.
ELSEWHERE = ('auth/cert/', 'auth/kubernetes/')


def takes_policies(server):
    """(path, field) of each field of the table that names policies of a new token."""
    return [(one.path(), field) for one in all_routes(server) for field in one.fields
            if one.method == 'POST' and field in POLICY_FIELDS and not one.path().startswith(ELSEWHERE)]


def test_no_spelling_makes_a_root_token(shared, sudo):
    """In every field that takes policies, alone and beside others, as a list and as one text."""
    fields, tries, wrong = takes_policies(shared), 0, []
    assert {path for path, _ in fields} >= {'auth/token/create', 'auth/token/create-orphan'}
    assert len(SPELLINGS + ODD) >= 40
    for path, field in fields:
        make, n_forms = next(way for start, way in WAYS.items() if path.startswith(start))
        usual = make(shared.api(sudo), path, {field: ['web']})
        # A role that allows root allows nothing else.
        assert make is by_role_of_tokens or 'web' in usual.json['auth']['policies'], (path, field, usual)
        for name in SPELLINGS + ODD:
            for value in ([name], name, ['default', name], [name, name])[:n_forms]:
                got = make(shared.api(sudo), path, {field: value})
                tries += 1
                if got.status == 200 and is_root(shared, got.json['auth']) or got.status not in (200, 400):
                    wrong.append((path, value, got))
    figure('L04', tries, len(wrong), 'spellings')
    assert wrong == []


def is_root(server, auth):
    return 'root' in auth['policies'] or server.api(auth['client_token']).get('sys/mounts').status != 403


@pytest.mark.parametrize('name', ['root', 'Root', 'ROOT', 'rOOT'])
def test_root_is_neither_written_nor_deleted(shared, name):
    api = shared.api()
    for path in (f'sys/policies/acl/{name}', f'sys/policy/{name}'):
        got = api.put(path, {'policy': 'path "*" { capabilities = ["read"] }'})
        assert (got.status, got.errors) == (400, ['cannot update "root" policy'])
        got = api.delete(path)
        assert (got.status, got.errors) == (400, ['cannot delete "root" policy'])
    assert api.get(f'sys/policies/acl/{name}').data == {'name': 'root', 'policy': ''}


@pytest.mark.parametrize('name', ['%20root', 'root%20', '..%2froot', 'root%2f', 'ro%C3%B6t', '-root', 'root-', '%72oot%09'])
def test_an_odd_policy_name_is_refused(shared, name):
    api = shared.api()
    assert api.put(f'sys/policies/acl/{name}', {'policy': 'path "*" { capabilities = ["sudo"] }'}).status in (400, 404)
    assert 'root' == api.list('sys/policies/acl').data['keys'][-1]
