"""A full disk under the store: 503, reads go on, nothing is lost, and with room
it serves again without a restart (reliability R20)."""
import errno

import pytest

from support.faults import Faults, fill, small_disk
from support.figures import count, figure
from support.server import Server, wait_for
from support.wire import Wire

ENOSPC_CALLS = count('ENOSPC_CALLS', 20, 400)
UNAVAILABLE = (503, {'errors': ['storage unavailable']})


def ask(wire):
    return wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})


def spend(wire, key):
    return wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)


def full_at(server, faults, what, n):
    """The disk is full from the n-th write on, for as long as the rule stands; what went wrong."""
    wire, wrong, live, spent = Wire(server), [], [], []
    spare = ask(wire)[1]['data']['key']
    with faults.on('write', what, f'{server.store}-wal', server.store, skip=n - 1):
        refused = 0
        while refused < 3:
            status, body = ask(wire)
            if status != 200:
                refused += 1
                wrong += [] if (status, body) == UNAVAILABLE else [(status, body)]
                continue
            key = body['data']['key']
            (spent if spend(wire, key)[0] == 200 else live).append(key)
        if spend(wire, spare) != UNAVAILABLE:
            wrong.append('verify on a full disk')
        if wire.call('GET', 'ssh/roles/otp')[0] != 200:
            wrong.append('read on a full disk')
    wait_for(lambda: ask(wire)[0] == 200, 'it writes again')
    if server.process.poll() is not None:
        wrong.append('it ended')
    if [spend(wire, key)[0] for key in (spare, spare)] != [200, 400]:
        wrong.append('the spare password')
    if any(spend(wire, key)[0] != 200 for key in live) or any(spend(wire, key)[0] == 200 for key in spent):
        wrong.append('a password is lost or accepted twice')
    wire.close()
    return wrong


@pytest.mark.parametrize('what', [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_at_the_nth_write(tmp_path, what):
    faults = Faults(tmp_path)
    server = Server()
    faults.prepare(server)
    failures = {}
    calls = max(1, ENOSPC_CALLS // 2)
    try:
        server.start().mount_ssh(default_lease_ttl='24h').write_role()
        for n in range(1, calls + 1):
            wrong = full_at(server, faults, what, n)
            if wrong:
                failures[n] = wrong[:3]
        figure('R20', calls, len(failures), f'writes that met errno {what}')
        assert failures == {}
        assert server.restart().api().get('ssh/roles/otp').status == 200
    finally:
        server.clean()


def test_short_writes_are_gone_on_with(tmp_path):
    """The kernel may take less than it was given."""
    faults = Faults(tmp_path)
    server = Server()
    faults.prepare(server)
    try:
        server.start().mount_ssh(default_lease_ttl='24h').write_role()
        path = server.enable_audit()
        wire = Wire(server)
        with faults.on('write', 'short', f'{server.store}-wal', server.store, path):
            keys = [ask(wire)[1]['data']['key'] for _ in range(20)]
        wire.close()
        server.restart(kill=True)
        wire = Wire(server)
        assert [spend(wire, key)[0] for key in keys] == [200] * len(keys)
    finally:
        server.clean()


def test_a_small_disk_refuses_writes_and_recovers(tmp_path):
    with small_disk(tmp_path / 'small', '16m') as small:
        if small is None:
            pytest.skip('mounting is not allowed here')
        server = Server()
        server.store = small / 'store.db'
        try:
            server.start().mount_ssh(default_lease_ttl='24h').write_role()
            wire = Wire(server)
            spare = ask(wire)[1]['data']['key']
            fill(small / 'filler')
            answers = [ask(wire) for _ in range(300)]
            refused = [one for one in answers if one[0] != 200]
            assert refused and all(one == UNAVAILABLE for one in refused)
            assert spend(wire, spare) == UNAVAILABLE
            assert wire.call('GET', 'ssh/roles/otp')[0] == 200
            # It is said once: the log may need room as well.
            told = server.log_text()
            assert told.count('the store could not commit') >= 1
            assert 'a checkpoint did not work' not in told
            assert 'heads of the audit log were not stored' not in told
            (small / 'filler').unlink()
            wait_for(lambda: ask(wire)[0] == 200, 'it writes again')
            assert [spend(wire, spare)[0] for _ in range(2)] == [200, 400]
            assert server.restart().api().get('ssh/roles/otp').status == 200
        finally:
            server.clean()
