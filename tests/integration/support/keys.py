"""SSH keys, certificates and signatures, all made by OpenSSH's own programs."""
import base64
import contextlib
import os
import pathlib
import subprocess


def run(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **more).stdout


class SshKey:
    """A key pair in files; public is the line of its .pub file."""

    def __init__(self, directory, name, kind='ed25519', bits=None):
        self.path = pathlib.Path(directory) / name
        words = ['ssh-keygen', '-q', '-t', kind, '-N', '', '-C', name, '-f', self.path]
        run(*words, *(['-b', bits] if bits else []))
        self.pub = pathlib.Path(f'{self.path}.pub')

    @property
    def public(self):
        return self.pub.read_text().strip()

    @property
    def fingerprint(self):
        return run('ssh-keygen', '-l', '-f', self.pub).decode().split()[1]

    def sign(self, namespace, message, hashed='sha512', with_file=None, environment=None):
        """An armoured signature, as ssh-keygen -Y sign makes it."""
        return run('ssh-keygen', '-Y', 'sign', '-q', '-f', with_file or self.path, '-n', namespace, '-O', f'hashalg={hashed}',
                   input=message.encode(), env={**os.environ, **(environment or {})}).decode()

    def certify(self, key, principals='', name='cert', host=False, validity='-1m:+1h', options=(), serial=7, algorithm=None):
        """A certificate for key by this CA, in a file of its own beside a copy of the key."""
        copy = key.path.with_name(name)
        copy.write_bytes(key.path.read_bytes())
        copy.chmod(0o600)
        copy.with_suffix('.pub').write_text(key.public + '\n')
        words = ['ssh-keygen', '-q', '-s', self.path, '-I', f'id-{name}', '-z', serial, '-V', validity]
        words += ['-h'] if host else []
        words += ['-n', principals] if principals else []
        words += ['-t', algorithm] if algorithm else []
        for option in options:
            words += ['-O', option]
        run(*words, copy.with_suffix('.pub'))
        return Certificate(copy)


class Certificate:
    """A private key whose certificate lies beside it."""

    def __init__(self, path):
        self.path, self.pub = path, path.with_name(path.name + '-cert.pub')

    @property
    def public(self):
        return self.pub.read_text().strip()

    def sign(self, namespace, message):
        with agent() as one:
            run('ssh-add', '-q', self.path, env=one)
            return run('ssh-keygen', '-Y', 'sign', '-q', '-f', self.pub, '-n', namespace, input=message.encode(),
                       env=one).decode()


@contextlib.contextmanager
def agent(*keys):
    """An ssh-agent with these keys; its environment."""
    out = run('ssh-agent', '-s').decode()
    found = dict(part.split('=', 1) for part in out.replace('\n', ';').split(';') if '=' in part)
    environment = {**os.environ, 'SSH_AUTH_SOCK': found['SSH_AUTH_SOCK'], 'SSH_AGENT_PID': found['SSH_AGENT_PID']}
    try:
        for key in keys:
            run('ssh-add', '-q', key.path, env=environment)
        yield environment
    finally:
        run('ssh-agent', '-k', env=environment)


def dearmor(text):
    return base64.b64decode(''.join(line for line in text.split('\n') if not line.startswith('-----')))


def armor(blob):
    text = base64.b64encode(blob).decode()
    return '-----BEGIN SSH SIGNATURE-----\n' + '\n'.join(
        text[at:at + 70] for at in range(0, len(text), 70)) + '\n-----END SSH SIGNATURE-----\n'
