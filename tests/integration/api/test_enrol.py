"""A host's certificate: enrolled with a token, renewed by its key (docs/host-enrolment.md)."""
import itertools
import time

import pytest

from support import audit, krl
from support.ca import HOST, USER, read, seconds
from support.hosts import Host, Hosts
from support.keys import SshKey
from support.server import Server, wait_for

COUNTER = itertools.count()
NO_TOKEN = 'invalid enrolment token'
NO_PROOF = 'invalid host, nonce or signature'


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh().mount_ssh('other')
    yield one
    one.clean()


@pytest.fixture(scope='module')
def hosts(server):
    return Hosts(server)


@pytest.fixture(scope='module')
def other(server):
    return Hosts(server, 'other')


@pytest.fixture(scope='module')
def key(tmp_path_factory):
    """key('a') is made at its first use."""
    directory, made = tmp_path_factory.mktemp('host-keys'), {}

    def make(name, kind='ed25519', bits=None):
        if name not in made:
            made[name] = SshKey(directory, name, kind, bits)
        return made[name]
    return make


@pytest.fixture
def name():
    """A host that no other test has."""
    return f'h{next(COUNTER)}.example.com'


def refused(got, text):
    assert (got.status, got.errors) == (400, [text]), got


def enrol(hosts, token, key):
    return hosts.open.post(f'{hosts.mount}/enrol', {'enrolment_token': token, 'public_key': key.public})


def parsed(told, tmp_path):
    (tmp_path / 'cert.pub').write_text(told['signed_key'])
    return read(tmp_path / 'cert.pub')


# ---- tokens ---------------------------------------------------------------

def test_a_token_gives_one_certificate(hosts, key, name, tmp_path):
    made = hosts.token(name.upper(), principals=f'{name},alias.example.com')
    assert made['host'] == name and made['principals'] == [name, 'alias.example.com'] and made['cidr_list'] == []
    assert {k: v for k, v in made.items() if k not in ('enrolment_token', 'accessor')} == hosts.api.list(
        'ssh/enrol/tokens').data['key_info'][made['accessor']]
    before = time.time()
    got = enrol(hosts, made['enrolment_token'], key('a'))
    assert got.status == 200, got
    told, cert = got.data, parsed(got.data, tmp_path)
    assert cert['Type'].endswith('host certificate') and sorted(cert['Principals']) == ['alias.example.com', name]
    assert f'{cert["serial"]:x}' == told['serial_number'] and cert['before'] == seconds(told['expiration'][:-1])
    assert abs(cert['before'] - before - 3600) < 60 and abs(told['renew_after'] - 2400) < 60
    assert told['trusted_user_ca_keys'] == hosts.open.get('ssh/public_key').body
    assert told['krl_version'] == krl.version(krl.fetch(hosts.server)[2])
    row = hosts.api.get(f'ssh/cert/{told["serial_number"]}').data
    assert (row['role'], row['display_name'], row['entity_id'], row['token_accessor']) == ('hosts', name, '', '')
    assert row['fingerprint'] == key('a').fingerprint and name in row['key_id']
    refused(enrol(hosts, made['enrolment_token'], key('a')), NO_TOKEN)
    assert hosts.api.get(f'ssh/enrol/tokens/{made["accessor"]}').status == 404


@pytest.mark.parametrize('kind, bits', [('ed25519', None), ('ecdsa', 256), ('rsa', 3072)])
def test_every_kind_of_host_key_enrols_and_renews(hosts, key, name, kind, bits):
    host = hosts.enrol(name, key(f'{kind}{bits}', kind, bits))
    host.take(host.renew())


def test_a_key_that_is_refused_does_not_use_the_token_up(hosts, key, name):
    token = hosts.token(name)['enrolment_token']
    assert hosts.api.post('ssh/revoke', {'public_key': key('lost').public}).status == 200
    for public, text in (('wood', 'failed to parse public_key as SSH key'), (key('lost').public, f'public_key {key("lost").fingerprint} is revoked')):
        got = hosts.open.post('ssh/enrol', {'enrolment_token': token, 'public_key': public})
        assert got.status == 400 and got.errors[0].startswith(text), got
    assert enrol(hosts, token, key('a')).status == 200


