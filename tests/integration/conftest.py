import pathlib
import shutil
import tempfile

import pytest

from support.server import Server


@pytest.fixture
def public_path():
    """A directory that any user may enter.

    Pytest's own lies below one that every starting pytest, this or any other, makes private to its user again.
    """
    path = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-public-'))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


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
