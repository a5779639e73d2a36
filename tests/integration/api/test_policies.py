"""Policies: what is stored, and what they let through, over HTTP."""
import base64

import pytest

DENIED = '1 error occurred:\n\t* permission denied\n\n'
RULE = 'path "%s" { capabilities = [%s] }\n'


def rule(path, *capabilities):
    return RULE % (path, ', '.join(f'"{one}"' for one in capabilities))


# ---- the records --------------------------------------------------------------

def test_text_is_kept_byte_for_byte(shared):
    text = '# mine\r\npath   "ssh/*" {\n\tcapabilities=["read"]\n}\n\n'
    assert shared.api().put('sys/policies/acl/Bytes', {'policy': text}).status == 204
    assert shared.api().get('sys/policies/acl/bytes').data == {'name': 'bytes', 'policy': text}
    old = shared.api().get('sys/policy/BYTES').json
    assert old['data'] == {'name': 'bytes', 'rules': text}
    assert (old['name'], old['rules']) == ('bytes', text)


def test_base64_and_json_are_taken(shared):
    text = rule('ssh/*', 'read')
    shared.api().put('sys/policies/acl/b64', {'policy': base64.b64encode(text.encode()).decode()})
    assert shared.api().get('sys/policies/acl/b64').data['policy'] == text
    text = '{"path":{"ssh/*":{"capabilities":["list"]}}}'
    assert shared.api().put('sys/policies/acl/json', {'policy': text}).status == 204
    assert shared.api().get('sys/policies/acl/json').data['policy'] == text


def test_the_old_form_warns_of_rules(shared):
    got = shared.api().put('sys/policy/older', {'rules': rule('a', 'read')})
    assert got.status == 200
    assert got.json['warnings'] == ["'rules' is deprecated, please use 'policy' instead"]
    assert shared.api().get('sys/policy/older').data['rules'] == rule('a', 'read')


def test_lists_in_both_forms(server):
    api = server.api()
    for name in ('zz', 'aa'):
        api.put(f'sys/policies/acl/{name}', {'policy': rule('a', 'read')})
    assert api.list('sys/policies/acl').data == {'keys': ['aa', 'default', 'zz', 'root']}
    for got in (api.get('sys/policy'), api.list('sys/policy')):
        assert got.data == {'keys': ['aa', 'default', 'zz', 'root'], 'policies': ['aa', 'default', 'zz', 'root']}
        assert got.json['policies'] == got.data['policies']
    assert api.delete('sys/policies/acl/aa').status == 204
    assert api.delete('sys/policies/acl/aa').status == 204
    assert api.get('sys/policies/acl/aa').status == 404


@pytest.mark.parametrize('policy, start', [
    (None, "'policy' parameter not supplied or empty"),
    ('', "'policy' parameter not supplied or empty"),
    ('path "a" {', 'failed to parse policy: '),
    ('nonsense = 1', 'failed to parse policy: '),
    ('path "a" { capabilties = ["read"] }', 'failed to parse policy: '),
    ('path "a" { capabilities = ["fly"] }', 'failed to parse policy: path "a": invalid capability "fly"'),
    ('path "a" { policy = "fly" }', 'failed to parse policy: path "a": invalid policy "fly"'),
    ('path "a/+*" { capabilities = ["read"] }',
     'failed to parse policy: path "a/+*": invalid use of wildcards (\'+*\' is forbidden)'),
    ('path "a" { min_wrapping_ttl = "2h" max_wrapping_ttl = "1h" }', 'failed to parse policy: ')])
def test_a_bad_policy_is_refused(shared, policy, start):
    """core-api 4.1, 4.2; reliability 6: with the line."""
    got = shared.api().put('sys/policies/acl/bad', {'policy': policy})
    assert got.status == 400
    assert got.errors[0].startswith(start), got.errors
    assert shared.api().get('sys/policies/acl/bad').status == 404


def test_an_unknown_key_is_named_with_its_line(shared):
    got = shared.api().put('sys/policies/acl/bad', {'policy': 'path "a" {\n  colour = "red"\n}'})
    assert 'invalid key "colour" on line 2' in got.errors[0]


def test_a_huge_policy_is_refused(shared):
    text = rule('a', 'read') + '#' * (256 * 1024)
    assert shared.api().put('sys/policies/acl/huge', {'policy': text}).status == 400


def test_the_fixed_policies(shared):
    api = shared.api()
    assert api.put('sys/policies/acl/root', {'policy': rule('a', 'read')}).errors == ['cannot update "root" policy']
    assert api.delete('sys/policies/acl/root').errors == ['cannot delete "root" policy']
    assert api.delete('sys/policies/acl/default').errors == ['cannot delete default policy']
    assert api.delete('sys/policy/DEFAULT').errors == ['cannot delete default policy']
    assert api.get('sys/policies/rgp/x').status == 404


