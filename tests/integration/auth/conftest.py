import pytest

from support.server import Server


@pytest.fixture(scope='module')
def methods():
    """A server with the auth methods of this folder's tests, each at its usual path."""
    one = Server()
    one.start().mount_auth('userpass').mount_auth('approle')
    yield one
    one.clean()


@pytest.fixture(scope='module')
def shared():
    """A development server for a whole file."""
    one = Server().start()
    yield one
    one.clean()


class Method:
    """An auth method on a server, at a path of its own."""

    def __init__(self, server, kind, path):
        self.server, self.path, self.api = server, f'auth/{path}', server.api()
        made = self.api.post(f'sys/auth/{path}', {'type': kind})
        assert made.status == 204, made

    def write(self, path, **fields):
        answer = self.api.post(f'{self.path}/{path}', fields)
        assert answer.status == 204, answer

    def login(self, **fields):
        return self.server.api(token=None).post(f'{self.path}/login', fields)


@pytest.fixture
def method(shared, request):
    """method('jwt') mounts one more of that kind."""
    made = []

    def make(kind):
        made.append(Method(shared, kind, f'm{abs(hash(request.node.name)) % 10**8}x{len(made)}'))
        return made[-1]
    return make
