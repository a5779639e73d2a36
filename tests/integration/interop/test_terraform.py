"""A tour with Terraform's provider for Vault: what its resources send at create, read, update and delete, replayed (C-8).

The provider cannot be had from Debian or npm; what it sends is known from its sources (2.24 to 3.x, over Vault's Go client).
wanted is what it reads back into its state: a number where it reads a number, a list where it reads a list.
"""
import pytest

from support.replay import NOTHING, Client

HEADERS = {'User-Agent': 'Terraform/1.1.0 (+https://www.terraform.io) terraform-provider-vault/3.8.0', 'X-Vault-Request': 'true',
           'Accept-Encoding': 'gzip'}


def mount_config(**more):
    return {'options': None, 'default_lease_ttl': '', 'max_lease_ttl': '', 'force_no_cache': False, **more}


def mount(kind, description='', options=None, **config):
    return {'type': kind, 'description': description, 'config': mount_config(**config), 'local': False, 'seal_wrap': False,
            'external_entropy_access': False, 'options': options}


def token(**more):
    return {'display_name': '', 'num_uses': 0, 'type': '', 'entity_alias': '', **more}


# What every auth role has; the provider sends those that are set, and reads all of them.
TOKEN_FIELDS = {'data.token_bound_cidrs': list, 'data.token_explicit_max_ttl': int, 'data.token_max_ttl': int, 'data.token_no_default_policy': bool,
                'data.token_num_uses': int, 'data.token_period': int, 'data.token_policies': list, 'data.token_ttl': int, 'data.token_type': str}
TOKEN_SENT = {'token_ttl': 1200, 'token_max_ttl': 2400, 'token_policies': ['web'], 'token_bound_cidrs': ['10.0.0.0/8', '127.0.0.1/32'],
              'token_explicit_max_ttl': 3600, 'token_no_default_policy': True, 'token_num_uses': 7, 'token_period': 0, 'token_type': 'service'}
TOKEN_READ = {'data.token_ttl': 1200, 'data.token_max_ttl': 2400, 'data.token_policies': ['web'], 'data.token_bound_cidrs': ['10.0.0.0/8', '127.0.0.1'],
              'data.token_explicit_max_ttl': 3600, 'data.token_no_default_policy': True, 'data.token_num_uses': 7, 'data.token_period': 0,
              'data.token_type': 'service'}
ENTRY = {'accessor': str, 'uuid': str, 'local': False, 'seal_wrap': False, 'external_entropy_access': False, 'config.force_no_cache': False}

# The provider's own start, unless skip_child_token is set: everything after it is done with the child token.
PROVIDER = [
    ('GET auth/token/lookup-self', NOTHING, 200, {'data.policies': list, 'data.path': str, 'data.ttl': int}),
    ('POST auth/token/create', token(ttl='1200s', explicit_max_ttl='1200s', display_name='terraform', renewable=False), 200,
     {'auth.client_token': str, 'auth.policies': ['root'], 'auth.lease_duration': 1200, 'auth.renewable': False, 'warnings': None},
     {'token': 'auth.client_token'}),
    ('GET sys/seal-status', NOTHING, 200, {'version': '1.8.0', 'sealed': False, 'initialized': True}),
    ('GET auth/token/lookup-self', NOTHING, 200, {'data.display_name': 'token-terraform', 'data.explicit_max_ttl': 1200}),
]

VAULT_MOUNT = [
    ('POST sys/mounts/hosts', mount('ssh', 'hosts', {}, default_lease_ttl='3600s', max_lease_ttl='86400s', audit_non_hmac_request_keys=['ip']), 204, None),
    ('GET sys/mounts', NOTHING, 200, {'data.hosts/.type': 'ssh', 'data.hosts/.description': 'hosts', 'data.hosts/.options': {},
                                      'data.hosts/.config.default_lease_ttl': 3600, 'data.hosts/.config.max_lease_ttl': 86400,
                                      'data.hosts/.config.audit_non_hmac_request_keys': ['ip'],
                                      **{f'data.hosts/.{name}': value for name, value in ENTRY.items()}}),
    ('GET sys/mounts/hosts', NOTHING, 200, {'data.type': 'ssh', 'data.config.default_lease_ttl': 3600, **{f'data.{name}': value for name, value in ENTRY.items()}}),
    ('POST sys/mounts/hosts/tune', mount_config(options={}, default_lease_ttl='7200s', max_lease_ttl='86400s', description='more hosts'), 204, None),
    ('GET sys/mounts/hosts', NOTHING, 200, {'data.config.default_lease_ttl': 7200, 'data.description': 'more hosts'}),
    ('POST sys/remount', {'from': 'hosts', 'to': 'ssh'}, 204, None),
    # It takes this text for "gone".
    ('GET sys/mounts/hosts', NOTHING, 400, {'errors': lambda errors: 'No secret engine mount at' in errors[0]}),
    ('POST sys/mounts/other', mount('ssh'), 204, None),
    ('DELETE sys/mounts/other', NOTHING, 204, None),
    ('DELETE sys/mounts/other', NOTHING, 204, None),
]

