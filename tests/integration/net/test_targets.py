"""targets/:name against a real sshd: test, scan, repin, doctor (T-7, R-7, R-10; docs/targets.md)."""
import itertools

import pytest

from support.figures import figure
from support.keys import SshKey
from support.plain_sshd import PlainSshd
from support.server import Server, free_port

COUNTER = itertools.count()
KINDS = ('ed25519', 'ecdsa', 'rsa')


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    yield one
    one.clean()


@pytest.fixture(scope='module')
def api(server):
    return server.api()


@pytest.fixture(scope='module')
def admin(api, tmp_path_factory):
    """The server's key ssh/keys/admin."""
    key = SshKey(tmp_path_factory.mktemp('admin'), 'admin')
    made = api.post('ssh/keys/admin', {'key': key.path.read_text()})
    assert made.status == 204, made
    return key


@pytest.fixture(scope='module')
def shared(admin, tmp_path_factory):
    """One with a key of each type, whose admin is root."""
    one = PlainSshd(tmp_path_factory.mktemp('sshd'), KINDS)
    one.let_in(admin.public)
    yield one.start()
    one.stop()


@pytest.fixture
def own(admin, tmp_path):
    """One for this test alone."""
    one = PlainSshd(tmp_path / 'sshd')
    one.let_in(admin.public)
    yield one.start()
    one.stop()


class Target:
    """A record of targets/ and its operations."""

    def __init__(self, api, sshd, **fields):
        self.api, self.name = api, f't{next(COUNTER)}'
        self.write(host='127.0.0.1', port=sshd.port, user='root', key='admin', **fields)

    def write(self, **fields):
        made = self.api.post(f'ssh/targets/{self.name}', fields)
        assert made.status == 204, made

    def do(self, what, **fields):
        return self.api.post(f'ssh/targets/{self.name}/{what}', fields)

    def read(self):
        return self.api.get(f'ssh/targets/{self.name}').data

    def state(self):
        """As test finds it; the record says the same."""
        answer = self.do('test')
        assert answer.status == 200, answer
        known = self.read()
        assert (known['state'], known['state_why']) == (answer.data['state'], answer.data['why']) and known['state_at']
        return answer.data['state']


def checks(answer):
    return {row['check']: row for row in answer.data['checks']}


# ---- test -----------------------------------------------------------------

@pytest.mark.parametrize('kind', KINDS)
def test_a_login_holds_any_one_pinned_key(api, shared, kind):
    key = shared.host_keys[KINDS.index(kind)]
    steps = [(form, Target(api, shared, host_keys=[form]).state()) for form in (key.public, key.fingerprint)]
    wrong = [one for one in steps if one[1] != 'ok']
    figure('R-7', len(steps), len(wrong), f'logins with the {kind} key pinned')
    assert wrong == []


def test_what_fails_has_a_name(api, shared, own, admin, tmp_path):
    mine = [key.public for key in shared.host_keys]
    other = SshKey(tmp_path, 'other').public
    refuses = PlainSshd(tmp_path / 'refuses').start()
    try:
        found = {
            'ok': Target(api, shared, host_keys=mine).state(),
            'host_key_unknown': Target(api, shared).state(),
            'host_key_changed': Target(api, shared, host_keys=[other]).state(),
            'login_refused': Target(api, refuses, host_keys=[refuses.host_keys[0].public]).state(),
        }
    finally:
        refuses.stop()
    own.stop()
    found['unreachable'] = Target(api, own, host_keys=mine).state()
    wrong = {name: state for name, state in found.items() if name != state}
    figure('T-7', len(found), len(wrong), 'ends of a test login')
    assert wrong == {}


def test_without_a_key_of_its_own_nothing_is_called(api, shared):
    target = Target(api, shared)
    target.write(key='')
    answer = target.do('test')
    assert (answer.status, answer.json['errors']) == (400, [f'target "{target.name}" has no key of its own to log in with'])


def test_a_key_that_is_not_there_is_refused(api):
    made = api.post('ssh/targets/none', {'host': '10.1.2.3', 'key': 'none'})
    assert (made.status, made.json['errors']) == (400, ['key "none" not found'])


# ---- scan and repin -------------------------------------------------------

