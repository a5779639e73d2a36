"""L40: no name is ever part of a statement."""
import json
import sqlite3
import urllib.parse

import pytest

from support.figures import figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server

NAMES = ["'", '"', "''", "x'--", "x' OR '1'='1", "x'; DROP TABLE kv; --", 'x"; DROP TABLE kv; --', "x') OR 1=1 --", '`kv`', '[kv]',
         "x' UNION SELECT k, v FROM kv --", "x'||(SELECT v FROM kv LIMIT 1)||'", 'x%', '%', '_', 'x*', '?', '?1', ':name', '@x', '$1',
         "x\\'", "x';PRAGMA writable_schema=1;--", "x'/*", '*/x', "X'41'", "x'\n--", 'NULL', 'rowid', 'sqlite_master',
         "'; ATTACH '/tmp/x' AS x; --", 'randomblob(1000000000)', "x' AND randomblob(900000000) --", 'kv\u2019s', 'x;', '--', '1e999']


@pytest.fixture(scope='module')
def world():
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    one = World(server)
    one.zeroaddress()
    yield one
    server.clean()


def schema(server):
    """What tables the store has, and how many rows; read as an operator's tool would (sqlite3 -readonly)."""
    with sqlite3.connect(f'file:{server.store}?mode=ro', uri=True) as store:
        tables = store.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' ORDER BY name").fetchall()
        return tables, {name: store.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name, _ in tables}


def calls(world):
    """Each route with each name in each place that takes text."""
    for route in all_routes(world.server):
        if str(route) in ENDS | AT_START or str(route).endswith('-self'):
            continue
        method, path, data, _ = prepare(route, world)
        # Users are made under these names too, which takes a password.
        whole = {**(data or {}), **{secret: 'right' for secret in route.secrets}} if method == 'POST' else data
        for name in NAMES:
            if route.captures:
                yield route, method, route.path(usual=urllib.parse.quote(name, safe='')), whole
            if method != 'POST':
                yield route, method, f'{path.partition("?")[0]}?' + urllib.parse.urlencode({one: name for one in route.fields}), None
                continue
            for field, kind in route.fields.items():
                if kind['type'] in ('string', 'array'):
                    yield route, method, path, {**(data or {}), field: [name] if kind['type'] == 'array' else name}


def test_no_name_reaches_a_statement(world):
    """No 500, no table gone or new, nothing found by a name that is not its own."""
    api, tries, wrong = world.api.kept(), 0, []
    tables, _ = schema(world.server)
    kept = {path: api.get(path).body.partition('"data"')[2] for path in ('ssh/roles/otp', 'sys/policies/acl/default', 'sys/mounts/ssh')}
    for route, method, path, data in calls(world):
        got = api.call(method, path, data)
        tries += 1
        if got.status >= 500:
            wrong.append((str(route), path, json.dumps(data)[:200], got))
    wrong += [(path, 'changed') for path, body in kept.items() if api.get(path).body.partition('"data"')[2] != body]
    figure('L40', tries, len(wrong), 'calls')
    print(f'{tries} calls: {len(wrong)} wrong')
    assert wrong == []
    assert schema(world.server)[0] == tables
    world.server.restart()
    assert world.api.get('ssh/roles/otp').status == 200


def test_what_is_stored_comes_back_as_it_was(world):
    """Values may hold anything; they are bound, never pasted."""
    api = world.server.api()
    for name in NAMES:
        assert api.post('ssh/roles/bound', {'key_type': 'otp', 'default_user': name, 'cidr_list': '10.0.0.0/8'}).status in (204, 400)
        got = api.get('ssh/roles/bound')
        if got.status == 200:
            assert got.data['default_user'] == name
            api.delete('ssh/roles/bound')
        made = api.post('auth/token/create', {'meta': {name or 'x': name}, 'ttl': '1h', 'policies': ['default']})
        if made.status == 200:
            told = api.post('auth/token/lookup', {'token': made.json['auth']['client_token']}).data
            assert told['meta'] == {name: name}


def test_pages_are_cut_by_bytes_alone(world):
    """`after` is a place in the order, not a pattern."""
    api = world.server.api()
    for name in ('pa', 'pb', 'p_', 'pc'):
        world.server.write_role(name)
    keys = api.list('ssh/roles').data['keys']
    assert keys == sorted(keys)
    for after in [*NAMES, 'p', 'pa', 'p_', 'pb']:
        got = api.get('ssh/roles?' + urllib.parse.urlencode({'list': 'true', 'after': after}))
        want = [one for one in keys if one.encode() > after.encode()]
        assert (got.data['keys'] if got.status == 200 else []) == want, after
