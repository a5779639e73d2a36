"""The jwt auth method with keys behind an address: key sets and discovery documents of a stand-in issuer."""
import concurrent.futures

import pytest

from support.issuer import Issuer
from support.server import Server
from support.standin import Certificate, Silent, Standin
from support.tokens import Key, claims

ROLE = {'user_claim': 'user', 'bound_audiences': 'sallyport'}
UNKNOWN_KEY = 'error validating token: no known key successfully validated the token signature'
NO_KEYS = "the issuer's keys could not be fetched, try again"


@pytest.fixture(scope='module')
def tls(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp('issuer'))


@pytest.fixture
def issuer(tls):
    with Issuer(tls, Key('ES256', kid='first')) as one:
        yield one


def pem(tls):
    with open(tls.ca, encoding='ascii') as file:
        return file.read()


@pytest.fixture
def jwt(method, issuer, tls):
    """A mount that gets its keys from the issuer."""
    one = method('jwt')
    one.write('config', jwks_url=f'{issuer.address}/keys', jwks_ca_pem=pem(tls))
    one.write('role/ci', **ROLE)
    return one


def log_in(jwt, token):
    return jwt.login(role='ci', jwt=token)


def refused(answer, status, text):
    assert (answer.status, answer.errors) == (status, [text]), answer


def test_keys_are_fetched_once_and_kept(jwt, issuer):
    assert issuer.fetches() == 1  # by the configuration
    for _ in range(5):
        assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200
    assert issuer.fetches() == 2


def test_a_new_key_of_the_issuer_is_found(jwt, issuer):
    old, new = issuer.keys[0], Key('ES256', kid='second')
    assert log_in(jwt, old.sign(claims())).status == 200
    issuer.keys = [old, new]
    assert log_in(jwt, new.sign(claims())).status == 200
    assert log_in(jwt, old.sign(claims())).status == 200
    fetches = issuer.fetches()
    issuer.keys = [new]
    assert log_in(jwt, new.sign(claims())).status == 200
    assert issuer.fetches() == fetches


def test_a_new_key_without_a_name_is_found(jwt, issuer):
    issuer.keys = [Key('RS256')]
    assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200
    issuer.keys = [Key('RS256')]
    assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200


def test_keys_that_are_rotated_under_load_lose_no_login(jwt, issuer):
    """Each key is published before it signs, as issuers do."""
    old = issuer.keys[0]

    def work(n):
        key = keys[n % len(keys)]
        return log_in(jwt, key.sign(claims())).status

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        keys = [old]
        first = list(pool.map(work, range(16)))
        keys = [old, *(Key('ES256', kid=f'next{i}') for i in range(3))]
        issuer.keys = keys
        second = list(pool.map(work, range(32)))
    assert first + second == [200] * 48
    assert issuer.fetches() <= 4


def test_made_up_keys_cause_few_fetches(jwt, issuer):
    assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200
    for i in range(40):
        refused(log_in(jwt, Key('ES256', kid=f'x{i}').sign(claims())), 400, UNKNOWN_KEY)
    assert issuer.fetches() <= 12, 'six at once, then one in ten seconds'


def test_an_issuer_that_is_down_keeps_its_known_keys(jwt, issuer):
    token = issuer.keys[0].sign(claims())
    assert log_in(jwt, token).status == 200
    issuer.down = True
    assert log_in(jwt, token).status == 200
    refused(log_in(jwt, Key('ES256', kid='x').sign(claims())), 400, UNKNOWN_KEY)
    assert log_in(jwt, token).status == 200


def test_without_keys_a_login_may_be_tried_again(jwt, issuer):
    issuer.down = True
    refused(log_in(jwt, issuer.keys[0].sign(claims())), 502, NO_KEYS)
    issuer.down = False
    assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200


BROKEN = {
    'no JSON': b'x', 'members twice': b'{"keys":[],"keys":[]}', 'no set': b'[]', 'empty': b'', 'huge': b'{"keys":[' + b' ' * 300000 + b']}',
    'many': b'{"keys":[' + b','.join([b'{}'] * 9000) + b']}', 'deep': b'[' * 100000, 'shared keys': b'{"keys":[{"kty":"oct","k":"AA"}]}'}


@pytest.mark.parametrize('name', BROKEN)
def test_a_broken_key_set_is_refused(jwt, issuer, tls, name):
    issuer.body = lambda *words: (200, BROKEN[name])
    answer = jwt.api.post(f'{jwt.path}/config', {'jwks_url': f'{issuer.address}/other', 'jwks_ca_pem': pem(tls)})
    assert answer.status == 400 and answer.errors[0].startswith('error checking jwks URL: '), answer
    refused(log_in(jwt, issuer.keys[0].sign(claims())), 502, NO_KEYS)


# ---- the way to the issuer --------------------------------------------------------------------------------------------


def config(jwt, **fields):
    return jwt.api.post(f'{jwt.path}/config', fields)