VAULT_POLICY = [
    ('PUT sys/policies/acl/web', {'policy': 'path "ssh/*" {\n  capabilities = ["read"]\n}\n'}, 204, None),
    ('GET sys/policies/acl/web', NOTHING, 200, {'data.policy': 'path "ssh/*" {\n  capabilities = ["read"]\n}\n', 'data.name': 'web'}),
    ('GET sys/policies/acl/gone', NOTHING, 404, {'errors': []}),
    ('DELETE sys/policies/acl/gone', NOTHING, 204, None),
]

# Of an ssh role the provider sends each switch, whatever the kind.
VAULT_SSH_ROLE = [
    ('PUT ssh/roles/web', {'key_type': 'otp', 'default_user': 'ubuntu', 'cidr_list': '10.0.0.0/8', 'allow_bare_domains': False,
                           'allow_host_certificates': False, 'allow_subdomains': False, 'allow_user_certificates': False, 'allow_user_key_ids': False,
                           'allowed_users_template': False}, 204, None),
    ('GET ssh/roles/web', NOTHING, 200, {'data.key_type': 'otp', 'data.default_user': 'ubuntu', 'data.cidr_list': '10.0.0.0/8'}),
    ('GET ssh/roles?list=true', NOTHING, 200, {'data.keys': ['web']}),
    # data source vault_generic_secret: looks at the mount first
    ('GET sys/internal/ui/mounts/ssh/roles/web', NOTHING, 200, {'data.path': 'ssh/', 'data.type': 'ssh', 'data.options': {}}),
]

VAULT_AUTH_BACKEND = [
    ('POST sys/auth/machines', mount('approle', 'machines', default_lease_ttl='3600s', listing_visibility='unauth'), 204, None),
    ('GET sys/auth', NOTHING, 200, {'data.machines/.type': 'approle', 'data.machines/.description': 'machines',
                                    **{f'data.machines/.{name}': value for name, value in ENTRY.items()}}),
    ('GET sys/mounts/auth/machines/tune', NOTHING, 200, {'data.default_lease_ttl': 3600, 'data.max_lease_ttl': int, 'data.listing_visibility': 'unauth',
                                                         'data.token_type': 'default-service'}),
    ('POST sys/mounts/auth/machines/tune', mount_config(default_lease_ttl='1800s', max_lease_ttl='7200s', listing_visibility='hidden', token_type='service',
                                                        audit_non_hmac_request_keys=['role_id'], passthrough_request_headers=['X-A'],
                                                        allowed_response_headers=['X-B']), 204, None),
    ('GET sys/mounts/auth/machines/tune', NOTHING, 200, {'data.default_lease_ttl': 1800, 'data.listing_visibility': 'hidden', 'data.token_type': 'service',
                                                         'data.audit_non_hmac_request_keys': ['role_id'], 'data.passthrough_request_headers': ['X-A'],
                                                         'data.allowed_response_headers': ['X-B']}),
    ('GET sys/auth/machines', NOTHING, 200, {'data.type': 'approle', **{f'data.{name}': value for name, value in ENTRY.items()}}),
    ('DELETE sys/auth/machines', NOTHING, 204, None),
    ('GET sys/auth/machines', NOTHING, 400, {'errors': lambda errors: 'No auth engine at' in errors[0]}),
]

