"""R34: audit is never switched off unseen: it needs sudo, and the last line of the last device says so."""
import pytest

from support import audit
from support.figures import figure
from support.server import Server

DENIED = '1 error occurred:\n\t* permission denied\n\n'


@pytest.fixture
def server():
    one = Server(dev=False).start().mount_ssh()
    one.write_role()
    yield one
    one.clean()


def rule(*capabilities):
    return 'path "sys/audit/*" { capabilities = [%s] }\n' % ', '.join(f'"{one}"' for one in capabilities)


@pytest.mark.parametrize('capabilities', [(), ('delete',), ('create', 'read', 'update', 'delete', 'list'), ('sudo',),
                                          ('sudo', 'update'), ('deny', 'delete', 'sudo')])
def test_a_device_is_not_removed_without_sudo(server, capabilities):
    path = server.enable_audit()
    got = server.api(server.token_with(rule(*capabilities))).delete('sys/audit/file')
    assert (got.status, got.errors) == (403, [DENIED])
    assert set(server.api().get('sys/audit').data) == {'file/'}
    tried = [one for one in audit.entries(path, request_path='sys/audit/file') if one['request']['operation'] == 'delete']
    assert [one['error'] for one in tried] == [DENIED] * 2


@pytest.mark.parametrize('devices', [1, 2, 3])
def test_the_removal_is_the_last_line(server, devices):
    """Of each device that goes, its own removal; signed, so that a file that is cut afterwards shows it."""
    names = [f'device{n}' for n in range(devices)]
    paths = {name: server.enable_audit(name, f'{name}.log') for name in names}
    keys = {name: audit.device(server, name)['public_key'] for name in names}
    sudo = server.token_with(rule('delete', 'sudo'))
    wrong = []
    for name in names:
        server.otp()
        audit.Follow(paths[name]).settle(server.api())  # what another device was quicker with is in this one too
        assert server.api(sudo).delete(f'sys/audit/{name}').status == 204
        length = paths[name].stat().st_size
        server.otp()
        server.api().get('sys/audit')
        last, end = audit.lines(paths[name])[-2:]
        if (last['type'], last['request']['operation'], last['request']['path']) != ('request', 'delete', f'sys/audit/{name}'):
            wrong.append((name, last))
        if end['type'] != 'end' or 'sig' not in end or paths[name].stat().st_size != length:
            wrong.append((name, 'not the end', end))
        done = audit.verify(keys[name], paths[name])
        if done.returncode != 0:
            wrong.append((name, done.stderr))
    figure('R34', devices, len(wrong), 'devices removed')
    assert wrong == []
    assert server.api().get('sys/audit').data == {}


def test_who_removed_it_is_in_that_line(server):
    path = server.enable_audit(hmac_accessor=False)
    token = server.token_with(rule('delete', 'sudo'), display_name='mallory')
    accessor = server.api(token).get('auth/token/lookup-self')
    assert accessor.status == 403  # no default policy
    assert server.api(token).delete('sys/audit/file').status == 204
    last = audit.lines(path)[-2]
    assert last['auth']['display_name'] == 'token-mallory'
    assert last['request']['remote_address'] == '127.0.0.1'


def test_a_device_cannot_be_replaced_in_place(server):
    """Nor pointed elsewhere: not by the same name, not below it, not by a mount of that name."""
    path = server.enable_audit()
    other = server.audit_directory / 'other.log'
    for place in ('file', 'file/', 'file/x', 'FILE/../file'):
        got = server.api().put(f'sys/audit/{place}', {'type': 'file', 'options': {'file_path': str(other)}})
        assert got.status == 400, place
    assert not other.exists()
    before = len(audit.lines(path))
    server.otp()
    assert len(audit.lines(path)) == before + 2


def test_a_removed_device_stays_removed_and_a_kept_one_kept(server):
    server.enable_audit('kept', 'kept.log')
    server.enable_audit('gone', 'gone.log')
    assert server.api().delete('sys/audit/gone').status == 204
    server.restart()
    assert set(server.api().get('sys/audit').data) == {'kept/'}
