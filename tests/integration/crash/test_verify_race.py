"""Of any number of racers on one OTP exactly one wins (reliability R10, G-1)."""
import pytest

from support.certs import Certs
from support.figures import count, figure
from support.server import Server
from support.wire import Wire

ROUNDS = count('RACE_ROUNDS', 1, 1000)


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    server = Server(dev=False, tls=Certs(tmp_path_factory.mktemp('tls')))
    server.start().mount_ssh().write_role()
    server.enable_audit()
    yield server
    server.clean()


def race(racers, otp):
    """Every racer's request stands but for its last byte before any has it."""
    for one in racers:
        one.hold('PUT', 'ssh/verify', {'otp': otp})
    for one in racers:
        one.let_go()
    return [one.answer() for one in racers]


@pytest.mark.parametrize('otps, n_racers', [(200 * ROUNDS, 8), (50 * ROUNDS, 64), (10 * ROUNDS, 500)])
def test_each_otp_is_accepted_once(server, otps, n_racers):
    asking, racers = Wire(server), [Wire(server, token=None) for _ in range(n_racers)]
    wrong = []
    for _ in range(otps):
        status, made = asking.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})
        assert status == 200, made
        answers = race(racers, made['data']['key'])
        accepted = [body for status, body in answers if status == 200]
        refused = [body for status, body in answers if status == 400]
        if len(accepted) != 1 or refused != [{'errors': ['OTP not found']}] * (n_racers - 1):
            wrong.append(answers)
    for one in (asking, *racers):
        one.close()
    figure('R10', otps, len(wrong), f'OTPs with {n_racers} racers')
    print(f'{otps} OTPs with {n_racers} racers: {len(wrong)} failures, 3/N = {3 / otps:.4f}')
    assert wrong == []
