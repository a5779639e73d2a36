"""L60: a huge password reaches neither helper nor server, and tells no user from another."""
import pytest

from support.figures import figure
from support.host import UUID, YES, helper, settings
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
    assert host.auth(password=UUID, helper=program) == 'AUTHINFO_UNAVAIL' and mark.exists()
    mark.unlink()
    yield program
    assert not mark.exists()


def test_huge_passwords_start_nothing(host, trap):
    tried = [(size, user) for size in SIZES for user in ('nobody', 'root', 'no-such-user')]
    wrong = [(size, user) for size, user in tried
             if host.auth(password='0' * size, user=user, helper=trap) != 'AUTH_ERR' or host.left()]
    figure('L60', len(tried), len(wrong), 'passwords')
    assert wrong == []


@pytest.mark.parametrize('size', SIZES)
def test_huge_passwords_under_pam_exec(config, size):
    with Standin(200, YES) as server:
        assert helper('-dev', config(server.address), password=b'0' * size).returncode == 1
        assert server.requests == []
