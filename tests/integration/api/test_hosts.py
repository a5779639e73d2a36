"""M-11, and who may log in: what hosts report, and what they are told at each login (docs/host-enrolment.md)."""
import itertools

import pytest

from support import krl
from support.figures import figure
from support.hosts import Hosts
from support.keys import SshKey
from support.server import Server
from support.wire import Wire

COUNTER = itertools.count()
REFUSED = (400, ['invalid host or host secret'])


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    yield one
    one.clean()


@pytest.fixture(scope='module')
def ca_key(tmp_path_factory):
    """The CA's own, so that certificates can be had that the mount has not signed."""
    return SshKey(tmp_path_factory.mktemp('ca'), 'ca')


@pytest.fixture(scope='module')
def hosts(server, ca_key):
    made = server.api().post('ssh/config/ca', {'private_key': ca_key.path.read_text(), 'public_key': ca_key.public})
    assert made.status == 204, made
    one = Hosts.over(server, 'ssh')
    one.role('users', allow_user_key_ids=True)
    return one


@pytest.fixture
def key(tmp_path):
    return SshKey(tmp_path, 'user')


@pytest.fixture
def host(hosts, tmp_path):
    return hosts.enrol(f'h{next(COUNTER)}.example.com', SshKey(tmp_path, 'host'))


def newest(hosts):
    return krl.version(krl.fetch(hosts.server)[2])


def listed(hosts, host):
    return hosts.api.list('ssh/hosts').data['key_info'][host.name]


# ---- reports --------------------------------------------------------------

def test_a_host_is_behind_until_it_reports_the_newest_list(hosts, host, key):
    assert listed(hosts, host)['krl_behind'] and listed(hosts, host)['reported_at'] is None
    steps, wrong = 0, []
    for _ in range(3):
        version = newest(hosts)
        assert host.report(krl_version=version).status == 204
        caught_up = not listed(hosts, host)['krl_behind']
        revoked = hosts.sign('users', key).data['serial_number']
        assert hosts.api.post('ssh/revoke', {'serial_number': revoked}).status == 200
        known, steps = hosts.known(host.name), steps + 1
        if not caught_up or not known['krl_behind'] or (known['krl_version'], known['krl_newest']) != (version, newest(hosts)):
            wrong.append((caught_up, known))
    figure('M-11', steps, len(wrong), 'revocations that a host has yet to load')
    assert wrong == []


def test_last_error_and_retry_count_are_kept_as_reported(hosts, host):
    for error, count in (('curl: (7) no route to 10.0.0.1', 3), ('', 0), ('sshd -t: line 5 "x"', 2 ** 31 - 1), ('ü' * 500, 1)):
        assert host.report(last_error=error, retry_count=count).status == 204
        for told in (hosts.known(host.name), listed(hosts, host)):
            assert (told['last_error'], told['retry_count']) == (error, count) and told['reported_at']
    assert host.report(last_error='a\x1b[31mb\nc').status == 204
    assert hosts.known(host.name)['last_error'] == 'a [31mb c'


def test_no_version_is_reported_that_never_was(hosts, host):
    version = newest(hosts)
    got = host.report(krl_version=version + 1)
    assert (got.status, got.errors) == (400, ['krl_version is newer than any revocation list of this mount'])
    assert hosts.known(host.name)['reported_at'] is None
    assert host.report(krl_version=version).status == 204


def test_hosts_are_listed_in_pages_by_name(hosts, host):
    names = hosts.api.list('ssh/hosts').data['keys']
    assert names == sorted(names) and host.name in names
    for at, name in enumerate(names[:-1]):
        page = hosts.api.list(f'ssh/hosts?after={name}&limit=1').data
        assert page['keys'] == list(page['key_info']) == names[at + 1:at + 2]


# ---- the end of a host ----------------------------------------------------

def test_deleting_a_host_revokes_what_it_has(hosts, host, tmp_path):
    host.take(host.renew())
    serials = set(hosts.known(host.name)['certificates'])
    assert len(serials) == 2
    assert hosts.api.delete(f'ssh/hosts/{host.name.upper()}').status == 204
    krl.save(hosts.server, tmp_path / 'krl')
    assert {int(one, 16) for one in serials} <= krl.serials(tmp_path / 'krl')
    for one in serials:
        assert hosts.api.get(f'ssh/cert/{one}').data['revoked']
    assert hosts.known(host.name) is None
    for got in (host.report(), host.principals('ubuntu')):
        assert (got.status, got.errors) == REFUSED
    again = hosts.enrol(host.name, host.key)
    assert again.report().status == 204 and len(hosts.known(host.name)['certificates']) == 1
    assert hosts.api.delete('ssh/hosts/none.example.com').status == 204


# ---- principals -----------------------------------------------------------

def asked(host, username, cert=None, **fields):
    got = host.principals(username, cert, **fields)
    assert got.status == 200, got
    assert set(got.data) == {'principals', 'valid_for'}
    return got.data['principals']


def write(hosts, name, **fields):
    got = hosts.api.post(f'ssh/hosts/{name}', fields)
    assert got.status == 204, got


