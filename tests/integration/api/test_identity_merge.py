"""L07: no write joins two identities or hands one's policies to another.

Each try begins with two people, one with a policy of her own, and writes an alias,
an entity or a group so that the peers would have merged them. Afterwards both are
who they were, and nobody has gained anything.
"""
import itertools

import pytest

from support.figures import count, figure
from support.server import Server

PASSWORD = {'password': 'correct horse'}
COUNTER = itertools.count()


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start().mount_ssh()
    api = one.api()
    for name in ('east', 'west'):
        assert api.post(f'sys/auth/{name}', {'type': 'userpass'}).status == 204
    api.put('sys/policies/acl/treasure', {'policy': 'path "ssh/roles/treasure" { capabilities = ["read"] }'})
    one.write_role('treasure')
    yield one
    one.clean()


class Pair:
    """The victim has a policy; the attacker wants it."""

    def __init__(self, server):
        self.server, self.api, self.n = server, server.api(), next(COUNTER)
        accounts = self.api.get('sys/auth').data
        self.east, self.west = accounts['east/']['accessor'], accounts['west/']['accessor']
        self.victim, self.attacker = f'victim{self.n}', f'attacker{self.n}'
        for user in (self.victim, self.attacker):
            assert self.api.post(f'auth/east/users/{user}', PASSWORD).status == 204
        self.rich, self.poor = self.login(self.victim), self.login(self.attacker)
        assert self.api.post(f'identity/entity/id/{self.rich}', {'policies': ['treasure']}).status == 204
        self.rich_alias, self.poor_alias = self.alias(self.rich), self.alias(self.poor)

    def login(self, user):
        self.auth = self.server.api(None).post(f'auth/east/login/{user}', PASSWORD).json['auth']
        return self.auth['entity_id']

    def alias(self, entity):
        return self.api.get(f'identity/entity/id/{entity}').data['aliases'][0]['id']

    def name(self, entity):
        return self.api.get(f'identity/entity/id/{entity}').data['name']

    def gained(self):
        """Is either somebody else now, or has the attacker got in?"""
        changed = self.login(self.victim) != self.rich or self.login(self.attacker) != self.poor
        got_in = self.server.api(self.auth['client_token']).get('ssh/roles/treasure').status == 200
        return changed or got_in


# What an operator with rights on identity/ alone might send, by mistake or not.
TRIES = {
    'my alias to her entity': lambda p: ('entity-alias', {'name': p.attacker, 'mount_accessor': p.east, 'canonical_id': p.rich}),
    'her alias to my entity': lambda p: ('entity-alias', {'name': p.victim, 'mount_accessor': p.east, 'canonical_id': p.poor}),
    'my alias by id to her': lambda p: (f'entity-alias/id/{p.poor_alias}', {'canonical_id': p.rich}),
    'her alias by id to me': lambda p: (f'entity-alias/id/{p.rich_alias}', {'canonical_id': p.poor}),
    'her alias renamed to mine': lambda p: (f'entity-alias/id/{p.rich_alias}', {'name': p.attacker}),
    'my alias renamed to hers': lambda p: (f'entity-alias/id/{p.poor_alias}', {'name': p.victim}),
    'by the id in the body': lambda p: ('entity-alias', {'id': p.poor_alias, 'name': p.victim, 'mount_accessor': p.east}),
    'all of it at once': lambda p: ('entity-alias', {'id': p.poor_alias, 'name': p.victim, 'mount_accessor': p.east,
                                                    'canonical_id': p.rich}),
    'her name in capitals': lambda p: ('entity-alias', {'name': p.victim.upper(), 'mount_accessor': p.east, 'canonical_id': p.poor}),
    'her name with a blank': lambda p: ('entity-alias', {'name': p.victim + ' ', 'mount_accessor': p.east, 'canonical_id': p.poor}),
    'her name elsewhere': lambda p: ('entity-alias', {'name': p.victim, 'mount_accessor': p.west, 'canonical_id': p.poor}),
    'my entity under her name': lambda p: (f'entity/id/{p.poor}', {'name': p.name(p.rich)}),
    'under her name in capitals': lambda p: (f'entity/id/{p.poor}', {'name': p.name(p.rich).upper()}),
    'a third with her alias': lambda p: ('entity-alias', {'name': p.victim, 'mount_accessor': p.east}),
    'a group under her name': lambda p: ('group', {'name': p.name(p.rich), 'member_entity_ids': [p.poor]}),
}


@pytest.mark.parametrize('what', TRIES)
def test_no_write_joins_two_identities(server, what):
    rounds, gained = count('IDENTITY_MERGES', 2, 50), 0
    for _ in range(rounds):
        pair = Pair(server)
        path, body = TRIES[what](pair)
        server.api().post(f'identity/{path}', body)
        gained += pair.gained()
    figure('L07', rounds, gained, 'writes that would join two identities')
    assert gained == 0


def test_joining_by_hand_would_be_seen(server):
    """The test can fail: what nobody may do is done by hand."""
    pair = Pair(server)
    api = server.api()
    assert api.delete(f'identity/entity-alias/id/{pair.poor_alias}').status == 204
    assert api.post('identity/entity-alias', {'name': pair.attacker, 'mount_accessor': pair.east,
                                              'canonical_id': pair.rich}).status == 200
    assert pair.gained()
