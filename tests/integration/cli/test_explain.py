"""`sallyport ssh -explain`: which rules hold and which is the first that does not; nothing is granted by asking."""
import base64
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest
import yaml

from support import cli
from support.build import CLI
from support.ca import Ca
from support.keys import SshKey
from support.patience import PATIENCE_S

ADDRESS = '10.1.2.3'
SELF = 'path "sys/capabilities-self" { capabilities = ["update"] } '
OWN = ['lookup', 'mode', 'policy', 'role']
CA_RULES = [*OWN, 'key', 'key_id', 'cert_type', 'principals', 'ttl', 'critical_options', 'extensions', 'issuer', 'algorithm',
            'limits', 'revocation']
OTP_RULES = [*OWN, 'username', 'allowed_users', 'cidr_list', 'key_type']


@pytest.fixture(scope='module')
def site(shared, tmp_path_factory):
    shared.ca = Ca(shared)
    shared.ca.role('ops', ttl='30m', default_extensions={'permit-pty': ''}, default_critical_options={'force-command': '/bin/date'})
    shared.ca.role('odd', default_user='nobody')
    shared.ca.role('big', allowed_user_key_lengths={'rsa': [4096]})
    shared.ca.role('lost', issuer_ref='gone')
    shared.ca.role('other', algorithm_signer='rsa-sha2-256')
    shared.write_role(name='otp', cidr_list='10.0.0.0/8,192.0.2.0/24', exclude_cidr_list='10.9.0.0/16', allowed_users='bob')
    shared.audit = pathlib.Path(shared.enable_audit())
    shared.key = SshKey(tmp_path_factory.mktemp('explain'), 'mine')
    return shared


