"""sys/mounts, tune, remount: where engines lie."""


def mount(server, path, kind='ssh', **fields):
    return server.api().post(f'sys/mounts/{path}', {'type': kind, **fields})


def no_route(path):
    return [f"no handler for route '{path}'"]


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


def test_remount_moves_roles_and_revokes_leases(server):
    made = server.otp()
    assert server.api().post('sys/remount', {'from': 'ssh', 'to': 'new/place/'}).status in (200, 204)
    assert server.api().get('new/place/roles/otp').data['default_user'] == 'ubuntu'
    assert server.api().get('ssh/roles/otp').status == 404
    assert server.api(None).put('new/place/verify', {'otp': made['data']['key']}).status == 400
    for path in (made['lease_id'], made['lease_id'].replace('ssh/', 'new/place/')):
        assert server.api().put('sys/leases/lookup', {'lease_id': path}).status == 400
    assert server.otp(mount='new/place')['lease_id'].startswith('new/place/creds/otp/')
