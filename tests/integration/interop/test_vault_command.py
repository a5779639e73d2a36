"""A tour with the vault command 1.8: each command's requests in its order, replayed (C-4, C-7, C-8; spec/cli.md 3.8).

The command itself cannot be had from Debian or npm; what it sends is known from its sources. wanted is what it reads.
"""
import pytest

from support.replay import NOTHING, Client

# Every request; no Content-Type.
HEADERS = {'User-Agent': 'Go-http-client/1.1', 'X-Vault-Request': 'true', 'Accept-Encoding': 'gzip'}
NO_TOKEN = ' X-Vault-Token: none'
DENIED = '1 error occurred:\n\t* permission denied\n\n'


def mount_input(kind, description=''):
    return {'type': kind, 'description': description, 'config': {
        'options': None, 'default_lease_ttl': '0s', 'max_lease_ttl': '0s', 'force_no_cache': False}, 'local': False,
        'seal_wrap': False, 'external_entropy_access': False, 'options': None}


def tune_input(**more):
    return {'options': None, 'default_lease_ttl': '', 'max_lease_ttl': '', 'force_no_cache': False, **more}


def token_input(**more):
    return {'ttl': '0s', 'explicit_max_ttl': '0s', 'period': '0s', 'display_name': '', 'num_uses': 0, 'renewable': True,
            'type': 'service', 'entity_alias': '', **more}


MOUNT = {'type': 'ssh', 'description': str, 'accessor': str, 'uuid': str, 'local': False, 'seal_wrap': False,
         'external_entropy_access': False, 'config.default_lease_ttl': int, 'config.max_lease_ttl': int, 'config.force_no_cache': bool}


def mount_output(prefix, kind='ssh'):
    return {f'{prefix}.{name}': value for name, value in {**MOUNT, 'type': kind}.items()}


AUTH = {'auth.client_token': str, 'auth.accessor': str, 'auth.policies': list, 'auth.token_policies': list, 'auth.lease_duration': int,
        'auth.renewable': bool, 'auth.entity_id': str, 'auth.orphan': bool, 'lease_id': '', 'renewable': False, 'lease_duration': 0}
SEAL = {'type': 'shamir', 'initialized': bool, 'sealed': bool, 't': int, 'n': int, 'progress': int, 'nonce': str, 'version': '1.8.0',
        'migration': False, 'recovery_seal': False, 'storage_type': str}

START = [
    # vault status; operator init -status; operator init; operator unseal, three times
    ('GET sys/seal-status', NOTHING, 200, {**SEAL, 'initialized': False, 'sealed': True}),
    ('GET sys/init', NOTHING, 200, {'initialized': False}),
    ('PUT sys/init', {'secret_shares': 5, 'secret_threshold': 3, 'stored_shares': 0, 'pgp_keys': None, 'recovery_shares': 5,
                      'recovery_threshold': 3, 'recovery_pgp_keys': None, 'root_token_pgp_key': ''}, 200,
     {'keys': list, 'keys_base64': list, 'root_token': str}, {'token': 'root_token', 'root': 'root_token', 'keys': 'keys_base64'}),
    ('PUT sys/unseal', {'key': '@key0', 'reset': False, 'migrate': False}, 200, {**SEAL, 'sealed': True, 'progress': 1, 't': 3, 'n': 5}),
    ('PUT sys/unseal', {'key': '', 'reset': True, 'migrate': False}, 200, {**SEAL, 'progress': 0}),
    ('PUT sys/unseal', {'key': '@key0', 'reset': False, 'migrate': False}, 200, {'progress': 1}),
    ('PUT sys/unseal', {'key': '@key1', 'reset': False, 'migrate': False}, 200, {'progress': 2}),
    ('PUT sys/unseal', {'key': '@key2', 'reset': False, 'migrate': False}, 200, {**SEAL, 'sealed': False, 'cluster_name': str, 'cluster_id': str}),
    ('GET sys/leader', NOTHING, 200, {'ha_enabled': False, 'is_self': False, 'leader_address': '', 'active_time': str}),
    ('GET sys/health', NOTHING, 200, {'initialized': True, 'sealed': False, 'standby': False, 'version': '1.8.0'}),
]

