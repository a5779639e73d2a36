"""L18: a name that is not there takes as long to refuse as one that is, and gets the same text."""
import math
import statistics
import time

import pytest

from support.figures import count, figure
from support.server import Server
from support.wire import Wire

PAIRS = count('LOGIN_PAIRS', 60, 10000)
WELCH_T = 4.5
A_COUNT = 4  # failures that lock no name yet


@pytest.fixture(scope='module')
def people():
    server = Server().start().mount_auth('userpass')
    yield server
    server.clean()


class Timed:
    """Wrong logins, one at a time on one connection."""

    def __init__(self, server):
        self.server, self.wire, self.answers, self.n = server, Wire(server, token=None), set(), 0

    def refuse(self, name):
        start = time.monotonic_ns()
        status, body = self.wire.call('PUT', f'auth/userpass/login/{name}', {'password': 'wrong'})
        took = time.monotonic_ns() - start
        self.answers.add((status, str(body)))
        return took

    def pair(self, i):
        """Both kinds in turns; names of the same length that are used too seldom to be locked."""
        batch = i // A_COUNT
        if i % A_COUNT == 0:
            got = self.server.api().post(f'auth/userpass/users/k{batch:06}', {'password': 'right'})
            assert got.status == 204, got
        calls = {'known': f'k{batch:06}', 'unknown': f'u{batch:06}'}
        order = ('known', 'unknown') if i % 2 else ('unknown', 'known')
        return {kind: self.refuse(calls[kind]) for kind in order}


def middle(values):
    """Without the slowest tenth: those met another process, not a name."""
    return sorted(values)[:len(values) - len(values) // 10]


def welch_t(one, two):
    a, b = middle(one), middle(two)
    spread = math.sqrt(statistics.variance(a) / len(a) + statistics.variance(b) / len(b))
    return abs(statistics.fmean(a) - statistics.fmean(b)) / spread


def test_unknown_names_take_as_long(people):
    timed = Timed(people)
    pairs = [timed.pair(i) for i in range(PAIRS)]
    t = welch_t([one['known'] for one in pairs], [one['unknown'] for one in pairs])
    figure('L18', PAIRS, int(t >= WELCH_T) + len(timed.answers) - 1, 'pairs of logins')
    print(f'{PAIRS} pairs, t = {t:.2f}, {len(timed.answers)} texts')
    assert len(timed.answers) == 1
    assert t < WELCH_T
