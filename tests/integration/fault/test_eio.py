"""The first I/O error of the store is final: 503 to all whom it hit, exit status
70, and nothing that was answered is lost (reliability R05, L42)."""
import errno
import threading

import pytest

from support.faults import Faults
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server, wait_for
from support.wire import Wire

EIO_ROUNDS = count('EIO_ROUNDS', 20, 500)
UNAVAILABLE = (503, {'errors': ['storage unavailable']})
EXIT_STORE = 70
CLIENTS = 6


class Asking(threading.Thread):
    """Asks for passwords, spends every third, until the server is gone."""

    def __init__(self, server):
        super().__init__()
        self.wire = Wire(server)
        self.live, self.spent, self.doubtful, self.refused = [], [], set(), []

    def run(self):
        try:
            while True:
                self.step()
        except OSError:
            pass

    def step(self):
        status, body = self.wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})
        if status != 200:
            self.refused.append((status, body))
            return
        key = body['data']['key']
        if len(self.live) < 2 * len(self.spent):
            self.live.append(key)
            return
        self.doubtful.add(key)
        status, body = self.wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)
        if status != 200:
            self.refused.append((status, body))
            return
        self.doubtful.discard(key)
        self.spent.append(key)


def accepted(wire, keys):
    return [key for key in keys if wire.call('PUT', 'ssh/verify', {'otp': key})[0] == 200]


def one_error(server, faults, call, n):
    """Fail the n-th call under load; what went wrong."""
    asking = [Asking(server) for _ in range(CLIENTS)]
    for one in asking:
        one.start()
    wait_for(lambda: all(one.spent for one in asking), 'the clients are at work')
    with faults.on(call, errno.EIO, f'{server.store}-wal', server.store, skip=n - 1):
        status = server.process.wait(PATIENCE_S)
    for one in asking:
        one.join(PATIENCE_S)
    wrong = [] if status == EXIT_STORE else [f'exit status {status}']
    wrong += [got for one in asking for got in one.refused if got != UNAVAILABLE]
    server.start()
    wire = Wire(server, token=None)
    for one in asking:
        if accepted(wire, one.live) != one.live:
            wrong.append('an answered password is lost')
        if accepted(wire, one.spent):
            wrong.append('a spent password is accepted')
        if accepted(wire, accepted(wire, one.doubtful)):
            wrong.append('a password is accepted twice')
    wire.close()
    return wrong


@pytest.mark.parametrize('call, rounds', [('sync', EIO_ROUNDS), ('write', max(3, EIO_ROUNDS // 5))])
def test_the_nth_io_error_is_final(tmp_path, call, rounds):
    faults = Faults(tmp_path)
    server = Server()
    faults.prepare(server)
    failures = {}
    try:
        server.start().mount_ssh(default_lease_ttl='24h').write_role()
        for n in range(1, rounds + 1):
            wrong = one_error(server, faults, call, n)
            if wrong:
                failures[n] = wrong[:3]
        for row in ('R05', 'L42'):
            figure(row, rounds, len(failures), f'failed {call} calls')
        assert failures == {}
    finally:
        server.clean()
