import pytest

from support.good import World, prepare
from support.routes import all_routes
from support.server import Server


@pytest.fixture(scope='module')
def world():
    """A server, and a call that succeeds for each of its routes: (route, method, path, data)."""
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')  # what is made first is used last
    server.write_role()
    server.enable_audit()
    one = World(server)
    one.zeroaddress()
    one.calls = [(route, *prepare(route, one)[:3]) for route in all_routes(server)]
    yield one
    server.clean()
