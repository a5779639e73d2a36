"""Keys that are put on a host for a lease, and come off again with it (S2-11 to S2-14, S2-17 to S2-21, S2-23)."""
import re

from support.linux_host import ask, issue
from support.server import wait_for


def test_key_logs_in_until_it_is_revoked(dynamic, host):
    before = b'# mine\nssh-ed25519 AAAA hand-made'
    path = host.write_authorized('alice', before, 0o644)
    got = issue(dynamic)
    data = got['data']
    assert set(data) == {'key', 'key_type', 'username', 'ip', 'port'}
    assert data['key_type'] == 'dynamic' and data['username'] == 'alice' and data['ip'] == '127.0.0.1'
    assert data['port'] == host.port and got['renewable'] and got['lease_duration'] == 2764800
    assert re.fullmatch('ssh/creds/dyn/[0-9A-Za-z]{24}', got['lease_id'])
    tag = 'sallyport:' + got['lease_id'].rpartition('/')[2]
    assert tag in got['warnings'][0]
    assert host.lets_in('alice', data['key'])
    line = host.ours('alice')[0]
    assert line.endswith(tag) and re.match(r'expiry-time="\d{12}Z" ssh-ed25519 ', line)
    assert path.read_bytes().endswith(before) and path.stat().st_mode & 0o777 == 0o644
    assert dynamic.api().put('sys/leases/revoke', {'lease_id': got['lease_id']}).status == 204
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o644
    assert (path.stat().st_uid, path.stat().st_gid) == host.ids('alice')
    assert not host.lets_in('alice', data['key'])
