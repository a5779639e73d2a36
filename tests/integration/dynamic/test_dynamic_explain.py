"""`exec -explain` and `ssh -explain` of dynamic roles: where a key would go, and the first rule that is false; nothing is made."""
import base64
import hashlib
import json

import pytest

from support import cli
from support.linux_host import write_role

PLACE = ['username', 'allowed_users', 'cidr_list', 'key_type']
COMMAND = ['allowed_commands', 'source_address', 'exec_timeout', 'encoding']
WAY = ['target', 'key', 'host_keys']
BOTH = ('exec', 'ssh')


def fingerprint(line):
    return 'SHA256:' + base64.b64encode(hashlib.sha256(base64.b64decode(line.split()[1])).digest()).decode().rstrip('=')


@pytest.fixture(scope='module')
def server(dynamic, host):
    write_role(dynamic, host, 'ops', allowed_commands=['uptime', 'systemctl is-active *'], allowed_users='bob', exec_timeout='20s')
    write_role(dynamic, host, 'unpinned', allowed_commands=['*'], host_keys=[])
    write_role(dynamic, host, 'tofu', allowed_commands=['*'], host_keys=[], host_key_policy='tofu')
    write_role(dynamic, host, 'boxes', allowed_commands=['*'], host_keys=[], port=1, targets=['box', 'gone'])
    dynamic.api().post('ssh/keys/lost', {'generate': True})
    write_role(dynamic, host, 'keyless', allowed_commands=['*'], key='lost')
    dynamic.api().delete('ssh/keys/lost?force=true')
    dynamic.write_role(name='otp', cidr_list='127.0.0.0/8')
    made = dynamic.api().post('ssh/targets/box', {'host': '127.0.0.1', 'port': host.port, 'user': 'vaultadmin', 'key': 'admin',
                                                  'host_keys': [host.host_key], 'profile': 'linux'})
    assert made.status == 204, made
    return dynamic


@pytest.fixture(autouse=True)
def nothing_is_made(server, host):
    before = host.log.read_bytes()
    yield
    assert host.log.read_bytes() == before and server.api().list('sys/leases/lookup/ssh/creds').status == 404


def explain(server, what, *words, token=''):
    command = [what, '-explain', '-format=json']
    if what == 'ssh':
        command.append('-mode=dynamic')
    done = cli.run(server, *command, *words, token=token)
    answer = json.loads(done.stdout)
    assert done.returncode == (0 if answer['allowed'] else 2), done
    return answer


def names(answer):
    return [rule['rule'] for rule in answer['rules']]


def false_rule(answer):
    rules = [rule for rule in answer['rules'] if rule['result'] == 'false']
    assert [rule['rule'] for rule in rules] == [answer['first_false']] and not answer['allowed']
    return answer['first_false'], rules[0]['text']


def test_where_a_command_would_run(server, host):
    answer = explain(server, 'exec', '-role=ops', 'bob@127.0.0.1', 'systemctl', 'is-active', 'web')
    assert answer['allowed'] and answer['first_false'] == ''
    assert names(answer) == ['lookup', 'policy', 'role', *PLACE, *COMMAND, *WAY]
    seen = {name: answer[name] for name in ('mode', 'mount', 'role', 'username', 'host', 'port', 'profile', 'host_key_policy', 'timeout',
                                            'command_match', 'cidr_match')}
    assert seen == {'mode': 'exec', 'mount': 'ssh', 'role': 'ops', 'username': 'bob', 'host': '127.0.0.1', 'port': host.port,
                    'profile': 'linux', 'host_key_policy': 'strict', 'timeout': 20, 'command_match': 'systemctl is-active *',
                    'cidr_match': '127.0.0.0/8'}
    assert answer['host_keys'] == [fingerprint(host.host_key)]
    assert answer['allowed_commands'] == ['uptime', 'systemctl is-active *']


def test_where_a_key_would_lie(server, host):
    answer = explain(server, 'ssh', '-role=ops', 'bob@127.0.0.1')
    assert answer['allowed'] and names(answer) == ['lookup', 'mode', 'policy', 'role', *PLACE, *WAY]
    assert (answer['profile'], answer['host_keys']) == ('linux', [fingerprint(host.host_key)]) and 'command_match' not in answer


def test_what_a_target_adds(server, host):
    """Named, or found by its address; its port and pins are those of the machine."""
    by_name = explain(server, 'exec', '-role=boxes', '-target=box', 'true')
    assert by_name['allowed'] and by_name['targets'] == ['box', 'gone']
    by_address = explain(server, 'exec', '-role=ops', '127.0.0.1', 'uptime')
    for answer in (by_name, by_address):
        assert (answer['target'], answer['host'], answer['port']) == ('box', '127.0.0.1', host.port)
        assert answer['host_keys'] == [fingerprint(host.host_key)]


