"""cubbyhole/: a space for each token, gone with it (core-api 5.2)."""
import threading

import pytest

from support import audit
from support.good import fresh
from support.server import wait_for

DENIED = '1 error occurred:\n\t* permission denied\n\n'


def token(server, **fields):
    return server.token_with('# nothing', no_default_policy=False, **fields)


def keys_in_store(server):
    """What of cubbyholes the store holds, looked at from outside."""
    import sqlite3
    with sqlite3.connect(f'file:{server.store}?mode=ro', uri=True) as db:
        return [row[0] for row in db.execute("select key from kv where key >= 'cub/' and key < 'cub0' "
                                             "or key >= x'6375622f' and key < x'63756230'")]


def test_names_are_listed_level_by_level(shared):
    api = shared.api(token(shared))
    assert (api.list('cubbyhole').status, api.list('cubbyhole').errors) == (404, [])
    for name in ('a', 'dir', 'dir/a', 'dir/b/c', 'dir/b/d', 'dir2/x', 'z'):
        assert api.put(f'cubbyhole/{name}', {'x': 1}).status == 204
    assert api.list('cubbyhole').data['keys'] == ['a', 'dir', 'dir/', 'dir2/', 'z']
    assert api.get('cubbyhole/?list=true').data['keys'] == ['a', 'dir', 'dir/', 'dir2/', 'z']
    assert api.list('cubbyhole/dir').data['keys'] == ['a', 'b/']
    assert api.list('cubbyhole/dir/b/').data['keys'] == ['c', 'd']
    assert api.list('cubbyhole/dir/b/c').status == 404


def test_a_long_list_is_whole(shared):
    api = shared.api(token(shared))
    connection = api.connect()
    names = [f'n{number:04}/x' for number in range(1100)]
    for name in names:
        assert api.call('PUT', f'cubbyhole/{name}', {'x': 1}, connection=connection).status == 204
    assert api.list('cubbyhole').data['keys'] == [name[:-1] for name in names]


def test_each_token_sees_its_own(shared):
    """Not even root, or the parent, sees another's."""
    parent = shared.token_with('path "auth/token/create" { capabilities = ["update"] }', no_default_policy=False)
    child = shared.api(parent).post('auth/token/create', {}).json['auth']['client_token']
    name = fresh('name')
    assert shared.api(parent).put(f'cubbyhole/{name}', {'of': 'parent'}).status == 204
    assert shared.api(child).get(f'cubbyhole/{name}').status == 404
    assert shared.api().get(f'cubbyhole/{name}').status == 404
    assert shared.api(child).put(f'cubbyhole/{name}', {'of': 'child'}).status == 204
    assert shared.api(parent).get(f'cubbyhole/{name}').data == {'of': 'parent'}


def test_it_needs_the_default_policy(shared):
    bare = shared.token_with('# nothing', no_default_policy=True)
    assert shared.api(bare).put('cubbyhole/a', {'x': 1}).errors == [DENIED]
    creator = shared.token_with('path "cubbyhole/*" { capabilities = ["create"] }', no_default_policy=True)
    assert shared.api(creator).put('cubbyhole/a', {'x': 1}).status == 204
    assert shared.api(creator).put('cubbyhole/a', {'x': 2}).errors == [DENIED]


@pytest.mark.parametrize('end', ['revoke', 'expire', 'uses', 'parent', 'wrapped'])
def test_it_goes_with_its_token(server, end):
    """However the token ends, its space is out of the store when it is gone, however large."""
    api, before = server.api(), keys_in_store(server)
    parent = server.token_with('path "auth/token/create" { capabilities = ["update"] }', no_default_policy=False)
    fields = {'uses': {'num_uses': 41}}.get(end, {})
    one = (api if end != 'parent' else server.api(parent)).post('auth/token/create', {'policies': ['default'], **fields})
    one = one.json['auth']['client_token']
    if end == 'wrapped':
        one = api.post('sys/wrapping/wrap', {'a': 'b'}, headers={'X-Vault-Wrap-TTL': '1h'}).json['wrap_info']['token']
    for number in range(40 if end != 'wrapped' else 0):
        assert server.api(one).put(f'cubbyhole/n{number}', {'x': 1}).status == 204
    assert len(keys_in_store(server)) > len(before)
    if end == 'uses':
        server.api(one).get('cubbyhole/n1')
    elif end == 'wrapped':
        assert api.post('sys/wrapping/unwrap', {'token': one}).status == 200
    elif end == 'expire':
        assert api.post('auth/token/renew', {'token': one, 'increment': 1}).status == 200
    else:
        assert api.post('auth/token/revoke', {'token': parent if end == 'parent' else one}).status == 204
    wait_for(lambda: keys_in_store(server) == before, 'the space is gone')


def test_a_write_racing_a_revocation_leaves_nothing(server):
    before = keys_in_store(server)
    for _ in range(5):
        one = token(server)
        go = threading.Event()

        def write(one=one, go=go):
            api, number = server.api(one), 0
            connection = api.connect()
            while api.call('PUT', f'cubbyhole/n{number % 40}', {'x': 1}, connection=connection).status == 204:
                number += 1
                if number == 40:
                    go.set()
            go.set()

        threads = [threading.Thread(target=write) for _ in range(3)]
        for thread in threads:
            thread.start()
        go.wait()
        assert server.api().post('auth/token/revoke', {'token': one}).status == 204
        for thread in threads:
            thread.join()
        wait_for(lambda: keys_in_store(server) == before, 'the space is gone')


def test_it_survives_a_restart_with_its_token(server):
    one = token(server)
    assert server.api(one).put('cubbyhole/a', {'x': 'kept'}).status == 204
    server.restart(kill=True)
    assert server.api(one).get('cubbyhole/a').data == {'x': 'kept'}


def test_values_are_hashed_in_the_log(server):
    path = server.enable_audit()
    assert server.api().put('cubbyhole/a', {'x': 'canary-cubby'}).status == 204
    assert server.api().get('cubbyhole/a').data == {'x': 'canary-cubby'}
    assert 'canary-cubby' not in open(path).read()
    asked = audit.entries(path, 'request', 'cubbyhole/a')
    assert [one['request']['operation'] for one in asked] == ['create', 'read']
    assert asked[0]['request']['mount_type'] == 'cubbyhole'
