"""A tour with hvac as Debian carries it: each of its methods for what Sallyport has (S3-1, C-1, C-8)."""
import inspect
import pathlib
import re

import hvac
import pytest
from hvac.api import auth_methods, secrets_engines, system_backend

from support import ca
from support.patience import PATIENCE_S

PLAIN_POLICY = 'path "ssh/*" { capabilities = ["create", "read", "update", "list"] }'


def connect(tour, token=None, **more):
    """Without a token of ~/.vault-token either."""
    return hvac.Client(timeout=PATIENCE_S, url=tour.address, token=token or '', verify=tour.tls.ca, **more)


@pytest.fixture(scope='module')
def client(tour):
    """Initialised, unsealed and given an ssh mount, all by hvac."""
    tour.server.start(unseal=False)
    plain = connect(tour)
    assert plain.sys.is_initialized() is False and plain.sys.read_init_status() == {'initialized': False}
    made = plain.sys.initialize(secret_shares=5, secret_threshold=3)
    assert plain.sys.is_sealed()
    assert plain.sys.submit_unseal_key(made['keys'][0])['progress'] == 1
    assert plain.sys.submit_unseal_key(reset=True)['progress'] == 0
    assert plain.sys.submit_unseal_keys(made['keys_base64'][:3])['sealed'] is False
    tour.server.token = made['root_token']
    root = connect(tour, made['root_token'])
    root.tour = tour
    root.keys = made['keys']
    root.sys.enable_secrets_engine('ssh', path='ssh', description='from hvac')
    root.write('ssh/roles/web', key_type='otp', default_user='ubuntu', cidr_list='10.0.0.0/8')
    root.sys.create_or_update_policy('web', PLAIN_POLICY)
    yield root


@pytest.fixture
def plain(client):
    return connect(client.tour)


def holder(client, token):
    return connect(client.tour, token)


def works_as(plain, login):
    """The login's answer, whose token hvac has taken for its own: it may do what the policy web allows."""
    auth = login['auth']
    assert plain.token == auth['client_token'] and plain.is_authenticated()
    assert auth['policies'] == ['default', 'web'] and auth['token_type'] == 'service'
    assert plain.read('ssh/roles/web')['data']['default_user'] == 'ubuntu'
    plain.logout(revoke_token=True)
    plain.token = auth['client_token']
    assert not plain.is_authenticated()
    plain.logout()
    return auth


# ---- reading and writing --------------------------------------------------

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


def test_a_password_and_its_lease(client, plain):
    made = client.write('ssh/creds/web', ip='10.0.0.1')
    lease, role = made['lease_id'], 'ssh/creds/web'
    assert client.sys.read_lease(lease)['data']['renewable'] is False
    assert client.sys.list_leases(role)['data']['keys'] == [lease.rsplit('/', 1)[1]]
    with pytest.raises(hvac.exceptions.InvalidRequest, match='lease is not renewable'):
        client.sys.renew_lease(lease, increment=60)
    assert plain.write('ssh/verify', otp=made['data']['key'])['data']['username'] == 'ubuntu'
    with pytest.raises(hvac.exceptions.InvalidRequest, match='OTP not found'):
        plain.write('ssh/verify', otp=made['data']['key'])
    client.sys.revoke_lease(lease)
    for revoke in (lambda: client.sys.revoke_prefix(role), lambda: client.sys.revoke_force(role)):
        client.write('ssh/creds/web', ip='10.0.0.1')
        revoke()
        with pytest.raises(hvac.exceptions.InvalidPath):
            client.sys.list_leases(role)


