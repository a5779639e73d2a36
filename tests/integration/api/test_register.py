"""G-10, G-11, L46, L54: what was signed is known, and what is revoked is in the list."""
import threading
import time

import pytest

from support import krl
from support.ca import HOST, Ca, entity_token
from support.figures import count, figure
from support.keys import SshKey
from support.server import Server, wait_for
from support.wire import Wire

STORM = count('REGISTER_STORM', 400, 20000)
SIGNERS = 8


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start()
    yield one
    one.clean()


@pytest.fixture
def ca(server, request):
    name = f'ssh-{request.node.name[5:40].replace("[", "-").replace("]", "")}'.rstrip('_-')
    server.mount_ssh(name)
    return Ca(server, name)


@pytest.fixture(scope='module')
def key(tmp_path_factory):
    return SshKey(tmp_path_factory.mktemp('register'), 'user')


def certs(ca, **query):
    """(serials, next_after) of a page."""
    words = '&'.join(f'{name}={value}' for name, value in query.items())
    got = ca.server.api().list(f'{ca.mount}/certs' + (f'?{words}' if words else ''))
    if got.status == 404:
        return [], None
    assert got.status == 200, got
    return got.data['keys'], got.data.get('next_after')


def revoke(ca, **body):
    got = ca.server.api().post(f'{ca.mount}/revoke', body)
    assert got.status == 200, got
    return got.data['revocation_time']


def refusal(ca, **body):
    got = ca.server.api().post(f'{ca.mount}/revoke', body)
    assert got.status == 400, got
    return got.errors[0]


def test_a_row_says_what_the_certificate_says(ca, key, tmp_path):
    entity, token, accessor = entity_token(ca.server, 'alice')
    ca.role('ops', allow_user_key_ids=True, allowed_extensions='permit-pty', default_critical_options={'force-command': '/bin/date'})
    answer = ca.ask('ops', key.public, token, valid_principals='ops,ubuntu', key_id='one "of" ours', extensions={'permit-pty': ''})
    from support.ca import Signed
    signed = Signed(key, answer.data, f'row-{time.monotonic_ns()}')
    read = signed.read()
    row = ca.server.api().get(f'{ca.mount}/cert/{answer.data["serial_number"]}').data
    stamp = lambda at: time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(at))
    assert row.pop('issue_time') and row.pop('remote_address') == '127.0.0.1'
    assert row == {
        'serial_number': f'{read["serial"]:x}', 'serial_decimal': str(read['serial']), 'issuer_id': answer.data['issuer_id'],
        'key_id': 'one "of" ours', 'cert_type': 'user', 'principals': read['Principals'], 'valid_after': stamp(read['after']),
        'valid_before': stamp(read['before']), 'critical_options': {'force-command': '/bin/date'}, 'extensions': {'permit-pty': ''},
        'fingerprint': key.fingerprint, 'role': 'ops', 'entity_id': entity, 'display_name': 'userpass-alice',
        'token_accessor': accessor, 'request_id': answer.json['request_id'], 'revoked': False, 'revocation_time': 0, 'revoked_by': ''}


def test_a_list_goes_in_order_of_issue_and_by_filters(ca, key):
    entity, token, _ = entity_token(ca.server, 'bob')
    ca.role('ops', allow_user_key_ids=True)
    ca.role('hosts', HOST)
    made = [ca.ask('ops', key.public, valid_principals='ops').data['serial_number'] for _ in range(3)]
    made.append(ca.ask('hosts', key.public, cert_type='host', valid_principals='a.example.com').data['serial_number'])
    made.append(ca.ask('ops', key.public, token, key_id='bobs').data['serial_number'])
    made.append(ca.ask('ops', key.public, ttl='1s').data['serial_number'])
    assert certs(ca) == (made, None)
    assert certs(ca, limit=2) == (made[:2], made[1])
    assert certs(ca, limit=3, after=made[1]) == (made[2:5], made[4])
    assert certs(ca, after=made[5])[0] == []
    assert certs(ca, role='hosts')[0] == certs(ca, principal='a.example.com')[0] == made[3:4]
    assert certs(ca, key_id='bobs')[0] == certs(ca, entity_id=entity)[0] == made[4:5]
    assert certs(ca, principal='ops')[0] == made[:3] and certs(ca, principal='ops', role='hosts')[0] == []
    revoke(ca, serial_number=made[0])
    revoke(ca, key_id='bobs')
    assert certs(ca, revoked='true')[0] == [made[0], made[4]]
    wait_for(lambda: certs(ca, live='true')[0] == made[1:4], 'a certificate of a second ends')
    got = ca.server.api().list(f'{ca.mount}/certs?after=abc')
    assert (got.status, got.errors) == (400, ['after: certificate with serial abc not found'])


