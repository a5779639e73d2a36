import pathlib

import pytest

from support import cli
from support.sshd import Sshd, helper_config


@pytest.fixture
def run(shared):
    def one(*words, **more):
        return cli.run(shared, *words, **more)
    return one


@pytest.fixture(scope='module')
def logins(shared):
    """A server, an audit file, and a host to log in to."""
    sshd = Sshd(helper_config(shared), users=('ubuntu', 'bob'))
    shared.write_role(cidr_list='127.0.0.0/8,::1/128', allowed_users='*', port=sshd.port)
    shared.audit = shared.enable_audit()
    shared.sshd = sshd
    shared.home = pathlib.Path(shared.directory) / 'home'
    shared.home.mkdir()
    yield shared
    sshd.stop()
