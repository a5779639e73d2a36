"""R50, L09, L10: of two tenants neither's ids are worth anything in the other's hands.

Each tenant has a mount and a policy of its own, with every right on the mount and on
all that sys/ and auth/token/ have for it alone. Each id of one is put into each place of
each route that takes an id, by the other: in the path, in the body, under the paths that
the other may call. A route that takes an id and is not classified fails here.
"""
import json
import urllib.parse

import pytest

from support.figures import figure
from support.good import CERT_ROLE, CRL, ISSUER, JWT_ROLE, KUBERNETES, KUBERNETES_ROLE
from support.keys import SshKey
from support.routes import all_routes
from support.server import Server

# What a field or a name in a path stands for, by name alone where that is unmistakable.
IDS = {'lease_id': 'lease', 'prefix': 'prefix', 'accessor': 'accessor', 'token': 'token', 'otp': 'otp', 'role': 'role',
       'token_policies': 'policy', 'role_id': 'role_id', 'secret_id': 'secret_id', 'secret_id_accessor': 'secret_accessor',
       'default_role': 'role', 'issuer_ref': 'issuer', 'issuer_id': 'issuer', 'mount_accessor': 'mount_accessor',
       'serial': 'serial', 'serial_number': 'serial', 'entity_id': 'entity', 'nonce': 'nonce', 'signature': 'signature',
       'key_name': 'admin_key', 'enrolment_token': 'enrolment', 'host_secret': 'host_secret'}
POLICIES = {'token_policies': 'policy'}
# The same where it depends on the route.
IDS_OF = {'roles/{role}': {'key': 'admin_key'}, 'sys/mounts/{path}': {'path': 'mount'}, 'sys/mounts/{path}/tune': {'path': 'mount'},
          'sys/remount': {'from': 'mount', 'to': 'mount'}, 'sys/internal/ui/mounts/{path}': {'path': 'mount'},
          'sys/policies/acl/{name}': {'name': 'policy'}, 'sys/policy/{name}': {'name': 'policy'},
          'auth/token/create': {'policies': 'policy', 'id': 'token'},
          'auth/token/create-orphan': {'policies': 'policy', 'id': 'token'},
          'auth/token/create/{role_name}': {'policies': 'policy', 'id': 'token', 'role_name': 'token_role'},
          'auth/token/roles/{role_name}': {'role_name': 'token_role'},
          'sys/capabilities': {'paths': 'path'}, 'sys/capabilities-accessor': {'paths': 'path'},
          'sys/capabilities-self': {'paths': 'path'}, 'config/zeroaddress': {'roles': 'role'},
          'config/issuers': {'default': 'issuer'}, 'enrol/tokens/{accessor}': {'accessor': 'enrolment_accessor'},
          'enrol/renew': {'host': 'host', 'nonce': 'host_nonce', 'signature': 'host_signature'},
          **{one: {'host': 'host'} for one in ('enrol/challenge', 'enrol/report', 'hosts/{host}', 'principals/{host}')}, 'revoked/{id}': {'id': 'revoked'},
          **{f'targets/{{name}}{one}': {'name': 'target'} for one in (
              '', '/setup', '/test', '/scan', '/repin', '/doctor', '/sweep', '/reconcile', '/export')},
          'creds/{role}': {'target': 'target', 'deliver': 'target'}, 'exec/{role}': {'target': 'target'},
          'roles/{role}': {'targets': 'target', 'deliver_to': 'target'},
          'sys/auth/{path}': {'path': 'mount'}, 'sys/auth/{path}/tune': {'path': 'mount'},
          **{one: {'username': 'user', 'password': 'password', **({} if one.startswith('login') else POLICIES)} for one in (
              'users/{username}', 'users/{username}/password', 'users/{username}/policies', 'login/{username}')},
          **{one: {'name': 'role'} for one in ('role/{name}', 'certs/{name}', 'crls/{name}', 'login')},
          'sys/locked-users/{mount_accessor}/unlock/{alias_identifier}': {'alias_identifier': 'locked'},
          **{f'identity/{kind}{rest}': {'id': kind, 'name': f'{kind}_name', 'policies': 'policy', 'member_entity_ids': 'entity',
                                        'member_group_ids': 'group'}
             for kind in ('entity', 'group') for rest in ('', '/id', '/id/{id}', '/name', '/name/{name}')},
          **{f'identity/{kind}-alias{rest}': {'id': f'{kind}_alias', 'name': f'{kind}_alias_name', 'canonical_id': kind}
             for kind in ('entity', 'group') for rest in ('', '/id', '/id/{id}')},
          'sys/audit/{path}': {'path': 'device'}, 'sys/audit-hash/{path}': {'path': 'device'}}
