"""sys/mounts, tune, remount: where engines lie."""
import pytest

OTP = {'key_type': 'otp', 'default_user': 'u', 'cidr_list': '10.0.0.0/8'}


def mount(server, path, kind='ssh', **fields):
    return server.api().post(f'sys/mounts/{path}', {'type': kind, **fields})


def no_route(path):
    return [f"no handler for route '{path}'"]


def test_nothing_is_mounted_at_first():
    """S2-1: an unmounted path is 404."""
    from support.server import Server
    one = Server().start()
    try:
        got = one.api().get('ssh/roles/x')
        assert (got.status, got.errors) == (404, no_route('ssh/roles/x'))
        assert 'ssh/' not in one.api().get('sys/mounts').data
        assert mount(one, 'ssh').status == 204
        assert one.api().get('ssh/roles/x').json == {'errors': []}
    finally:
        one.clean()


def test_two_mounts_are_apart(server):
    """S2-1: neither roles nor OTPs nor zero addresses are seen by the other."""
    mount(server, 'two/deep')
    api = server.api()
    assert api.list('two/deep/roles').status == 404
    server.write_role('otp', mount='two/deep', default_user='other')
    api.post('ssh/config/zeroaddress', {'roles': ['otp']})
    assert api.get('two/deep/config/zeroaddress').status == 404
    one, two = server.otp(), server.otp(mount='two/deep')
    assert two['lease_id'].startswith('two/deep/creds/otp/')
    plain = server.api(None)
    assert plain.put('two/deep/verify', {'otp': one['data']['key']}).status == 400
    assert plain.put('ssh/verify', {'otp': two['data']['key']}).status == 400
    assert plain.put('two/deep/verify', {'otp': two['data']['key']}).data['username'] == 'other'
    assert plain.put('ssh/verify', {'otp': one['data']['key']}).data['username'] == 'ubuntu'


def test_the_list_of_mounts(server):
    """core-api 3.1."""
    assert mount(server, 'hosts', description='my hosts', config={'default_lease_ttl': '1h', 'max_lease_ttl': 7200},
                 options=None).status == 204
    got = server.api().get('sys/mounts')
    entry = got.data['hosts/']
    assert len(entry['uuid']) == 36
    assert entry['accessor'].startswith('ssh_') and len(entry['accessor']) == 12
    assert {k: v for k, v in entry.items() if k not in ('uuid', 'accessor')} == {
        'type': 'ssh', 'description': 'my hosts', 'local': False, 'seal_wrap': False,
        'external_entropy_access': False, 'options': None,
        'config': {'default_lease_ttl': 3600, 'max_lease_ttl': 7200, 'force_no_cache': False}}
    assert got.json['hosts/'] == entry
    assert got.data['ssh/']['options'] == {}
    assert got.data['sys/']['type'] == 'system'
    assert server.api().get('sys/mounts/hosts').data == entry
    assert server.api().get('sys/mounts/hosts/').data == entry
    auth = server.api().get('sys/auth').data['token/']
    assert (auth['type'], auth['description']) == ('token', 'token based credentials')
    assert auth['config']['token_type'] == 'default-service'


@pytest.mark.parametrize('path, body, text', [
    ('x', {}, 'backend type must be specified as a string'),
    ('x', {'type': 'foo'}, 'plugin not found in the catalog: foo'),
    ('x', {'type': 'system'}, 'mount type of "system" is not mountable'),
    ('ssh', {'type': 'ssh'}, 'path is already in use at ssh/'),
    ('ssh/deeper', {'type': 'ssh'}, 'path is already in use at ssh/'),
    ('x', {'type': 'ssh', 'config': {'default_lease_ttl': '2h', 'max_lease_ttl': '1h'}},
     'given default lease TTL greater than given max lease TTL'),
    ('x', {'type': 'ssh', 'config': {'default_lease_ttl': '1000h'}},
     'given default lease TTL greater than system max lease TTL of 2764800'),
    ('x', {'type': 'ssh', 'config': {'listing_visibility': 'x'}}, 'invalid listing_visibility x'),
    ('x', {'type': 'ssh', 'options': {'version': '2'}}, 'secrets engine "ssh" does not allow setting a version')])
