"""Of any number of calls with one enrolment token, or one signed nonce, one gets a certificate."""
import itertools

import pytest

from support.figures import count, figure
from support.hosts import Hosts
from support.keys import SshKey
from support.server import Server
from support.wire import Wire

ROUNDS = count('ENROL_ROUNDS', 10, 500)
RACERS = 32
COUNTER = itertools.count()


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    server = Server(dev=False).start().mount_ssh()
    server.enable_audit()
    open_ = [Wire(server, token=None) for _ in range(RACERS)]
    yield Hosts(server), open_, SshKey(tmp_path_factory.mktemp('race'), 'host')
    for one in open_:
        one.close()
    server.clean()


def race(racers, path, body):
    """The statuses of all: every request stands but for its last byte before any has it."""
    for one in racers:
        one.hold('POST', path, body)
    for one in racers:
        one.let_go()
    return [one.answer()[0] for one in racers]


def winners(place, path, body_of):
    """Rounds in which not exactly one had a certificate, as answered and as registered."""
    hosts, open_, key = place
    wrong = []
    for _ in range(ROUNDS):
        name = f'h{next(COUNTER)}.example.com'
        body, had = body_of(hosts, name, key)
        answers = race(open_, path, body)
        made = len(hosts.known(name)['certificates'])
        signed = len(hosts.api.list(f'ssh/certs?principal={name}').data['keys'])
        if sorted(answers) != [200] + [400] * (RACERS - 1) or made != had + 1 or signed != had + 1:
            wrong.append((sorted(answers), made, signed))
    return wrong


def test_a_token_is_used_once(place):
    wrong = winners(place, 'ssh/enrol', lambda hosts, name, key: (
        {'enrolment_token': hosts.token(name)['enrolment_token'], 'public_key': key.public}, 0))
    figure('R10', ROUNDS, len(wrong), f'enrolment tokens, {RACERS} racers')
    assert wrong == []


def test_a_signed_nonce_is_used_once(place):
    wrong = winners(place, 'ssh/enrol/renew', lambda hosts, name, key: (hosts.enrol(name, key).renewal(), 1))
    figure('R10', ROUNDS, len(wrong), f'renewals of hosts, {RACERS} racers')
    assert wrong == []
