"""sys/leases: look up, list, renew, revoke, count; and the end by itself."""
import datetime
import itertools
import re
import threading

import pytest

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


@pytest.mark.parametrize('lease_id', ['none', 'ssh/creds/otp/' + 'A' * 24, 'ssh/creds/otp', 'ssh/', '/', 'ssh/creds/otp/',
                                      'x' * 300, 'sys/x/y'])
def test_an_unknown_lease(shared, lease_id):
    """reliability 6: lookup 400, renew 400, revoke 204."""
    assert lookup(shared, lease_id).errors == ['invalid lease']
    assert shared.api().put('sys/leases/renew', {'lease_id': lease_id}).errors == ['lease not found']
    assert shared.api().put('sys/leases/revoke', {'lease_id': lease_id}).status == 204


@pytest.mark.parametrize('path', ['lookup', 'renew', 'revoke'])
def test_a_lease_id_is_needed(shared, path):
    assert shared.api().put(f'sys/leases/{path}').errors == ['lease_id must be specified']


def test_an_otp_is_not_renewed(shared):
    """S2-7: renew answers "lease is not renewable"."""
    made = shared.otp()
    got = shared.api().put('sys/leases/renew', {'lease_id': made['lease_id'], 'increment': 60})
    assert (got.status, got.errors) == (400, ['lease is not renewable'])
    assert opens(shared, made)


REVOKES = [('PUT', 'sys/leases/revoke', True), ('POST', 'sys/leases/revoke', True), ('PUT', 'sys/leases/revoke/', False),
           ('PUT', 'sys/revoke', True), ('PUT', 'sys/revoke/', False)]


@pytest.mark.parametrize('method, path, in_body', REVOKES)
@pytest.mark.parametrize('sync, status', [(None, 204), (True, 204), (False, 202)])
def test_revoke_in_all_its_forms(shared, method, path, in_body, sync, status):
    """C-4, C-7: revoking makes the OTP unusable; twice is no error."""
    made = shared.otp()
    body = {'lease_id': made['lease_id']} if in_body else {}
    if sync is not None:
        body['sync'] = sync
    for _ in range(2):
        got = shared.api().call(method, path if in_body else path + made['lease_id'], body)
        assert (got.status, got.body) == (status, '')
    assert is_gone(shared, made['lease_id'])
    assert not opens(shared, made)


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


@pytest.mark.parametrize('path', ['sys/leases/revoke-prefix', 'sys/leases/revoke-force', 'sys/revoke-prefix',
                                  'sys/revoke-force'])
def test_a_prefix_matches_whole_segments(shared, path):
    """core-api 5.4, C-7."""
    for role in ('web', 'web2'):
        shared.write_role(role)
    web, web2, otp = shared.otp(role='web'), shared.otp(role='web2'), shared.otp()
    assert shared.api().put(f'{path}/ssh/creds/we').status == 204
    assert not is_gone(shared, web['lease_id'])
    assert shared.api().put(f'{path}/ssh/creds/web').status == 204
    assert is_gone(shared, web['lease_id'])
    assert not is_gone(shared, web2['lease_id'])
    assert shared.api().put(f'{path}/{web2["lease_id"]}', {'sync': False}).status == 202
    assert is_gone(shared, web2['lease_id'])
    assert not is_gone(shared, otp['lease_id'])
    assert shared.api().put(f'{path}/ssh').status == 204
    assert is_gone(shared, otp['lease_id'])
    assert not opens(shared, otp)


def test_a_prefix_of_tokens(server):
    """core-api 5.3: revoke by prefix works on tokens too."""
    token = server.token_with('# nothing')
    assert server.api().put('sys/leases/revoke-prefix/auth/token/create').status == 204
    assert server.api(token).get('sys/mounts').errors == ['permission denied']
    assert server.api().get('sys/mounts').status == 200


def test_counts_and_tidy(shared):
    api = shared.api()
    assert api.get('sys/leases/count?type=irrevocable').data == {'lease_count': 0, 'counts': {}}
    assert api.get('sys/leases?type=irrevocable&limit=none').data == {'lease_count': 0, 'leases': []}
    assert api.get('sys/leases').status == 404
    assert api.get('sys/leases/count').status == 404
    assert api.get('sys/leases/count?type=x').status == 404
    got = api.post('sys/leases/tidy')
    assert got.status == 202
    assert got.json['warnings'] == ['Tidy operation successfully started. Any information from the operation will be '
                                    "printed to Vault's server logs."]


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