VAULT_APPROLE = [
    ('POST sys/auth/approle', mount('approle'), 204, None),
    ('PUT auth/approle/role/ci', {'bind_secret_id': True, 'secret_id_bound_cidrs': ['127.0.0.0/8'], 'secret_id_num_uses': 5, 'secret_id_ttl': 600, **TOKEN_SENT},
     204, None),
    ('PUT auth/approle/role/ci/role-id', {'role_id': 'my-role'}, 204, None),
    ('GET auth/approle/role/ci', NOTHING, 200, {'data.bind_secret_id': True, 'data.secret_id_bound_cidrs': ['127.0.0.0/8'], 'data.secret_id_num_uses': 5,
                                                'data.secret_id_ttl': 600, **TOKEN_READ}),
    ('GET auth/approle/role/ci/role-id', NOTHING, 200, {'data.role_id': 'my-role'}),
    # a plan that takes some of it away again
    ('PUT auth/approle/role/ci', {'bind_secret_id': True, 'secret_id_bound_cidrs': [], 'secret_id_num_uses': 0, 'secret_id_ttl': 0, 'token_ttl': 0, 'token_max_ttl': 0,
                                  'token_policies': ['web'], 'token_bound_cidrs': [], 'token_explicit_max_ttl': 0, 'token_no_default_policy': False,
                                  'token_num_uses': 0, 'token_period': 0, 'token_type': 'default'}, 204, None),
    ('GET auth/approle/role/ci', NOTHING, 200, {**TOKEN_FIELDS, 'data.secret_id_bound_cidrs': [], 'data.secret_id_num_uses': 0, 'data.secret_id_ttl': 0,
                                                'data.token_ttl': 0, 'data.token_bound_cidrs': [], 'data.token_num_uses': 0, 'data.token_explicit_max_ttl': 0,
                                                'data.token_no_default_policy': False, 'data.token_type': 'default'}),
    # vault_approle_auth_backend_role_secret_id, plain, chosen and wrapped
    ('PUT auth/approle/role/ci/secret-id', {'cidr_list': '127.0.0.0/8', 'metadata': '{"host":"b7"}'}, 200, {'data.secret_id': str, 'data.secret_id_accessor': str},
     {'secret': 'data.secret_id', 'accessor': 'data.secret_id_accessor'}),
    ('PUT auth/approle/role/ci/secret-id-accessor/lookup', {'secret_id_accessor': '@accessor'}, 200,
     {'data.cidr_list': ['127.0.0.0/8'], 'data.metadata': {'host': 'b7'}, 'data.secret_id_accessor': '@accessor'}),
    ('PUT auth/approle/role/ci/custom-secret-id', {'cidr_list': '', 'metadata': '', 'secret_id': 'chosen'}, 200, {'data.secret_id': 'chosen'}),
    ('PUT auth/approle/role/ci/secret-id X-Vault-Wrap-TTL: 60s', {'cidr_list': '', 'metadata': '{}'}, 200,
     {'wrap_info.token': str, 'wrap_info.accessor': str, 'wrap_info.ttl': 60}, {'parcel': 'wrap_info.accessor'}),
    ('POST auth/token/lookup-accessor', {'accessor': '@parcel'}, 200, {'data.ttl': int, 'data.path': 'auth/approle/role/ci/secret-id'}),
    ('POST auth/token/revoke-accessor', {'accessor': '@parcel'}, 204, None),
    # vault_approle_auth_backend_login
    ('PUT auth/approle/login', {'role_id': 'my-role', 'secret_id': '@secret'}, 200, {'auth.accessor': str, 'auth.client_token': str, 'auth.policies': list,
                                                                                     'auth.lease_duration': int, 'auth.renewable': True, 'auth.metadata': dict},
     {'login': 'auth.accessor'}),
    ('POST auth/token/lookup-accessor', {'accessor': '@login'}, 200, {'data.policies': ['default', 'web'], 'data.renewable': True, 'data.ttl': int,
                                                                      'data.expire_time': str, 'data.creation_ttl': int, 'data.meta': dict}),
    ('POST auth/token/revoke-accessor', {'accessor': '@login'}, 204, None),
    ('PUT auth/approle/role/ci/secret-id-accessor/destroy', {'secret_id_accessor': '@accessor'}, 204, None),
    # It takes this text for "gone".
    ('PUT auth/approle/role/ci/secret-id-accessor/lookup', {'secret_id_accessor': '@accessor'}, 404,
     {'errors': lambda errors: 'failed to find accessor entry for secret_id_accessor' in errors[0]}),
    ('DELETE auth/approle/role/ci', NOTHING, 204, None),
    ('GET auth/approle/role/ci', NOTHING, 404, {'errors': []}),
]

