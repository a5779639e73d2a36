"""L30 and the route table: each route succeeds once and is refused once, with one pair of lines each."""
import pytest

from support import audit
from support.figures import figure
from support.good import AT_START, ENDS, NEVER, World, prepare
from support.routes import all_routes
from support.server import Server

# The only operations that no line tells of.
UNAUDITED = {'GET sys/health', 'GET sys/leader', 'GET sys/seal-status'}
# Whoever asks whatever, these answer.
NEVER_REFUSED = UNAUDITED | {'GET ssh/public_key', 'GET ssh/krl', 'GET sys/init', 'GET sys/internal/ui/mounts', 'GET sys/internal/specs/openapi', 'GET sys/wrapping/lookup'}
PAIR = ['request', 'response']


class Walk:
    def __init__(self, server, routes, file):
        self.server, self.routes, self.file = server, routes, file
        self.well, self.refused, self.calls, self.wrong = set(AT_START | ENDS), set(), 0, []

    def take(self, route, got, want):
        self.calls += 1
        kinds = [one['type'] for one in self.file.settle(self.server.api())]
        if kinds != want:
            self.wrong.append((str(route), got, kinds))
        if 200 <= got.status < 300:
            self.well.add(str(route))
        elif 400 <= got.status < 500:
            self.refused.add(str(route))


@pytest.fixture(scope='module')
def walked():
    """A server that every route was called on, well and badly; sealed at the end."""
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    try:
        server.write_role()
        file = audit.Follow(server.enable_audit())
        walk = Walk(server, all_routes(server), file)
        poor = server.api(server.token_with('# nothing'))
        world = World(server)
        for route in walk.routes:
            want = [] if str(route) in UNAUDITED else PAIR
            method, path, data, token = prepare(route, world)
            file.settle(server.api())
            if str(route) not in ENDS:
                walk.take(route, world.api.call(method, path, data, token=token), want)
            if not route.is_open:
                walk.take(route, poor.call(method, path, data), PAIR)
            elif method == 'POST':
                walk.take(route, world.api.call(method, path, raw='{', token=None), want)
            elif route.captures:
                walk.take(route, world.api.call(method, route.path(), token=None), want)
        file.settle(server.api())
        sealing = server.api().post('sys/seal')
        walk.sealing = (sealing.status, [one['type'] for one in file.new()])
        yield walk
    finally:
        server.clean()


def test_every_route_gives_one_pair(walked):
    figure('L30', walked.calls, len(walked.wrong), 'calls')
    assert walked.wrong == []
    assert walked.sealing == (204, ['request'])  # its devices are closed when it answers (core-api 7.2)


def test_what_no_line_tells_of_is_a_fixed_list(walked):
    assert {str(one) for one in walked.routes if not one.is_audited} == UNAUDITED


def test_every_route_succeeds_once_and_is_refused_once(walked):
    """Reliability 4: routes covered of all routes."""
    all_ = {str(one) for one in walked.routes}
    missing = sorted((all_ - walked.well - NEVER) | (all_ - walked.refused - NEVER_REFUSED))
    figure('routes', len(all_), len(missing), 'routes with a 2xx and a 4xx')
    print(f'{len(all_)} routes, {walked.calls} calls, {len(walked.well)} well, {len(walked.refused)} refused')
    assert missing == []


def test_the_exceptions_are_routes(walked):
    assert AT_START | ENDS | NEVER | NEVER_REFUSED <= {str(one) for one in walked.routes}
