import pytest

from support.server import Server


@pytest.fixture(scope='module')
def methods():
    """A server with the auth methods of this folder's tests, each at its usual path."""
    one = Server()
    one.start().mount_auth('userpass')
    yield one
    one.clean()
