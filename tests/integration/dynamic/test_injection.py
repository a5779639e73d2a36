"""Whatever stands in a field that reaches a host: it is refused, or it stays a value. Nothing of it is run, no line is added."""
import os
import re

import pytest
from support.figures import count
from support.linux_host import ADMIN, ask, leases, revoke, write_role

RUNS = count('INJECTED_COMMANDS', 4, 100)
ROLE = 'spiked'
BEFORE = '# mine\nno end'
# @ runs something that leaves a mark.
VALUES = ['x;@', '$(@)', '`@`', 'x|@', 'x&@', "';@;'", '";@;"', 'x\n@\n', 'x\r@', '-oProxyCommand=@', '../x', 'a b', '${IFS}@', '{username}', '%h@',
          'commit', 'sallyport: ready\ncommit', '\x00@', '\x1b[2J', "'\"'\"'$(@)", '[@]']
OPTIONS = ['environment="A=%s"', 'command="%s"', '%s', 'no-pty,%s', 'no-pty %s']


@pytest.fixture
def mark(public_path):
    """A command, and where it would leave its mark."""
    public_path.chmod(0o777)
    return f'touch {public_path}/mark', public_path / 'mark'


def spiked(mark):
    return [value.replace('@', mark[0]) for value in VALUES]


@pytest.fixture
def clean(dynamic, host, mark):
    path = host.write_authorized('alice', BEFORE)
    kept = {user: host.authorized(user).read_bytes() for user in ('alice', ADMIN)}
    yield path
    assert not mark[1].exists(), 'something was run'
    assert leases(dynamic, ROLE) == []
    assert {user: host.authorized(user).read_bytes() for user in kept} == kept
    assert not os.path.exists(host.authorized('bob').parent)


def stays_a_value(server, host, answer, options=''):
    """What was let through put one line there, and takes that off again."""
    assert answer.status in (200, 400, 500), answer
    if answer.status != 200:
        return
    lines = host.authorized('alice').read_text().splitlines()
    assert len(lines) == 3 and lines[1:] == BEFORE.splitlines(), lines
    assert lines[0].startswith(options) and re.fullmatch(r'(expiry-time="\w+" )?ssh-ed25519 \S+ sallyport:\S+', lines[0][len(options):].lstrip(',')), lines
    assert revoke(server, answer.json).status == 204


@pytest.mark.parametrize('field', ['username', 'ip', 'target'])
def test_fields_of_creds_and_exec(dynamic, host, clean, mark, field):
    write_role(dynamic, host, ROLE, allowed_commands=['true'], targets=['*'])
    for value in spiked(mark):
        body = {'ip': '127.0.0.1', field: value} if field != 'target' else {field: value}
        stays_a_value(dynamic, host, dynamic.api().post(f'ssh/creds/{ROLE}', body))
        ran = dynamic.api().post(f'ssh/exec/{ROLE}', {**body, 'command': 'true'})
        assert ran.status in (400, 500), ran


def test_commands_that_a_pattern_holds(dynamic, host, clean, mark):
    """The one field that is meant for a shell: of "echo *" a shell makes one echo."""
    write_role(dynamic, host, ROLE, allowed_commands=['echo *', 'echo "*" end'])
    ran = 0
    for n, value in enumerate(spiked(mark)):
        command = f'echo "{value}" end' if n % 2 else f'echo {value}'
        answer = dynamic.api().post(f'ssh/exec/{ROLE}', {'ip': '127.0.0.1', 'command': command})
        assert answer.status == 400 or answer.data['exit-code'] == 0, answer
        ran += answer.status == 200
        if ran == RUNS:
            break


def write_spiked(server, host, **more):
    """Whether a role is taken."""
    return server.api().post(f'ssh/roles/{ROLE}', {
        'key_type': 'dynamic', 'key': 'admin', 'admin_user': ADMIN, 'default_user': 'alice', 'cidr_list': '127.0.0.0/8', 'port': host.port,
        'host_keys': [host.host_key], 'dynamic_key_type': 'ed25519', **more}).status == 204


@pytest.mark.parametrize('field', ['admin_user', 'default_user', 'source_address', 'profile', 'key', 'host_keys', 'cidr_list'])
def test_fields_of_roles(dynamic, host, clean, mark, field):
    for value in spiked(mark):
        if write_spiked(dynamic, host, **{field: [value] if field == 'host_keys' else value}):
            stays_a_value(dynamic, host, ask(dynamic, ROLE))


def test_options_of_keys(dynamic, host, clean, mark):
    taken = [options for options in (form % value for form in OPTIONS for value in spiked(mark))
             if write_spiked(dynamic, host, key_option_specs=options)]
    assert len(taken) > len(VALUES), 'what stands in quotes is sshd\'s to read'
    assert write_spiked(dynamic, host, key_option_specs=','.join(taken))
    stays_a_value(dynamic, host, ask(dynamic, ROLE), ','.join(taken))


@pytest.mark.parametrize('field', ['host', 'user', 'source_address', 'profile', 'key'])
def test_fields_of_targets(dynamic, host, clean, mark, field):
    write_role(dynamic, host, ROLE, targets=['spiked'], admin_user='', key='', host_keys=[])
    for value in spiked(mark):
        answer = dynamic.api().post('ssh/targets/spiked', {'host': '127.0.0.1', 'port': host.port, 'user': ADMIN, 'key': 'admin',
                                                           'host_keys': [host.host_key], field: value})
        if answer.status == 204:
            stays_a_value(dynamic, host, dynamic.api().post(f'ssh/creds/{ROLE}', {'target': 'spiked'}))
    dynamic.api().delete('ssh/targets/spiked')
