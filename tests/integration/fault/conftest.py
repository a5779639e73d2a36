import pytest

from support.server import Server


@pytest.fixture
def one():
    """A fresh server, not a development one, with an ssh mount and the role `otp`."""
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    yield server
    server.clean()
