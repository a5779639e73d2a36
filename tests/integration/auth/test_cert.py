"""The cert auth method: TLS client certificates, their chains, names and revocation."""
import itertools
import pathlib

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from support.certs import Certs
from support.pki import HOUR, Cert, Client
from support.server import Server

NO_CHAIN = 'invalid certificate or no client certificate supplied'
NO_MATCH = 'no chain matching all constraints could be found for this login certificate'
OTHER_CERT = 'client identity during renewal not matching client identity used during login'
COUNTER = itertools.count()

ROOT = Cert('test root', ca=True)
MIDDLE = ROOT.ca('test middle')
OTHER_ROOT = Cert('other root', ca=True)
# An UTF8String, a PrintableString, a number.
TEXTS = [('1.2.3.4', b'\x0c\x07web-eu1'), ('1.2.3.5', b'\x13\x03abc'), ('1.2.3.6', b'\x02\x01\x05')]
ALICE = MIDDLE.make('alice', ou=('ops', 'night shift'), extensions=TEXTS, sans=[
    x509.DNSName('a.example.org'), x509.DNSName('b.example.org'), x509.RFC822Name('alice@example.org'),
    x509.UniformResourceIdentifier('spiffe://example.org/alice')])


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    one = Server(dev=False, tls=Certs(tmp_path_factory.mktemp('tls'))).start()
    yield one
    one.clean()


class Mount:
    def __init__(self, server, directory):
        self.server, self.directory, self.name = server, pathlib.Path(directory), f'cert{next(COUNTER)}'
        self.api, self.path = server.api(), f'auth/{self.name}'
        server.mount_auth('cert', self.name)

    def trust(self, name, *certs, **fields):
        answer = self.api.post(f'{self.path}/certs/{name}', {'certificate': ''.join(one.pem for one in certs), **fields})
        assert answer.status == 204, answer

    def crl(self, name, text):
        answer = self.api.post(f'{self.path}/crls/{name}', {'crl': text})
        assert answer.status == 204, answer

    def client(self, cert=None, chain=None):
        return Client(self.server, self.directory, cert, chain)

    def login(self, cert=None, chain=None, **fields):
        return self.client(cert, chain).call('POST', f'{self.path}/login', fields)

    def renew(self, token, cert=None):
        return self.client(cert).call('POST', 'auth/token/renew-self', {}, token)


@pytest.fixture
def mount(server, tmp_path):
    return Mount(server, tmp_path)


def refused(answer, text, status=400):
    assert (answer.status, answer.errors) == (status, [text]), answer


# ---- what a login gives -----------------------------------------------------------------------------------------------


def test_a_login_gives_a_token_with_the_records_policies(mount):
    mount.trust('Staff', ROOT, token_policies='web', display_name='people')
    auth = mount.login(ALICE).json['auth']
    cert = ALICE.cert
    ids = [cert.extensions.get_extension_for_class(kind).value for kind in (x509.SubjectKeyIdentifier, x509.AuthorityKeyIdentifier)]
    assert auth['policies'] == ['default', 'web']
    assert auth['metadata'] == {
        'cert_name': 'staff', 'common_name': 'alice', 'serial_number': str(cert.serial_number),
        'subject_key_id': ids[0].digest.hex(':'), 'authority_key_id': ids[1].key_identifier.hex(':')}
    seen = mount.client().call('GET', 'auth/token/lookup-self', token=auth['client_token']).data
    assert seen['display_name'] == f'{mount.name}-people'


def test_the_connection_must_be_tls_and_show_a_certificate(mount):
    mount.trust('staff', ROOT)
    refused(mount.login(), 'client certificate must be supplied')
    plain = Server().start()
    try:
        plain.mount_auth('cert')
        refused(plain.api(None).post('auth/cert/login'), 'tls connection required')
    finally:
        plain.clean()


def test_a_connection_without_certificate_works_for_all_else(mount):
    assert mount.client().call('GET', 'sys/health').status == 200
    assert mount.client(OTHER_ROOT.make('x')).call('GET', 'sys/health').status == 200