def test_what_is_not_mounted(shared, path, body, text):
    """core-api 3.1."""
    got = shared.api().post(f'sys/mounts/{path}', body)
    assert (got.status, got.errors) == (400, [text])


@pytest.mark.parametrize('name, value, start', [
    ('default_lease_ttl', 'soon', 'unable to parse default TTL of soon'),
    ('max_lease_ttl', 'x', 'unable to parse max TTL of x')])
def test_a_bad_ttl_is_named(shared, name, value, start):
    got = mount(shared, 'x', config={name: value})
    assert got.status == 400
    assert got.errors[0].startswith(start)


def test_a_mount_above_another_is_refused(shared):
    mount(shared, 'tall/tree')
    got = mount(shared, 'tall')
    assert (got.status, got.errors[0]) == (400, 'path is already in use at tall/tree/')


@pytest.mark.parametrize('value', ['', '0s', 'system', 0, '0'])
def test_ttls_that_mean_the_systems(server, value):
    assert mount(server, 'x', config={'default_lease_ttl': value, 'max_lease_ttl': value}).status == 204
    assert server.api().get('sys/mounts/x').data['config']['default_lease_ttl'] == 0


def test_what_is_always_there_is_not_unmounted(shared):
    assert shared.api().delete('sys/mounts/sys').errors == ['cannot unmount "sys/"']
    assert shared.api().delete('sys/mounts/auth/token').status in (400, 404)
    assert shared.api().get('sys/auth').data['token/']['type'] == 'token'


def test_unmounting_kills_leases_and_records(server):
    """core-api 3.1: and what is mounted there again starts empty."""
    made = server.otp()
    assert server.api().delete('sys/mounts/ssh').status == 204
    assert server.api().delete('sys/mounts/ssh').status == 204
    assert server.api().put('sys/leases/lookup', {'lease_id': made['lease_id']}).errors == ['invalid lease']
    assert server.api(None).put('ssh/verify', {'otp': made['data']['key']}).status in (400, 404)
    assert server.api().get('ssh/roles/otp').errors == no_route('ssh/roles/otp')
    server.mount_ssh()
    assert server.api().list('ssh/roles').status == 404
    assert server.api(None).put('ssh/verify', {'otp': made['data']['key']}).status == 400
    assert server.api().list('sys/leases/lookup/ssh').status == 404


def test_tune(server):
    """core-api 3.1: effective values; only what is sent changes; "system" resets."""
    api = server.api()
    usual = {'default_lease_ttl': 2764800, 'max_lease_ttl': 2764800, 'description': '', 'force_no_cache': False,
             'options': {}}
    got = api.get('sys/mounts/ssh/tune')
    assert got.data == usual
    assert got.json['max_lease_ttl'] == 2764800
    assert api.post('sys/mounts/ssh/tune', {'default_lease_ttl': '20m', 'description': 'hosts'}).status == 204
    assert api.get('sys/mounts/ssh/tune').data == {**usual, 'default_lease_ttl': 1200, 'description': 'hosts'}
    assert server.otp()['lease_duration'] == 1200
    assert api.post('sys/mounts/ssh/tune', {'max_lease_ttl': '1h'}).status == 204
    assert api.get('sys/mounts/ssh/tune').data['default_lease_ttl'] == 1200
    assert api.post('sys/mounts/ssh/tune', {'default_lease_ttl': 'system', 'max_lease_ttl': 'system'}).status == 204
    assert api.get('sys/mounts/ssh/tune').data == {**usual, 'description': 'hosts'}
    assert server.otp()['lease_duration'] == 600
    assert api.post('sys/mounts/ssh/tune', {'listing_visibility': 'unauth'}).status == 204
    assert api.get('sys/mounts/ssh/tune').data['listing_visibility'] == 'unauth'