VAULT_TOKEN = [
    ('POST auth/token/create', token(policies=['web'], ttl='24h', renewable=True, meta={'for': 'tour'}, no_parent=True, display_name='ci'), 200,
     {'auth.client_token': str, 'auth.accessor': str, 'auth.lease_duration': 86400}, {'made': 'auth.client_token', 'accessor': 'auth.accessor'}),
    ('POST auth/token/lookup', {'token': '@made'}, 200, {'data.policies': ['default', 'web'], 'data.orphan': True, 'data.ttl': int, 'data.num_uses': 0, 'data.renewable': True,
                                                     'data.explicit_max_ttl': 0, 'data.creation_time': int, 'data.issue_time': str, 'data.expire_time': str}),
    ('PUT auth/token/renew', {'token': '@made', 'increment': 3600}, 200, {'auth.lease_duration': 3600}),
    ('POST auth/token/revoke-accessor', {'accessor': '@accessor'}, 204, None),
    ('POST auth/token/lookup-accessor', {'accessor': '@accessor'}, 400, {'errors': lambda errors: 'invalid accessor' in errors[0]}),
    # vault_token_auth_backend_role
    ('PUT auth/token/roles/deploy', {'allowed_policies': ['web', 'default'], 'disallowed_policies': ['root'], 'allowed_policies_glob': [], 'orphan': True,
                                     'renewable': True, 'path_suffix': 'pipeline', 'allowed_entity_aliases': [], 'token_bound_cidrs': ['127.0.0.1/32'],
                                     'token_explicit_max_ttl': 7200, 'token_period': 600, 'token_num_uses': 0, 'token_type': 'default-service',
                                     'token_no_default_policy': False}, 204, None),
    ('GET auth/token/roles/deploy', NOTHING, 200, {'data.allowed_policies': ['default', 'web'], 'data.disallowed_policies': ['root'], 'data.orphan': True,
                                                   'data.renewable': True, 'data.path_suffix': 'pipeline', 'data.token_explicit_max_ttl': 7200,
                                                   'data.token_period': 600, 'data.token_type': 'default-service', 'data.token_bound_cidrs': ['127.0.0.1']}),
    ('POST auth/token/create/deploy', token(policies=['web'], renewable=True), 200, {'auth.lease_duration': 600, 'auth.orphan': True}),
    ('GET auth/token/roles?list=true', NOTHING, 200, {'data.keys': ['deploy']}),
    ('DELETE auth/token/roles/deploy', NOTHING, 204, None),
    ('GET auth/token/roles/deploy', NOTHING, 404, {'errors': []}),
]

# vault_generic_endpoint is what users of userpass write.
VAULT_USERPASS = [
    ('POST sys/auth/userpass', mount('userpass'), 204, None),
    ('PUT auth/userpass/users/bob', {'policies': ['web'], 'password': 'sesam', 'token_ttl': '1h'}, 204, None),
    ('GET auth/userpass/users/bob', NOTHING, 200, {**TOKEN_FIELDS, 'data.policies': ['web'], 'data.token_ttl': 3600}),
    ('PUT auth/userpass/login/bob', {'password': 'sesam'}, 200, {'auth.policies': ['default', 'web'], 'auth.entity_id': str}),
    ('DELETE auth/userpass/users/bob', NOTHING, 204, None),
]