def test_no_login_gives_root(mount):
    mount.trust('staff', ROOT, token_policies='Root')
    refused(mount.login(ALICE), 'auth methods cannot create root tokens')


# ---- chains -----------------------------------------------------------------------------------------------------------


# What the record trusts, which certificate logs in, which it sends; the refusal, or None.
EXPIRED_MIDDLE = ROOT.ca('old middle', begins=-3 * HOUR, ends=-HOUR)
FAR_MIDDLE = MIDDLE.ca('far middle')
SHORT = ROOT.ca('short', path_length=0)
SERVER_ONLY = MIDDLE.make('web', usage=(ExtendedKeyUsageOID.SERVER_AUTH,))
NOT_A_CA = MIDDLE.make('leaf')
OWN = Cert('own')
SAME_KEY = Cert('own', key=OWN.key)
CHAINS = {
    'three': ([ROOT], ALICE, None, None),
    'four': ([ROOT], FAR_MIDDLE.make('bob'), None, None),
    'two': ([ROOT], ROOT.make('bob'), None, None),
    'under the middle alone': ([MIDDLE], ALICE, None, None),
    'the middle comes from the record': ([ROOT, MIDDLE], ALICE, [ALICE], None),
    'the middle is missing': ([ROOT], ALICE, [ALICE], NO_CHAIN),
    'another root': ([OTHER_ROOT], ALICE, None, NO_CHAIN),
    'its root sent along': ([OTHER_ROOT], ALICE, [ALICE, MIDDLE, ROOT], NO_CHAIN),
    'an expired middle': ([ROOT], EXPIRED_MIDDLE.make('bob'), None, NO_CHAIN),
    'an expired middle that is trusted itself': ([EXPIRED_MIDDLE], EXPIRED_MIDDLE.make('bob'), None, NO_CHAIN),
    'expired': ([ROOT], MIDDLE.make('bob', begins=-3 * HOUR, ends=-HOUR), None, NO_CHAIN),
    'not yet valid': ([ROOT], MIDDLE.make('bob', begins=HOUR, ends=3 * HOUR), None, NO_CHAIN),
    'for servers alone': ([ROOT], SERVER_ONLY, None, NO_CHAIN),
    'for anything': ([ROOT], MIDDLE.make('bob', usage=()), None, None),
    'by what is no CA': ([ROOT], NOT_A_CA.make('bob'), None, NO_CHAIN),
    'deeper than the CA allows': ([ROOT], SHORT.ca('deep').make('bob'), None, NO_CHAIN),
    'a middle of the same name': ([ROOT], Cert('test root', ca=True).ca('test middle').make('alice'), None, NO_CHAIN),
    'its own, trusted': ([OWN], OWN, None, None),
    'its own, unknown': ([ROOT], OWN, None, NO_CHAIN),
    'another of the same name and key': ([OWN], SAME_KEY, None, NO_CHAIN),
    'another that the trusted one signed': ([OWN], OWN.make('bob'), None, NO_CHAIN),
    'a leaf that is trusted itself': ([ALICE], ALICE, None, None),
    'a sister of the trusted leaf': ([ALICE], MIDDLE.make('alice'), None, NO_CHAIN),
}


@pytest.mark.parametrize('case', CHAINS)
def test_chains(mount, case):
    trusted, cert, sent, text = CHAINS[case]
    mount.trust('one', *trusted)
    answer = mount.login(cert, sent)
    assert (answer.status, answer.json.get('errors')) == ((400, [text]) if text else (200, None)), answer


def test_nothing_is_trusted_without_a_record(mount):
    refused(mount.login(ALICE), NO_CHAIN)
    refused(mount.login(ALICE, name='absent'), NO_CHAIN)