def test_accounts_say_who_may_log_in(hosts, host):
    assert asked(host, 'ubuntu') == ['ubuntu'], 'nobody has said anything: as sshd does by itself'
    write(hosts, host.name, accounts={'deploy': ['ci', 'deploy'], 'root': [], '*': ['{{username}}', '{{username}}@{{host}}']})
    for username, principals in {'deploy': ['ci', 'deploy'], 'root': [], 'bob': ['bob', f'bob@{host.name}'],
                                 '*': [], 'a b': [], 'a,b': [], '{{host}}': ['{{host}}', f'{{{{host}}}}@{host.name}']}.items():
        assert asked(host, username) == principals, username
    write(hosts, host.name, accounts='{"deploy":"ci"}')
    assert asked(host, 'deploy') == ['ci'] and asked(host, 'bob') == []
    write(hosts, host.name, require_registered=False)
    assert asked(host, 'deploy') == ['ci'], 'what is not sent stays'
    write(hosts, host.name, accounts={})
    assert asked(host, 'bob') == ['bob'] and hosts.known(host.name)['accounts'] == {}


def test_the_default_speaks_for_hosts_without_accounts(hosts, host, key):
    write(hosts, 'default', accounts={'deploy': ['ci']}, require_registered=True)
    cert = hosts.sign('users', key)
    assert asked(host, 'deploy', cert) == ['ci'] and asked(host, 'bob', cert) == [] and asked(host, 'deploy') == []
    write(hosts, host.name, accounts={'bob': ['bob']})
    assert asked(host, 'bob') == ['bob'] and asked(host, 'deploy') == []
    write(hosts, host.name, accounts={}, require_registered=True)
    assert hosts.api.delete('ssh/hosts/default').status == 204
    assert asked(host, 'bob', cert) == ['bob'] and asked(host, 'bob') == []
    assert hosts.api.list('ssh/hosts').data['key_info'][host.name]['enrolled']


@pytest.mark.parametrize('how', ['serial_number', 'key_id', 'public_key', 'issuer'])
def test_nobody_logs_in_with_what_is_revoked(hosts, host, key, ca_key, how):
    """By whichever way, registered or not: the list that the host has may be old."""
    key_id = f'{how}-{next(COUNTER)}'
    cert = hosts.sign('users', key, key_id=key_id)
    assert asked(host, 'ubuntu', cert) == ['ubuntu']
    body = {'serial_number': {'serial_number': cert.data['serial_number']}, 'key_id': {'key_id': key_id},
            'public_key': {'public_key': key.public}, 'issuer': {'public_key': hosts.public, 'issuer_ref': 'default'}}[how]
    assert hosts.api.post('ssh/revoke', body).status == 200
    assert asked(host, 'ubuntu', cert) == []
    if how != 'serial_number':
        assert asked(host, 'ubuntu', cert, serial_number='1') == [], 'the register need not know it'
    if how == 'issuer':
        name, = [one for one, told in hosts.api.list('ssh/revoked').data['key_info'].items()
                 if told.get('fingerprint') == ca_key.fingerprint]
        assert hosts.api.delete(f'ssh/revoked/{name}').status == 204
        assert asked(host, 'ubuntu', cert) == ['ubuntu']


def test_registered_is_what_this_mount_signed(hosts, host, key, ca_key, tmp_path):
    write(hosts, host.name, require_registered=True)
    cert = hosts.sign('users', key)
    read = cert.read()
    assert asked(host, 'ubuntu', cert) == ['ubuntu']
    # The CA's key signs without the mount: another number, or the same one.
    unknown = ca_key.certify(key, 'ubuntu', name='unknown', serial=7)
    twin = ca_key.certify(SshKey(tmp_path, 'twin'), 'ubuntu', name='twin', serial=read['serial'])
    for one in (unknown, twin):
        assert asked(host, 'ubuntu', one) == []
    for name in ('key_id', 'fingerprint', 'ca_fingerprint', 'serial_number'):
        assert asked(host, 'ubuntu', cert, **{name: 'SHA256:' + 'A' * 43}) == [], name
        assert asked(host, 'ubuntu', cert, **{name: ''}) == [], name
    assert asked(host, 'ubuntu') == []


def test_the_answer_says_how_long_it_may_be_kept(hosts, host):
    assert host.principals('ubuntu').data['valid_for'] == 3600
    assert hosts.api.post('ssh/config/options', {'principals_cache_ttl': '5m'}).status == 204
    assert host.principals('ubuntu').data['valid_for'] == 300
    assert hosts.api.post('ssh/config/options', {}).status == 204


def test_a_secret_is_of_one_host_alone(hosts, host, tmp_path):
    other = hosts.enrol(f'other-{host.name}', SshKey(tmp_path, 'other'))
    for path in (host.name, 'default', 'none.example.com'):
        got = host.call(f'principals/{path}', host_secret=other.secret, username='ubuntu')
        assert (got.status, got.errors) == REFUSED, path
    write(hosts, 'never.example.com', require_registered=True)
    for secret in ('', 'x', '0' * 64):
        assert host.call('principals/never.example.com', host_secret=secret, username='ubuntu').status == 400


def test_guesses_are_bounded_and_hosts_go_on(hosts, host):
    """Misses alone are counted, of the address that they come from."""
    wire, counts = Wire(hosts.server, token=None, source='127.0.0.77'), {}
    body = {'host_secret': 'a guess', 'username': 'ubuntu'}
    for _ in range(700):
        status, _ = wire.call('POST', f'ssh/principals/{host.name}', body)
        counts[status] = counts.get(status, 0) + 1
    good = [wire.call('POST', f'ssh/principals/{host.name}', {**body, 'host_secret': host.secret})[0] for _ in range(20)]
    wire.close()
    assert set(counts) == {400, 429} and counts[400] >= 500, counts
    assert good == [200] * 20 and asked(host, 'ubuntu') == ['ubuntu']
