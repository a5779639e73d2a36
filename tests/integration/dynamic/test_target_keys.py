"""Keys that lie on a target, held against the leases: sweep, reconcile, delete, doctor (M-13; docs/targets.md)."""
import itertools

import pytest

from support.figures import figure
from support.keys import SshKey
from support.linux_host import ADMIN, issue, leases, write_role
from support.routeros_standin import RouterOS
from support.server import wait_for

COUNTER = itertools.count()
KEYS = 1000
SSH_RSA = 'AAAAB3NzaC1yc2E'
MINE = b'# mine\nssh-ed25519 AAAA hand-made'


@pytest.fixture
def api(dynamic):
    return dynamic.api()


@pytest.fixture
def target(api, host):
    """The host as a target; alice has lines of her own."""
    host.write_authorized('alice', MINE)
    name = f't{next(COUNTER)}'
    made = api.post(f'ssh/targets/{name}', {'host': '127.0.0.1', 'port': host.port, 'user': ADMIN, 'key': 'admin',
                                           'host_keys': [host.host_key]})
    assert made.status == 204, made
    yield name
    assert api.put('sys/leases/revoke-prefix/ssh/creds', {'sync': True}).status == 204
    assert api.delete(f'ssh/targets/{name}').status == 204


def do(api, target, what, **fields):
    answer = api.post(f'ssh/targets/{target}/{what}', fields)
    assert answer.status == 200, answer
    return answer.data


def own_tag(api, lease):
    return f'sallyport:{api.get("sys/health").json["cluster_id"][:8]}:{lease}'


def plant(api, host, user, tmp_path):
    """A key of ours that no lease knows; its tag."""
    tag = own_tag(api, 'aB3' * 8)
    line = ' '.join(SshKey(tmp_path, 'planted').public.split()[:2])
    path = host.authorized(user)
    before = path.read_bytes() + b'\n' if path.exists() else b''
    host.write_authorized(user, before + f'{line} {tag}\n'.encode())
    return tag


def test_a_key_without_a_lease_is_found_and_taken_off_alone(api, dynamic, host, target, tmp_path):
    got = issue(dynamic)
    assert do(api, target, 'sweep')['unknown'] == []
    tag = plant(api, host, 'bob', tmp_path)
    found = [do(api, target, 'sweep'), do(api, target, 'reconcile'), do(api, target, 'sweep', remove=True)]
    states = [[(key['username'], key['tag'], key['state']) for key in one['unknown']] for one in found]
    assert states == [[('bob', tag, state)] for state in ('unknown', 'unknown', 'removed')]
    assert host.ours('bob') == [] and len(host.ours('alice')) == 1 and host.lets_in('alice', got['data']['key'])
    assert host.authorized('alice').read_bytes().endswith(MINE)
    assert do(api, target, 'reconcile') == {'target': target, 'keys': 1, 'leases': 1, 'pending': 0, 'unknown': [], 'missing': [], 'others': [], 'foreign': []}


def test_a_lease_whose_key_is_gone_is_named_and_can_be_revoked(api, dynamic, host, target):
    leases = sorted(issue(dynamic)['lease_id'] for _ in range(3))
    host.write_authorized('alice', MINE)
    missing = do(api, target, 'reconcile')['missing']
    wrong = [] if sorted(one['lease_id'] for one in missing) == leases else missing
    figure('M-13', len(leases), len(wrong), 'leases whose keys were wiped off a host')
    assert wrong == [] and {one['username'] for one in missing} == {'alice'}
    for lease in leases:
        assert api.put('sys/leases/revoke', {'lease_id': lease, 'sync': True}).status == 204
    assert do(api, target, 'reconcile')['missing'] == [] and host.authorized('alice').read_bytes() == MINE


def test_leases_of_another_mount_are_known_but_not_shown(api, dynamic, host, target):
    dynamic.mount_ssh('other')
    assert api.post('other/keys/admin', {'key': host.key.path.read_text()}).status == 204
    role = {'key_type': 'dynamic', 'key': 'admin', 'admin_user': ADMIN, 'default_user': 'bob', 'cidr_list': '127.0.0.0/8',
            'port': host.port, 'host_keys': [host.host_key], 'dynamic_key_type': 'ed25519'}
    assert api.post('other/roles/dyn', role).status == 204
    assert api.post('other/creds/dyn', {'ip': '127.0.0.1'}).status == 200
    found = do(api, target, 'reconcile')
    assert (found['keys'], found['leases'], found['unknown'], found['missing']) == (1, 0, [], [])
    assert do(api, target, 'sweep', remove=True)['unknown'] == [] and len(host.ours('bob')) == 1
    assert api.put('sys/leases/revoke-prefix/other/creds', {'sync': True}).status == 204


def test_a_target_with_keys_on_it_is_deleted_by_force_alone(api, dynamic, host, target):
    write_role(dynamic, host, 'named', targets='*')
    made = api.post('ssh/creds/named', {'target': target})
    assert made.status == 200, made
    refused = api.delete(f'ssh/targets/{target}')
    assert (refused.status, refused.json['errors']) == (
        400, [f'1 leases have their keys on target "{target}": revoke them, or say force=true'])
    assert api.get(f'ssh/targets/{target}').status == 200
    assert api.put('sys/leases/revoke', {'lease_id': made.json['lease_id'], 'sync': True}).status == 204


