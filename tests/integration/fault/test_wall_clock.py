"""The wall clock steps; leases do not (reliability R26)."""
import pathlib
import time

import pytest

from support.cli import run
from support.server import Server, wait_for

LIBRARY = next(iter(pathlib.Path('/usr/lib').glob('*/faketime/libfaketimeMT.so.1')), None)
HOUR_S = 3600

pytestmark = pytest.mark.skipif(LIBRARY is None, reason='libfaketime is not installed')


class Clocked(Server):
    """Its wall clock is the machine's and an offset that the test sets."""

    def __init__(self, **more):
        super().__init__(**more)
        self.offset = self.directory / 'offset'
        self.set_clock(0)
        self.environment = {'LD_PRELOAD': str(LIBRARY), 'FAKETIME_TIMESTAMP_FILE': str(self.offset),
                            'FAKETIME_NO_CACHE': '1', 'DONT_FAKE_MONOTONIC': '1', 'FAKETIME_DONT_FAKE_MONOTONIC': '1'}

    def set_clock(self, offset_s):
        new = self.offset.with_suffix('.new')
        new.write_text(f'{offset_s:+d}\n')
        new.rename(self.offset)

    def health_time(self):
        return self.api(token=None).get('sys/health').json['server_time_utc']


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
    otp = clocked.otp()
    clocked.set_clock(5 * HOUR_S)
    assert ttl(clocked, otp) > 500
    assert verify(clocked, otp) == 200


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


def test_a_wrong_mark_is_mended_by_clock_reset(clocked):
    """A start with a clock days ahead leaves a mark that only this takes away."""
    clocked.stop()
    clocked.set_clock(72 * HOUR_S)
    clocked.start()
    clocked.otp()
    clocked.stop()
    clocked.set_clock(0)
    clocked.start()
    asked = clocked.otp()
    issued = clocked.api().put('sys/leases/lookup', {'lease_id': asked['lease_id']}).data['issue_time']
    assert issued[:10] == time.strftime('%Y-%m-%d', time.gmtime(time.time() + 72 * HOUR_S))
    reset = run(clocked, 'operator', 'clock-reset')
    assert reset.returncode == 0, reset.stderr
    asked = clocked.otp()
    issued = clocked.api().put('sys/leases/lookup', {'lease_id': asked['lease_id']}).data['issue_time']
    assert issued[:10] == time.strftime('%Y-%m-%d', time.gmtime())
