"""L11: no answer but a good one leaves a token behind."""
import errno
import itertools

import pytest

from support.faults import Faults
from support.figures import figure
from support.server import Server

ROUTES = ('auth/token/create', 'auth/token/create-orphan')


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start()
    yield one
    one.clean()


def accessors(server):
    return set(server.api().list('auth/token/accessors').data['keys'])


def refused_bodies(taken):
    """What create refuses, in every field."""
    yield from ({'ttl': one} for one in ('-1h', 'soon', [], -5, '99999999999h', {}))
    yield from ({'explicit_max_ttl': one} for one in ('-1s', 'x', []))
    yield from ({'period': one} for one in ('-1s', 'x'))
    yield from ({'num_uses': one} for one in (-1, 'x', 1.5, []))
    yield from ({'renewable': one} for one in ('maybe', 2, []))
    yield from ({'type': one} for one in ('wood', 'default-batch', 5, []))
    yield from ({'id': one} for one in (taken, 's.x', 'hvs.x', 'a b', 'x' * 300, [], 'a.b'))
    yield from ({'policies': one} for one in ({'a': 1}, [[]], ['x' * 5000], [{}]))
    yield from ({'meta': one} for one in ('x', 5, ['x'], {'a': {}}))
    yield from ({'display_name': one} for one in ('x' * 5000, [], {}))
    yield from ({'entity_alias': one} for one in ('someone', []))
    yield {'ttl': '1h', 'type': 'batch', 'num_uses': 3}
    yield {'ttl': '1h', 'type': 'batch', 'period': '1h'}
    yield {'policies': ['root', 'x'], 'ttl': '1h', 'type': 'batch'}


def test_a_refused_create_makes_no_token(server):
    root = server.api()
    taken = root.post('auth/token/create', {'ttl': '1h', 'id': 'taken-id'})
    limited = server.token_with('path "auth/token/create" { capabilities = ["update"] }')
    callers = {'root': server.token, 'limited': limited, 'poor': server.token_with('# nothing'), 'junk': 'junk', 'nobody': None}
    before, tries, wrong = accessors(server), 0, []
    bodies = [*refused_bodies('taken-id' if taken.status == 200 else server.token), {'policies': ['root']}, {'no_parent': True}, {}]
    for body, path, (who, token) in itertools.product(bodies, ROUTES, callers.items()):
        got = root.call('POST', path, body, token=token)
        tries += 1
        if got.status == 200:
            root.post('auth/token/revoke', {'token': got.json['auth']['client_token']})
        elif got.status < 400 or 'auth' in got.json:
            wrong.append((path, who, body, got))
        if accessors(server) != before:
            wrong.append((path, who, body, 'a token was left', got))
            before = accessors(server)
    figure('L11', tries, len(wrong), 'calls of token create')
    print(f'{tries} calls: {len(wrong)} wrong')
    assert wrong == []


def test_a_spent_token_makes_none(server):
    """Its last use went to a refusal; the next create is nobody's."""
    before = accessors(server)
    for _ in range(5):
        token = server.token_with('path "auth/token/create" { capabilities = ["update"] }', num_uses=1)
        assert server.api(token).post('auth/token/create', {'ttl': 'soon'}).status == 400
        assert server.api(token).post('auth/token/create', {'ttl': '1h'}).status == 403
    assert accessors(server) == before


@pytest.mark.parametrize('what', [errno.ENOSPC, errno.EIO])
def test_no_audit_line_no_token(tmp_path, what):
    """Where no device takes the request line, nothing is made."""
    server = Server(dev=False)
    faults = Faults(tmp_path)
    faults.prepare(server)
    try:
        server.start()
        path = server.enable_audit()
        before, statuses = accessors(server), set()
        with faults.on('write', what, path):
            for _ in range(5):
                statuses.add(server.api().post('auth/token/create', {'ttl': '1h'}).status)
        figure('L11', 5, len(statuses & {200}), 'creates without audit')
        assert statuses == {500}
        server.restart()
        assert accessors(server) == before
    finally:
        server.clean()
