"""G-11: where the row cannot be written no certificate leaves, and a revocation that cannot be written is not answered."""
import errno

import pytest

from support import krl
from support.ca import Ca
from support.faults import Faults
from support.figures import count, figure
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.server import Server

TRIES = count('REGISTER_FAULTS', 2, 20)
CALLS = {'sign': lambda api, key, serial: api.post('ssh/sign/ops', {'public_key': key.public}),
         'issue': lambda api, key, serial: api.post('ssh/issue/ops', {'key_type': 'ed25519'}),
         'revoke': lambda api, key, serial: api.post('ssh/revoke', {'serial_number': serial})}


@pytest.mark.parametrize('call', CALLS)
def test_a_commit_that_fails_gives_nothing_away(call, tmp_path):
    """The first failed write of the store is final: 503, and the server ends. What comes back knows no more than was answered."""
    wrong = []
    for _ in range(TRIES):
        server = Server(dev=False)
        server.faults = Faults(server.directory)
        server.faults.prepare(server)
        server.start().mount_ssh()
        try:
            Ca(server).role('ops')
            key = SshKey(server.directory, 'user')
            serial = server.api().post('ssh/sign/ops', {'public_key': key.public}).data['serial_number']
            before = krl.fetch(server)[2]
            with server.faults.on('sync', errno.EIO, f'{server.store}-wal', server.store):
                got = CALLS[call](server.api(), key, serial)
                server.process.wait(PATIENCE_S)
            if got.status < 500 or 'signed_key' in got.body or 'private_key' in got.body or 'revocation_time' in got.body:
                wrong.append(('answered', got.status))
            server.start()
            # A failed sync may have reached the disk: more may be known than was answered, never less.
            if serial not in server.api().list('ssh/certs').data['keys']:
                wrong.append('the register lost a row')
            if krl.version(krl.fetch(server)[2]) < krl.version(before):
                wrong.append('the version fell')
        finally:
            server.clean()
    figure('G-11', TRIES, len(wrong), f'commits that failed under {call}')
    assert wrong == []


@pytest.fixture(scope='module')
def full():
    """A server whose disk is full when told."""
    server = Server(dev=False)
    server.faults = Faults(server.directory)
    server.faults.prepare(server)
    server.start().mount_ssh()
    Ca(server).role('ops')
    yield server, SshKey(server.directory, 'user')
    server.clean()


@pytest.mark.parametrize('call', CALLS)
def test_a_full_disk_gives_nothing_away(call, full):
    """The server goes on, and knows nothing of what it refused."""
    server, key = full
    wrong = []
    for _ in range(TRIES):
        serial = server.api().post('ssh/sign/ops', {'public_key': key.public}).data['serial_number']
        known, before = server.api().list('ssh/certs').data, krl.fetch(server)[2]
        with server.faults.on('write', errno.ENOSPC, f'{server.store}-wal', server.store):
            got = CALLS[call](server.api(), key, serial)
        if got.status != 503 or got.json.get('data'):
            wrong.append(('answered', got))
        if (server.api().list('ssh/certs').data, krl.fetch(server)[2]) != (known, before):
            wrong.append('something is known of it')
    figure('G-11', TRIES, len(wrong), f'{call} on a full disk')
    assert wrong == []