def test_the_default_policy(shared):
    """core-api 4.5."""
    got = shared.api().post('auth/token/create', {'policies': ['default'], 'ttl': '1h'})
    api = shared.api(got.json['auth']['client_token'])
    assert api.get('auth/token/lookup-self').status == 200
    assert api.post('auth/token/lookup-self').status == 403
    assert api.put('auth/token/renew-self').status == 200
    assert api.put('sys/capabilities-self', {'paths': ['ssh/creds/otp']}).status == 200
    assert api.put('sys/leases/lookup', {'lease_id': 'none'}).errors == ['invalid lease']
    assert api.get('sys/mounts').status == 403


def test_a_changed_policy_holds_at_once(shared):
    api = shared.api()
    token = shared.token_with(rule('ssh/roles/otp', 'read') + '# changed')
    mine = shared.api(token)
    name = shared.api().post('auth/token/lookup', {'token': token}).data['policies'][0]
    for _ in range(5):
        assert mine.get('ssh/roles/otp').status == 200
        api.put(f'sys/policies/acl/{name}', {'policy': rule('ssh/roles/otp', 'deny')})
        assert mine.get('ssh/roles/otp').status == 403
        api.put(f'sys/policies/acl/{name}', {'policy': rule('ssh/roles/otp', 'read')})
    api.delete(f'sys/policies/acl/{name}')
    assert mine.get('ssh/roles/otp').status == 403


# ---- patterns: (policy, path, capabilities as sys/capabilities tells them) ----

PATTERNS = [
    (rule('ssh/roles/web', 'read'), 'ssh/roles/web', ['read']),
    (rule('/ssh/roles/web', 'read'), 'ssh/roles/web', ['read']),
    (rule('ssh/roles/web', 'read'), 'ssh/roles/web2', ['deny']),
    (rule('ssh/roles/web', 'read'), 'ssh/roles/Web', ['deny']),
    (rule('ssh/roles/*', 'read'), 'ssh/roles/a/b', ['read']),
    (rule('ssh/roles*', 'read'), 'ssh/rolesx', ['read']),
    (rule('ssh/ro*les', 'read'), 'ssh/roXles', ['deny']),
    (rule('ssh/+/web', 'read'), 'ssh/roles/web', ['read']),
    (rule('ssh/+/web', 'read'), 'ssh/a/b/web', ['deny']),
    (rule('ssh/+/web', 'read'), 'ssh//web', ['read']),
    (rule('ssh/r+/web', 'read'), 'ssh/roles/web', ['deny']),
    (rule('+/roles/*', 'list'), 'other/roles/x', ['list']),
    (rule('ssh/*', 'read') + rule('ssh/roles/*', 'list'), 'ssh/roles/x', ['list']),
    (rule('ssh/*', 'read') + rule('ssh/roles/x', 'deny'), 'ssh/roles/x', ['deny']),
    (rule('ssh/roles/x', 'read') + rule('ssh/roles/*', 'deny'), 'ssh/roles/x', ['read']),
    (rule('ssh/x', 'read') + rule('ssh/x', 'update'), 'ssh/x', ['read', 'update']),
    (rule('ssh/x', 'read') + rule('ssh/x', 'deny'), 'ssh/x', ['deny']),
    (rule('ssh/x', 'read', 'deny', 'sudo'), 'ssh/x', ['deny']),
    (rule('ssh/+/x', 'read') + rule('ssh/roles/*', 'list'), 'ssh/roles/x', ['list']),
    (rule('ssh/+/*', 'read') + rule('ssh/*', 'list'), 'ssh/roles/x', ['list']),
    (rule('ssh/roles/+', 'read') + rule('ssh/*', 'list'), 'ssh/roles/x', ['read']),
    (rule('+/+/x', 'read') + rule('+/roles/x', 'list'), 'ssh/roles/x', ['list']),
    (rule('ssh/roles', 'list'), 'ssh/roles/', ['list']),
    ('path "a" { policy = "write" }', 'a', ['create', 'delete', 'list', 'read', 'update']),
    ('path "a" { policy = "read" }', 'a', ['list', 'read']),
    ('path "a" { policy = "deny" }', 'a', ['deny']),
    ('path "a" { policy = "sudo" }', 'a', ['create', 'delete', 'list', 'read', 'sudo', 'update']),
    ('path "a" { capabilities = [] }', 'a', ['deny']),
    ('', 'a', ['deny']),
]


@pytest.mark.parametrize('policy, path, capabilities', PATTERNS)
def test_patterns_and_their_precedence(shared, policy, path, capabilities):
    """core-api 4.2, 4.6."""
    token = shared.token_with(policy or '# nothing')
    got = shared.api().post('sys/capabilities', {'token': token, 'paths': [path]})
    assert got.status == 200, got
    assert got.data == {path: capabilities, 'capabilities': capabilities}
    assert got.json['capabilities'] == capabilities


