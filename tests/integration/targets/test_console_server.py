"""M-10: the samples of docs/console-server.md open the user of a serial port, and nothing else."""
import shlex

import pytest

from support.ca import Ca, CertSshd
from support.cli import good, run
from support.keys import SshKey
from support.pages import blocks
from support.server import Server

PAGE = blocks('console-server.md')


@pytest.fixture(scope='module')
def server():
    one = Server().start().mount_ssh()
    yield one
    one.clean()


def sample(server, section):
    """Runs the first command of a section's sample: it writes the role `console`."""
    text = PAGE[section][0].strip().replace('\\\n', ' ').splitlines()[0]
    words = shlex.split(text)
    assert words[:3] == ['sallyport', 'write', 'ssh/roles/console']
    good(run(server, *words[1:]))
    return server.api().get('ssh/roles/console').data


def test_a_certificate_opens_the_port_and_gives_a_terminal_alone(server, tmp_path):
    ca = Ca(server)
    sample(server, 'By certificate')
    key = SshKey(tmp_path, 'operator')
    signed = ca.sign('console', key, name='console')
    assert signed.read()['Extensions'] == ['permit-pty']
    sshd = CertSshd([ca.public], lines=('ForceCommand echo port $USER',), users=('console1', 'console2'))
    try:
        done = sshd.login(signed.path, user='console1', command='cat /etc/passwd')
        assert (done.returncode, done.stdout) == (0, 'port console1\n'), done
        assert not sshd.lets_in(signed.path, user='console2')
        forwarded = sshd.login(signed.path, user='console1', options=('ExitOnForwardFailure=yes', 'RemoteForward=0 127.0.0.1:1'))
        assert forwarded.returncode == 255, forwarded
    finally:
        sshd.stop()


def test_a_dynamic_role_is_for_that_user(server):
    role = sample(server, 'By key')
    assert role['default_user'] == 'console1' and role['targets'] == ['console1-rb'] and role['ttl'] == 900


@pytest.mark.parametrize('profile', ['console-server', 'generic'])
def test_profiles_without_steps_have_instructions_and_take_no_keys(server, profile):
    api = server.api()
    assert api.post(f'ssh/targets/{profile}', {'host': '127.0.0.1', 'profile': profile}).status == 204
    assert api.post(f'ssh/roles/{profile}', {'key_type': 'dynamic', 'default_user': 'console1', 'targets': profile}).status == 204
    got = api.post(f'ssh/creds/{profile}', {'target': profile})
    assert (got.status, got.errors) == (400, [f'profile "{profile}" puts no keys on: people do'])
