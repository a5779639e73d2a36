"""docs/ci-pipeline.md as it stands: its set-up, its scripts and its jobs, against a server and hosts of our own."""
import contextlib
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from support import audit
from support.build import CLI
from support.ca import CertSshd
from support.certs import Certs
from support.issuer import Issuer
from support.keys import SshKey
from support.pages import blocks
from support.patience import PATIENCE_S
from support.places import public_directory
from support.server import Server
from support.sshd import Sshd, helper_config
from support.standin import Certificate
from support.tokens import Key, claims

PAGE = blocks('ci-pipeline.md')
COMMAND = 'echo "reloaded by $(id -un)"'
DENIED = 'error validating claims: claim "%s" does not match any associated bound claim values'

# What the two sign for a job on the main branch of ops/site.
GITLAB = {'project_path': 'ops/site', 'ref_type': 'branch', 'ref': 'main', 'ref_protected': 'true', 'project_id': '22',
          'sub': 'project_path:ops/site:ref_type:branch:ref:main', 'pipeline_id': '574', 'job_id': '302', 'user_login': 'ann'}
GITHUB = {'repository': 'ops/site', 'repository_id': '7', 'ref': 'refs/heads/main', 'event_name': 'push',
          'sub': 'repo:ops/site:ref:refs/heads/main', 'run_id': '99', 'workflow': 'deploy', 'actor': 'ann'}

# Writes down what each program of a job is called with, then is that program.
SHIM = '''#!/bin/sh
printf '%s\\n' "${0##*/} $*" >>"$SHIM_LOG"
env >>"$SHIM_LOG"
exec @PROGRAM@ "$@"
'''
SHIMMED = ('curl', 'ssh', 'ssh-keygen', 'sed', 'cat', 'rm', 'mktemp', 'chmod', 'dirname')
SCRIPTS = ('session.sh', 'deploy.sh', 'deploy-cert.sh', 'deploy-client.sh')
BY_CERTIFICATE = {'deploy-cert.sh': 'deploy-by-certificate', 'deploy-client.sh': 'deploy-by-client'}


