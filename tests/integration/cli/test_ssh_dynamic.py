"""`sallyport ssh -mode=dynamic`: a leased key logs in to a real sshd, and nothing of it stays (spec/cli.md 4.6; S2-22, X13).

The server is a stand-in that hands out one key and counts leases: what the real one does is shown in test_exec.py and
where keys are installed.
"""
import contextlib
import json
import os
import pathlib
import signal
import stat
import subprocess
import threading

import pytest

from support import cli
from support.build import CLI
from support.ca import CertSshd
from support.keys import SshKey, run
from support.patience import PATIENCE_S
from support.server import wait_for
from support.standin import Standin

MEMORY = pathlib.Path('/dev/shm')
LEASE = 'ssh/creds/dyn/abc'


class Site:
    """A host that a key logs in to, and a server that says it made that key."""

    def __init__(self, place):
        self.key = SshKey(place, 'leased')
        self.sshd = CertSshd([])
        self.authorized = self.sshd.directory / 'authorized'
        self.authorized.write_text(self.key.public + '\n')
        self.sshd.directory.chmod(0o711)  # sshd reads the file as the user
        self.authorized.chmod(0o644)
        self.home, self.runtime = place / 'home', place / 'run'
        for path in (self.home, self.runtime):
            path.mkdir(mode=0o700)
        self.gate = threading.Event()
        self.reset()

    def reset(self):
        self.made, self.revoked, self.asked = 0, [], []
        self.text, self.type, self.role_type = self.key.path.read_text(), 'dynamic', 'dynamic'
        self.gate.set()

    def answer(self, path, _headers, sent):
        body = json.loads(sent) if sent else {}
        self.asked.append((path, body))
        if path == '/v1/sys/leases/revoke':
            self.revoked.append(body['lease_id'])
            return 204, b''
        if path == '/v1/ssh/lookup':
            return 200, {'data': {'roles': ['dyn']}}
        if path == '/v1/ssh/roles/dyn':
            return 200, {'data': {'key_type': self.role_type, 'cidr_list': '127.0.0.0/8'}}
        assert path == '/v1/ssh/creds/dyn' and body['username'] == 'ubuntu' and body['ip'] == '127.0.0.1', (path, body)
        if body.get('explain'):
            return 200, {'data': {'allowed': True, 'first_false': '', 'rules': [{'rule': 'username', 'result': 'true', 'text': 'x'}]}}
        self.made += 1
        assert self.gate.wait(PATIENCE_S)
        return 200, {'request_id': 'r', 'lease_id': LEASE, 'renewable': True, 'lease_duration': 600, 'data': {
            'key': self.text, 'key_type': self.type, 'username': 'ubuntu', 'ip': '127.0.0.1', 'port': self.sshd.port}}

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_', 'SSH_'))}
        return {**clean, 'HOME': str(self.home), 'VAULT_ADDR': self.server.address, 'VAULT_TOKEN': 'hvs.some',
                'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S), 'XDG_RUNTIME_DIR': str(self.runtime), **more}

    def words(self, *options, command=('echo', 'in'), mode=('-mode=dynamic',), role=('-role=dyn',)):
        return [str(CLI), 'ssh', *mode, *role, f'-user-known-hosts-file={self.sshd.known_hosts}', *options, '--', '-F', '/dev/null',
                '-oBatchMode=yes', f'-oHostKeyAlias=[127.0.0.1]:{self.sshd.port}', 'ubuntu@127.0.0.1', *command]

    def ssh(self, *options, env=None, **more):
        return subprocess.run(self.words(*options, **more), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=self.environment(**(env or {})), timeout=PATIENCE_S)

    @contextlib.contextmanager
    def running(self, *options, command='cat'):
        """A session that has begun; ended in any case."""
        with subprocess.Popen(self.words(*options, command=(f'echo started; {command}',)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment()) as process:
            try:
                assert process.stdout.readline() == b'started\n'
                yield process
            finally:
                process.terminate()

    def left(self):
        return [path for base in (self.runtime, MEMORY) for path in sorted(base.glob('sallyport-ssh-*'))]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    one = Site(tmp_path_factory.mktemp('ssh-dynamic'))
    with Standin(body=one.answer) as one.server:
        yield one
    one.sshd.stop()


@pytest.fixture(autouse=True)
def nothing_is_left(site):
    site.reset()
    yield
    wait_for(lambda: site.left() == [], 'no directory of ours is left')


PLACES = pytest.mark.parametrize('options', [(), ('-key-file',)], ids=['agent', 'file'])


@PLACES
def test_the_key_logs_in_and_its_lease_is_revoked(site, options):
    done = site.ssh(*options)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', '')
    assert site.made == 1 and site.revoked == [LEASE]
    assert site.key.fingerprint in site.sshd.log.read_text()


@PLACES
@pytest.mark.parametrize('kind, form', [('rsa', 'PEM'), ('rsa', 'RFC4716'), ('ed25519', 'RFC4716'), ('ecdsa', 'PEM')])
def test_keys_of_every_kind_log_in(site, tmp_path, options, kind, form):
    """PKCS#1, as Vault has it, also without the newline at its end; and OpenSSH's own form."""
    key = SshKey(tmp_path, 'other', kind, 2048 if kind == 'rsa' else None)
    if form == 'PEM':
        run('ssh-keygen', '-q', '-p', '-m', 'PEM', '-N', '', '-f', key.path)
    with site.authorized.open('a', encoding='utf-8') as lines:
        lines.write(key.public + '\n')
    site.text = key.path.read_text().rstrip('\n')
    assert ('RSA PRIVATE KEY' in site.text) == ((kind, form) == ('rsa', 'PEM'))
    done = site.ssh(*options)
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', '')


@PLACES
@pytest.mark.parametrize('status', [0, 7, 255])
def test_the_status_is_ssh_s_and_the_lease_goes_with_any(site, options, status):
    done = site.ssh(*options, command=(f'exit {status}',))
    assert done.returncode == status and site.revoked == [LEASE]


def test_a_lease_is_kept_on_request(site):
    done = site.ssh('-keep-lease')
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', f'Kept the lease: {LEASE}\n')
    assert site.made == 1 and site.revoked == []


def test_the_agent_s_directory_holds_a_socket_alone(site):
    with site.running() as process:
        (directory,) = site.left()
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700 and [path.name for path in directory.iterdir()] == ['agent']
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_the_file_is_in_memory_and_ours_alone(site):
    with site.running('-key-file') as process:
        (directory,) = site.left()
        kind = run('stat', '-f', '-c', '%T', directory).strip()
        (file,) = directory.iterdir()
        assert kind in (b'tmpfs', b'ramfs') and stat.S_IMODE(directory.stat().st_mode) == 0o700
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and file.read_text() == site.text
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


@PLACES
@pytest.mark.parametrize('name', ['SIGINT', 'SIGTERM', 'SIGHUP'])
def test_a_signal_leaves_no_file_and_no_lease(site, options, name):
    """S2-22."""
    with site.running(*options, command='sleep 600') as process:
        assert len(site.left()) == 1
        process.send_signal(getattr(signal, name))
        assert process.wait(PATIENCE_S) != 0
    assert site.left() == [] and site.revoked == [LEASE]


@PLACES
def test_no_file_outlives_us(site, options):
    """Killed outright: the lease ends by its time, the file at once."""
    with site.running(*options) as process:
        assert len(site.left()) == 1
        process.kill()
        assert process.wait(PATIENCE_S) == -signal.SIGKILL
        wait_for(lambda: site.left() == [], 'the directory is gone')


def test_who_gives_up_while_the_key_is_made_leaves_no_lease(site):
    """The server goes on with what it began: its answer is waited for, and taken back."""
    site.gate.clear()
    with subprocess.Popen(site.words(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=site.environment()) as process:
        wait_for(lambda: site.made == 1, 'a key is asked for')
        process.terminate()
        assert process.stderr.readline() == 'Waiting for the server, to take back what it makes.\n'
        site.gate.set()
        assert process.wait(PATIENCE_S) == 128 + signal.SIGTERM
        assert process.stdout.read() == ''
    assert site.revoked == [LEASE]


def test_a_second_signal_is_not_waited_with(site):
    site.gate.clear()
    with subprocess.Popen(site.words(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                          env=site.environment()) as process:
        wait_for(lambda: site.made == 1, 'a key is asked for')
        process.terminate()
        assert process.stderr.readline().startswith('Waiting for the server')
        process.terminate()
        assert process.wait(PATIENCE_S) == -signal.SIGTERM
    site.gate.set()


@PLACES
def test_no_argument_or_variable_holds_the_key(site, options):
    with site.running(*options) as process:
        children = subprocess.run(['pgrep', '-P', str(process.pid)], capture_output=True, text=True, check=True).stdout.split()
        assert children
        for pid in [process.pid, *children]:
            with open(f'/proc/{pid}/cmdline', 'rb') as arguments, open(f'/proc/{pid}/environ', 'rb') as variables:
                assert b'PRIVATE KEY' not in arguments.read() + variables.read()
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_no_exec_prints_and_leaves_the_lease(site):
    done = site.ssh('-no-exec', '-format=json')
    assert done.returncode == 0 and json.loads(done.stdout)['data']['key'] == site.text
    assert site.ssh('-no-exec', '-field=key').stdout == site.text and site.revoked == []
    lines = site.ssh('-no-exec').stdout
    assert site.text.rstrip('\n') in lines and f'lease_id           {LEASE}\n' in lines


def test_the_role_says_the_mode_and_no_key_is_spent(site):
    """X13."""
    done = site.ssh(mode=(), role=())
    assert (done.returncode, done.stdout) == (0, 'Vault SSH: Role: "dyn"\nin\n') and 'No -mode specified' in done.stderr
    assert site.made == 1 and site.revoked == [LEASE]


def test_a_role_of_another_type_is_named_and_what_it_made_revoked(site):
    site.type = 'otp'
    cli.says(site.ssh(), 1, 'the role dyn is of type otp: say -mode=otp')
    site.type = 'dynamic'
    cli.says(site.ssh(mode=('-mode=otp',)), 1, 'the role dyn is of type dynamic: say -mode=dynamic')
    assert site.made == 2 and site.revoked == [LEASE, LEASE]


@pytest.mark.parametrize('text, status, words', [('', 2, 'vault returned an invalid key'), ('no key', 1, 'failed to write dynamic key: ')])
def test_a_key_that_is_none_is_said(site, text, status, words):
    site.text = text
    cli.says(site.ssh(), status, words)


def test_what_cannot_be_started_leaves_no_lease(site):
    done = site.ssh('-ssh-executable=/nowhere/ssh')
    assert done.returncode == 2 and 'fork/exec /nowhere/ssh: no such file or directory' in done.stderr and site.revoked == [LEASE]


def test_explain_asks_and_makes_nothing(site):
    done = site.ssh('-explain')
    assert done.returncode == 0 and 'Allowed: ubuntu@127.0.0.1' in done.stdout and 'cidr_match' in done.stdout
    assert site.made == 0 and ('/v1/ssh/creds/dyn', {'username': 'ubuntu', 'ip': '127.0.0.1', 'explain': True}) in site.asked


def test_words_for_ssh(site, tmp_path):
    stub = tmp_path / 'ssh'
    stub.write_text('#!/bin/sh\nfor one; do printf "%s\\n" "$one"; done\n')
    stub.chmod(0o755)
    tail = [f'-o UserKnownHostsFile={site.sshd.known_hosts}', '-p', str(site.sshd.port), '-o StrictHostKeyChecking=ask']
    seen = site.ssh(f'-ssh-executable={stub}').stdout.splitlines()
    assert seen[0].startswith(f'-oIdentityAgent={site.runtime}/sallyport-ssh-') and seen[1:6] == ['-oIdentitiesOnly=no', *tail]
    seen = site.ssh('-key-file', f'-ssh-executable={stub}').stdout.splitlines()
    assert seen[0] == '-i' and seen[2:7] == ['-oIdentitiesOnly=yes', *tail]
