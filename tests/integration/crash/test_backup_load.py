"""A backup under full load is one point in time: it opens whole, and holds what
was answered before it was begun (reliability R23)."""
import random
import shutil
import sqlite3
import threading

from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server, free_port, wait_for
from support.wire import Wire

BACKUPS = count('BACKUPS', 2, 100)
WRITERS = 12
PADDING = 24  # policies of 250 kB: several steps of a backup, which copies 4 MiB between two batches


class Writer(threading.Thread):
    """Pairs of roles, each pair the work of one number: the second is asked for when the first is answered."""

    def __init__(self, server, number):
        super().__init__()
        self.wire, self.number = Wire(server), number
        self.done, self.keys, self.stopping = [], [], False

    def run(self):
        while not self.stopping:
            name = f'role-{self.number}-{len(self.done):06}'
            status, _ = self.wire.call('PUT', f'ssh/roles/{name}',
                                       {'key_type': 'otp', 'default_user': 'u', 'cidr_list': '0.0.0.0/0'})
            assert status == 204
            self.done.append(name)
            if len(self.done) % 10 == 0:
                status, body = self.wire.call('PUT', f'ssh/creds/{name}', {'ip': '10.1.2.3'})
                self.keys.append(body['data']['key'])


def judge(server, copy, before, keys):
    """What is wrong with a copy: itself, and a server on it."""
    wrong = []
    db = sqlite3.connect(f'file:{copy}?immutable=1', uri=True)
    if db.execute('PRAGMA integrity_check').fetchone() != ('ok',):
        wrong.append('it is damaged')
    db.close()
    for path in server.store.parent.glob('store.db*'):
        if path.suffix != '.unseal-key':
            path.unlink()
    shutil.copyfile(copy, server.store)
    server.store.chmod(0o600)
    server.port = free_port()
    server.start()
    roles = set(server.api().list('ssh/roles').data['keys'])
    if set(before) - roles:
        wrong.append(f'{len(set(before) - roles)} roles answered before are missing')
    # One client's roles came one after the other: a point in time has no gap in them.
    for number in range(WRITERS):
        own = sorted(name for name in roles if name.startswith(f'role-{number}-'))
        if own != [f'role-{number}-{n:06}' for n in range(len(own))]:
            wrong.append(f'gaps in the roles of client {number}')
    wire = Wire(server, token=None)
    if any(wire.call('PUT', 'ssh/verify', {'otp': key})[0] == 200 for key in keys):
        wrong.append('a password came back')
    wire.close()
    if server.stop() != 0:
        wrong.append('it did not stop well')
    return wrong


def test_a_backup_under_load_is_a_point_in_time():
    server = Server().start().mount_ssh(default_lease_ttl='24h')
    rng, copies, failures = random.Random(23), [], {}
    try:
        for n in range(PADDING):
            assert server.api().put(f'sys/policies/acl/padding-{n}', {'policy': '#' * 250_000}).status == 204
        writers = [Writer(server, number) for number in range(WRITERS)]
        for one in writers:
            one.start()
        for n in range(BACKUPS):
            target = sum(len(one.done) for one in writers) + rng.randrange(200, 400)
            wait_for(lambda: sum(len(one.done) for one in writers) >= target, 'the writers are at work')
            before = [name for one in writers for name in list(one.done)]
            copy = server.directory / f'backup-{n}.db'
            assert server.api().put('sys/storage/backup', {'file': str(copy)}).status == 204
            copies.append((copy, before))
        for one in writers:
            one.stopping = True
        for one in writers:
            one.join(PATIENCE_S)
        keys = [key for one in writers for key in one.keys[-5:]]
        server.stop()
        for n, (copy, before) in enumerate(copies):
            wrong = judge(server, copy, before, keys)
            if wrong:
                failures[n] = wrong
        print(f'{BACKUPS} backups, {len(failures)} failures')
        figure('R23', BACKUPS, len(failures), 'backups under load')
        assert failures == {}
    finally:
        server.clean()
