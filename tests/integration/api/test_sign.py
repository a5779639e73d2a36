"""sign and issue: what is asked, what is refused with which text, and what ssh-keygen reads (spec/ssh-engine.md 8, 9)."""
import base64
import hashlib
import re
import struct

import pytest

from support.ca import HOST, KINDS, Ca, read
from support.keys import SshKey
from support.server import Server

TTL_S = 1800


@pytest.fixture(scope='module')
def ca(tmp_path_factory):
    server = Server().start().mount_ssh()
    one = Ca(server)
    one.keys = tmp_path_factory.mktemp('keys')
    one.key = SshKey(one.keys, 'user')
    one.role('ops', ttl='30m', max_ttl='4h', allowed_extensions='permit-pty,permit-port-forwarding',
             default_extensions={'permit-pty': ''})
    one.role('host', HOST)
    one.role('any', allowed_users='*', allow_user_key_ids=True)
    server.write_role('otp')
    yield one
    server.clean()


def test_an_answer_is_as_the_peers(ca):
    answer = ca.ask('ops', ca.key.public, valid_principals='ops', ttl='15m')
    assert answer.status == 200, answer
    whole = answer.json
    assert (whole['lease_id'], whole['renewable'], whole['lease_duration'], whole['warnings']) == ('', False, 0, None)
    assert set(whole['data']) == {'issuer_id', 'serial_number', 'signed_key'}
    assert re.fullmatch('[1-9a-f][0-9a-f]*', whole['data']['serial_number'])
    assert re.fullmatch(r'ssh-ed25519-cert-v01@openssh\.com [A-Za-z0-9+/]+=*\n', whole['data']['signed_key'])
    assert ca.server.api().put('ssh/sign/ops', {'public_key': ca.key.public}).status == 200


def test_the_certificate_says_what_was_asked(ca):
    signed = ca.sign('ops', ca.key, valid_principals='ubuntu,ops', ttl='15m', critical_options={'force-command': '/bin/date'},
                     extensions={'permit-port-forwarding': '', 'permit-pty': ''})
    found = signed.read()
    digest = hashlib.sha256(base64.b64decode(ca.key.public.split()[1])).hexdigest()
    assert found['Type'] == 'ssh-ed25519-cert-v01@openssh.com user certificate'
    assert found['Public key'].endswith(ca.key.fingerprint)
    assert found['serial'] == int(signed.data['serial_number'], 16)
    assert found['id'] == f'vault-root-{digest}'
    assert found['Principals'] == ['ops', 'ubuntu']
    assert found['Critical Options'] == ['force-command /bin/date']
    assert found['Extensions'] == ['permit-port-forwarding', 'permit-pty']
    assert found['before'] - found['after'] == 15 * 60 + 30


def test_defaults_stand_where_nothing_is_asked(ca):
    found = ca.sign('ops', ca.key).read()
    assert (found['Principals'], found['Extensions'], found['Critical Options']) == (['ubuntu'], ['permit-pty'], [])
    assert found['before'] - found['after'] == TTL_S + 30


def test_a_host_certificate(ca):
    found = ca.sign('host', ca.key, cert_type='host', valid_principals='web.example.com').read()
    assert found['Type'].endswith('host certificate')
    assert found['Principals'] == ['web.example.com']


@pytest.mark.parametrize('kind', KINDS)
def test_each_type_of_key_is_signed(ca, kind):
    key = SshKey(ca.keys, kind, *KINDS[kind])
    found = ca.sign('ops', key).read()
    assert found['Public key'].endswith(key.fingerprint)
    assert found['Signing CA'].startswith('ED25519')


def blob(*parts):
    out = b''
    for part in parts:
        part = part.encode() if isinstance(part, str) else part
        out += struct.pack('>I', len(part)) + part
    return out


POINT = bytes.fromhex('046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296'
                      '4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5')
TOKENS = {
    'sk-ssh-ed25519@openssh.com': lambda key: blob('sk-ssh-ed25519@openssh.com', base64.b64decode(key.public.split()[1])[-32:], 'ssh:'),
    'sk-ecdsa-sha2-nistp256@openssh.com': lambda key: blob('sk-ecdsa-sha2-nistp256@openssh.com', 'nistp256', POINT, 'ssh:')}


