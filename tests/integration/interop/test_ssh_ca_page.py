"""docs/ssh-ca.md as it stands, from nothing to a login of a person on a host, with the host's own certificate."""
import contextlib
import os
import subprocess

import pytest

from support.build import CLI
from support.ca import CertSshd
from support.certs import Certs
from support.keys import SshKey
from support.pages import blocks
from support.patience import PATIENCE_S
from support.places import public_directory
from support.server import Server

PAGE = blocks('ssh-ca.md')
ON_SERVER, ON_HOST, PERSON = PAGE['From nothing to a login']
HOSTS, ONE_HOST, CLIENT = PAGE['Certificates for hosts, by hand']


class Place:
    """The server, a host that knows nothing yet, and a folder where the page's commands run."""

    def __init__(self, directory, stack):
        self.directory = directory
        self.server = Server(dev=False, tls=Certs(directory)).start()
        stack.callback(self.server.clean)
        key = SshKey(directory, 'ssh_host_ed25519_key')
        key.path.with_name('ssh_host_ed25519_key-cert.pub').write_text('')
        self.sshd = CertSshd([], lines=(f'HostKey {key.path}', f'HostCertificate {key.path}-cert.pub'), users=('ops',))
        stack.callback(self.sshd.stop)
        self.known = directory / 'hosts'
        self.known.write_text(f'[127.0.0.1]:{self.sshd.port} {key.public}\n')

    def run(self, text, token=None, stdin='', known=None):
        """Commands of the page, for our server and our host; what they printed."""
        for theirs, ours in (('https://sallyport.example:8200', f'--cacert {self.server.tls.ca} {self.server.address}'),
                             ('/etc/ssh/sallyport_user_ca.pub', str(self.sshd.directory / 'trusted')),
                             ('/etc/ssh/sshd_config.d/50-sallyport.conf', 'sshd.conf'),
                             ('sshd -t && systemctl reload ssh', 'true'),
                             ('ops@web1.example.com', f"-- -p {self.sshd.port} ops@127.0.0.1 'id -un'"),
                             ('-mode=ca', f'-mode=ca -user-known-hosts-file={known or self.known}')):
            text = text.replace(theirs, ours)
        env = {**os.environ, 'PATH': f'{CLI.parent}:{os.environ["PATH"]}', 'HOME': str(self.directory),
               'SALLYPORT_ADDR': self.server.address, 'SALLYPORT_CACERT': self.server.tls.ca}
        if token:
            env['SALLYPORT_TOKEN'] = token
        done = subprocess.run(['sh', '-eu', '-c', text], cwd=self.directory, env=env, input=stdin, capture_output=True, text=True,
                              timeout=PATIENCE_S)
        assert done.returncode == 0, (text, done)
        return done.stdout


@pytest.fixture(scope='module')
def place():
    with public_directory() as directory, contextlib.ExitStack() as stack:
        yield Place(directory, stack)


def test_from_nothing_to_a_login(place):
    place.run(ON_SERVER, place.server.token, 'sesame')
    place.run(ON_HOST)
    assert (place.directory / 'sshd.conf').read_text() == f'TrustedUserCAKeys {place.sshd.directory / "trusted"}\n'
    login, ssh = PERSON.strip().splitlines()
    place.run(f'{login} password=sesame')
    assert place.run(ssh) == 'ops\n'


def test_a_host_proves_itself(place):
    """Its certificate alone makes it known, under its name and no other."""
    place.run(HOSTS + ONE_HOST + CLIENT, place.server.token)
    known = place.directory / '.ssh' / 'known_hosts'
    assert known.read_text().startswith('@cert-authority *.example.com ')
    ssh = (f"sallyport ssh -mode=ca -role=ops -strict-host-key-checking=yes -- -p {place.sshd.port} "
           "-oHostKeyAlias=%s ops@127.0.0.1 'id -un'")
    assert place.run(ssh % 'web1.example.com', place.server.token, known=known) == 'ops\n'
    place.run('! ' + ssh % 'web2.example.com', place.server.token, known=known)
