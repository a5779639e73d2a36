"""Tidying ends nothing before its time and forgets no end: a lease that was
spent or revoked stays so, a live one stays live (rule L46). sys/leases/tidy is
there for old clients; rows go when their time is over, by themselves."""
import random

from support.figures import count, figure
from support.server import Server
from support.wire import Wire

LEASES = count('TIDY_LEASES', 300, 10000)


def state_of(wire, lease):
    return wire.call('PUT', 'sys/leases/lookup', {'lease_id': lease})[0]


def spend(wire, key):
    return wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0]


def test_tidy_leaves_every_lease_as_it_is():
    server, rng, wrong = Server().start().mount_ssh(default_lease_ttl='24h'), random.Random(46), []
    server.write_role()
    wire = Wire(server)
    leases = []
    try:
        for _ in range(LEASES):
            made = wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[1]
            key, lease, fate = made['data']['key'], made['lease_id'], rng.choice(('live', 'spent', 'revoked'))
            if fate == 'spent':
                assert spend(wire, key) == 200
            elif fate == 'revoked':
                assert wire.call('PUT', 'sys/leases/revoke', {'lease_id': lease})[0] == 204
            leases.append((key, lease, fate, state_of(wire, lease)))
        for _ in range(3):
            assert wire.call('PUT', 'sys/leases/tidy', {})[0] < 300
        wire.close()
        server.restart()
        wire = Wire(server)
        assert wire.call('PUT', 'sys/leases/tidy', {})[0] < 300
        for key, lease, fate, before in leases:
            if state_of(wire, lease) != before or (spend(wire, key) == 200) != (fate == 'live'):
                wrong.append((fate, before))
        wire.close()
        figure('L46', LEASES, len(wrong), 'leases that were tidied')
        assert wrong == []
    finally:
        server.clean()
