"""M-9, S3-21: a CA is changed in four steps on a real sshd, and no login is refused in any of them.

The host fetches public_key as docs/ssh-ca.md says, with curl; sshd reads the file at each
login. At each step, before and after its fetch, all certificates log in that may be about.
"""
import subprocess

import pytest

from support.figures import figure
from support.keys import Certificate, SshKey
from support.patience import PATIENCE_S
from support.server import wait_for
from support.sshd import Sshd, helper_config


class Trusting:
    """A host that trusts what it fetched last, and a user of it."""

    def __init__(self, server, directory):
        self.server, self.directory, self.trusted = server, directory, directory / 'trusted.pem'
        self.trusted.touch()
        nobody = directory / 'nobody'
        nobody.touch()
        self.user = SshKey(directory, 'user')
        self.sshd = Sshd(helper_config(server), more=(
            '--authorized', str(nobody), '--sshd-line', f'TrustedUserCAKeys {self.trusted}'))
        self.tries, self.refused, self.serial = 0, [], 0

    def fetch(self):
        """Its finished curl; only a good answer replaces the file."""
        return subprocess.run(['curl', '-s', '-f', '-o', self.trusted, f'{self.server.address}/v1/ssh/public_key'],
                              timeout=PATIENCE_S)

    def certificate(self, ca):
        self.serial += 1
        return ca.certify(self.user, 'ubuntu', name=f'cert{self.serial}', serial=self.serial)

    def signed(self):
        """A certificate of the server's own, by the issuer that is the default now."""
        self.serial += 1
        got = self.server.api().post('ssh/sign/staff', {'public_key': self.user.public, 'valid_principals': 'ubuntu'})
        assert got.status == 200, got
        copy = self.directory / f'signed{self.serial}'
        copy.write_bytes(self.user.path.read_bytes())
        copy.chmod(0o600)
        one = Certificate(copy)
        one.pub.write_text(got.data['signed_key'])
        return one

    def lets_in(self, certificate):
        words = ['ssh', '-F', '/dev/null', '-o', f'UserKnownHostsFile={self.sshd.known_hosts}', '-o',
                 f'HostKeyAlias=[127.0.0.1]:{self.sshd.port}', '-o', 'PreferredAuthentications=publickey', '-o',
                 'IdentitiesOnly=yes', '-o', 'IdentityAgent=none', '-i', str(certificate.path), '-o',
                 f'CertificateFile={certificate.pub}', '-p', str(self.sshd.port), 'ubuntu@127.0.0.1', 'echo in']
        done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode in (0, 255), done
        return done.returncode == 0

    def step(self, name, *certificates):
        """All of them log in: as the host is, and once it has fetched."""
        for when in ('before', 'after'):
            for certificate in certificates:
                self.tries += 1
                if not self.lets_in(certificate):
                    self.refused.append((name, when, certificate.path.name, self.trusted.read_text()))
            if when == 'before':
                assert self.fetch().returncode == 0


@pytest.fixture
def host(server, public_path):
    one = Trusting(server, public_path)
    yield one
    one.sshd.stop()


def imported(server, ca, **more):
    got = server.api().post('ssh/issuers/import', {'private_key': ca.path.read_text(), 'public_key': ca.public + '\n', **more})
    assert got.status == 200, got
    return got.data['issuer_id']


def test_four_steps_refuse_no_login(host, server, public_path):
    old, new = SshKey(public_path, 'old'), SshKey(public_path, 'new', kind='ecdsa')
    api = server.api()
    first = imported(server, old)
    assert host.fetch().returncode == 0
    ours = host.certificate(old)
    host.step('before', ours)
    # Both are told of, the old one signs.
    second = imported(server, new, announce=True)
    assert api.get('ssh/config/issuers').data == {'default': first}
    host.step('announced', ours, host.certificate(old))
    assert host.trusted.read_text() == f'{old.public}\n{new.public}\n'
    # The new one signs. What a host has not fetched yet matters no more.
    assert api.post('ssh/config/issuers', {'default': second, 'retire_after': '1h'}).status == 200
    theirs = host.certificate(new)
    host.step('switched', ours, theirs)
    assert host.trusted.read_text() == f'{new.public}\n{old.public}\n'
    # Certificates of the old one have ended; it is dropped.
    assert api.delete(f'ssh/issuer/{first}').status == 204
    host.step('dropped', theirs, host.certificate(new))
    assert host.trusted.read_text() == f'{new.public}\n'
    assert not host.lets_in(ours)
    figure('M-9', host.tries, len(host.refused), 'logins')
    assert host.refused == []


@pytest.mark.parametrize('kind', ['ed25519', 'ec', 'rsa'])
def test_four_steps_with_what_the_server_signs(host, server, kind):
    """The same with keys that nobody but the keeper has."""
    api = server.api()
    assert api.post('ssh/roles/staff', {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': 'ubuntu',
                                        'ttl': '1h'}).status == 204
    first = api.post('ssh/config/ca', {'key_type': kind, 'key_bits': 2048 if kind == 'rsa' else 0}).data['issuer_id']
    assert host.fetch().returncode == 0
    ours = host.signed()
    host.step('before', ours)
    second = api.post('ssh/config/ca/rotate', {'set_default': False}).data['issuer_id']
    host.step('announced', ours, host.signed())
    assert api.post('ssh/config/issuers', {'default': second}).status == 200
    theirs = host.signed()
    host.step('switched', ours, theirs)
    assert api.delete(f'ssh/issuer/{first}').status == 204
    host.step('dropped', theirs, host.signed())
    figure('M-9', host.tries, len(host.refused), 'logins')
    assert host.refused == []
    assert not host.lets_in(ours)


def test_rotating_at_once_keeps_what_was_signed(host, server, public_path):
    """The former key's certificates log in before and behind the host's fetch."""
    old = SshKey(public_path, 'old')
    imported(server, old)
    assert host.fetch().returncode == 0
    ours = host.certificate(old)
    assert server.api().post('ssh/config/ca/rotate', {}).status == 200
    host.step('rotated', ours, host.certificate(old))
    assert len(host.trusted.read_text().splitlines()) == 2
    assert host.refused == []


def test_a_retired_key_is_dropped_in_time(host, server, public_path):
    old = SshKey(public_path, 'old')
    first = imported(server, old)
    assert host.fetch().returncode == 0
    ours = host.certificate(old)
    assert host.lets_in(ours)
    assert server.api().post('ssh/config/ca/rotate', {'retire_after': 1}).status == 200
    api = server.api()

    def is_retired():
        return 'retire_after' not in api.get(f'ssh/issuer/{first}').data
    wait_for(is_retired, 'the former key is retired')
    assert host.fetch().returncode == 0
    assert old.public not in host.trusted.read_text()
    assert not host.lets_in(ours)


def test_without_a_ca_a_host_keeps_what_it_has(host, server, public_path):
    """S3-20, S3-21: curl -f fails, the file stays."""
    old = SshKey(public_path, 'old')
    imported(server, old)
    assert host.fetch().returncode == 0
    assert server.api().delete('ssh/config/ca').status == 204
    assert host.fetch().returncode == 22
    assert host.trusted.read_text() == f'{old.public}\n'
    assert host.lets_in(host.certificate(old))