def test_a_scan_shows_each_key_and_what_it_is_to_the_pins(api, shared, tmp_path):
    other = SshKey(tmp_path, 'other', 'ecdsa').public
    ed25519, ecdsa, rsa = shared.host_keys
    target = Target(api, shared, host_keys=[ed25519.public, other])
    answer = target.do('scan')
    assert answer.status == 200, answer
    found = {key['fingerprint']: key['state'] for key in answer.data['host_keys']}
    assert found == {ed25519.fingerprint: 'pinned', ecdsa.fingerprint: 'changed', rsa.fingerprint: 'new'}
    assert answer.data['missing'] == [' '.join(other.split()[:2])] and answer.data['state'] == 'ok'
    assert 'curve25519-sha256' in answer.data['kex'] and 'aes256-ctr' in answer.data['ciphers'] and answer.data['macs']
    assert target.read()['host_keys'] == [' '.join(one.split()[:2]) for one in (ed25519.public, other)], 'a scan pins nothing'


def test_a_changed_key_needs_a_repin(api, own):
    target = Target(api, own, host_keys=[own.host_keys[0].public])
    states = [target.state()]
    own.stop()
    own.host_keys = [own.new_host_key('ed25519')]
    own.start()
    fingerprint = own.host_keys[0].fingerprint
    states.append(target.state())
    why = target.read()['state_why']
    assert fingerprint in why and 'is not among the pinned ones: SHA256:' in why
    assert target.do('scan').data['state'] == 'host_key_changed'
    blind = [target.do('repin'), target.do('repin', fingerprints=[]), target.do('repin', fingerprints=['SHA256:' + 'A' * 43]),
             target.do('repin', fingerprints=[fingerprint], host_keys=[own.host_keys[0].public])]
    states.append(target.state())
    assert [one.status for one in blind] == [400] * 4, blind
    done = target.do('repin', fingerprints=[fingerprint])
    assert done.status == 200 and len(done.data['removed']) == len(done.data['added']) == 1, done
    assert target.read()['state'] == '', 'what was seen says nothing of the new pins'
    states.append(target.state())
    wrong = [] if states == ['ok', 'host_key_changed', 'host_key_changed', 'ok'] else states
    figure('R-10', 4, len(wrong), 'logins around a changed host key')
    assert wrong == []


def test_a_second_pin_is_for_an_upgrade(api, own):
    target = Target(api, own, host_keys=[own.host_keys[0].public])
    coming = own.new_host_key('rsa')
    assert target.do('repin', host_keys=[coming.public], add=True).status == 200
    assert len(target.read()['host_keys']) == 2 and target.state() == 'ok'
    own.stop()
    own.host_keys = [coming]
    own.start()
    assert target.state() == 'ok'


# ---- doctor ---------------------------------------------------------------

def test_the_doctor_says_what_mends_it(api, shared, tmp_path):
    target = Target(api, shared)
    rows = checks(target.do('doctor'))
    assert rows['reachable']['state'] == 'ok' and rows['reachable']['seen'].startswith('SSH-2.0-OpenSSH')
    assert rows['host key']['state'] == 'bad' and 'repin' in rows['host key']['fix']
    assert rows['login']['state'] == 'bad'
    target.do('repin', host_keys=[key.public for key in shared.host_keys])
    rows = checks(target.do('doctor'))
    assert [rows[name]['state'] for name in ('reachable', 'host key', 'algorithms', 'login')] == ['ok'] * 4, rows


def test_weak_algorithms_are_named(api, admin, tmp_path):
    weak = PlainSshd(tmp_path / 'weak', lines=('Ciphers aes128-cbc,aes256-ctr', 'MACs hmac-md5,hmac-sha2-256'))
    weak.let_in(admin.public)
    weak.start()
    try:
        row = checks(Target(api, weak, host_keys=[weak.host_keys[0].public]).do('doctor'))['algorithms']
    finally:
        weak.stop()
    assert row['state'] == 'warn' and 'aes128-cbc, hmac-md5' in row['seen'] and row['fix']


def test_nobody_there_is_one_bad_row(api, shared):
    target = Target(api, shared)
    target.write(port=free_port())
    answer = target.do('doctor')
    assert [row['check'] for row in answer.data['checks']] == ['reachable'] and not answer.data['ok']
    assert target.do('scan').status == 502
