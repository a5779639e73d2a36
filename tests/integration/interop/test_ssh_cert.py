"""Certificates of ours at a real sshd and a real ssh (reliability L48; requirements S3-5, S3-12, S3-23, S3-26, S3-27, R-14)."""
import time

import pytest

from support.ca import HOST, KINDS, Ca, CertSshd
from support.clocked import LIBRARY, Clocked
from support.figures import count, figure
from support.keys import SshKey
from support.server import Server, wait_for

CAS = {'ca-ed25519': ('ed25519', 0), 'ca-ec256': ('ec', 256), 'ca-ec384': ('ec', 384), 'ca-ec521': ('ec', 521),
       'ca-rsa': ('rsa', 2048)}
SIGNATURES = {'ca-ed25519': 'ssh-ed25519', 'ca-ec256': 'ecdsa-sha2-nistp256', 'ca-ec384': 'ecdsa-sha2-nistp384',
              'ca-ec521': 'ecdsa-sha2-nistp521', 'ca-rsa': 'rsa-sha2-256'}


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    return tmp_path_factory.mktemp('certs')


@pytest.fixture(scope='module')
def cas(place):
    """A mount for each type of CA, and a key of each type of subject."""
    server = Server().start()
    made = {}
    for mount, (key_type, bits) in CAS.items():
        server.mount_ssh(mount)
        made[mount] = Ca(server, mount, key_type, bits)
        made[mount].role('ops', allowed_extensions='permit-pty,permit-port-forwarding')
    made['keys'] = {kind: SshKey(place, kind, *words) for kind, words in KINDS.items()}
    yield made
    server.clean()


@pytest.fixture(scope='module')
def ca(cas):
    return cas['ca-ed25519']


@pytest.fixture(scope='module')
def key(cas):
    return cas['keys']['ed25519']


@pytest.fixture(scope='module')
def sshd(cas):
    one = CertSshd([cas[mount].public for mount in CAS])
    yield one
    one.stop()


@pytest.mark.parametrize('mount', CAS)
def test_every_type_of_key_under_every_type_of_ca(cas, sshd, mount):
    """S3-23, S3-27: as sshd takes them without a word in its configuration. Nightly every pair of the two."""
    kinds = KINDS if mount == 'ca-ed25519' else list(KINDS)[:count('CERT_KINDS', 2, len(KINDS))]
    for kind in kinds:
        one = cas['keys'][kind]
        signed = cas[mount].sign('ops', one, name=f'{mount}-{kind}')
        assert signed.read()['Signing CA'].endswith(f'(using {SIGNATURES[mount]})')
        assert sshd.lets_in(signed.path), (mount, kind)


def test_rsa_may_sign_with_sha512(cas, sshd):
    cas['ca-rsa'].role('sha512', algorithm_signer='rsa-sha2-512')
    signed = cas['ca-rsa'].sign('sha512', cas['keys']['rsa2048'])
    assert signed.read()['Signing CA'].endswith('(using rsa-sha2-512)')
    assert sshd.lets_in(signed.path)


def test_an_algorithm_of_another_key_is_refused(ca, key):
    ca.role('other', algorithm_signer='rsa-sha2-256')
    answer = ca.ask('other', key.public)
    assert (answer.status, answer.errors) == (400, [
        'failed to generate signed SSH key: sign error: ssh: unsupported signature algorithm "rsa-sha2-256" for key format '
        '"ssh-ed25519"'])


def test_only_named_principals_get_in(ca, key, sshd):
    signed = ca.sign('ops', key, valid_principals='ops')
    assert sshd.lets_in(signed.path, user='ops')
    assert not sshd.lets_in(signed.path, user='ubuntu')
    assert not sshd.lets_in(signed.path, user='root')


def test_sshd_logs_the_key_id(ca, key, sshd):
    """S3-12."""
    ca.role('named', key_id_format='web-{{role_name}}', allow_user_key_ids=True)
    assert sshd.lets_in(ca.sign('named', key).path)
    wait_for(lambda: 'ID web-named (serial' in sshd.log.read_text(errors='replace'), 'the key id is in the log')


def test_no_principals_cannot_be_had(ca, key):
    """L48, S3-5."""
    asked = ('', ',', ' , ', ',,,', '\t', None)
    failures = 0
    roles = [ca.role('none', default_user=''), ca.role('star', default_user='', allowed_users='*'),
             ca.role('blank', default_user=' , ')]
    for role in roles:
        for names in asked:
            failures += ca.ask(role, key.public, valid_principals=names).status != 400
    ca.role('hosts', HOST)
    for names in asked:
        failures += ca.ask('hosts', key.public, cert_type='host', valid_principals=names).status != 400
    figure('L48', 4 * len(asked), failures, 'requests without principals')
    assert failures == 0
    ca.role('open', allow_empty_principals=True, default_user='')
    signed = ca.sign('open', key)
    assert signed.read()['Principals'] == []


