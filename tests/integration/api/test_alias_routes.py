"""L10: an old name of an operation is the same operation, with rights on the path that was called."""
import pytest

from support.figures import figure
from support.good import NEVER, World, prepare
from support.routes import all_routes
from support.server import Server

# Old names and the new ones.
NEW = {'sys/renew': 'sys/leases/renew', 'sys/revoke': 'sys/leases/revoke', 'sys/revoke-prefix': 'sys/leases/revoke-prefix',
       'sys/revoke-force': 'sys/leases/revoke-force', 'sys/policy': 'sys/policies/acl'}


def new_of(path):
    """The path of the same operation under its new name."""
    for old, new in NEW.items():
        if path == old or path.startswith(old + '/'):
            return new + path[len(old):]
    return None


@pytest.fixture(scope='module')
def world():
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    one = World(server)
    one.routes = all_routes(server)
    yield one
    server.clean()


def pairs(world):
    by_name = {str(one): one for one in world.routes}
    for route in world.routes:
        if new_of(route.template) and f'{route.method} {new_of(route.template)}' in by_name:
            yield route, by_name[f'{route.method} {new_of(route.template)}']


def test_every_old_route_has_its_new_one(world):
    old = {str(one) for one in world.routes if one.is_old}
    assert old and old <= {str(one) for one, _ in pairs(world)}


def test_an_alias_takes_the_same_fields_and_flags(world):
    for old, new in pairs(world):
        assert old.flags == new.flags, str(old)
        assert set(old.fields) - {'after', 'limit'} == set(new.fields) - {'after', 'limit'}, str(old)


def rule(path):
    return f'path "{path}" {{ capabilities = ["create", "read", "update", "delete", "list", "sudo"] }}\n'


def test_rights_on_one_name_are_none_on_the_other(world):
    """Neither way: denied on the name without rights, done on the other, with the same answer."""
    tries, wrong = 0, []
    for old, new in pairs(world):
        for allowed, called in ((old, new), (new, old)):
            method, path, data, _ = prepare(old, world)
            there = {old: path, new: new_of(path)}
            token = world.server.token_with(rule(there[allowed]) + rule(there[allowed] + '/'))
            denied = world.server.api(token).call(method, there[called], data)
            done = world.server.api(token).call(method, there[allowed], data)
            tries += 2
            if denied.status != 403 or done.status == 403 or (str(allowed) not in NEVER and done.status >= 300):
                wrong.append((str(called), denied, done))
    figure('L10', tries, len(wrong), 'calls of aliases')
    print(f'{tries} calls of aliases: {len(wrong)} wrong')
    assert tries >= 20
    assert wrong == []


def test_a_denied_call_of_an_alias_says_the_same(world):
    poor = world.server.api(world.server.token_with('# nothing'))
    for old, new in pairs(world):
        method, path, data, _ = prepare(old, world)
        one, other = poor.call(method, path, data), poor.call(method, new_of(path), data)
        assert (one.status, one.body) == (other.status, other.body), str(old)


def test_a_refused_value_is_refused_under_both_names(world):
    for old, new in pairs(world):
        for field in old.fields:
            bodies = [{field: value} for value in ([], {}, 'x' * 5000)]
            method, path, data, _ = prepare(old, world)
            for body in bodies:
                one = world.api.call(method, path, {**(data or {}), **body})
                method, path, data, _ = prepare(old, world)
                other = world.api.call(method, new_of(path), {**(data or {}), **body})
                assert one.status == other.status, (str(old), body, one, other)
