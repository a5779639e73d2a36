import pytest

from support.linux_host import LinuxHost, prepare


@pytest.fixture(scope='module')
def host():
    one = LinuxHost()
    yield one
    one.stop()


@pytest.fixture(scope='module')
def dynamic(shared, host):
    """A server with a role that puts keys on the host."""
    prepare(shared, host)
    return shared


@pytest.fixture(autouse=True)
def as_it_was(request):
    """Whatever a test before this one left behind when it failed."""
    if 'host' in request.fixturenames:
        host = request.getfixturevalue('host')
        host.allow_sudo('broad')
        host.change_user('vaultadmin', shell='/bin/sh')