def test_a_signature(client, plain):
    """hvac 0.11.2 has no ssh class yet: what later ones send is in test_recorded.py."""
    public = client.write('ssh/config/ca', generate_signing_key=True, key_type='ed25519')['data']['public_key']
    assert client.read('ssh/config/ca')['data']['public_key'] == public
    client.write('ssh/roles/sign', key_type='ca', allow_user_certificates=True, allowed_users='ubuntu,ops', default_user='ubuntu',
                 default_extensions={'permit-pty': ''}, ttl='10m')
    key = client.tour.ssh_key
    for names, expected in (({}, ['ubuntu']), ({'valid_principals': 'ubuntu,ops'}, ['ops', 'ubuntu'])):
        made = client.write('ssh/sign/sign', public_key=key.public, **names)['data']
        cert = client.tour.directory / 'hvac-cert.pub'
        cert.write_text(made['signed_key'])
        seen = ca.read(cert)
        assert (sorted(seen['Principals']), seen['Extensions'], seen['before'] - seen['after']) == (expected, ['permit-pty'], 630)
        assert seen['serial'] == int(made['serial_number'], 16)
    with pytest.raises(hvac.exceptions.InvalidRequest, match='root is not a valid value for valid_principals'):
        client.write('ssh/sign/sign', public_key=key.public, valid_principals='root')
    with pytest.raises(hvac.exceptions.InvalidRequest, match='missing client token'):
        plain.write('ssh/sign/sign', public_key=key.public)
    client.delete('ssh/config/ca')


def test_cubbyhole(client):
    mine = holder(client, client.auth.token.create(policies=['default'])['auth']['client_token'])
    mine.write('cubbyhole/site/db', user='bob', port=5432)
    assert mine.read('cubbyhole/site/db')['data'] == {'user': 'bob', 'port': 5432}
    assert mine.list('cubbyhole/site')['data']['keys'] == ['db']
    assert client.read('cubbyhole/site/db') is None
    mine.delete('cubbyhole/site/db')
    assert mine.read('cubbyhole/site/db') is None


def test_wrapping(client, plain):
    info = client.read('ssh/roles/web', wrap_ttl='60s')['wrap_info']
    assert info['ttl'] == 60 and info['creation_path'] == 'ssh/roles/web'
    assert plain.write('sys/wrapping/lookup', token=info['token'])['data']['creation_ttl'] == 60
    assert client.sys.unwrap(info['token'])['data']['default_user'] == 'ubuntu'
    with pytest.raises(hvac.exceptions.InvalidRequest, match='wrapping token is not valid or does not exist'):
        client.sys.unwrap(info['token'])
    info = client.write('sys/wrapping/wrap', wrap_ttl=60, host='db1')['wrap_info']
    info = client.write('sys/wrapping/rewrap', token=info['token'])['wrap_info']
    bearer = holder(client, info['token'])
    assert bearer.sys.unwrap()['data'] == {'host': 'db1'}
    made = client.auth.token.create(policies=['web'], wrap_ttl='1m')['wrap_info']
    assert plain.auth_cubbyhole(made['token'])['auth']['policies'] == ['default', 'web']
    assert plain.lookup_token()['data']['accessor'] == made['wrapped_accessor']


# ---- tokens ---------------------------------------------------------------

def test_tokens(client):
    tokens = client.auth.token
    made = tokens.create(policies=['default'], ttl='1h', display_name='hvac', meta={'for': 'tour'}, num_uses=50)['auth']
    mine = holder(client, made['client_token'])
    seen = mine.auth.token.lookup_self()['data']
    assert (seen['display_name'], seen['meta'], seen['type']) == ('token-hvac', {'for': 'tour'}, 'service')
    assert 0 < seen['num_uses'] < 50 and 0 < seen['ttl'] <= 3600 and seen['explicit_max_ttl'] == 0
    assert mine.auth.token.renew_self(increment='30m')['auth']['lease_duration'] == 1800
    assert tokens.lookup(made['client_token'])['data']['accessor'] == made['accessor']
    assert tokens.lookup_accessor(made['accessor'])['data']['id'] == ''
    assert made['accessor'] in tokens.list_accessors()['data']['keys']
    assert tokens.renew(made['client_token'], increment='20m')['auth']['client_token'] == made['client_token']
    assert tokens.renew_accessor(made['accessor'], increment='25m')['auth']['lease_duration'] == 1500
    with pytest.raises(hvac.exceptions.Forbidden, match='permission denied'):
        mine.read('ssh/roles/web')
    tokens.revoke_accessor(made['accessor'])
    assert not mine.is_authenticated()
    with pytest.raises(hvac.exceptions.Forbidden, match='bad token'):
        tokens.lookup(made['client_token'])
    orphan = tokens.create(policies=['default'], no_parent=True)['auth']
    assert orphan['orphan'] is True
    tokens.revoke(orphan['client_token'])
    assert client.write('auth/token/create-orphan', policies=['default'])['auth']['orphan'] is True
    assert tokens.tidy().status_code == 202