def test_the_issuers_certificate_is_checked(method, issuer, tls, tmp_path):
    one, url = method('jwt'), f'{issuer.address}/keys'
    other = Certificate(tmp_path)
    for fields in ({}, {'jwks_ca_pem': pem(other)}):
        answer = config(one, jwks_url=url, **fields)
        assert answer.status == 400 and 'certificate' in answer.errors[0], answer
    assert config(one, jwks_url=url.replace('127.0.0.1', 'localhost'), jwks_ca_pem=pem(tls)).status == 400
    assert config(one, jwks_url=url, jwks_ca_pem='nonsense').status == 400
    assert issuer.requests == []
    assert config(one, jwks_url=url, jwks_ca_pem=pem(tls)).status == 204


def test_redirects_are_not_followed(method, tls):
    with Standin(status=302, tls=tls, headers=[('Location', 'http://127.0.0.1:1/keys')]) as standin:
        answer = config(method('jwt'), jwks_url=f'{standin.address}/keys', jwks_ca_pem=pem(tls))
        assert answer.errors == ['error checking jwks URL: the answer has status 302']
        assert len(standin.requests) == 1


@pytest.mark.parametrize('url', ['file:///etc/passwd', 'ftp://127.0.0.1/', 'keys', 'https://', 'https://a b/', 'ldap://x/',
                                 'https://user:word@127.0.0.1:1/keys', 'gopher://127.0.0.1:1/'])
def test_other_schemes_are_refused(method, url):
    answer = config(method('jwt'), jwks_url=url)
    assert answer.status == 400 and answer.errors[0].startswith('error checking jwks URL: '), answer


def test_plain_http_is_for_development_alone(method, issuer):
    with Issuer(None, issuer.keys[0]) as plain:
        assert config(method('jwt'), jwks_url=f'{plain.address}/keys').status == 204
        real = Server(dev=False)
        try:
            real.start().mount_auth('jwt')
            answer = real.api().post('auth/jwt/config', {'jwks_url': f'{plain.address}/keys'})
            assert answer.status == 400 and 'does not begin with https://' in answer.errors[0], answer
            assert plain.fetches() == 1
        finally:
            real.clean()


def test_proxies_of_the_environment_are_not_used(issuer, tls):
    server = Server()
    with Standin() as proxy:
        server.environment = {name: proxy.address for name in ('http_proxy', 'https_proxy', 'HTTPS_PROXY', 'ALL_PROXY')}
        try:
            server.start().mount_auth('jwt')
            assert server.api().post('auth/jwt/config', {
                'jwks_url': f'{issuer.address}/keys', 'jwks_ca_pem': pem(tls)}).status == 204
            assert proxy.requests == []
        finally:
            server.clean()


def test_an_issuer_that_never_answers_holds_up_nobody_else(jwt, issuer, method):
    """Logins of others go on while one waits for its deadline."""
    with Silent() as silent, concurrent.futures.ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(config, method('jwt'), jwks_url=f'{silent.address}/keys')]
        for _ in range(5):
            assert log_in(jwt, issuer.keys[0].sign(claims())).status == 200
        assert waiting[0].result().errors == ['error checking jwks URL: no answer in time']


# ---- discovery --------------------------------------------------------------------------------------------------------


def discover(jwt, issuer, tls, **more):
    return config(jwt, oidc_discovery_url=issuer.name, oidc_discovery_ca_pem=pem(tls), **more)


def test_keys_are_found_by_discovery(method, issuer, tls):
    one = method('jwt')
    assert discover(one, issuer, tls).status == 204
    one.write('role/ci', **ROLE)
    key = issuer.keys[0]
    assert log_in(one, key.sign(claims(iss=issuer.name))).status == 200
    refused(log_in(one, key.sign(claims())), 400, 'error validating token: invalid issuer (iss) claim')
    issuer.keys = [Key('EdDSA', kid='new')]
    assert log_in(one, issuer.keys[0].sign(claims(iss=issuer.name))).status == 200


BAD_DOCUMENTS = [({'issuer': 'https://other.example'}, 'its issuer is not the one that was asked for'),
                 ({'issuer': None}, 'its issuer is not the one that was asked for'),
                 ({'jwks_uri': ''}, 'it names no key set'), ({'jwks_uri': 7}, 'it names no key set'),
                 ({'jwks_uri': 'file:///etc/passwd'}, '"file:///etc/passwd" does not begin with https://')]


@pytest.mark.parametrize('document, text', BAD_DOCUMENTS, ids=range(len(BAD_DOCUMENTS)))
def test_a_bad_discovery_document_is_refused(method, issuer, tls, document, text):
    issuer.document = document
    refused(discover(method('jwt'), issuer, tls), 400, f'error checking oidc discovery URL: {text}')


def test_the_issuer_of_a_document_is_told_to_the_letter(method, issuer, tls):
    issuer.name += '/'
    assert discover(method('jwt'), issuer, tls).status == 204
    answer = config(method('jwt'), oidc_discovery_url=issuer.name[:-1], oidc_discovery_ca_pem=pem(tls))
    refused(answer, 400, 'error checking oidc discovery URL: its issuer is not the one that was asked for')