# Fields that name nothing of anybody's.
PLAIN = {'audit_non_hmac_request_keys', 'audit_non_hmac_response_keys', 'passthrough_request_headers', 'allowed_response_headers',
         'secret_shares', 'secret_threshold', 'pgp_keys', 'root_token_pgp_key', 'key', 'reset', 'migrate', 'type', 'description',
         'config', 'options', 'local', 'seal_wrap', 'external_entropy_access', 'default_lease_ttl', 'max_lease_ttl',
         'listing_visibility', 'policy', 'increment', 'sync', 'skip_test', 'input', 'file', 'meta', 'ttl', 'explicit_max_ttl',
         'period', 'num_uses', 'renewable', 'no_parent', 'no_default_policy', 'display_name', 'entity_alias', 'after', 'limit',
         'activecode', 'standbycode', 'sealedcode', 'uninitcode', 'drsecondarycode', 'performancestandbycode', 'standbyok',
         'perfstandbyok', 'key_type', 'default_user', 'cidr_list', 'exclude_cidr_list', 'port', 'allowed_users', 'admin_user',
         'max_ttl', 'token_type', 'token_ttl', 'token_max_ttl', 'token_bound_cidrs', 'token_explicit_max_ttl', 'token_no_default_policy',
         'token_num_uses', 'token_period', 'lookup_filter_by_policy', 'bind_secret_id', 'secret_id_num_uses', 'secret_id_ttl', 'secret_id_bound_cidrs', 'bound_cidr_list',
         'local_secret_ids', 'metadata', 'zeroaddress_requires_sudo', 'ip', 'username', 'host', 'command', 'encoding',
         'allowed_policies', 'allowed_policies_glob', 'disallowed_policies', 'disallowed_policies_glob', 'allowed_entity_aliases',
         'orphan', 'path_suffix', 'jwt', 'jwt_validation_pubkeys', 'jwks_url', 'jwks_ca_pem', 'oidc_discovery_url',
         'oidc_discovery_ca_pem', 'oidc_client_id', 'bound_issuer', 'jwt_supported_algs', 'role_type', 'user_claim', 'groups_claim',
         'bound_subject', 'bound_audiences', 'bound_claims', 'bound_claims_type', 'claim_mappings', 'expiration_leeway',
         'not_before_leeway', 'clock_skew_leeway', 'certificate', 'allowed_names', 'allowed_common_names', 'allowed_dns_sans',
         'allowed_email_sans', 'allowed_uri_sans', 'allowed_organizational_units', 'required_extensions', 'disable_binding', 'crl',
         'allow_user_certificates', 'allow_host_certificates', 'allowed_domains', 'allow_bare_domains', 'allow_subdomains',
         'allow_empty_principals', 'allowed_users_template', 'allowed_domains_template', 'default_user_template',
         'default_extensions_template', 'allow_commas_in_identity_templates', 'allowed_critical_options', 'allowed_extensions',
         'default_critical_options', 'default_extensions', 'forced_critical_options', 'denied_extensions', 'bind_source_address',
         'allow_user_key_ids', 'key_id_format', 'allowed_user_key_lengths', 'algorithm_signer', 'not_before_duration',
         'issue_requires_wrapping', 'strict_extensions', 'valid_principals', 'cert_type', 'key_id', 'critical_options', 'extensions',
         'issuer_name', 'private_key', 'public_key', 'generate_signing_key', 'generate', 'replace', 'force', 'max_age', 'key_bits', 'set_default', 'announce', 'retire_after',
         'max_validity', 'max_signatures_per_second',
         'fingerprint', 'ca_fingerprint', 'last_error', 'retry_count', 'krl_version', 'accounts', 'require_registered',
         'renewal_grace', 'principals_cache_ttl', 'cert_retention', 'safety_buffer', 'principal', 'live', 'revoked', 'explain',
         'kubernetes_host', 'kubernetes_ca_cert', 'token_reviewer_jwt', 'pem_keys', 'issuer', 'disable_iss_validation',
         'method', 'check', 'profile', 'url', 'ca_cert', 'tls_pin', 'password', 'api_key', 'host_keys', 'timeout', 'source_address',
         'user', 'host_key_policy', 'api_user', 'api_secret', 'legacy_crypto', 'accept_password_lockout', 'force', 'remove', 'add', 'format', 'fingerprints',
         'dynamic_key_type', 'install_script', 'key_option_specs', 'expiry_time', 'allowed_commands', 'exec_timeout', 'deliver_user',
         'disable_local_ca_jwt', 'disabled', 'public_keys', 'ca_public_keys', 'principals', 'public_key', 'bound_service_account_names', 'bound_service_account_namespaces', 'audience'}
