"""A tour with Ansible: Debian's ansible-core and its collection community.hashi_vault; its steps: ansible_tour.yml."""
import json
import pathlib
import re
import subprocess

import pytest

from support import ansible

STEPS = pathlib.Path(__file__).with_name('ansible_tour.yml')
POLICY = 'path "ssh/+/web" { capabilities = ["create", "read", "update"] }'


@pytest.fixture(scope='module')
def prepared(started):
    """Mounts, methods and a policy: how they are made other tours show."""
    tour, server = started, started.server
    root = server.api()

    def write(path, **fields):
        got = root.post(path, fields)
        assert got.status in (200, 204), got
        return got
    server.mount_ssh().write_role('web')
    write('sys/policies/acl/web', policy=POLICY)
    for kind in ('userpass', 'approle', 'jwt', 'cert'):
        server.mount_auth(kind)
    write('auth/userpass/users/bob', password='sesam', policies='web')
    write('auth/approle/role/ci', token_policies='web')
    write('auth/jwt/config', jwt_validation_pubkeys=[tour.issuer.pem])
    write('auth/jwt/role/job', role_type='jwt', user_claim='user', bound_audiences='sallyport', policies='web')
    write('auth/cert/certs/staff', certificate=tour.authority.pem, policies='web')
    role_id = root.get('auth/approle/role/ci/role-id').data['role_id']
    secret_id = write('auth/approle/role/ci/secret-id').data['secret_id']
    serial = tour.alice.cert.serial_number
    ids = {'subject_key_id': openssl_id(tour.alice), 'authority_key_id': openssl_id(tour.authority)}
    return {'token': server.token, 'logins': [
        {'name': name, 'how': {'auth_method': name, **how}, 'metadata': metadata} for name, how, metadata in (
            ('userpass', {'username': 'bob', 'password': 'sesam'}, {'username': 'bob'}),
            ('approle', {'role_id': role_id, 'secret_id': secret_id}, {'role_name': 'ci'}),
            ('jwt', {'role_id': 'job', 'jwt': tour.job()}, {'role': 'job'}),
            ('cert', {'cert_auth_public_key': tour.alice_cert, 'cert_auth_private_key': tour.alice_key, 'role_id': 'staff'},
             {'cert_name': 'staff', 'common_name': 'alice', 'serial_number': str(serial), **ids}))]}


def openssl_id(cert):
    done = subprocess.run(['openssl', 'x509', '-noout', '-ext', 'subjectKeyIdentifier'], input=cert.pem, capture_output=True, text=True,
                          check=True)
    return done.stdout.split()[-1].lower()


def test_ansible_from_login_to_refusal(started, prepared):
    settings = started.file('ansible.json', json.dumps(prepared))
    done = ansible.run(['ansible-playbook', '-e', f'@{settings}', STEPS], started.directory, VAULT_ADDR=started.address,
                       VAULT_CACERT=started.tls.ca)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert '"msg": "all of it"' in done.stdout
    assert re.search(r'failed=0 +skipped=0', done.stdout), done.stdout
