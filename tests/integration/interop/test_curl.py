"""A tour by hand: docs/clients.md as it stands there, and curl's own ways to send (S3-1, S3-17, C-8)."""
import json
import subprocess

import pytest

from support.build import ROOT
from support.patience import PATIENCE_S

PAGE = ROOT / 'docs' / 'clients.md'
SECTION = '## By hand, with curl'


def script():
    """The indented lines of the section, as a person would paste them."""
    section = PAGE.read_text().partition(f'\n{SECTION}\n')[2].partition('\n## ')[0]
    return '\n'.join(line[4:] for line in section.splitlines() if line.startswith('    '))


@pytest.fixture(scope='module')
def files(started):
    """What lies in the folder of the person."""
    tour = started
    for name, text in (('issuer.pem', tour.issuer.pem), ('job.jwt', tour.job()), ('pod.jwt', tour.pod),
                       ('cluster.json', json.dumps(tour.kubernetes())), ('authority.pem', tour.authority.pem)):
        tour.file(name, text)
    return {'PATH': '/usr/bin:/bin', 'HOME': str(tour.directory), 'VAULT_ADDR': tour.address, 'VAULT_CACERT': tour.tls.ca,
            'VAULT_TOKEN': tour.server.token}


def test_the_page_does_what_it_says(started, files):
    done = subprocess.run(['sh', '-eu'], input=script(), capture_output=True, text=True, cwd=started.directory, env=files,
                          timeout=PATIENCE_S)
    assert done.returncode == 0 and done.stderr == '', done.stdout[-2000:] + done.stderr
    said = [json.loads(line) for line in done.stdout.splitlines()]
    data = [one['data'] for one in said if one.get('data')]
    logins = [one['auth'] for one in said if one.get('auth')]
    assert [auth['metadata'] for auth in logins[:5]] == [
        {'role_name': 'ci'}, {'role': 'job'}, logins[2]['metadata'], logins[3]['metadata'],
        {'role': 'ops', 'fingerprint': started.ssh_key.fingerprint}]
    assert logins[2]['metadata']['service_account_name'] == 'web' and logins[3]['metadata']['common_name'] == 'alice'
    assert all(auth['policies'] == ['default', 'web'] for auth in logins) and logins[5]['token_type'] == 'batch'
    assert said[0]['sealed'] is False
    seen, lease, roles, parcel, child, accessors, group, role, allowed, notes = data
    assert (seen['username'], seen['role_name']) == ('ubuntu', 'web')
    assert lease['renewable'] is False and 0 < lease['ttl'] <= 600
    assert roles['keys'] == ['web'] and parcel['creation_path'] == 'auth/approle/role/ci/secret-id'
    assert (child['role'], child['orphan'], child['creation_ttl'], child['id']) == ('deploy', True, 600, '')
    assert len(accessors['keys']) >= 6
    assert group['name'] == 'site'
    assert role['default_user'] == 'ubuntu'
    assert allowed['ssh/roles/web'] == ['read'] and allowed['ssh/roles/other'] == ['deny']
    assert notes == {'likes': ['tea', 'trains']}


# ---- curl's ways to send ------------------------------------------------------

@pytest.fixture(scope='module')
def curl(started, files):
    started.server.mount_ssh('c').write_role('web', mount='c')
    big = started.file('big.json', json.dumps({'key_type': 'otp', 'default_user': 'x', 'cidr_list': ','.join(
        f'10.{i // 256}.{i % 256}.0/24' for i in range(200))}))

    def call(path, *words, token=started.server.token):
        """(status, body) of one call; {big} in its words is a file."""
        head = ['-H', f'X-Vault-Token: {token}'] if token else []
        done = subprocess.run(
            ['curl', '-sS', '--cacert', started.tls.ca, '-w', '\n%{http_code}', '--max-time', str(PATIENCE_S), *head,
             *(word.replace('{big}', big) for word in words), f'{started.address}/v1/{path}'],
            capture_output=True, text=True, timeout=PATIENCE_S, env=files)
        assert done.returncode == 0, done.stderr
        body, _, status = done.stdout.rpartition('\n')
        return int(status), json.loads(body) if body.strip().startswith('{') else body
    return call