def test_tokens_end_are_withdrawn_and_stay_where_they_belong(hosts, other, key, name):
    short, gone, far = hosts.token(name, ttl='1s'), hosts.token(name), hosts.token(name, cidr_list='192.0.2.0/24')
    assert hosts.api.delete(f'ssh/enrol/tokens/{gone["accessor"]}').status == 204
    assert hosts.api.delete(f'ssh/enrol/tokens/{gone["accessor"]}').status == 404
    wait_for(lambda: hosts.api.get(f'ssh/enrol/tokens/{short["accessor"]}').status == 404, 'a token of a second ends')
    for one in (short, gone, far):
        refused(enrol(hosts, one['enrolment_token'], key('a')), NO_TOKEN)
    mine = hosts.token(name)['enrolment_token']
    refused(enrol(other, mine, key('a')), NO_TOKEN)
    assert enrol(hosts, mine, key('a')).status == 200


def test_a_role_must_allow_the_host_whoever_asks(hosts, key, name):
    hosts.role('users', USER)
    hosts.role('whose', HOST, allowed_domains='{{identity.entity.name}}', allowed_domains_template=True, allow_bare_domains=True)
    for role, fields in (('users', {}), ('whose', {}), ('hosts', {'principals': 'evil.org'}), ('hosts', {'principals': ['a,b']}),
                         ('hosts', {'principals': '*.example.com'}), ('none', {})):
        got = hosts.api.post('ssh/enrol/tokens', {'host': name, 'role': role, **fields})
        assert got.status == 400, (role, fields, got)
    # What it allows is asked again when the token is used; the token stays.
    hosts.role('changing', HOST)
    token = hosts.token(name, role='changing')['enrolment_token']
    hosts.role('changing', HOST, allowed_domains='example.org')
    refused(enrol(hosts, token, key('a')), f'{name} is not a valid value for valid_principals')
    hosts.role('changing', HOST)
    assert enrol(hosts, token, key('a')).status == 200


def test_a_token_for_more_names_than_it_can_hold_is_refused(hosts, name):
    names = [f'{"a" * 60}.{"b" * 60}.{"c" * 60}.{n}.example.com' for n in range(256)]
    blocks = ','.join(f'2001:db8::{n:x}:0:0:0/80' for n in range(0x1000, 0x1000 + 600))
    got = hosts.api.post('ssh/enrol/tokens', {'host': name, 'role': 'hosts', 'principals': ','.join(names), 'cidr_list': blocks})
    refused(got, "'principals' and 'cidr_list' are too long together: an enrolment token holds 63 KiB of them")


def test_enrolling_again_ends_the_former_key_and_secret(hosts, key, name):
    first = hosts.enrol(name, key('a'))
    hosts.api.post(f'ssh/hosts/{name}', {'accounts': {'deploy': ['ci']}})
    second = hosts.enrol(name, key('b'))
    refused(first.report(), 'invalid host or host secret')
    refused(first.renew(), NO_PROOF)
    assert second.report().status == 204 and second.renew().status == 200
    known = hosts.known(name)
    assert known['accounts'] == {'deploy': ['ci']} and known['fingerprint'] == key('b').fingerprint
    assert {first.told['serial_number'], second.told['serial_number']} < set(known['certificates'])


# ---- renewal --------------------------------------------------------------

def test_a_renewal_is_by_the_current_key(hosts, key, name):
    host = hosts.enrol(name, key('a'))
    before = dict(host.told)
    host.take(host.renew())
    assert host.told['serial_number'] != before['serial_number'] and host.told['host_secret'] != before['host_secret']
    # Another key takes its place, and the former is of no more use.
    host.take(host.renew(public_key=key('b').public))
    refused(host.renew(), NO_PROOF)
    host.key = key('b')
    host.take(host.renew())
    known = hosts.known(name)
    assert known['serial_number'] == host.told['serial_number'] and known['fingerprint'] == key('b').fingerprint
    assert len(known['certificates']) == 4


