"""`sallyport ssh-agent`: plain ssh and git log in with certificates, made when they are needed."""
import os
import signal
import subprocess

import pytest

from support import cli
from support.build import CLI
from support.ca import Ca, CertSshd
from support.patience import PATIENCE_S
from support.server import Server, wait_for


class Site:
    """A server that signs for one host, and its audit log."""

    def __init__(self, place):
        self.server = Server().start()
        self.server.mount_ssh('ssh')
        self.ca = Ca(self.server)
        self.ca.role('ops', ttl='1h')
        self.ca.role('short', ttl='30s')
        self.sshd = CertSshd([self.ca.public])
        self.audit = self.server.enable_audit()
        self.place = place

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_', 'SSH_', 'XDG_'))}
        return {**clean, 'HOME': str(self.place), 'VAULT_ADDR': self.server.address, 'VAULT_TOKEN': self.server.token,
                'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S), **more}

    def ssh_words(self, user='ubuntu'):
        return ['ssh', '-F', '/dev/null', '-p', str(self.sshd.port), '-oBatchMode=yes', f'-oUserKnownHostsFile={self.sshd.known_hosts}',
                f'-oHostKeyAlias=[127.0.0.1]:{self.sshd.port}', '-oPreferredAuthentications=publickey', f'{user}@127.0.0.1']

    def run(self, *command, options=('-role=ops',), env=None, **more):
        return subprocess.run([str(CLI), 'ssh-agent', *options, *command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=env or self.environment(), timeout=PATIENCE_S, **more)

    def signatures(self, role):
        with open(self.audit, encoding='utf-8') as lines:
            return sum(f'"path":"ssh/sign/{role}"' in line and '"type":"response"' in line for line in lines)


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    one = Site(tmp_path_factory.mktemp('ssh-agent'))
    yield one
    one.sshd.stop()
    one.server.clean()


def script(site, text):
    """A command for sh that has plain ssh as $login."""
    return ('sh', '-c', 'login="$1"; ' + text, 'sh', ' '.join(site.ssh_words()))


def test_a_command_logs_in_with_plain_ssh(site):
    done = site.run(*site.ssh_words(), 'echo', 'in')
    assert (done.returncode, done.stdout, done.stderr) == (0, 'in\n', '')


def test_one_certificate_serves_many_logins(site):
    before = site.signatures('ops')
    done = site.run(*script(site, 'for i in 1 2 3; do $login echo in $i || exit 1; done; exit 9'))
    assert (done.returncode, done.stdout) == (9, 'in 1\nin 2\nin 3\n'), done
    assert site.signatures('ops') == before + 1


def test_a_certificate_that_is_about_to_end_is_replaced(site):
    before = site.signatures('short')
    done = site.run(*script(site, '$login echo in && $login echo in'), options=('-role=short',))
    assert (done.returncode, done.stdout) == (0, 'in\nin\n'), done
    assert site.signatures('short') >= before + 3


def test_logins_side_by_side_keep_their_certificates(site):
    """Each list of the role `short` makes a new certificate, while others are about to sign by theirs."""
    done = site.run(*script(site, 'for i in 1 2 3 4 5; do $login echo in & done; wait'), options=('-role=short',))
    assert done.stdout == 'in\n' * 5, done


def test_git_clones_over_it(site):
    bare = site.place / 'repository.git'
    subprocess.run(['git', 'init', '-q', '--bare', str(bare)], check=True)
    bare.chmod(0o755)
    words = site.ssh_words()
    env = site.environment(GIT_SSH_COMMAND=' '.join(words[:-1]), GIT_SSH_VARIANT='ssh')
    done = site.run('git', 'ls-remote', f'{words[-1]}:{bare}', env=env)
    assert 'Permission denied' not in done.stderr and 'publickey' not in done.stderr, done


def test_a_lost_token_lists_no_key_until_a_new_login(site):
    """What is refused is said; whoever logs in again goes on with the same agent."""
    token = site.server.token_with('path "ssh/sign/short" { capabilities = ["update"] } '
                                    'path "auth/token/revoke-self" { capabilities = ["update"] }')
    home = site.place / 'lost'
    home.mkdir()
    (home / '.vault-token').write_text(token)
    env = site.environment(HOME=str(home))
    del env['VAULT_TOKEN']
    revoke = f'curl -sS -X POST -H "X-Vault-Token: {token}" {site.server.address}/v1/auth/token/revoke-self'
    again = f'printf %s {site.server.token} > $HOME/.vault-token'
    done = site.run(*script(site, f'$login echo one; {revoke}; $login echo two 2>/dev/null; ssh-add -L; {again}; $login echo three'),
                    options=('-role=short',), env=env)
    assert done.stdout == 'one\nThe agent has no identities.\nthree\n', done
    assert 'permission denied' in done.stderr


def test_it_runs_by_itself_until_a_signal(site):
    path = site.place / 'ops.sock'
    words = [str(CLI), 'ssh-agent', '-role=ops', '-valid-principals=ops', f'-socket={path}']
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=site.environment()) as agent:
        assert agent.stdout.readline() == f'SSH_AUTH_SOCK={path}; export SSH_AUTH_SOCK;\n'
        assert path.stat().st_mode & 0o777 == 0o600
        done = subprocess.run([*site.ssh_words('ops')[:-1], f'-oIdentityAgent={path}', 'ops@127.0.0.1', 'echo in'],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, env=site.environment(), timeout=PATIENCE_S)
        assert (done.returncode, done.stdout) == (0, 'in\n'), done
        taken = site.run(options=('-role=ops', f'-socket={path}'))
        cli.says(taken, 2, f'failed to start the agent: {path}: Address already in use')
        assert path.exists()
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(PATIENCE_S) == 0
    wait_for(lambda: not path.exists(), 'the socket is gone')


@pytest.mark.parametrize('options, status, text', [
    ((), 1, 'Missing role: say it with -role'),
    (('-role=none',), 2, 'Unknown role: none'),
    (('-role=ops', '-valid-principals=root'), 2, 'root is not a valid value for valid_principals'),
    (('-role=ops', '-socket=/' + 'x' * 120), 2, "the socket's path is too long: at most 107 bytes"),
    (('-role=ops', '-socket=/nowhere/agent'), 2, 'failed to start the agent: /nowhere/agent: No such file or directory'),
])
def test_what_goes_wrong_is_said(site, options, status, text):
    cli.says(site.run('true', options=options), status, text)


def test_a_command_that_cannot_be_run_is_said(site):
    done = site.run('/nowhere/program')
    assert done.returncode == 2 and 'failed to run /nowhere/program: No such file or directory' in done.stderr
