import signal

import pytest

from support.places import public_directory
from support.server import Server


# Under nohup, or behind a shell's &, all that is started here would ignore them as this process goes on to do.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


@pytest.fixture
def public_path():
    with public_directory() as path:
        yield path


@pytest.fixture
def server():
    """A fresh development server with an ssh mount and the role `otp`."""
    one = Server().start().mount_ssh()
    one.write_role()
    yield one
    one.clean()


@pytest.fixture(scope='module')
def shared():
    """The same for a whole file: tests of it use names of their own."""
    one = Server().start().mount_ssh()
    one.write_role()
    yield one
    one.clean()
