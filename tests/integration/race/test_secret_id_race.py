"""Of any number of logins with one secret id as many get a token as it has uses."""
import itertools

import pytest

from support.figures import count, figure
from support.server import Server
from support.wire import Wire

ROUNDS = count('SECRET_ID_ROUNDS', 20, 1000)
RACERS = 64
REFUSED = (400, {'errors': ['invalid role or secret ID']})
LOCKED = (403, {'errors': ['permission denied']})
COUNTER = itertools.count()


@pytest.fixture(scope='module')
def racers():
    server = Server(dev=False)
    server.start().mount_auth('approle')
    server.enable_audit()
    open_ = [Wire(server, token=None) for _ in range(RACERS)]
    yield server, open_
    for one in open_:
        one.close()
    server.clean()


def race(racers, role_id, secret_id):
    """Every racer's request stands but for its last byte before any has it."""
    for one in racers:
        one.hold('PUT', 'auth/approle/login', {'role_id': role_id, 'secret_id': secret_id})
    for one in racers:
        one.let_go()
    return [one.answer() for one in racers]


def tokens_of(server):
    """How many tokens stand in the store: what an answer hides counts too."""
    listed = server.api().list('sys/leases/lookup/auth/approle/login')
    return len(listed.data['keys']) if listed.status == 200 else 0


def make(wire, uses, custom):
    """A role of its own, and a secret id: (role id, secret id)."""
    role = f'role-{next(COUNTER)}'
    status, told = wire.call('PUT', f'auth/approle/role/{role}', {'role_id': role, 'token_ttl': '1h'})
    assert status == 204, told
    path, body = ('custom-secret-id', {'secret_id': f'by hand for {role}'}) if custom else ('secret-id', {})
    status, made = wire.call('PUT', f'auth/approle/role/{role}/{path}', {'num_uses': uses, **body})
    assert status == 200, made
    return role, made['data']['secret_id']


@pytest.mark.parametrize('custom', [False, True], ids=['drawn', 'custom'])
@pytest.mark.parametrize('uses', [1, 5])
def test_a_secret_id_gives_as_many_tokens_as_it_has_uses(racers, uses, custom):
    server, open_ = racers
    rounds = ROUNDS if uses == 1 else max(1, ROUNDS // 4)
    asking, wrong, before = Wire(server), [], tokens_of(server)
    for _ in range(rounds):
        answers = race(open_, *make(asking, uses, custom))
        granted = {body['auth']['client_token'] for status, body in answers if status == 200}
        # What is spent is no guess, unless it was never ours: then it locks.
        refused = [one for one in answers if one == REFUSED or (custom and one == LOCKED)]
        stored = tokens_of(server)
        if len(granted) != uses or len(refused) != RACERS - uses or stored != before + uses:
            wrong.append((uses, stored - before, answers))
        before = stored
    asking.close()
    figure('R10', rounds, len(wrong), f'secret ids with {uses} uses, {RACERS} racers')
    print(f'{rounds} secret ids with {uses} uses: {len(wrong)} failures')
    assert wrong == []
