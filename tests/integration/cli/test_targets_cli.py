"""sallyport target: what it asks, prints and ends with (T-6, T-7, M-16)."""
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


def test_each_profile_has_instructions(run):
    for profile in good(run('list', 'ssh/profiles')).splitlines()[2:]:
        text = good(run('target', 'add', '-instructions', f'-profile={profile}'))
        assert len(text) > 80, profile