def test_the_doctor_of_a_linux_host_looks_behind_the_login(api, dynamic, host, target):
    rows = {row['check']: row for row in do(api, target, 'doctor')['checks']}
    assert {name: rows[name]['state'] for name in ('reachable', 'host key', 'login', 'profile', 'clock', 'sshd')} == {
        'reachable': 'ok', 'host key': 'ok', 'login': 'ok', 'profile': 'ok', 'clock': 'ok', 'sshd': 'ok'}, rows
    host.allow_sudo('password')
    try:
        answer = do(api, target, 'doctor')
    finally:
        host.allow_sudo('broad')
    row = next(row for row in answer['checks'] if row['check'] == 'profile')
    assert not answer['ok'] and row['state'] == 'bad' and 'sudo wants a password' in row['seen'] and row['fix']


def test_a_thousand_keys_of_one_user_are_listed(api, dynamic, host, target):
    issue(dynamic)
    base = own_tag(api, '0' * 20)
    tags = [base + f'{n:04}' for n in range(KEYS)]
    lines = ''.join(f'ssh-rsa {SSH_RSA}{n:08}{"A" * 340} {tag}\n' for n, tag in enumerate(tags))
    assert len(lines) > 5 * 65536
    before = host.authorized('alice').read_bytes()
    host.write_authorized('alice', lines.encode() + before)
    found = do(api, target, 'reconcile')
    unknown = [one['tag'] for one in found['unknown']]
    figure('M-13', KEYS + 1, KEYS + 1 - found['keys'], 'keys of one user')
    assert (found['keys'], found['missing'], found['leases']) == (KEYS + 1, [], 1) and unknown == tags
    host.write_authorized('alice', before)


def test_a_host_with_another_key_is_told_nothing_until_that_is_pinned(api, dynamic, host, target, tmp_path):
    write_role(dynamic, host, 'pinned', targets='*', host_keys=[])
    made = api.post('ssh/creds/pinned', {'target': target})
    assert made.status == 200, made
    other, was = SshKey(tmp_path, 'other'), host.fingerprint()
    said = host.log.stat().st_size
    wrong = f'host key {other.fingerprint} of 127.0.0.1 is not the pinned {was}'
    with host.another_host_key(other):
        revoked = api.put('sys/leases/revoke', {'lease_id': made.json['lease_id'], 'sync': True})
        assert revoked.status == 500 and wrong in revoked.errors[0], revoked
        waits = api.put('sys/leases/lookup', {'lease_id': made.json['lease_id']}).data
        assert waits['state'] == 'revoke_pending' and waits['attempts'] >= 1 and wrong in waits['last_error'], waits
        assert len(host.ours('alice')) == 1
        assert b'Accepted' not in host.log.read_bytes()[said:]
        do(api, target, 'repin', host_keys=[other.public])
        wait_for(lambda: host.ours('alice') == [] and leases(dynamic, 'pinned') == [], 'the queue goes on')
        assert b'Accepted' in host.log.read_bytes()[said:]


# ---- a device ---------------------------------------------------------------

def test_a_device_that_was_reset_is_adopted_again_and_its_leases_end(api, tmp_path):
    key = SshKey(tmp_path, 'router', 'rsa', 2048)
    assert api.post('ssh/keys/router', {'key': key.path.read_text()}).status == 204

    def set_up(router):
        router.add_user('sallyport')
        router.add_user('bob')
        router.add_key('sallyport', key.public)

    with RouterOS() as router:
        set_up(router)
        made = api.post('ssh/targets/router', {
            'host': '127.0.0.1', 'port': router.port, 'user': 'sallyport', 'key': 'router', 'profile': 'routeros',
            'host_keys': [router.host_key], 'accept_password_lockout': True})
        assert made.status == 204, made
        role = {'key_type': 'dynamic', 'default_user': 'bob', 'cidr_list': '127.0.0.0/8', 'targets': '*', 'dynamic_key_type': 'ed25519'}
        assert api.post('ssh/roles/routers', role).status == 204
        issued = api.post('ssh/creds/routers', {'target': 'router'})
        assert issued.status == 200, issued
        assert do(api, 'router', 'reconcile')['missing'] == []
        router.wipe()
        states = [do(api, 'router', 'test')['state']]
        set_up(router)
        do(api, 'router', 'repin', host_keys=[router.host_key])
        states.append(do(api, 'router', 'test')['state'])
        missing = [one['lease_id'] for one in do(api, 'router', 'reconcile')['missing']]
        revoked = api.put('sys/leases/revoke', {'lease_id': issued.json['lease_id'], 'sync': True}).status
        wrong = (states, missing, revoked) != (['host_key_changed', 'ok'], [issued.json['lease_id']], 204)
        figure('M-13', 1, int(wrong), 'devices that were reset')
        assert not wrong, (states, missing, revoked)
    assert api.delete('ssh/targets/router').status == 204