def test_the_record_that_fits_is_found_or_named(mount):
    mount.trust('a', OTHER_ROOT)
    mount.trust('b', ROOT, allowed_common_names='bob')
    mount.trust('c', ROOT, token_policies='c')
    mount.trust('d', MIDDLE, token_policies='d')
    assert mount.login(ALICE).json['auth']['metadata']['cert_name'] == 'c'
    assert mount.login(ALICE, name='D').json['auth']['policies'] == ['d', 'default']
    refused(mount.login(ALICE, name='a'), NO_CHAIN)
    refused(mount.login(ALICE, name='b'), NO_MATCH)


# ---- revocation -------------------------------------------------------------------------------------------------------


def test_a_revoked_certificate_is_refused(mount):
    mount.trust('staff', ROOT)
    bob = MIDDLE.make('bob')
    mount.crl('middle', MIDDLE.crl(bob))
    refused(mount.login(bob), NO_MATCH)
    assert mount.login(ALICE).status == 200
    mount.api.delete(f'{mount.path}/crls/middle')
    assert mount.login(bob).status == 200


def test_a_revoked_middle_ends_all_under_it(mount):
    mount.trust('staff', ROOT)
    mount.crl('root', ROOT.crl(MIDDLE))
    refused(mount.login(ALICE), NO_MATCH)


def test_several_lists_count_together(mount):
    mount.trust('staff', ROOT)
    bob, eve = MIDDLE.make('bob'), ROOT.make('eve')
    mount.crl('both', MIDDLE.crl(bob) + ROOT.crl(eve))
    mount.crl('others', OTHER_ROOT.crl(ALICE))
    for one, good in ((bob, False), (eve, False), (ALICE, True)):
        assert (mount.login(one).status == 200) is good


def test_an_old_list_still_revokes(mount):
    mount.trust('staff', ROOT)
    bob = MIDDLE.make('bob')
    mount.crl('old', MIDDLE.crl(bob, begins=-3 * HOUR, ends=-HOUR))
    refused(mount.login(bob), NO_MATCH)
    assert mount.login(ALICE).status == 200


def test_a_list_that_another_signed_lets_nobody_in(mount):
    mount.trust('staff', ROOT)
    mount.crl('forged', MIDDLE.crl(key=OTHER_ROOT.key))
    assert mount.login(ALICE).status == 400


def test_a_trusted_middle_needs_no_root_beside_its_list(mount):
    mount.trust('staff', MIDDLE)
    mount.crl('root', ROOT.crl())
    assert mount.login(ALICE).status == 200
    mount.crl('root', ROOT.crl(MIDDLE))
    refused(mount.login(ALICE), NO_MATCH)


def test_a_revoked_certificate_that_is_trusted_itself_is_refused(mount):
    mount.trust('alice', ALICE)
    mount.crl('middle', MIDDLE.crl())
    assert mount.login(ALICE).status == 200
    mount.crl('middle', MIDDLE.crl(ALICE))
    refused(mount.login(ALICE), NO_MATCH)


def broken(pem):
    """What nobody can read, with more behind it."""
    return pem.replace('\nM', '\nA', 1) + pem


@pytest.mark.parametrize('text', ['x', ALICE.pem, MIDDLE.crl()[:200], ROOT.crl() + broken(MIDDLE.crl()),
                                  ROOT.crl() + MIDDLE.crl()[:200]], ids=range(5))
def test_a_bad_list_is_refused(mount, text):
    refused(mount.api.post(f'{mount.path}/crls/bad', {'crl': text}), 'failed to parse CRL')


# ---- names, units, extensions -----------------------------------------------------------------------------------------


