"""L24: what sys/ does for those without a token."""
import pytest

from support.figures import figure
from support.raw import ask

# A fixed list: a route that is open by mistake fails here.
OPEN = {'GET sys/health', 'GET sys/leader', 'GET sys/seal-status', 'GET sys/init', 'POST sys/init', 'POST sys/unseal',
        'GET sys/internal/ui/mounts', 'GET sys/internal/ui/mounts/{path}', 'GET sys/internal/specs/openapi',
        'POST sys/internal/specs/openapi', 'GET sys/wrapping/lookup', 'POST sys/wrapping/lookup'}
OPEN_ELSEWHERE = {'POST ssh/verify', 'POST auth/userpass/login/{username}', 'POST auth/approle/login', 'POST auth/jwt/login',
                  'POST auth/cert/login', 'POST auth/kubernetes/login',
                  'POST auth/ssh/challenge', 'POST auth/ssh/login',
                  'GET ssh/public_key', 'GET ssh/issuer/{issuer_ref}/public_key', 'GET ssh/krl', 'GET ssh/issuer/{issuer_ref}/krl',
                  'POST ssh/enrol', 'POST ssh/enrol/challenge', 'POST ssh/enrol/renew', 'POST ssh/enrol/report',
                  'POST ssh/principals/{host}'}


def test_the_open_routes_are_a_fixed_list(world):
    assert {str(route) for route, *_ in world.calls if route.is_open} == OPEN | OPEN_ELSEWHERE


def state(world):
    paths = ['sys/mounts', 'sys/auth', 'sys/policy', 'ssh/config/zeroaddress', 'ssh/config/options', 'sys/mounts/ssh/tune']
    told = [world.api.get(one).json for one in paths] + [world.api.list(one).json for one in (
        'ssh/roles', 'sys/leases/lookup/ssh/creds/otp', 'auth/token/accessors')]
    devices = set(world.api.get('sys/audit').data)
    return [one and one['data'] for one in told], devices, world.api.get('sys/seal-status').json


def test_nothing_is_done_without_a_token(world):
    """Each route, its right body, in each way not to send a token."""
    before, tries, wrong = state(world), 0, []
    for route, method, path, data in world.calls:
        if route.is_open:
            continue
        for headers in ({}, {'X-Vault-Token': ''}, {'Authorization': 'Bearer '}, {'Authorization': 'Basic cm9vdDpyb290'},
                        {'Cookie': f'X-Vault-Token={world.server.token}'}, {'X-Vault-Request': 'true'},
                        {'X-Forwarded-For': '127.0.0.1'}, {'Token': world.server.token}):
            got = world.server.api(None).call(method, path, data, headers=headers)
            tries += 1
            if (got.status, got.errors) != (400, ['missing client token']):
                wrong.append((str(route), headers, got))
        query = 'token=' + world.server.token
        got = world.server.api(None).call(method, f'{path}{"&" if "?" in path else "?"}{query}', data)
        tries += 1
        if got.status != 400:
            wrong.append((str(route), query, got))
    figure('L24', tries, len(wrong), 'calls without a token')
    print(f'{tries} calls: {len(wrong)} wrong')
    assert wrong == []
    assert state(world) == before


def test_what_is_open_changes_nothing_once_the_server_is_up(world):
    before = state(world)
    anybody = world.server.api(None)
    for body in ({}, {'secret_shares': 1, 'secret_threshold': 1}, {'secret_shares': 5, 'secret_threshold': 3}):
        assert anybody.put('sys/init', body).status == 400
    for body in ({}, {'key': 'AAAA'}, {'key': world.server.keys[0]}, {'reset': True}, {'key': 'x', 'migrate': True}):
        anybody.put('sys/unseal', body)
    for path in ('sys/internal/specs/openapi', 'sys/internal/ui/mounts', 'sys/health?sealedcode=200', 'sys/leader'):
        assert anybody.get(path).status == 200
    assert state(world) == before


@pytest.mark.parametrize('path', ['sys/rekey/init', 'sys/rekey/update', 'sys/rekey/verify', 'sys/generate-root/attempt',
                                  'sys/generate-root/update', 'sys/rekey-recovery-key/init', 'sys/step-down', 'sys/raw/core',
                                  'sys/replication/status', 'sys/config/state/sanitized', 'sys/pprof/heap', 'sys/metrics',
                                  'sys/host-info', 'sys/monitor', 'sys/rotate', 'sys/tools/random'])
@pytest.mark.parametrize('method', ['GET', 'PUT', 'DELETE'])
def test_what_is_not_built_yet_is_not_open(world, path, method):
    got = world.server.api(None).call(method, path, {'secret_shares': 1, 'secret_threshold': 1} if method == 'PUT' else None)
    assert (got.status, got.errors) == (400, ['missing client token'])


def test_no_address_is_trusted_by_its_word(world):
    """A head that says it comes from the server itself is still nobody's."""
    for name in ('X-Forwarded-For', 'X-Real-IP', 'Forwarded', 'Via', 'X-Vault-Forward'):
        got = ask(world.server, f'POST /v1/sys/seal HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{name}: 127.0.0.1\r\n\r\n')
        assert got.status == 400
