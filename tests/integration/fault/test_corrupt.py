"""Damage in the store is found, named and alone (reliability R08)."""
import random
import sqlite3
import struct

import pytest

from support.cli import run
from support.figures import count, figure
from support.server import wait_for
from support.wire import Wire

COPIES = count('CORRUPT_COPIES', 20, 1000)
EXIT_STORE = 70
N_ROWS = 5200  # so many that the first ones are not looked at before anybody is served


def open_or_refused(server):
    """'open', 'sealed' with a reason, or the exit status of a start that was refused."""
    try:
        server.start(unseal=False)
    except AssertionError:
        return server.process.returncode
    plain = server.api(token=None)
    answer = plain.put('sys/unseal', {'key': server.keys[0]})
    if not plain.get('sys/seal-status').json['sealed']:
        return 'open'
    assert answer.status in (400, 500, 501, 503)
    return 'sealed'


def check_answers(server, keys, at):
    """What is still answered is what was stored; a password opens once at most."""
    wire = Wire(server)
    status, body = wire.call('GET', 'ssh/roles/otp')
    assert status in (200, 403, 404, 500, 503) and (status != 200 or body['data']['default_user'] == 'ubuntu'), (at, body)
    for key in keys:
        first = wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0]
        again = wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0]
        assert first in (200, 400, 500, 503) and (first != 200 or again != 200), (at, first, again)
    wire.close()


def test_damaged_bytes_are_refused_or_harmless(one):
    """No crash, and no wrong answer, wherever a byte or a sector is changed."""
    keys = [one.otp()['data']['key'] for _ in range(50)]
    assert one.stop() == 0
    good, rng, outcomes, bad = one.store.read_bytes(), random.Random(), [], []
    for n in range(COPIES):
        for path in one.store.parent.glob('store.db-*'):
            path.unlink()
        for path in one.audit_directory.glob('*.epoch'):
            path.unlink()  # that the store was further would be noticed before the damage
        damaged = bytearray(good)
        size = rng.choice((1, 1, 512))
        at = rng.randrange(len(damaged) - size)
        damaged[at:at + size] = bytes(byte ^ rng.randrange(1, 256) for byte in damaged[at:at + size])
        one.store.write_bytes(damaged)
        one.log.write_text('')
        outcome = open_or_refused(one)
        outcomes.append(outcome)
        try:
            if outcome == 'open':
                check_answers(one, keys, at)
            elif outcome == 'sealed':
                assert one.api().get('ssh/roles/otp').status == 503
            else:
                assert outcome == 1 and 'sallyportd: ' in one.log_text()
            assert outcome not in ('open', 'sealed') or one.stop() in (0, EXIT_STORE)
        except (AssertionError, OSError) as failure:
            bad.append((at, size, outcome, str(failure), one.log_text()))
            one.stop()
    figure('R08', COPIES, len(bad), 'copies with a changed byte or sector')
    print(f'{COPIES} copies: {outcomes.count("open")} open, {outcomes.count("sealed")} sealed, '
          f'{COPIES - outcomes.count("open") - outcomes.count("sealed")} refused, {len(bad)} bad')
    assert bad == []


def flip(server, prefix, nth=0):
    """One bit in the middle of the nth record below prefix; its key."""
    db = sqlite3.connect(server.store)
    low, high = prefix.encode(), prefix.encode() + b'\xff'
    key, value = db.execute('SELECT key, value FROM kv WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1 OFFSET ?',
                            (low, high, nth)).fetchone()
    changed = bytearray(value)
    changed[len(changed) // 2] ^= 1
    db.execute('UPDATE kv SET value = ? WHERE key = ?', (bytes(changed), key))
    db.commit()
    db.close()
    return key


@pytest.mark.parametrize('prefix, reason, word', [
    ('cfg/', 'record', 'record'),
    ('core/keyring', 'the keyring is damaged', 'the keyring is damaged'),
    ('row/', 'one of the newest leases cannot be read', 'lease row'),
])
def test_damage_in_what_matters_keeps_it_sealed(one, prefix, reason, word):
    """The record's kind is said, and nothing is touched: mended, it opens again."""
    one.otp()
    one.stop()
    good = one.store.read_bytes()
    key = flip(one, prefix)
    assert open_or_refused(one) == 'sealed'
    status = one.api(token=None).get('sys/seal-status').json
    assert reason in status['sealed_reason'], status
    assert one.api().get('ssh/roles/otp').status == 503
    assert word in one.log_text()
    one.stop()
    db = sqlite3.connect(f'file:{one.store}?mode=ro', uri=True)
    assert db.execute('SELECT count(*) FROM kv WHERE key = ?', (key,)).fetchone() == (1,)
    db.close()
    for path in one.store.parent.glob('store.db-*'):
        path.unlink()
    one.store.write_bytes(good)
    one.start()
    assert one.api().get('ssh/roles/otp').status == 200


def test_a_damaged_lease_is_refused_alone_and_found(one):
    """An old one: the server opens, the check names it, the scrub too, all others work."""
    wire = Wire(one)
    keys = [wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[1]['data']['key'] for _ in range(N_ROWS)]
    wire.close()
    one.stop()
    key = flip(one, 'row/' + struct.pack('>I', 2).decode())
    row = struct.unpack('>Q', key[-8:])[0]
    assert open_or_refused(one) == 'open'
    found = run(one, 'operator', 'check')
    assert found.returncode == 2, found.stdout + found.stderr
    assert ' 1 damaged' in found.stdout and f'lease row {row} of creds/otp' in found.stdout
    wire = Wire(one)
    assert wire.call('PUT', 'ssh/verify', {'otp': keys[0]}, token=None)[0] in (400, 500)
    for good in (keys[1], keys[2], keys[N_ROWS // 2], keys[-1]):
        assert wire.call('PUT', 'ssh/verify', {'otp': good}, token=None)[0] == 200
    wire.close()
    wait_for(lambda: 'is damaged and is refused' in one.log_text(), 'the scrub finds the lease', 300)
    assert f'lease row {row} of creds/otp' in one.log_text()


def test_a_whole_store_is_told_so(one):
    found = run(one, 'operator', 'check')
    assert found.returncode == 0 and ' 0 damaged' in found.stdout
    narrow = one.token_with('path "sys/storage/check" { capabilities = ["update"] }')
    assert one.api(narrow).put('sys/storage/check').status == 403