def test_capabilities_in_all_their_forms(shared):
    """core-api 4.6."""
    created = shared.api().post('auth/token/create', {'policies': ['caps'], 'no_default_policy': True}).json['auth']
    shared.api().put('sys/policies/acl/caps', {'policy': rule('ssh/*', 'read', 'update', 'create') +
                                                rule('sys/capabilities-self', 'update')})
    api, want = shared.api(), ['create', 'read', 'update']
    body = {'paths': ['ssh/x', 'sys/x']}
    for got in (api.post('sys/capabilities', {'token': created['client_token'], **body}),
                api.put('sys/capabilities-accessor', {'accessor': created['accessor'], **body}),
                shared.api(created['client_token']).post('sys/capabilities-self', body)):
        assert got.data == {'ssh/x': want, 'sys/x': ['deny']}
    assert api.post('sys/capabilities-self', {'path': 'a,b'}).data == {'a': ['root'], 'b': ['root']}
    assert api.post('sys/capabilities-self', {'path': 'a', 'paths': 'b'}).data == {'b': ['root'],
                                                                                  'capabilities': ['root']}


@pytest.mark.parametrize('path, body, text', [
    ('sys/capabilities-self', {}, 'paths must be supplied'),
    ('sys/capabilities', {'token': 'root'}, 'paths must be supplied'),
    ('sys/capabilities', {'paths': ['a'], 'token': 'none'}, 'invalid token'),
    ('sys/capabilities-accessor', {'paths': ['a']}, 'missing accessor'),
    ('sys/capabilities-accessor', {'paths': ['a'], 'accessor': 'x'}, 'invalid accessor')])
def test_what_capabilities_refuse(shared, path, body, text):
    got = shared.api().post(path, body)
    assert got.status == 400
    assert text in got.errors[0]


# ---- what a request may do ------------------------------------------------------

OPERATIONS = [('GET', 'ssh/roles/otp', 'read'), ('PUT', 'ssh/creds/otp', 'update'), ('POST', 'ssh/lookup', 'update'),
              ('LIST', 'ssh/roles', 'list'), ('DELETE', 'ssh/roles/none', 'delete')]


@pytest.mark.parametrize('method, path, needed', OPERATIONS)
def test_each_operation_needs_its_own_capability(shared, method, path, needed):
    """core-api 4.3: writes to the ssh engine need update, never create; sudo replaces nothing."""
    every = ['create', 'read', 'update', 'delete', 'list', 'sudo']
    body = {'ip': '10.0.0.1'} if method in ('PUT', 'POST') else None
    others = [one for one in every if one != needed]
    got = shared.api(shared.token_with(rule('ssh/*', *others))).call(method, path, body)
    assert (got.status, got.errors) == (403, [DENIED])
    got = shared.api(shared.token_with(rule('ssh/*', needed))).call(method, path, body)
    assert got.status in (200, 204)


def test_the_first_write_of_a_role_needs_update(shared):
    body = {'key_type': 'otp', 'default_user': 'u'}
    assert shared.api(shared.token_with(rule('ssh/roles/*', 'create'))).post('ssh/roles/first', body).status == 403
    assert shared.api(shared.token_with(rule('ssh/roles/*', 'update'))).post('ssh/roles/first', body).status == 204


SUDO_PATHS = [('GET', 'sys/audit', 'read'), ('PUT', 'sys/remount', 'update'), ('LIST', 'sys/leases/lookup/ssh', 'list'),
              ('PUT', 'sys/leases/revoke-prefix/nowhere', 'update'), ('PUT', 'sys/revoke-prefix/nowhere', 'update'),
              ('PUT', 'sys/leases/revoke-force/nowhere', 'update'), ('PUT', 'sys/revoke-force/nowhere', 'update'),
              ('LIST', 'auth/token/accessors', 'list'), ('PUT', 'sys/audit/x', 'update'),
              ('DELETE', 'sys/audit/x', 'delete')]


@pytest.mark.parametrize('method, path, needed', SUDO_PATHS)
def test_sudo_paths(shared, method, path, needed):
    """core-api 1.10."""
    got = shared.api(shared.token_with(rule('sys/*', needed) + rule('auth/*', needed))).call(method, path)
    assert (got.status, got.errors) == (403, [DENIED])
    got = shared.api(shared.token_with(rule('sys/*', needed, 'sudo') + rule('auth/*', needed, 'sudo'))).call(method, path)
    assert got.status != 403, got


