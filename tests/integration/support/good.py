"""For each route a call that succeeds: what is named in its path, and its body.

A new route without a row here is called with nothing; where that is no success,
test_every_route says so.
"""
import itertools
import json
import urllib.parse

from .keys import SshKey
from .pki import Cert
from .tokens import Key, claims

COUNTER = itertools.count()


# A machine where nobody listens.
TARGET = {'host': '127.0.0.1', 'port': 1, 'timeout': '1s'}


def fresh(stem):
    """A name that no test has used."""
    return f'{stem}{next(COUNTER)}'


class World:
    """A server with an ssh mount and a role, and what calls of it may name."""

    def __init__(self, server, mount='ssh'):
        self.server, self.mount, self.api = server, mount, server.api()

    def otp(self):
        return self.server.otp(mount=self.mount)

    def lease(self):
        return self.otp()['lease_id']

    def auth(self, **fields):
        made = self.api.post('auth/token/create', {'ttl': '24h', 'policies': ['default'], **fields})
        assert made.status == 200, made
        return made.json['auth']

    def token(self):
        return self.auth()['client_token']

    def accessor(self):
        return self.auth()['accessor']

    def role(self):
        name = fresh('role')
        self.server.write_role(name, mount=self.mount)
        return name

    def exec_role(self):
        """One that runs commands."""
        name = fresh('runs')
        assert self.api.post(f'{self.mount}/keys/{name}', {'key': self.ssh_key().path.read_text()}).status == 204
        assert self.api.post(f'{self.mount}/roles/{name}', {**DYNAMIC_ROLE, 'key': name}).status == 204
        return name

    def zeroaddress(self):
        """So that there is one to read."""
        assert self.api.post(f'{self.mount}/config/zeroaddress', {'roles': [self.role()]}).status == 204

    def ca(self):
        """So that there is one."""
        self.issuer()

    def no_ca(self):
        assert self.api.delete(f'{self.mount}/config/ca').status == 204

    def issuer(self):
        name = fresh('issuer')
        assert self.api.post(f'{self.mount}/issuers/import/{name}', ED25519).status == 200
        return name

    def admin_key(self):
        name = fresh('key')
        assert self.api.post(f'{self.mount}/keys/{name}', {'generate': True}).status == 200
        return name

    def deleted_issuer(self):
        id_ = self.api.get(f'{self.mount}/issuer/{self.issuer()}').data['issuer_id']
        assert self.api.delete(f'{self.mount}/issuer/{id_}').status < 300
        return id_

    def ca_role(self):
        """One that signs, with a CA behind it."""
        name = fresh('signs')
        issuer = self.issuer()
        assert self.api.post(f'{self.mount}/roles/{name}', {**CA_ROLE, 'issuer_ref': issuer}).status == 204
        return name

    def signed(self):
        """The serial number of a certificate of the root token's."""
        made = self.api.post(f'{self.mount}/sign/{self.ca_role()}', {'public_key': self.ssh_key().public})
        assert made.status == 200, made
        return made.data['serial_number']

    def revoked(self):
        """The name of a revoked key id."""
        key_id = fresh('keyid')
        assert self.api.post(f'{self.mount}/revoke', {'key_id': key_id}).status == 200
        there = self.api.list(f'{self.mount}/revoked').data['key_info']
        return next(name for name, one in there.items() if one.get('key_id') == key_id)

    def host_role(self):
        """One that signs hosts below example.com."""
        name = fresh('signs')
        issuer = self.issuer()
        assert self.api.post(f'{self.mount}/roles/{name}', {**HOST_ROLE, 'issuer_ref': issuer}).status == 204
        return name

    def enrolment(self, **fields):
        """A token that a new host enrols with, and what was told with it."""
        made = self.api.post(f'{self.mount}/enrol/tokens', {'host': f'{fresh("host")}.example.com', 'role': self.host_role(), **fields})
        assert made.status == 200, made
        return made.data

    def enrolled(self):
        """What a new host was told."""
        made = self.api.post(f'{self.mount}/enrol', {
            'enrolment_token': self.enrolment()['enrolment_token'], 'public_key': self.ssh_key().public})
        assert made.status == 200, made
        return made.data

    def host(self):
        return self.enrolled()['host']

    def renewal(self):
        host = self.host()
        asked = self.api.post(f'{self.mount}/enrol/challenge', {'host': host}).data
        return {'host': host, 'nonce': asked['nonce'], 'signature': self.key.sign(asked['namespace'], asked['message'])}

    def login_on_host(self):
        """What a host asks about at a login: its name, and the rest."""
        told = self.enrolled()
        return {'host': told['host']}, {'host_secret': told['host_secret'], 'username': 'ubuntu'}

    def target(self):
        name = fresh('target')
        assert self.api.post(f'{self.mount}/targets/{name}', TARGET).status == 204
        return name

    def router(self):
        name = fresh('target')
        fields = {**TARGET, 'profile': 'routeros', 'user': 'sallyport', 'key': self.admin_key()}
        assert self.api.post(f'{self.mount}/targets/{name}', fields).status == 204
        return name

    def wrapping(self):
        made = self.api.post('sys/wrapping/wrap', {'a': 'b'}, headers={'X-Vault-Wrap-TTL': '1h'})
        assert made.status == 200, made
        return made.json['wrap_info']['token']

    def cubby(self):
        name = fresh('cubby')
        assert self.api.post(f'cubbyhole/{name}', {'a': 'b'}).status == 204
        return name

    def token_role(self):
        name = fresh('tokens')
        assert self.api.post(f'auth/token/roles/{name}', {'allowed_policies': 'default'}).status == 204
        return name

    def policy(self):
        name = fresh('policy')
        assert self.api.put(f'sys/policies/acl/{name}', {'policy': 'path "a" { capabilities = ["read"] }'}).status == 204
        return name

    def new_mount(self):
        name = fresh('mount')
        self.server.mount_ssh(name)
        return name

    def new_method(self):
        name = fresh('method')
        self.server.mount_auth('userpass', name)
        return name

    def user(self):
        name = fresh('user')
        assert self.api.post(f'auth/userpass/users/{name}', {'password': 'right'}).status == 204
        return name

    def approle(self):
        name = fresh('role')
        assert self.api.post(f'auth/approle/role/{name}', {'role_id': f'id-of-{name}'}).status == 204
        return name

    def secret(self, role):
        made = self.api.post(f'auth/approle/role/{role}/secret-id')
        assert made.status == 200, made
        return made.data

    def jwt_config(self):
        assert self.api.post('auth/jwt/config', {'jwt_validation_pubkeys': ISSUER.pem}).status == 204

    def jwt_role(self):
        self.jwt_config()
        name = fresh('role')
        assert self.api.post(f'auth/jwt/role/{name}', JWT_ROLE).status == 204
        return name

    def cert_config(self):
        assert self.api.post('auth/cert/config', CERT_CONFIG).status == 204

    def cert(self):
        name = fresh('cert')
        assert self.api.post(f'auth/cert/certs/{name}', CERT_ROLE).status == 204
        return name

    def crl(self):
        name = fresh('crl')
        assert self.api.post(f'auth/cert/crls/{name}', CRL).status == 204
        return name

    def kubernetes_config(self):
        assert self.api.post('auth/kubernetes/config', KUBERNETES).status == 204

    def kubernetes_role(self):
        name = fresh('role')
        assert self.api.post(f'auth/kubernetes/role/{name}', KUBERNETES_ROLE).status == 204
        return name

    def entity(self, **fields):
        return self.api.post('identity/entity', {'name': fresh('entity'), **fields}).data['id']

    def entity_name(self):
        return self.api.get(f'identity/entity/id/{self.entity()}').data['name']

    def alias_body(self):
        accessor = self.api.get('sys/auth').data['token/']['accessor']
        return {'name': fresh('alias'), 'mount_accessor': accessor, 'canonical_id': self.entity()}

    def alias(self):
        return self.api.post('identity/entity-alias', self.alias_body()).data['id']

    def group(self):
        return self.api.post('identity/group', {'name': fresh('group')}).data['id']

    def group_name(self):
        return self.api.get(f'identity/group/id/{self.group()}').data['name']

    def group_alias_body(self):
        return {'name': fresh('alias'), 'mount_accessor': self.api.get('sys/auth').data['token/']['accessor']}

    def group_alias(self):
        return self.api.post('identity/group-alias', self.group_alias_body()).data['id']

    def ssh_key(self):
        """One for the whole world."""
        if not hasattr(self, 'key'):
            self.key = SshKey(self.server.directory, 'world-key')
        return self.key

    def ssh_role(self):
        name = fresh('role')
        assert self.api.post(f'auth/ssh/role/{name}', {'public_keys': [self.ssh_key().public]}).status == 204
        return name

    def ssh_login(self):
        asked = self.api.post('auth/ssh/challenge', {'public_key': self.ssh_key().public}).data
        return {'role': self.ssh_role(), 'nonce': asked['nonce'],
                'signature': self.key.sign(asked['namespace'], asked['message'])}

    def device(self):
        name = fresh('device')
        self.server.enable_audit(name, fresh('log'))
        return name

    def device_body(self):
        return {'type': 'file', 'options': {'file_path': str(self.server.audit_directory / fresh('log'))}}


