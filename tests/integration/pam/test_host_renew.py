"""M-11: what the timer runs: lists, CA keys and certificates are fetched and renewed, and a fault in one stops no other."""
import subprocess

import pytest

from support.figures import figure
from support.keys import SshKey
from support.server import wait_for
from support.standin import Standin
from support.target import Authority, Target


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='module')
def server(authority):
    with Standin(body=authority) as server:
        yield server


@pytest.fixture
def target(public_path, server, authority):
    authority.said, authority.reports = {}, []
    one = Target(public_path, server.address)
    assert one.enrol('good').returncode == 0
    yield one
    one.stop()


def user_of(authority, directory, name):
    key = SshKey(directory, name)
    cert = directory / f'{name}-cert.pub'
    cert.write_text(authority.certify(key.public, name='ubuntu', host=False))
    return key.path, cert


def revoking(authority, directory, cert, version):
    path = directory / f'krl{version}'
    subprocess.run(['ssh-keygen', '-q', '-k', '-f', path, '-z', str(version), '-s', authority.ca.pub, cert], check=True)
    return path.read_bytes()


def swap_key(target, new):
    config = target.settings['sshd_config']
    config.write_text(config.read_text().replace(f'HostKey {target.key}\n', f'HostKey {new.path}\n'))


def test_a_list_that_revokes_is_loaded(target, authority, public_path):
    user, other = user_of(authority, public_path, 'user'), user_of(authority, public_path, 'other')
    assert target.lets_in(*user) and target.lets_in(*other)
    authority.said = {'krl': revoking(authority, public_path, user[1], 7)}
    assert target.renew().returncode == 0
    assert not target.lets_in(*user)
    assert target.lets_in(*other)
    assert authority.reports[-1]['krl_version'] == 7
    # An older one, a broken one and none at all: what is revoked stays so.
    for answer in (authority.empty_krl.read_bytes(), b'SSHKRL\n\0', b'', (503, {'errors': []}), (302, b'')):
        authority.said = {'krl': answer}
        done = target.renew()
        assert done.returncode == 1 and 'revocation list' in done.stderr, done
        assert not target.lets_in(*user)
    assert authority.reports[-1]['krl_version'] == 7 and authority.reports[-1]['retry_count'] == 5
    code, said = target.status()
    assert (code, said['state'], said['retry_count'], said['krl_version']) == (1, 'the last run failed', 5, 7)
    assert said['last_error'].startswith('revocation list: ')
    authority.said = {'krl': (400, {'errors': ['\x1b[31mred\n\x07']})}
    assert target.renew().returncode == 1
    assert target.status()[1]['last_error'].endswith('answered 400: ?[31mred??')


def test_a_certificate_is_renewed_when_due_and_not_before(target, authority):
    first = target.cert.read_text()
    assert target.renew().returncode == 0
    assert target.cert.read_text() == first
    target.record(renew_at_s=1)
    assert target.renew().returncode == 0
    second = target.cert.read_text()
    assert second != first and target.record()['renew_at_s'] > 1
    assert target.secret.read_text().strip() == authority.reports[-1]['host_secret']
    target.secret.unlink()
    assert target.renew().returncode == 0 and target.secret.exists()
    assert target.cert.read_text() != second


def test_a_new_key(target, authority, public_path):
    """Which takes the place of the first in sshd, too."""
    user = user_of(authority, public_path, 'user')
    new = SshKey(target.dir, 'host_key2')
    swap_key(target, new)
    assert target.renew(f'-key={new.pub}').returncode == 0
    assert target.lets_in(*user, trusted=authority.ca.public)
    assert target.record()['key'] == str(new.path)
    assert f'HostCertificate {new.path}-cert.pub\n' in target.conf.read_text()


def test_a_new_key_whose_answer_was_lost(target, authority):
    """The server may know that key alone: it is tried where the old one is refused."""
    new, asked = SshKey(target.dir, 'host_key2'), []
    swap_key(target, new)

    def by_new_key_alone(body):
        asked.append(body)
        return authority.issue(body['public_key']) if len(asked) == 2 else (400, {'errors': ['invalid host, nonce or signature']})
    authority.said = {'enrol/renew': (500, b'')}
    assert target.renew(f'-key={new.pub}').returncode == 1
    authority.said = {}
    authority.say_enrol_renew = by_new_key_alone
    try:
        assert target.renew().returncode == 0 and len(asked) == 2
    finally:
        del authority.say_enrol_renew
    assert asked[0]['signature'] != asked[1]['signature'] and len({body['public_key'] for body in asked}) == 1
    assert target.record()['key'] == str(new.path) and target.record()['next_key'] == ''