# Mounts of methods that prove who calls by keys of others: what a tenant writes there.
PROVEN = {'jwt': {'config': {'jwt_validation_pubkeys': ISSUER.pem}, 'role': JWT_ROLE},
          'cert': {'config': {'disable_binding': True}, 'certs': CERT_ROLE, 'crls': CRL},
          'kubernetes': {'config': KUBERNETES, 'role': KUBERNETES_ROLE}}

NAMES = ('red', 'blue')
MARK = {'red': 'RedsOwn', 'blue': 'BluesOwn'}
EVERY = '"create", "read", "update", "delete", "list"'


def policy_of(tenant):
    """All that a tenant needs, and nothing beside."""
    name = tenant.name
    mine = [f'auth/token/create/{name}-*', f'auth/token/roles/{name}-*', f'{name}/*', f'auth/{name}/*', f'auth/app-{name}/*', *(f'auth/{kind}-{name}/*' for kind in (*PROVEN, 'ssh')),
            f'sys/locked-users/{tenant.mount_accessor}/*', f'sys/mounts/{name}', f'sys/mounts/{name}/tune', f'sys/policies/acl/{name}-*',
            f'sys/policy/{name}-*',
            f'sys/internal/ui/mounts/{name}*', 'auth/token/lookup-self', 'auth/token/renew-self', 'sys/capabilities-self']
    sudo = [f'sys/leases/{one}/{name}/*' for one in ('lookup', 'revoke-prefix', 'revoke-force', 'revoke', 'renew')]
    sudo += [f'sys/{one}/{name}/*' for one in ('revoke-prefix', 'revoke-force', 'revoke', 'renew')]
    sudo += [f'sys/auth/{name}', f'sys/auth/{name}/tune', f'sys/audit/{name}-*', f'sys/audit-hash/{name}-*']
    # Whoever may give policies or members to an entity may have any policy: that is for nobody here.
    who = [f'identity/{kind}/id/{tenant.ids(kind)[0]}' for kind in ('entity', 'group')]
    who += [f'identity/{kind}-alias/id/{tenant.ids(f"{kind}_alias")[0]}' for kind in ('entity', 'group')]
    who += [f'identity/{kind}/name/{name}-*' for kind in ('entity', 'group')]
    denied = 'policies = [] member_entity_ids = [] member_group_ids = []'
    return ''.join(f'path "{one}" {{ capabilities = [{EVERY}] }}\n' for one in mine) + ''.join(
        f'path "{one}" {{ capabilities = [{EVERY}] denied_parameters = {{ {denied} }} }}\n' for one in who) + ''.join(
        f'path "{one}" {{ capabilities = [{EVERY}, "sudo"] }}\n' for one in sudo)


