"""L08: no spelling of a path mounts something where it does not belong."""
import pytest

from support.figures import figure
from support.server import Server

RESERVED = ['sys', 'sys/x', 'auth', 'auth/x', 'identity', 'audit', 'cubbyhole', 'identity/x', 'Sys', 'SYS/x', 'Auth/x', 'AUDIT']
WAYS = ['{}/x/y', '{}/', './{}', '{}/.', 'a/../{}', '{}%2fx', '{}%00', '/{}', '{}//x', '{}%5cx', '%2e/{}', '{}/..',
        '{}%0a', '{}/%2e%2e/x', '{}%7f', '{}%ff', '%2f{}', '{}/x/../y']
# The canonical path is what a mount is made from (L01, L08).
TRICKS = (['%2e', '..', '%2e%2e', 'a/..', 'a/../sys', './sys', '/sys', 'a//b', 'x%2f..%2fsys', 'sys%2fx', 'sys%00',
           'x%00', 'x%0a', 'x%ff', 'x%5cy', 'a/%2e/b', 'a%2fb', 'sys/', 'sys//', 'auth/', 'auth//token', '%73ys',
           'sy%73/x', 'x%c0%ae', 'x%7f'])


NAMES = RESERVED + TRICKS + [way.format(one) for one in ('sys', 'auth', 'identity', 'audit', 'cubbyhole') for way in WAYS]
# What is legal, and must not be taken for what it resembles.
GOOD = ['system', 'sys-x', 'sysx', 'sys.x', 'authx', 'x/sys', 'x/auth/token', 'audit-x', 'x.y-z_1']


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    yield one
    one.clean()


def test_reserved_and_tricky_paths_mount_nothing(server):
    """Neither a new mount nor one that moves there, nor by tuning one that is not there."""
    api, before = server.api(), server.api().get('sys/mounts').data
    tries, wrong = 0, []
    for path in NAMES:
        for got in (api.post(f'sys/mounts/{path}', {'type': 'ssh'}), api.post('sys/remount', {'from': 'ssh', 'to': path}),
                    api.post(f'sys/mounts/{path}/tune', {'description': 'x'})):
            tries += 1
            if got.status < 400 and not is_tune_of_auth(path, got):
                wrong.append((path, got))
    after = api.get('sys/mounts').data
    figure('L08', tries, len(wrong), 'names')
    assert tries >= 120
    assert wrong == []
    assert after == before


def is_tune_of_auth(path, got):
    """auth/token has settings of its own; nothing else below auth/ does."""
    return path == 'auth/token' and got.status == 204


@pytest.mark.parametrize('path', GOOD)
def test_what_only_looks_like_it_is_a_mount_of_its_own(server, path):
    api = server.api()
    assert api.post(f'sys/mounts/{path}', {'type': 'ssh'}).status == 204
    assert api.get(f'{path}/config/options').status == 200
    assert api.get('sys/health').json['initialized'] is True
    assert api.delete(f'sys/mounts/{path}').status == 204
    assert api.get(f'{path}/config/options').status == 404


def test_names_that_differ_are_different_places(server):
    """No two pairs of mount and role share a record, or one that is cached."""
    api, pairs = server.api(), [(mount, role) for mount in ('za', 'zab', 'za-b', 'ZA') for role in ('c', 'b-c', 'C', 'same')]
    for mount, _ in pairs:
        assert api.post(f'sys/mounts/{mount}', {'type': 'ssh'}).status in (204, 400)
    for mount, role in pairs:
        assert api.post(f'{mount}/roles/{role}', {'key_type': 'otp', 'default_user': f'{mount}.{role}'}).status == 204
    for _ in range(2):
        for mount, role in pairs:
            assert api.get(f'{mount}/roles/{role}').data['default_user'] == f'{mount}.{role}'
