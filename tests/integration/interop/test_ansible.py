"""A tour with Ansible: Debian's ansible-core and its collection community.hashi_vault; its steps: ansible_tour.yml."""
import json
import pathlib
import re
import subprocess

import pytest

from support.build import BUILD
from support.patience import PATIENCE_S

STEPS = pathlib.Path(__file__).with_name('ansible_tour.yml')
INSTALLED = pathlib.Path('/usr/lib/python3/dist-packages')
COLLECTION = 'ansible_collections/community/hashi_vault'
POLICY = 'path "ssh/+/web" { capabilities = ["create", "read", "update"] }'


def collections():
    """Where the collection is. Debian has it in the package `ansible`: 17 MB, of which it is less than one; taken out of it once."""
    if (INSTALLED / COLLECTION).is_dir():
        return INSTALLED
    kept = BUILD / 'clients'
    if not (kept / COLLECTION).is_dir():
        kept.mkdir(parents=True, exist_ok=True)
        subprocess.run(['apt-get', '-q', 'download', 'ansible'], cwd=kept, check=True, timeout=PATIENCE_S)
        package, = kept.glob('ansible_*.deb')
        read = subprocess.Popen(['dpkg-deb', '--fsys-tarfile', package], stdout=subprocess.PIPE)
        subprocess.run(['tar', '-x', '-C', kept, '--strip-components=5', f'.{INSTALLED}/{COLLECTION}'], stdin=read.stdout, check=True)
        assert read.wait() == 0
        package.unlink()
    return kept


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
    home = started.directory
    settings = started.file('ansible.json', json.dumps(prepared))
    environment = {'PATH': '/usr/bin:/bin', 'HOME': str(home), 'LANG': 'C.UTF-8', 'VAULT_ADDR': started.address, 'VAULT_CACERT': started.tls.ca,
                   'ANSIBLE_HASHI_VAULT_TIMEOUT': str(PATIENCE_S), 'ANSIBLE_HOME': str(home / 'ansible'), 'ANSIBLE_LOCALHOST_WARNING': 'False',
                   'ANSIBLE_INVENTORY_UNPARSED_WARNING': 'False', 'ANSIBLE_NOCOLOR': '1', 'ANSIBLE_COLLECTIONS_PATH': str(collections())}
    done = subprocess.run(['ansible-playbook', '-e', f'@{settings}', str(STEPS)], cwd=home, capture_output=True, text=True,
                          timeout=PATIENCE_S, env=environment)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert '"msg": "all of it"' in done.stdout
    assert re.search(r'failed=0 +skipped=0', done.stdout), done.stdout
