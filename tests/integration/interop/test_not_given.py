"""C-1: what a client sends as "" or null it has not given, of every operation and field.

hvac sends every field of a role on every call; the vault command and Terraform's provider send the zero of each type.
"""
import pytest

from support.figures import figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server

# What a record is called, what it belongs to, and a key that is made for it: another with each try.
NAMES = {'name', 'display_name', 'canonical_id', 'public_key'}
# The null that the vault command sends is shown again (core-api 3.1).
SHOWN_AGAIN = {('sys/mounts/{path}', None): {'options'}, ('sys/auth/{path}', None): {'options'}}


def record(route, api, path, sent, empty):
    """The fields of what was written, less those that were sent with a value."""
    left_out = NAMES | set(sent) | SHOWN_AGAIN.get((route.template, empty), set())
    shown = api.get(path).json.get('data') or {}
    return {name: value for name, value in shown.items() if name in route.fields and name not in left_out}


@pytest.fixture(scope='module')
def world():
    server = Server(dev=False).start().mount_ssh()
    server.write_role()
    yield World(server)
    server.clean()


@pytest.mark.parametrize('empty', ['', None], ids=['text', 'null'])
def test_empty_is_not_given(world, empty):
    routes = all_routes(world.server)
    readable = {one.template for one in routes if one.method == 'GET'}
    tries, wrong = 0, []
    for route in routes:
        if route.method != 'POST' or not route.fields or str(route) in ENDS | AT_START:
            continue
        answers = []
        for more in ({}, {name: empty for name in route.fields}):
            method, path, data, token = prepare(route, world)
            api = world.server.api(token)
            got = api.call(method, path, {**more, **(data or {})})
            is_shown = route.template in readable and got.status < 300
            answers.append((got.status, record(route, api, path, data or {}, empty) if is_shown else {}, got))
        tries += 1
        if answers[0][:2] != answers[1][:2]:
            wrong.append(f'{route}: {answers[0]}, but {answers[1]}')
    figure('C-1', tries, len(wrong), f'operations sent with {empty!r} in every field')
    assert wrong == [] and tries > 60, '\n'.join(wrong)
