"""L17: without rights no answer tells what exists; same bytes for all."""
import json

import pytest

from support.figures import figure

ABSENT = {'lease_id': 'ssh/creds/otp/' + 'A' * 24, 'prefix': 'none/creds', 'path': 'none', 'name': 'none', 'role': 'none'}


def seen(got):
    """All that a caller gets, but for the time."""
    return got.status, got.body, tuple(sorted((k, v) for k, v in got.headers.items() if k != 'Date'))


def spellings(world):
    """(method, path, body): each closed route with what exists, with what does not, on a mount that does not."""
    for route, method, path, data in world.calls:
        if route.is_open:
            continue
        absent = route.path(ABSENT)
        gone = {k: 'none' if isinstance(v, str) else v for k, v in (data or {}).items()} if method == 'POST' else None
        paths = [path, absent] + (['none' + absent[len('ssh'):]] if absent.startswith('ssh/') else [])
        for one in paths:
            yield method, one, data
            yield method, one, gone
    for method in ('GET', 'LIST', 'POST', 'PUT', 'DELETE'):
        for path in ('ssh/nosuch', 'none/nosuch', 'sys/nosuch', 'auth/token/nosuch', 'auth/none/login', 'ssh', 'none', 'identity/x',
                     'cubbyhole/x', 'sys/raw/core', 'ssh/roles', 'ssh/roles/otp', 'ssh/roles/none', 'ssh/roles/.a', 'ssh/roles/-'):
            yield method, path, {} if method in ('POST', 'PUT') else None


def answers(world, token):
    tries, found = 0, {}
    for method, path, body in spellings(world):
        got = world.api.call(method, path, json.loads(json.dumps(body)), token=token)
        found.setdefault(seen(got), (method, path, body))
        tries += 1
    figure('L17', tries, len(found) - 1, 'answers')
    print(f'{tries} answers, {len(found)} kinds')
    return found


DENIED = '{"errors":["1 error occurred:\\n\\t* permission denied\\n\\n"]}\n'


@pytest.mark.parametrize('who, status, body', [
    ('no rights', 403, DENIED), ('rights elsewhere', 403, DENIED), ('unknown', 403, '{"errors":["permission denied"]}\n'),
    ('nobody', 400, '{"errors":["missing client token"]}\n')])
def test_all_answers_are_the_same(world, who, status, body):
    tokens = {'no rights': lambda: world.server.token_with('# nothing'), 'unknown': lambda: 'hvs.' + 'A' * 24,
              'rights elsewhere': lambda: world.server.token_with('path "other/*" { capabilities = ["read", "update"] }'),
              'nobody': lambda: None}
    found = answers(world, tokens[who]())
    assert list(found) == [(status, body, seen_headers(found))], found


def seen_headers(found):
    return next(iter(found))[2]


def test_what_nobody_may_learn_from_open_routes(world):
    """No name of a mount, a role or a policy stands in what all can read."""
    world.server.mount_ssh('hiddenmount')
    world.server.write_role('hiddenrole', mount='hiddenmount')
    for route, method, path, _ in world.calls:
        if route.is_open and method == 'GET':
            for token in (None, 'junk', world.server.token_with('# nothing')):
                got = world.api.call(method, path, token=token)
                assert 'hidden' not in got.body, str(route)


def test_verify_tells_a_mount_and_nothing_more(world):
    """The one door that is open at a mount's own path answers there as it must: the caller's OTP is judged, not its guess
    at a role or a user."""
    for body in ({}, {'otp': 'x', 'role': 'otp', 'username': 'ubuntu'}, {'otp': 'x', 'role': 'none', 'username': 'none'},
                 {'otp': 'x', 'ip': '10.1.2.3'}, {'otp': 'x', 'ip': '192.0.2.1'}, {'otp': 'x', 'host': 'a'}):
        got = world.server.api(None).put('ssh/verify', body)
        assert (got.status, got.errors) == (400, ['OTP not found'])
