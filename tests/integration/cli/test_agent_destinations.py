"""One `sallyport ssh-agent` for many hosts: each gets the certificate of its own role, told by the key that it shows."""
import os
import pathlib
import socket
import struct
import subprocess

import pytest

from support import cli
from support.build import CLI
from support.ca import HOST, Ca, CertSshd
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.server import Server, wait_for

WEB, DB = 'web.example.com', 'db.example.com'


class Site:
    """Two hosts, each of which trusts a CA of its own: web has a host certificate, db a plain key."""

    def __init__(self, place):
        self.place = place
        self.server = Server().start()
        self.cas = {}
        for mount in ('ssh-web', 'ssh-db', 'hosts'):
            self.server.mount_ssh(mount)
            self.cas[mount] = Ca(self.server, mount)
        self.cas['ssh-web'].role('web', ttl='1h', default_extensions={'permit-agent-forwarding': '', 'permit-pty': ''})
        self.cas['ssh-db'].role('db', ttl='1h')
        self.cas['hosts'].role('host', HOST)
        key = SshKey(place, 'web-host')
        signed = self.cas['hosts'].ask('host', key.public, cert_type='host', valid_principals=WEB)
        certificate = place / 'web-host-cert.pub'
        certificate.write_text(signed.data['signed_key'])
        self.sshds = {WEB: CertSshd([self.cas['ssh-web'].public], lines=(f'HostKey {key.path}', f'HostCertificate {certificate}')),
                      DB: CertSshd([self.cas['ssh-db'].public])}
        self.known = place / 'known_hosts'
        plain = pathlib.Path(self.sshds[DB].known_hosts).read_text().split(' ', 1)[1]
        self.known.write_text(f'@cert-authority *.example.com {self.cas["hosts"].public}{DB} {plain}')
        self.map = place / 'agent.hcl'
        self.write_map()
        self.audit = self.server.enable_audit()
        self.config = place / 'config'
        self.config.write_text(''.join(
            f'Host {name}\n  HostName 127.0.0.1\n  HostKeyAlias {name}\n  Port {sshd.port}\n' for name, sshd in self.sshds.items()) +
            f'Host *\n  User ubuntu\n  BatchMode yes\n  UserKnownHostsFile {self.known}\n  StrictHostKeyChecking yes\n'
            '  PreferredAuthentications publickey\n')

    def write_map(self, more='', known=None, path=None):
        (path or self.map).write_text(f'known_hosts = ["{known or self.known}"]\n{more}'
                                      f'destination "web.*" {{\n  role = "web"\n  mount_point = "ssh-web"\n}}\n'
                                      f'destination "{DB}" {{\n  role = "db"\n  mount_point = "ssh-db"\n}}\n')
        return path or self.map

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_', 'SSH_', 'XDG_'))}
        return {**clean, 'HOME': str(self.place), 'VAULT_ADDR': self.server.address, 'VAULT_TOKEN': self.server.token,
                'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S), 'SSH': f'ssh -F {self.config}', 'GIT_SSH_COMMAND': f'ssh -F {self.config}',
                'GIT_SSH_VARIANT': 'ssh', **more}

    def agent(self, command, *options, env=None):
        """A command for sh, with an agent of these options."""
        return subprocess.run([str(CLI), 'ssh-agent', *(options or (f'-map={self.map}',)), 'sh', '-c', command], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=env or self.environment(), timeout=PATIENCE_S)

    def signatures(self):
        """How often each role signed."""
        with open(self.audit, encoding='utf-8') as file:
            lines = [line for line in file if '"type":"response"' in line]
        return tuple(sum(f'"path":"{path}"' in line for line in lines) for path in ('ssh-web/sign/web', 'ssh-db/sign/db'))


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    one = Site(tmp_path_factory.mktemp('destinations'))
    yield one
    for sshd in one.sshds.values():
        sshd.stop()
    one.server.clean()


def test_each_host_gets_the_certificate_of_its_role(site):
    """Neither host would take the other's. Each role signs once for any number of logins."""
    done = site.agent(f'for i in 1 2; do $SSH {WEB} echo web $i && $SSH {DB} echo db $i || exit 9; done; ssh-add -L')
    assert done.stdout == 'web 1\ndb 1\nweb 2\ndb 2\nThe agent has no identities.\n', done
    assert done.stderr == '' and site.signatures() == (1, 1)


def test_git_and_rsync_go_the_same_way(site, public_path):
    bare = public_path / 'repository.git'
    subprocess.run(['git', 'init', '-q', '--bare', str(bare)], check=True)
    upload = f'--upload-pack="git -c safe.directory={bare} upload-pack"'
    done = site.agent(f'git ls-remote {upload} {WEB}:{bare} && git ls-remote {upload} {DB}:{bare} && echo both')
    assert done.stdout == 'both\n', done
    done = site.agent(f'rsync -e "$SSH" {WEB}:/etc/passwd {site.place}/a && rsync -e "$SSH" {DB}:/etc/passwd {site.place}/b && echo both')
    assert done.stdout == 'both\n' and all((site.place / name).read_bytes().startswith(b'root:') for name in 'ab'), done