def test_a_child_outlives_its_parent_where_asked(client):
    tokens = client.auth.token
    parent = holder(client, tokens.create(policies=['root'])['auth']['client_token'])
    child = holder(client, parent.auth.token.create(policies=['default'])['auth']['client_token'])
    tokens.revoke_and_orphan_children(parent.token)
    assert not parent.is_authenticated() and child.is_authenticated()
    child.auth.token.revoke_self()
    assert not child.is_authenticated()


def test_batch_and_periodic_tokens(client):
    tokens = client.auth.token
    batch = tokens.create(policies=['default'], type='batch', ttl='1h', renewable=False)['auth']
    assert (batch['token_type'], batch['accessor'], batch['renewable']) == ('batch', '', False)
    assert tokens.lookup(batch['client_token'])['data']['type'] == 'batch'
    with pytest.raises(hvac.exceptions.InvalidRequest, match='batch tokens cannot be renewed'):
        tokens.renew(batch['client_token'])
    periodic = tokens.create(policies=['default'], period='10m', explicit_max_ttl='1h')['auth']
    assert periodic['lease_duration'] == 600
    assert tokens.renew(periodic['client_token'], increment='50m')['auth']['lease_duration'] == 600
    assert tokens.lookup(periodic['client_token'])['data']['period'] == 600
    assert tokens.create(id='hand-made', policies=['default'])['auth']['client_token'] == 'hand-made'
    with pytest.raises(hvac.exceptions.InvalidRequest):
        tokens.create(id='hand-made', policies=['default'])


def test_token_roles(client):
    tokens = client.auth.token
    tokens.create_or_update_role('deploy', allowed_policies='web,default', disallowed_policies='root', orphan=True,
                                 renewable=False, path_suffix='pipeline', allowed_entity_aliases='bob')
    role = tokens.read_role('deploy')['data']
    assert (role['name'], role['allowed_policies'], role['disallowed_policies'], role['orphan'], role['renewable'], role['path_suffix'],
            role['allowed_entity_aliases'], role['token_type']) == (
        'deploy', ['default', 'web'], ['root'], True, False, 'pipeline', ['bob'], 'default-service')
    assert tokens.list_roles()['data']['keys'] == ['deploy']
    made = tokens.create(role_name='deploy', policies=['web'])['auth']
    assert (made['orphan'], made['renewable']) == (True, False)
    assert tokens.lookup(made['client_token'])['data']['path'] == 'auth/token/create/deploy/pipeline'
    with pytest.raises(hvac.exceptions.InvalidRequest, match='must be subset'):
        tokens.create(role_name='deploy', policies=['other'])
    tokens.delete_role('deploy')
    with pytest.raises(hvac.exceptions.InvalidPath):
        tokens.read_role('deploy')


def test_capabilities(client):
    made = client.auth.token.create(policies=['web'])['auth']
    mine = holder(client, made['client_token'])
    wanted = ['create', 'list', 'read', 'update']
    for seen in (mine.sys.get_capabilities(['ssh/x', 'sys/seal']),
                 client.sys.get_capabilities(['ssh/x', 'sys/seal'], token=made['client_token']),
                 client.sys.get_capabilities(['ssh/x', 'sys/seal'], accessor=made['accessor'])):
        assert seen['data'] == {'ssh/x': wanted, 'sys/seal': ['deny']} and seen['ssh/x'] == wanted
    assert client.sys.get_capabilities(['ssh/x'])['data'] == {'ssh/x': ['root'], 'capabilities': ['root']}


# ---- logging in -----------------------------------------------------------

def test_userpass(client, plain):
    client.sys.enable_auth_method('userpass')
    method = client.auth.userpass
    method.create_or_update_user('bob', password='sesam', policies='web', token_ttl='1h')
    assert method.list_user()['data']['keys'] == ['bob']
    user = method.read_user('bob')['data']
    assert (user['policies'], user['token_ttl']) == (['web'], 3600) and 'password' not in user
    method.update_password_on_user('bob', 'open sesam')
    with pytest.raises(hvac.exceptions.InvalidRequest, match='invalid username or password'):
        plain.auth.userpass.login('bob', 'sesam')
    auth = works_as(plain, plain.auth.userpass.login('bob', 'open sesam'))
    assert auth['metadata'] == {'username': 'bob'} and auth['lease_duration'] == 3600
    unused = plain.auth.userpass.login('bob', 'open sesam', use_token=False)
    assert not plain.token and unused['auth']['client_token']
    method.delete_user('bob')
    with pytest.raises(hvac.exceptions.InvalidPath):
        method.read_user('bob')