def test_a_forced_command_is_what_runs(ca, key, sshd):
    ca.role('forced', default_critical_options={'force-command': 'echo forced'})
    signed = ca.sign('forced', key, critical_options={'force-command': 'echo forced'})
    done = sshd.login(signed.path, command='echo mine')
    assert (done.returncode, done.stdout) == (0, 'forced\n')


def test_a_wrong_source_address_is_refused(ca, key, sshd):
    assert sshd.lets_in(ca.sign('ops', key, critical_options={'source-address': '127.0.0.0/8'}).path)
    assert not sshd.lets_in(ca.sign('ops', key, critical_options={'source-address': '10.0.0.0/8'}).path)


def test_a_role_binds_to_the_callers_address(ca, key, sshd):
    """R-14: this caller is 127.0.0.1."""
    ca.role('bound', bind_source_address=True)
    signed = ca.sign('bound', key)
    assert signed.read()['Critical Options'] == ['source-address 127.0.0.1']
    assert sshd.lets_in(signed.path)
    assert not sshd.lets_in(signed.path, options=('BindAddress=127.0.0.2',))


def test_an_option_that_sshd_does_not_know_keeps_out(ca, key, sshd):
    assert not sshd.lets_in(ca.sign('ops', key, critical_options={'other@example.com': 'x'}).path)


def test_forwarding_needs_its_extension(ca, key, sshd):
    forward = ('ExitOnForwardFailure=yes', 'RemoteForward=0 127.0.0.1:1')
    plain = ca.sign('ops', key, extensions={'permit-pty': ''})
    assert sshd.lets_in(plain.path)
    assert not sshd.lets_in(plain.path, options=forward)
    assert sshd.lets_in(ca.sign('ops', key, extensions={'permit-port-forwarding': ''}).path, options=forward)


def test_an_expired_one_is_refused(ca, key, sshd):
    signed = ca.sign('ops', key, ttl='1s')
    end = signed.read()['before']
    wait_for(lambda: time.time() > end, 'it ends')
    assert not sshd.lets_in(signed.path)


@pytest.mark.skipif(LIBRARY is None, reason='libfaketime is not installed')
def test_clocks_may_differ_by_half_a_minute(key):
    """S3-26: and not by half an hour: that one is not valid yet."""
    server = Clocked()
    server.set_clock(20)
    server.start().mount_ssh()
    one = Ca(server)
    one.role('ops')
    host = CertSshd([one.public])
    try:
        assert host.lets_in(one.sign('ops', key, name='near').path)
        server.set_clock(1800)
        wait_for(lambda: one.sign('ops', key, name='far').read()['after'] > time.time() + 60, 'the server follows its clock')
        far = one.sign('ops', key, name='far')
        assert not host.lets_in(far.path)
    finally:
        host.stop()
        server.clean()


def test_a_pair_that_was_issued_logs_in(ca, sshd, place):
    for key_type in ('ed25519', 'ec', 'rsa'):
        data = ca.ask('ops', None, verb='issue', key_type=key_type, key_bits=2048 if key_type == 'rsa' else 0).data
        path = place / f'issued-{key_type}'
        path.write_text(data['private_key'])
        path.chmod(0o600)
        path.with_name(path.name + '-cert.pub').write_text(data['signed_key'])
        assert sshd.lets_in(path), key_type


def test_a_host_proves_itself(ca, key, place):
    """@cert-authority alone in known_hosts."""
    host_key = SshKey(place, 'host')
    ca.role('host', HOST)
    signed = ca.sign('host', host_key, name='host-signed', cert_type='host', valid_principals='web.example.com')
    known = place / 'known_hosts'
    known.write_text(f'@cert-authority *.example.com {ca.public}')
    user = ca.sign('ops', key)
    host = CertSshd([ca.public], lines=(f'HostKey {signed.path}', f'HostCertificate {signed.cert}'))
    try:
        assert host.lets_in(user.path, alias='web.example.com', known_hosts=known)
        assert not host.lets_in(user.path, alias='db.example.com', known_hosts=known)
    finally:
        host.stop()


def test_sha1_needs_a_switch_of_the_server(place, cas):
    """G-8: and OpenSSH refuses it all the same."""
    rsa = cas['ca-rsa']
    rsa.role('sha1', algorithm_signer='ssh-rsa')
    key = cas['keys']['ed25519']
    answer = rsa.ask('sha1', key.public)
    assert answer.status == 400 and 'allow_sha1_signatures' in answer.errors[0]
    assert 'SHA-1' in rsa.server.api().get('ca-rsa/roles/sha1').json['warnings'][0]
    server = Server(dev=False, config='allow_sha1_signatures = true').start().mount_ssh()
    try:
        one = Ca(server, key_type='rsa', key_bits=2048)
        one.role('sha1', algorithm_signer='ssh-rsa')
        signed = one.sign('sha1', key, name='sha1')
        assert signed.read()['Signing CA'].endswith('(using ssh-rsa)')
        host = CertSshd([one.public])
        try:
            assert not host.lets_in(signed.path)
        finally:
            host.stop()
    finally:
        server.clean()
