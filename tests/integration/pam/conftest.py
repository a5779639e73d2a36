import pathlib
import subprocess

import pytest

from support.host import Host, settings
from support.netns import Network
from support.sshd import Sshd, helper_config, write_config

HERE = pathlib.Path(__file__).parent


@pytest.fixture(scope='module')
def logins(shared):
    """A server whose role takes loopback addresses, and a host of it."""
    shared.write_role(cidr_list='127.0.0.0/8', allowed_users='*')
    sshd = Sshd(helper_config(shared), users=('ubuntu', 'bob'))
    shared.sshd = sshd
    yield shared
    sshd.stop()


@pytest.fixture(scope='session')
def host_program(tmp_path_factory):
    program = tmp_path_factory.mktemp('host') / 'host'
    subprocess.run(['cc', '-Wall', '-Werror', '-o', str(program), str(HERE / 'host.c'), '-lpam', '-lpthread'],
                   check=True)
    return program


@pytest.fixture
def tmp_path(public_path):
    """The helper's unprivileged user must reach what the tests write."""
    return public_path


@pytest.fixture
def host(host_program, tmp_path):
    return Host(host_program, tmp_path)


@pytest.fixture
def config(tmp_path):
    """Write a configuration; the helper's word for it."""
    def write(address, **more):
        return '-config=' + str(write_config(tmp_path / 'helper.hcl', settings(address, **more)))
    return write


@pytest.fixture
def names(public_path):
    """A network whose resolver asks 127.0.0.1, where nobody listens yet."""
    resolv, hosts = public_path / 'resolv.conf', public_path / 'hosts'
    resolv.write_text('nameserver 127.0.0.1\noptions timeout:2 attempts:5\n')
    hosts.write_text('127.0.0.1 localhost\n')
    with Network() as network:
        network.put_file(resolv, '/etc/resolv.conf')
        network.put_file(hosts, '/etc/hosts')
        yield network
