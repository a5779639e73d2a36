"""Many leases over many hosts, half of which go down while the leases end: no key is left (S2-13)."""
import concurrent.futures
import json
import time

import pytest
from support.cli import good, run
from support.figures import count, figure
from support.linux_host import LinuxHost, issue, leases, prepare, write_role
from support.patience import PATIENCE_S
from support.server import wait_for

HOSTS = count('DYNAMIC_HOSTS', 4, 50)
LEASES = count('DYNAMIC_LEASES', 24, 10000)
AT_ONCE = 4
GUARD_S = PATIENCE_S + 2 * LEASES


@pytest.fixture(scope='module')
def hosts():
    """One machine with an address, and a user, for each host."""
    one = LinuxHost(users=[f'user{n}' for n in range(HOSTS)], lines=('ListenAddress 127.0.0.1', 'MaxSessions 64'))
    one.listeners = {}
    yield one
    for process in one.listeners.values():
        process.kill()
        process.wait()
    one.stop()


def address(n):
    return f'127.0.7.{n + 1}'


def queue_length(server):
    gauges = server.api().get('sys/metrics').json['Gauges']
    return next(one['Value'] for one in gauges if one['Name'] == 'vault.expire.job_manager.queue_length')


def come_to(condition, what):
    """Looked at so seldom that looking takes nothing from those who work."""
    wait_for(condition, what, GUARD_S, every_s=LEASES / 2000)


def expect_to_wait(server, n):
    """The queue as metrics and the command line show it: so many leases, each with what became of its last try."""
    come_to(lambda: queue_length(server) == n, 'they are all that is in the queue')

    def are_listed():
        found = json.loads(good(run(server, 'lease', 'queue', '-format=json')))
        tried = {one['lease_id'] for one in found if one['attempts'] > 0 and '127.0.7.' in one['error']}
        return len(tried) == n
    come_to(are_listed, 'all that wait are listed, with why')


def let_expire(server, got):
    """In a second from now. No host is asked: the keys of this role have no end of their own."""
    api = server.api().kept()
    for one in got:
        answer = api.put('sys/leases/renew', {'lease_id': one['lease_id'], 'increment': 1})
        assert answer.status == 200 and answer.json['lease_duration'] == 1, answer


def test_no_key_is_left_when_the_hosts_are_back(shared, hosts):
    prepare(shared, hosts)
    write_role(shared, hosts, 'many', default_user='user0', ttl='10h', expiry_time=False)
    for n in range(HOSTS):
        hosts.listeners[n] = hosts.listen_on(address(n))

    def ask_for(n):
        return issue(shared, 'many', ip=address(n % HOSTS), username=f'user{n % HOSTS}')
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(ask_for, range(LEASES)))
    issued_s = time.monotonic() - began
    assert sum(len(hosts.ours(f'user{n}')) for n in range(HOSTS)) == LEASES
    down = range(0, HOSTS, 2)
    for n in down:
        hosts.listeners[n].kill()
        hosts.listeners[n].wait()
    began = time.monotonic()
    let_expire(shared, got)
    come_to(lambda: not any(hosts.ours(f'user{n}') for n in range(HOSTS) if n not in down), 'keys of hosts that are up come off')
    off_s = time.monotonic() - began
    waiting = sum(len(hosts.ours(f'user{n}')) for n in down)
    assert waiting == sum(k % HOSTS in down for k in range(LEASES))
    expect_to_wait(shared, waiting)
    shared.restart()
    expect_to_wait(shared, waiting)
    began = time.monotonic()
    for n in down:
        hosts.listeners[n] = hosts.listen_on(address(n))
    come_to(lambda: queue_length(shared) == 0, 'the queue is worked off')
    left = sum(len(hosts.ours(f'user{n}')) for n in range(HOSTS))
    print(f'{len(got)} leases over {HOSTS} hosts, issued in {issued_s:.0f} s; half of the hosts down: the keys of the others off in '
          f'{off_s:.0f} s; {waiting} waited, {left} keys left {time.monotonic() - began:.0f} s after the hosts were back')
    figure('S2-13', LEASES, left, 'leases over hosts that went down')
    assert left == 0 and leases(shared, 'many') == []
