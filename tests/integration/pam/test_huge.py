"""L60: a huge password reaches neither helper nor server, and tells no user from another."""
import pytest

from support.host import YES, helper, settings
from support.standin import Standin

SIZES = [512, 4096, 65536, 1 << 20, 16 << 20]


@pytest.fixture
def trap(host):
    """A helper that leaves a mark when it is started."""
    program, mark = host.directory / 'trap', host.directory / 'marks' / 'started'
    mark.parent.mkdir()
    mark.parent.chmod(0o777)
    program.write_text(f'#!/bin/sh\n: >{mark}\n')
    program.chmod(0o755)
    host.write_config(settings('http://127.0.0.1:1'))
    assert host.auth(password='01234567-89ab-cdef-0123-456789abcdef', helper=program) == 'AUTHINFO_UNAVAIL' and mark.exists()
    mark.unlink()
    yield program
    assert not mark.exists()


@pytest.mark.parametrize('size', SIZES)
def test_huge_passwords_start_nothing(host, trap, size):
    for user in ('nobody', 'root', 'no-such-user'):
        assert host.auth(password='0' * size, user=user, helper=trap) == 'AUTH_ERR'
        assert host.left() == {}


@pytest.mark.parametrize('size', SIZES)
def test_huge_passwords_under_pam_exec(config, size):
    with Standin(200, YES) as server:
        assert helper('-dev', config(server.address), password=b'0' * size).returncode == 1
        assert server.requests == []
