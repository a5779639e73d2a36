"""A Linux host that dynamic keys are put on: a real sshd, homes and sudo in a mount namespace of its own.

Nothing of the machine's own homes, users or sudoers is read or written.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile

import pytest

from .build import ROOT, TEST_SSHD
from .keys import SshKey
from .patience import PATIENCE_S
from .server import wait_for

PERMIT = ''.join(f'{kind} required pam_permit.so\n' for kind in ('auth', 'account', 'password', 'session'))
DENY = PERMIT.replace('auth required pam_permit', 'auth required pam_deny')
SUDO = {'broad': 'ALL=(ALL) NOPASSWD: ALL', 'narrow': 'ALL=(root) NOPASSWD: /usr/libexec/sallyport/authorized-keys ""',
        'password': 'ALL=(ALL) ALL', 'nothing': 'ALL=(root) NOPASSWD: /bin/true'}
ADMIN = 'vaultadmin'


class LinuxHost:
    """users have homes with what they write there; the admin's key is self.key."""

    def __init__(self, users=('alice', 'bob'), sudo='broad', lines=(), listen='127.0.0.1'):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-linux-'))
        (self.directory / 'pam').write_text(DENY)
        (self.directory / 'none').write_text('')
        words = ['--pam-lines', self.directory / 'pam', '--authorized', self.directory / 'none', '--listen', listen]
        for line in ('AuthorizedKeysFile %h/.ssh/authorized_keys', 'LoginGraceTime 0', *lines):
            words += ['--sshd-line', line]
        for user in (ADMIN, *users):
            words += ['--user', user]
        started = subprocess.run([str(TEST_SSHD), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.port, self.dir, self.pid = int(facts['port']), pathlib.Path(facts['dir']), int(facts['pid'])
        self.log = pathlib.Path(facts['log'])
        if facts['namespace'] != 'yes':
            self.stop()
            pytest.skip('no mount namespaces here')
        self.namespace = os.open(f'/proc/{self.pid}/ns/mnt', os.O_RDONLY)
        self.process = None
        self.host_key = (self.dir / 'host_key.pub').read_text().strip()
        self.key = SshKey(self.directory, 'admin')
        self.write_authorized(ADMIN, f'{self.key.public}\n')
        (self.dir / 'pam.d' / 'sudo').write_text(PERMIT.replace('auth required pam_permit', 'auth required pam_deny'))
        self.sudoers = self.directory / 'sudoers'
        self.sudoers.write_text('')
        self.sudoers.chmod(0o440)
        self.inside('mount', '--bind', self.sudoers, '/etc/sudoers').check_returncode()
        self.allow_sudo(sudo)

    # ---- what an administrator does ---------------------------------------

    def allow_sudo(self, how):
        """In the file that is bound over the machine's own."""
        with open(self.sudoers, 'w', encoding='utf-8') as file:
            file.write(f'{ADMIN} {SUDO[how]}\n' if how else '')

    def inside(self, *words, **more):
        """A program run where this sshd runs; its finished process."""
        return subprocess.run(['nsenter', f'--mount=/proc/{os.getpid()}/fd/{self.namespace}', *map(str, words)], capture_output=True,
                              text=True, timeout=PATIENCE_S, **more)

    def entry(self, user):
        lines = (self.dir / 'etc' / 'passwd').read_text().splitlines()
        return next(line.split(':') for line in lines if line.startswith(f'{user}:'))

    def ids(self, user):
        return int(self.entry(user)[2]), int(self.entry(user)[3])

    def home(self, user):
        return pathlib.Path(self.entry(user)[5])

    def change_user(self, user, home=None, shell=None):
        """In place: the file is bound over the machine's own."""
        path = self.dir / 'etc' / 'passwd'
        lines = [line.split(':') for line in path.read_text().splitlines()]
        for line in lines:
            if line[0] == user:
                line[5], line[6] = str(home or line[5]), str(shell or line[6])
        with open(path, 'w', encoding='utf-8') as file:
            file.write(''.join(':'.join(line) + '\n' for line in lines))

    def shell(self, text, name='shell'):
        """A login shell that does as text says: its arguments are those of /bin/sh."""
        path = self.dir / name
        path.write_text('#!/bin/sh\n' + text)
        path.chmod(0o755)
        return path

    def replace(self, program, text):
        """A shell script in the place of a program; `real` is the program itself."""
        path = pathlib.Path(program)
        real, fake = self.dir / f'real-{path.name}', self.dir / f'fake-{path.name}'
        if not real.exists():
            shutil.copy2(path, real)
        fake.write_text(f'#!/bin/sh\nreal={real}\n{text}')
        fake.chmod(0o755)
        self.inside('mount', '--bind', fake, path).check_returncode()

    def put_back(self, program):
        self.inside('umount', '-l', program).check_returncode()

    def install_script(self):
        """As `make install` does on a host; what to unmount at the end."""
        own = self.dir / 'libexec'
        (own / 'sallyport').mkdir(parents=True)
        for path in pathlib.Path('/usr/libexec').iterdir():
            if path.is_dir() and path.name != 'sallyport':
                (own / path.name).mkdir()
                self.inside('mount', '--bind', path, own / path.name).check_returncode()
        script = own / 'sallyport' / 'authorized-keys'
        shutil.copy(ROOT / 'server/engines/ssh/profiles/authorized_keys.sh', script)
        script.chmod(0o755)
        self.inside('mount', '--rbind', own, '/usr/libexec').check_returncode()
        return '/usr/libexec'

    # ---- the file ------------------------------------------------------------

    def authorized(self, user):
        return self.home(user) / '.ssh' / 'authorized_keys'

    def write_authorized(self, user, text, mode=0o600):
        path, (uid, gid) = self.authorized(user), self.ids(user)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(mode)
        for one in (path.parent, path):
            os.chown(one, uid, gid)
        return path

    def ours(self, user):
        """The lines of Sallyport's keys."""
        path = self.authorized(user)
        return [line for line in path.read_text(errors='replace').splitlines() if re.search(' sallyport:[0-9A-Za-z]{8}:[0-9A-Za-z]{24}$', line)] if path.exists() else []

    # ---- logging in -----------------------------------------------------------

    def login(self, user, key_text, command='echo in'):
        """ssh with a private key's text; its finished process."""
        with tempfile.TemporaryDirectory() as place:
            path = pathlib.Path(place) / 'key'
            path.touch(mode=0o600)
            path.write_text(key_text)
            words = ['ssh', '-F', '/dev/null', '-i', str(path), '-p', str(self.port)]
            for option in ('UserKnownHostsFile=/dev/null', 'StrictHostKeyChecking=no', 'IdentitiesOnly=yes', 'BatchMode=yes',
                           'IdentityAgent=none', 'PreferredAuthentications=publickey', 'LogLevel=ERROR'):
                words += ['-o', option]
            return subprocess.run([*words, f'{user}@127.0.0.1', command], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=PATIENCE_S)

    def lets_in(self, user, key_text):
        done = self.login(user, key_text)
        assert done.returncode in (0, 255), done
        return done.returncode == 0

    # ---- coming and going -------------------------------------------------------

    def connections(self):
        """Processes of sshd below the one that listens."""
        done = subprocess.run(['ps', '-o', 'pid=', '--ppid', str(self.listener)], capture_output=True, text=True, check=False)
        return [int(word) for word in done.stdout.split()]

    @property
    def listener(self):
        return self.process.pid if self.process else self.pid

    def cut(self):
        """Whoever is connected is cut off."""
        for pid in self.connections():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def down(self):
        """Nobody listens any more, and who is connected is cut off."""
        connected = self.connections()
        os.kill(self.listener, signal.SIGKILL)
        for pid in connected:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self.process:
            self.process.wait()
        wait_for(lambda: not pathlib.Path(f'/proc/{self.listener}').exists() or self.is_zombie(self.listener), 'sshd ends')

    @staticmethod
    def is_zombie(pid):
        try:
            return pathlib.Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z'
        except OSError:
            return True

    def up(self):
        """On the same port again."""
        self.process = self.listen_on('127.0.0.1')

    def fingerprint(self):
        shown = subprocess.run(['ssh-keygen', '-l', '-f', self.dir / 'host_key.pub'], capture_output=True, text=True, check=True)
        return shown.stdout.split()[1]

    @contextlib.contextmanager
    def another_host_key(self, key):
        """As a machine that was set up again, or somebody in its place, has."""
        path = self.dir / 'host_key'
        own = path.read_text()
        self.down()
        path.write_text(key.path.read_text())
        self.up()
        try:
            yield
        finally:
            self.down()
            path.write_text(own)
            self.up()

    def listen_on(self, address):
        """One more sshd of this host; its process."""
        text = (self.dir / 'sshd_config').read_text()
        config = self.dir / f'sshd_config.{address}'
        config.write_text(''.join(line + '\n' for line in text.splitlines() if not line.startswith('ListenAddress'))
                          + f'ListenAddress {address}\n')
        with open(self.log, 'ab') as log:
            process = subprocess.Popen(
                ['nsenter', f'--mount=/proc/{os.getpid()}/fd/{self.namespace}', str(self.dir / 'sshd'), '-D', '-e', '-f', str(config)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL)
        wait_for(lambda: self.answers(address), 'sshd listens')
        return process

    def answers(self, address):
        with contextlib.suppress(OSError), socket.create_connection((address, self.port), PATIENCE_S):
            return True
        return False

    def stop(self):
        if getattr(self, 'process', None) and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        subprocess.run([str(TEST_SSHD), '--stop', str(self.dir)], timeout=PATIENCE_S, check=True)
        if hasattr(self, 'namespace'):
            os.close(self.namespace)
        subprocess.run(['rm', '-rf', str(self.directory)], check=True)


def prepare(server, host, role='dyn', **more):
    """The key of the host's admin, and a role that uses it."""
    assert server.api().post('ssh/keys/admin', {'key': host.key.path.read_text()}).status == 204
    write_role(server, host, role, **more)


def write_role(server, host, role='dyn', **more):
    wanted = {'key_type': 'dynamic', 'key': 'admin', 'admin_user': ADMIN, 'default_user': 'alice', 'allowed_users': '*',
              'cidr_list': '127.0.0.0/8', 'port': host.port, 'host_keys': [host.host_key], 'dynamic_key_type': 'ed25519', **more}
    answer = server.api().post(f'ssh/roles/{role}', wanted)
    assert answer.status == 204, answer


def ask(server, role='dyn', **more):
    return server.api().post(f'ssh/creds/{role}', {'ip': '127.0.0.1', **more})


def issue(server, role='dyn', **more):
    answer = ask(server, role, **more)
    assert answer.status == 200, answer
    return answer.json


def revoke(server, got, sync=True):
    return server.api().put('sys/leases/revoke', {'lease_id': got['lease_id'], 'sync': sync})


def leases(server, role='dyn'):
    """The tails of all that are there, live or waiting to be taken back."""
    found = server.api().list(f'sys/leases/lookup/ssh/creds/{role}')
    return [] if found.status == 404 else found.data['keys']
