"""L16: what is taken from a policy or a token holds for the next request."""
from support.figures import count, figure
from support.wire import Wire

RULE = 'path "ssh/roles/otp" { capabilities = ["%s"] }\n'
ROUNDS = count('DETACH_ROUNDS', 100, 5000)


def made(root, server, **fields):
    return root.post('auth/token/create', {'no_default_policy': True, 'ttl': '1h', **fields}).json['auth']['client_token']


def take_rule(root, policy, _):
    return root.put(f'sys/policies/acl/{policy}', {'policy': RULE % 'list'})


def deny(root, policy, _):
    return root.put(f'sys/policies/acl/{policy}', {'policy': RULE % 'read' + RULE % 'deny'})


def delete_policy(root, policy, _):
    return root.delete(f'sys/policies/acl/{policy}')


def delete_by_old_name(root, policy, _):
    return root.delete(f'sys/policy/{policy.upper()}')


def revoke_token(root, _, token):
    return root.post('auth/token/revoke', {'token': token})


def revoke_by_accessor(root, _, token):
    return root.post('auth/token/revoke-accessor', {'accessor': root.post('auth/token/lookup', {'token': token}).data['accessor']})


WAYS = (take_rule, deny, delete_policy, delete_by_old_name, revoke_token, revoke_by_accessor)


def test_the_next_request_is_denied(server):
    """Its connection is open, its policy and its token are cached, other requests are on their way."""
    root, wrong = server.api(), []
    line = Wire(server, token=None)
    for n in range(ROUNDS):
        way, policy = WAYS[n % len(WAYS)], f'detach{n % 7}'
        assert root.put(f'sys/policies/acl/{policy}', {'policy': RULE % 'read'}).status == 204
        token = made(root, server, policies=[policy])
        for _ in range(2):
            status, got = line.call('GET', 'ssh/roles/otp', token=token)
            assert status == 200, got
        assert way(root, policy, token).status == 204
        status, _ = line.call('GET', 'ssh/roles/otp', token=token)
        if status != 403:
            wrong.append((way.__name__, status))
    line.close()
    figure('L16', ROUNDS, len(wrong), 'changes')
    assert wrong == []


def test_a_token_dies_with_its_parent_at_once(server):
    root = server.api()
    assert root.put('sys/policies/acl/both', {'policy': RULE % 'read' + 'path "auth/token/create" { capabilities = ["update"] }'})
    for _ in range(10):
        parent = made(root, server, policies=['both'])
        child = made(server.api(parent), server, policies=['both'])
        assert server.api(child).get('ssh/roles/otp').status == 200
        assert root.post('auth/token/revoke', {'token': parent}).status == 204
        assert server.api(child).get('ssh/roles/otp').status == 403


def test_a_policy_that_comes_back_is_the_new_one(server):
    root = server.api()
    root.put('sys/policies/acl/again', {'policy': RULE % 'read'})
    token = made(root, server, policies=['again'])
    assert server.api(token).get('ssh/roles/otp').status == 200
    root.delete('sys/policies/acl/again')
    assert server.api(token).get('ssh/roles/otp').status == 403
    root.put('sys/policies/acl/again', {'policy': RULE % 'list'})
    assert server.api(token).get('ssh/roles/otp').status == 403
