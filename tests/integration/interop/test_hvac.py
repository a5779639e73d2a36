"""hvac as Debian carries it: its generic, sys and token calls for real (S3-1)."""
import hvac
import pytest

from support.patience import PATIENCE_S
from support.server import Server


@pytest.fixture(scope='module')
def client():
    one = Server(dev=False).start(unseal=False)
    plain = hvac.Client(timeout=PATIENCE_S, url=one.address)
    assert plain.sys.is_initialized() is False
    made = plain.sys.initialize(secret_shares=5, secret_threshold=3)
    assert plain.sys.is_sealed()
    plain.sys.submit_unseal_keys(made['keys'][:3])
    assert not plain.sys.is_sealed()
    one.token = made['root_token']
    root = hvac.Client(timeout=PATIENCE_S, url=one.address, token=one.token)
    root.server = one
    root.sys.enable_secrets_engine('ssh', path='ssh', description='from hvac')
    root.write('ssh/roles/web', key_type='otp', default_user='ubuntu', cidr_list='10.0.0.0/8')
    yield root
    one.clean()


def test_generic_calls(client):
    assert client.is_authenticated()
    assert client.read('ssh/roles/web')['data']['default_user'] == 'ubuntu'
    assert client.list('ssh/roles')['data']['keys'] == ['web']
    assert client.read('ssh/roles/none') is None
    assert client.list('ssh/none') is None
    with pytest.raises(hvac.exceptions.InvalidRequest, match='missing default user'):
        client.write('ssh/roles/bad', key_type='otp')
    client.write('ssh/roles/brief', key_type='otp', default_user='x')
    client.delete('ssh/roles/brief')
    assert client.read('ssh/roles/brief') is None


def test_a_password_and_its_lease(client):
    made = client.write('ssh/creds/web', ip='10.0.0.1')
    assert client.sys.read_lease(made['lease_id'])['data']['renewable'] is False
    assert client.sys.list_leases('ssh/creds/web')['data']['keys'] == [made['lease_id'].rsplit('/', 1)[1]]
    with pytest.raises(hvac.exceptions.InvalidRequest, match='lease is not renewable'):
        client.sys.renew_lease(made['lease_id'])
    plain = hvac.Client(timeout=PATIENCE_S, url=client.server.address)
    assert plain.write('ssh/verify', otp=made['data']['key'])['data']['username'] == 'ubuntu'
    client.sys.revoke_lease(made['lease_id'])
    client.write('ssh/creds/web', ip='10.0.0.1')
    client.sys.revoke_prefix('ssh/creds/web')
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.sys.list_leases('ssh/creds/web')


def test_mounts(client):
    assert client.sys.list_mounted_secrets_engines()['data']['ssh/']['description'] == 'from hvac'
    client.sys.enable_secrets_engine('ssh', path='second', config={'default_lease_ttl': '1h'})
    assert client.sys.read_mount_configuration('second')['data']['default_lease_ttl'] == 3600
    client.sys.tune_mount_configuration('second', default_lease_ttl='30m', description='tuned')
    assert client.sys.read_mount_configuration('second')['data']['default_lease_ttl'] == 1800
    client.sys.move_backend('second', 'third')
    assert 'third/' in client.sys.list_mounted_secrets_engines()['data']
    client.sys.disable_secrets_engine('third')
    assert client.sys.list_auth_methods()['data']['token/']['type'] == 'token'


def test_policies(client):
    client.sys.create_or_update_policy('ops', 'path "ssh/*" { capabilities = ["read"] }')
    assert 'ops' in client.sys.list_policies()['data']['policies']
    assert 'ssh/*' in client.sys.read_policy('ops')['data']['rules']
    client.sys.delete_policy('ops')
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.sys.read_policy('ops')


def test_audit(client):
    path = str(client.server.audit_directory / 'hvac.log')
    client.sys.enable_audit_device('file', path='hvac', options={'file_path': path})
    assert client.sys.list_enabled_audit_devices()['data']['hvac/']['options']['file_path'] == path
    assert client.sys.calculate_hash('hvac', 'x')['data']['hash'].startswith('hmac-sha256:')
    client.sys.disable_audit_device('hvac')


def test_tokens(client):
    tokens = client.auth.token
    made = tokens.create(policies=['default'], ttl='1h', display_name='hvac')['auth']
    mine = hvac.Client(timeout=PATIENCE_S, url=client.server.address, token=made['client_token'])
    assert mine.is_authenticated()
    assert mine.auth.token.lookup_self()['data']['display_name'] == 'token-hvac'
    assert mine.auth.token.renew_self(increment='30m')['auth']['lease_duration'] == 1800
    assert tokens.lookup(made['client_token'])['data']['accessor'] == made['accessor']
    assert tokens.lookup_accessor(made['accessor'])['data']['id'] == ''
    assert made['accessor'] in tokens.list_accessors()['data']['keys']
    assert tokens.renew(made['client_token'])['auth']['client_token'] == made['client_token']
    with pytest.raises(hvac.exceptions.Forbidden):
        mine.read('ssh/roles/web')
    tokens.revoke_accessor(made['accessor'])
    assert not mine.is_authenticated()
    orphan = tokens.create(policies=['default'], no_parent=True)['auth']
    tokens.revoke(orphan['client_token'])
    assert client.sys.get_capabilities(['ssh/x'])['data']['ssh/x'] == ['root']


def test_health_and_seal(client):
    assert client.sys.read_health_status(method='GET')['sealed'] is False
    assert client.sys.read_leader_status()['ha_enabled'] is False
    assert client.sys.read_seal_status()['t'] == 3
    client.sys.seal()
    with pytest.raises(hvac.exceptions.VaultDown):
        client.read('ssh/roles/web')