def test_rows_are_no_leases(ca, key):
    ca.role('ops')
    _, token, accessor = entity_token(ca.server, 'carol')
    serial = ca.ask('ops', key.public, token).data['serial_number']
    api = ca.server.api()
    assert api.list(f'sys/leases/lookup/{ca.mount}/').status == 404
    for path, body in ((f'sys/leases/revoke-prefix/{ca.mount}', None), ('auth/token/revoke-accessor', {'accessor': accessor})):
        assert api.put(path, body).status == 204
    assert certs(ca)[0] == [serial]


def test_every_certificate_of_a_storm_has_its_row(ca, key):
    ca.role('ops')
    made, lock = [], threading.Lock()

    def sign():
        wire = Wire(ca.server)
        mine = [wire.call('POST', f'{ca.mount}/sign/ops', {'public_key': key.public})[1]['data']['serial_number']
                for _ in range(STORM // SIGNERS)]
        wire.close()
        with lock:
            made.extend(mine)
    threads = [threading.Thread(target=sign) for _ in range(SIGNERS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found, after = [], ''
    while after is not None:
        page, after = certs(ca, limit=150, **({'after': after} if after else {}))
        found += page
    missing = set(made) - set(found)
    figure('G-11', len(made), len(missing), 'certificates signed by eight at once, in the register')
    assert (len(made), missing, len(found)) == (STORM // SIGNERS * SIGNERS, set(), len(set(found)))


def test_tidy_takes_only_what_has_ended(ca, key):
    """L46, beside the property in unit/ssh/test_register."""
    ca.role('ops')
    ended = ca.ask('ops', key.public, ttl='1s').data['serial_number']
    live = ca.ask('ops', key.public).data['serial_number']
    wait_for(lambda: certs(ca, live='true')[0] == [live], 'a certificate of a second ends')
    api = ca.server.api()
    assert api.delete(f'{ca.mount}/tidy/certs').status == 202 and certs(ca)[0] == [ended, live]
    revoke(ca, serial_number=ended)
    revoke(ca, serial_number=live)

    def is_tidy():
        assert api.delete(f'{ca.mount}/tidy/certs?safety_buffer=1').status == 202
        return certs(ca)[0] == [live]
    wait_for(is_tidy, 'the buffer is over')


def test_revocation_checks_serial_mount_issuer_and_role(ca, key):
    """L54."""
    ca.role('ops')
    ca.role('web')
    api, wrong = ca.server.api(), []
    other = Ca(ca.server.mount_ssh('ssh-other'), 'ssh-other')
    other.role('ops')
    theirs = other.ask('ops', key.public).data['serial_number']
    serial = ca.ask('ops', key.public).data['serial_number']
    second = api.post(f'{ca.mount}/issuers/import/second', {'key_type': 'ed25519'}).data['issuer_id']
    asked = [({'serial_number': theirs}, f'certificate with serial {theirs} not found'),
             ({'serial_number': 'ffff'}, 'certificate with serial ffff not found'),
             ({'serial_number': serial, 'role': 'web'}, f'certificate with serial {serial} was not signed under role web'),
             ({'serial_number': serial, 'issuer_ref': 'second'}, f'certificate with serial {serial} was not signed by issuer second'),
             ({'serial_number': serial, 'issuer_ref': second}, f'certificate with serial {serial} was not signed by issuer {second}'),
             ({'serial_number': serial, 'issuer_ref': 'none'}, 'unable to find issuer for reference: none'),
             ({'key_id': 'a', 'role': 'ops'}, 'role goes with serial_number and entity_id only')]
    for body, text in asked:
        if refusal(ca, **body) != text:
            wrong.append((body, refusal(ca, **body)))
    # Whoever may revoke what was signed under one role alone.
    token = ca.server.token_with(f'path "{ca.mount}/revoke" {{ capabilities = ["update"] required_parameters = ["role"] '
                                 'allowed_parameters = { "serial_number" = [] "role" = ["web"] } }')
    for body, status in (({'serial_number': serial}, 403), ({'serial_number': serial, 'role': 'ops'}, 403),
                         ({'serial_number': serial, 'role': 'web'}, 400), ({'key_id': 'a', 'role': 'web'}, 403)):
        if ca.server.api(token).post(f'{ca.mount}/revoke', body).status != status:
            wrong.append(body)
    if krl.fetch(ca.server, f'{ca.mount}/krl')[2] != krl.fetch(ca.server, f'{ca.mount}/krl')[2]:
        wrong.append('the list changed')
    figure('L54', len(asked) + 4, len(wrong), 'revocations of what is not the caller\'s')
    assert wrong == [] and certs(ca, revoked='true')[0] == [] and certs(other, revoked='true')[0] == []
    first = revoke(ca, serial_number=serial.upper(), role='ops', issuer_ref='default')
    time.sleep(1.1)
    assert revoke(ca, serial_number='0' + serial) == first


def test_four_ways_into_the_list(ca, key, tmp_path):
    entity, token, _ = entity_token(ca.server, 'dave')
    ca.role('ops', allow_user_key_ids=True)
    lists = tmp_path / 'revoked.krl'
    empty = krl.save(ca.server, lists, f'{ca.mount}/krl')
    stranger = SshKey(tmp_path, 'stranger')
    kept, one = ca.sign('ops', stranger), ca.sign('ops', stranger)
    by_id, by_key, by_entity = ca.sign('ops', stranger, key_id='lost laptop'), ca.sign('ops', key), ca.sign('ops', stranger, token=token)
    assert not any(krl.is_revoked(lists, each.cert) for each in (kept, one, by_id, by_key, by_entity))
    versions = [empty]
    for way, body in ((one, {'serial_number': one.data['serial_number']}), (by_id, {'key_id': 'lost laptop'}),
                      (by_key, {'public_key': key.public}), (by_entity, {'entity_id': entity})):
        revoke(ca, **body)
        versions.append(krl.save(ca.server, lists, f'{ca.mount}/krl'))
        assert krl.is_revoked(lists, way.cert) and not krl.is_revoked(lists, kept.cert)
    assert versions == sorted(set(versions)) and krl.is_revoked(lists, key.pub) and not krl.is_revoked(lists, stranger.pub)
    # Another issuer of the mount signs it no more either, though it came later.
    ca.server.api().post(f'{ca.mount}/config/ca/rotate', {'key_type': 'ed25519'})
    for refused in (ca.ask('ops', stranger.public, key_id='lost laptop'), ca.ask('ops', key.public)):
        assert refused.status == 400 and 'is revoked' in refused.errors[0]
    krl.save(ca.server, lists, f'{ca.mount}/krl')
    assert krl.is_revoked(lists, by_id.cert) and not krl.is_revoked(lists, ca.sign('ops', stranger).cert)
    assert refusal(ca, entity_id='nobody') == 'no live certificate of entity nobody'


def test_a_deleted_issuer_stays_in_the_list(ca, key, tmp_path):
    ca.role('ops')
    lists, api = tmp_path / 'revoked.krl', ca.server.api()
    signed = ca.sign('ops', key)
    revoke(ca, serial_number=signed.data['serial_number'])
    issuer = signed.data['issuer_id']
    assert api.delete(f'{ca.mount}/issuer/{issuer}').status < 300
    krl.save(ca.server, lists, f'{ca.mount}/issuer/{issuer}/krl')
    assert krl.is_revoked(lists, signed.cert)
    assert api.delete(f'{ca.mount}/issuers/deleted/{issuer}').status == 204
    revoke(ca, key_id='something else')
    krl.save(ca.server, lists, f'{ca.mount}/krl')
    assert krl.is_revoked(lists, signed.cert)
    assert krl.fetch(ca.server, f'{ca.mount}/issuer/{issuer}/krl')[0] == 400


def test_the_list_of_one_issuer_is_its_own(ca, key, tmp_path):
    api, lists = ca.server.api(), tmp_path / 'revoked.krl'
    api.post(f'{ca.mount}/issuers/import/second', {'key_type': 'ed25519'})
    ca.role('one')
    ca.role('two', issuer_ref='second')
    one, two = ca.sign('one', key), ca.sign('two', key)
    for each in (one, two):
        revoke(ca, serial_number=each.data['serial_number'])
    krl.save(ca.server, lists, f'{ca.mount}/issuer/second/krl')
    assert (krl.is_revoked(lists, one.cert), krl.is_revoked(lists, two.cert)) == (False, True)
    revoke(ca, key_id='shared', issuer_ref='second')
    ca.role('ids', allow_user_key_ids=True)
    mine = ca.sign('ids', key, key_id='shared')
    krl.save(ca.server, lists, f'{ca.mount}/krl')
    assert not krl.is_revoked(lists, mine.cert)


def test_an_issuers_key_is_named_twice(ca):
    assert refusal(ca, public_key=ca.public).startswith("public_key is an issuer's")
    revoke(ca, public_key=ca.public, issuer_ref='default')


def test_what_stands_until_taken_away(ca, key, tmp_path):
    ca.role('ops')
    api, lists, signed = ca.server.api(), tmp_path / 'revoked.krl', ca.sign('ops', key)
    revoke(ca, public_key=key.public)
    before = krl.save(ca.server, lists, f'{ca.mount}/krl')
    name, = api.list(f'{ca.mount}/revoked').data['keys']
    assert api.get(f'{ca.mount}/revoked/{name}').data['fingerprint'] == key.fingerprint
    assert api.delete(f'{ca.mount}/revoked/{name}').status == 204
    assert krl.save(ca.server, lists, f'{ca.mount}/krl') > before and not krl.is_revoked(lists, signed.cert)


def test_the_list_over_http(ca):
    path = f'{ca.mount}/krl'
    status, headers, first = krl.fetch(ca.server, path)
    assert (status, headers['content-type']) == (200, 'application/octet-stream')
    assert krl.fetch(ca.server, path, headers['etag'])[0::2] == (304, b'')
    revoke(ca, key_id='a')
    status, after, second = krl.fetch(ca.server, path, headers['etag'])
    assert status == 200 and second != first and after['etag'] != headers['etag']
    assert krl.fetch(ca.server, path)[2] == second