def test_approle(client, plain):
    client.sys.enable_auth_method('approle', description='machines')
    method = client.auth.approle
    method.create_or_update_approle(
        'ci', bind_secret_id=True, secret_id_bound_cidrs=['127.0.0.0/8', '::1/128'], secret_id_num_uses=5, secret_id_ttl='10m',
        enable_local_secret_ids=False, token_ttl='20m', token_max_ttl='30m', token_policies=['web'],
        token_bound_cidrs=['127.0.0.0/8'], token_explicit_max_ttl='1h', token_no_default_policy=False, token_num_uses=0,
        token_period=0, token_type='service')
    role = method.read_role('ci')['data']
    assert {name: role[name] for name in (
        'bind_secret_id', 'secret_id_num_uses', 'secret_id_ttl', 'token_ttl', 'token_max_ttl', 'token_policies', 'token_bound_cidrs',
        'token_explicit_max_ttl', 'token_no_default_policy', 'token_num_uses', 'token_period', 'token_type', 'local_secret_ids')} == {
            'bind_secret_id': True, 'secret_id_num_uses': 5, 'secret_id_ttl': 600, 'token_ttl': 1200, 'token_max_ttl': 1800,
            'token_policies': ['web'], 'token_bound_cidrs': ['127.0.0.0/8'], 'token_explicit_max_ttl': 3600,
            'token_no_default_policy': False, 'token_num_uses': 0, 'token_period': 0, 'token_type': 'service', 'local_secret_ids': False}
    assert method.list_roles()['data']['keys'] == ['ci']
    method.update_role_id('ci', 'the-ci-role')
    assert method.read_role_id('ci')['data'] == {'role_id': 'the-ci-role'}

    # hvac sends the metadata of the one as JSON text, of the other as an object; null where there is none.
    made = method.generate_secret_id('ci', metadata={'host': 'b7'}, cidr_list=['127.0.0.1/32'], token_bound_cidrs=['127.0.0.1/32'])['data']
    own = method.create_custom_secret_id('ci', 'a secret of mine', metadata={'host': 'b8'})['data']
    bare = method.generate_secret_id('ci')['data']
    assert own['secret_id'] == 'a secret of mine'
    assert set(method.list_secret_id_accessors('ci')['data']['keys']) == {one['secret_id_accessor'] for one in (made, own, bare)}
    seen = method.read_secret_id('ci', made['secret_id'])['data']
    assert (seen['metadata'], seen['cidr_list'], seen['secret_id_num_uses']) == ({'host': 'b7'}, ['127.0.0.1'], 5)
    assert method.read_secret_id_accessor('ci', own['secret_id_accessor'])['data']['metadata'] == {'host': 'b8'}
    for secret, metadata in ((made, {'role_name': 'ci', 'host': 'b7'}), (own, {'role_name': 'ci', 'host': 'b8'}), (bare, {'role_name': 'ci'})):
        auth = works_as(plain, plain.auth.approle.login('the-ci-role', secret['secret_id']))
        assert auth['metadata'] == metadata
    method.destroy_secret_id('ci', made['secret_id'])
    method.destroy_secret_id_accessor('ci', own['secret_id_accessor'])
    for gone in (made, own):
        with pytest.raises(hvac.exceptions.InvalidRequest, match='invalid role or secret ID'):
            plain.auth.approle.login('the-ci-role', gone['secret_id'])
    with pytest.raises(hvac.exceptions.InvalidRequest):
        plain.auth.approle.login('the-ci-role')
    method.delete_role('ci')
    with pytest.raises(hvac.exceptions.InvalidPath):
        method.read_role('ci')