def test_what_is_no_proof_is_refused_alike(hosts, other, key, name):
    host, beside = hosts.enrol(name, key('a')), hosts.enrol(f'other-{name}', key('b'))
    twin = other.enrol(name, key('a'))
    asked, foreign = host.challenge(), twin.challenge()
    name_, nonce, message = asked['namespace'], asked['nonce'], asked['message']
    good = key('a').sign(name_, message)
    tries = {
        'a host that is not there': {'host': f'none-{name}'},
        'a nonce of another host': {**beside.renewal(key('a')), 'host': name},
        "another host's proof": {**beside.renewal(), 'host': name},
        'another key': host.renewal(key('b')),
        'a nonce of another mount': {'nonce': foreign['nonce'], 'signature': key('a').sign(name_, foreign['nonce'] + asked['mount_accessor'])},
        "another mount's proof": twin.renewal(),
        'another purpose': {'signature': key('a').sign(name_.replace('renew', 'login'), message)},
        'another cluster': {'signature': key('a').sign(name_[:-1] + 'x', message)},
        'without the accessor': {'signature': key('a').sign(name_, nonce)},
        'no nonce of ours': {'nonce': 'x' * 100, 'signature': key('a').sign(name_, 'x' * 100 + asked['mount_accessor'])},
        **{f'a nonce changed at {at}': (lambda changed: {'nonce': changed, 'signature': key('a').sign(
            name_, changed + asked['mount_accessor'])})(nonce[:at] + ('a' if nonce[at] != 'a' else 'b') + nonce[at + 1:])
           for at in (0, 24, 30, len(nonce) - 1)},
    }
    for what, body in tries.items():
        got = host.call('enrol/renew', **{'host': name, 'nonce': nonce, 'signature': good, **body})
        assert (got.status, got.errors) == (400, [NO_PROOF]), (what, got)
    body = {'host': name.upper(), 'nonce': nonce, 'signature': good}
    host.take(host.call('enrol/renew', **body))
    refused(host.call('enrol/renew', **body), NO_PROOF)


def test_challenges_tell_nothing_of_hosts(hosts, key, name):
    hosts.enrol(name, key('a'))
    known, unknown = (hosts.open.post('ssh/enrol/challenge', {'host': one}).data for one in (name, f'none-{name}'))
    assert {k: v for k, v in known.items() if k not in ('nonce', 'message')} == {
        k: v for k, v in unknown.items() if k not in ('nonce', 'message')}
    assert len(known['nonce']) == len(unknown['nonce']) and known['ttl'] == 60
    cluster = hosts.api.get('sys/health').json['cluster_id']
    assert known['namespace'] == f'sallyport-renew@{cluster}' and known['message'] == known['nonce'] + known['mount_accessor']


@pytest.mark.parametrize('how', ['serial_number', 'key_id', 'public_key', 'deleted'])
def test_what_is_revoked_or_deleted_does_not_renew(hosts, key, name, how):
    own = key(f'own-{how}')
    host = hosts.enrol(name, own)
    ready = host.renewal()
    row = hosts.api.get(f'ssh/cert/{host.told["serial_number"]}').data
    what = {'serial_number': row['serial_number'], 'key_id': row['key_id'], 'public_key': own.public}.get(how)
    if how == 'deleted':
        assert hosts.api.delete(f'ssh/hosts/{name}').status == 204
        refused(host.call('enrol/renew', **ready), NO_PROOF)
    else:
        assert hosts.api.post('ssh/revoke', {how: what}).status == 200
        refused(host.call('enrol/renew', **ready), 'the current certificate is revoked: enrol the host again')
    assert hosts.known(name) is None or hosts.known(name)['serial_number'] == row['serial_number']


def test_a_revoked_key_cannot_be_changed_to(hosts, key, name):
    host = hosts.enrol(name, key('a'))
    assert hosts.api.post('ssh/revoke', {'public_key': key('gone').public}).status == 200
    got = host.renew(public_key=key('gone').public)
    assert got.status == 400 and got.errors[0].startswith(f'public_key {key("gone").fingerprint} is revoked'), got
    assert host.renew().status == 200


