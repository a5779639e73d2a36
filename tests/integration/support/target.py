"""A target host that is enrolled: a real sshd with files of its own, and sallyport-helper beside it.

Nothing of the machine's own /etc/ssh is read or written: what the helper writes lies in the
host's directory, and it runs in the mount namespace of the host's sshd.
"""
import json
import pathlib
import subprocess

from .build import HELPER, TEST_SSHD
from .keys import SshKey
from .patience import PATIENCE_S

DENY = ''.join(f'{kind} required {module}.so\n' for kind, module in (
    ('auth', 'pam_deny'), ('account', 'pam_permit'), ('password', 'pam_deny'), ('session', 'pam_permit')))
PROGRAM = '/run/sallyport/sallyport-helper'  # sshd starts nothing that lies where others may write


class Target:
    """An sshd whose configuration includes what the helper writes."""

    def __init__(self, directory, address, lines=(), users=('ubuntu', 'ops'), **settings):
        self.directory, self.ssh, self.state = directory, directory / 'ssh', directory / 'state'
        for path in (self.ssh, self.state, self.conf.parent):
            path.mkdir()
        for name, text in (('authorized', ''), ('pam', DENY)):
            (directory / name).write_text(text)
        words = ['--pam-lines', directory / 'pam', '--authorized', directory / 'authorized']
        for line in (f'Include {self.conf.parent}/*.conf', 'LoginGraceTime 0', *lines):
            words += ['--sshd-line', line]
        for user in (*users, 'sallyport-helper'):
            words += ['--user', user]
        started = subprocess.run([str(TEST_SSHD), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.port, self.dir, self.pid = int(facts['port']), pathlib.Path(facts['dir']), facts['pid']
        self.log, self.has_namespace = pathlib.Path(facts['log']), facts['namespace'] == 'yes'
        self.key, self.cert = self.dir / 'host_key', self.dir / 'host_key-cert.pub'
        (directory / 'sshd.pid').write_text(f'{self.pid}\n')
        self.program = HELPER
        if self.has_namespace:
            self.program = PROGRAM
            self.inside('install', '-D', '-m', '0755', HELPER, PROGRAM).check_returncode()
        self.cache = self.state / 'cache'
        self.inside('install', '-d', '-m', '0700', '-o', 'sallyport-helper', self.cache).check_returncode()
        self.config = directory / 'helper.hcl'
        self.settings = {
            'timeout_seconds': PATIENCE_S if PATIENCE_S < 100 else 100, 'ssh_directory': self.ssh, 'state_directory': self.state,
            'host_secret_file': self.secret, 'sshd_config': self.dir / 'sshd_config', 'sshd_pid_file': directory / 'sshd.pid',
            'pam_file': directory / 'pam', **settings}
        self.configure(vault_addr=address)

    @property
    def conf(self):
        return self.ssh / 'sshd_config.d' / '50-sallyport.conf'

    @property
    def krl(self):
        return self.ssh / 'sallyport_krl'

    @property
    def user_ca(self):
        return self.ssh / 'sallyport_user_ca.pub'

    @property
    def secret(self):
        return self.directory / 'host.secret'

    def configure(self, **settings):
        self.settings.update(settings)
        self.config.write_text(''.join(
            f'{name} = {value if isinstance(value, int) else json.dumps(str(value))}\n' for name, value in self.settings.items()))
        self.config.chmod(0o644)

    def inside(self, *words, **more):
        """A program run where this sshd runs; its finished process."""
        enter = ['nsenter', f'--target={self.pid}', '--mount'] if self.has_namespace else []
        return subprocess.run([str(word) for word in (*enter, *words)], capture_output=True, text=True, timeout=PATIENCE_S, **more)

    def run(self, command, *words, **more):
        done = self.inside(self.program, command, '-dev', f'-config={self.config}', *words, **more)
        print(done.stdout, done.stderr)  # pytest shows it beside what was not expected
        return done

    def enrol(self, token, *words):
        return self.run('enrol', '-token-file=-', f'-key={self.key}.pub', *words, input=token + '\n')

    def renew(self, *words):
        return self.run('renew', *words)

    def status(self):
        done = self.run('status', '-format=json')
        return done.returncode, json.loads(done.stdout)

    def record(self, **changes):
        """The helper's own notes; changed before it looks again."""
        path = self.state / 'host.json'
        found = json.loads(path.read_text())
        if changes:
            path.write_text(json.dumps({**found, **changes}))
        return found

    def files(self):
        """All that the helper may have written, but for its notes of each run."""
        paths = [self.cert, self.secret, *self.ssh.rglob('*')]
        return {path: path.read_bytes() for path in paths if path.is_file()}

    def login(self, key, cert, user='ubuntu', command='echo in', trusted=None):
        """ssh with this certificate; trusted: the CA of hosts, whom alone it believes."""
        known = self.directory / 'known_hosts'
        known.write_text(f'@cert-authority * {trusted}\n' if trusted else '')
        words = ['ssh', '-F', '/dev/null', '-i', str(key), '-p', str(self.port)]
        for option in (f'CertificateFile={cert}', f'UserKnownHostsFile={known}', 'GlobalKnownHostsFile=/dev/null',
                       'IdentitiesOnly=yes', 'BatchMode=yes', 'IdentityAgent=none', 'PreferredAuthentications=publickey',
                       f'StrictHostKeyChecking={"yes" if trusted else "no"}', 'HostKeyAlias=web1.example.com'):
            words += ['-o', option]
        return subprocess.run([*words, f'{user}@127.0.0.1', command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S)

    def lets_in(self, key, cert, **more):
        done = self.login(key, cert, **more)
        assert done.returncode in (0, 255), done
        return done.returncode == 0

    def stop(self):
        subprocess.run([str(TEST_SSHD), '--stop', str(self.dir)], timeout=PATIENCE_S, check=True)


class Authority:
    """Answers as the server's enrolment does, with a CA in files: what it says may be bent."""

    def __init__(self, directory):
        self.directory = directory
        self.ca = SshKey(directory, 'authority')
        self.empty_krl = directory / 'empty.krl'
        subprocess.run(['ssh-keygen', '-q', '-k', '-f', self.empty_krl, '-z', '5'], check=True)
        self.serial, self.reports, self.said = 0, [], {}
        self.principals = ['ubuntu']

    def certify(self, public, validity='-1m:+1h', name='web1.example.com', host=True, ca=None):
        self.serial += 1
        path = self.directory / f'signed{self.serial}.pub'
        path.write_text(public + '\n')
        subprocess.run(['ssh-keygen', '-q', '-s', (ca or self.ca).path, '-I', f'id{self.serial}', '-z', str(self.serial), '-V',
                        validity, '-n', name, *(['-h'] if host else []), path], check=True)
        return path.with_name(path.stem + '-cert.pub').read_text()

    def issue(self, public):
        return {'host': 'web1.example.com', 'signed_key': self.certify(public), 'serial_number': f'{self.serial:x}',
                'expiration': '2030-01-01T00:00:00Z', 'trusted_user_ca_keys': self.ca.public + '\n',
                'host_secret': f'secret{self.serial}', 'krl_version': 5, 'renew_after': 2400}

    def __call__(self, path, headers, sent):
        name = path.removeprefix('/v1/ssh/').split('/host', 1)[0]
        if name.startswith('principals/'):
            name = 'principals'
        body = json.loads(sent) if sent else {}
        answer = self.said.get(name)
        if answer is None:
            answer = getattr(self, 'say_' + name.replace('/', '_'))(body)
        status, what = answer if isinstance(answer, tuple) else (200, answer)
        return status, {'data': what} if isinstance(what, dict) and status == 200 and 'errors' not in what else what

    def say_enrol(self, body):
        return self.issue(body['public_key']) if body['enrolment_token'] == 'good' else (
            400, {'errors': ['invalid enrolment token']})

    def say_enrol_challenge(self, body):
        return {'nonce': 'n0nce', 'message': 'n0nceaccessor', 'namespace': 'sallyport-renew@cluster', 'ttl': 60}

    def say_enrol_renew(self, body):
        return self.issue(body['public_key'])

    def say_enrol_report(self, body):
        self.reports.append(body)
        return 204, b''

    def say_principals(self, body):
        return {'principals': self.principals, 'valid_for': 3600}

    def say_krl(self, body):
        return self.empty_krl.read_bytes()

    def say_public_key(self, body):
        return f'{self.ca.public}\n'.encode()
