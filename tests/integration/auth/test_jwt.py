"""The jwt auth method with keys that are given as text: whose tokens log in, and as whom."""
import base64
import hashlib
import hmac
import json

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from support.tokens import ALGS, Key, b64, claims, key_set, part

KEY = Key('ES256', kid='k1')
RSA = Key('RS256')
ROLE = {'user_claim': 'user', 'bound_audiences': 'sallyport', 'token_policies': 'web'}
INVALID = 'error validating token: '
UNKNOWN_KEY = INVALID + 'no known key successfully validated the token signature'


@pytest.fixture
def jwt(method):
    one = method('jwt')
    one.write('config', jwt_validation_pubkeys=[json.dumps(key_set(KEY)), RSA.pem])
    one.write('role/ci', **ROLE)
    return one


def log_in(jwt, token, role='ci'):
    return jwt.login(role=role, jwt=token)


def refused(jwt, token, text, role='ci', status=400):
    answer = log_in(jwt, token, role)
    assert (answer.status, answer.errors) == (status, [text]), answer


# ---- what a login gives -----------------------------------------------------------------------------------------------


def test_a_login_gives_a_token_with_the_roles_policies(jwt):
    auth = log_in(jwt, KEY.sign(claims())).json['auth']
    assert auth['policies'] == ['default', 'web']
    assert auth['metadata'] == {'role': 'ci'}
    assert auth['token_type'] == 'service' and auth['renewable'] is True
    seen = jwt.server.api(auth['client_token']).get('auth/token/lookup-self').data
    assert seen['display_name'] == f'{jwt.path[len("auth/"):]}-bob'
    assert seen['path'] == f'{jwt.path}/login'


def test_metadata_is_what_the_role_maps(jwt):
    jwt.write('role/mapped', **ROLE, claim_mappings={
        'project': 'project', '/runner/id': 'runner', '/runner/tags/1': 'tag', 'protected': 'protected', 'absent': 'absent'})
    meta = log_in(jwt, KEY.sign(claims()), 'mapped').json['auth']['metadata']
    assert meta == {'role': 'mapped', 'project': 'group/site', 'runner': '7', 'tag': 'b', 'protected': 'true'}


def test_the_default_role_is_used_where_none_is_named(jwt):
    assert jwt.login(jwt=KEY.sign(claims())).errors == ['missing role']
    jwt.write('config', jwt_validation_pubkeys=KEY.pem, default_role='ci')
    assert jwt.login(jwt=KEY.sign(claims())).status == 200


def test_a_token_is_renewed_by_the_role_as_it_is_now(jwt):
    jwt.write('role/ci', token_ttl='10m')
    token = log_in(jwt, KEY.sign(claims())).json['auth']['client_token']
    jwt.write('role/ci', token_ttl='20m')
    assert jwt.server.api(token).post('auth/token/renew-self').json['auth']['lease_duration'] == 1200
    jwt.write('role/ci', token_policies='more')
    changed = jwt.server.api(token).post('auth/token/renew-self')
    assert changed.status == 500 and 'policies have changed, not renewing' in changed.errors[0]
    jwt.api.delete(f'{jwt.path}/role/ci')
    gone = jwt.server.api(token).post('auth/token/renew-self')
    assert (gone.status, gone.errors) == (400, ['role ci does not exist during renewal'])


# ---- configuration ----------------------------------------------------------------------------------------------------


def test_a_weak_key_is_refused(method):
    one = method('jwt')
    answer = one.api.post(f'{one.path}/config', {'jwt_validation_pubkeys': Key('RS256', bits=1024).pem})
    assert answer.status == 400 and 'a PEM block holds no public key' in answer.errors[0], answer


def test_a_configuration_reads_as_it_was_written(jwt):
    assert jwt.api.get(f'{jwt.path}/config').data == {
        'jwt_validation_pubkeys': [json.dumps(key_set(KEY)), RSA.pem], 'jwks_url': '', 'jwks_ca_pem': '',
        'oidc_discovery_url': '', 'oidc_discovery_ca_pem': '', 'oidc_client_id': '', 'bound_issuer': '',
        'jwt_supported_algs': [], 'default_role': ''}


