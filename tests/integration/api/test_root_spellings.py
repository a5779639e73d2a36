"""L04, L08: no spelling of a reserved policy name gets past the check."""
import pytest

SPELLINGS = ['root', 'Root', 'ROOT', 'rOOt', ' root', 'root ', '\troot', 'root\n', '\r\nroot', '  ROOT  ', '\x0broot',
             'root\x0c', 'RooT\t', ' \t root', 'root\t\n']
ODD = ['r\u014d\u014dt', 'ro\u200bot', '\u00a0root', 'root\u00a0', 'root\x00', '\uff52\uff4f\uff4f\uff54', 'root/', '/root',
       'root,default', './root', '../root', 'r oot', 'root;', '"root"', "'root'", '\ufeffroot', 'root\u0301', 'ro\u00f6t',
       'root.', 'root%20', 'r\u200coot', '\u0072oot\u200d', '\u2028root', 'root%00', 'root\\']


@pytest.fixture(scope='module')
def sudo(shared):
    """May create tokens with any policies, yet is not root."""
    return shared.token_with('path "auth/token/*" { capabilities = ["create", "update", "sudo"] }')


@pytest.mark.parametrize('name', SPELLINGS + ODD)
@pytest.mark.parametrize('path', ['auth/token/create', 'auth/token/create-orphan'])
def test_no_spelling_makes_a_root_token(shared, sudo, name, path):
    got = shared.api(sudo).post(path, {'policies': [name], 'ttl': '1h'})
    if got.status == 200:
        auth = got.json['auth']
        assert 'root' not in auth['policies']
        assert shared.api(auth['client_token']).get('sys/mounts').status == 403
    else:
        assert got.status == 400


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