def explain(site, *words, token=None, env=None):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_', 'SSH_'))}
    clean |= {'HOME': str(site.directory), 'VAULT_ADDR': site.address, 'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S),
              'VAULT_TOKEN': site.token if token is None else token, **(env or {})}
    return subprocess.run([str(CLI), 'ssh', '-explain', *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=clean,
                          timeout=PATIENCE_S)


def told(site, *words, **more):
    """The object, and the rules by their results; the exit status is that of the verdict."""
    done = explain(site, '-format=json', *words, **more)
    answer = json.loads(done.stdout)
    results = [rule['result'] for rule in answer['rules']]
    n = results.count('true')
    assert done.returncode == (0 if answer['allowed'] else 2), done
    if answer['allowed']:
        assert answer['first_false'] == '' and n == len(results)
    else:
        assert results == ['true'] * n + ['false'] + ['not reached'] * (len(results) - n - 1)
        assert answer['first_false'] == answer['rules'][n]['rule']
    return answer


def false_text(answer):
    return next(rule['text'] for rule in answer['rules'] if rule['result'] == 'false')


def names(answer):
    return [rule['rule'] for rule in answer['rules']]


def test_a_certificate_that_one_would_get(site):
    answer = told(site, '-mode=ca', '-role=ops', 'ops@web1.example.com')
    assert names(answer) == CA_RULES and answer['allowed']
    assert {name: answer[name] for name in ('mode', 'mount', 'role', 'user', 'host')} == {
        'mode': 'ca', 'mount': 'ssh', 'role': 'ops', 'user': 'ops', 'host': 'web1.example.com'}
    assert answer['principals'] == ['ops'] and answer['ttl'] == 1800 and answer['cert_type'] == 'user'
    assert answer['critical_options'] == {'force-command': '/bin/date'} and answer['extensions'] == {'permit-pty': ''}


@pytest.mark.parametrize('words, rule, text', [
    (('-role=ops', 'root@web1'), 'principals', 'root is not a valid value for valid_principals'),
    (('-role=ops', '-valid-principals=ops,root', 'ops@web1'), 'principals', 'root is not a valid value for valid_principals'),
    (('-role=big', 'ops@web1'), 'key', 'public_key failed to meet the key requirements: key of type ed25519 is not allowed'),
    (('-role=otp', 'ops@web1'), 'cert_type', "cert_type 'user' is not allowed by role"),
    (('-role=lost', 'ops@web1'), 'issuer', 'unable to find issuer for reference: gone'),
    (('-role=other', 'ops@web1'), 'algorithm', 'failed to generate signed SSH key: sign error: '
     'ssh: unsupported signature algorithm "rsa-sha2-256" for key format "ssh-ed25519"'),
    (('-role=none', 'ops@web1'), 'role', 'Unknown role: none'),
])
def test_the_first_rule_of_a_certificate_that_is_false(site, words, rule, text):
    answer = told(site, '-mode=ca', *words)
    assert (answer['first_false'], false_text(answer)) == (rule, text)


def test_a_password_that_one_would_get(site):
    answer = told(site, '-mode=otp', '-role=otp', f'bob@{ADDRESS}')
    assert names(answer) == OTP_RULES and answer['allowed']
    assert (answer['username'], answer['ip'], answer['address'], answer['port']) == ('bob', ADDRESS, ADDRESS, 22)
    assert (answer['cidr_list'], answer['cidr_match']) == ('10.0.0.0/8,192.0.2.0/24', '10.0.0.0/8')
    assert (answer['exclude_cidr_list'], answer['exclude_cidr_match']) == ('10.9.0.0/16', '')


@pytest.mark.parametrize('words, rule, text', [
    (('-role=otp', f'eve@{ADDRESS}'), 'allowed_users', 'Username is not present is allowed users list'),
    (('-role=otp', 'bob@10.9.0.1'), 'cidr_list', 'Error validating IP: IP does not belong to role'),
    (('-role=otp', 'bob@192.0.3.1'), 'cidr_list', 'Error validating IP: IP does not belong to role'),
    (('-role=none', f'bob@{ADDRESS}'), 'role', 'Role "none" not found'),
])
def test_the_first_rule_of_a_password_that_is_false(site, words, rule, text):
    answer = told(site, '-mode=otp', *words)
    assert (answer['first_false'], false_text(answer)) == (rule, text)
    if '10.9.0.1' in words[1]:
        assert (answer['cidr_match'], answer['exclude_cidr_match']) == ('10.0.0.0/8', '10.9.0.0/16')


def test_role_and_mode_are_found_as_for_a_login(site):
    answer = told(site, f'bob@{ADDRESS}')
    assert (answer['role'], answer['mode']) == ('otp', 'otp') and answer['allowed']
    assert told(site, 'bob@172.16.0.1')['first_false'] == 'lookup'
    site.write_role(name='second', cidr_list='192.0.2.0/24')
    answer = told(site, 'bob@192.0.2.1')
    assert answer['first_false'] == 'lookup' and false_text(answer).endswith(': otp, second')
    assert told(site, '-role=none', 'bob@192.0.2.1')['first_false'] == 'mode'


@pytest.mark.parametrize('policy, words, rule, text', [
    ('', ('-mode=ca', '-role=ops'), 'policy', 'permission denied: the token needs update on ssh/sign/ops, and has deny'),
    ('path "ssh/sign/ops" { capabilities = ["read"] }', ('-mode=ca', '-role=ops'), 'policy',
     'permission denied: the token needs update on ssh/sign/ops, and has read'),
    ('path "ssh/sign/ops" { capabilities = ["update"] allowed_parameters = { "public_key" = [], "valid_principals" = [] } }',
     ('-mode=ca', '-role=ops'), 'policy',
     'the policy lets the token update ssh/sign/ops, but not with these parameters (explain is one of them)'),
    ('', ('-mode=otp', '-role=otp'), 'policy', 'permission denied: the token needs update on ssh/creds/otp, and has deny'),
    ('', ('-role=otp',), 'mode', 'the policy does not let the token read ssh/roles/otp: say -mode'),
    ('', (), 'lookup', 'the policy does not let the token ask ssh/lookup: name the role with -role'),
])
def test_the_policy_may_be_what_is_false(site, policy, words, rule, text):
    answer = told(site, *words, f'ops@{ADDRESS}', token=site.token_with(SELF + policy))
    assert (answer['first_false'], false_text(answer)) == (rule, text)


def test_a_policy_that_lets_one_ask_is_enough(site):
    token = site.token_with('path "ssh/sign/ops" { capabilities = ["update"] } path "ssh/creds/otp" { capabilities = ["update"] }')
    assert told(site, '-mode=ca', '-role=ops', 'ops@web1', token=token)['allowed']
    answer = told(site, '-mode=otp', '-role=otp', f'bob@{ADDRESS}', token=token)
    assert answer['allowed'] and 'cidr_list' not in answer
    answer = told(site, '-mode=ca', '-role=ops', 'ops@web1', token=site.token_with('path "x" { capabilities = ["read"] }'))
    assert false_text(answer) == 'permission denied: the token needs update on ssh/sign/ops'
    assert false_text(told(site, '-mode=ca', '-role=ops', 'ops@web1', token='')) == 'there is no token: log in first'


def test_people_read_it_in_lines_of_78_columns(site):
    done = explain(site, '-mode=ca', '-role=ops', 'root@web1')
    lines = done.stdout.splitlines()
    assert done.returncode == 2 and all(len(line) <= 78 for line in lines if not line.startswith('key_id '))
    assert 'role               ops' in lines and 'user               root' in lines
    assert 'false        principals         root is not a valid value for valid_principals' in lines
    assert done.stdout.replace('\n', ' ').strip().endswith(
        'Refused: root@web1 gets none. The first rule that is not true: principals: root is not a valid value for valid_principals')
    good = explain(site, '-mode=ca', '-role=ops', 'ops@web1')
    assert good.returncode == 0 and good.stdout.endswith('Allowed: ops@web1 gets a credential. Nothing was granted now.\n')
    assert 'extensions         permit-pty' in good.stdout and 'ttl                30m' in good.stdout


def test_other_forms_and_one_field(site):
    done = explain(site, '-format=yaml', '-mode=ca', '-role=ops', 'root@web1')
    assert done.returncode == 2 and yaml.safe_load(done.stdout)['first_false'] == 'principals'
    assert explain(site, '-field=first_false', '-mode=ca', '-role=ops', 'root@web1').stdout == 'principals'


def test_the_warnings_of_the_role_are_told(site):
    text = 'default_user is not in allowed_users: a request without valid_principals is refused'
    assert told(site, '-mode=ca', '-role=odd', 'ops@web1')['warnings'] == [text]
    assert text in explain(site, '-mode=ca', '-role=odd', 'ops@web1').stderr.replace('\n  ', ' ')


def test_a_named_key_is_what_is_asked_about(site):
    answer = told(site, '-mode=ca', '-role=ops', f'-public-key-path={site.key.pub}', 'ops@web1')
    blob = base64.b64decode(site.key.public.split()[1])
    assert answer['key_id'].endswith(hashlib.sha256(blob).hexdigest())
    cli.says(explain(site, '-mode=ca', '-role=ops', '-public-key-path=/nowhere.pub', 'ops@web1'), 1, 'failed to read public key /nowhere.pub')


class Foreign(http.server.BaseHTTPRequestHandler):
    """A server that does not know explain, and does as it is asked."""

    seen = []

    def do_PUT(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        self.seen.append((self.path, body.get('lease_id')))
        answer = {'lease_id': 'ssh/creds/otp/1', 'data': {'key': 'a secret'}} if '/creds/' in self.path else {'data': {'signed_key': 'x'}}
        text = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header('Content-Length', str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def test_a_server_that_grants_what_it_should_explain_is_told_and_its_grant_revoked(site):
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Foreign) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        env = {'VAULT_ADDR': f'http://127.0.0.1:{server.server_port}'}
        for words in (('-mode=otp', '-role=otp', f'bob@{ADDRESS}'), ('-mode=ca', '-role=ops', 'ops@web1')):
            done = explain(site, *words, env=env)
            cli.says(done, 2, 'The server does not know "explain", and has made a credential. It was thrown away.')
            assert 'a secret' not in done.stderr
        server.shutdown()
    assert Foreign.seen == [('/v1/ssh/creds/otp', None), ('/v1/sys/leases/revoke', 'ssh/creds/otp/1'), ('/v1/ssh/sign/ops', None)]


def test_nothing_is_granted_and_all_is_audited(site):
    api = site.api()

    def granted():
        return (api.list('ssh/certs').status, api.list('sys/leases/lookup/ssh/creds/otp').status)
    before, lines = granted(), site.audit.read_text().count('"path":"ssh/sign/ops"')
    assert before == (404, 404)
    for words in (('-mode=ca', '-role=ops', 'ops@web1'), ('-mode=otp', '-role=otp', f'bob@{ADDRESS}'), (f'bob@{ADDRESS}',)):
        assert explain(site, *words).returncode == 0
    assert granted() == before
    assert site.audit.read_text().count('"path":"ssh/sign/ops"') == lines + 2
