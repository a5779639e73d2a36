"""Of callers that change issuers at the same moment one wins; names and the default stay in order."""
import itertools

import pytest

from support.figures import count, figure
from support.server import Server
from support.wire import Wire

ROUNDS = count('ISSUER_ROUNDS', 10, 500)
RACERS = 16
ED25519 = {'key_type': 'ed25519'}
COUNTER = itertools.count()


@pytest.fixture(scope='module')
def racers():
    server = Server(dev=False).start().mount_ssh()
    open_ = [Wire(server) for _ in range(RACERS)]
    yield server, open_
    for one in open_:
        one.close()
    server.clean()


def race(racers, *calls):
    """Every racer's request stands but for its last byte before any has it; (status, text) of each."""
    for one, (method, path, body) in zip(racers, itertools.cycle(calls)):
        one.hold(method, path, body)
    for one in racers:
        one.let_go()
    return [one.answer() for one in racers]


def is_whole(server):
    """Every line of public_key is an issuer's, the default's first."""
    api = server.api()
    info = api.list('ssh/issuers').data['key_info']
    default = api.get('ssh/config/issuers').data['default']
    lines = api.get('ssh/public_key').body.splitlines()
    return info[default]['is_default'] and lines[0] + '\n' == info[default]['public_key'] and len(set(lines)) == len(lines) and set(
        line + '\n' for line in lines) <= {one['public_key'] for one in info.values()}


def test_one_config_ca_of_many_wins(racers):
    server, open_ = racers
    wrong = []
    for _ in range(ROUNDS):
        assert server.api().delete('ssh/config/ca').status == 204
        got = race(open_, ('POST', 'ssh/config/ca', ED25519))
        won = [answer for status, answer in got if status == 200]
        lost = [answer for status, answer in got if status == 400]
        there = server.api().list('ssh/issuers').data['keys']
        if len(won) != 1 or len(lost) != RACERS - 1 or there != [won[0]['data']['issuer_id']] or any(
                one != {'errors': ['keys are already configured; delete them before reconfiguring']} for one in lost):
            wrong.append(got)
    figure('S3-19', ROUNDS, len(wrong), f'races of {RACERS} config/ca')
    assert wrong == []


def test_one_name_is_taken_once(racers):
    server, open_ = racers
    wrong = []
    for _ in range(ROUNDS):
        name = f'name{next(COUNTER)}'
        got = race(open_, ('POST', f'ssh/issuers/import/{name}', ED25519))
        if sorted(status for status, _ in got) != [200] + [400] * (RACERS - 1):
            wrong.append(got)
    figure('S3-19', ROUNDS, len(wrong), f'races of {RACERS} for a name')
    assert wrong == []


def test_the_default_is_always_one_that_is_there(racers):
    """Rotations, deletes of the default and choices of another, all at once."""
    server, open_ = racers
    api, wrong = server.api(), []
    for _ in range(ROUNDS):
        names = [f'name{next(COUNTER)}' for _ in range(3)]
        for name in names:
            assert api.post(f'ssh/issuers/import/{name}', {**ED25519, 'set_default': True}).status == 200
        got = race(open_, ('POST', 'ssh/config/ca/rotate', {}), ('DELETE', 'ssh/issuer/default', None),
                   ('POST', 'ssh/config/issuers', {'default': names[0]}), ('DELETE', f'ssh/issuer/{names[1]}', None))
        if any(status not in (200, 204, 400) for status, _ in got):
            wrong.append(got)
        if api.get('ssh/config/issuers').status == 400:
            assert api.get('ssh/public_key').status == 404
            assert api.post('ssh/issuers/import', ED25519).status == 200
        if not is_whole(server):
            wrong.append(api.list('ssh/issuers'))
    figure('S3-19', ROUNDS, len(wrong), 'races for the default')
    assert wrong == []