ENGINES = [
    # secrets enable -description=hosts ssh; list -detailed; tune; move; disable
    ('POST sys/mounts/ssh', mount_input('ssh', 'hosts'), 204, None),
    ('GET sys/mounts', NOTHING, 200, {**mount_output('data.ssh/'), 'data.ssh/.description': 'hosts', 'data.ssh/.options': None,
                                      **mount_output('data.cubbyhole/', 'cubbyhole'), 'data.cubbyhole/.local': True, **mount_output('data.identity/', 'identity'),
                                      **mount_output('data.sys/', 'system'), **mount_output('ssh/')}),
    ('POST sys/mounts/ssh/tune', tune_input(default_lease_ttl='30m0s', description='tuned', listing_visibility='hidden',
                                            audit_non_hmac_request_keys=['ip']), 204, None),
    ('GET sys/mounts/ssh/tune', NOTHING, 200, {'data.default_lease_ttl': 1800, 'data.max_lease_ttl': 2764800, 'data.description': 'tuned',
                                               'data.listing_visibility': 'hidden', 'data.audit_non_hmac_request_keys': ['ip']}),
    ('POST sys/mounts/ssh/tune', tune_input(default_lease_ttl='system'), 204, None),
    ('GET sys/mounts/ssh/tune', NOTHING, 200, {'data.default_lease_ttl': 2764800, 'data.description': 'tuned'}),
    ('POST sys/mounts/second', mount_input('ssh'), 204, None),
    ('POST sys/remount', {'from': 'second', 'to': 'third'}, 204, None),
    ('DELETE sys/mounts/third', NOTHING, 204, None),
    ('POST sys/mounts/bad', mount_input('nope'), 400, {'errors': ['plugin not found in the catalog: nope']}),
    # path-help
    ('GET ssh/roles/web?help=1', NOTHING, 200, {'help': str, 'see_also': None, 'openapi': dict}),
]

READ_AND_WRITE = [
    # write, read, list, write -force, read with K=V, delete; kv's preflight
    ('PUT ssh/roles/web', {'key_type': 'otp', 'default_user': 'ubuntu', 'cidr_list': '10.0.0.0/8'}, 204, None),
    ('GET ssh/roles/web', NOTHING, 200, {'request_id': str, 'lease_id': '', 'lease_duration': 0, 'renewable': False, 'wrap_info': None,
                                         'warnings': None, 'auth': None, 'data.default_user': 'ubuntu', 'data.port': 22}),
    ('GET ssh/roles?list=true', NOTHING, 200, {'data.keys': ['web']}),
    ('GET ssh/roles/none', NOTHING, 404, {'errors': []}),
    ('GET none?list=true', NOTHING, 404, {'errors': list}),
    ('PUT ssh/roles/empty', {}, 400, {'errors': list}),
    ('PUT cubbyhole/site', {'user': 'bob', 'port': '22'}, 204, None),
    ('GET cubbyhole/site?version=1', NOTHING, 200, {'data': {'user': 'bob', 'port': '22'}}),
    ('GET sys/internal/ui/mounts/cubbyhole/site', NOTHING, 200, {'data.path': 'cubbyhole/', 'data.type': 'cubbyhole', 'data.options': None}),
    ('GET sys/internal/ui/mounts/nowhere/x', NOTHING, 403, {'errors': list}),
    ('DELETE cubbyhole/site?versions=1', NOTHING, 204, None),
    # a write with -policy-override, and a multi-factor header that nobody asked for
    ('PUT cubbyhole/site X-Vault-Policy-Override: true', {'a': 'b'}, 204, None),
    ('GET cubbyhole/site X-Vault-MFA: my_totp:695452', NOTHING, 200, {'data': {'a': 'b'}}),
]

