"""A dynamic key's removal is durable and tried until it is done: host down, restarts, host back (R09, S2-13).

The server's clock is set on by what it waits for, so that nobody sleeps through it.
"""
import calendar
import time

import pytest

from support.clocked import LIBRARY, Clocked
from support.figures import count, figure
from support.linux_host import LinuxHost, issue, prepare, write_role
from support.server import wait_for

ROUNDS = count('REVOKE_RETRY_ROUNDS', 1, 50)
RESTARTS = 20
EXPIRES_S = 60
HAND_MADE = 'ssh-ed25519 AAAA hand-made'

pytestmark = pytest.mark.skipif(LIBRARY is None, reason='libfaketime is not installed')


@pytest.fixture(scope='module')
def host():
    one = LinuxHost()
    yield one
    one.stop()


@pytest.fixture(scope='module')
def server(host):
    one = Clocked().start().mount_ssh()
    prepare(one, host)
    write_role(one, host, role='short', ttl=f'{EXPIRES_S}s')
    yield one
    one.clean()


class Ahead:
    """How far the server's clock is."""

    s = 0


def look_up(server, lease):
    return server.api().put('sys/leases/lookup', {'lease_id': lease})


def seconds_to(server, text):
    """By the server's clock, to a time as the API writes it; a second more, for what it leaves out."""
    at = calendar.timegm(time.strptime(text.split('.')[0].rstrip('Z'), '%Y-%m-%dT%H:%M:%S'))
    return at - server.health_time() + 1


def pass_period(server, lease, kill):
    """A restart at the time of the next try."""
    Ahead.s += max(1, seconds_to(server, look_up(server, lease).data['next_try']))
    server.kill() if kill else server.stop()
    server.set_clock(Ahead.s)
    server.start()


def metric(server, name):
    return next(item['Value'] for item in server.api().get('sys/metrics').json['Gauges'] if item['Name'] == name)


def listed(server, kind):
    answer = server.api().get(f'sys/leases?type={kind}')
    return {item['lease_id'] for item in answer.data['leases']}


def end_three(server, host, kept):
    """One is revoked, one expires, one dies with its token, all while the host is down; their ids."""
    child = server.api().post('auth/token/create', {'ttl': '10h'}).json['auth']['client_token']
    made = [issue(server)['lease_id'], issue(server, role='short')['lease_id'],
            server.api(child).post('ssh/creds/dyn', {'ip': '127.0.0.1'}).json['lease_id']]
    assert len(host.ours('alice')) == 3 + len(kept)
    host.down()
    answer = server.api().put('sys/leases/revoke', {'lease_id': made[0], 'sync': True})
    assert answer.status == 500 and 'failed to revoke entry' in answer.errors[0], answer
    assert server.api().post('auth/token/revoke', {'token': child}).status == 204
    server.stop()
    Ahead.s += EXPIRES_S
    server.set_clock(Ahead.s)
    server.start()
    for lease in made:
        wait_for(lambda one=lease: look_up(server, one).data.get('attempts', 0) > 0, 'a first try that failed')
    return made


def one_round(server, host):
    """How many keys were left when they should have been gone."""
    kept = issue(server)['lease_id']
    mine = [line for line in host.authorized('alice').read_text().splitlines() if 'sallyport:' not in line
            or kept.rpartition('/')[2] in line]
    gone = end_three(server, host, [kept])
    for n in range(RESTARTS):
        before = look_up(server, gone[0]).data
        assert before['state'] == 'revoke_pending' and before['last_error']
        assert metric(server, 'vault.expire.job_manager.queue_length') == 3
        assert listed(server, 'pending') == set(gone)
        assert before['irrevocable'] == (before['attempts'] >= 6)
        pass_period(server, gone[0], kill=n % 2 == 0)
        wait_for(lambda was=before['attempts']: look_up(server, gone[0]).data['attempts'] > was, 'another try')
    assert gone[0] in listed(server, 'irrevocable')
    assert metric(server, 'vault.expire.num_irrevocable_leases') >= 1
    host.up()
    pass_period(server, gone[0], kill=False)
    wait_for(lambda: not listed(server, 'pending'), 'the queue is empty')
    left = [line for line in host.ours('alice') if kept.rpartition('/')[2] not in line]
    assert all(look_up(server, lease).status == 400 for lease in gone)
    assert host.authorized('alice').read_text().splitlines() == mine
    assert look_up(server, kept).status == 200
    assert server.api().put('sys/leases/revoke', {'lease_id': kept}).status == 204
    return len(left)


def test_keys_go_when_their_host_is_back(server, host):
    host.write_authorized('alice', f'{HAND_MADE}\n')
    left = sum(one_round(server, host) for _ in range(ROUNDS))
    figure('R09', ROUNDS, left, f'hosts that came back after {RESTARTS} restarts')
    assert left == 0
    assert host.authorized('alice').read_text() == f'{HAND_MADE}\n'
