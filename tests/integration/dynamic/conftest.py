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
