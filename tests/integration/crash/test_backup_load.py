"""A backup under full load is one consistent point (reliability R23)."""
import shutil
import threading
import time

from support.figures import count, figure
from support.server import Server
from support.wire import Wire

BACKUPS = count('BACKUPS', 2, 100)
N_WRITERS = 12


class Writer(threading.Thread):
    """Roles one after the other, with a password behind each."""

    def __init__(self, server, number):
        super().__init__()
        self.wire, self.number = Wire(server), number
        self.done, self.keys, self.stopping = [], [], False

    def run(self):
        while not self.stopping:
            name = f'role-{self.number}-{len(self.done)}'
            assert self.wire.call('PUT', f'ssh/roles/{name}', {'key_type': 'otp', 'default_user': 'u',
                                                               'cidr_list': '0.0.0.0/0'})[0] == 204
            self.done.append(name)
            self.keys.append(self.wire.call('PUT', f'ssh/creds/{name}', {'ip': '10.1.2.3'})[1]['data']['key'])


def put_back(server, backup):
    server.stop()
    for path in server.store.parent.glob('store.db*'):
        if path.suffix != '.unseal-key':
            path.unlink()
    shutil.copyfile(backup, server.store)
    server.store.chmod(0o600)


def accepted_of(server, keys):
    wire = Wire(server, token=None)
    statuses = [wire.call('PUT', 'ssh/verify', {'otp': key})[0] for key in keys]
    wire.close()
    return statuses.count(200)


def faults_of(server, path, before, keys):
    """What is wrong with one backup, put back: damage (R08), answered writes that are missing, OTPs that open."""
    put_back(server, path)
    server.start()
    checked = server.api().put('sys/storage/check').data
    missing = set(before) - set(server.api().list('ssh/roles').data['keys'])
    return [fault for fault in (checked['damaged'], len(missing), accepted_of(server, keys)) if fault]


def test_a_backup_under_load_holds_what_was_answered_before():
    server, bad, tried = Server().start().mount_ssh(), [], 0
    try:
        while tried < BACKUPS:
            writers = [Writer(server, f'{tried}-{number}') for number in range(N_WRITERS)]
            for one in writers:
                one.start()
            backups = []
            for n in range(min(2, BACKUPS - tried)):
                time.sleep(1)
                before = [name for one in writers for name in list(one.done)]
                path = server.directory / f'backup-{tried + n}.db'
                assert server.api().put('sys/storage/backup', {'file': str(path)}).status == 204
                backups.append((path, before))
            for one in writers:
                one.stopping = True
                one.join(60)
            keys = [key for one in writers for key in one.keys[-50:]]
            assert all(before for _, before in backups)
            bad += [faults for faults in (faults_of(server, path, before, keys) for path, before in backups) if faults]
            tried += len(backups)
            for path, _ in backups:
                path.unlink()
        figure('R23', tried, len(bad), 'backups under load')
        assert bad == []
    finally:
        server.clean()