RULES = [
    ({}, True),
    ({'allowed_names': 'alice'}, True), ({'allowed_names': 'a*e'}, True), ({'allowed_names': 'x,*.example.org'}, True),
    ({'allowed_names': 'alice@*'}, True), ({'allowed_names': 'bob'}, False), ({'allowed_names': 'Alice'}, False),
    ({'allowed_names': 'spiffe://*'}, False),
    ({'allowed_common_names': 'alice'}, True), ({'allowed_common_names': '*'}, True),
    ({'allowed_common_names': '*.example.org'}, False), ({'allowed_common_names': 'alic'}, False),
    ({'allowed_dns_sans': 'a.example.org'}, True), ({'allowed_dns_sans': '*.example.org'}, True),
    ({'allowed_dns_sans': 'example.org'}, False), ({'allowed_dns_sans': 'alice'}, False),
    ({'allowed_email_sans': 'alice@example.org'}, True), ({'allowed_email_sans': '*@example.org'}, True),
    ({'allowed_email_sans': '*@example.com'}, False), ({'allowed_email_sans': 'a.example.org'}, False),
    ({'allowed_uri_sans': 'spiffe://example.org/*'}, True), ({'allowed_uri_sans': 'https://*'}, False),
    ({'allowed_organizational_units': 'ops'}, True), ({'allowed_organizational_units': 'x,night*'}, True),
    ({'allowed_organizational_units': 'dev'}, False),
    ({'required_extensions': '1.2.3.4:web-eu1'}, True), ({'required_extensions': '1.2.3.4:web-*'}, True),
    ({'required_extensions': ['1.2.3.4:web-*', '1.2.3.5:abc']}, True),
    ({'required_extensions': ['1.2.3.4:web-*', '1.2.3.5:abd']}, False),
    ({'required_extensions': '1.2.3.4:db-*'}, False), ({'required_extensions': '1.2.3.9:*'}, False),
    ({'required_extensions': '1.2.3.6:*'}, False),
    ({'allowed_common_names': 'alice', 'allowed_dns_sans': 'x'}, False),
    ({'allowed_common_names': 'alice', 'allowed_organizational_units': 'ops', 'required_extensions': '1.2.3.4:*'}, True),
]


@pytest.mark.parametrize('number', range(len(RULES)))
def test_rules(mount, number):
    fields, good = RULES[number]
    mount.trust('staff', ROOT, **fields)
    answer = mount.login(ALICE)
    assert (answer.status, answer.json.get('errors')) == ((200, None) if good else (400, [NO_MATCH])), answer


ODD_NAMES = [dict(cn='bob', extra_cn='alice'), dict(cn='alice', extra_cn='bob'), dict(cn='alice\0bob'), dict(cn='*')]


@pytest.mark.parametrize('odd', ODD_NAMES, ids=range(len(ODD_NAMES)))
def test_a_subject_that_can_be_read_in_two_ways_is_not_taken(mount, odd):
    mount.trust('staff', ROOT, allowed_common_names='alice')
    refused(mount.login(MIDDLE.make(**odd)), NO_MATCH)


def test_a_certificate_without_a_common_name_has_no_entity(mount):
    mount.trust('staff', ROOT)
    auth = mount.login(MIDDLE.make(None, sans=[x509.DNSName('x.example.org')])).json['auth']
    assert auth['metadata']['common_name'] == '' and auth['entity_id'] == ''


# ---- records ----------------------------------------------------------------------------------------------------------


BAD_RECORDS = [
    ({}, 'failed to parse certificate'), ({'certificate': 'x'}, 'failed to parse certificate'),
    ({'certificate': ALICE.key_pem}, 'failed to parse certificate'),
    ({'certificate': ROOT.pem + broken(MIDDLE.pem)}, 'failed to parse certificate'),
    ({'certificate': ROOT.pem + MIDDLE.pem[:200]}, 'failed to parse certificate'),
    ({'certificate': ROOT.pem * 65}, 'failed to parse certificate: more than 64'),
    ({'certificate': SERVER_ONLY.pem},
     'non-CA certificates should have TLS client authentication set as an extended key usage'),
    ({'certificate': ROOT.pem, 'required_extensions': '1.2.3'}, '"1.2.3" in \'required_extensions\' has not the form oid:value'),
    ({'certificate': ROOT.pem, 'required_extensions': 'x:y'}, '"x:y" in \'required_extensions\' has not the form oid:value'),
]


