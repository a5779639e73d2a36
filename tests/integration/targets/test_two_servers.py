"""Two servers, or two mounts of one, put keys on one machine: a sweep through either leaves the other's (M-13; docs/targets.md)."""
import contextlib
import itertools
import re

import pytest

from support.figures import figure
from support.keys import SshKey
from support.linux_host import ADMIN, LinuxHost
from support.places import public_directory
from support.routeros_standin import RouterOS
from support.server import Server
from support.truenas import TrueNas

COUNTER = itertools.count()
TAGS = re.compile(r'sallyport:[0-9A-Za-z]{8}:[0-9A-Za-z]{24}')
TARGET = {'host': '127.0.0.1', 'user': ADMIN, 'key': 'admin', 'accept_password_lockout': True, 'timeout': '60s'}


class Linux:
    def __init__(self, stack):
        self.box = LinuxHost()
        stack.callback(self.box.stop)
        self.key = self.box.key.path.read_text()
        self.target = {'port': self.box.port, 'host_keys': [self.box.host_key]}

    def tags(self):
        return [line.rpartition(' ')[2] for line in self.box.ours('bob')]

    def add(self, line):
        self.box.write_authorized('bob', self.box.authorized('bob').read_text() + line + '\n')


class Device:
    profile, secret = 'routeros', 'rest-secret'

    def __init__(self, stack):
        self.box = stack.enter_context(RouterOS(users=('admin', ADMIN, 'bob')))
        key = SshKey(stack.enter_context(public_directory()), 'admin', 'rsa')
        self.key = key.path.read_text()
        for user, policy in ((ADMIN, 'ssh,ftp,read,write,policy'), ('api', 'rest-api,read,write,policy')):
            self.box.add_user(user, policy, self.secret)
        self.box.add_user('bob')
        self.box.add_key(ADMIN, key.public)
        self.target = {'port': self.box.port, 'profile': self.profile, 'host_keys': [self.box.host_key], 'url': self.box.url,
                       'ca_cert': self.box.ca_pem, 'api_user': 'api', 'api_secret': self.secret}

    def tags(self):
        return [comment for _, comment in self.box.keys('bob')]

    def add(self, line):
        self.box.add_key('bob', line)


class DeviceRest(Device):
    profile = 'routeros-rest'


class Nas:
    def __init__(self, stack):
        self.box = TrueNas(stack.enter_context(public_directory()), users=('bob',))
        stack.callback(self.box.stop)
        self.key = SshKey(stack.enter_context(public_directory()), 'admin').path.read_text()
        self.target = {'port': self.box.port, 'profile': 'truenas', 'host_keys': [self.box.host_key], 'url': self.box.url,
                       'ca_cert': open(self.box.tls.ca, encoding='ascii').read(), 'api_secret': self.box.create_api_key({'name': 'ours'})['key']}

    def tags(self):
        return TAGS.findall(self.box.user('bob')['sshpubkey'] or '')

    def add(self, line):
        self.box.set_sshpubkey(f'{self.box.user("bob")["sshpubkey"]}\n{line}', 'bob')


class Owner:
    """A mount of a server that puts keys on the machine as if it were alone."""

    def __init__(self, server, machine, mount='ssh'):
        self.api, self.mount, self.name = server.api(), mount, f'box{next(COUNTER)}'
        self.mark = 'sallyport:' + self.api.get('sys/health').json['cluster_id'][:8] + ':'
        assert self.api.post(f'{mount}/keys/admin', {'key': machine.key}).status == 204
        made = self.api.post(f'{mount}/targets/{self.name}', {**TARGET, **machine.target})
        assert made.status == 204, made
        made = self.api.post(f'{mount}/roles/{self.name}', {'key_type': 'dynamic', 'default_user': 'bob', 'targets': self.name,
                                                            'cidr_list': '127.0.0.0/8', 'dynamic_key_type': 'ed25519'})
        assert made.status == 204, made

    def issue(self):
        """A lease's tag."""
        made = self.api.post(f'{self.mount}/creds/{self.name}', {'target': self.name})
        assert made.status == 200, made
        return self.mark + made.json['lease_id'].rpartition('/')[2]

    def sees(self, what, **fields):
        answer = self.api.post(f'{self.mount}/targets/{self.name}/{what}', fields)
        assert answer.status == 200, answer
        return ([(key['tag'], key['state']) for key in answer.data['unknown']], sorted(key['tag'] for key in answer.data['others']))


@pytest.fixture(scope='module')
def servers():
    """One with two mounts, and another one."""
    with contextlib.ExitStack() as stack:
        made = [Server().start().mount_ssh() for _ in range(2)]
        for one in made:
            stack.callback(one.clean)
        made[0].mount_ssh('second')
        yield made


@pytest.fixture(params=[Linux, Device, DeviceRest, Nas], ids=lambda kind: kind.__name__)
def machine(request):
    with contextlib.ExitStack() as stack:
        yield request.param(stack)


def test_a_sweep_leaves_the_live_keys_of_all_others(servers, machine, tmp_path):
    one, two = owners = [Owner(server, machine) for server in servers]
    second = Owner(servers[0], machine, 'second')
    ours, theirs, beside = (owner.issue() for owner in (one, two, second))
    strays = [owner.mark + 'aB3' * 8 for owner in owners]
    assert one.mark == second.mark != two.mark
    for number, stray in enumerate(strays):
        machine.add(' '.join(SshKey(tmp_path, f'stray{number}').public.split()[:2]) + ' ' + stray)
    others = sorted([theirs, strays[1]])
    assert one.sees('reconcile') == one.sees('sweep') == second.sees('sweep') == ([(strays[0], 'unknown')], others)
    swept = second.sees('sweep', remove=True)
    left = sorted(machine.tags())
    figure('M-13', len(left), len({ours, theirs, beside, strays[1]} - set(left)), 'keys of others behind a sweep')
    assert swept == ([(strays[0], 'removed')], others) and left == sorted([ours, theirs, beside, strays[1]])
    assert two.sees('sweep', remove=True) == ([(strays[1], 'removed')], sorted([ours, beside]))
    assert sorted(machine.tags()) == sorted([ours, theirs, beside])
    for owner in (one, two, second):
        assert owner.api.put(f'sys/leases/revoke-prefix/{owner.mount}/creds', {'sync': True}).status == 204
    assert machine.tags() == []


def test_a_server_knows_its_keys_again_after_a_restart(servers):
    with contextlib.ExitStack() as stack:
        machine = Linux(stack)
        tag = Owner(servers[1], machine).issue()
        servers[1].restart()
        again = Owner(servers[1], machine)
        assert tag.startswith(again.mark) and again.sees('sweep', remove=True) == ([], []) and machine.tags() == [tag]
        assert again.api.put('sys/leases/revoke-prefix/ssh/creds', {'sync': True}).status == 204
