"""Policies: what is stored, and what they let through, over HTTP."""
RULE = 'path "%s" { capabilities = [%s] }\n'


def rule(path, *capabilities):
    return RULE % (path, ', '.join(f'"{one}"' for one in capabilities))


# ---- the records --------------------------------------------------------------

def test_a_huge_policy_is_refused(shared):
    text = rule('a', 'read') + '#' * (256 * 1024)
    assert shared.api().put('sys/policies/acl/huge', {'policy': text}).status == 400


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