ROLE = '{"key_type": "otp", "default_user": "x"}'
SENT = [
    ('c/roles/web', [], 200),
    ('c/roles/web?x=y', ['--http1.0'], 200),
    ('c/roles/web', ['--http2'], 200),
    ('c/roles/web', ['--compressed', '-A', 'Mozilla/5.0'], 200),
    ('c/roles/web', ['-G', '-d', 'help=1'], 200),
    ('c/roles', ['-G', '-d', 'list=true'], 200),
    ('c/roles', ['-X', 'LIST'], 200),
    ('c/roles/', ['--request', 'LIST'], 200),
    ('c/roles', ['-G', '-d', 'list=maybe'], 400),
    ('c/roles/a', ['-d', ROLE], 204),
    ('c/roles/a', ['--json', ROLE], 204),
    ('c/roles/a', ['-X', 'PUT', '-d', ROLE], 204),
    ('c/roles/a', ['-H', 'Content-Type: text/plain', '-d', ROLE], 204),
    ('c/roles/a', ['-H', 'Transfer-Encoding: chunked', '-d', ROLE], 204),
    ('c/roles/a', ['-H', 'Expect: 100-continue', '-d', '@{big}'], 204),
    ('c/roles/a', ['-X', 'PUT', '-T', '{big}'], 204),
    ('c/roles/a', ['-d', 'key_type=otp', '--data-urlencode', 'default_user=x'], 204),
    ('c/roles/a', ['-F', 'key_type=otp'], 400),
    ('c/roles/a', ['-d', '{"key_type":'], 400),
    ('c/roles/a', ['-X', 'DELETE', '-d', '{"ignored": true}'], 204),
    ('c/roles/a', ['-X', 'DELETE'], 204),
    ('c/roles/a', [], 404),
    ('c/roles/a', ['-X', 'PATCH', '-d', ROLE], 405),
    ('c/creds/web', [], 405),
    ('c/nothing', [], 404),
    ('nowhere', [], 404),
    ('c/roles/web', ['-H', 'X-Vault-Namespace: root/'], 200),
    ('c/roles/web', ['-H', 'X-Vault-Namespace: a/'], 403),
    ('c/roles/web', ['-H', 'X-Vault-Wrap-TTL: soon'], 400),
    ('c/roles/web', ['-H', 'X-Vault-Policy-Override: maybe'], 400),
    ('c/roles/web', ['-b', 'a=b', '-H', 'X-Forwarded-For: 10.0.0.1'], 200),
]


@pytest.mark.parametrize('path, words, status', SENT, ids=lambda one: one if isinstance(one, str) else None)
def test_a_way_to_send(curl, path, words, status):
    got, body = curl(path, *words)
    assert got == status, body
    if status == 204:
        assert body == ''
    elif status >= 400:
        assert list(body) == ['errors'] and all(isinstance(one, str) for one in body['errors'])


def test_ways_to_show_a_token(curl, started):
    bearer = ['-H', f'Authorization: Bearer {started.server.token}']
    assert curl('c/roles/web', *bearer, token=None)[0] == 200
    assert curl('c/roles/web', token=None) == (400, {'errors': ['missing client token']})
    assert curl('c/roles/web', '-H', 'Authorization: Basic eDp5', token=None) == (400, {'errors': ['missing client token']})
    assert curl('c/roles/web', token='junk') == (403, {'errors': ['permission denied']})
    assert curl('c/roles/web', *bearer, token='junk') == (403, {'errors': ['permission denied']})


def test_head_and_a_sealed_server(curl, started):
    assert curl('sys/health', '-I', token=None)[0] == 200
    assert curl('sys/seal', '-X', 'PUT') == (204, '')
    assert curl('sys/health', token=None)[0] == 503
    assert curl('c/roles/web', token=None) == (503, {'errors': ['Vault is sealed']})