VAULT_JWT = [
    ('POST sys/auth/jwt', mount('jwt', 'pipelines'), 204, None),
    ('PUT auth/jwt/config', {'bound_issuer': 'https://ci.example', 'default_role': 'job', 'jwks_ca_pem': '', 'jwks_url': '', 'jwt_supported_algs': ['ES256'],
                             'jwt_validation_pubkeys': ['@issuer'], 'oidc_client_id': '', 'oidc_client_secret': '', 'oidc_discovery_ca_pem': '',
                             'oidc_discovery_url': ''}, 204, None),
    ('GET auth/jwt/config', NOTHING, 200, {'data.bound_issuer': 'https://ci.example', 'data.default_role': 'job', 'data.jwt_supported_algs': ['ES256'],
                                           'data.jwt_validation_pubkeys': ['@issuer'], 'data.jwks_url': '', 'data.oidc_discovery_url': ''}),
    ('PUT auth/jwt/role/job', {'role_type': 'jwt', 'user_claim': 'user', 'bound_audiences': ['sallyport'], 'bound_subject': '', 'bound_claims': {'project': ['group/site', 'b']},
                               'bound_claims_type': 'string', 'claim_mappings': {'ref': 'branch'}, 'groups_claim': '', 'allowed_redirect_uris': [], 'oidc_scopes': [],
                               'clock_skew_leeway': 0, 'expiration_leeway': 60, 'not_before_leeway': 60, 'verbose_oidc_logging': False, **TOKEN_SENT}, 204, None),
    ('GET auth/jwt/role/job', NOTHING, 200, {'data.role_type': 'jwt', 'data.user_claim': 'user', 'data.bound_audiences': ['sallyport'], 'data.bound_subject': '',
                                             'data.bound_claims': {'project': ['group/site', 'b']}, 'data.bound_claims_type': 'string',
                                             'data.claim_mappings': {'ref': 'branch'}, 'data.groups_claim': '', 'data.clock_skew_leeway': 0,
                                             'data.expiration_leeway': 60, 'data.not_before_leeway': 60, **TOKEN_READ}),
    ('PUT auth/jwt/login', {'role': 'job', 'jwt': '@job'}, 200, {'auth.metadata': {'role': 'job', 'branch': 'main'}}),
    ('DELETE auth/jwt/role/job', NOTHING, 204, None),
]

VAULT_KUBERNETES = [
    ('POST sys/auth/kubernetes', mount('kubernetes'), 204, None),
    ('PUT auth/kubernetes/config', {'kubernetes_host': '@kubernetes_host', 'kubernetes_ca_cert': '@kubernetes_ca_cert', 'token_reviewer_jwt': '@token_reviewer_jwt',
                                    'pem_keys': [], 'issuer': 'https://kubernetes.default.svc', 'disable_iss_validation': True, 'disable_local_ca_jwt': True}, 204, None),
    ('GET auth/kubernetes/config', NOTHING, 200, {'data.kubernetes_host': '@kubernetes_host', 'data.pem_keys': [], 'data.issuer': 'https://kubernetes.default.svc',
                                                  'data.disable_iss_validation': True, 'data.disable_local_ca_jwt': True, 'data.kubernetes_ca_cert': str}),
    ('PUT auth/kubernetes/role/web', {'bound_service_account_names': ['web'], 'bound_service_account_namespaces': ['prod'], 'audience': '', **TOKEN_SENT}, 204, None),
    ('GET auth/kubernetes/role/web', NOTHING, 200, {'data.bound_service_account_names': ['web'], 'data.bound_service_account_namespaces': ['prod'], **TOKEN_READ}),
    ('PUT auth/kubernetes/login', {'role': 'web', 'jwt': '@pod'}, 200, {'auth.policies': ['web']}),
    ('DELETE auth/kubernetes/role/web', NOTHING, 204, None),
]

VAULT_CERT = [
    ('POST sys/auth/cert', mount('cert'), 204, None),
    ('PUT auth/cert/certs/staff', {'certificate': '@authority', 'allowed_names': [], 'allowed_common_names': ['alice'], 'allowed_dns_sans': [], 'allowed_email_sans': [],
                                   'allowed_uri_sans': [], 'allowed_organizational_units': [], 'required_extensions': [], 'display_name': 'people', **TOKEN_SENT}, 204, None),
    ('GET auth/cert/certs/staff', NOTHING, 200, {'data.certificate': '@authority', 'data.display_name': 'people', 'data.allowed_common_names': ['alice'],
                                                 'data.allowed_dns_sans': [], 'data.allowed_email_sans': [], 'data.allowed_uri_sans': [],
                                                 'data.allowed_organizational_units': [], 'data.required_extensions': [], **TOKEN_READ}),
    ('DELETE auth/cert/certs/staff', NOTHING, 204, None),
]

