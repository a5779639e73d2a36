"""sys/leases: look up, list, renew, revoke, count; and the end by itself."""
import datetime
import itertools
import re
import threading

from support.server import wait_for


def lookup(server, lease_id):
    return server.api().put('sys/leases/lookup', {'lease_id': lease_id})


def is_gone(server, lease_id):
    got = lookup(server, lease_id)
    return got.status == 400 and got.errors == ['invalid lease']


def opens(server, made, mount='ssh'):
    return server.api(None).put(f'{mount}/verify', {'otp': made['data']['key']}).status == 200


def seconds(text):
    """RFC 3339 with any number of digits."""
    head, tail = re.fullmatch(r'(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z', text).groups()
    base = datetime.datetime.fromisoformat(head).replace(tzinfo=datetime.timezone.utc).timestamp()
    return base + float(tail or 0)


def test_a_lease_is_shown(shared):
    """core-api 5.4."""
    made = shared.otp()
    got = lookup(shared, made['lease_id']).data
    assert set(got) == {'id', 'issue_time', 'expire_time', 'last_renewal', 'renewable', 'ttl'} | (set(got) & {'path'})
    assert (got['id'], got['last_renewal'], got['renewable']) == (made['lease_id'], None, False)
    assert 0 < got['ttl'] <= 600
    assert 599 <= seconds(got['expire_time']) - seconds(got['issue_time']) <= 600


def test_the_old_paths_share_rights_and_handlers(shared):
    """L10: an alias is the same operation, with rights on the path that was called."""
    made = shared.otp()
    token = shared.token_with('path "sys/leases/*" { capabilities = ["update", "sudo"] }')
    for path in ('sys/revoke', 'sys/renew', 'sys/revoke-prefix/ssh', 'sys/revoke-force/ssh'):
        assert shared.api(token).put(path, {'lease_id': made['lease_id']}).status == 403
    token = shared.token_with('path "sys/revoke" { capabilities = ["update"] }')
    assert shared.api(token).put('sys/leases/revoke', {'lease_id': made['lease_id']}).status == 403
    assert shared.api(token).put('sys/revoke', {'lease_id': made['lease_id']}).status == 204
    assert is_gone(shared, made['lease_id'])
    for path in ('sys/renew', 'sys/renew/x', 'sys/leases/renew/x'):
        got = shared.api().put(path, {'lease_id': 'x'})
        assert (got.status, got.errors) == (400, ['lease not found'])


def test_leases_are_listed_level_by_level(server):
    """core-api 5.4."""
    api = server.api()
    server.mount_ssh('deep/ssh')
    server.write_role('otp', mount='deep/ssh')
    server.write_role('web')
    made = [server.otp() for _ in range(3)] + [server.otp(role='web'), server.otp(mount='deep/ssh')]
    tails = sorted(one['lease_id'].rsplit('/', 1)[1] for one in made[:3])
    for prefix in ('ssh/creds/otp', 'ssh/creds/otp/'):
        assert api.list(f'sys/leases/lookup/{prefix}').data['keys'] == tails
    assert api.list('sys/leases/lookup/ssh/creds').data['keys'] == ['otp/', 'web/']
    assert api.list('sys/leases/lookup/ssh').data['keys'] == ['creds/']
    assert api.list('sys/leases/lookup/deep').data['keys'] == ['ssh/']
    assert {'deep/', 'ssh/'} <= set(api.list('sys/leases/lookup').data['keys'])
    assert api.get('sys/leases/lookup/ssh?list=true').data['keys'] == ['creds/']
    assert api.list('sys/leases/lookup/ssh/creds/none').status == 404
    for one in made[:3]:
        api.put('sys/leases/revoke', {'lease_id': one['lease_id']})
    assert api.list('sys/leases/lookup/ssh/creds/otp').status == 404
    assert api.list('sys/leases/lookup/ssh/creds').data['keys'] == ['web/']


# ---- the end by itself ----------------------------------------------------------

def test_leases_end_by_themselves_under_load(server):
    """S2-7: expiry makes the OTP unusable. How late they may be: fault/test_leases_end_in_time.py."""
    server.write_role('brief', ttl='2s')
    made = [server.otp(role='brief') for _ in range(40)]
    stop = threading.Event()

    def load():
        while not stop.is_set():
            server.otp()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for one in threads:
        one.start()
    try:
        for one in made:
            wait_for(lambda: is_gone(server, one['lease_id']), 'the lease ends')
    finally:
        stop.set()
        for one in threads:
            one.join()
    assert not any(opens(server, one) for one in made)


def brief_otp(server):
    """One that ends soon, and when; a machine may be so slow that an OTP has ended before it is looked at."""
    for ttl in itertools.count(1):
        server.write_role('brief', ttl=ttl)
        made = server.otp(role='brief')
        got = lookup(server, made['lease_id'])
        if got.status == 200:
            return made, seconds(got.data['expire_time'])


def test_an_otp_dies_at_its_deadline_not_at_the_sweep(server):
    """G-4: expiry is checked at verify time from the stored deadline."""
    made, deadline = brief_otp(server)
    wait_for(lambda: server.api(None).get('sys/health').json['server_time_utc'] >= deadline, 'the deadline passes')
    assert not opens(server, made)


def test_what_ended_while_stopped_is_gone_after_a_restart(server):
    """Expiry right after a restart."""
    usual = server.otp()
    brief, deadline = brief_otp(server)
    server.stop()
    wait_for(lambda: datetime.datetime.now().timestamp() > deadline, 'the deadline passes')
    server.start()
    assert not opens(server, brief)
    wait_for(lambda: is_gone(server, brief['lease_id']), 'the lease is taken away')
    assert opens(server, usual)


def test_leases_survive_a_kill(server):
    made = server.otp()
    used = server.otp()
    assert opens(server, used)
    server.restart(kill=True)
    assert opens(server, made)
    assert not opens(server, used)