@pytest.mark.parametrize('words, rule, text', [
    (['-role=none', '127.0.0.1', 'uptime'], 'role', 'Role "none" not found'),
    (['-role=ops', 'eve@127.0.0.1', 'uptime'], 'allowed_users', 'Username is not present is allowed users list'),
    (['-role=ops', 'bob@192.0.2.1', 'uptime'], 'cidr_list', 'Error validating IP: IP does not belong to role'),
    (['-role=ops', '-target=box', 'uptime'], 'cidr_list', 'target "box" is not among the role\'s targets'),
    (['-role=otp', 'ubuntu@127.0.0.1', 'uptime'], 'key_type', "role key type 'otp' not allowed to run commands"),
    (['-role=ops', 'bob@127.0.0.1', 'uptime; id'], 'allowed_commands', 'command is not allowed by role'),
    (['-role=ops', '-b=x', 'bob@127.0.0.1', 'uptime'], 'source_address', 'Invalid source_address "x"'),
    (['-role=ops', '-timeout=21s', 'bob@127.0.0.1', 'uptime'], 'exec_timeout', 'timeout is larger than maximum allowed 20'),
    (['-role=boxes', '-target=gone', 'uptime'], 'target', 'target "gone" not found'),
    (['-role=keyless', '127.0.0.1', 'uptime'], 'key', 'key "lost" not found'),
    (['127.0.0.9', 'uptime'], 'lookup', 'several roles are good for the address 127.0.0.9'),
    (['192.0.2.1', 'uptime'], 'lookup', 'no role of ssh is good for the address 192.0.2.1'),
])
def test_the_first_rule_that_is_false(server, words, rule, text):
    seen, why = false_rule(explain(server, 'exec', *words))
    assert seen == rule and why.startswith(text)


@pytest.mark.parametrize('what', BOTH)
def test_a_machine_without_a_pin(server, host, what):
    """As the install would refuse it, but nobody has called the machine; a target's pins are known by its port alone."""
    command = ['uptime'] if what == 'exec' else []
    server.api().delete('ssh/targets/box?force=true')
    try:
        seen = false_rule(explain(server, what, '-role=unpinned', '127.0.0.1', *command))
        assert seen == ('host_keys', f'no host key is pinned for 127.0.0.1 port {host.port}: role and target name none')
        answer = explain(server, what, '-role=tofu', 'alice@127.0.0.1', *command)
        assert answer['allowed'] and (answer['host_key_policy'], answer['host_keys']) == ('tofu', [])
    finally:
        server.api().post('ssh/targets/box', {'host': '127.0.0.1', 'port': host.port, 'user': 'vaultadmin', 'key': 'admin',
                                              'host_keys': [host.host_key], 'profile': 'linux'})


def test_the_policy_may_be_what_is_false(server):
    token = server.token_with('path "ssh/exec/ops" { capabilities = ["read"] } path "sys/capabilities-self" { capabilities = ["update"] }')
    seen = false_rule(explain(server, 'exec', '-role=ops', 'bob@127.0.0.1', 'uptime', token=token))
    assert seen == ('policy', 'permission denied: the token needs update on ssh/exec/ops, and has read')
    token = server.token_with('path "ssh/exec/ops" { capabilities = ["update"] }')
    answer = explain(server, 'exec', '-role=ops', 'bob@127.0.0.1', 'uptime', token=token)
    assert answer['allowed'] and answer['command_match'] == 'uptime' and 'allowed_commands' not in answer


def test_for_people(server, host):
    done = cli.run(server, 'exec', '-explain', '-role=ops', 'bob@127.0.0.1', 'uptime')
    told = ' '.join(done.stdout.split())
    assert done.returncode == 0 and done.stderr == ''
    assert f'host_keys {fingerprint(host.host_key)} ' in told and 'command_match uptime ' in told
    assert told.endswith('Allowed: bob@127.0.0.1 runs the command where the machine lets the server in: it was not asked. '
                         'Nothing was run now.')
    done = cli.run(server, 'exec', '-explain', '-role=boxes', '-target=gone', 'uptime')
    assert (done.returncode, done.stderr) == (2, '')
    assert ' '.join(done.stdout.split()).endswith(
        'Refused: alice@gone does not run the command. The first rule that is not true: target: target "gone" not found')
