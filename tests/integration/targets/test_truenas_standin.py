"""The stand-in of TrueNAS refuses what the real one refuses (docs/truenas.md), so that what passes against it means something."""
import base64
import contextlib
import json
import ssl
import urllib.error
import urllib.request

import pytest

from support.keys import SshKey
from support.places import public_directory
from support.truenas import TrueNas, keygen


@pytest.fixture(scope='module')
def nas():
    with contextlib.ExitStack() as stack:
        one = TrueNas(stack.enter_context(public_directory()), users=('replicator', 'homeless'))
        stack.callback(one.stop)
        one.user('homeless')['home'] = '/nonexistent'
        yield one


def call(nas, method, path, data=None, auth=None):
    """Status and answer, parsed where it is JSON."""
    word = auth or 'Basic ' + base64.b64encode(f'root:{nas.password}'.encode()).decode()
    request = urllib.request.Request(f'{nas.url}/api/v2.0/{path}', method=method, headers={'Authorization': word},
                                     data=data if data is None or isinstance(data, bytes) else json.dumps(data).encode())
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=nas.tls.ca)) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        text = error.read().decode()
        with contextlib.suppress(ValueError):
            return error.code, json.loads(text)
        return error.code, text


def says(answer, attribute, text):
    status, body = answer
    assert status == 422 and text in body[attribute][0]['message'], answer
    return body[attribute][0]['errno']


def test_only_root_and_api_keys_are_let_in(nas):
    for word in ('Basic ' + base64.b64encode(b'root:wrong').decode(), 'Basic ' + base64.b64encode(b'replicator:correct horse').decode(),
                 'Bearer 1-nothing', 'Digest x', ''):
        assert call(nas, 'GET', 'user', auth=word or ' ')[0] == 401
    status, made = call(nas, 'POST', 'api_key', {'name': 'mine'})
    assert status == 200 and 'key' in made
    assert call(nas, 'GET', 'system/version', auth='Bearer ' + made['key']) == (200, nas.version)
    assert 'key' not in call(nas, 'GET', 'api_key')[1][0]
    says(call(nas, 'POST', 'api_key', {'name': 'mine'}), 'api_key_create', 'unique')
    assert call(nas, 'DELETE', f'api_key/id/{made["id"]}') == (200, True)
    assert call(nas, 'GET', 'system/version', auth='Bearer ' + made['key'])[0] == 401


def test_unknown_paths_verbs_ids_and_fields_are_refused(nas):
    assert call(nas, 'GET', 'nothing')[0] == 404
    assert call(nas, 'PATCH', 'user/id/1')[0] == 405
    assert call(nas, 'GET', 'user/id/99')[0] == 404
    assert says(call(nas, 'PUT', 'user/id/99', {}), 'null', 'User 99 does not exist') == 2
    assert says(call(nas, 'DELETE', 'keychaincredential/id/99'), 'null', 'does not exist') == 2
    says(call(nas, 'PUT', 'user/id/1', {'sshkey': 'x'}), 'user_update.sshkey', 'not expected')
    says(call(nas, 'PUT', 'user/id/1', {'sshpubkey': 5}), 'user_update.sshpubkey', 'Not a string')
    says(call(nas, 'PUT', 'user/id/1', {'username': 'toor'}), 'user_update.username', 'cannot be changed')
    assert call(nas, 'PUT', 'user/id/1', b'{')[0] == 400
    assert call(nas, 'GET', 'user?username__like=x')[0] == 422


def test_the_database_writes_authorized_keys_and_wins_over_the_disk(nas, tmp_path):
    key, other = SshKey(tmp_path, 'one'), SshKey(tmp_path, 'two')
    assert call(nas, 'PUT', 'user/id/2', {'sshpubkey': f'\n {key.public} \n\n'}) == (200, 2)
    assert call(nas, 'GET', 'user?username=replicator')[1][0]['sshpubkey'] == key.public.strip()
    assert nas.login(key.path, 'replicator') and not nas.login(other.path, 'replicator')
    nas.file('replicator').write_text(other.public + '\n')
    assert nas.login(other.path, 'replicator')
    assert call(nas, 'PUT', 'user/id/1', {'full_name': 'Charlie'})[0] == 200
    assert nas.login(key.path, 'replicator') and not nas.login(other.path, 'replicator')
    assert call(nas, 'PUT', 'user/id/2', {'sshpubkey': None}) == (200, 2)
    assert not nas.file('replicator').exists() and not nas.login(key.path, 'replicator')
    says(call(nas, 'PUT', 'user/id/3', {'sshpubkey': key.public}), 'user_update.sshpubkey', 'not writable')


