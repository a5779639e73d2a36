"""Many leases over many hosts, half of which go down while the leases end: no key is left (S2-13)."""
import concurrent.futures
import time

import pytest
from support.figures import count, figure
from support.linux_host import LinuxHost, issue, leases, prepare, write_role
from support.server import wait_for

HOSTS = count('DYNAMIC_HOSTS', 4, 20)
LEASES = count('DYNAMIC_LEASES', 24, 1000)
AT_ONCE = 4


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


def test_no_key_is_left_when_the_hosts_are_back(shared, hosts):
    prepare(shared, hosts)
    write_role(shared, hosts, 'many', default_user='user0', ttl='1h')
    for n in range(HOSTS):
        hosts.listeners[n] = hosts.listen_on(address(n))

    def ask_for(n):
        return issue(shared, 'many', ip=address(n % HOSTS), username=f'user{n % HOSTS}')
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(ask_for, range(LEASES)))
    assert sum(len(hosts.ours(f'user{n}')) for n in range(HOSTS)) == LEASES
    down = range(0, HOSTS, 2)
    for n in down:
        hosts.listeners[n].kill()
        hosts.listeners[n].wait()
    assert shared.api().put('sys/leases/revoke-prefix/ssh/creds/many', {'sync': False}).status in (202, 204)
    wait_for(lambda: not any(hosts.ours(f'user{n}') for n in range(HOSTS) if n not in down), 'keys of hosts that are up come off')
    assert sum(len(hosts.ours(f'user{n}')) for n in down) == sum(len([1 for k in range(LEASES) if k % HOSTS == n]) for n in down)
    shared.restart()
    began = time.monotonic()
    for n in down:
        hosts.listeners[n] = hosts.listen_on(address(n))
    wait_for(lambda: leases(shared, 'many') == [], 'the queue is worked off')
    left = sum(len(hosts.ours(f'user{n}')) for n in range(HOSTS))
    print(f'{len(got)} leases over {HOSTS} hosts: {left} keys left, {time.monotonic() - began:.0f} s after the hosts were back')
    figure('S2-13', LEASES, left, 'leases over hosts that went down')
    assert left == 0