def test_jwt(client, plain):
    client.sys.enable_auth_method('jwt')
    tour, method = client.tour, client.auth.jwt
    method.configure(jwt_validation_pubkeys=[tour.issuer.pem], bound_issuer='https://ci.example', jwt_supported_algs=['ES256'],
                     default_role='job')
    config = method.read_config()['data']
    assert config['jwt_validation_pubkeys'] == [tour.issuer.pem] and config['default_role'] == 'job'
    method.create_role('job', user_claim='user', allowed_redirect_uris=[], bound_audiences=['sallyport'], bound_claims={'project': 'group/*'},
                       bound_claims_type='glob', claim_mappings={'ref': 'branch'}, groups_claim='groups', clock_skew_leeway=30,
                       expiration_leeway=30, not_before_leeway=30, token_policies=['web'], token_ttl='10m')
    role = method.read_role('job')['data']
    assert (role['role_type'], role['user_claim'], role['bound_audiences'], role['bound_claims'], role['claim_mappings'], role['token_ttl']) == (
        'jwt', 'user', ['sallyport'], {'project': 'group/*'}, {'ref': 'branch'}, 600)
    assert method.list_roles()['data']['keys'] == ['job']
    auth = works_as(plain, plain.auth.jwt.jwt_login('job', tour.job()))
    assert auth['metadata'] == {'role': 'job', 'branch': 'main'} and auth['lease_duration'] == 600
    with pytest.raises(hvac.exceptions.InvalidRequest):
        plain.auth.jwt.jwt_login('job', tour.job(project='other/site'))
    method.delete_role('job')
    with pytest.raises(hvac.exceptions.InvalidPath):
        method.read_role('job')


def test_kubernetes(client, plain):
    client.sys.enable_auth_method('kubernetes', path='k8s')
    tour, method = client.tour, client.auth.kubernetes
    method.configure(**tour.kubernetes(), issuer='https://kubernetes.default.svc', mount_point='k8s')
    assert method.read_config(mount_point='k8s')['kubernetes_host'] == tour.cluster.address
    method.create_role('web', bound_service_account_names='web', bound_service_account_namespaces=['prod', 'test'], ttl='10m',
                       max_ttl='20m', policies=['web'], mount_point='k8s')
    role = method.read_role('web', mount_point='k8s')
    assert (role['bound_service_account_names'], role['bound_service_account_namespaces'], role['policies'], role['ttl']) == (
        ['web'], ['prod', 'test'], ['web'], 600)
    assert method.list_roles(mount_point='k8s')['keys'] == ['web']
    auth = works_as(plain, plain.auth.kubernetes.login('web', tour.pod, mount_point='k8s'))
    assert auth['metadata']['service_account_name'] == 'web'
    method.delete_role('web', mount_point='k8s')
    with pytest.raises(hvac.exceptions.InvalidPath):
        method.read_role('web', mount_point='k8s')


def test_cert(client, plain):
    client.sys.enable_auth_method('cert')
    tour, method = client.tour, client.auth.cert
    method.create_ca_certificate_role('staff', tour.file('authority.pem', tour.authority.pem), allowed_common_names='alice,bob',
                                      display_name='people', token_policies=['web'], token_ttl=600)
    role = method.read_ca_certificate_role('staff')['data']
    assert (role['allowed_common_names'], role['token_policies'], role['token_ttl']) == (['alice', 'bob'], ['web'], 600)
    assert method.list_certificate_roles()['data']['keys'] == ['staff']
    method.configure_tls_certificate(disable_binding=True)
    auth = works_as(plain, plain.auth.cert.login('staff', cert_pem=tour.alice_cert, key_pem=tour.alice_key))
    assert auth['metadata']['common_name'] == 'alice'
    shown = connect(tour, cert=(tour.alice_cert, tour.alice_key))
    works_as(shown, shown.auth.cert.login())
    # Not plain's: its connection is kept, with the certificate.
    with pytest.raises(hvac.exceptions.InvalidRequest, match='client certificate must be supplied'):
        connect(tour).write('auth/cert/login', name='staff')
    method.delete_certificate_role('staff')
    with pytest.raises(hvac.exceptions.InvalidPath):
        method.read_ca_certificate_role('staff')


