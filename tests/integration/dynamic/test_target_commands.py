"""`sallyport target` and `sallyport lease` with a machine that is there: what they do, say and end with."""
import json
import re

import pytest

from support import cli
from support.cli import good, says
from support.linux_host import issue, leases, revoke, write_role
from support.server import wait_for

WRONG = 'SHA256:' + 'A' * 43
OTHER_KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHOzqw+gD6QUIRroIa1ndX65zQkFXCz5ZduYpVMjtWw/'


@pytest.fixture(scope='module')
def run(dynamic):
    return lambda *words, **more: cli.run(dynamic, *words, **more)


@pytest.fixture(scope='module')
def place(host):
    return f'vaultadmin@127.0.0.1:{host.port}'


@pytest.fixture(scope='module')
def fingerprint(run, place):
    good(run('target', 'add', '-key=admin', '-accept-host-key', 'box', place))
    found = json.loads(good(run('target', 'scan', '-format=json', 'box')))['data']['host_keys']
    assert [key['state'] for key in found] == ['pinned']
    return found[0]['fingerprint']


@pytest.fixture(scope='module')
def stray(dynamic, host):
    """A line as this server writes them, of a lease that never was."""
    got = issue(dynamic)
    tag = host.ours('alice')[0].split()[-1]
    revoke(dynamic, got)
    return f'{OTHER_KEY} {tag[:-24]}{"q" * 24}'


def typed(server, tmp_path, answer, *words):
    typing = cli.Typing(server, tmp_path, 'target', *words, token='')
    try:
        typing.wait_for('(yes/no/fingerprint): ')
        typing.type(f'{answer}\n')
        return typing.end()
    finally:
        typing.close()


def test_host_keys_are_confirmed_by_a_person(dynamic, run, place, fingerprint, tmp_path):
    for n, (answer, status) in enumerate([('yes', 0), (fingerprint, 0), ('no', 2), (WRONG, 2), ('', 2)]):
        code, out, err = typed(dynamic, tmp_path, answer, 'add', '-key=admin', f'asked{n}', place)
        assert code == status and fingerprint in out, (answer, out, err)
        assert (run('target', 'read', f'asked{n}').returncode == 0) == (status == 0), 'what is not confirmed does not stay'
        assert ('its host keys were not confirmed' in err) == (status != 0)
    good(run('target', 'add', '-key=admin', f'-host-key={WRONG}', 'other', place))
    code, out, err = typed(dynamic, tmp_path, 'no', 'repin', 'other')
    assert code == 2 and 'changed' in out and 'Nothing was pinned' in err
    assert typed(dynamic, tmp_path, 'yes', 'repin', 'other')[0] == 0
    good(run('target', 'test', 'other'))


def test_a_target_that_does_not_answer_is_not_added(run):
    says(run('target', 'add', '-key=admin', '-accept-host-key', 'nobody', 'root@127.0.0.1:1'), 2, 'Error adding target: ')
    says(run('target', 'read', 'nobody'), 2, 'No target named nobody')


def test_what_a_test_ends_with(run, place, fingerprint):
    good(run('target', 'test', 'box'))
    good(run('target', 'add', '-key=admin', f'-host-key={WRONG}', 'wrong', place))
    done = run('target', 'test', 'wrong')
    assert done.returncode == 2 and f'host_key_changed: host key {fingerprint} is not among the pinned ones: {WRONG}' in done.stderr
    assert re.search(r'^wrong +127\.0\.0\.1 +\d+ +vaultadmin +admin +linux +1 +host_key_changed$', good(run('target', 'list')), re.M)
    good(run('target', 'repin', '-add', f'-host-key={fingerprint}', 'wrong'))
    assert len(json.loads(good(run('target', 'read', '-format=json', 'wrong')))['data']['host_keys']) == 2
    good(run('target', 'repin', f'-host-key={fingerprint}', 'wrong'))
    assert len(json.loads(good(run('target', 'read', '-format=json', 'wrong')))['data']['host_keys']) == 1
    good(run('target', 'test', 'wrong'))
    assert 'host key      ok' in good(run('target', 'doctor', 'wrong'))


