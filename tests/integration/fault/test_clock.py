"""The wall clock steps; leases do not (reliability R26)."""
import calendar
import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.cli import run
from support.clocked import LIBRARY, Clocked
from support.figures import count, figure
from support.server import wait_for
from support.wire import Wire

HOUR_S = 3600
STEPS = count('CLOCK_STEPS', 20, 400)
LIFE_S = 36000
SLACK_S = 5

pytestmark = pytest.mark.skipif(LIBRARY is None, reason='libfaketime is not installed')


@pytest.fixture
def clocked():
    server = Clocked().start().mount_ssh('ssh', default_lease_ttl='600s')
    server.write_role()
    yield server
    server.clean()


def ttl(server, otp):
    """What is left of a lease; None where it has ended."""
    answer = server.api().put('sys/leases/lookup', {'lease_id': otp['lease_id']})
    return answer.data['ttl'] if answer.status == 200 else None


def verify(server, otp):
    return server.api(token=None).put('ssh/verify', {'otp': otp['data']['key']}).status


def test_a_clock_that_is_set_back_gives_no_longer_life(clocked):
    otp = clocked.otp()
    before = ttl(clocked, otp)
    clocked.set_clock(-HOUR_S)
    assert ttl(clocked, otp) <= before
    assert clocked.otp()['lease_duration'] == 600
    assert ttl(clocked, otp) <= before


def test_a_step_forward_of_under_an_hour_is_followed(clocked):
    otp = clocked.otp()
    clocked.set_clock(HOUR_S // 2)
    wait_for(lambda: ttl(clocked, otp) is None, 'the lease ends')
    assert verify(clocked, otp) == 400


def test_a_step_forward_of_hours_is_not_followed(clocked):
    """Log and health say so, and the log when it is over."""
    otp = clocked.otp()
    assert 'wall_clock_ahead_s' not in clocked.api(None).get('sys/health').json
    clocked.set_clock(5 * HOUR_S)
    assert ttl(clocked, otp) > 0
    assert verify(clocked, otp) == 200
    assert clocked.api(None).get('sys/health').json['wall_clock_ahead_s'] > 4 * HOUR_S
    wait_for(lambda: 'the wall clock jumped and is not followed' in clocked.log_text(), 'the log tells of it')
    clocked.set_clock(0)
    wait_for(lambda: 'the wall clock is right again' in clocked.log_text(), 'the log tells of its end')


def test_a_clock_behind_the_stores_mark_gives_no_longer_life(clocked):
    """Set back while the server was down: time goes on from the mark."""
    otp = clocked.otp()
    clocked.stop()
    clocked.set_clock(-HOUR_S)
    clocked.start()
    assert ttl(clocked, otp) <= 600
    clocked.stop()
    clocked.set_clock(HOUR_S // 2)
    clocked.start()
    assert verify(clocked, otp) == 400


def days_ahead(server):
    """By how many days a lease that is made now is said to be made later."""
    made = server.otp()
    issued = server.api().put('sys/leases/lookup', {'lease_id': made['lease_id']}).data['issue_time']
    return round((calendar.timegm(time.strptime(issued[:19], '%Y-%m-%dT%H:%M:%S')) - time.time()) / (24 * HOUR_S))


def test_a_wrong_mark_is_mended_by_clock_reset(clocked):
    """A start with a clock days ahead leaves a mark that only this takes away."""
    clocked.stop()
    clocked.set_clock(72 * HOUR_S)
    clocked.start()
    clocked.otp()
    clocked.stop()
    clocked.set_clock(0)
    clocked.start()
    assert days_ahead(clocked) == 3
    reset = run(clocked, 'operator', 'clock-reset')
    assert reset.returncode == 0, reset.stderr
    assert days_ahead(clocked) == 0


def new_otp(server):
    """It, the moments before and after it was made, and by how much the clock was followed since: not at all."""
    before = time.monotonic()
    otp = server.otp()
    return otp, (before, time.monotonic()), 0


def test_no_series_of_steps_lengthens_a_life():
    """Steps back and forth, some over an hour, while passwords live: ends follow the rule, and none is too late."""
    server = Clocked().start().mount_ssh('ssh', default_lease_ttl=f'{LIFE_S}s', max_lease_ttl=f'{LIFE_S}s')
    server.write_role()
    rng, wrong, followed, wall = random.Random(), [], 0, 0
    began = time.monotonic()
    otp, born, stepped = new_otp(server)
    try:
        for n in range(STEPS):
            new = wall + rng.choice((-1, 1)) * rng.choice((5, 60, 1800, 3000, 5000, 86400))
            near = 60 + round(time.monotonic() - began)
            if abs(new - followed - HOUR_S) < near:
                new += 2 * near  # too near to the hour to tell
            server.set_clock(new)
            wall = new
            ahead = wall - followed
            if 0 < ahead <= HOUR_S:
                followed, stepped = wall, stepped + ahead
            before = time.monotonic()
            left = ttl(server, otp)
            # Of the moments between which it was made, and looked at, the earliest and the latest.
            least = LIFE_S - stepped - (time.monotonic() - born[0]) - SLACK_S
            most = LIFE_S - stepped - (before - born[1]) + SLACK_S
            if least > 0 and left is None or left is not None and not least <= left <= most:
                wrong.append((n, 'left', left, least, most))
            if left is None or most <= 2 * SLACK_S:
                wait_for(lambda: ttl(server, otp) is None, 'the lease ends')
                if verify(server, otp) != 400:
                    wrong.append((n, 'accepted', left, least, most))
                otp, born, stepped = new_otp(server)
        figure('R26', STEPS, len(wrong), 'steps of the clock')
        assert wrong == []
        assert server.process.poll() is None
    finally:
        server.clean()


def test_steps_in_a_storm_grant_nothing_twice(clocked):
    """While clients ask, use and use again: one 200 for each password, and no crash."""
    stop, rng = [], random.Random()

    def client(_):
        wire, twice, n = Wire(clocked), 0, 0
        while not stop:
            status, body = wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})
            assert status == 200, body
            got = [wire.call('PUT', 'ssh/verify', {'otp': body['data']['key']}, token=None)[0] for _ in range(2)]
            twice += got.count(200) > 1
            n += 1
        wire.close()
        return n, twice

    with ThreadPoolExecutor(8) as pool:
        clients = [pool.submit(client, n) for n in range(8)]
        for _ in range(STEPS):
            clocked.set_clock(rng.choice((-1, 1)) * rng.randrange(1, 2 * HOUR_S))
            time.sleep(0.05)
        stop.append(True)
        done = [one.result() for one in clients]
    figure('R26', sum(n for n, _ in done), sum(twice for _, twice in done), 'passwords while the clock steps')
    assert sum(n for n, _ in done) > 0 and sum(twice for _, twice in done) == 0