@pytest.mark.parametrize('name', TOKENS)
def test_keys_on_security_tokens_are_signed(ca, name, tmp_path):
    text = base64.b64encode(TOKENS[name](ca.key)).decode()
    answer = ca.ask('ops', f'{name} {text} me@token')
    assert answer.status == 200, answer
    path = tmp_path / 'cert.pub'
    path.write_text(answer.data['signed_key'])
    assert read(path)['Type'] == f'{name.replace("@", "-cert-v01@")} user certificate'


def test_a_key_may_be_written_in_many_ways(ca):
    name, text, _ = ca.key.public.split()
    broken = text[:20] + '\n' + text[20:]
    for line in (f'{name} {text}', f'  {name}\t{text}  a comment \n', text, f'{text}\r\n', f'{name} {broken}',
                 f'{name} {text} a comment \r\n \n'):
        assert ca.ask('ops', line).status == 200, line


NOT_A_KEY = 'failed to parse public_key as SSH key: '
NOT_MET = 'public_key failed to meet the key requirements: '
DSS = blob('ssh-dss', b'\1', b'\1', b'\1', b'\1')
RSA_1024 = blob('ssh-rsa', b'\1\0\1', b'\0\xc1' + b'\x55' * 126 + b'\1')


def test_keys_that_are_none_are_refused(ca):
    name, text, _ = ca.key.public.split()
    cert = ca.sign('ops', ca.key).data['signed_key']
    raw = base64.b64decode(text)

    def encoded(data):
        return base64.b64encode(data).decode()
    for line, why in (
            ('ssh-ed25519 !!', NOT_A_KEY + 'illegal base64 data'),
            (f'ssh-rsa {text}', NOT_A_KEY + 'the word in front is not the type of the key'),
            (f'no-pty {name} {text}', NOT_A_KEY + 'illegal base64 data'),
            (f'{ca.key.public}\n{ca.key.public}\n', NOT_A_KEY + 'more than one line'),
            (f'{name} {text} a\rcommand', NOT_A_KEY + 'more than one line'),
            (f'{name} {encoded(raw + b"x")}', NOT_A_KEY + 'ssh: not a key of the type that it says'),
            (f'{name} {encoded(raw[:-1])}', NOT_A_KEY + 'ssh: not a key of the type that it says'),
            ('AAAA', NOT_A_KEY + 'ssh: short read'),
            (encoded(blob('ssh-x', b'a')), NOT_A_KEY + 'ssh: unknown key algorithm: ssh-x'),
            (encoded(DSS), NOT_A_KEY + 'ssh: unknown key algorithm: ssh-dss'),
            (cert, NOT_A_KEY + 'key is a certificate'),
            (encoded(RSA_1024), NOT_MET + 'key is of an invalid size: 1024')):
        answer = ca.ask('ops', line)
        assert (answer.status, answer.errors) == (400, [why]), line


LENGTHS = (
    ({'rsa': 3072}, {'rsa2048': 'key is of an invalid size: 2048', 'ed25519': 'key of type ed25519 is not allowed'}),
    ({'rsa': [2048, 4096]}, {'rsa2048': None, 'ecdsa256': 'key of type ecdsa is not allowed'}),
    ({'ssh-rsa': '2048,3072'}, {'rsa2048': None}),
    ({'ecdsa': [256, 384]}, {'ecdsa256': None, 'ecdsa384': None, 'ecdsa521': 'key is of an invalid size: 521'}),
    ({'ec': 521}, {'ecdsa521': None, 'ecdsa256': 'key is of an invalid size: 256'}),
    ({'ecdsa-sha2-nistp384': [0]}, {'ecdsa384': None, 'ecdsa256': 'key of type ecdsa is not allowed'}),
    ({'ed25519': 0}, {'ed25519': None}),
    ({'ssh-ed25519': 1}, {'ed25519': None}),
    ({'ed25519': []}, {'ed25519': 'key is of an invalid size: 0'}),
    ({'rsa': []}, {'rsa2048': 'key is of an invalid size: 2048'}),
    ({'Rsa': 2048}, {'rsa2048': 'key of type rsa is not allowed'}))


def test_sizes_of_keys_are_exact(ca):
    """S3-13."""
    keys = {kind: SshKey(ca.keys, f'size-{kind}', *KINDS[kind]) for kind in KINDS if kind != 'rsa4096'}
    for lengths, wanted in LENGTHS:
        ca.role('sized', allowed_user_key_lengths=lengths)
        for kind, why in wanted.items():
            answer = ca.ask('sized', keys[kind].public)
            if why is None:
                assert answer.status == 200, (lengths, kind, answer)
            else:
                assert (answer.status, answer.errors) == (400, [NOT_MET + why]), (lengths, kind)