def test_keys_there_and_leases_here(dynamic, host, run, fingerprint, stray):
    write_role(dynamic, host, 'there', targets=['box'], host_keys=[])
    got = dynamic.api().post('ssh/creds/there', {'target': 'box'}).json
    assert good(run('target', 'reconcile', 'box')) == 'Every lease has its key there, and every key its lease.\n'
    line = host.ours('alice')[0]
    host.write_authorized('alice', f'{stray}\n')
    try:
        done = run('target', 'reconcile', 'box')
        assert done.returncode == 2 and re.search(rf"^alice +{got['lease_id']} +missing$", done.stdout, re.M), done
        assert re.search(rf"^alice +{stray.split()[2]} +\w+$", done.stdout, re.M), done
        assert stray.split()[2] in good(run('target', 'sweep', 'box')) and host.ours('alice') == [stray], 'it is shown, and stays'
        assert 'removed' in good(run('target', 'sweep', '-remove', 'box')) and host.ours('alice') == []
        assert good(run('target', 'sweep', 'box')) == 'No key of ours is there without a lease.\n'
    finally:
        host.write_authorized('alice', f'{line}\n')
    revoke(dynamic, got)
    assert host.ours('alice') == []


def test_a_target_that_a_lease_names(dynamic, host, run, place, fingerprint):
    good(run('target', 'add', '-key=admin', f'-host-key={fingerprint}', 'named', place))
    write_role(dynamic, host, 'named', targets=['named'])
    got = dynamic.api().post('ssh/creds/named', {'target': 'named'}).json
    says(run('target', 'delete', 'named'), 2, 'Error deleting target: ')
    assert good(run('target', 'delete', '-force', 'named')) == 'Success! Deleted target (if it existed): named\n'
    says(run('target', 'read', 'named'), 2, 'No target named named')
    revoke(dynamic, got)
    assert host.ours('alice') == []


def test_a_sweep_that_cannot_remove_says_so(host, run, fingerprint, stray):
    """A file that something is mounted on can be read, but not be replaced."""
    path = host.write_authorized('alice', f'{stray}\n')
    host.inside('mount', '--bind', path, path).check_returncode()
    try:
        done = run('target', 'sweep', '-remove', 'box')
        assert done.returncode == 2 and done.stderr.startswith(f'{stray.split()[2]}: '), done
        assert re.search(rf'^alice +{stray.split()[2]} +failed$', done.stdout, re.M), done
    finally:
        host.inside('umount', path).check_returncode()
        host.write_authorized('alice', '')


def queue(run, *words):
    return json.loads(good(run('lease', 'queue', '-format=json', *words)))


def test_what_waits_for_a_machine(dynamic, host, run):
    """Three ways to look at it, and two to end it."""
    got, other = issue(dynamic), issue(dynamic)
    lease = got['lease_id']
    host.down()
    try:
        says(run('lease', 'renew', lease), 2, f'Error renewing {lease}: ')
        says(run('lease', 'revoke', '-sync', lease), 2, 'Error revoking lease: ')
        assert good(run('lease', 'revoke', other['lease_id'])) == 'All revocation operations queued successfully!\n'
        wait_for(lambda: len([one for one in queue(run) if one['error']]) == 2, 'both have failed')
        table = good(run('lease', 'queue'))
        assert re.search(rf'^{lease} +[1-9]\d* +20\S+Z +127\.0\.0\.1 port {host.port}: ', table, re.M), table
        assert queue(run, '-irrevocable') == [one for one in queue(run, '-irrevocable') if one['attempts'] >= 6]
        data = json.loads(good(run('lease', 'lookup', '-format=json', lease)))['data']
        assert data['state'] == 'revoke_pending' and data['last_error']
        says(run('lease', 'revoke', '-force', lease), 1, 'Specifying -force requires also specifying -prefix')
        done = run('lease', 'revoke', '-force', '-prefix', lease)
        assert done.returncode == 0 and done.stdout == f'Success! Force revoked any leases with prefix: {lease}\n'
        assert [one['lease_id'] for one in queue(run)] == [other['lease_id']], 'forced, and the other one waits on'
    finally:
        host.up()
    good(run('lease', 'revoke', '-sync', other['lease_id']))
    assert leases(dynamic) == [] and good(run('lease', 'queue')) == 'No lease waits to be taken off its machine.\n'
    assert len(host.ours('alice')) == 1, 'a forced lease leaves its key'
    good(run('target', 'sweep', '-remove', 'box'))
    assert host.ours('alice') == []