POLICY = {'policy': 'path "a" { capabilities = ["read"] }'}
ROLE = {'key_type': 'otp', 'default_user': 'ubuntu', 'cidr_list': '10.0.0.0/8'}
DYNAMIC_ROLE = {**ROLE, 'key_type': 'dynamic', 'admin_user': 'admin', 'allowed_commands': ['true']}
ED25519 = {'key_type': 'ed25519'}
CA_ROLE = {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': 'ubuntu', 'default_user': 'ubuntu'}
HOST_ROLE = {'key_type': 'ca', 'allow_host_certificates': True, 'allowed_domains': 'example.com', 'allow_subdomains': True}
ADDRESS = {'ip': '10.1.2.3'}
APPROLE_PARTS = {
    'policies': ('token_policies', ['a']), 'bind-secret-id': ('bind_secret_id', True), 'secret-id-num-uses': ('secret_id_num_uses', 5),
    'secret-id-ttl': ('secret_id_ttl', '1h'), 'secret-id-bound-cidrs': ('secret_id_bound_cidrs', ['127.0.0.1']),
    'bound-cidr-list': ('bound_cidr_list', ['127.0.0.1']), 'token-bound-cidrs': ('token_bound_cidrs', ['127.0.0.1']),
    'token-num-uses': ('token_num_uses', 5), 'token-ttl': ('token_ttl', '1h'), 'token-max-ttl': ('token_max_ttl', '2h'),
    'period': ('token_period', '1h')}
ISSUER = Key('ES256')
CLIENT_CA = Cert('test CA', ca=True)
CERT_ROLE = {'certificate': CLIENT_CA.pem}
CERT_CONFIG = {'disable_binding': True}
CRL = {'crl': CLIENT_CA.crl()}
KUBERNETES = {'kubernetes_host': 'https://127.0.0.1:1', 'kubernetes_ca_cert': CLIENT_CA.pem, 'token_reviewer_jwt': ISSUER.sign({})}
KUBERNETES_ROLE = {'bound_service_account_names': ['web'], 'bound_service_account_namespaces': ['prod']}
JWT_ROLE = {'user_claim': 'user', 'bound_audiences': ['sallyport']}


def named(name, make, body=None):
    """A row whose path names one thing."""
    return lambda world: ({name: getattr(world, make)() if isinstance(make, str) else make(world)}, body)


def of_secret(field):
    """A row about a secret id that is named by this field of its answer."""
    def make(world):
        role = world.approle()
        return {'role': role}, {field: world.secret(role)[field]}
    return make


def login_by_approle(world):
    role = world.approle()
    return {}, {'role_id': f'id-of-{role}', 'secret_id': world.secret(role)['secret_id']}


def listed_secrets(world):
    role = world.approle()
    return {'role': role} if world.secret(role) else None, None


def body(make):
    """A row whose body is made each time."""
    return lambda world: ({}, make(world))


LEASE = body(lambda world: {'lease_id': world.lease()})
PREFIX = named('prefix', lambda world: world.lease().rsplit('/', 1)[0], {})
TOKEN = body(lambda world: {'token': world.token()})
WRAPPING = body(lambda world: {'token': world.wrapping()})
ACCESSOR = body(lambda world: {'accessor': world.accessor()})

GOOD = {
    'GET sys/mounts/{path}': named('path', lambda world: world.mount),
    'POST sys/mounts/{path}': named('path', lambda world: fresh('mount'), {'type': 'ssh'}),
    'DELETE sys/mounts/{path}': named('path', 'new_mount'),
    'GET sys/mounts/{path}/tune': named('path', lambda world: world.mount),
    'POST sys/mounts/{path}/tune': named('path', 'new_mount', {'description': 'hosts'}),
    'GET sys/auth/{path}': named('path', lambda world: 'token'),
    'POST sys/auth/{path}': named('path', lambda world: fresh('method'), {'type': 'userpass'}),
    'DELETE sys/auth/{path}': named('path', 'new_method'),
    'GET sys/auth/{path}/tune': named('path', lambda world: 'token'),
    'POST sys/auth/{path}/tune': named('path', 'new_method', {'description': 'people'}),
    'POST sys/remount': body(lambda world: {'from': world.new_mount(), 'to': fresh('mount')}),
    'GET sys/policies/acl/{name}': named('name', 'policy'),
    'POST sys/policies/acl/{name}': named('name', 'policy', POLICY),
    'DELETE sys/policies/acl/{name}': named('name', 'policy'),
    'GET sys/policy/{name}': named('name', 'policy'),
    'POST sys/policy/{name}': named('name', 'policy', POLICY),
    'DELETE sys/policy/{name}': named('name', 'policy'),
    'POST sys/capabilities': body(lambda world: {'token': world.token(), 'paths': ['a']}),
    'POST sys/capabilities-accessor': body(lambda world: {'accessor': world.accessor(), 'paths': ['a']}),
    'POST sys/capabilities-self': body(lambda world: {'paths': ['a']}),
    'POST sys/leases/lookup': LEASE,
    'LIST sys/leases/lookup/{prefix}': PREFIX,
    'POST sys/leases/renew': LEASE,
    'POST sys/renew': LEASE,
    'POST sys/leases/renew/{lease_id}': named('lease_id', 'lease', {}),
    'POST sys/renew/{lease_id}': named('lease_id', 'lease', {}),
    'POST sys/leases/revoke': LEASE,
    'POST sys/revoke': LEASE,
    'POST sys/leases/revoke/{lease_id}': named('lease_id', 'lease', {}),
    'POST sys/revoke/{lease_id}': named('lease_id', 'lease', {}),
    'POST sys/leases/revoke-prefix/{prefix}': PREFIX,
    'POST sys/leases/revoke-force/{prefix}': PREFIX,
    'POST sys/revoke-prefix/{prefix}': PREFIX,
    'POST sys/revoke-force/{prefix}': PREFIX,
    'POST sys/locked-users/{mount_accessor}/unlock/{alias_identifier}': lambda world: (
        {'mount_accessor': world.api.get('sys/auth').data['token/']['accessor'], 'alias_identifier': fresh('user')}, {}),
    'GET sys/leases/count': body(lambda world: {'type': 'irrevocable'}),
    'GET sys/leases': body(lambda world: {'type': 'irrevocable'}),
    'POST sys/audit/{path}': lambda world: ({'path': fresh('device')}, world.device_body()),
    'DELETE sys/audit/{path}': named('path', 'device'),
    'POST sys/audit-hash/{path}': named('path', 'device', {'input': 'a'}),
    'POST sys/storage/backup': body(lambda world: {'file': str(world.server.directory / fresh('backup'))}),
    'POST sys/wrapping/unwrap': WRAPPING,
    'POST sys/wrapping/rewrap': WRAPPING,
    'GET sys/wrapping/lookup': WRAPPING,
    'POST sys/wrapping/lookup': WRAPPING,
    'LIST cubbyhole/': body(lambda world: world.cubby() and None),
    'GET cubbyhole/{path}': named('path', 'cubby'),
    'LIST cubbyhole/{path}': named('path', lambda world: world.api.post('cubbyhole/folder/a', {'a': 'b'}) and 'folder'),
    'POST cubbyhole/{path}': named('path', lambda world: fresh('cubby'), {'a': 'b'}),
    'DELETE cubbyhole/{path}': named('path', 'cubby'),
    'GET sys/internal/ui/mounts/{path}': named('path', lambda world: world.mount),
    'POST auth/token/create': body(lambda world: {'ttl': '1h'}),
    'POST auth/token/create-orphan': body(lambda world: {'ttl': '1h'}),
    'POST auth/token/create/{role_name}': named('role_name', 'token_role', {'ttl': '1h'}),
    'GET auth/token/roles/{role_name}': named('role_name', 'token_role'),
    'POST auth/token/roles/{role_name}': named('role_name', lambda world: fresh('tokens'), {'allowed_policies': 'default'}),
    'DELETE auth/token/roles/{role_name}': named('role_name', 'token_role'),
    'LIST auth/token/roles': body(lambda world: world.token_role() and None),
    'GET auth/token/lookup': TOKEN,
    'POST auth/token/lookup': TOKEN,
    'POST auth/token/lookup-accessor': ACCESSOR,
    'POST auth/token/renew': TOKEN,
    'POST auth/token/renew-accessor': ACCESSOR,
    'POST auth/token/revoke': TOKEN,
    'POST auth/token/revoke-accessor': ACCESSOR,
    'POST auth/token/revoke-orphan': TOKEN,
    'LIST auth/userpass/users': lambda world: world.user() and ({}, None),
    'GET auth/userpass/users/{username}': named('username', 'user'),
    # One who is there: a password is hashed, which takes longer than all the rest of a call.
    'POST auth/userpass/users/{username}': named('username', 'user', {'token_ttl': '1h'}),
    'DELETE auth/userpass/users/{username}': named('username', 'user'),
    'POST auth/userpass/users/{username}/password': named('username', 'user', {'password': 'other'}),
    'POST auth/userpass/users/{username}/policies': named('username', 'user', {'token_policies': ['a']}),
    'POST auth/userpass/login/{username}': named('username', 'user', {'password': 'right'}),
    'LIST auth/approle/role': lambda world: world.approle() and ({}, None),
    'GET auth/approle/role/{role}': named('role', 'approle'),
    'POST auth/approle/role/{role}': named('role', lambda world: fresh('role'), {}),
    'DELETE auth/approle/role/{role}': named('role', 'approle'),
    'GET auth/approle/role/{role}/role-id': named('role', 'approle'),
    'POST auth/approle/role/{role}/role-id': lambda world: ({'role': world.approle()}, {'role_id': fresh('another')}),
    'GET auth/approle/role/{role}/local-secret-ids': named('role', 'approle'),
    **{f'{method} auth/approle/role/{{role}}/{part}': named('role', 'approle', {field: value} if method == 'POST' else None)
       for method in ('GET', 'POST', 'DELETE') for part, (field, value) in APPROLE_PARTS.items()},
    'LIST auth/approle/role/{role}/secret-id': listed_secrets,
    'POST auth/approle/role/{role}/secret-id': named('role', 'approle', {}),
    'POST auth/approle/role/{role}/custom-secret-id': named('role', 'approle', {'secret_id': 'by hand'}),
    **{f'{method} auth/approle/role/{{role}}/{one}': of_secret(field) for one, field in (
        ('secret-id', 'secret_id'), ('secret-id-accessor', 'secret_id_accessor'))
       for method, one in (('POST', f'{one}/lookup'), ('POST', f'{one}/destroy'), ('DELETE', f'{one}/destroy'))},
    'POST auth/approle/login': login_by_approle,
    'GET auth/jwt/config': lambda world: world.jwt_config() or ({}, None),
    'POST auth/jwt/config': body(lambda world: {'jwt_validation_pubkeys': [ISSUER.pem]}),
    'LIST auth/jwt/role': lambda world: world.jwt_role() and ({}, None),
    'GET auth/jwt/role/{name}': named('name', 'jwt_role'),
    'POST auth/jwt/role/{name}': named('name', lambda world: fresh('role'), JWT_ROLE),
    'DELETE auth/jwt/role/{name}': named('name', 'jwt_role'),
    'POST auth/jwt/login': body(lambda world: {'role': world.jwt_role(), 'jwt': ISSUER.sign(claims())}),
    'GET auth/cert/config': lambda world: world.cert_config() or ({}, None),
    'POST auth/cert/config': body(lambda world: CERT_CONFIG),
    'LIST auth/cert/certs': lambda world: world.cert() and ({}, None),
    'GET auth/cert/certs/{name}': named('name', 'cert'),
    'POST auth/cert/certs/{name}': named('name', lambda world: fresh('cert'), CERT_ROLE),
    'DELETE auth/cert/certs/{name}': named('name', 'cert'),
    'LIST auth/cert/crls': lambda world: world.crl() and ({}, None),
    'GET auth/cert/crls/{name}': named('name', 'crl'),
    'POST auth/cert/crls/{name}': named('name', lambda world: fresh('crl'), CRL),
    'DELETE auth/cert/crls/{name}': named('name', 'crl'),
    'GET auth/kubernetes/config': lambda world: world.kubernetes_config() or ({}, None),
    'POST auth/kubernetes/config': body(lambda world: KUBERNETES),
    'LIST auth/kubernetes/role': lambda world: world.kubernetes_role() and ({}, None),
    'GET auth/kubernetes/role/{name}': named('name', 'kubernetes_role'),
    'POST auth/kubernetes/role/{name}': named('name', lambda world: fresh('role'), KUBERNETES_ROLE),
    'DELETE auth/kubernetes/role/{name}': named('name', 'kubernetes_role'),
    'LIST auth/ssh/role': lambda world: world.ssh_role() and ({}, None),
    'GET auth/ssh/role/{role}': named('role', 'ssh_role'),
    'POST auth/ssh/role/{role}': lambda world: ({'role': fresh('role')}, {'public_keys': [world.ssh_key().public]}),
    'DELETE auth/ssh/role/{role}': named('role', 'ssh_role'),
    'POST auth/ssh/challenge': body(lambda world: {'public_key': world.ssh_key().public}),
    'POST auth/ssh/login': body(lambda world: world.ssh_login()),
    'POST identity/entity': body(lambda world: {'name': fresh('entity')}),
    'LIST identity/entity/id': lambda world: world.entity() and ({}, None),
    'GET identity/entity/id/{id}': named('id', 'entity'),
    'POST identity/entity/id/{id}': named('id', 'entity', {'policies': ['a']}),
    'DELETE identity/entity/id/{id}': named('id', 'entity'),
    'LIST identity/entity/name': lambda world: world.entity() and ({}, None),
    'GET identity/entity/name/{name}': named('name', 'entity_name'),
    'POST identity/entity/name/{name}': named('name', 'entity_name', {'policies': ['a']}),
    'DELETE identity/entity/name/{name}': named('name', 'entity_name'),
    'POST identity/entity-alias': body(lambda world: world.alias_body()),
    'LIST identity/entity-alias/id': lambda world: world.alias() and ({}, None),
    'GET identity/entity-alias/id/{id}': named('id', 'alias'),
    'POST identity/entity-alias/id/{id}': lambda world: ({'id': world.alias()}, {'name': fresh('alias')}),
    'DELETE identity/entity-alias/id/{id}': named('id', 'alias'),
    'POST identity/group-alias': body(lambda world: world.group_alias_body()),
    'LIST identity/group-alias/id': lambda world: world.group_alias() and ({}, None),
    'GET identity/group-alias/id/{id}': named('id', 'group_alias'),
    'POST identity/group-alias/id/{id}': lambda world: ({'id': world.group_alias()}, {'name': fresh('alias')}),
    'DELETE identity/group-alias/id/{id}': named('id', 'group_alias'),
    'POST identity/group': body(lambda world: {'name': fresh('group')}),
    'LIST identity/group/id': lambda world: world.group() and ({}, None),
    'GET identity/group/id/{id}': named('id', 'group'),
    'POST identity/group/id/{id}': named('id', 'group', {'policies': ['a']}),
    'DELETE identity/group/id/{id}': named('id', 'group'),
    'LIST identity/group/name': lambda world: world.group() and ({}, None),
    'GET identity/group/name/{name}': named('name', 'group_name'),
    'POST identity/group/name/{name}': named('name', 'group_name', {'policies': ['a']}),
    'DELETE identity/group/name/{name}': named('name', 'group_name'),
    'GET {ssh}/roles/{role}': named('role', 'role'),
    'POST {ssh}/roles/{role}': named('role', lambda world: fresh('role'), ROLE),
    'DELETE {ssh}/roles/{role}': named('role', 'role'),
    'LIST {ssh}/keys': lambda world: world.admin_key() and ({}, None),
    'GET {ssh}/keys/{key_name}': named('key_name', 'admin_key'),
    'POST {ssh}/keys/{key_name}': named('key_name', lambda world: fresh('key'), {'generate': True}),
    'DELETE {ssh}/keys/{key_name}': named('key_name', 'admin_key'),
    'GET {ssh}/config/zeroaddress': body(lambda world: world.zeroaddress()),
    'POST {ssh}/config/zeroaddress': body(lambda world: {'roles': [world.role()]}),
    'GET {ssh}/config/ca': body(lambda world: world.ca()),
    'POST {ssh}/config/ca': body(lambda world: world.no_ca() or ED25519),
    'POST {ssh}/config/ca/rotate': body(lambda world: world.ca() or {'retire_after': '1h', **ED25519}),
    'GET {ssh}/config/issuers': body(lambda world: world.ca()),
    'POST {ssh}/config/issuers': body(lambda world: {'default': world.issuer()}),
    'LIST {ssh}/issuers': body(lambda world: world.ca()),
    'POST {ssh}/issuers/import': body(lambda world: ED25519),
    'POST {ssh}/issuers/import/{issuer_name}': named('issuer_name', lambda world: fresh('issuer'), ED25519),
    'GET {ssh}/issuer/{issuer_ref}': named('issuer_ref', 'issuer'),
    'POST {ssh}/issuer/{issuer_ref}': lambda world: ({'issuer_ref': world.issuer()}, {'issuer_name': fresh('issuer')}),
    'DELETE {ssh}/issuer/{issuer_ref}': named('issuer_ref', 'issuer'),
    'GET {ssh}/issuer/{issuer_ref}/public_key': named('issuer_ref', 'issuer'),
    'LIST {ssh}/issuers/deleted': lambda world: world.deleted_issuer() and ({}, None),
    'POST {ssh}/issuers/deleted/{issuer_id}/restore': named('issuer_id', 'deleted_issuer', {}),
    'DELETE {ssh}/issuers/deleted/{issuer_id}': named('issuer_id', 'deleted_issuer'),
    'GET {ssh}/public_key': body(lambda world: world.ca()),
    'POST {ssh}/sign/{role}': lambda world: ({'role': world.ca_role()}, {'public_key': world.ssh_key().public}),
    'POST {ssh}/issue/{role}': lambda world: ({'role': world.ca_role()}, ED25519),
    'LIST {ssh}/certs': lambda world: world.signed() and ({}, None),
    'GET {ssh}/cert/{serial}': named('serial', 'signed'),
    'POST {ssh}/revoke': body(lambda world: {'serial_number': world.signed()}),
    'LIST {ssh}/revoked': lambda world: world.revoked() and ({}, None),
    'GET {ssh}/revoked/{id}': named('id', 'revoked'),
    'DELETE {ssh}/revoked/{id}': named('id', 'revoked'),
    'GET {ssh}/krl': body(lambda world: world.ca()),
    'GET {ssh}/issuer/{issuer_ref}/krl': named('issuer_ref', 'issuer'),
    'POST {ssh}/enrol/tokens': body(lambda world: {'host': 'a.example.com', 'role': world.host_role()}),
    'LIST {ssh}/enrol/tokens': lambda world: world.enrolment() and ({}, None),
    'GET {ssh}/enrol/tokens/{accessor}': named('accessor', lambda world: world.enrolment()['accessor']),
    'DELETE {ssh}/enrol/tokens/{accessor}': named('accessor', lambda world: world.enrolment()['accessor']),
    'POST {ssh}/enrol': body(lambda world: {
        'enrolment_token': world.enrolment()['enrolment_token'], 'public_key': world.ssh_key().public}),
    'POST {ssh}/enrol/challenge': body(lambda world: {'host': 'a.example.com'}),
    'POST {ssh}/enrol/renew': body(lambda world: world.renewal()),
    'POST {ssh}/enrol/report': body(lambda world: {k: v for k, v in world.enrolled().items() if k in ('host', 'host_secret')}),
    'GET {ssh}/profiles/{profile}': lambda world: ({'profile': 'linux'}, None),
    'LIST {ssh}/targets': lambda world: world.target() and ({}, None),
    'GET {ssh}/targets/{name}': named('name', 'target'),
    'POST {ssh}/targets/{name}': named('name', lambda world: fresh('target'), TARGET),
    'DELETE {ssh}/targets/{name}': named('name', 'target'),
    'GET {ssh}/targets/{name}/export': named('name', 'router'),
    'POST {ssh}/targets/{name}/doctor': named('name', 'target'),
    'POST {ssh}/targets/{name}/repin': named('name', 'target', {'host_keys': 'SHA256:' + 'A' * 43}),
    'LIST {ssh}/hosts': lambda world: world.host() and ({}, None),
    'GET {ssh}/hosts/{host}': named('host', 'host'),
    'POST {ssh}/hosts/{host}': named('host', 'host', {'accounts': {'deploy': ['ci']}}),
    'DELETE {ssh}/hosts/{host}': named('host', 'host'),
    'POST {ssh}/principals/{host}': lambda world: world.login_on_host(),
    'POST {ssh}/creds/{role}': named('role', 'role', ADDRESS),
    # No host is behind it: what runs is shown in dynamic/test_exec.py.
    'POST {ssh}/exec/{role}': named('role', 'exec_role', {**ADDRESS, 'command': 'true', 'explain': True}),
    'POST {ssh}/lookup': body(lambda world: ADDRESS),
    'POST {ssh}/verify': body(lambda world: {'otp': world.otp()['data']['key']}),
}
# Their callers are gone or without rights afterwards.
WITH_OWN_TOKEN = {'POST auth/token/renew-self', 'POST auth/token/revoke-self'}
# They end what the others need, so they come last or are left out.
ENDS = {'POST sys/seal'}
# A server at work has nothing to say yes to.
AT_START = {'POST sys/init', 'POST sys/unseal'}
# A password is not renewed, a token not here (core-api 5.4, 6): a dynamic key will be. Logins by certificate want TLS, those
# of service accounts a cluster: see auth/test_cert.py and auth/test_kubernetes.py. What wraps takes a header
# that says so.
# A machine that is set up: targets/test_truenas_setup.py. One that answers: net/test_targets.py, dynamic/test_target_keys.py.
NEVER = {*(f'POST ssh/targets/{{name}}/{one}' for one in ('test', 'scan', 'sweep', 'reconcile')),
         'POST ssh/targets/{name}/setup', 'POST auth/cert/login', 'POST auth/kubernetes/login', 'POST sys/wrapping/wrap',
         'POST sys/leases/renew', 'POST sys/leases/renew/{lease_id}', 'POST sys/renew', 'POST sys/renew/{lease_id}'}


def row_of(route, world):
    """(what its path names, its body or None)."""
    key = str(route)
    if route.template.startswith(world.mount + '/'):
        key = f'{route.method} {{ssh}}{route.template[len(world.mount):]}'
    make = GOOD.get(key)
    return make(world) if make else ({}, {} if route.method == 'POST' else None)


def prepare(route, world):
    """(method, path, body, token) of a call that succeeds."""
    names, data = row_of(route, world)
    path = route.path(names)
    if route.method != 'POST' and data:
        path += '?' + urllib.parse.urlencode({k: v if isinstance(v, str) else json.dumps(v) for k, v in data.items()})
        data = None
    token = world.token() if str(route) in WITH_OWN_TOKEN else world.server.token
    return route.method, path, data, token


def call(route, world):
    method, path, data, token = prepare(route, world)
    return world.api.call(method, path, data, token=token)