POLICIES = [
    ('GET sys/policies/acl?list=true', NOTHING, 200, {'data.keys': ['default', 'root']}),
    ('PUT sys/policies/acl/web', {'policy': 'path "ssh/+/web" { capabilities = ["create", "read", "update"] }\n'}, 204, None),
    ('GET sys/policies/acl/web', NOTHING, 200, {'data.name': 'web', 'data.policy': 'path "ssh/+/web" { capabilities = ["create", "read", "update"] }\n'}),
    ('PUT sys/policies/acl/brief', {'policy': 'path "a" { capabilities = ["read"] }'}, 204, None),
    ('DELETE sys/policies/acl/brief', NOTHING, 204, None),
    ('GET sys/policies/acl/brief', NOTHING, 404, {'errors': []}),
]

PASSWORDS = [
    # write ssh/creds/web; lease lookup, renew, revoke with and without -sync, -prefix, -force
    ('PUT ssh/creds/web', {'ip': '10.0.0.7'}, 200, {'lease_id': str, 'lease_duration': int, 'renewable': False, 'data.key': str, 'data.key_type': 'otp',
                                                     'data.port': 22, 'data.ip': '10.0.0.7'}, {'lease': 'lease_id', 'otp': 'data.key'}),
    ('PUT sys/leases/lookup', {'lease_id': '@lease'}, 200, {'data.id': '@lease', 'data.ttl': int, 'data.renewable': False, 'data.issue_time': str,
                                                            'data.expire_time': str, 'data.last_renewal': None}),
    ('PUT sys/leases/renew', {'increment': 0, 'lease_id': '@lease'}, 400, {'errors': ['lease is not renewable']}),
    ('PUT sys/leases/revoke/@lease', {'sync': True}, 204, None),
    ('PUT sys/leases/revoke/@lease', {'sync': False}, 202, None),
    ('PUT ssh/verify' + NO_TOKEN, {'otp': '@otp'}, 400, {'errors': ['OTP not found']}),
    ('PUT sys/leases/revoke-prefix/ssh/creds', {'sync': True}, 204, None),
    ('PUT sys/leases/revoke-force/ssh/creds', NOTHING, 204, None),
]

KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f alice@laptop'
FIVE = {f'permit-{name}': '' for name in ('X11-forwarding', 'agent-forwarding', 'port-forwarding', 'pty', 'user-rc')}
SIGNED = {'data.serial_number': str, 'data.signed_key': lambda key: key.startswith('ssh-ed25519-cert-v01@openssh.com ') and key.endswith('\n'),
          'lease_id': '', 'renewable': False, 'lease_duration': 0, 'wrap_info': None, 'warnings': None, 'auth': None}