def test_the_end_and_the_grace(hosts, key, name):
    hosts.role('short', HOST, ttl='1s')
    host = hosts.enrol(name, key('a'), role='short')
    ended = lambda: seconds(host.told['expiration'][:-1]) < time.time() - 1
    wait_for(ended, 'a certificate of a second ends')
    hosts.api.post('ssh/config/options', {'renewal_grace': 0})
    refused(host.renew(), 'the current certificate ended too long ago: enrol the host again')
    hosts.api.post('ssh/config/options', {'renewal_grace': '1h'})
    host.take(host.renew())
    wait_for(ended, 'a certificate of a second ends')
    assert hosts.api.delete('ssh/tidy/certs?safety_buffer=0s').status == 202
    refused(host.renew(), 'the current certificate is not in the register any more: enrol the host again')
    hosts.api.post('ssh/config/options', {})


def test_a_host_has_so_many_live_certificates(hosts, key, name):
    host = hosts.enrol(name, key('a'))
    for _ in range(31):
        host.take(host.renew())
    refused(host.renew(), '32 certificates of this host are live: wait until one ends, or delete the host')
    assert len(hosts.known(name)['certificates']) == 32


# ---- what stays -----------------------------------------------------------

def test_the_former_secret_is_good_until_the_new_one_reports(hosts, key, name):
    host = hosts.enrol(name, key('a'))
    first = host.secret
    assert host.report().status == 204
    for _ in range(2):
        assert host.renew().status == 200, 'nobody got the answer'
    assert host.report(first).status == 204 and host.principals('ubuntu').data['principals'] == ['ubuntu']
    host.take(host.renew())
    assert host.report(first).status == 204
    assert host.report().status == 204
    refused(host.report(first), 'invalid host or host secret')
    refused(host.principals('ubuntu', host_secret=first), 'invalid host or host secret')


def test_no_kill_undoes_what_was_answered(key, tmp_path):
    server = Server(dev=False).start().mount_ssh()
    try:
        hosts = Hosts(server)
        used, waiting = hosts.token('a.example.com'), hosts.token('b.example.com')
        host = Host(hosts, 'a.example.com', key('a'), used['enrolment_token'])
        body = host.renewal()
        host.take(host.call('enrol/renew', **body))
        assert host.report(last_error='none', retry_count=2).status == 204
        server.kill()
        server.start()
        refused(enrol(hosts, used['enrolment_token'], key('a')), NO_TOKEN)
        refused(host.call('enrol/renew', **body), NO_PROOF)
        known = hosts.known('a.example.com')
        assert (known['serial_number'], known['last_error'], known['retry_count']) == (host.told['serial_number'], 'none', 2)
        assert host.renew().status == 200 and enrol(hosts, waiting['enrolment_token'], key('b')).status == 200
    finally:
        server.clean()


def test_no_secret_stands_in_the_audit_log(server, hosts, key, name):
    log = server.enable_audit()
    token = hosts.token(name)
    host = Host(hosts, name, key('a'), token['enrolment_token'])
    first, body = host.secret, host.renewal()
    host.take(host.call('enrol/renew', **body))
    assert host.report(last_error='a very special error').status == 204
    assert host.principals('ubuntu', fingerprint='SHA256:special').status == 200
    assert host.call(f'principals/{name}', host_secret='a-guess-at-it', username='u').status == 400
    server.api().get('sys/mounts')
    text = log.read_text()
    lines = [one for one in audit.lines(log) if one.get('request', {}).get('path', '').startswith(('ssh/enrol', 'ssh/principals'))]
    for secret in (token['enrolment_token'], first, host.secret, body['nonce'], body['signature'][40:90], 'a very special error',
                   'a-guess-at-it', 'SHA256:special'):
        assert secret not in text
    shown = {field for one in lines for part in ('request', 'response') for field, value in (
        (one.get(part) or {}).get('data') or {}).items() if str(value).startswith('hmac-sha256:')}
    assert {'enrolment_token', 'host_secret', 'nonce', 'signature', 'last_error', 'accessor'} <= shown
