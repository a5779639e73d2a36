"""`sallyport ssh-config`: known_hosts names the CA of the hosts, and nothing else in it changes."""
import os

import pytest

from support import cli
from support.ca import HOST, Ca, CertSshd
from support.keys import SshKey
from support.server import Server


@pytest.fixture(scope='module')
def server():
    one = Server().start()
    one.mount_ssh('hosts')
    one.mount_ssh('users')
    one.mount_ssh('empty')
    one.hosts, one.users = Ca(one, 'hosts'), Ca(one, 'users')
    yield one
    one.clean()


def config(server, *words, home, **more):
    return cli.run(server, 'ssh-config', *words, home=home, token=None, **more)


def lines_of(server, mount, patterns='*'):
    keys = server.api().get(f'{mount}/public_key').body.splitlines()
    return [f'@cert-authority {patterns} {key} sallyport:{server.address}/{mount}' for key in keys]


def test_the_lines_are_printed_without_a_token(server, tmp_path):
    printed = cli.good(config(server, '-host-key-mount-point=hosts/', '-host-key-hostnames=*.example.com,10.0.0.*', home=tmp_path))
    assert printed.splitlines() == lines_of(server, 'hosts', '*.example.com,10.0.0.*')
    assert not (tmp_path / '.ssh').exists()


def test_no_password_of_an_address_is_written(server, tmp_path):
    address = server.address.replace('//', '//bob:sesame@')
    printed = cli.good(config(server, '-host-key-mount-point=hosts', '-write', home=tmp_path, env={'VAULT_ADDR': address}))
    kept = (tmp_path / '.ssh' / 'known_hosts').read_text()
    assert 'sesame' not in printed + kept and 'sallyport:' + address.replace('sesame', '***') + '/hosts\n' in kept
    cli.good(config(server, '-host-key-mount-point=hosts', '-write', home=tmp_path, env={'VAULT_ADDR': address}))
    assert (tmp_path / '.ssh' / 'known_hosts').read_text() == kept, 'found again by its comment'


def test_they_are_written_once_and_others_stay(server, tmp_path):
    written = config(server, '-host-key-mount-point=hosts', '-write', home=tmp_path)
    path = tmp_path / '.ssh' / 'known_hosts'
    assert cli.good(written) == f'Success! Wrote the CA of hosts/ to: {path}\n'
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    others = '# mine\nhost1 ssh-ed25519 AAAA no newline'
    path.write_text(others)
    path.chmod(0o644)
    for mount in ('hosts', 'users', 'hosts'):
        cli.good(config(server, f'-host-key-mount-point={mount}', '-write', home=tmp_path))
    assert path.read_text().splitlines() == [*others.splitlines(), *lines_of(server, 'users'), *lines_of(server, 'hosts')]
    assert path.stat().st_mode & 0o777 == 0o644


def test_a_link_is_followed_and_a_named_file_taken(server, tmp_path):
    real, link = tmp_path / 'real', tmp_path / 'link'
    real.write_text('')
    os.symlink(real, link)
    cli.good(config(server, '-host-key-mount-point=hosts', '-write', f'-user-known-hosts-file={link}', home=tmp_path))
    assert link.is_symlink() and real.read_text().splitlines() == lines_of(server, 'hosts')


def test_plain_ssh_trusts_the_host_also_during_a_rotation(server, tmp_path):
    """The host's certificate is of the old key, then of the new one; ssh-config ran while both were trusted."""
    server.hosts.role('host', HOST, allowed_domains='localhost', allow_bare_domains=True)
    server.users.role('ops')
    key, host = SshKey(tmp_path, 'user'), SshKey(tmp_path, 'host')
    signed = server.users.sign('ops', key)

    def login():
        answer = server.hosts.ask('host', host.public, cert_type='host', valid_principals='localhost')
        certificate = tmp_path / 'host-cert.pub'
        certificate.write_text(answer.data['signed_key'])
        sshd = CertSshd([server.users.public], lines=(f'HostKey {host.path}', f'HostCertificate {certificate}'))
        try:
            return sshd.login(signed.path, alias='localhost', known_hosts=tmp_path / '.ssh' / 'known_hosts')
        finally:
            sshd.stop()

    cli.good(config(server, '-host-key-mount-point=hosts', '-host-key-hostnames=localhost', '-write', home=tmp_path))
    assert login().returncode == 0
    assert server.api().post('hosts/config/ca/rotate', {'key_type': 'ed25519'}).status == 200
    refused = login()
    assert refused.returncode == 255 and 'Host key verification failed' in refused.stderr
    cli.good(config(server, '-host-key-mount-point=hosts', '-host-key-hostnames=localhost', '-write', home=tmp_path))
    assert len((tmp_path / '.ssh' / 'known_hosts').read_text().splitlines()) == 2
    assert login().returncode == 0


@pytest.mark.parametrize('words, status, text', [
    ((), 1, 'Missing mount: say it with -host-key-mount-point'),
    (('-host-key-mount-point=empty',), 2, 'failed to get host signing key: '),
    (('-host-key-mount-point=none',), 2, 'failed to get host signing key: '),
    (('-host-key-mount-point=hosts', '-write', '-user-known-hosts-file=/nowhere/known_hosts'), 1, 'failed to write /nowhere/known_hosts: '),
])
def test_what_goes_wrong_is_said(server, tmp_path, words, status, text):
    cli.says(config(server, *words, home=tmp_path), status, text)
