"""Ansible logs in with certificates, as docs/clients.md has it: by `sallyport ssh-agent`, and by a key that the play has signed."""
import contextlib
import os
import shlex

import pytest

from support import ansible
from support.build import CLI
from support.ca import Ca, CertSshd
from support.certs import Certs
from support.pages import blocks
from support.patience import PATIENCE_S
from support.places import public_directory
from support.server import Server

AGENT, SIGNING_PLAY, INVENTORY = blocks('clients.md')['Ansible with certificates']
SITE = """
- hosts: web
  gather_facts: false
  tasks:
    - ansible.builtin.command: id -un
"""


class Control:
    """The control node's folder, the server, and a host that trusts its CA."""

    def __init__(self, directory, stack):
        self.directory = directory
        self.server = Server(dev=False, tls=Certs(directory)).start()
        stack.callback(self.server.clean)
        self.server.mount_ssh()
        ca = Ca(self.server)
        ca.role('ops', allowed_users='ops', default_user='ops', ttl='30m', default_extensions={'permit-pty': ''})
        self.sshd = CertSshd([ca.public], users=('ops',))
        stack.callback(self.sshd.stop)
        files = {'site.yml': SITE, 'sign.yml': SIGNING_PLAY,
                 'hosts': INVENTORY.replace('10.20.0.7', f'127.0.0.1 ansible_port={self.sshd.port}')}
        for name, text in files.items():
            (directory / name).write_text(text)

    def run(self, words):
        """With connections that end with the play, to hosts that are known."""
        policy = 'path "ssh/sign/ops" { capabilities = ["create", "update"] }'
        return ansible.run(words, self.directory, PATH=f'{CLI.parent}:/usr/bin:/bin', VAULT_ADDR=self.server.address,
                           VAULT_CACERT=self.server.tls.ca, VAULT_TOKEN=self.server.token_with(policy),
                           VAULT_CLIENT_TIMEOUT=str(PATIENCE_S), ANSIBLE_PYTHON_INTERPRETER='/usr/bin/python3',
                           ANSIBLE_SSH_ARGS=f'-F /dev/null -o UserKnownHostsFile={self.sshd.known_hosts}',
                           ANSIBLE_TIMEOUT=str(PATIENCE_S))

    def logins(self):
        return self.sshd.log.read_text(errors='replace').count('Accepted publickey for ops')


@pytest.fixture(scope='module')
def control():
    with public_directory() as directory, contextlib.ExitStack() as stack:
        yield Control(directory, stack)


def worked(control, done, before):
    assert done.returncode == 0 and 'web1' in done.stdout.split('PLAY RECAP')[1], done.stdout[-4000:] + done.stderr[-2000:]
    assert 'unreachable=0' in done.stdout and 'failed=0' in done.stdout
    assert control.logins() > before
    log = control.sshd.log.read_text(errors='replace')
    assert 'CERT' in log and '(serial ' in log


def test_a_play_under_our_agent(control):
    before = control.logins()
    worked(control, control.run(shlex.split(AGENT)), before)


def test_a_play_that_signs_a_key_of_its_own(control):
    before, key = control.logins(), control.directory / 'id_play'
    worked(control, control.run(['ansible-playbook', '-i', 'hosts', '-e', f'key={key}', 'sign.yml']), before)
    assert os.stat(f'{key}-cert.pub').st_mode & 0o777 == 0o600


def test_without_either_no_login(control):
    """What let the plays in is the certificate."""
    before = control.logins()
    done = control.run(['ansible-playbook', '-i', 'hosts', 'site.yml'])
    assert done.returncode == 4 and 'Permission denied (publickey' in done.stdout and control.logins() == before, done
