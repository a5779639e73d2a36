"""Start, stop, kill and restart the real server."""
import contextlib
import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from .api import Api
from .build import SERVER
from .patience import PATIENCE_S


PORTS_EACH = 500
PORTS_FIRST = range(20000, 32000, PORTS_EACH)
OWN_PORTS = []  # their first, and the socket that says that they are ours


def claim_ports():
    """Ports for this process alone, below those that the kernel gives out by itself; tools/test-sshd has lower ones."""
    for first in random.sample(PORTS_FIRST, len(PORTS_FIRST)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f'\0sallyport-test-ports-{first}')  # free again when this process ends
            return first, claim
        except OSError:
            claim.close()
    raise AssertionError('all ports for tests are taken')


def free_port():
    """Nobody else's between two starts of a server either."""
    if not OWN_PORTS:
        OWN_PORTS.extend(claim_ports())
    while True:
        port = OWN_PORTS[0] + random.SystemRandom().randrange(PORTS_EACH)
        with contextlib.suppress(OSError), socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(('127.0.0.1', port))
            return port


def children(pid):
    """Of its first thread, which starts the keeper."""
    try:
        text = pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text(encoding='ascii')
    except OSError:
        return []
    return [int(one) for one in text.split()]


def is_running(pid):
    """One that has ended and that nobody has waited for yet does not count."""
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text(encoding='ascii').rpartition(')')[2].split()[0] not in 'ZX'
    except OSError:
        return False


def wait_for(condition, what, seconds=PATIENCE_S, every_s=0.01):
    """Until condition() is true; a deadline only guards against hanging."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f'never happened: {what}')
        time.sleep(every_s)


class Server:
    """A server with a store file of its own, kept over restarts.

    dev=True: the development mode, unsealed, root token "root", loopback
    addresses allowed. Else a real configuration, initialised with `shares`
    and unsealed by hand; config is more HCL text.
    """

    def __init__(self, dev=True, config='', shares=(1, 1), tls=None, unix=False, store_token=False):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-test-'))
        self.dev, self.shares, self.tls, self.config = dev, shares, tls, config
        self.port = free_port()
        self.process = None
        self.keeper = None  # the pid of the other process of the two
        self.token = 'root' if dev else None
        self.keys = []
        self.store = self.directory / 'data' / 'store.db'
        self.store.parent.mkdir(mode=0o700)
        self.audit_directory = self.directory / 'audit'
        self.audit_directory.mkdir(mode=0o700)
        self.unix = str(self.directory / 'admin.sock') if unix else None
        self.store_token = store_token
        self.log = self.directory / 'server.log'
        self.environment = {}

    # ---- starting ---------------------------------------------------------

    def words(self):
        if self.dev:
            words = [str(SERVER), '-dev', '-dev-root-token-id=root', f'-dev-listen-address=127.0.0.1:{self.port}',
                     f'-dev-storage={self.store}']
            return words if self.store_token else words + ['-dev-no-store-token']
        path = self.directory / 'sallyport.hcl'
        path.write_text(self.hcl())
        path.chmod(0o600)
        return [str(SERVER), f'-config={path}']

    def hcl(self):
        tls = 'tls_disable = true'
        if self.tls:
            tls = f'tls_cert_file = "{self.tls.cert}"\n  tls_key_file = "{self.tls.key}"'
        unix = f'listener "unix" {{\n  path = "{self.unix}"\n}}\n' if self.unix else ''
        return (f'storage "sqlite" {{\n  path = "{self.store}"\n}}\n'
                f'listener "tcp" {{\n  address = "127.0.0.1:{self.port}"\n  {tls}\n}}\n{unix}'
                f'disable_mlock = true\naudit_directories = ["{self.audit_directory}"]\n{self.config}\n')

    def start(self, unseal=True):
        environment = dict(os.environ, HOME=str(self.directory), **self.environment)
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(self.words(), stdout=log, stderr=subprocess.STDOUT, env=environment,
                                            cwd=self.directory)
        wait_for(lambda: self.answers() or self.process.poll() is not None, 'the server answers')
        if self.process.poll() is not None:
            raise AssertionError('the server ended at start:\n' + self.log_text())
        self.keeper = children(self.process.pid)[0]
        if not self.dev and unseal:
            self.init_and_unseal()
        return self

    def answers(self):
        try:
            return self.api(token=None).get('sys/health').status in (200, 501, 503)
        except OSError:
            return False

    def init_and_unseal(self):
        plain = self.api(token=None)
        if not plain.get('sys/init').json['initialized']:
            n, t = self.shares
            made = plain.put('sys/init', {'secret_shares': n, 'secret_threshold': t}).json
            self.keys, self.token = made['keys_base64'], made['root_token']
        for key in self.keys[:self.shares[1]]:
            plain.put('sys/unseal', {'key': key})

    # ---- ending -----------------------------------------------------------

    def stop(self):
        """As systemd would; the exit status."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
        status = self.process.wait(PATIENCE_S) if self.process else None
        self.expect_no_keeper()
        return status

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        self.expect_no_keeper()

    def expect_no_keeper(self):
        """However the server ended, nothing of it is left behind."""
        if self.keeper:
            wait_for(lambda: not is_running(self.keeper), 'the keeper ends with the server')

    def restart(self, kill=False):
        self.kill() if kill else self.stop()
        return self.start()

    def clean(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE_S)
        self.expect_no_keeper()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- talking ----------------------------------------------------------

    @property
    def address(self):
        return f'{"https" if self.tls else "http"}://127.0.0.1:{self.port}'

    def api(self, token=''):
        return Api('127.0.0.1', self.port, self.token if token == '' else token, ca=self.tls.ca if self.tls else None)

    def log_text(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''

    def mount_ssh(self, path='ssh', **config):
        answer = self.api().post(f'sys/mounts/{path}', {'type': 'ssh', 'config': config})
        assert answer.status == 204, answer
        return self

    def mount_auth(self, kind, path=None, **config):
        answer = self.api().post(f'sys/auth/{path or kind}', {'type': kind, 'config': config})
        assert answer.status == 204, answer
        return self

    def enable_audit(self, name='file', file='audit.log', write_timeout='10m', **options):
        """A file that may be slow, where it is not the deadline that matters."""
        path = self.audit_directory / file
        options = {'file_path': str(path), 'write_timeout': write_timeout, **options}
        answer = self.api().put(f'sys/audit/{name}', {'type': 'file', 'options': options})
        assert answer.status == 204, answer
        return path

    def write_role(self, name='otp', mount='ssh', **fields):
        body = {'key_type': 'otp', 'default_user': 'ubuntu', 'cidr_list': '10.0.0.0/8', **fields}
        answer = self.api().post(f'{mount}/roles/{name}', body)
        assert answer.status == 204, answer

    def otp(self, role='otp', ip='10.1.2.3', mount='ssh', token='', **more):
        """Ask for a one-time password; its whole answer."""
        answer = self.api(token).put(f'{mount}/creds/{role}', {'ip': ip, **more})
        assert answer.status == 200, answer
        return answer.json

    def token_with(self, policy, **fields):
        """A token with just this policy text."""
        name = f'p{abs(hash(policy)) % 10**9}'
        assert self.api().put(f'sys/policies/acl/{name}', {'policy': policy}).status == 204
        answer = self.api().post('auth/token/create', {'policies': [name], 'no_default_policy': True, **fields})
        assert answer.status == 200, answer
        return answer.json['auth']['client_token']
