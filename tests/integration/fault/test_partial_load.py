"""Whatever part of the configuration does not load, nobody is served without it (reliability L22)."""
import sqlite3

import pytest

from support.figures import figure
from support.server import Server
from support.wire import Wire

# What a server may rely on; the names of records stand in clear in the store.
EXPECTED = ('audit/file', 'cluster', 'mounts/', 'policies/default', 'policies/mine', 'roles/otp')


@pytest.fixture
def one():
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    assert server.api().put('sys/policies/acl/mine', {'policy': 'path "ssh/*" { capabilities = ["deny"] }'}).status == 204
    assert server.api().post('ssh/config/zeroaddress', {'roles': 'otp'}).status == 204
    server.enable_audit()
    yield server
    server.clean()


def records(server):
    """Keys and values of all configuration records."""
    db = sqlite3.connect(server.store)
    found = db.execute("SELECT key, value FROM kv WHERE key BETWEEN ? AND ? ORDER BY key", (b'cfg/', b'cfg0')).fetchall()
    db.close()
    return found


def put(server, key, value):
    db = sqlite3.connect(server.store)
    db.execute('UPDATE kv SET value = ? WHERE key = ?', (value, key))
    db.commit()
    db.close()


def serves_nobody(server, key):
    """After the last share: sealed with a reason, and 503 to each kind of request."""
    server.start(unseal=False)
    plain = server.api(token=None)
    answer = plain.put('sys/unseal', {'key': server.keys[0]})
    status = plain.get('sys/seal-status').json
    wire = Wire(server)
    asked = [wire.call('GET', 'ssh/roles/otp')[0], wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[0],
             wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0], wire.call('GET', 'auth/token/lookup-self')[0]]
    wire.close()
    server.stop()
    return answer.status == 500 and status['sealed'] and bool(status.get('sealed_reason')) and set(asked) == {503}


def test_a_record_that_does_not_load_keeps_it_sealed(one):
    key = one.otp()['data']['key']
    one.stop()
    found = records(one)
    names = [name.decode().split('/', 2)[2] for name, _ in found]
    assert all(any(name.startswith(wanted) for name in names) for wanted in EXPECTED), names
    missed = []
    for name, value in found:
        for damaged in (value[:-1] + bytes([value[-1] ^ 1]), value[:20], b''):
            put(one, name, damaged)
            if not serves_nobody(one, key):
                missed.append((name, len(damaged)))
        put(one, name, value)
    figure('L22', 3 * len(found), len(missed), 'configuration records that do not load')
    assert missed == []
    one.start()
    assert one.api(token=None).put('ssh/verify', {'otp': key}).status == 200
