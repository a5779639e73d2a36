"""A target host: our module in a small program under PAM (pam/host.c), and the helper by itself."""
import contextlib
import os
import pathlib
import subprocess

from .build import HELPER, MODULE
from .patience import PATIENCE_S
from .sshd import LONGEST_S, write_config

# A password of the right form, and the answer that makes it one that lets `nobody` in.
UUID = '01234567-89ab-cdef-0123-456789abcdef'
YES = {'data': {'ip': '127.0.0.1', 'username': 'nobody', 'role_name': 'otp'}, 'request_id': 'r'}

# The figures of security/_pam_types.h.
CODES = {0: 'SUCCESS', 5: 'BUF_ERR', 6: 'PERM_DENIED', 7: 'AUTH_ERR', 9: 'AUTHINFO_UNAVAIL', 10: 'USER_UNKNOWN',
         11: 'MAXTRIES', 19: 'CONV_ERR', 20: 'AUTHTOK_ERR', 25: 'IGNORE'}


def settings(address, **more):
    """The text of a configuration; values as HCL has them."""
    words = {'allowed_roles': '"*"', 'allow_loopback': 'true', 'vault_addr': f'"{address}"', 'timeout_seconds': LONGEST_S,
             **more}
    return ''.join(f'{name} = {value}\n' for name, value in words.items())


def helper(*words, password=UUID, user='nobody', env=None):
    """sallyport-helper as pam_exec runs it; its finished process."""
    variables = {'PAM_USER': user, 'PAM_TYPE': 'auth', 'PAM_RHOST': '192.0.2.1', **(env or {})}
    if user is None:
        del variables['PAM_USER']
    done = subprocess.run([str(HELPER), *words], input=password if isinstance(password, bytes) else password.encode(),
                          capture_output=True, env=variables, timeout=PATIENCE_S)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


def programs():
    """The program of each process, as far as it still is there."""
    for link in pathlib.Path('/proc').glob('[0-9]*/exe'):
        with contextlib.suppress(OSError):
            yield os.readlink(link)


class Host:
    """A small program under PAM (host.c) with our module alone, without sshd."""

    under = ()  # words before the program's name

    def __init__(self, program, directory):
        self.program, self.directory = program, directory
        self.config = directory / 'helper.hcl'
        self.helper = directory / 'sallyport-helper'
        self.helper.write_bytes(HELPER.read_bytes())
        self.helper.chmod(0o755)

    def write_config(self, text):
        write_config(self.config, text)
        return self

    def line(self, words=('dev',), helper=None):
        return f'{MODULE} fail_delay=0 timeout={LONGEST_S} helper={helper or self.helper} config={self.config} {" ".join(words)}'

    def run(self, *actions, password='', user='nobody', words=('dev',), stack=None, env=None, helper=None, services=None,
            timeout_s=PATIENCE_S):
        """What each action returned: [('auth', 'AUTH_ERR'), …] and facts."""
        line = self.line(words, helper)
        stack = stack or ''.join(f'{kind} required {line}\n' for kind in ('auth', 'account', 'password', 'session'))
        deny = 'auth required pam_deny.so\n'
        for name, text in {'service': stack, 'other': deny, **(services or {})}.items():
            (self.directory / name).write_text(text.replace('@LINE@', line).replace('@DIR@', str(self.directory)))
        password = password if isinstance(password, bytes) else password.encode()
        done = subprocess.run([*self.under, str(self.program), str(self.directory), user, *actions], input=password,
                              capture_output=True, timeout=timeout_s, env=env)
        self.said = done.stderr.decode(errors='replace')
        print(self.said, end='')  # pytest shows it beside a code that is not the wanted one
        assert done.returncode == 0, done
        assert len(password) < 8 or password not in done.stderr  # whatever else is said, never the password
        rows = [row.split('=') for row in done.stdout.decode().split()]
        self.facts = {name: int(value) for name, value in rows if name not in actions}
        return [(name, CODES.get(int(value), value)) for name, value in rows if name in actions]

    def auth(self, **more):
        return self.run('auth', **more)[0][1]

    def is_in_time(self, timeout_s):
        """Whether the last run, which was `timed`, ended within its deadline and less than that once more.

        How late the machine itself lets a program run on is not the module's: `late` is the sum of it.
        """
        return self.facts['ms'] < timeout_s * 1000 + 900 + 2 * self.facts['late']

    def left(self):
        """What the last run changed in its process, of all that a module must leave alone."""
        names = ('fds', 'handlers', 'signal_mask', 'umask', 'cwd', 'locale', 'environment', 'session', 'pending', 'reaped',
                 'children')
        return {name: self.facts[name] for name in names if self.facts[name] != 0}
