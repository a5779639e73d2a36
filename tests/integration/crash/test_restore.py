"""Backups: one point in time, and no password comes back (reliability R22)."""
import json
import os
import random
import shutil
import sqlite3
import subprocess
import time

import pytest

from support.audit import entries
from support.cli import run
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server
from support.wire import Wire

KILLS = count('RESTORE_KILLS', 5, 200)
N_MANY = 6000


def put_back(server, backup):
    """As docs/operations.md says: stop, old files away, the copy in place."""
    server.stop()
    for path in server.store.parent.glob('store.db*'):
        if path.suffix != '.unseal-key':
            path.unlink()
    shutil.copyfile(backup, server.store)
    server.store.chmod(0o600)


def stored_number(server, key):
    """A number under core/; None where it is absent."""
    db = sqlite3.connect(f'file:{server.store}?mode=ro', uri=True)
    row = db.execute('SELECT value FROM kv WHERE key = ?', (key.encode(),)).fetchone()
    db.close()
    return int.from_bytes(row[0][1:], 'big') if row else None


@pytest.fixture
def sealed_server():
    server = Server(dev=False, shares=(3, 2)).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    server.enable_audit()
    yield server
    server.clean()


def verify(server, key):
    return server.api(token=None).put('ssh/verify', {'otp': key}).status


def accepted_of(server, keys):
    """Those that still open; many misses get 429, which a password that is good never does."""
    wire = Wire(server, token=None)
    answers = [(key, wire.call('PUT', 'ssh/verify', {'otp': key})[0]) for key in keys]
    wire.close()
    assert {status for _, status in answers} <= {200, 400, 429}
    return [key for key, status in answers if status == 200]


def test_a_restored_store_accepts_no_old_password(sealed_server):
    server = sealed_server
    token = server.token_with('path "ssh/creds/otp" { capabilities = ["update"] }')
    live, spent_later = server.otp(), server.otp(token=token)
    assert server.api().get('sys/key-status').data['term'] == 1
    backup = server.directory / 'backup.db'
    made = run(server, 'operator', 'backup', str(backup))
    assert made.returncode == 0, made.stderr
    assert backup.stat().st_mode & 0o7777 == 0o600
    assert verify(server, spent_later['data']['key']) == 200
    after = server.otp()
    put_back(server, backup)
    server.start(unseal=False)
    assert server.api(token=None).get('sys/health').status == 503
    server.init_and_unseal()
    for otp in (live, spent_later, after):
        assert verify(server, otp['data']['key']) == 400
        assert server.api().put('sys/leases/lookup', {'lease_id': otp['lease_id']}).status == 400
    assert 'put back from a backup' in server.log_text()
    assert server.api().get('sys/key-status').data['term'] == 2, 'the copy cannot know what term 1 sealed since'
    assert server.api().get('ssh/roles/otp').data['default_user'] == 'ubuntu'
    assert verify(server, server.otp(token=token)['data']['key']) == 200
    assert stored_number(server, 'core/epoch') == 2


def test_a_restore_is_told_of_and_writes_the_epoch_file(sealed_server):
    """Beside the audit file, not beside the store; and a start writes it too."""
    server = sealed_server
    file = next(server.audit_directory.glob('sallyport-*.epoch'))
    assert json.loads(file.read_text())['epoch'] == 1 and not list(server.store.parent.glob('*.epoch'))
    backup = server.directory / 'backup.db'
    assert server.api().put('sys/storage/backup', {'file': str(backup)}).status == 204
    put_back(server, backup)
    server.start()
    assert json.loads(file.read_text())['epoch'] == 2
    told = entries(server.audit_directory / 'audit.log', 'response', 'sys/unseal')
    assert len(told) == 1 and told[0]['response']['data']['accept_rollback'] is False


def test_a_restored_store_drops_once(sealed_server):
    server = sealed_server
    backup = server.directory / 'backup.db'
    assert server.api().put('sys/storage/backup', {'file': str(backup)}).status == 204
    put_back(server, backup)
    server.start()
    kept = server.otp()
    server.restart()
    assert verify(server, kept['data']['key']) == 200
    assert stored_number(server, 'core/epoch') == 2


def test_a_backup_replaces_no_file(sealed_server):
    server = sealed_server
    backup = server.directory / 'backup.db'
    backup.write_text('mine')
    assert run(server, 'operator', 'backup', str(backup)).returncode != 0
    assert backup.read_text() == 'mine'


def test_a_kill_during_the_drop_leaves_no_password():
    server = Server().start().mount_ssh(default_lease_ttl='24h')
    try:
        server.write_role()
        wire = Wire(server)
        keys = [wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[1]['data']['key'] for _ in range(N_MANY)]
        backup = server.directory / 'backup.db'
        assert wire.call('PUT', 'sys/storage/backup', {'file': str(backup)})[0] == 204
        put_back(server, backup)
        killed_within = 0
        for _ in range(KILLS):
            process = subprocess.Popen(server.words(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                       env=dict(os.environ, HOME=str(server.directory)))
            time.sleep(random.uniform(0.02, 0.1))
            process.kill()
            process.wait(PATIENCE_S)
            killed_within += stored_number(server, 'core/restored') is not None
        server.start()
        accepted = accepted_of(server, keys)
        print(f'{KILLS} kills, {killed_within} within the drop, {len(accepted)} accepted')
        figure('R22', KILLS, len(accepted), 'kills during a restore')
        assert accepted == []
        assert stored_number(server, 'core/restored') is None
        assert stored_number(server, 'core/epoch') == 2
    finally:
        server.clean()
