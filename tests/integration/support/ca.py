"""A CA in an ssh mount, its roles, and certificates as ssh-keygen reads them."""
import calendar
import pathlib
import re
import subprocess
import tempfile
import time

from .build import TEST_SSHD
from .keys import run
from .patience import PATIENCE_S

USER = {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': 'ubuntu,ops', 'default_user': 'ubuntu'}
HOST = {'key_type': 'ca', 'allow_host_certificates': True, 'allowed_domains': 'example.com', 'allow_subdomains': True}
KINDS = {'ed25519': ('ed25519', None), 'rsa2048': ('rsa', 2048), 'rsa4096': ('rsa', 4096), 'ecdsa256': ('ecdsa', 256),
         'ecdsa384': ('ecdsa', 384), 'ecdsa521': ('ecdsa', 521)}


def entity_token(server, name):
    """(entity id, token) of someone who logged in."""
    if 'userpass/' not in server.api().get('sys/auth').data:
        server.mount_auth('userpass')
    assert server.api().post(f'auth/userpass/users/{name}', {'password': 'right', 'token_policies': 'signs'}).status == 204
    assert server.api().put('sys/policies/acl/signs', {'policy': 'path "+/sign/*" { capabilities = ["update"] }'}).status == 204
    auth = server.api(None).post(f'auth/userpass/login/{name}', {'password': 'right'}).json['auth']
    return auth['entity_id'], auth['client_token'], auth['accessor']


class Ca:
    """An ssh mount of a server that signs."""

    def __init__(self, server, mount='ssh', key_type='ed25519', key_bits=0):
        self.server, self.mount = server, mount
        made = server.api().post(f'{mount}/config/ca', {'generate_signing_key': True, 'key_type': key_type, 'key_bits': key_bits})
        assert made.status == 200, made
        self.public = made.data['public_key']

    def role(self, name, base=None, **fields):
        answer = self.server.api().post(f'{self.mount}/roles/{name}', {**(USER if base is None else base), **fields})
        assert answer.status == 204, answer
        return name

    def ask(self, role, public_key, token='', verb='sign', **fields):
        body = {'public_key': public_key, **fields} if public_key is not None else fields
        return self.server.api(token).post(f'{self.mount}/{verb}/{role}', body)

    def sign(self, role, key, name=None, **fields):
        """A signed certificate beside a copy of its private key, for ssh -i."""
        answer = self.ask(role, key.public, **fields)
        assert answer.status == 200, answer
        return Signed(key, answer.data, name or f'{key.path.name}-{answer.data["serial_number"]}')


class Signed:
    """A private key's path, with its certificate in the file that ssh looks for."""

    def __init__(self, key, data, name):
        self.data, self.path = data, key.path.with_name(name)
        self.path.write_bytes(key.path.read_bytes())
        self.path.chmod(0o600)
        self.cert = self.path.with_name(name + '-cert.pub')
        self.cert.write_text(data['signed_key'])

    def read(self):
        return read(self.cert)


def seconds(text):
    return calendar.timegm(time.strptime(text, '%Y-%m-%dT%H:%M:%S'))


def read(path):
    """What `ssh-keygen -L` prints, by the names that it gives."""
    text = run('ssh-keygen', '-L', '-f', path, env={'TZ': 'UTC', 'PATH': '/usr/bin:/bin'}).decode()
    found, name = {}, None
    for line in text.splitlines()[1:]:
        member = re.fullmatch(r' {8}(\S[^:]*): ?(.*)', line)
        if member:
            name = member.group(1)
            found[name] = member.group(2)
            if not member.group(2).strip():
                found[name] = []
        else:
            found[name].append(line.strip())
    for name in ('Principals', 'Critical Options', 'Extensions'):
        if found[name] == '(none)':
            found[name] = []
    start, end = re.fullmatch(r'from (\S+) to (\S+)', found['Valid']).groups()
    found['after'], found['before'] = seconds(start), seconds(end)
    found['serial'] = int(found['Serial'])
    found['id'] = found['Key ID'].strip('"')
    return found


class CertSshd:
    """An sshd that lets in whom certificates of these CAs name, and nobody else."""

    def __init__(self, trusted, lines=(), users=('ubuntu', 'ops')):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-certs-'))
        files = {'trusted': ''.join(trusted), 'authorized': '', 'pam': ''.join(
            f'{kind} required {module}.so\n' for kind, module in (('auth', 'pam_deny'), ('account', 'pam_permit'),
                                                                  ('password', 'pam_deny'), ('session', 'pam_permit')))}
        for name, text in files.items():
            (self.directory / name).write_text(text)
        words = ['--pam-lines', self.directory / 'pam', '--authorized', self.directory / 'authorized']
        for line in (f'TrustedUserCAKeys {self.directory / "trusted"}', 'LoginGraceTime 0', *lines):
            words += ['--sshd-line', line]
        for user in users:
            words += ['--user', user]
        started = subprocess.run([str(TEST_SSHD), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.port, self.dir, self.known_hosts = int(facts['port']), facts['dir'], facts['known_hosts']
        self.log = pathlib.Path(facts['log'])

    def stop(self):
        subprocess.run([str(TEST_SSHD), '--stop', self.dir], timeout=PATIENCE_S, check=True)

    def login(self, path, user='ubuntu', command='echo in', options=(), alias=None, known_hosts=None):
        """ssh with the key in this file and the certificate beside it; its finished process."""
        words = ['ssh', '-F', '/dev/null', '-i', str(path), '-p', str(self.port)]
        for option in (f'UserKnownHostsFile={known_hosts or self.known_hosts}', 'IdentitiesOnly=yes', 'BatchMode=yes',
                       f'HostKeyAlias={alias or f"[127.0.0.1]:{self.port}"}', 'StrictHostKeyChecking=yes', 'IdentityAgent=none',
                       'PreferredAuthentications=publickey', *options):
            words += ['-o', option]
        return subprocess.run([*words, f'{user}@127.0.0.1', command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=PATIENCE_S)

    def lets_in(self, path, **more):
        done = self.login(path, **more)
        assert done.returncode in (0, 255), done
        return done.returncode == 0
