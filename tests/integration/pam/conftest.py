import pathlib
import subprocess

import pytest

from support.build import HELPER, MODULE
from support.sshd import Sshd, helper_config, write_config

HERE = pathlib.Path(__file__).parent

# The figures of security/_pam_types.h.
CODES = {0: 'SUCCESS', 6: 'PERM_DENIED', 7: 'AUTH_ERR', 9: 'AUTHINFO_UNAVAIL', 10: 'USER_UNKNOWN', 19: 'CONV_ERR',
         20: 'AUTHTOK_ERR', 25: 'IGNORE'}


@pytest.fixture(scope='module')
def logins(shared):
    """A server whose role takes loopback addresses, and a host of it."""
    shared.write_role(cidr_list='127.0.0.0/8', allowed_users='*')
    sshd = Sshd(helper_config(shared), users=('ubuntu', 'bob'))
    shared.sshd = sshd
    yield shared
    sshd.stop()


class Host:
    """A small program under PAM with our module alone, without sshd."""

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.config = directory / 'helper.hcl'
        self.helper = directory / 'sallyport-helper'

    def write_config(self, text):
        write_config(self.config, text)
        return self

    def run(self, *actions, password='', user='nobody', words=('dev',), stack=None, env=None, helper=None):
        """What each action returned: [('auth', 'AUTH_ERR'), …] and facts."""
        line = f'{MODULE} fail_delay=0 helper={helper or self.helper} config={self.config} {" ".join(words)}'
        stack = stack or ''.join(f'{kind} required {line}\n' for kind in ('auth', 'account', 'password', 'session'))
        (self.directory / 'service').write_text(stack.replace('@LINE@', line))
        (self.directory / 'other').write_text('auth required pam_deny.so\n')
        done = subprocess.run([str(self.program), str(self.directory), user, *actions], input=password.encode(),
                              capture_output=True, timeout=60, env=env)
        assert done.returncode == 0, done
        self.said = done.stderr.decode(errors='replace')
        print(self.said, end='')  # pytest shows it beside a code that is not the wanted one
        rows = [row.split('=') for row in done.stdout.decode().split()]
        self.facts = {name: int(value) for name, value in rows if name not in actions}
        return [(name, CODES.get(int(value), value)) for name, value in rows if name in actions]

    def auth(self, **more):
        return self.run('auth', **more)[0][1]


@pytest.fixture(scope='session')
def host_program(tmp_path_factory):
    program = tmp_path_factory.mktemp('host') / 'host'
    subprocess.run(['cc', '-Wall', '-Werror', '-o', str(program), str(HERE / 'host.c'), '-lpam', '-lpthread'],
                   check=True)
    return program


@pytest.fixture
def tmp_path(public_path):
    """The helper's unprivileged user must reach what the tests write."""
    return public_path


@pytest.fixture
def host(host_program, tmp_path):
    made = Host(host_program, tmp_path)
    made.helper.write_bytes(HELPER.read_bytes())
    made.helper.chmod(0o755)
    return made