@pytest.mark.parametrize('path, body, text', [
    ('none', {'default_lease_ttl': '1h'}, 'tune of path "none/" failed: no mount entry found'),
    ('sys', {'default_lease_ttl': '1h'}, 'cannot tune "sys/"'),
    ('ssh', {'listing_visibility': 'x'}, 'invalid listing_visibility x'),
    ('ssh', {'default_lease_ttl': '1h', 'max_lease_ttl': '30m'},
     'backend max lease TTL of 1800 would be less than backend default lease TTL of 3600'),
    ('ssh', {'token_type': 'batch'}, "'token_type' can only be modified on auth mounts")])
def test_what_tune_refuses(shared, path, body, text):
    got = shared.api().post(f'sys/mounts/{path}/tune', body)
    assert (got.status, got.errors) == (400, [text])


def test_an_unknown_mount_has_no_tune(shared):
    got = shared.api().get('sys/mounts/none/tune')
    assert (got.status, got.errors) == (400, ['cannot fetch sysview for path "none/"'])


def test_remount_moves_roles_and_revokes_leases(server):
    made = server.otp()
    assert server.api().post('sys/remount', {'from': 'ssh', 'to': 'new/place/'}).status in (200, 204)
    assert server.api().get('new/place/roles/otp').data['default_user'] == 'ubuntu'
    assert server.api().get('ssh/roles/otp').status == 404
    assert server.api(None).put('new/place/verify', {'otp': made['data']['key']}).status == 400
    for path in (made['lease_id'], made['lease_id'].replace('ssh/', 'new/place/')):
        assert server.api().put('sys/leases/lookup', {'lease_id': path}).status == 400
    assert server.otp(mount='new/place')['lease_id'].startswith('new/place/creds/otp/')


@pytest.mark.parametrize('body, text', [
    ({}, "both 'from' and 'to' path must be specified as a string"),
    ({'from': 'ssh'}, "both 'from' and 'to' path must be specified as a string"),
    ({'from': 'none', 'to': 'b'}, 'no matching mount at "none/"'),
    ({'from': 'ssh', 'to': 'taken'}, 'existing mount at "taken/"'),
    ({'from': 'sys', 'to': 'b'}, 'cannot remount "sys/"')])
def test_what_remount_refuses(shared, body, text):
    mount(shared, 'taken')
    got = shared.api().post('sys/remount', body)
    assert (got.status, got.errors) == (400, [text])


@pytest.mark.parametrize('to', ['auth/x', 'sys/x', 'sys', 'identity/x', '../x', 'a//b', '', 'ssh/below'])
def test_remount_to_a_reserved_path_is_refused(shared, to):
    before = set(shared.api().get('sys/mounts').data)
    assert shared.api().post('sys/remount', {'from': 'ssh', 'to': to}).status == 400
    assert set(shared.api().get('sys/mounts').data) == before


def test_what_the_browser_and_the_command_line_ask(server):
    """core-api 3.3."""
    ui = 'sys/internal/ui/mounts'
    api = server.api()
    assert set(api.get(ui).data) == {'auth', 'secret'}
    assert 'ssh/' in api.get(ui).data['secret'] and 'token/' in api.get(ui).data['auth']
    assert server.api(None).get(ui).data == {'auth': {}, 'secret': {}}
    api.post('sys/mounts/ssh/tune', {'listing_visibility': 'unauth', 'description': 'd'})
    assert server.api(None).get(ui).data == {'auth': {}, 'secret': {
        'ssh/': {'type': 'ssh', 'description': 'd', 'options': {}}}}
    got = api.get(f'{ui}/ssh/creds/otp').data
    assert (got['path'], got['type']) == ('ssh/', 'ssh')
    assert server.api(None).get(f'{ui}/ssh').errors == ['missing client token']
    mine = server.api(server.token_with('path "ssh/creds/otp" { capabilities = ["update"] }'))
    assert set(mine.get(ui).data['secret']) == {'ssh/'}
    assert mine.get(f'{ui}/ssh/roles/x').status == 200
    mount(server, 'hidden')
    for path in ('hidden/x', 'none/x'):
        got = mine.get(f'{ui}/{path}')
        assert got.status == 403
        assert got.errors == [f'preflight capability check returned 403, please ensure client\'s policies grant access '
                              f'to path "{path}/"']