SIGNING = [
    # write ssh/config/ca generate_signing_key=true; read -field=public_key ssh/config/ca
    ('PUT ssh/config/ca', {'generate_signing_key': 'true', 'key_type': 'ed25519'}, 200, {'data.public_key': str}, {'ca': 'data.public_key'}),
    ('GET ssh/config/ca', NOTHING, 200, {'data.public_key': '@ca'}),
    # write ssh/roles/ca -<<EOF with a JSON document; read it
    ('PUT ssh/roles/ca', {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': '*', 'default_user': 'ubuntu', 'ttl': '30m0s',
                          'allowed_extensions': ','.join(FIVE), 'default_extensions': [{'permit-pty': ''}]}, 204, None),
    ('GET ssh/roles/ca', NOTHING, 200, {'data.key_type': 'ca', 'data.ttl': 1800, 'data.default_extensions': {'permit-pty': ''}}),
    # write -field=signed_key ssh/sign/ca public_key=@id.pub, as -format=json too; the second has what K=V words make of it
    ('PUT ssh/sign/ca', {'public_key': KEY + '\n'}, 200, SIGNED),
    ('PUT ssh/sign/ca', {'public_key': KEY + '\n', 'valid_principals': 'ubuntu,ops', 'ttl': '5m', 'cert_type': 'user',
                         'extensions': {'permit-pty': ''}}, 200, SIGNED, {'serial': 'data.serial_number'}),
    # ssh -mode=ca -role=ca -host-key-mount-point=ssh ubuntu@web1
    ('PUT ssh/sign/ca', {'public_key': KEY, 'valid_principals': 'ubuntu', 'cert_type': 'user', 'extensions': FIVE}, 200, SIGNED),
    ('GET ssh/public_key' + NO_TOKEN, NOTHING, 200, None),
    # ssh -mode=ca under a role that is strict, or that there is not, or for a user who may not
    ('PUT ssh/roles/strict', {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': 'ubuntu', 'allowed_extensions': 'permit-pty'}, 204,
     None),
    ('PUT ssh/sign/strict', {'public_key': KEY, 'valid_principals': 'ubuntu', 'cert_type': 'user', 'extensions': FIVE}, 400, {'errors': list}),
    ('PUT ssh/sign/strict', {'public_key': KEY, 'valid_principals': 'root', 'cert_type': 'user'}, 400,
     {'errors': ['root is not a valid value for valid_principals']}),
    ('PUT ssh/sign/none', {'public_key': KEY}, 400, {'errors': ['Unknown role: none']}),
    # write -wrap-ttl=60s ssh/sign/ca …; unwrap
    ('PUT ssh/sign/ca X-Vault-Wrap-TTL: 1m0s', {'public_key': KEY}, 200, {'wrap_info.ttl': 60, 'wrap_info.creation_path': 'ssh/sign/ca', 'data': None},
     {'parcel': 'wrap_info.token'}),
    ('PUT sys/wrapping/unwrap', {'token': '@parcel'}, 200, SIGNED),
    ('DELETE ssh/config/ca', NOTHING, 204, None),
]

TOKENS = [
    # token create, lookup, renew, capabilities, revoke; each also by accessor
    ('POST auth/token/create', token_input(policies=['web'], meta={'for': 'tour'}, ttl='1h0m0s', display_name='a b'), 200,
     {**AUTH, 'auth.policies': ['default', 'web'], 'auth.metadata': {'for': 'tour'}, 'auth.lease_duration': 3600, 'data': None},
     {'child': 'auth.client_token', 'accessor': 'auth.accessor'}),
    ('POST auth/token/lookup', {'token': '@child'}, 200, {'data.display_name': 'token-a-b', 'data.id': '@child', 'data.ttl': int, 'data.creation_time': int,
                                                          'data.expire_time': str, 'data.num_uses': 0, 'data.path': 'auth/token/create'}),
    ('GET auth/token/lookup-self', NOTHING, 200, {'data.policies': ['root'], 'data.ttl': 0, 'data.expire_time': None, 'data.renewable': bool}),
    ('POST auth/token/lookup-accessor', {'accessor': '@accessor'}, 200, {'data.id': '', 'data.accessor': '@accessor'}),
    ('PUT auth/token/renew', {'token': '@child', 'increment': 1800}, 200, {**AUTH, 'auth.lease_duration': 1800}),
    ('PUT auth/token/renew-self X-Vault-Token: @child', {'increment': 0}, 200, {**AUTH, 'auth.renewable': True}),
    ('POST auth/token/renew-accessor', {'accessor': '@accessor', 'increment': 600}, 200, {'auth.client_token': '', 'auth.lease_duration': 600}),
    ('POST sys/capabilities', {'token': '@child', 'path': 'ssh/creds/web'}, 200, {'data.capabilities': ['create', 'read', 'update'],
                                                                                   'capabilities': ['create', 'read', 'update']}),
    ('POST sys/capabilities-self X-Vault-Token: @child', {'token': '@child', 'path': 'sys/seal'}, 200, {'data.capabilities': ['deny']}),
    ('GET sys/mounts X-Vault-Token: @child', NOTHING, 403, {'errors': [DENIED]}),
    ('POST auth/token/revoke-accessor', {'accessor': '@accessor'}, 204, None),
    ('POST auth/token/lookup', {'token': '@child'}, 403, {'errors': list}),
    ('POST auth/token/create', token_input(policies=['web'], no_parent=True, num_uses=5, no_default_policy=True), 200,
     {'auth.orphan': True, 'auth.policies': ['web']}, {'child': 'auth.client_token'}),
    ('PUT auth/token/revoke-orphan', {'token': '@child'}, 204, None),
    ('POST auth/token/create', token_input(policies=['web'], type='batch', renewable=False, ttl='10m0s'), 200,
     {'auth.token_type': 'batch', 'auth.accessor': '', 'auth.renewable': False}),
    ('POST auth/token/create', token_input(policies=['web'], period='10m0s', id='by-hand'), 200, {'auth.client_token': 'by-hand', 'auth.lease_duration': 600}),
    ('PUT auth/token/revoke', {'token': 'by-hand'}, 204, None),
    # write auth/token/roles/deploy …; token create -role=deploy; list auth/token/accessors
    ('PUT auth/token/roles/deploy', {'allowed_policies': 'web,default', 'orphan': 'true', 'token_period': '10m', 'path_suffix': ''}, 204, None),
    ('GET auth/token/roles/deploy', NOTHING, 200, {'data.name': 'deploy', 'data.allowed_policies': ['default', 'web'], 'data.token_period': 600,
                                                   'data.orphan': True, 'data.renewable': True}),
    ('POST auth/token/create/deploy', token_input(policies=['web']), 200, {'auth.lease_duration': 600, 'auth.orphan': True}, {'child': 'auth.client_token'}),
    ('PUT auth/token/revoke-self X-Vault-Token: @child', NOTHING, 204, None),
    ('GET auth/token/accessors?list=true', NOTHING, 200, {'data.keys': list}),
]

WRAPPING = [
    # read -wrap-ttl=2m; unwrap, with a token of one's own and without; write sys/wrapping/wrap; a wrapped login
    ('GET ssh/roles/web X-Vault-Wrap-TTL: 2m0s', NOTHING, 200, {'wrap_info.ttl': 120, 'wrap_info.creation_time': str, 'wrap_info.accessor': str,
                                                                'wrap_info.creation_path': 'ssh/roles/web', 'data': None, 'auth': None},
     {'parcel': 'wrap_info.token'}),
    ('PUT sys/wrapping/lookup', {'token': '@parcel'}, 200, {'data.creation_ttl': 120, 'data.creation_path': 'ssh/roles/web'}),
    ('PUT sys/wrapping/rewrap', {'token': '@parcel'}, 200, {'wrap_info.ttl': 120}, {'parcel': 'wrap_info.token'}),
    ('PUT sys/wrapping/unwrap', {'token': '@parcel'}, 200, {'data.default_user': 'ubuntu'}),
    ('PUT sys/wrapping/unwrap', {'token': '@parcel'}, 400, {'errors': ['wrapping token is not valid or does not exist']}),
    ('PUT sys/wrapping/wrap X-Vault-Wrap-TTL: 5m', {'a': 'b'}, 200, {'wrap_info.ttl': 300}, {'parcel': 'wrap_info.token'}),
    ('PUT sys/wrapping/unwrap X-Vault-Token: @parcel', None, 200, {'data': {'a': 'b'}}),
    ('DELETE cubbyhole/site X-Vault-Wrap-TTL: 1m0s', NOTHING, 204, None),
]

LOGINS = [
    # auth enable, list -detailed, tune, help, disable
    ('POST sys/auth/userpass', mount_input('userpass', 'people'), 204, None),
    ('GET sys/auth', NOTHING, 200, {**mount_output('data.userpass/', 'userpass'), 'data.userpass/.config.token_type': str, **mount_output('token/', 'token')},
     {'mount': 'data.userpass/.accessor'}),
    ('POST sys/mounts/auth/userpass/tune', tune_input(max_lease_ttl='2h0m0s', token_type='default-service'), 204, None),
    ('GET sys/auth/userpass/tune', NOTHING, 200, {'data.max_lease_ttl': 7200, 'data.token_type': 'default-service'}),
    ('GET auth/userpass?help=1', NOTHING, 200, {'help': str}),
    # write auth/userpass/users/bob …; login -method=userpass; a wrapped one
    ('PUT auth/userpass/users/bob', {'password': 'sesam', 'policies': 'web', 'token_ttl': '1h'}, 204, None),
    ('PUT auth/userpass/login/bob' + NO_TOKEN, {'password': 'sesam'}, 200, {**AUTH, 'auth.metadata': {'username': 'bob'}, 'auth.lease_duration': 3600,
                                                                           'auth.policies': ['default', 'web']}, {'bob': 'auth.client_token', 'entity': 'auth.entity_id'}),
    ('PUT auth/userpass/login/bob' + NO_TOKEN, {'password': 'no'}, 400, {'errors': ['invalid username or password']}),
    ('PUT auth/none/login/bob' + NO_TOKEN, {'password': 'no'}, 400, {'errors': ['missing client token']}),
    # write auth/approle/role/ci …; read …/role-id; write -f …/secret-id; write auth/approle/login
    ('POST sys/auth/approle', mount_input('approle'), 204, None),
    ('PUT auth/approle/role/ci', {'token_policies': 'web', 'secret_id_ttl': '10m', 'secret_id_num_uses': '40', 'token_num_uses': '10', 'token_ttl': '20m',
                                  'token_max_ttl': '30m'}, 204, None),
    ('GET auth/approle/role/ci/role-id', NOTHING, 200, {'data.role_id': str}, {'role': 'data.role_id'}),
    ('PUT auth/approle/role/ci/secret-id', {}, 200, {'data.secret_id': str, 'data.secret_id_accessor': str, 'data.secret_id_ttl': 600},
     {'secret': 'data.secret_id', 'accessor': 'data.secret_id_accessor'}),
    ('PUT auth/approle/login' + NO_TOKEN, {'role_id': '@role', 'secret_id': '@secret'}, 200, {**AUTH, 'auth.lease_duration': 1200, 'auth.metadata.role_name': 'ci'}),
    ('PUT auth/approle/role/ci/secret-id-accessor/lookup', {'secret_id_accessor': '@accessor'}, 200, {'data.secret_id_num_uses': 39}),
    ('GET auth/approle/role/ci/secret-id?list=true', NOTHING, 200, {'data.keys': ['@accessor']}),
    ('PUT auth/approle/role/ci/secret-id-accessor/destroy', {'secret_id_accessor': '@accessor'}, 204, None),
    # login -method=jwt role=job jwt=…, as write; -method=cert without a certificate
    ('POST sys/auth/jwt', mount_input('jwt'), 204, None),
    ('PUT auth/jwt/config', {'jwt_validation_pubkeys': '@issuer', 'default_role': 'job'}, 204, None),
    ('PUT auth/jwt/role/job', {'role_type': 'jwt', 'user_claim': 'user', 'bound_audiences': 'sallyport', 'policies': 'web', 'ttl': '1h'}, 204, None),
    ('PUT auth/jwt/login' + NO_TOKEN, {'role': 'job', 'jwt': '@job'}, 200, {**AUTH, 'auth.metadata': {'role': 'job'}, 'auth.lease_duration': 3600}),
    ('POST sys/auth/cert', mount_input('cert'), 204, None),
    ('PUT auth/cert/certs/staff', {'certificate': '@authority', 'policies': 'web', 'display_name': 'people'}, 204, None),
    ('PUT auth/cert/login' + NO_TOKEN, {'name': ''}, 400, {'errors': ['client certificate must be supplied']}),
    ('POST sys/auth/kubernetes', mount_input('kubernetes'), 204, None),
    ('PUT auth/kubernetes/config', '@kubernetes', 204, None),
    ('PUT auth/kubernetes/role/web', {'bound_service_account_names': 'web', 'bound_service_account_namespaces': '*', 'policies': 'web', 'ttl': '1h'}, 204, None),
    ('PUT auth/kubernetes/login' + NO_TOKEN, {'role': 'web', 'jwt': '@pod'}, 200, {**AUTH, 'auth.metadata.service_account_name': 'web'}),
]

IDENTITY = [
    # one metadata=k=v comes as a text, two as a list; the entity of bob's login
    ('PUT identity/entity/id/@entity', {'metadata': 'team=web', 'policies': 'default'}, 204, None),
    ('GET identity/entity/id/@entity', NOTHING, 200, {'data.metadata': {'team': 'web'}, 'data.policies': ['default'], 'data.disabled': False}),
    ('PUT identity/entity', {'name': 'carol', 'metadata': ['team=web', 'floor=2']}, 200, {'data.id': str, 'data.name': 'carol'}, {'carol': 'data.id'}),
    ('PUT identity/entity-alias', {'name': 'carol', 'canonical_id': '@carol', 'mount_accessor': '@mount'}, 200, {'data.canonical_id': '@carol', 'data.id': str}),
    ('PUT identity/group', {'name': 'site', 'policies': 'web', 'member_entity_ids': '@carol,@entity', 'metadata': 'floor=2'}, 200, {'data.id': str}, {'group': 'data.id'}),
    ('GET identity/group/id/@group', NOTHING, 200, {'data.member_entity_ids': list, 'data.metadata': {'floor': '2'}, 'data.type': 'internal'}),
    ('GET identity/entity/name?list=true', NOTHING, 200, {'data.keys': list}),
    ('GET auth/token/lookup-self X-Vault-Token: @bob', NOTHING, 200, {'data.identity_policies': ['default', 'web'], 'data.entity_id': '@entity'}),
    ('DELETE identity/group/id/@group', NOTHING, 204, None),
    ('DELETE sys/auth/userpass', NOTHING, 204, None),
    ('GET auth/token/lookup-self X-Vault-Token: @bob', NOTHING, 403, {'errors': ['permission denied']}),
]

END = [
    # audit enable, list, disable; operator key-status; operator seal; status of a sealed server
    ('PUT sys/audit/file', {'type': 'file', 'description': '', 'options': {'file_path': '@audit'}, 'local': False}, 204, None),
    ('GET sys/audit', NOTHING, 200, {'data.file/.type': 'file', 'data.file/.path': 'file/', 'data.file/.options.file_path': '@audit'}),
    ('DELETE sys/audit/file', NOTHING, 204, None),
    ('GET sys/key-status', NOTHING, 200, {'data.term': 1, 'data.install_time': str, 'data.encryptions': int}),
    ('PUT sys/seal', NOTHING, 204, None),
    ('GET sys/seal-status', NOTHING, 200, {**SEAL, 'sealed': True}),
    ('GET ssh/roles/web', NOTHING, 503, {'errors': ['error performing token check: Vault is sealed']}),
]

PARTS = {'engines': ENGINES, 'read and write': READ_AND_WRITE, 'policies': POLICIES, 'passwords': PASSWORDS, 'signing': SIGNING, 'tokens': TOKENS, 'wrapping': WRAPPING,
         'logins': LOGINS, 'identity': IDENTITY, 'end': END}


@pytest.fixture(scope='module')
def command(tour):
    """The command after its operator init and unseal, without a token before."""
    tour.server.start(unseal=False)
    one = Client(tour.server, HEADERS, {'token': None, 'issuer': tour.issuer.pem, 'job': tour.job(), 'authority': tour.authority.pem,
                                        'kubernetes': tour.kubernetes(), 'pod': tour.pod, 'audit': str(tour.server.audit_directory / 'vault.log')})
    one.play(START[:3])
    one.known.update({f'key{i}': key for i, key in enumerate(one.known['keys'])})
    one.play(START[3:])
    return one


@pytest.mark.parametrize('part', PARTS)
def test_the_vault_command(command, part):
    """In their order: a part stands on those before it."""
    command.play(PARTS[part])