def test_a_new_configuration_replaces_the_keys(jwt):
    other = Key('EdDSA')
    jwt.write('config', jwt_validation_pubkeys=other.pem)
    refused(jwt, KEY.sign(claims()), UNKNOWN_KEY)
    assert log_in(jwt, other.sign(claims())).status == 200


# ---- claims -----------------------------------------------------------------------------------------------------------


def past(name, ago):
    """The claim as it will be when the case is tried: the table is made long before."""
    return {name: lambda now: now[name] - ago}


# What a role adds, what the token's claims change, and the refusal; None: it logs in.
CLAIMS = [
    ({}, {}, None),
    ({}, {'aud': ['x', 'sallyport']}, None),
    ({}, {'aud': 'x'}, INVALID + 'invalid audience (aud) claim: audience claim does not match any bound audience'),
    ({}, {'aud': None}, INVALID + 'invalid audience (aud) claim: audience claim does not match any bound audience'),
    ({'bound_audiences': '', 'bound_subject': 'job:7'}, {}, 'audience claim found in JWT but no audiences bound to the role'),
    ({'bound_audiences': '', 'bound_subject': 'job:7'}, {'aud': ['x']},
     'audience claim found in JWT but no audiences bound to the role'),
    ({'bound_audiences': '', 'bound_subject': 'job:7'}, {'aud': None}, None),
    ({'bound_subject': 'job:7'}, {}, None),
    ({'bound_subject': 'job:7'}, {'sub': 'job:70'}, INVALID + 'invalid subject (sub) claim'),
    ({'bound_subject': 'job:7'}, {'sub': 'job:7\0x'}, INVALID + 'invalid subject (sub) claim'),
    ({'bound_subject': 'job:7'}, {'sub': ['job:7']}, INVALID + 'invalid subject (sub) claim'),
    ({'bound_subject': 'job:*'}, {}, INVALID + 'invalid subject (sub) claim'),
    # times
    ({}, {'iat': None, 'nbf': None, 'exp': None},
     INVALID + 'no issued at (iat), not before (nbf), or expiration time (exp) claims in token'),
    ({}, past('exp', 600), INVALID + 'invalid expiration time (exp) claim: token is expired'),
    ({}, past('exp', 301), None),
    ({'clock_skew_leeway': -1}, past('exp', 330), INVALID + 'invalid expiration time (exp) claim: token is expired'),
    ({'clock_skew_leeway': '1h'}, past('exp', 3000), None),
    ({}, past('nbf', -600), INVALID + 'invalid not before (nbf) claim: token not yet valid'),
    ({}, past('nbf', -30), None),
    ({'clock_skew_leeway': -1}, past('nbf', -600), INVALID + 'invalid not before (nbf) claim: token not yet valid'),
    ({}, {'nbf': None, **past('iat', -600)}, INVALID + 'invalid not before (nbf) claim: token not yet valid'),
    ({}, past('iat', -600), INVALID + 'invalid issued at (iat) claim: token issued in the future'),
    ({}, {'exp': None, 'nbf': None, **past('iat', 100)}, None),
    ({}, {'exp': None, 'nbf': None, **past('iat', 300)}, INVALID + 'invalid expiration time (exp) claim: token is expired'),
    ({'expiration_leeway': '1h'}, {'exp': None, 'nbf': None, **past('iat', 300)}, None),
    ({'expiration_leeway': -1, 'clock_skew_leeway': -1}, {'exp': None, 'nbf': None, **past('iat', 100)},
     INVALID + 'invalid expiration time (exp) claim: token is expired'),
    ({}, {'iat': None, 'nbf': None, **past('exp', -600)}, INVALID + 'invalid not before (nbf) claim: token not yet valid'),
    ({'not_before_leeway': '1h'}, {'iat': None, 'nbf': None, **past('exp', -600)}, None),
    ({}, {'exp': 'never'}, INVALID + 'claim "exp" is no time'),
    ({}, {'exp': -1}, INVALID + 'claim "exp" is no time'),
    ({}, {'exp': 1e300}, INVALID + 'claim "exp" is no time'),
    ({}, past('exp', -0.5), None),
    # bound claims
    ({'bound_claims': {'project': 'group/site'}}, {}, None),
    ({'bound_claims': {'project': ['x', 'group/site']}}, {}, None),
    ({'bound_claims': {'project': 'group/*'}}, {},
     'error validating claims: claim "project" does not match any associated bound claim values'),
    ({'bound_claims': {'project': 'group/*'}, 'bound_claims_type': 'glob'}, {}, None),
    ({'bound_claims': {'project': ['x', '*/s?te', 'g*s*e']}, 'bound_claims_type': 'glob'}, {}, None),
    ({'bound_claims': {'project': 'group/*'}, 'bound_claims_type': 'glob'}, {'project': 'other/group/site'},
     'error validating claims: claim "project" does not match any associated bound claim values'),
    ({'bound_claims': {'protected': True}}, {}, None),
    ({'bound_claims': {'protected': True}}, {'protected': 'true'},
     'error validating claims: claim "protected" does not match any associated bound claim values'),
    ({'bound_claims': {'absent': 'x'}}, {}, 'error validating claims: claim "absent" is missing'),
    ({'bound_claims': {'absent': '*'}, 'bound_claims_type': 'glob'}, {}, 'error validating claims: claim "absent" is missing'),
    ({'bound_claims': {'/runner/id': 7}}, {}, None),
    ({'bound_claims': {'/runner/id': 8}}, {},
     'error validating claims: claim "/runner/id" does not match any associated bound claim values'),
    ({'bound_claims': {'/runner/tags': 'b'}}, {}, None),
    ({'bound_claims': {'/runner/tags/2': 'b'}}, {}, 'error validating claims: claim "/runner/tags/2" is missing'),
    ({'bound_claims': {'runner': 'x'}}, {},
     'error validating claims: claim "runner" does not match any associated bound claim values'),
    ({'bound_claims': {'project': 'group/site', 'ref': 'x'}}, {},
     'error validating claims: claim "ref" does not match any associated bound claim values'),
    # who it is
    ({}, {'user': None}, 'claim "user" not found in token'),
    ({}, {'user': 7}, 'claim "user" could not be converted to string'),
    ({}, {'user': ''}, 'claim "user" could not be converted to string'),
    ({}, {'user': 'bob\0root'}, 'claim "user" could not be converted to string'),
    ({}, {'user': 'b' * 513}, 'claim "user" could not be converted to string'),
    ({'user_claim': '/runner/tags/0'}, {}, None),
    ({'groups_claim': 'groups'}, {}, None),
    ({'groups_claim': 'groups'}, {'groups': 'dev'}, None),
    ({'groups_claim': 'groups'}, {'groups': [f'g{i}' for i in range(1000)]}, None),
    ({'groups_claim': 'groups'}, {'groups': [f'g{i}' for i in range(1001)]}, '"groups" claim could not be converted to string list'),
    ({'groups_claim': 'groups'}, {'groups': None}, '"groups" claim not found in token'),
    ({'groups_claim': 'groups'}, {'groups': {}}, '"groups" claim could not be converted to string list'),
    ({'groups_claim': 'groups'}, {'groups': [7]}, 'value in groups claim could not be parsed as string'),
    ({'claim_mappings': {'runner': 'runner'}}, {}, "error converting claim 'runner' to string"),
]


