"""M-11, X2: helper and server together: from a token to a login, and to a revocation that the server sees loaded."""
import pytest

from support.ca import Ca
from support.figures import figure
from support.keys import SshKey
from support.server import Server
from support.target import Target

NAME = 'web1.example.com'


@pytest.fixture(scope='module')
def ca():
    server = Server().start().mount_ssh()
    ca = Ca(server)
    ca.role('ops')
    ca.role('host', base={'key_type': 'ca', 'allow_host_certificates': True, 'allowed_domains': 'example.com',
                          'allow_subdomains': True, 'ttl': '720h', 'max_ttl': '720h'})
    yield ca
    server.clean()


@pytest.fixture
def target(ca, public_path):
    one = Target(public_path, ca.server.address)
    yield one
    one.stop()


def token(ca, **more):
    made = ca.server.api().post('ssh/enrol/tokens', {'host': NAME, 'role': 'host', **more})
    assert made.status == 200, made
    return made.data['enrolment_token']


def host(ca):
    return ca.server.api().get(f'ssh/hosts/{NAME}').data


def test_a_host_from_its_token_to_its_end(ca, target, public_path):
    api, user = ca.server.api(), SshKey(public_path, 'user')
    once = token(ca)
    assert target.enrol(once).returncode == 0
    assert target.enrol(once).returncode == 1  # once
    signed = ca.sign('ops', user)
    assert target.lets_in(signed.path, signed.cert, trusted=ca.public)
    # What is revoked is refused as soon as the host has been told, and the server knows that it has.
    assert api.post('ssh/revoke', {'serial_number': signed.data['serial_number']}).status == 200
    assert host(ca)['krl_behind'] is True
    assert target.renew().returncode == 0
    assert not target.lets_in(signed.path, signed.cert)
    found = host(ca)
    assert found['krl_behind'] is False and found['krl_version'] == target.status()[1]['krl_version'] > 0
    # Renewed by its key, gone over to another one.
    first = target.cert.read_text()
    assert target.renew('-force').returncode == 0 and target.cert.read_text() != first
    assert target.renew().returncode == 0
    new = SshKey(target.dir, 'host_key2', kind='ecdsa')
    config = target.settings['sshd_config']
    config.write_text(config.read_text().replace(f'HostKey {target.key}\n', f'HostKey {new.path}\n'))
    assert target.renew(f'-key={new.pub}').returncode == 0
    other = ca.sign('ops', user)
    assert target.lets_in(other.path, other.cert, trusted=ca.public)
    assert host(ca)['fingerprint'] == new.fingerprint
    # A CA that is rotated is trusted with the next run.
    assert api.post('ssh/config/ca/rotate', {}).status == 200
    later = ca.sign('ops', user)
    assert not target.lets_in(later.path, later.cert)
    assert target.renew().returncode == 0
    assert target.lets_in(later.path, later.cert) and target.lets_in(other.path, other.cert)
    # The end: a host that was deleted renews nothing.
    assert api.delete(f'ssh/hosts/{NAME}').status == 204
    done = target.renew('-force')
    assert done.returncode == 1 and target.status()[1]['state'] == 'the last run failed'
    figure('M-11', 1, 0, 'lives of a host')


def test_who_may_log_in_as_whom(ca, target, public_path):
    if not target.has_namespace:
        pytest.skip('sshd starts no program that lies where others may write')
    api, user = ca.server.api(), SshKey(public_path, 'user')
    assert target.enrol(token(ca), '-principals').returncode == 0
    signed = ca.sign('ops', user, valid_principals='ops')
    assert target.lets_in(signed.path, signed.cert, user='ops')
    assert not target.lets_in(signed.path, signed.cert, user='ubuntu')
    assert api.post(f'ssh/hosts/{NAME}', {'accounts': {'ubuntu': ['ops']}, 'require_registered': True}).status in (200, 204)
    assert target.lets_in(signed.path, signed.cert, user='ubuntu')
    assert not target.lets_in(signed.path, signed.cert, user='ops')
    # Revoked on the server is refused at once, before any list has come.
    assert api.post('ssh/revoke', {'serial_number': signed.data['serial_number']}).status == 200
    assert not target.lets_in(signed.path, signed.cert, user='ubuntu')
    again = ca.sign('ops', user, valid_principals='ops')
    assert target.lets_in(again.path, again.cert, user='ubuntu')
    ca.server.stop()
    assert target.lets_in(again.path, again.cert, user='ubuntu')  # by what it said last
    assert not target.lets_in(signed.path, signed.cert, user='ubuntu')