def test_key_pairs_are_plain_and_their_names_unique(nas, tmp_path):
    def pair(name, **attributes):
        return call(nas, 'POST', 'keychaincredential', {'name': name, 'type': 'SSH_KEY_PAIR', 'attributes': attributes})
    at = 'keychain_credential_create.'
    keygen('-q', '-t', 'ed25519', '-N', 'secret', '-f', tmp_path / 'locked')
    says(pair('a', private_key=(tmp_path / 'locked').read_text()), at + 'attributes.private_key', 'Encrypted')
    says(pair('a', private_key='x'), at + 'attributes.private_key', '')
    says(pair('a', public_key='ssh-rsa AAAA'), at + 'attributes.public_key', 'Invalid')
    says(pair('a'), at + 'attributes.public_key', 'at least')
    status, made = call(nas, 'GET', 'keychaincredential/generate_ssh_key_pair')
    assert status == 200
    one, two = SshKey(tmp_path, 'one'), SshKey(tmp_path, 'two')
    says(pair('a', private_key=made['private_key'], public_key=one.public), at + 'attributes.public_key', 'match')
    status, first = pair('a', private_key=made['private_key'])
    assert status == 200 and first['attributes']['public_key'].split()[:2] == made['public_key'].split()[:2]
    says(pair('a', public_key=two.public), at + 'name', 'already exists')
    says(call(nas, 'POST', 'keychaincredential', {'name': 'b', 'type': 'PGP', 'attributes': {}}), at + 'type', 'Invalid')


def test_a_connection_to_another_is_set_up_with_its_password(nas, tmp_path):
    other = TrueNas(tmp_path, users=())
    try:
        path = 'keychaincredential/remote_ssh_semiautomatic_setup'
        status, pair = call(nas, 'POST', 'keychaincredential', {
            'name': 'replication', 'type': 'SSH_KEY_PAIR', 'attributes': nas.generate()})
        assert status == 200
        wish = {'name': 'to other', 'url': other.url, 'password': 'wrong', 'private_key': pair['id']}
        assert call(nas, 'POST', path, wish) == (422, {'message': 'Invalid password', 'errno': 14})
        says(call(nas, 'POST', path, {**wish, 'url': 'nas.example'}), 'keychain_remote_ssh_semiautomatic_setup.url', 'URL')
        assert 'Unable to connect' in call(nas, 'POST', path, {**wish, 'url': 'https://127.0.0.1:1'})[1]['message']
        status, made = call(nas, 'POST', path, {**wish, 'password': other.password})
        assert status == 200 and made['attributes']['remote_host_key'] == other.host_key
        key = tmp_path / 'replication'
        key.write_text(pair['attributes']['private_key'])
        key.chmod(0o600)
        assert other.login(key)
        status, text = call(nas, 'POST', 'keychaincredential/remote_ssh_host_key_scan', {'host': '127.0.0.1', 'port': other.port})
        assert status == 200 and other.host_key in text.splitlines()
        assert call(nas, 'DELETE', f'keychaincredential/id/{pair["id"]}')[1]['message'].startswith('Unable to delete')
        assert call(nas, 'DELETE', f'keychaincredential/id/{made["id"]}') == (200, True)
        assert call(nas, 'DELETE', f'keychaincredential/id/{pair["id"]}') == (200, True)
    finally:
        other.stop()


def test_a_scan_of_nothing_fails(nas):
    status, body = call(nas, 'POST', 'keychaincredential/remote_ssh_host_key_scan', {'host': '127.0.0.1', 'port': 1,
                                                                                     'connect_timeout': 1})
    assert status == 422 and body['message'].startswith('ssh-keyscan failed')
