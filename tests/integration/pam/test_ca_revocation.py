"""G-10, S3-25: a real sshd with RevokedKeys lets a certificate in before it is revoked, by each of the four ways, and not behind.

The host fetches as docs/ssh-ca.md says: curl, ssh-keygen -Q, and a rename.
"""
import os
import pathlib
import subprocess

import pytest

from support import krl
from support.ca import Ca, CertSshd
from support.figures import figure
from support.keys import SshKey
from support.server import Server

POLICY = 'path "ssh/sign/*" { capabilities = ["update"] }'


@pytest.fixture(scope='module')
def host(tmp_path_factory):
    server = Server(dev=False).start().mount_ssh().mount_auth('userpass')
    ca = Ca(server)
    ca.role('ops', allow_user_key_ids=True)
    directory = tmp_path_factory.mktemp('host')
    lists = directory / 'revoked.krl'
    fetch(server, lists)
    sshd = CertSshd([ca.public], [f'RevokedKeys {lists}'])
    yield ca, sshd, lists, directory
    sshd.stop()
    server.clean()


def fetch(server, lists):
    new = pathlib.Path(f'{lists}.new')
    subprocess.run(['curl', '-fsS', '-o', new, f'{server.address}/v1/ssh/krl'], check=True)
    subprocess.run(['ssh-keygen', '-Q', '-l', '-f', new], check=True, stdout=subprocess.DEVNULL)
    os.replace(new, lists)


def entity_token(server):
    api = server.api()
    assert api.put('sys/policies/acl/signs', {'policy': POLICY}).status == 204
    assert api.post('auth/userpass/users/alice', {'password': 'right', 'token_policies': 'signs'}).status == 204
    auth = server.api(None).post('auth/userpass/login/alice', {'password': 'right'}).json['auth']
    return auth['entity_id'], auth['client_token']


def test_four_ways_on_a_real_sshd(host):
    ca, sshd, lists, directory = host
    key, lost = SshKey(directory, 'user'), SshKey(directory, 'lost')
    entity, token = entity_token(ca.server)
    kept, one, by_key = ca.sign('ops', key), ca.sign('ops', key), ca.sign('ops', lost)
    by_id, by_entity = ca.sign('ops', key, key_id='lost laptop'), ca.sign('ops', key, token=token)
    tries, wrong = 0, []
    for name, signed, body in (('serial_number', one, {'serial_number': one.data['serial_number']}),
                               ('key_id', by_id, {'key_id': 'lost laptop'}), ('public_key', by_key, {'public_key': lost.public}),
                               ('entity_id', by_entity, {'entity_id': entity})):
        for revoked in (False, True):
            if revoked:
                assert ca.server.api().post('ssh/revoke', body).status == 200
                fetch(ca.server, lists)
            tries += 1
            said = krl.is_revoked(lists, signed.cert), not sshd.lets_in(signed.path), not sshd.lets_in(kept.path)
            if said != (revoked, revoked, False):
                wrong.append((name, revoked, said))
    figure('G-10', tries, len(wrong), 'ways to revoke, before and behind, by ssh-keygen -Q and sshd')
    assert wrong == []


def test_a_broken_list_lets_nobody_in(host):
    """Why it is checked before it is renamed."""
    ca, sshd, lists, directory = host
    signed = ca.sign('ops', SshKey(directory, 'other'))
    assert sshd.lets_in(signed.path)
    whole = lists.read_bytes()
    lists.write_bytes(whole[:-1])
    assert not sshd.lets_in(signed.path)
    lists.write_bytes(whole)
    assert sshd.lets_in(signed.path)