def test_ssh_login(client, plain):
    """Ours: hvac has no class for it, and needs none."""
    client.sys.enable_auth_method('ssh', path='keys')
    key = client.tour.ssh_key
    client.write('auth/keys/role/ops', public_keys=[key.public], token_policies=['web'])
    asked = plain.write('auth/keys/challenge', public_key=key.public)['data']
    signed = key.sign(asked['namespace'], asked['message'])
    works_as(plain, plain.login('/v1/auth/keys/login', json={'role': 'ops', 'nonce': asked['nonce'], 'signature': signed}))


# ---- identity -------------------------------------------------------------

def test_entities_aliases_and_groups(client, plain):
    identity = client.secrets.identity
    client.sys.enable_auth_method('userpass', path='people')
    client.auth.userpass.create_or_update_user('carol', password='pass', mount_point='people')
    accessor = client.sys.list_auth_methods()['data']['people/']['accessor']
    carol = identity.create_or_update_entity('carol', metadata={'team': 'web'}, policies=['default'])['data']['id']
    alias = identity.create_or_update_entity_alias('carol', carol, accessor)['data']
    assert alias['canonical_id'] == carol
    assert identity.read_entity_alias(alias['id'])['data']['mount_type'] == 'userpass'
    for method in ('LIST', 'GET'):
        assert alias['id'] in identity.list_entity_aliases(method=method)['data']['keys']
    identity.update_entity_alias(alias['id'], 'carol', carol, accessor)
    identity.update_entity(carol, metadata={'team': 'ops'})
    identity.create_or_update_entity_by_name('carol', policies=['web'])
    seen = identity.read_entity(carol)['data']
    assert (seen['name'], seen['metadata'], seen['policies'], seen['disabled']) == ('carol', {'team': 'ops'}, ['web'], False)
    assert identity.read_entity_by_name('carol')['data']['aliases'][0]['id'] == alias['id']
    assert carol in identity.list_entities()['data']['keys'] and 'carol' in identity.list_entities_by_name(method='GET')['data']['keys']

    client.sys.create_or_update_policy('own', 'path "cubbyhole/{{identity.entity.metadata.team}}" { capabilities = ["read"] }')
    group = identity.create_or_update_group('site', metadata={'floor': '2'}, policies=['own'], member_entity_ids=[carol])['data']['id']
    identity.update_group(group, 'site', metadata={'floor': '3'}, policies=['own'], member_entity_ids=[carol], member_group_ids=[])
    assert identity.read_group(group)['data']['metadata'] == {'floor': '3'}
    assert identity.read_group_by_name('site')['data']['member_entity_ids'] == [carol]
    identity.create_or_update_group_by_name('site', policies=['own'], member_entity_ids=[carol])
    assert identity.list_groups()['data']['keys'] == [group] and identity.list_groups_by_name()['data']['keys'] == ['site']

    auth = plain.auth.userpass.login('carol', 'pass', mount_point='people')['auth']
    assert auth['entity_id'] == carol and auth['identity_policies'] == ['own', 'web']
    assert plain.read('ssh/roles/web')['data']['port'] == 22
    assert plain.sys.get_capabilities(['cubbyhole/ops'])['data']['cubbyhole/ops'] == ['read']
    identity.update_entity(carol, disabled=True)
    assert not plain.is_authenticated()
    identity.delete_group_by_name('site')
    identity.delete_entity_alias(alias['id'])
    identity.delete_entity_by_name('carol')
    other = identity.create_or_update_group('other')['data']['id']
    identity.delete_group(other)
    identity.delete_entity(identity.create_or_update_entity('dave')['data']['id'])
    for read in (lambda: identity.read_entity(carol), lambda: identity.read_group(group), lambda: identity.read_entity_alias(alias['id'])):
        with pytest.raises(hvac.exceptions.InvalidPath):
            read()