REFUSED = (
    ('none', {}, 'Unknown role: none'),
    ('ops', {'public_key': ''}, 'missing public_key'),
    ('ops', {'key_id': 'x'}, 'setting key_id is not allowed by role'),
    ('ops', {'cert_type': 'host'}, "cert_type 'host' is not allowed by role"),
    ('ops', {'cert_type': 'HOST'}, "cert_type must be either 'user' or 'host'"),
    ('host', {}, "cert_type 'user' is not allowed by role"),
    ('otp', {}, "cert_type 'user' is not allowed by role"),
    ('otp', {'cert_type': 'host'}, "cert_type 'host' is not allowed by role"),
    ('ops', {'valid_principals': 'root'}, 'root is not a valid value for valid_principals'),
    ('ops', {'valid_principals': ','}, 'refusing to issue unsafe, globally-valid certificate with no principals specified; '
     'set valid_principals or default_user'),
    ('ops', {'ttl': '5h'}, 'ttl is larger than maximum allowed 14400'),
    ('ops', {'ttl': -5}, None),
    ('ops', {'extensions': {'permit-X11-forwarding': '', 'a': ''}}, 'extensions [a permit-X11-forwarding] are not on allowed list'),
    ('ops', {'extensions': {'permit-pty': None}}, None),
    ('ops', {'extensions': {'permit-pty': ['x']}}, None),
    ('ops', {'extensions': ''}, 200),
    ('ops', {'extension': {'permit-port-forwarding': ''}}, 200),
    ('ops', {'extension': {'permit-pty': ''}, 'extensions': {'permit-pty': ''}}, 200),
    ('ops', {'extension': {'permit-pty': ''}, 'extensions': {'permit-port-forwarding': ''}},
     'extension and extensions are both given, and differ: they are names of one field'),
    ('ops', {'cert_type': None, 'key_id': None, 'ttl': None, 'valid_principals': None, 'critical_options': None,
             'extensions': None}, 200))


def test_refusals_have_their_text(ca):
    for role, fields, why in REFUSED:
        answer = ca.ask(role, fields.get('public_key', ca.key.public), **{k: v for k, v in fields.items() if k != 'public_key'})
        if why == 200:
            assert answer.status == 200, (role, fields, answer)
        else:
            assert answer.status == 400, (role, fields, answer)
            assert why is None or answer.errors == [why], (role, fields)