class Tenant:
    def __init__(self, server, name):
        self.server, self.name, self.root = server, name, server.api()
        self.mark, self.enrolled = MARK[name], {}
        server.mount_ssh(name)
        assert self.root.post(f'sys/mounts/{name}/tune', {'description': self.mark}).status == 204
        self.role = f'{self.mark}Role'
        server.write_role(self.role, mount=name, default_user=self.mark)
        server.write_role('same', mount=name, default_user=self.mark)
        made = self.root.post(f'{name}/issuers/import/{self.mark}Ca', {'key_type': 'ed25519'}).data
        self.issuers = [made['issuer_id'], made['issuer_name']]
        self.serial, self.revoked = self.new_certificate()
        self.target = f'{self.mark}Target'
        assert self.root.post(f'{name}/targets/{self.target}', {'host': '127.0.0.1', 'port': 1}).status == 204
        server.mount_auth('userpass', name)
        self.mount_accessor = self.root.get('sys/auth').data[f'{name}/']['accessor']
        self.who = self.new_identity()
        assert self.root.put(f'sys/policies/acl/{name}-own', {'policy': policy_of(self) + f'# {self.mark}'}).status == 204
        self.token_role = f'{name}-tokens'
        assert self.root.post(f'auth/token/roles/{self.token_role}', {
            'allowed_policies': f'{name}-own', 'path_suffix': self.mark}).status == 204
        server.enable_audit(f'{name}-device', f'{name}.log')
        self.token, self.accessor = self.new_token()
        self.api = server.api(self.token)
        self.other_token, self.other_accessor = self.new_token()
        made = server.otp(role=self.role, mount=name, token=self.token)
        self.otp, self.lease = made['data']['key'], made['lease_id']
        self.user, self.password = f'{self.mark}User'.lower(), f'{self.mark}Password'
        for user in (self.user, 'same'):
            assert self.root.post(f'auth/{name}/users/{user}', {'password': self.password}).status == 204
        for _ in range(6):
            got = server.api(None).post(f'auth/{name}/login/{self.mark}locked', {'password': 'wrong'})
        assert got.status == 403
        server.mount_auth('approle', f'app-{name}')
        self.role_id, self.approle = f'{self.mark}RoleId', f'auth/app-{name}/role/{self.role}'
        assert self.root.post(self.approle, {'role_id': self.role_id}).status == 204
        assert self.root.post(f'auth/app-{name}/role/same').status == 204
        made = self.root.post(f'{self.approle}/secret-id', {'metadata': json.dumps({'of': self.mark}), 'num_uses': 2}).data
        self.secret_id, self.secret_accessor = made['secret_id'], made['secret_id_accessor']
        for kind, written in PROVEN.items():
            server.mount_auth(kind, f'{kind}-{name}')
            for path, body in written.items():
                for role in ('',) if path == 'config' else (f'/{self.role}', '/same'):
                    assert self.root.post(f'auth/{kind}-{name}/{path}{role}', body).status == 204
        # An ssh login that is signed and not sent yet.
        server.mount_auth('ssh', f'ssh-{name}')
        key = SshKey(server.directory, f'{name}-key')
        for role in (self.role, 'same'):
            assert self.root.post(f'auth/ssh-{name}/role/{role}', {'public_keys': [key.public]}).status == 204
        asked = self.root.post(f'auth/ssh-{name}/challenge', {'public_key': key.public}).data
        self.nonce, self.signature = asked['nonce'], key.sign(asked['namespace'], asked['message'])
        self.admin_key = f'{self.mark}Admin'
        for one in (self.admin_key, 'same'):
            assert self.root.post(f'{name}/keys/{one}', {'generate': True}).status == 200
        self.enrolled = self.new_host(key)

    def new_host(self, key):
        """A host that has enrolled, a renewal of it that is signed and not sent yet, and a token for another: {kind: id}."""
        role, name = f'{self.mark}Hosts', f'{self.name}.example.com'
        signs = {'key_type': 'ca', 'allow_host_certificates': True, 'allowed_domains': 'example.com', 'allow_subdomains': True}
        assert self.root.post(f'{self.name}/roles/{role}', signs).status == 204
        tokens = [self.root.post(f'{self.name}/enrol/tokens', {'host': one, 'role': role, 'ttl': '24h'}).data
                  for one in (name, f'b.{name}')]
        told = self.root.post(f'{self.name}/enrol', {'enrolment_token': tokens[0]['enrolment_token'], 'public_key': key.public}).data
        asked = self.root.post(f'{self.name}/enrol/challenge', {'host': name}).data
        return {'host': name, 'host_secret': told['host_secret'], 'enrolment': tokens[1]['enrolment_token'],
                'enrolment_accessor': tokens[1]['accessor'], 'host_nonce': asked['nonce'],
                'host_signature': key.sign(asked['namespace'], asked['message'])}

    def new_certificate(self):
        """Its serial number, and the name of a revoked key id."""
        signs = {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': self.mark, 'default_user': self.mark}
        assert self.root.post(f'{self.name}/roles/{self.mark}Signs', signs).status == 204
        made = self.root.post(f'{self.name}/issue/{self.mark}Signs', {'key_type': 'ed25519'}).data['serial_number']
        assert self.root.post(f'{self.name}/revoke', {'key_id': self.mark}).status == 200
        return made, self.root.list(f'{self.name}/revoked').data['keys'][0]

    def new_identity(self):
        """An entity and a group, each with an alias in the tenant's userpass mount: {what: its id}."""
        made = {}
        for kind, more in (('entity', {}), ('group', {'type': 'external'})):
            made[kind] = self.root.post(f'identity/{kind}', {
                'name': f'{self.name}-{self.mark}', 'metadata': {'of': self.mark}, 'policies': [f'{self.name}-own'], **more}).data['id']
            made[f'{kind}_alias'] = self.root.post(f'identity/{kind}-alias', {
                'name': f'{self.mark}Alias', 'mount_accessor': self.mount_accessor, 'canonical_id': made[kind]}).data['id']
            made[f'{kind}_name'], made[f'{kind}_alias_name'] = f'{self.name}-{self.mark}', f'{self.mark}Alias'
        return made

    def new_token(self):
        auth = self.root.post('auth/token/create', {
            'policies': [f'{self.name}-own'], 'no_default_policy': True, 'ttl': '1h', 'display_name': self.mark,
            'meta': {'of': self.mark}}).json['auth']
        return auth['client_token'], auth['accessor']

    def ids(self, kind):
        for known in (self.who, self.enrolled):
            if kind in known:
                return [known[kind]]
        return {'mount_accessor': [self.mount_accessor], 'locked': [f'{self.mark}locked'.lower()], 'nonce': [self.nonce], 'signature': [self.signature],
                'lease': [self.lease], 'prefix': [f'{self.name}/creds', f'{self.name}/creds/{self.role}', self.lease],
                'accessor': [self.accessor, self.other_accessor], 'token': [self.token, self.other_token], 'otp': [self.otp],
                'role': [self.role], 'admin_key': [self.admin_key], 'issuer': self.issuers, 'serial': [self.serial], 'revoked': [self.revoked], 'mount': [self.name, f'{self.name}/'], 'policy': [f'{self.name}-own'],
                'path': [f'{self.name}/creds/{self.role}'], 'device': [f'{self.name}-device'], 'target': [self.target],
                'token_role': [self.token_role], 'user': [self.user], 'password': [self.password], 'role_id': [self.role_id],
                'secret_id': [self.secret_id], 'secret_accessor': [self.secret_accessor]}[kind]

    def state(self):
        """What the tenant has, as root sees it."""
        root, name = self.root, self.name
        return {'who': [root.get(f'identity/{kind.replace("_", "-")}/id/{self.who[kind]}').data
                        for kind in ('entity', 'group', 'entity_alias', 'group_alias')],
                'keys': [root.get(f'auth/ssh-{name}/role/{self.role}').data, root.list(f'auth/ssh-{name}/role').data],
                'locked': root.get(f'sys/locked-users?mount_accessor={self.mount_accessor}').data,
                'roles': root.list(f'{name}/roles').body.partition('"data"')[2],
                'role': root.get(f'{name}/roles/{self.role}').data, 'tune': root.get(f'sys/mounts/{name}/tune').data,
                'policy': root.get(f'sys/policies/acl/{name}-own').data, 'zero': root.get(f'{name}/config/zeroaddress').status,
                'issuers': root.list(f'{name}/issuers').body.partition('"data"')[2],
                'targets': [root.list(f'{name}/targets').data, root.get(f'{name}/targets/{self.target}').data],
                'admin keys': root.list(f'{name}/keys').data,
                'hosts': [root.list(f'{name}/hosts').data, root.get(f'{name}/hosts/{self.enrolled["host"]}').data],
                'enrolments': root.list(f'{name}/enrol/tokens').data, 'signed': root.list(f'{name}/certs').data, 'revoked': root.list(f'{name}/revoked').data,
                'trusted': root.get(f'{name}/public_key').body, 'gone': root.list(f'{name}/issuers/deleted').status,
                'token_role': root.get(f'auth/token/roles/{self.token_role}').data,
                'method': root.get(f'sys/auth/{name}/tune').data, 'users': root.list(f'auth/{name}/users').data,
                'user': root.get(f'auth/{name}/users/{self.user}').data,
                'approles': root.list(f'auth/app-{name}/role').data, 'approle': root.get(self.approle).data,
                'role_id': root.get(f'{self.approle}/role-id').data, 'secrets': root.list(f'{self.approle}/secret-id').data,
                'secret': root.post(f'{self.approle}/secret-id/lookup', {'secret_id': self.secret_id}).json['data'],
                'proven': [(root.get(f'auth/{kind}-{name}/{path}{"" if path == "config" else f"/{self.role}"}').data,
                            root.list(f'auth/{kind}-{name}/{path}').body.partition('"data"')[2])
                           for kind, written in PROVEN.items() for path in written],
                'options': root.get(f'{name}/config/options').data, 'device': f'{name}-device/' in root.get('sys/audit').data,
                'lease': {k: v for k, v in root.put('sys/leases/lookup', {'lease_id': self.lease}).data.items() if k != 'ttl'},
                'tokens': [(one.get('policies'), one.get('expire_time'), one.get('meta')) for one in (
                    root.post('auth/token/lookup', {'token': token}).data for token in (self.token, self.other_token))]}


@pytest.fixture(scope='module')
def tenants():
    server = Server(dev=False).start()
    one = {name: Tenant(server, name) for name in NAMES}
    yield server, one['red'], one['blue'], all_routes(server, ('sys', 'auth/token', 'red', 'auth/red', 'auth/app-red', 'auth/ssh-red', 'identity', *(f'auth/{kind}-red' for kind in PROVEN)))
    server.clean()


def split(template):
    """The mount of a tenant's route without the tenant's name, and what stands behind it; None: a route of all."""
    for before in ('', 'auth/', 'auth/app-', 'auth/ssh-', *(f'auth/{kind}-' for kind in PROVEN)):
        if template.startswith(f'{before}red/'):
            return before, template[len(f'{before}red/'):]
    return None, template


def kinds_of(route):
    """{name: kind} of the ids that a route takes; KeyError where one is not classified."""
    template = split(route.template)[1]
    found = {}
    for name in (*route.captures, *route.fields):
        kind = IDS_OF.get(template, {}).get(name) or IDS.get(name)
        if kind is None and name not in PLAIN:
            raise KeyError(f'{route}: is "{name}" an id?')
        if kind:
            found[name] = kind
    return found


def test_every_field_is_classified(tenants):
    """What a new route takes is an id or is none."""
    unknown = []
    for route in tenants[3]:
        try:
            kinds_of(route)
        except KeyError as why:
            unknown.append(str(why))
    assert unknown == []


def test_a_new_field_would_be_seen(tenants):
    route = next(one for one in tenants[3] if str(one) == 'POST red/creds/{role}')
    with pytest.raises(KeyError):
        kinds_of(type(route)(route.method, route.template, {**route.fields, 'volume': {'type': 'string'}}))


# What answers well whoever asks, and tells nothing of anybody.
OPEN_TO_ALL = {'GET sys/health', 'GET sys/leader', 'GET sys/seal-status', 'GET sys/init', 'GET sys/internal/specs/openapi',
               'POST sys/internal/specs/openapi', 'GET sys/internal/ui/mounts'}


def attempts(route, mine, victim):
    """(path, body) of each way to put an id of the victim into the route, on its mount and on mine."""
    kinds = kinds_of(route)
    names = [one for one in route.captures if one in kinds]
    templates = [route.template]
    before, rest = split(route.template)
    if before is not None:
        templates = [f'{before}{one}/{rest}' for one in (mine.name, victim.name)]
    if not kinds:
        templates = templates[1:]
    for template in templates:
        fixed = {**{one: 'same' for one in route.captures}, **{one: victim.ids(kinds[one])[0] for one in names}}
        path = type(route)(route.method, template, {}).path(fixed)
        if names or not kinds:
            yield path, good_body(route)
        if mine.name + '/' in template and len(kinds) > 1:
            # All of the victim's together, on what is mine.
            yield path, {**good_body(route), **{name: victim.ids(kind)[0] for name, kind in kinds.items() if name not in names}}
        for name, kind in kinds.items():
            for value in victim.ids(kind):
                if name in names:
                    yield type(route)(route.method, template, {}).path({**fixed, name: value}), good_body(route)
                    # Mine in the path, the victim's in the body under the same name.
                    own = {**fixed, **{one: mine.ids(kinds[one])[0] for one in names}}
                    if mine.name + '/' in template or before is None:
                        if not changes(route):
                            yield type(route)(route.method, template, {}).path(own), {name: value}
                else:
                    shown = [value] if route.fields[name]['type'] == 'array' else value
                    yield path, {**good_body(route), name: shown}
                    # The same below what is mine.
                    if names and f'{mine.name}/' in template:
                        own = {**fixed, **{one: mine.ids(kinds[one])[0] for one in names}}
                        yield type(route)(route.method, template, {}).path(own), {**good_body(route), name: shown}


def changes(route):
    """Would a call with an id of one's own take away what later calls need?"""
    return route.method == 'DELETE' or 'revoke' in route.template or route.template.startswith('sys/mounts/')


def good_body(route):
    usual = {'key_type': 'otp', 'default_user': 'evil', 'cidr_list': '10.0.0.0/8', 'ip': '10.1.2.3', 'ttl': '1h', 'type': 'ssh',
             'policy': 'path "*" { capabilities = ["sudo"] }', 'description': 'evil', 'to': 'evil', 'input': 'a', 'paths': ['a'],
             'roles': ['same'], 'lookup_filter_by_policy': True}
    if 'sys/audit/' in route.template:
        usual['type'] = 'file'
    return {k: v for k, v in usual.items() if k in route.fields}


def texts(value):
    """Every string of a body."""
    if isinstance(value, (list, dict)):
        return [text for one in (value.values() if isinstance(value, dict) else value) for text in texts(one)]
    return [value] if isinstance(value, str) else []


def is_hit(victim, path, body, got):
    """Did the call give anything of the victim's but what was sent, or do a thing on its paths?"""
    told = got.body
    for sent in sorted([path, *path.split('/'), *texts(body)], key=len, reverse=True):
        told = told.replace(sent, '') if sent else told
    return victim.mark in told or (got.status < 300 and {victim.name, f'app-{victim.name}', *(f'{kind}-{victim.name}' for kind in (*PROVEN, 'ssh'))} & set(path.split('/')))


@pytest.mark.parametrize('attacker, victim', [('red', 'blue'), ('blue', 'red')])
def test_no_id_of_the_other_is_of_use(tenants, attacker, victim):
    server, red, blue, routes = tenants
    mine, other = (red, blue) if attacker == 'red' else (blue, red)
    tries, hits, before = 0, [], other.state()
    for route in routes:
        if str(route) in OPEN_TO_ALL:
            continue
        for path, body in attempts(route, mine, other):
            if route.is_open and path.startswith((f'{other.name}/', f'auth/{other.name}/', f'auth/app-{other.name}/', f'auth/ssh-{other.name}/')):
                continue  # whoever has an OTP may spend it where it belongs: that is what verify is
            query = '?' + urllib.parse.urlencode(body) if route.method == 'DELETE' and body else ''
            got = mine.api.call(route.method, path + query, body if route.method == 'POST' else None)
            tries += 1
            if is_hit(other, path, body, got):
                hits.append((str(route), path, json.dumps(body)[:200], got))
        if other.state() != before:
            hits.append((str(route), 'the state was changed'))
            before = other.state()
    figure('R50', tries, len(hits), f'calls of {attacker}')
    print(f'{tries} calls of {attacker}: {len(hits)} hits')
    assert tries > 100
    assert hits == []
    # What was tried on is still good for whom it belongs to.
    role_id = other.root.get(f'{other.approle}/role-id').data['role_id']
    got = server.api(None).post(f'auth/app-{other.name}/login', {'role_id': role_id, 'secret_id': other.secret_id})
    assert got.status == 200, got
    assert other.api.get(f'{other.name}/roles/{other.role}').status == 200
    assert other.api.get('auth/token/lookup-self').status == 200


def test_the_policies_are_as_wide_as_they_may_be(tenants):
    """Else the tests above would show nothing: each tenant can do all of this with its own."""
    server, red, _, routes = tenants
    well = [red.api.get('red/roles/same'), red.api.list('red/roles'), red.api.get('sys/mounts/red'), red.api.get('sys/mounts/red/tune'),
            red.api.get('sys/policies/acl/red-own'), red.api.list(f'sys/leases/lookup/red/creds/{red.role}'),
            red.api.put('sys/audit-hash/red-device', {'input': 'a'}), red.api.put('red/creds/same', {'ip': '10.1.1.1'}),
            red.api.post('sys/mounts/red/tune', {'default_lease_ttl': '1h'}), red.api.post('red/config/options', {})]
    assert [one for one in well if one.status not in (200, 204)] == []
    lease = well[7].json['lease_id']
    assert red.api.put(f'sys/leases/revoke/{lease}').status == 204
    assert server.api().put('sys/leases/lookup', {'lease_id': lease}).status == 400


def test_what_a_tenant_sees_of_all_mounts_is_its_own(tenants):
    _, red, blue, _ = tenants
    for mine, other in ((red, blue), (blue, red)):
        for path in ('sys/internal/ui/mounts', 'sys/internal/specs/openapi'):
            body = mine.api.get(path).body
            assert f'{mine.name}/' in body, path
            assert f'{other.name}/' not in body and other.mark not in body, path


def test_at_last_each_password_opens_its_own(tenants):
    """Nothing that was tried has spent it."""
    server, red, blue, _ = tenants
    for one, other in ((red, blue), (blue, red)):
        assert server.api(None).put(f'{other.name}/verify', {'otp': one.otp}).status == 400
        assert server.api(None).put(f'{one.name}/verify', {'otp': one.otp}).status == 200