def test_groups_that_a_login_names(client, plain):
    tour, identity = client.tour, client.secrets.identity
    client.sys.enable_auth_method('jwt', path='pipelines')
    client.auth.jwt.configure(jwt_validation_pubkeys=[tour.issuer.pem], path='pipelines')
    client.auth.jwt.create_role('job', user_claim='user', allowed_redirect_uris=[], bound_audiences=['sallyport'], groups_claim='groups',
                                path='pipelines')
    accessor = client.sys.list_auth_methods()['data']['pipelines/']['accessor']
    group = identity.create_or_update_group('developers', group_type='external', policies=['web'])['data']['id']
    alias = identity.create_or_update_group_alias('dev', mount_accessor=accessor, canonical_id=group)['data']['id']
    assert identity.list_group_aliases()['data']['keys'] == [alias] == identity.list_group_aliases(method='GET')['data']['keys']
    seen = identity.read_group_alias(alias)['data']
    assert (seen['name'], seen['canonical_id'], seen['mount_accessor']) == ('dev', group, accessor)
    login = plain.auth.jwt.jwt_login('job', tour.job(user='erin'), path='pipelines')['auth']
    assert login['identity_policies'] == ['web'] and plain.read('ssh/roles/web')['data']['port'] == 22
    identity.update_group_alias(alias, 'ops', mount_accessor=accessor, canonical_id=group)
    assert identity.read_group_alias(alias)['data']['name'] == 'ops'
    identity.delete_group_alias(alias)
    with pytest.raises(hvac.exceptions.InvalidPath):
        identity.read_group_alias(alias)


# ---- operating ------------------------------------------------------------

def test_mounts(client):
    assert client.sys.list_mounted_secrets_engines()['data']['ssh/']['description'] == 'from hvac'
    client.sys.enable_secrets_engine('ssh', path='second', config={'default_lease_ttl': '1h'}, options={'a': 'b'})
    assert client.sys.retrieve_mount_option('second', 'a') == 'b'
    assert client.sys.read_mount_configuration('second')['data']['default_lease_ttl'] == 3600
    client.sys.tune_mount_configuration('second', default_lease_ttl='30m', max_lease_ttl='2h', description='tuned')
    tuned = client.sys.read_mount_configuration('second')['data']
    assert (tuned['default_lease_ttl'], tuned['max_lease_ttl'], tuned['description']) == (1800, 7200, 'tuned')
    client.sys.move_backend('second', 'third')
    assert 'third/' in client.sys.list_mounted_secrets_engines()['data']
    client.sys.disable_secrets_engine('third')
    assert 'third/' not in client.sys.list_mounted_secrets_engines()


def test_auth_mounts(client):
    listed = client.sys.list_auth_methods()
    assert listed['data']['token/']['type'] == 'token' and listed['token/'] == listed['data']['token/']
    client.sys.enable_auth_method('userpass', path='staff', description='staff', config={'default_lease_ttl': '1h', 'token_type': 'batch'})
    client.sys.tune_auth_method('staff', default_lease_ttl='30m', max_lease_ttl='1h', listing_visibility='unauth',
                                audit_non_hmac_request_keys=['a', 'b'], description='tuned')
    tuned = client.sys.read_auth_method_tuning('staff')['data']
    assert (tuned['default_lease_ttl'], tuned['max_lease_ttl'], tuned['listing_visibility'], tuned['token_type'],
            tuned['audit_non_hmac_request_keys'], tuned['description']) == (1800, 3600, 'unauth', 'batch', ['a', 'b'], 'tuned')
    client.auth.userpass.create_or_update_user('eve', password='pass', mount_point='staff')
    assert client.auth.userpass.login('eve', 'pass', mount_point='staff', use_token=False)['auth']['token_type'] == 'batch'
    client.sys.disable_auth_method('staff')
    assert 'staff/' not in client.sys.list_auth_methods()['data']


def test_policies(client):
    client.sys.create_or_update_policy('ops', {'path': {'ssh/*': {'capabilities': ['read']}}})
    assert 'ops' in client.sys.list_policies()['data']['policies'] and 'ops' in client.sys.list_policies()['policies']
    assert 'ssh/*' in client.sys.read_policy('ops')['data']['rules']
    assert client.get_policy('web') == PLAIN_POLICY
    with pytest.raises(hvac.exceptions.InvalidRequest, match='failed to parse policy'):
        client.sys.create_or_update_policy('ops', 'path {')
    client.sys.delete_policy('ops')
    with pytest.raises(hvac.exceptions.InvalidPath):
        client.sys.read_policy('ops')


def test_audit(client):
    path = str(client.tour.server.audit_directory / 'hvac.log')
    client.sys.enable_audit_device('file', path='hvac', options={'file_path': path})
    assert client.sys.list_enabled_audit_devices()['data']['hvac/']['options']['file_path'] == path
    assert client.sys.calculate_hash('hvac', 'x')['data']['hash'].startswith('hmac-sha256:')
    client.sys.disable_audit_device('hvac')