def test_issuers_that_are_not_there(ca):
    ca.role('lost', issuer_ref='nowhere')
    for verb, key in (('sign', ca.key.public), ('issue', None)):
        answer = ca.ask('lost', key, verb=verb, **({'key_type': 'ed25519'} if verb == 'issue' else {}))
        assert (answer.status, answer.errors) == (400, ['unable to find issuer for reference: nowhere'])
    ca.server.mount_ssh('bare')
    assert ca.server.api().post('bare/roles/ops', {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': '*'}).status == 204
    answer = ca.server.api().post('bare/sign/ops', {'public_key': ca.key.public, 'valid_principals': 'a'})
    assert (answer.status, answer.errors) == (400, ['no default issuer currently configured'])


def test_serials_are_random_and_never_zero(ca):
    serials = {ca.ask('ops', ca.key.public).data['serial_number'] for _ in range(40)}
    assert len(serials) == 40
    assert max(int(one, 16) for one in serials).bit_length() > 56


# hvac's sign_ssh_key, and what the vault command's ssh -mode=ca sends (requirements.md C-2, C-5).
HVAC = {'public_key': None, 'ttl': '', 'valid_principals': '', 'cert_type': 'user', 'key_id': '', 'critical_options': None,
        'extensions': None}
FIVE = {'permit-X11-forwarding': '', 'permit-agent-forwarding': '', 'permit-port-forwarding': '', 'permit-pty': '',
        'permit-user-rc': ''}
VAULT = {'public_key': None, 'valid_principals': 'ubuntu', 'cert_type': 'user', 'extensions': FIVE}


def test_hvac_gets_the_roles_defaults(ca):
    """C-2: no open certificate, and not the mount's longest life."""
    signed = ca.sign('ops', ca.key, **{k: v for k, v in HVAC.items() if k != 'public_key'})
    found = signed.read()
    assert found['Principals'] == ['ubuntu']
    assert found['before'] - found['after'] == TTL_S + 30


def test_the_vault_command_is_told_why(ca):
    """C-5."""
    asked = {k: v for k, v in VAULT.items() if k != 'public_key'}
    assert set(ca.sign('any', ca.key, **asked).read()['Extensions']) == set(FIVE)
    answer = ca.ask('ops', ca.key.public, **asked)
    assert answer.status == 400
    assert answer.errors[0].startswith('extensions [permit-X11-forwarding permit-agent-forwarding permit-user-rc] are not on allowed '
                                       'list: the command asks for all five')


def test_strict_extensions_is_a_switch_of_the_mount(ca):
    """X5."""
    ca.role('open', default_extensions={'permit-pty': ''})
    assert ca.ask('open', ca.key.public, extensions={'a': ''}).status == 200
    assert ca.server.api().post('ssh/config/options', {'strict_extensions': True}).status == 204
    answer = ca.ask('open', ca.key.public, extensions={'a': ''})
    assert (answer.status, answer.errors) == (400, ['extensions [a] are not on allowed list'])
    assert ca.sign('open', ca.key).read()['Extensions'] == ['permit-pty']
    assert ca.server.api().post('ssh/config/options', {}).status == 204


def test_the_key_id_names_the_token(ca):
    token = ca.server.api().post('auth/token/create', {'display_name': 'ci {{role_name}}', 'policies': ['root']}).json['auth']
    ca.role('named', key_id_format='{{token_display_name}}/{{role_name}}')
    found = ca.sign('named', ca.key, token=token['client_token']).read()
    assert found['id'] == 'token-ci---role-name-/named'
    assert ca.sign('any', ca.key, key_id='mine').read()['id'] == 'mine'


def test_templates_stand_for_the_entity(ca):
    server = ca.server
    server.mount_auth('userpass')
    server.token_with('path "ssh/sign/*" { capabilities = ["update"] }')
    assert server.api().put('sys/policies/acl/signs', {'policy': 'path "ssh/sign/*" { capabilities = ["update"] }'}).status == 204
    assert server.api().post('auth/userpass/users/bob', {'password': 'right', 'token_policies': 'signs'}).status == 204
    login = server.api(None).post('auth/userpass/login/bob', {'password': 'right'}).json['auth']
    name = server.api().get(f'identity/entity/id/{login["entity_id"]}').data['aliases'][0]['mount_accessor']
    template = f'{{{{identity.entity.aliases.{name}.name}}}}'
    ca.role('own', allowed_users=template, allowed_users_template=True, default_user=template, default_user_template=True,
            default_extensions={'login@example.com': template}, default_extensions_template=True)
    found = ca.sign('own', ca.key, token=login['client_token']).read()
    assert found['Principals'] == ['bob']
    assert found['id'].startswith('vault-userpass-bob-')
    assert found['Extensions'][0].startswith('login@example.com')
    assert ca.ask('own', ca.key.public, token=login['client_token'], valid_principals='root').status == 400
    nobody = ca.ask('own', ca.key.public)
    assert nobody.errors == [f"template '{template}' could not be rendered -> no entity found"]
    literal = ca.ask('own', ca.key.public, valid_principals=template)
    assert literal.errors == ['role is not configured to allow any principals']


def test_a_skipped_extension_is_told(ca):
    ca.role('skips', default_extensions={'a@b': '{{identity.entity.id}}', 'permit-pty': ''}, default_extensions_template=True)
    answer = ca.ask('skips', ca.key.public)
    assert answer.json['warnings'][0].startswith('default_extension templating enabled with at least one extension')


# ---- issue ------------------------------------------------------------------

def test_a_pair_is_made_and_signed(ca, tmp_path):
    for key_type, bits, head, named in (
            ('ed25519', 0, 'OPENSSH', 'ED25519'), ('ec', 0, 'EC', 'ECDSA'), ('ec', 384, 'EC', 'ECDSA'),
            ('rsa', 2048, 'RSA', 'RSA'), ('ssh-ed25519', 0, 'OPENSSH', 'ED25519'),
            ('ecdsa-sha2-nistp521', 0, 'EC', 'ECDSA')):
        answer = ca.ask('ops', None, verb='issue', key_type=key_type, key_bits=bits, valid_principals='ops')
        assert answer.status == 200, (key_type, answer)
        assert set(answer.data) == {'issuer_id', 'private_key', 'private_key_type', 'serial_number', 'signed_key'}
        assert answer.data['private_key'].startswith(f'-----BEGIN {head} PRIVATE KEY-----\n')
        assert answer.data['private_key_type'] == key_type
        assert answer.json['lease_id'] == ''
        path = tmp_path / 'key'
        path.write_text(answer.data['private_key'])
        path.chmod(0o600)
        cert = tmp_path / 'key-cert.pub'
        cert.write_text(answer.data['signed_key'])
        found = read(cert)
        public = SshKeyFile(path)
        assert found['Public key'].endswith(public.fingerprint)
        assert found['Public key'].startswith(named)
        assert found['Principals'] == ['ops']


class SshKeyFile(SshKey):
    """A private key that is there already."""

    def __init__(self, path):
        self.path = self.pub = path


def test_refusals_of_issue_have_their_text(ca):
    ca.role('sized', allowed_user_key_lengths={'rsa': 4096, 'ec': 384})
    for role, fields, why in (
            ('none', {}, 'unknown role: none'),
            ('otp', {}, "role key type 'otp' not allowed to issue key pairs"),
            ('sized', {'key_type': 'ed25519'}, 'provided key_type value not in allowed_user_key_types'),
            ('sized', {'key_type': 'rsa', 'key_bits': 2048}, "provided key_bits value not in list of role's allowed_user_key_types"),
            ('sized', {'key_type': 'ec'}, "provided key_bits value not in list of role's allowed_user_key_types"),
            ('ops', {'key_type': 'rsa', 'key_bits': 1024}, 'refusing to generate weak rsa key: 1024 bits < 2048 bits'),
            ('ops', {'key_type': 'ec', 'key_bits': 222}, 'unknown ECDSA key pair algorithm and bits: ec / 222'),
            ('ops', {'key_type': 'dsa'}, 'unknown ssh key pair algorithm: dsa'),
            ('ops', {'key_type': 'ed25519', 'valid_principals': 'root'}, 'root is not a valid value for valid_principals'),
            ('ops', {'key_type': 'ed25519', 'ttl': '5h'}, 'ttl is larger than maximum allowed 14400')):
        answer = ca.ask(role, None, verb='issue', **fields)
        assert (answer.status, answer.errors) == (400, [why]), (role, fields)
    assert ca.ask('sized', None, verb='issue', key_type='ec', key_bits=384).status == 200


def test_a_role_with_one_size_gives_the_plain_request(ca):
    """G-19: 0 is 4096 before it is compared."""
    ca.role('large', allowed_user_key_lengths={'rsa': 4096})
    assert ca.ask('large', None, verb='issue').status == 200


def test_issue_may_have_to_be_wrapped(ca):
    ca.role('wrapped', issue_requires_wrapping=True)
    asked = {'key_type': 'ed25519'}
    assert ca.ask('wrapped', None, verb='issue', **asked).status == 400
    api = ca.server.api()
    answer = api.post('ssh/issue/wrapped', asked, headers={'X-Vault-Wrap-TTL': '60s'})
    assert answer.status == 200 and answer.json['data'] is None, answer
    opened = api.post('sys/wrapping/unwrap', {'token': answer.json['wrap_info']['token']})
    assert 'PRIVATE KEY' in opened.data['private_key']
    assert api.post('ssh/config/options', {'issue_requires_wrapping': True}).status == 204
    assert ca.ask('ops', None, verb='issue', **asked).status == 400
    assert api.post('ssh/config/options', {}).status == 204


def test_no_private_key_is_kept(ca):
    """Neither in the store's files nor in the audit log."""
    log = ca.server.enable_audit('keys', 'keys.log')
    data = ca.ask('ops', None, verb='issue', key_type='ec').data
    body = ''.join(data['private_key'].splitlines()[1:-1])
    for path in (log, *ca.server.store.parent.iterdir()):
        kept = path.read_bytes()
        assert body[:40].encode() not in kept and data['private_key'][:80].encode() not in kept
        assert base64.b64decode(body)[:60] not in kept
    assert 'hmac-sha256:' in log.read_text()