@pytest.fixture(scope='module')
def rows(shared):
    """One mount for the table, each row with a role of its own."""
    api = shared.api()
    assert api.post('sys/auth/rows', {'type': 'jwt'}).status == 204
    assert api.post('auth/rows/config', {'jwt_validation_pubkeys': KEY.pem}).status == 204
    return api


@pytest.mark.parametrize('number', range(len(CLAIMS)))
def test_a_role_takes_the_claims_that_it_says(rows, number):
    role, changed, text = CLAIMS[number]
    assert rows.post(f'auth/rows/role/r{number}', {**ROLE, **role}).status == 204
    now = claims()
    changed = {name: value(now) if callable(value) else value for name, value in changed.items()}
    answer = rows.post('auth/rows/login', {'role': f'r{number}', 'jwt': KEY.sign(claims(**changed))}, token=None)
    assert (answer.status, None if answer.status == 200 else answer.errors[0]) == ((400, text) if text else (200, None)), answer


def test_the_issuer_is_bound_where_the_configuration_says_so(jwt):
    jwt.write('config', jwt_validation_pubkeys=KEY.pem, bound_issuer='https://ci.example')
    assert log_in(jwt, KEY.sign(claims())).status == 200
    for iss in ('https://ci.example/', 'https://CI.example', None, ['https://ci.example']):
        refused(jwt, KEY.sign(claims(iss=iss)), INVALID + 'invalid issuer (iss) claim')


