import os
import pathlib
import signal

import pytest

from support.places import public_directory
from support.server import Server


# Under nohup, or behind a shell's &, all that is started here would ignore them as this process goes on to do.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


# sshd changes its root to it; where it runs as a service, systemd has made it. Kept: others may be at work here.
if os.access('/run', os.W_OK):
    pathlib.Path('/run/sshd').mkdir(exist_ok=True)


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
