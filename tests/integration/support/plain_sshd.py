"""An sshd without PAM or namespace, for logins by key: its host keys, its authorized_keys, and what it listens on can change."""
import pathlib
import socket
import subprocess

from .keys import SshKey
from .patience import PATIENCE_S
from .server import free_port, wait_for

SSHD = '/usr/sbin/sshd'


class PlainSshd:
    """Root logs in with the keys in `authorized`; stop() and start() again as you like, on the same port."""

    def __init__(self, directory, host_keys=('ed25519',), lines=()):
        self.directory, self.lines, self.port = pathlib.Path(directory), list(lines), free_port()
        self.directory.mkdir(exist_ok=True)
        self.authorized = self.directory / 'authorized_keys'
        self.authorized.write_text('')
        self.process, self.n = None, 0
        self.host_keys = [self.new_host_key(kind) for kind in host_keys]

    def new_host_key(self, kind):
        self.n += 1
        return SshKey(self.directory, f'host{self.n}_{kind}', kind, 2048 if kind == 'rsa' else None)

    def let_in(self, *keys):
        self.authorized.write_text(''.join(f'{key}\n' for key in keys))

    def start(self):
        config = self.directory / 'sshd_config'
        config.write_text('\n'.join([
            *(f'HostKey {key.path}' for key in self.host_keys), f'AuthorizedKeysFile {self.authorized}', 'StrictModes no',
            'PermitRootLogin prohibit-password', 'PasswordAuthentication no', 'KbdInteractiveAuthentication no', 'UsePAM no',
            'PidFile none', 'LoginGraceTime 0', 'MaxStartups 1000', 'PerSourcePenalties no' if self.knows_penalties() else '', *self.lines, '']))
        log = (self.directory / 'log').open('ab')
        self.process = subprocess.Popen([SSHD, '-D', '-e', '-f', config, '-p', str(self.port), '-o', 'ListenAddress=127.0.0.1'],
                                        stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        log.close()
        wait_for(self.answers, f'sshd on port {self.port}, see {self.directory / "log"}')
        return self

    @staticmethod
    def knows_penalties():
        said = subprocess.run([SSHD, '-T', '-f', '/dev/null', '-o', 'PerSourcePenalties=no'], capture_output=True, check=False)
        return b'Unsupported option' not in said.stderr and b'Bad configuration option' not in said.stderr

    def answers(self):
        assert self.process.poll() is None, (self.directory / 'log').read_text()
        try:
            with socket.create_connection(('127.0.0.1', self.port), 5) as one:
                return one.recv(4) == b'SSH-'
        except OSError:
            return False

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            self.process.wait(PATIENCE_S)
            self.process = None