# ---- what hvac's answers to errors look like ---------------------------------

@pytest.mark.parametrize('error, call', [
    (hvac.exceptions.InvalidRequest, lambda client, none: client.write('ssh/creds/web', ip='x')),
    (hvac.exceptions.InvalidRequest, lambda client, none: none.read('ssh/roles/web')),
    (hvac.exceptions.Forbidden, lambda client, none: connect(client.tour, 'junk').read('ssh/roles/web')),
    (hvac.exceptions.InvalidPath, lambda client, none: client.write('nowhere/x', a='b')),
    (hvac.exceptions.UnexpectedError, lambda client, none: client.delete('ssh/creds/web')),
], ids=['400', '400-no-token', '403', '404', '405'])
def test_an_error_is_of_its_class(client, plain, error, call):
    with pytest.raises(hvac.exceptions.VaultError) as raised:
        call(client, plain)
    assert type(raised.value) is error


# What these servers of Vault have and Sallyport does not have yet, or will not have (docs/clients.md).
ABSENT = {
    'read_root_generation_progress start_root_token_generation generate_root cancel_root_generation rotate_encryption_key '
    'read_rekey_progress start_rekey cancel_rekey rekey rekey_multi read_backup_keys cancel_rekey_verify rekey_verify '
    'rekey_verify_multi read_rekey_verify_progress step_down': 'key shares and the root token made anew: with operations',
    'merge_entities lookup_entity lookup_group': 'identity goes as far as templates need it',
    'configure_tokens_backend read_tokens_backend_configuration create_named_key read_named_key delete_named_key list_named_keys '
    'rotate_named_key generate_signed_id_token introspect_signed_id_token read_well_known_configurations '
    'read_active_public_keys': 'signed identity tokens',
    'oidc_authorization_url_request oidc_callback': 'the browser flow of OIDC',
    'take_raft_snapshot join_raft_cluster read_raft_config remove_raft_node restore_raft_snapshot force_restore_raft_snapshot '
    'create_namespace list_namespaces delete_namespace': 'of other storage and of namespaces',
}
# No calls of their own, or of the library's insides.
INSIDE = {'get_private_attr_name', 'resolve_path', 'validate_member_id_params_for_group_type'}
PARTS = [auth_methods.AppRole, auth_methods.Cert, auth_methods.JWT, auth_methods.Kubernetes, auth_methods.Token, auth_methods.Userpass,
         secrets_engines.Identity, *system_backend.SystemBackend.__bases__]


def test_no_method_is_left_out():
    """Each public method of these parts of hvac is called above, or is named as absent."""
    source = pathlib.Path(__file__).read_text()
    called = set(re.findall(r'\.(\w+)\(', source))
    absent = {name for names in ABSENT for name in names.split()}
    methods = {name for part in PARTS for name, _ in inspect.getmembers(part, inspect.isfunction) if not name.startswith('_')}
    assert methods - called - absent - INSIDE == set()
    assert absent & called == set()


@pytest.mark.parametrize('call', [
    lambda client: client.sys.read_root_generation_progress, lambda client: client.sys.read_rekey_progress,
    lambda client: client.sys.rotate_encryption_key,
    lambda client: client.sys.cancel_root_generation, lambda client: client.secrets.identity.read_tokens_backend_configuration,
], ids=lambda one: one.__code__.co_names[-1])
def test_what_is_absent_says_so(client, call):
    with pytest.raises(hvac.exceptions.InvalidPath, match='unsupported path'):
        call(client)()


def test_health_and_seal(client):
    assert client.sys.read_health_status(method='GET')['sealed'] is False
    assert client.sys.read_health_status().status_code == 200
    assert client.sys.read_leader_status()['ha_enabled'] is False and client.ha_status['ha_enabled'] is False
    assert client.sys.get_encryption_key_status()['data']['term'] == 1 == client.key_status['term']
    assert client.sys.read_seal_status()['t'] == 3 and client.seal_status['n'] == 5
    client.sys.seal()
    with pytest.raises(hvac.exceptions.VaultDown):
        client.read('ssh/roles/web')
    assert client.sys.read_health_status(method='GET').json()['sealed'] is True