def test_a_host_that_the_map_does_not_name_gets_the_default_or_nothing(site):
    other = site.place / 'other.hcl'
    other.write_text(f'known_hosts = ["{site.known}"]\ndestination "{DB}" {{\n  role = "db"\n  mount_point = "ssh-db"\n}}\n')
    done = site.agent(f'$SSH {WEB} echo web; $SSH {DB} echo db', f'-map={other}')
    assert done.stdout == 'db\n' and 'Permission denied' in done.stderr
    done = site.agent(f'$SSH {WEB} echo web; $SSH {DB} echo db; ssh-add -L | wc -l', f'-map={other}', '-role=web', '-mount-point=ssh-web')
    assert done.stdout == 'web\ndb\n1\n', done


def test_what_known_hosts_does_not_know_is_no_destination(site):
    """A certificate counts where its authority is trusted; a hashed name where the map has that name."""
    unknown = site.place / 'nobody'
    unknown.write_text('')
    done = site.agent(f'$SSH {WEB} echo web; $SSH {DB} echo db', f'-map={site.write_map(known=unknown, path=site.place / "unknown.hcl")}')
    assert done.stdout == '' and done.stderr.count('Permission denied') == 2
    hashed = site.place / 'hashed'
    hashed.write_text(site.known.read_text())
    subprocess.run(['ssh-keygen', '-q', '-H', '-f', hashed], check=True, capture_output=True)
    assert DB not in hashed.read_text() and '|1|' in hashed.read_text()
    done = site.agent(f'$SSH {WEB} echo web; $SSH {DB} echo db', f'-map={site.write_map(known=hashed, path=site.place / "hashed.hcl")}')
    assert done.stdout == 'web\ndb\n', done


def test_another_host_may_ask_where_it_is_allowed(site, public_path):
    """ssh -A to web: from there nothing is listed, unless -allow-forwarding says so; and then the destination counts."""
    known, config = public_path / 'known_hosts', public_path / 'config'
    known.write_text(site.known.read_text())
    config.write_text(site.config.read_text().replace(str(site.known), str(known)))
    for path in (known, config):
        path.chmod(0o644)
    inner = f'ssh-add -L; ssh -F {config} {DB} echo db'
    done = site.agent(f'$SSH -A {WEB} \'{inner}\'')
    assert done.stdout == 'The agent has no identities.\n' and 'Permission denied' in done.stderr, done
    done = site.agent(f'$SSH -A {WEB} \'{inner}\'', f'-map={site.map}', '-allow-forwarding')
    assert done.stdout == 'The agent has no identities.\ndb\n', done


def test_the_map_in_the_config_directory_is_used(site):
    config = site.place / '.config/sallyport'
    config.mkdir(parents=True)
    site.write_map(path=config / 'ssh-agent.hcl')
    done = subprocess.run([str(CLI), 'ssh-agent', 'sh', '-c', f'$SSH {DB} echo db'], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env=site.environment(), timeout=PATIENCE_S)
    assert (done.returncode, done.stdout) == (0, 'db\n'), done
    (config / 'ssh-agent.hcl').unlink()


@pytest.mark.parametrize('text, want', [
    ('rol = "x"', 'invalid key "rol" on line 1; did you mean "role"?'),
    ('destination "a" { }', 'the destination "a" names no role'),
    ('destination "a" {', 'failed to read the map'),
    ('', 'Missing role: say it with -role'),
])
def test_a_map_that_is_wrong_is_said(site, text, want):
    path = site.place / 'wrong.hcl'
    path.write_text(text)
    cli.says(site.agent('true', f'-map={path}'), 1, want)
    cli.says(site.agent('true', '-map=/nowhere.hcl'), 1, 'failed to read the map /nowhere.hcl: ')


def test_a_refusal_is_said_when_it_comes_to_it(site):
    """A destination's role is asked when somebody goes there, and then the reason is told."""
    path = site.place / 'refused.hcl'
    path.write_text(f'known_hosts = ["{site.known}"]\ndestination "{DB}" {{\n  role = "none"\n  mount_point = "ssh-db"\n}}\n')
    done = site.agent(f'echo before; $SSH {DB} echo db', f'-map={path}')
    assert done.stdout == 'before\n' and 'Unknown role: none' in done.stderr and 'Permission denied' in done.stderr


def ask(path, *messages):
    """What an agent answers to messages on one connection: their first bytes."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(PATIENCE_S)
        one.connect(str(path))
        answers = []
        for message in messages:
            one.sendall(struct.pack('>I', len(message)) + message)
            n = struct.unpack('>I', one.recv(4, socket.MSG_WAITALL))[0]
            answers.append(one.recv(n, socket.MSG_WAITALL)[0])
        return answers


def test_a_binding_that_no_host_signed_is_refused(site):
    """Somebody else's host key, with a signature that is none."""
    path = site.place / 'bound.sock'
    blob = subprocess.run(['ssh-keygen', '-e', '-m', 'RFC4716', '-f', site.place / 'web-host.pub'], capture_output=True, check=True)
    assert blob.stdout
    with subprocess.Popen([str(CLI), 'ssh-agent', f'-map={site.map}', f'-socket={path}'], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, env=site.environment()) as agent:
        assert agent.stdout.readline().startswith('SSH_AUTH_SOCK=')

        def string(data):
            return struct.pack('>I', len(data)) + data
        bind = b'\x1b' + string(b'session-bind@openssh.com') + string(b'key') + string(b'session') + string(b'signature') + b'\0'
        assert ask(path, bind, b'\x0b') == [5, 12]
        agent.terminate()
        assert agent.wait(PATIENCE_S) == 0
    wait_for(lambda: not path.exists(), 'the socket is gone')