def test_a_certificate_that_sshd_does_not_show_goes_back(target, authority, public_path):
    """And its list comes all the same: each part stands for itself."""
    user = user_of(authority, public_path, 'user')
    before = target.files()
    other = target.conf.parent / '10-admin.conf'
    other.write_text('HostKeyAlgorithms ssh-ed25519\n')
    target.record(renew_at_s=1)
    authority.said = {'krl': revoking(authority, public_path, user[1], 9)}
    done = target.renew()
    other.unlink()
    assert done.returncode == 1 and 'does not show' in done.stderr, done
    after = target.files()
    assert {path for path in before if before[path] != after.get(path)} == {target.krl}
    assert authority.reports[-1]['krl_version'] == 9 and 'does not show' in authority.reports[-1]['last_error']
    # Not again at once: each try is one more certificate that is live.
    reports, serial = len(authority.reports), authority.serial
    target.renew()
    assert authority.serial == serial and len(authority.reports) == reports + 1
    target.record(retry_at_s=0)
    assert target.renew().returncode == 0 and authority.serial == serial + 1


def test_a_challenge_for_something_else_is_not_signed(target, authority):
    target.record(renew_at_s=1)
    good = authority.say_enrol_challenge({})
    wrong = [{**good, 'namespace': 'sallyport-login@cluster'}, {**good, 'namespace': 'git'}, {**good, 'message': 'other'},
             {**good, 'nonce': ''}, {**good, 'message': good['nonce'] + 'x' * 5000}, {**good, 'nonce': 7}, {}]
    serial, bad = authority.serial, []
    for answer in wrong:
        authority.said = {'enrol/challenge': answer}
        if target.renew().returncode != 1 or authority.serial != serial:
            bad.append(answer)
    figure('M-11', len(wrong), len(bad), 'challenges that are none')
    assert bad == []


def test_nothing_is_fetched_twice(target, authority, server):
    target.renew()
    found = target.record(krl_etag='"a"', user_ca_etag='"b"')
    assert found['retry_count'] == 0
    authority.said = {'krl': (304, b''), 'public_key': (304, b'')}
    del server.requests[:]
    assert target.renew().returncode == 0
    assert [headers.get('If-None-Match') for verb, _, headers, _ in server.requests if verb == 'GET'] == ['"a"', '"b"']
    # What is not there is fetched whatever it was called.
    target.krl.unlink()
    target.user_ca.unlink()
    authority.said = {}
    del server.requests[:]
    assert target.renew().returncode == 0 and target.krl.exists() and target.user_ca.exists()
    assert [headers.get('If-None-Match') for verb, _, headers, _ in server.requests if verb == 'GET'] == [None, None]


def test_a_secret_that_the_server_does_not_know_is_replaced(target, authority):
    authority.said = {'enrol/report': (400, {'errors': ['invalid host or host secret']})}
    assert target.renew().returncode == 1
    assert target.record(retry_at_s=0)['renew_at_s'] == 0
    authority.said = {}
    before = target.secret.read_text()
    assert target.renew().returncode == 0 and target.secret.read_text() != before


def test_a_kill_between_any_two_renames(target, authority, public_path):
    """sshd starts with what is there, and the next run brings all of it to one state: the old one, or the new."""
    user = user_of(authority, public_path, 'user')
    wrong, kills = [], 0
    while True:
        before = [path.read_bytes() for path in (target.cert, target.secret)]
        killed = target.inside('strace', '-qq', '-o', '/dev/null', '-e', f'inject=rename:signal=KILL:when={kills + 1}',
                               target.program, 'renew', '-dev', f'-config={target.config}', '-force')
        if killed.returncode == 0:
            break
        kills += 1
        checked = target.inside('/usr/sbin/sshd', '-t', '-f', target.settings['sshd_config'])
        renewed = target.renew()
        changed = [path.read_bytes() != old for path, old in zip((target.cert, target.secret), before)]
        if checked.returncode or renewed.returncode or changed[0] != changed[1]:
            wrong.append((kills, checked, renewed, changed))
        wait_for(lambda: target.lets_in(*user, trusted=authority.ca.public), 'sshd is back')
    figure('M-11', kills, len(wrong), 'kills of a renewal')
    assert wrong == [] and 3 < kills < 50
    assert not (target.state / 'journal').exists()