PARAMETERS = [
    ('allowed_parameters = { ip = [] }', {'ip': '10.0.0.1'}, 200),
    ('allowed_parameters = { IP = [] }', {'Ip': '10.0.0.1'}, 400),
    ('allowed_parameters = { ip = [] }', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 403),
    ('allowed_parameters = { ip = ["10.0.*"] }', {'ip': '10.0.9.9'}, 200),
    ('allowed_parameters = { ip = ["10.0.*"] }', {'ip': '10.1.0.1'}, 403),
    ('allowed_parameters = { ip = ["*.9"] "*" = [] }', {'ip': '10.1.0.9', 'username': 'ubuntu'}, 200),
    ('allowed_parameters = { ip = ["*.9"] "*" = [] }', {'ip': '10.1.0.1', 'username': 'ubuntu'}, 403),
    ('allowed_parameters = { ip = ["*"] }', {'ip': '10.1.0.1'}, 403),
    ('denied_parameters = { username = [] }', {'ip': '10.0.0.1'}, 200),
    ('denied_parameters = { username = [] }', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 403),
    ('denied_parameters = { username = ["root"] }', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 200),
    ('denied_parameters = { username = ["ubu*"] }', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 403),
    ('denied_parameters = { "*" = [] }', {'ip': '10.0.0.1'}, 403),
    ('required_parameters = ["username"]', {'ip': '10.0.0.1'}, 403),
    ('required_parameters = ["username"]', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 200),
    ('allowed_parameters = { ip = ["10.0.0.1"] }', {'ip': ['10.0.0.1']}, 403),
    ('allowed_parameters = { ip = [5] }', {'ip': 5}, 403)]


@pytest.mark.parametrize('line, body, status', PARAMETERS)
def test_parameters(shared, line, body, status):
    """core-api 4.2."""
    token = shared.token_with('path "ssh/creds/otp" { capabilities = ["update"]\n %s }' % line)
    assert shared.api(token).put('ssh/creds/otp', body).status == status


def test_query_parameters_of_a_get_count(shared):
    token = shared.token_with('path "ssh/roles/otp" { capabilities = ["read"]\n denied_parameters = { x = [] } }')
    assert shared.api(token).get('ssh/roles/otp').status == 200
    assert shared.api(token).get('ssh/roles/otp?x=1').status == 403


def test_a_wrapping_rule_refuses_what_is_not_wrapped(shared):
    token = shared.token_with('path "ssh/creds/otp" { capabilities = ["update"]\n min_wrapping_ttl = "1m" }')
    assert shared.api(token).put('ssh/creds/otp', {'ip': '10.0.0.1'}).status == 403


# ---- no oracle -----------------------------------------------------------------

def test_without_rights_every_answer_is_the_same(shared):
    """L17: existing or not, mount, role, lease or path: same bytes."""
    lease = shared.otp()['lease_id']
    api = shared.api(shared.token_with('# no rights'))
    calls = [('GET', 'ssh/roles/otp'), ('GET', 'ssh/roles/none'), ('GET', 'none/roles/otp'), ('GET', 'ssh/nosuch'),
             ('LIST', 'ssh/roles'), ('LIST', 'none/roles'), ('PUT', 'ssh/creds/otp'), ('PUT', 'ssh/creds/none'),
             ('DELETE', 'ssh/lookup'), ('DELETE', 'none'), ('GET', 'sys/mounts/ssh'), ('GET', 'sys/mounts/none'),
             ('PUT', 'sys/leases/revoke/' + lease), ('PUT', 'sys/leases/revoke/ssh/creds/otp/x'),
             ('GET', 'sys/policies/acl/default'), ('GET', 'sys/policies/acl/none'), ('GET', 'auth/token/lookup'),
             ('GET', 'auth/none/x'), ('PUT', 'sys/seal'), ('GET', 'sys/nosuch')]
    answers = {(got.status, got.body, tuple(sorted((k, v) for k, v in got.headers.items() if k != 'Date')))
               for got in (api.call(*one) for one in calls)}
    assert len(answers) == 1
    status, body, headers = answers.pop()
    assert (status, body) == (403, '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}\n')
    assert not any(name == 'Allow' for name, _ in headers)


def test_every_bad_token_gets_the_same_answer(shared):
    api = shared.api()
    spent = api.post('auth/token/create', {'ttl': '1h'}).json['auth']
    api.post('auth/token/revoke', {'token': spent['client_token']})
    tokens = ['junk', 'hvs.' + 'A' * 24, spent['client_token'], spent['accessor'], 's.x', '\u00e9'.encode().decode('latin1')]
    for token in tokens:
        for raw in (None, '{"bad":'):
            got = api.call('PUT', 'ssh/creds/otp', raw=raw, token=token)
            assert (got.status, got.body) == (403, '{"errors":["permission denied"]}\n'), token
