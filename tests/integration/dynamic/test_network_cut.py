"""A host across a network that loses every packet from some point on, and nobody is told (S2-13).

The server has a network of its own and the host another; a pair of interfaces joins them.
"""
import subprocess
import threading

import pytest
from support.hold import Hold, converges, in_background
from support.linux_host import LinuxHost, ask, issue, leases, prepare, revoke
from support.netns import Network
from support.server import Server, wait_for

OURS, THEIRS = '10.77.0.1', '10.77.0.2'


def ip(words):
    subprocess.run(['ip', *words.split()], check=True, capture_output=True)


@pytest.fixture(scope='module')
def ours():
    with Network() as network:
        yield network


class Far:
    """Where the host is; it can be kept from sending anything to us, so that no answer ever comes."""

    def __init__(self, ours, network):
        self.network = network
        ours.run(ip, f'link add near type veth peer name far netns {network.run(threading.get_native_id)}')
        for one, name, address in ((ours, 'near', OURS), (network, 'far', THEIRS)):
            one.run(ip, f'address add {address}/24 dev {name}')
            one.run(ip, f'link set {name} up')

    def swallow(self):
        self.network.run(ip, f'route add blackhole {OURS}/32')

    def carry(self):
        self.network.run(ip, f'route del blackhole {OURS}/32')


@pytest.fixture(scope='module')
def far(ours):
    with Network() as network:
        yield Far(ours, network)


@pytest.fixture(scope='module')
def host(far):
    one = far.network.run(LinuxHost, listen=THEIRS)
    one.write_authorized('alice', '# kept')
    yield one
    far.network.run(one.stop)


def set_up(server, host):
    server.start().mount_ssh()
    prepare(server, host, cidr_list='10.77.0.0/24')
    answer = server.api().post('ssh/targets/box', {'host': THEIRS, 'port': host.port, 'host_keys': [host.host_key], 'user': 'vaultadmin',
                                                   'key': 'admin', 'timeout': 4})
    assert answer.status == 204, answer


@pytest.fixture(scope='module')
def server(ours, host):
    one = Server()
    ours.run(set_up, one, host)
    yield one
    ours.run(one.clean)


def test_a_host_that_never_answers_gets_nothing(ours, far, server, host):
    def work():
        far.swallow()
        try:
            answer = ask(server, ip=THEIRS)
        finally:
            far.carry()
        assert answer.status == 500 and 'failed to add public key' in answer.errors[0], answer
        assert leases(server) == [], 'nothing was sent, and the server knows'
        got = issue(server, ip=THEIRS)
        assert len(host.ours('alice')) == 1
        assert revoke(server, got).status == 204
        converges(server, host, 'the same host, heard again')
    ours.run(work)


@pytest.mark.parametrize('point', ['before', 'rename', 'behind'])
def test_an_install_whose_end_is_never_heard_of_is_taken_back(ours, far, server, host, point):
    def work():
        hold = Hold(host, point)
        thread, box = in_background(lambda: ask(server, ip=THEIRS))
        hold.reached()
        far.swallow()
        try:
            thread.join()
            hold.let_go()
        finally:
            far.carry()
        assert box[0].status == 500 and 'failed to add public key' in box[0].errors[0], box
        converges(server, host, f'install, packets lost at {point}')
    ours.run(work)


def test_a_removal_waits_until_the_host_is_heard_again(ours, far, server, host):
    def work():
        got = issue(server, ip=THEIRS)
        far.swallow()
        try:
            answer = revoke(server, got)
            assert answer.status == 500 and 'failed to revoke entry' in answer.errors[0], answer
            wait_for(lambda: server.api().put('sys/leases/lookup', {'lease_id': got['lease_id']}).data['attempts'] > 0, 'a failed try')
            assert len(host.ours('alice')) == 1
        finally:
            far.carry()
        converges(server, host, 'removal, packets lost before it')
    ours.run(work)