class Forge:
    """The server with the page's set-up, the host, GitLab and GitHub; the page's names stand for them."""

    def __init__(self, directory):
        self.directory = directory
        self.server = Server(dev=False, tls=Certs(directory)).start()
        self.log = self.server.enable_audit(log_raw=True)
        self.sshd = Sshd(helper_config(self.server, ca_cert=self.server.tls.ca), ('fail_delay=0',), ('deploy',))
        self.cert_sshd = None
        self.issuer = Issuer(Certificate(directory, stem='issuer'), Key('RS256', kid='one'))
        self.issuer.body = self.hand_out
        (directory / 'gitlab-ca.pem').write_bytes(pathlib.Path(directory / 'issuer.ca').read_bytes())
        self.job_token, self.calls = None, directory / 'calls'
        (directory / 'shims').mkdir()
        for name, program in {**{name: shutil.which(name) for name in SHIMMED}, 'sallyport': str(CLI)}.items():
            shim = directory / 'shims' / name
            shim.write_text(SHIM.replace('@PROGRAM@', program))
            shim.chmod(0o755)
        for name in SCRIPTS:
            (directory / name).write_text(self.ours(PAGE[f'In the project: {name}'][0]))

    def ours(self, text):
        for theirs, our in (('https://sallyport.example:8200', self.server.address), ('10.20.0.0/16', '127.0.0.0/8'),
                            ('10.20.0.7', '127.0.0.1'), ('port=22 ', f'port={self.sshd.port} '),
                            ('https://gitlab.example', self.issuer.address),
                            ('https://token.actions.githubusercontent.com',
                             f'{self.issuer.address} oidc_discovery_ca_pem=@gitlab-ca.pem'),
                            ("'sudo systemctl reload site'", shlex.quote(COMMAND))):
            text = text.replace(theirs, our)
        return text

    def hand_out(self, path, headers, sent):
        """GitHub gives a job its token where GitLab sets a variable."""
        if path.startswith('/token?'):
            if headers['Authorization'] != 'bearer request-token':
                return 401, {}
            assert path == f'/token?job=1&audience={self.server.address}'
            return 200, {'value': self.job_token}
        return self.issuer.publish(path, headers, sent)

    def set_up(self, heading):
        for text in PAGE[heading]:
            env = {**os.environ, 'PATH': f'{CLI.parent}:{os.environ["PATH"]}', 'HOME': str(self.directory),
                   'VAULT_ADDR': self.server.address, 'VAULT_TOKEN': self.server.token, 'VAULT_CACERT': self.server.tls.ca}
            done = subprocess.run(['sh', '-eu', '-c', self.ours(text)], cwd=self.directory, env=env, capture_output=True,
                                  text=True, timeout=PATIENCE_S)
            assert done.returncode == 0, done

    def trust(self):
        """A host that trusts the CA and has no password."""
        self.cert_sshd = CertSshd([self.server.api(None).get('ssh/public_key').body], users=('deploy', 'ops'))

    def host(self, script):
        """What the project knows of the host that this script logs in to."""
        if script == 'deploy.sh':
            return {'SSH_KNOWN_HOSTS': self.sshd.known_hosts}
        return {'SSH_KNOWN_HOSTS': self.cert_sshd.known_hosts, 'SSH_PORT': str(self.cert_sshd.port)}

    def token(self, job, **more):
        usual = {'iss': self.issuer.address, 'aud': self.server.address, 'user': None, 'project': None}
        return self.issuer.keys[0].sign(claims(**{**usual, **job, **more}))

    def run(self, shell, script, **variables):
        """A job's script, which leaves no file behind; `calls` is what its programs were called with."""
        place = self.directory / 'tmp'
        place.mkdir(exist_ok=True)
        self.calls.write_text('')
        env = {'PATH': f'{self.directory / "shims"}:{os.environ["PATH"]}', 'HOME': str(self.directory), 'TMPDIR': str(place),
               'SHIM_LOG': str(self.calls), 'SALLYPORT_CACERT': self.server.tls.ca,
               'CURL_CA_BUNDLE': str(self.directory / 'gitlab-ca.pem'), 'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S), **variables}
        done = subprocess.run([*shell, '-c', self.ours(script)], cwd=self.directory, env=env, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
        assert list(place.iterdir()) == []
        return done

    def gitlab(self, token, script=None, shell=('sh', '-e'), name='deploy.sh'):
        jobs = {}
        for text in PAGE["In the project: GitLab's job"]:
            jobs.update(yaml.safe_load(text))
        job = jobs[BY_CERTIFICATE.get(name, 'deploy')]
        job = {**jobs.get(job.get('extends'), {}), **job}
        assert job['id_tokens'] == {'SALLYPORT_ID_TOKEN': {'aud': 'https://sallyport.example:8200'}}
        variables = {name: self.ours(value) for name, value in job['variables'].items()}
        return self.run(shell, script or '\n'.join(job['script']), SALLYPORT_ID_TOKEN=token, **self.host(name), **variables)

    def github(self, token, name='deploy.sh'):
        flow = yaml.safe_load(PAGE["In the project: GitHub's workflow"][0])
        assert flow['permissions']['id-token'] == 'write'
        job, self.job_token = flow['jobs']['deploy'], token
        variables = {name: self.ours(value) for name, value in job['env'].items() if name != 'SSH_KNOWN_HOSTS'}
        script = job['steps'][-1]['run'].replace('deploy.sh', name)
        return self.run(('bash', '-e'), script, ACTIONS_ID_TOKEN_REQUEST_TOKEN='request-token', **self.host(name),
                        ACTIONS_ID_TOKEN_REQUEST_URL=f'{self.issuer.address}/token?job=1', **variables)

    def new_lines(self):
        return self.follow.settle(self.server.api())

    def clean(self):
        self.issuer.__exit__()
        self.sshd.stop()
        if self.cert_sshd:
            self.cert_sshd.stop()
        self.server.clean()


@pytest.fixture(scope='module')
def forge():
    with public_directory() as directory, contextlib.ExitStack() as stack:
        one = Forge(directory)
        stack.callback(one.clean)
        for heading in ('On the server, once', 'GitLab', 'GitHub'):
            one.set_up(heading)
        one.trust()
        yield one


@pytest.fixture
def follow(forge):
    """The audit lines of one test."""
    forge.follow = audit.Follow(forge.log)
    return forge


def answers(lines, path):
    return [one['response'] for one in lines if one['type'] == 'response' and one['request']['path'] == path]


def job_done(forge, done, path, token):
    """The command ran, the token is revoked, neither it nor the job's was shown; the audit lines and the answer of the login."""
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ['reloaded by deploy']), done
    lines = forge.new_lines()
    login, = answers(lines, path)
    assert [one['request']['path'] for one in lines if one['type'] == 'response'][-1] == 'auth/token/revoke-self'
    of_job = login['auth']['client_token']
    hidden(forge, done, token, of_job)
    assert forge.server.api(of_job).get('auth/token/lookup-self').status == 403
    return lines, login['auth']


def hidden(forge, done, token, *secrets):
    """No program was called with them or has them in its environment, but for the job's token, which comes that way."""
    said = done.stdout.replace(f'::add-mask::{token}', '') + done.stderr
    before, from_ssh_on = re.split('\nssh ', forge.calls.read_text(), maxsplit=1)
    for secret in (token, *secrets):
        assert secret not in said and secret not in from_ssh_on
        assert secret not in before.replace(f'\nSALLYPORT_ID_TOKEN={token}', '')


def log_in_once(forge, done, path, token):
    """With one password, used once, that was not shown and does not stay."""
    lines, auth = job_done(forge, done, path, token)
    (creds,), (verify,) = answers(lines, 'ssh/creds/deploy'), answers(lines, 'ssh/verify')
    assert verify['data'] == {'ip': '127.0.0.1', 'role_name': 'deploy', 'username': 'deploy'}
    otp = creds['data']['key']
    hidden(forge, done, token, otp)
    assert not forge.sshd.lets_in(otp, user='deploy')
    assert forge.server.api(None).put('ssh/verify', {'otp': otp}).errors == ['OTP not found']
    assert forge.server.api().list('sys/leases/lookup/ssh/creds/deploy').status == 404
    return auth


def log_in_by_certificate(forge, done, path, token):
    """With one certificate for deploy alone, of five minutes at most, which the register has."""
    lines, auth = job_done(forge, done, path, token)
    sign, = answers(lines, 'ssh/sign/deploy-cert')
    row = forge.server.api().get(f'ssh/cert/{sign["data"]["serial_number"]}').data
    assert (row['role'], row['principals'], row['entity_id']) == ('deploy-cert', ['deploy'], auth['entity_id'])
    assert not row['critical_options'] and not row['extensions']
    assert f'(serial {row["serial_decimal"]})' in forge.cert_sshd.log.read_text(errors='replace')
    return auth


@pytest.mark.parametrize('shell', [('sh', '-e'), ('bash', '-eo', 'pipefail')], ids=' '.join)
def test_gitlabs_job_runs_its_command(follow, shell):
    token = follow.token(GITLAB)
    auth = log_in_once(follow, follow.gitlab(token, shell=shell), 'auth/gitlab/login', token)
    assert auth['metadata'] == {'role': 'deploy-site', 'pipeline': '574', 'job': '302', 'started_by': 'ann'}
    assert auth['policies'] == ['deploy-site']


def test_a_shell_that_shows_what_it_does_shows_no_secret(follow):
    token = follow.token(GITLAB)
    log_in_once(follow, follow.gitlab(token, f'sh -x deploy.sh 10.20.0.7 {shlex.quote(COMMAND)}'), 'auth/gitlab/login', token)


def test_githubs_workflow_runs_its_command(follow):
    token = follow.token(GITHUB)
    auth = log_in_once(follow, follow.github(token), 'auth/github/login', token)
    assert auth['metadata'] == {'role': 'deploy-site', 'pipeline': '99', 'job': 'deploy', 'started_by': 'ann'}


@pytest.mark.parametrize('script', BY_CERTIFICATE)
def test_gitlabs_job_logs_in_by_a_certificate(follow, script):
    token = follow.token(GITLAB)
    log_in_by_certificate(follow, follow.gitlab(token, name=script), 'auth/gitlab/login', token)


@pytest.mark.parametrize('script', BY_CERTIFICATE)
def test_githubs_workflow_logs_in_by_a_certificate(follow, script):
    token = follow.token(GITHUB)
    log_in_by_certificate(follow, follow.github(token, name=script), 'auth/github/login', token)


@pytest.mark.parametrize('script', BY_CERTIFICATE)
def test_a_refused_job_has_no_certificate(follow, script):
    done = follow.gitlab(follow.token(GITLAB, ref='feature'), name=script)
    assert done.returncode != 0 and 'any associated bound claim values' in done.stderr and 'reloaded' not in done.stdout, done
    assert [one['request']['path'] for one in follow.new_lines() if one['type'] == 'response'] == ['auth/gitlab/login']


@pytest.mark.parametrize('script', BY_CERTIFICATE)
def test_a_command_that_fails_fails_the_job_and_revokes_its_token(follow, script):
    done = follow.gitlab(follow.token(GITLAB), f"sh {script} 10.20.0.7 'exit 3'", name=script)
    assert done.returncode == 3, done
    assert answers(follow.new_lines(), 'auth/token/revoke-self')


@pytest.mark.parametrize('script', BY_CERTIFICATE)
def test_a_host_that_is_not_known_is_not_logged_in_to(follow, script):
    known = pathlib.Path(follow.cert_sshd.known_hosts)
    text = known.read_text()
    known.write_text('')
    try:
        done = follow.gitlab(follow.token(GITLAB), name=script)
    finally:
        known.write_text(text)
    assert done.returncode != 0 and 'Host key verification failed' in done.stderr and 'reloaded' not in done.stdout, done
    assert answers(follow.new_lines(), 'auth/token/revoke-self')


def test_the_jobs_policy_gives_no_other_certificate(forge):
    """Neither another user's, nor one with a terminal, nor a host's."""
    login = forge.server.api(None).post('auth/gitlab/login', {'role': 'deploy-site', 'jwt': forge.token(GITLAB)})
    job = forge.server.api(login.json['auth']['client_token'])
    body = {'public_key': SshKey(forge.directory, 'of-test').public}
    for more in ({'valid_principals': 'ops'}, {'valid_principals': 'deploy,ops'}, {'extensions': {'permit-pty': ''}},
                 {'cert_type': 'host'}, {'ttl': '1h'}, {'key_id': 'x'}, {'critical_options': {}}):
        assert job.post('ssh/sign/deploy-cert', {**body, **more}).status == 403, more
    assert job.post('ssh/sign/deploy-cert', body).status == 200


@pytest.mark.parametrize('job, other', [
    ('gitlab', {'project_path': 'ops/other'}), ('gitlab', {'ref': 'feature'}), ('gitlab', {'ref_protected': 'false'}),
    ('gitlab', {'ref_type': 'tag'}), ('github', {'repository': 'eve/site'}), ('github', {'ref': 'refs/pull/7/merge'}),
    ('github', {'event_name': 'pull_request'})])
def test_a_token_of_another_project_or_branch_is_refused(follow, job, other):
    token = follow.token(GITLAB if job == 'gitlab' else GITHUB, **other)
    done = getattr(follow, job)(token)
    assert done.returncode == 1 and DENIED.replace('"', '\\"') % next(iter(other)) in done.stderr, done
    assert 'reloaded' not in done.stdout and token not in done.stderr
    assert [one['request']['path'] for one in follow.new_lines() if one['type'] == 'response'] == [f'auth/{job}/login']


@pytest.mark.parametrize('more, text', [
    ({'aud': 'https://another.example'}, 'invalid audience (aud) claim'), ({'exp': 1}, 'token is expired'),
    ({'iss': 'https://another.example'}, 'invalid issuer (iss) claim')])
def test_a_token_for_another_server_or_time_is_refused(follow, more, text):
    done = follow.gitlab(follow.token(GITLAB, **more))
    assert done.returncode == 1 and text in done.stderr, done


def test_another_host_is_refused_and_the_token_revoked(follow):
    done = follow.gitlab(follow.token(GITLAB), f'sh deploy.sh 127.0.0.2 {shlex.quote(COMMAND)}')
    assert done.returncode == 1 and 'ssh/creds/deploy: 403' in done.stderr and 'reloaded' not in done.stdout, done
    lines = follow.new_lines()
    token, = (one['auth']['client_token'] for one in answers(lines, 'auth/gitlab/login'))
    assert answers(lines, 'auth/token/revoke-self')
    assert follow.server.api(token).get('auth/token/lookup-self').status == 403


def test_the_commands_status_is_the_jobs(follow):
    assert follow.gitlab(follow.token(GITLAB), "sh deploy.sh 10.20.0.7 'exit 3'").returncode == 3
    assert answers(follow.new_lines(), 'auth/token/revoke-self')


def test_a_host_that_is_not_known_gets_no_password(follow):
    """Its keys come from the project: nothing is typed for somebody else."""
    known = pathlib.Path(follow.sshd.known_hosts)
    text = known.read_text()
    known.write_text('')
    try:
        done = follow.gitlab(follow.token(GITLAB))
    finally:
        known.write_text(text)
    assert done.returncode == 255 and 'Host key verification failed' in done.stderr, done
    lines = follow.new_lines()
    assert answers(lines, 'ssh/verify') == [] and answers(lines, 'auth/token/revoke-self')
