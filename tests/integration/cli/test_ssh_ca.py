"""`sallyport ssh -mode=ca` against a real sshd (spec/cli.md 4.5; requirements S3-4, C-5)."""
import contextlib
import json
import os
import signal
import subprocess

import pytest

from support import cli
from support.build import CLI
from support.ca import HOST, Ca, CertSshd
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.server import Server, wait_for


class Site:
    """A server that signs for one host, and a user with a home."""

    def __init__(self, place):
        self.server = Server().start()
        self.server.mount_ssh('ssh')
        self.server.mount_ssh('hosts')
        self.ca = Ca(self.server)
        self.hosts = Ca(self.server, 'hosts')
        self.ca.role('ops', default_extensions={'permit-pty': ''}, ttl='5m')
        self.hosts.role('host', HOST, allowed_domains='localhost', allow_bare_domains=True)
        self.host_key = SshKey(place, 'host')
        signed = self.hosts.ask('host', self.host_key.public, cert_type='host', valid_principals='localhost')
        certificate = place / 'host-cert.pub'
        certificate.write_text(signed.data['signed_key'])
        self.sshd = CertSshd([self.ca.public], lines=(f'HostKey {self.host_key.path}', f'HostCertificate {certificate}'))
        self.known = place / 'known_hosts'
        self.known.write_text(f'[127.0.0.1]:{self.sshd.port} {self.host_key.public}\n')
        self.home = place / 'home'
        self.home.mkdir(mode=0o700)
        self.runtime = place / 'run'
        self.runtime.mkdir(mode=0o700)

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_', 'SSH_'))}
        return {**clean, 'HOME': str(self.home), 'VAULT_ADDR': self.server.address, 'VAULT_TOKEN': self.server.token,
                'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S), 'XDG_RUNTIME_DIR': str(self.runtime), **more}

    def words(self, *rest, options=('-role=ops',), known=True, command=('echo', 'in'), destination='ubuntu@127.0.0.1'):
        own = [f'-user-known-hosts-file={self.known}'] if known else []
        return [str(CLI), 'ssh', '-mode=ca', *options, *own, '--', '-F', '/dev/null', '-p', str(self.sshd.port), '-oBatchMode=yes',
                *rest, destination, *command]

    def ssh(self, *rest, env=None, **more):
        return subprocess.run(self.words(*rest, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment(**(env or {})), timeout=PATIENCE_S)

    @contextlib.contextmanager
    def running(self, command):
        """ssh with a command that says "started", while it runs; ended in any case."""
        with subprocess.Popen(self.words(command=(f'echo started; {command}',)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment()) as process:
            try:
                assert process.stdout.readline() == b'started\n'
                yield process
            finally:
                process.terminate()

    def left(self):
        return sorted(self.runtime.glob('sallyport-ssh-*'))

    def kept(self):
        return sorted((self.runtime / 'sallyport').glob('*')) if (self.runtime / 'sallyport').exists() else []


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    one = Site(tmp_path_factory.mktemp('ssh-ca'))
    yield one
    one.sshd.stop()
    one.server.clean()


@pytest.fixture(autouse=True)
def nothing_is_left(site):
    yield
    assert site.left() == []
    for path in site.kept():
        path.unlink()


@pytest.fixture
def key(site, tmp_path):
    return SshKey(tmp_path, 'mine')


def test_a_key_in_memory_logs_in(site):
    done = site.ssh()
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', '')
    assert 'Accepted publickey for ubuntu' in site.sshd.log.read_text() and site.kept() == []


def test_status_and_streams_are_ssh_s_own(site):
    done = site.ssh(command=('echo out; echo err >&2; exit 7',))
    assert (done.returncode, done.stdout) == (7, 'out\n')
    assert done.stderr == 'err\nfailed to run ssh command: exit status 7\n'


def test_the_agent_holds_the_one_certificate_and_takes_nothing(site):
    site.ca.role('forwarding', default_extensions={'permit-agent-forwarding': ''})
    done = site.ssh('-A', options=('-role=forwarding',), command=('ssh-add -L; ssh-add -D; ssh-add -x <&-; true',))
    lines = done.stdout.splitlines()
    assert len(lines) == 1 and lines[0].startswith('ssh-ed25519-cert-v01@openssh.com '), done


def test_agents_and_files_of_the_user_do_not_matter(site):
    """Neither an agent full of others' keys, nor IdentitiesOnly, keeps ours from being offered."""
    config = site.home / 'config'
    config.write_text('IdentitiesOnly yes\nIdentityAgent none\n')
    words = site.words()
    words[words.index('/dev/null')] = str(config)
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=site.environment(SSH_AUTH_SOCK='/nowhere'),
                          timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (0, 'in\n'), done


@pytest.mark.parametrize('named', ['public', 'private', 'both', 'tilde'])
def test_a_named_key_logs_in(site, key, named):
    options = {'public': (f'-public-key-path={key.pub}',), 'private': (f'-private-key-path={key.path}',),
               'both': (f'-public-key-path={key.pub}', f'-private-key-path={key.path}'),
               'tilde': ('-private-key-path=~/mine',)}[named]
    if named == 'tilde':
        for path in (key.path, key.pub):
            (site.home / path.name).write_bytes(path.read_bytes())
            (site.home / path.name).chmod(0o600)
    done = site.ssh(options=('-role=ops', *options))
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', '')


def signatures(site):
    with open(site.audit, encoding='utf-8') as lines:
        return sum('"path":"ssh/sign/ops"' in line and '"type":"response"' in line for line in lines)


@pytest.fixture
def audited(site):
    if not hasattr(site, 'audit'):
        site.audit = site.server.enable_audit()
    return site


def test_a_certificate_is_used_again_while_it_is_good(audited, key):
    site = audited
    options = ('-role=ops', f'-public-key-path={key.pub}')
    before = signatures(site)
    for _ in range(3):
        assert site.ssh(options=options).returncode == 0
    assert signatures(site) == before + 1 and len(site.kept()) == 1
    assert (site.runtime / 'sallyport').stat().st_mode & 0o777 == 0o700
    assert site.ssh(options=(*options, '-valid-principals=ops'), destination='ops@127.0.0.1').returncode == 0
    assert signatures(site) == before + 2 and len(site.kept()) == 2
    assert site.ssh(options=options, env={'XDG_RUNTIME_DIR': ''}).returncode == 0
    assert signatures(site) == before + 3


def test_a_certificate_that_ssh_fails_with_is_forgotten(audited, key):
    site = audited
    options = ('-role=ops', f'-public-key-path={key.pub}', '-valid-principals=ops')
    done = site.ssh(options=options)
    assert done.returncode == 255 and 'Permission denied' in done.stderr and site.kept() == []
    before = signatures(site)
    assert site.ssh(options=options, destination='ops@127.0.0.1').returncode == 0
    assert signatures(site) == before + 1


def test_no_extensions_are_asked_for(site, key):
    """The vault command asks for all five, which a strict role refuses; the role's own are what one gets (C-5)."""
    site.ca.role('strict', allowed_extensions='permit-pty', default_extensions={'permit-pty': ''})
    done = site.ssh(options=('-role=strict', '-no-exec', '-format=json', f'-public-key-path={key.pub}'))
    assert done.returncode == 0, done
    signed = key.path.with_name('printed-cert.pub')
    signed.write_text(json.loads(done.stdout)['data']['signed_key'])
    text = subprocess.run(['ssh-keygen', '-L', '-f', signed], capture_output=True, text=True, check=True).stdout
    assert 'permit-pty' in text and 'permit-port-forwarding' not in text
    assert 'ubuntu' in text.split('Principals:')[1].split('Critical')[0]


def test_the_role_says_the_mode(site):
    words = [word for word in site.words() if word != '-mode=ca']
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, env=site.environment(), timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (0, 'in\n') and 'No -mode specified' in done.stderr


def test_hosts_are_trusted_by_their_ca_alone(site):
    by_ca = ('-role=ops', '-host-key-mount-point=hosts', '-host-key-hostnames=localhost,*.example.com', '-strict-host-key-checking=no')
    done = site.ssh('-oHostKeyAlias=localhost', options=by_ca, known=False)
    assert (done.returncode, done.stdout) == (0, 'in\n'), done
    other = site.ssh('-oHostKeyAlias=elsewhere', options=by_ca, known=False)
    assert other.returncode == 255 and 'Host key verification failed' in other.stderr
    wrong = site.ssh('-oHostKeyAlias=localhost', options=(*by_ca[:1], '-host-key-mount-point=ssh'), known=False)
    assert wrong.returncode == 255 and 'Host key verification failed' in wrong.stderr


@pytest.mark.parametrize('options, status, text', [
    (('-role=ops', '-no-exec'), 1, '-no-exec prints the certificate of a key of yours: name one with -public-key-path'),
    (('-role=ops', '-public-key-path=/nowhere.pub'), 1, 'failed to read public key /nowhere.pub: '),
    (('-role=ops', '-public-key-path=/nowhere'), 1, 'name its private half with -private-key-path'),
    (('-role=ops', '-public-key-path=/etc/passwd', '-private-key-path=/x'), 1, 'failed to read public key /etc/passwd: it is no public key'),
    (('-role=none',), 2, 'Unknown role: none'),
    (('-role=ops', '-valid-principals=root'), 2, 'root is not a valid value for valid_principals'),
    (('-role=ops', '-host-key-mount-point=none'), 2, 'failed to get host signing key: '),
])
def test_what_goes_wrong_is_said(site, options, status, text):
    cli.says(site.ssh(options=options), status, text)


def test_ssh_that_cannot_be_started_is_said(site):
    done = site.ssh(options=('-role=ops', '-ssh-executable=/nowhere/ssh'))
    assert done.returncode == 2 and 'fork/exec /nowhere/ssh: no such file or directory' in done.stderr


@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_signal_leaves_nothing_behind(site, name):
    with site.running('sleep 600') as process:
        assert len(site.left()) == 1
        process.send_signal(getattr(signal, name))
        assert process.wait(PATIENCE_S) != 0
    wait_for(lambda: site.left() == [], 'the directory is gone')


def test_the_made_key_is_in_no_file_and_no_argument(site):
    """While ssh runs: our directory has a socket alone, and neither process shows key material."""
    with site.running('cat') as process:
        (directory,) = site.left()
        assert directory.stat().st_mode & 0o777 == 0o700 and [path.name for path in directory.iterdir()] == ['agent']
        assert (directory / 'agent').is_socket()
        children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
        for pid in [process.pid, *children]:
            with open(f'/proc/{pid}/cmdline', 'rb') as arguments, open(f'/proc/{pid}/environ', 'rb') as variables:
                assert b'PRIVATE KEY' not in arguments.read() + variables.read()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
