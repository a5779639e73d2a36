"""sallyport target: what it asks, prints and ends with (T-6, T-7, M-16)."""
import contextlib
import os
import pty

import pytest

from support.cli import good, says
from support.plain_sshd import PlainSshd

KINDS = ('ed25519', 'rsa')


@pytest.fixture(scope='module')
def sshd(tmp_path_factory):
    one = PlainSshd(tmp_path_factory.mktemp('sshd'), KINDS).start()
    yield one
    one.stop()


def test_host_keys_are_never_taken_unseen(run, sshd):
    place = f'root@127.0.0.1:{sshd.port}'
    says(run('target', 'add', 'a', place), 1, 'There is no terminal to confirm host keys at: give -host-key or -accept-host-key')
    assert run('target', 'read', 'a').returncode == 2, 'nothing stays of what was not confirmed'
    assert good(run('target', 'add', '-accept-host-key', 'a', place, 'timeout=30s')).endswith('Success! Added target: a\n')
    says(run('target', 'add', '-accept-host-key', 'a', place), 2, 'Error adding target: "a" is there already')
    good(run('target', 'add', f'-host-key={sshd.host_keys[1].fingerprint}', 'b', place))
    found = good(run('target', 'scan', 'b'))
    assert [line.split()[-1] for line in found.splitlines()[2:]] == ['new', 'pinned'], found
    says(run('target', 'repin', 'b'), 1, 'There is no terminal to confirm host keys at: give -host-key')
    good(run('target', 'repin', f'-host-key={sshd.host_keys[0].fingerprint}', 'b'))
    found = good(run('connection', 'scan', 'b'))
    assert [line.split()[-1] for line in found.splitlines()[2:]] == ['pinned', 'new'], found


def test_what_is_wrong_ends_with_2(run, sshd):
    good(run('target', 'add', '-host-key=SHA256:' + 'A' * 43, 'c', f'[127.0.0.1]:{sshd.port}'))
    assert run('target', 'scan', 'c').returncode == 2
    done = run('target', 'doctor', 'c')
    assert done.returncode == 2 and 'host key: find out why it changed' in done.stdout
    assert run('target', 'test', 'c').returncode == 2
    assert good(run('target', 'delete', 'c')) == 'Success! Deleted target (if it existed): c\n'
    says(run('target', 'add', '-accept-host-key', 'd', 'host:0'), 1, 'invalid port in "host:0"')


def test_a_field_that_is_none_is_refused_and_the_others_named(run):
    """A misspelt host_key_policy or source_address did not hold, and nobody was told."""
    done = run('target', 'add', '-accept-host-key', 'misspelt', '127.0.0.1:1', 'sorce_address=10.0.0.1')
    says(done, 2, 'unknown field "sorce_address"; there are host, port, ')
    assert ' source_address,' in done.stderr and 'state' not in done.stderr
    says(run('target', 'read', 'misspelt'), 2, 'No target named misspelt')
    # What was read may be written back.
    good(run('target', 'add', 'whole', '127.0.0.1:1', 'host_key_policy=tofu'))
    shown = good(run('read', '-format=json', '-field=data', 'ssh/targets/whole'))
    good(run('write', 'ssh/targets/whole', '-', stdin=shown))
    good(run('target', 'delete', 'whole'))


def test_each_profile_has_instructions(run):
    for profile in good(run('list', 'ssh/profiles')).splitlines()[2:]:
        text = good(run('target', 'add', '-instructions', f'-profile={profile}'))
        assert len(text) > 80, profile


def test_what_is_not_there(run):
    says(run('target', 'list', '-mount-point=none'), 2, 'No value found at none/targets')
    done = run('target', 'list', '-mount-point=none', '-format=json')
    assert (done.returncode, done.stdout, done.stderr) == (2, '{}\n', '')
    says(run('target', 'read', 'none'), 2, 'No target named none')
    says(run('target', 'test', 'none'), 2, 'Error testing target: ')
    says(run('target', 'add', 'none'), 1, 'Not enough arguments (expected at least 2, got 1)')


def test_a_scan_says_what_a_pin_that_is_missing_means(run, sshd):
    place = f'root@127.0.0.1:{sshd.port}'
    good(run('target', 'add', '-host-key=SHA256:' + 'A' * 43, 'e', place))
    done = run('target', 'scan', 'e')
    assert (done.returncode, done.stderr) == (2, 'It shows none of the host keys that are pinned: find out why, then see target repin\n')
    good(run('target', 'add', 'f', place, 'host_key_policy=tofu'))
    done = run('target', 'scan', 'f')
    assert (done.returncode, done.stderr) == (2, "No host key is pinned: compare these with the machine's own, then see target repin\n")


def on_terminal(run, *words):
    """The status, and what standard error shows where it is one."""
    master, slave = pty.openpty()
    status, shown = run(*words, stderr=slave).returncode, b''
    os.close(slave)
    with contextlib.suppress(OSError):  # at its end
        while one := os.read(master, 4096):
            shown += one
    os.close(master)
    return status, shown.decode()


def test_long_work_is_said_where_somebody_looks(run, sshd):
    good(run('target', 'add', f'-host-key={sshd.host_keys[0].fingerprint}', 'g', f'root@127.0.0.1:{sshd.port}'))
    assert on_terminal(run, 'target', 'scan', 'g') == (0, 'Scanning g …\r\033[K')
    assert on_terminal(run, 'keypair', 'generate', 'said') == (0, 'Making the key …\r\033[K')
    assert on_terminal(run, 'lease', 'revoke', '-sync', 'none') == (0, 'Revoking none …\r\033[K')
    assert run('target', 'scan', 'g').stderr == '', 'not in a file'
    status, shown = on_terminal(run, 'exec', '-role=none', '127.0.0.1', 'true')
    assert status == 2 and shown.startswith('Running it on 127.0.0.1 …\r\033[K\033[91mError running the command: ')
