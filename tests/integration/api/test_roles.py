"""roles/:role: what is stored, refused, shown, listed and deleted."""
OTP = {'key_type': 'otp', 'default_user': 'ubuntu'}


def test_the_golden_read_of_an_otp_role(shared):
    """S2-23, S3-2: all eight keys of the envelope in their order, the role inside data."""
    api = shared.api()
    api.post('ssh/roles/golden', {**OTP, 'cidr_list': '10.20.0.0/16', 'exclude_cidr_list': '10.20.9.0/24'})
    got = api.get('ssh/roles/golden')
    request_id = got.json['request_id']
    assert len(request_id) == 36
    assert got.body == (
        '{"request_id":"' + request_id + '","lease_id":"","renewable":false,"lease_duration":0,'
        '"data":{"allowed_users":"","cidr_list":"10.20.0.0/16","default_user":"ubuntu",'
        '"exclude_cidr_list":"10.20.9.0/24","key_type":"otp","port":22},'
        '"wrap_info":null,"warnings":null,"auth":null}\n')


def test_a_list_of_many_roles_is_whole(server):
    """A list longer than what one snapshot reads."""
    api = server.api()
    one = api.connect()
    names = sorted(f'r{i}' for i in range(1100))
    for name in names:
        assert api.post(f'ssh/roles/{name}', OTP, connection=one).status == 204
    got = api.list('ssh/roles').data
    assert got['keys'] == ['otp'] + names
    assert len(got['key_info']) == 1101