@pytest.mark.parametrize('fields, text', BAD_RECORDS, ids=range(len(BAD_RECORDS)))
def test_a_bad_record_is_refused(mount, fields, text):
    refused(mount.api.post(f'{mount.path}/certs/bad', fields), text)


def test_a_record_reads_as_it_was_written(mount):
    mount.trust('Staff', ROOT, allowed_names='a,b', required_extensions='1.2.3:x', ttl=60)
    data = mount.api.get(f'{mount.path}/certs/staff').data
    assert (data['certificate'], data['display_name'], data['allowed_names']) == (ROOT.pem, 'staff', ['a', 'b'])
    assert (data['required_extensions'], data['token_ttl'], data['ttl'], data['allowed_uri_sans']) == (['1.2.3:x'], 60, 60, [])
    assert mount.api.list(f'{mount.path}/certs').data == {'keys': ['staff']}
    assert mount.api.post(f'{mount.path}/certs/staff', {'allowed_names': ''}).status == 204
    data = mount.api.get(f'{mount.path}/certs/staff').data
    assert (data['allowed_names'], data['certificate'], data['token_ttl']) == ([], ROOT.pem, 60)


def test_bound_addresses(mount):
    mount.trust('staff', ROOT, token_bound_cidrs='10.0.0.0/8')
    refused(mount.login(ALICE), 'permission denied', 403)


# ---- renewal: L14 -----------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_with_its_own_certificate_alone(mount):
    mount.trust('staff', ROOT)
    token = mount.login(ALICE).json['auth']['client_token']
    assert mount.renew(token, ALICE).status == 200
    twins = [MIDDLE.make('alice'), MIDDLE.make('alice', key=ALICE.key), MIDDLE.make('alice', serial=ALICE.cert.serial_number),
             ROOT.make('alice', serial=ALICE.cert.serial_number, key=ALICE.key), OTHER_ROOT.make('alice')]
    for twin in twins:
        refused(mount.renew(token, twin), OTHER_CERT)
    refused(mount.renew(token), 'client certificate must be supplied')
    assert mount.renew(token, ALICE).status == 200


def test_a_renewal_asks_all_that_a_login_asks(mount):
    mount.trust('staff', ROOT)
    token = mount.login(ALICE).json['auth']['client_token']
    mount.crl('middle', MIDDLE.crl(ALICE))
    refused(mount.renew(token, ALICE), NO_MATCH)
    mount.api.delete(f'{mount.path}/crls/middle')
    mount.trust('staff', ROOT, allowed_common_names='bob')
    refused(mount.renew(token, ALICE), NO_MATCH)
    mount.trust('staff', OTHER_ROOT, allowed_common_names='')
    refused(mount.renew(token, ALICE), NO_CHAIN)
    mount.trust('staff', ROOT, token_policies='more')
    assert mount.renew(token, ALICE).status == 500
    mount.api.delete(f'{mount.path}/certs/staff')
    refused(mount.renew(token, ALICE), 'role staff does not exist during renewal')


def test_binding_can_be_switched_off(mount):
    mount.trust('staff', ROOT)
    assert mount.api.post(f'{mount.path}/config', {'disable_binding': True}).status == 204
    assert mount.api.get(f'{mount.path}/config').data == {'disable_binding': True}
    token = mount.login(ALICE).json['auth']['client_token']
    assert mount.renew(token).status == 200
    assert mount.api.post(f'{mount.path}/config', {'disable_binding': False}).status == 204
    refused(mount.renew(token), 'client certificate must be supplied')
    assert mount.renew(token, ALICE).status == 200


def test_the_proof_of_a_login_outlives_a_restart(mount):
    mount.trust('staff', ROOT)
    token = mount.login(ALICE).json['auth']['client_token']
    mount.server.restart()
    refused(mount.renew(token, MIDDLE.make('alice')), OTHER_CERT)
    assert mount.renew(token, ALICE).status == 200