def test_addresses_are_bound_before_anything_else(jwt):
    jwt.write('role/ci', token_bound_cidrs='10.0.0.0/8')
    refused(jwt, 'x', 'permission denied', status=403)
    jwt.write('role/ci', token_bound_cidrs='127.0.0.0/8')
    assert log_in(jwt, KEY.sign(claims())).status == 200


# ---- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('alg', ALGS)
@pytest.mark.parametrize('as_text', [lambda key: key.pem, lambda key: json.dumps(key_set(key))], ids=['pem', 'jwks'])
def test_every_algorithm_logs_in(method, alg, as_text):
    one, key = method('jwt'), Key(alg, kid='a')
    one.write('config', jwt_validation_pubkeys=[as_text(key)])
    one.write('role/ci', **ROLE)
    assert log_in(one, key.sign(claims())).status == 200
    head, body, sig = key.sign(claims()).split('.')
    flipped = bytearray(base64.urlsafe_b64decode(sig + '=='))
    flipped[len(flipped) // 2] ^= 1
    refused(one, f'{head}.{body}.{b64(bytes(flipped))}', UNKNOWN_KEY)
    refused(one, Key(alg, kid='a').sign(claims()), UNKNOWN_KEY)


def test_algorithms_that_are_not_listed_are_refused(jwt):
    jwt.write('config', jwt_validation_pubkeys=[KEY.pem, RSA.pem], jwt_supported_algs='RS256,RS512')
    refused(jwt, KEY.sign(claims()), INVALID + 'token signed with unsupported algorithm "ES256"')
    refused(jwt, RSA.sign(claims(), alg='PS256'), INVALID + 'token signed with unsupported algorithm "PS256"')
    assert log_in(jwt, RSA.sign(claims(), alg='RS512')).status == 200


def hmac_token(key, alg='HS256'):
    """Signed with the public key's text as a shared secret."""
    text = f'{part({"alg": alg})}.{part(claims())}'
    return f'{text}.{b64(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest())}'


GOOD = KEY.sign(claims(exp=4102444800))  # in 2100: it is made when the tests are collected
HEAD, BODY, SIG = GOOD.split('.')
FORGED = {
    'none': (f'{part({"alg": "none"})}.{BODY}.', 'its algorithm is not supported'),
    'None': (f'{part({"alg": "None"})}.{BODY}.', 'its algorithm is not supported'),
    'none with a signature': (f'{part({"alg": "none"})}.{BODY}.{SIG}', 'its algorithm is not supported'),
    'an empty signature': (f'{HEAD}.{BODY}.', None),
    'hmac by the public key': (hmac_token(RSA.pem), 'its algorithm is not supported'),
    'no algorithm': (f'{part({"typ": "JWT"})}.{BODY}.{SIG}', 'its header names no algorithm'),
    'an algorithm that is no text': (f'{part({"alg": ["ES256"]})}.{BODY}.{SIG}', 'its header names no algorithm'),
    'an unknown extension': (KEY.sign(claims(), crit=['x'], x=1), 'its header asks for an extension'),
    'unencoded payload': (KEY.sign(claims(), b64=False), 'its header asks for an extension'),
    'two parts': (f'{HEAD}.{BODY}', 'it has not three parts'),
    'four parts': (f'{GOOD}.{SIG}', 'it has not three parts'),
    'five parts': (f'{GOOD}.{SIG}.{SIG}', 'it has not three parts'),
    'the JSON form': (json.dumps({'payload': BODY, 'protected': HEAD, 'signature': SIG}), 'it has not three parts'),
    'nothing': ('.', 'it has not three parts'),
    'dots': ('..', 'its header is not strict JSON'),
    'padding': (f'{HEAD}=.{BODY}.{SIG}', 'a part is not base64url'),
    'a blank': (f'{HEAD} .{BODY}.{SIG}', 'a part is not base64url'),
    'the other alphabet': (f'{HEAD}.{BODY}.{"+" + SIG[1:]}', 'a part is not base64url'),
    'a line break': (f'{HEAD}\n.{BODY}.{SIG}', 'a part is not base64url'),
    'members twice': (f'{b64(b"""{"alg":"none","alg":"ES256"}""")}.{BODY}.{SIG}', 'its header is not strict JSON'),
    'bytes behind the header': (f'{b64(b"""{"alg":"ES256"} x""")}.{BODY}.{SIG}', 'its header is not strict JSON'),
    'a deep header': (f'{b64(b"[" * 5000)}.{BODY}.{SIG}', 'its header is not strict JSON'),
    'a header of many members': (f'{part({str(i): i for i in range(200)})}.{BODY}.{SIG}', 'its header is not strict JSON'),
    'a huge header': (f'{"A" * 20000}.{BODY}.{SIG}', 'a part is not base64url'),
    'a key id that is no text': (f'{part({"alg": "ES256", "kid": 1})}.{BODY}.{SIG}', 'its key id is no text'),
    'its own key': (Key('ES256').sign(claims(), jwk=KEY.jwk), None),
    'another key under the same name': (Key('ES256', kid='k1').sign(claims()), None),
    'another name for the key': (KEY.sign(claims(), kid='k2'), None),
    'the wrong curve': (Key('ES384', kid='k1').sign(claims()), None),
    'the curve of another algorithm': (f'{part({"alg": "ES384", "kid": "k1"})}.{BODY}.{SIG}', None),
    'RSA by name': (f'{part({"alg": "RS256", "kid": "k1"})}.{BODY}.{SIG}', None),
    'a signature in DER': (None, None),
    'r and s of zero': (f'{HEAD}.{BODY}.{b64(bytes(64))}', None),
    'another body': (f'{HEAD}.{part(claims(user="root"))}.{SIG}', None),
}


@pytest.mark.parametrize('name', FORGED)
def test_a_forged_token_is_refused(jwt, name):
    token, why = FORGED[name]
    if token is None:
        token = f'{HEAD}.{BODY}.{b64(KEY.private.sign(f"{HEAD}.{BODY}".encode(), ec.ECDSA(hashes.SHA256())))}'
    refused(jwt, token, f'{INVALID}malformed jwt: {why}' if why else UNKNOWN_KEY)


BAD_BODIES = [b'', b'null', b'[]', b'"x"', b'{', b'{"user":"bob","user":"root"}', b'{}x', b'\xff', b'[' * 3000,
              b'{"a":' * 20 + b'1' + b'}' * 20, json.dumps({str(i): i for i in range(1100)}).encode()]


@pytest.mark.parametrize('body', BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_claims_must_be_strict_json(jwt, body):
    refused(jwt, KEY.sign(body), INVALID + 'its claims are not strict JSON')


def test_a_huge_token_is_refused(jwt):
    token = KEY.sign(claims(pad='x' * 40000))
    answer = log_in(jwt, token)
    assert answer.status == 400 and 'longer than 32768 bytes' in answer.errors[0], answer
    assert log_in(jwt, KEY.sign(claims(pad='x' * 20000))).status == 200


def test_keys_of_a_set_that_are_for_something_else_are_not_used(method):
    one = method('jwt')
    one.write('role/ci', **ROLE)
    for wrong in ({'use': 'enc'}, {'key_ops': ['sign']}, {'alg': 'ES384'}, {'alg': 'ES521'}, {'crv': 'P-384'}, {'kty': 'RSA'},
                  {'x': KEY.jwk['y']}, {'x': KEY.jwk['x'] + 'A'}):
        keys = {'keys': [{**KEY.jwk, **wrong}, RSA.jwk, {'kty': 'oct', 'k': 'AAAA', 'kid': 'k1'}]}
        one.write('config', jwt_validation_pubkeys=json.dumps(keys))
        refused(one, KEY.sign(claims()), UNKNOWN_KEY)
        assert log_in(one, RSA.sign(claims())).status == 200


def test_a_token_never_shows_in_the_audit_log_or_in_errors(jwt):
    path = jwt.server.enable_audit('jwt-log', 'jwt.log')
    good, bad = KEY.sign(claims(canary='c4n4ry')), f'{HEAD}.{BODY}.c4n4ry'
    assert log_in(jwt, good).status == 200
    assert 'c4n4ry' not in log_in(jwt, bad).body
    jwt.api.delete('sys/audit/jwt-log')
    text = path.read_text()
    assert good.split('.')[1] not in text and 'c4n4ry' not in text and good.split('.')[2] not in text