VAULT_IDENTITY = [
    ('PUT identity/entity', {'name': 'carol', 'metadata': {'team': 'web'}, 'policies': ['web'], 'disabled': False}, 200, {'data.id': str}, {'entity': 'data.id'}),
    ('GET identity/entity/id/@entity', NOTHING, 200, {'data.name': 'carol', 'data.metadata': {'team': 'web'}, 'data.policies': ['web'], 'data.disabled': False,
                                                      'data.id': '@entity'}),
    ('PUT identity/entity/id/@entity', {'name': 'carol', 'metadata': {}, 'policies': [], 'disabled': True}, 204, None),
    ('GET identity/entity/id/@entity', NOTHING, 200, {'data.metadata': lambda found: not found, 'data.policies': [], 'data.disabled': True}),
    # vault_identity_entity_alias reads all aliases first, for one of that name
    ('GET sys/auth', NOTHING, 200, {'data.userpass/.accessor': str}, {'mount': 'data.userpass/.accessor'}),
    ('PUT identity/entity-alias', {'name': 'carol', 'mount_accessor': '@mount', 'canonical_id': '@entity', 'custom_metadata': {}}, 200,
     {'data.id': str, 'data.canonical_id': '@entity'}, {'alias': 'data.id'}),
    ('GET identity/entity-alias/id?list=true', NOTHING, 200, {
        'data.keys': list, 'data.key_info': lambda found: all({'name', 'mount_accessor', 'canonical_id'} <= set(one) for one in found.values())}),
    ('GET identity/entity-alias/id/@alias', NOTHING, 200, {'data.name': 'carol', 'data.mount_accessor': '@mount', 'data.canonical_id': '@entity'}),
    ('PUT identity/entity-alias/id/@alias', {'name': 'carole', 'mount_accessor': '@mount', 'canonical_id': '@entity'}, 204, None),
    # vault_identity_group
    ('PUT identity/group', {'name': 'site', 'type': 'internal', 'metadata': {'floor': '2'}, 'policies': ['web'], 'member_entity_ids': ['@entity'], 'member_group_ids': []},
     200, {'data.id': str, 'data.name': 'site'}, {'group': 'data.id'}),
    ('GET identity/group/id/@group', NOTHING, 200, {'data.name': 'site', 'data.type': 'internal', 'data.metadata': {'floor': '2'}, 'data.policies': ['web'],
                                                    'data.member_entity_ids': ['@entity'], 'data.member_group_ids': lambda found: not found}),
    ('DELETE identity/group/id/@group', NOTHING, 204, None),
    ('DELETE identity/entity-alias/id/@alias', NOTHING, 204, None),
    ('DELETE identity/entity/id/@entity', NOTHING, 204, None),
    ('GET identity/entity/id/@entity', NOTHING, 404, {'errors': []}),
]

VAULT_AUDIT = [
    ('PUT sys/audit/tf', {'type': 'file', 'description': 'tf', 'options': {'file_path': '@audit'}, 'local': False}, 204, None),
    ('GET sys/audit', NOTHING, 200, {'data.tf/.type': 'file', 'data.tf/.description': 'tf', 'data.tf/.options.file_path': '@audit', 'data.tf/.path': 'tf/',
                                     'data.tf/.local': False}),
    ('DELETE sys/audit/tf', NOTHING, 204, None),
]

END = [
    ('PUT auth/token/revoke-self', NOTHING, 204, None),
    ('GET auth/token/lookup-self', NOTHING, 403, {'errors': ['permission denied']}),
]

RESOURCES = {'mount': VAULT_MOUNT, 'policy': VAULT_POLICY, 'ssh_secret_backend_role': VAULT_SSH_ROLE, 'auth_backend': VAULT_AUTH_BACKEND,
             'approle_auth_backend': VAULT_APPROLE, 'token': VAULT_TOKEN, 'generic_endpoint': VAULT_USERPASS, 'jwt_auth_backend': VAULT_JWT,
             'kubernetes_auth_backend': VAULT_KUBERNETES, 'cert_auth_backend_role': VAULT_CERT, 'identity': VAULT_IDENTITY, 'audit': VAULT_AUDIT, 'end': END}


@pytest.fixture(scope='module')
def provider(started):
    tour = started
    one = Client(tour.server, HEADERS, {'token': tour.server.token, 'issuer': tour.issuer.pem, 'job': tour.job(), 'pod': tour.pod, **tour.kubernetes(),
                                        'authority': tour.authority.pem, 'audit': str(tour.server.audit_directory / 'tf.log')})
    one.play(PROVIDER)
    return one


@pytest.mark.parametrize('resource', RESOURCES)
def test_a_resource(provider, resource):
    """In their order: later ones stand on earlier ones."""
    provider.play(RESOURCES[resource])
