"""Certificates for security keys at a real sshd: touched, and verified (requirements S3-23; L49). The key is software,
tests/support/soft_sk.c, which ssh and ssh-keygen load as they load any other."""
import subprocess

import pytest

from support.build import ROOT
from support.ca import Ca, CertSshd
from support.keys import SshKey
from support.server import Server

VERIFIED = {'verify-required': ''}


class SecurityKey(SshKey):
    def __init__(self, directory, name, provider, *options):
        self.path, self.pub = directory / name, directory / f'{name}.pub'
        words = ['ssh-keygen', '-q', '-t', 'ed25519-sk', '-N', '', '-C', name, '-w', provider, '-f', self.path]
        for option in options:
            words += ['-O', option]
        subprocess.run(words, check=True)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    return tmp_path_factory.mktemp('sk')


@pytest.fixture(scope='module')
def provider(place):
    library = place / 'soft_sk.so'
    subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', library, ROOT / 'tests/support/soft_sk.c', '-lsodium'], check=True)
    return library


@pytest.fixture(scope='module')
def touched(place, provider):
    return SecurityKey(place, 'touched', provider)


@pytest.fixture(scope='module')
def verified(place, provider):
    return SecurityKey(place, 'verified', provider, 'verify-required')


@pytest.fixture(scope='module')
def ca():
    server = Server().start()
    server.mount_ssh('ssh')
    made = Ca(server)
    made.role('any')
    made.role('strict', default_critical_options=VERIFIED)
    yield made
    server.clean()


@pytest.fixture(scope='module')
def lets_in(ca, provider):
    sshd = CertSshd([ca.public])
    yield lambda signed: sshd.lets_in(signed.path, options=(f'SecurityKeyProvider={provider}',))
    sshd.stop()


def test_a_security_key_logs_in(ca, touched, verified, lets_in):
    assert lets_in(ca.sign('any', touched))
    assert lets_in(ca.sign('any', verified))


def test_a_role_can_ask_for_more_than_a_touch(ca, touched, verified, lets_in):
    signed = ca.sign('strict', touched)
    assert signed.read()['Critical Options'] == ['verify-required']
    assert not lets_in(signed)
    assert lets_in(ca.sign('strict', verified))


def test_who_asks_cannot_leave_it_out(ca, touched, lets_in):
    signed = ca.sign('strict', touched, critical_options={'force-command': 'true'})
    assert 'verify-required' in signed.read()['Critical Options']
    assert not lets_in(signed)
