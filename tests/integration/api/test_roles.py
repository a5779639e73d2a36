"""roles/:role: what is stored, refused, shown, listed and deleted."""
import pytest

OTP = {'key_type': 'otp', 'default_user': 'ubuntu'}

# hvac's create_role sends every field on every call (requirements.md C-1).
HVAC = {'key': '', 'admin_user': '', 'default_user': 'ubuntu', 'cidr_list': '10.0.0.0/8', 'exclude_cidr_list': '',
        'port': 22, 'key_type': 'otp', 'key_bits': 1024, 'install_script': '', 'allowed_users': '',
        'allowed_users_template': '', 'allowed_domains': '', 'key_option_specs': '', 'ttl': '', 'max_ttl': '',
        'allowed_critical_options': '', 'allowed_extensions': '', 'default_critical_options': None,
        'default_extensions': None, 'allow_user_certificates': '', 'allow_host_certificates': '',
        'allow_bare_domains': '', 'allow_subdomains': '', 'allow_user_key_ids': '', 'key_id_format': '',
        'allowed_user_key_lengths': None, 'algorithm_signer': ''}

REFUSED = [
    ({}, 'missing key type'),
    ({'key_type': ''}, 'missing key type'),
    ({'key_type': None}, 'missing key type'),
    ({'key_type': 'rsa'}, 'invalid key type'),
    ({'key_type': ' otp'}, 'invalid key type'),
    ({'key_type': 'otp'}, 'missing default user'),
    ({'key_type': 'otp', 'default_user': ''}, 'missing default user'),
    ({**OTP, 'admin_user': 'root'}, 'admin user not required for OTP type'),
    ({**OTP, 'cidr_list': '10.0.0.0'}, 'failed to validate cidr_list: invalid CIDR address: 10.0.0.0'),
    ({**OTP, 'cidr_list': '10.0.0.0/8, NOPE '}, 'failed to validate cidr_list: invalid CIDR address: nope'),
    ({**OTP, 'cidr_list': ' , '}, 'failed to validate cidr_list: missing CIDR blocks that needs validation'),
    ({**OTP, 'cidr_list': '010.0.0.0/8'}, 'failed to validate cidr_list: invalid CIDR address: 010.0.0.0/8'),
    ({**OTP, 'cidr_list': '10.0.0.0/08'}, 'failed to validate cidr_list: invalid CIDR address: 10.0.0.0/08'),
    ({**OTP, 'cidr_list': '10.0.0.0/33'}, 'failed to validate cidr_list: invalid CIDR address: 10.0.0.0/33'),
    ({**OTP, 'cidr_list': '::ffff:10.0.0.0/90'},
     'failed to validate cidr_list: invalid CIDR address: ::ffff:10.0.0.0/90'),
    ({**OTP, 'cidr_list': 'fe80::1%eth0/64'}, 'failed to validate cidr_list: invalid CIDR address: fe80::1%eth0/64'),
    ({**OTP, 'exclude_cidr_list': 'x'}, 'failed to validate exclude_cidr_list entry: invalid CIDR address: x'),
    # The order of checks: lists before the type, the type's own last.
    ({'cidr_list': 'x', 'exclude_cidr_list': 'y'}, 'failed to validate cidr_list: invalid CIDR address: x'),
    ({'exclude_cidr_list': 'y'}, 'failed to validate exclude_cidr_list entry: invalid CIDR address: y'),
    ({'key_type': 'otp', 'admin_user': 'root'}, 'missing default user'),
    ({**OTP, 'ttl': '2h', 'max_ttl': '1h'}, '"ttl" value must be less than "max_ttl" when both are specified'),
]


@pytest.mark.parametrize('body, text', REFUSED)
def test_a_bad_role_is_refused(shared, body, text):
    """S3-3, S3-14, G-15, L50; ssh-engine 2.2."""
    got = shared.api().post('ssh/roles/bad', body)
    assert (got.status, got.json) == (400, {'errors': [text]})
    assert shared.api().get('ssh/roles/bad').status == 404


@pytest.mark.parametrize('port', [-1, 65536, 100000, '-22'])
def test_a_port_is_from_1_to_65535(shared, port):
    """G-16."""
    got = shared.api().post('ssh/roles/bad', {**OTP, 'port': port})
    assert got.status == 400
    assert got.errors[0].startswith('invalid port')


@pytest.mark.parametrize('field, value', [
    ('port', 'ssh'), ('port', 22.5), ('port', [22]), ('port', '22.0'), ('ttl', '-5'), ('ttl', 'soon'), ('ttl', {}),
    ('max_ttl', -5), ('default_user', ['a']), ('cidr_list', {'a': 1}), ('key_type', [])])
def test_a_value_of_the_wrong_type_is_refused(shared, field, value):
    """reliability 6: Field validation failed, and at most 64 bytes of the value."""
    got = shared.api().post('ssh/roles/bad', {**OTP, field: value})
    assert got.status == 400
    assert got.errors[0].startswith('Field validation failed: error converting input ')
    assert f'for field "{field}"' in got.errors[0]


@pytest.mark.parametrize('sent, shown', [
    ({'key_type': 'OTP'}, {'key_type': 'otp'}),
    ({'port': 0}, {'port': 22}),
    ({'port': '2222'}, {'port': 2222}),
    ({'port': '0x16'}, {'port': 22}),
    ({'port': ''}, {'port': 22}),
    ({'port': None}, {'port': 22}),
    ({'cidr_list': '10.0.0.0/8, 11.0.0.0/8,'}, {'cidr_list': '10.0.0.0/8, 11.0.0.0/8,'}),
    ({'cidr_list': '10.1.2.3/8'}, {'cidr_list': '10.1.2.3/8'}),
    ({'cidr_list': '::ffff:10.0.0.0/104'}, {'cidr_list': '::ffff:10.0.0.0/104'}),
    ({'cidr_list': ''}, {'cidr_list': ''}),
    ({'exclude_cidr_list': '10.1.0.0/16'}, {'exclude_cidr_list': '10.1.0.0/16'}),
    ({'allowed_users': 'a,*'}, {'allowed_users': 'a,*'}),
    ({'ttl': '90m', 'max_ttl': '2h'}, {'ttl': 5400, 'max_ttl': 7200}),
    ({'ttl': 60, 'max_ttl': '60'}, {'ttl': 60, 'max_ttl': 60}),
    ({'ttl': '1d'}, {'ttl': 86400}),
    ({'ttl': '250ms'}, {}),
    ({'default_user': 42}, {'default_user': '42'}),
])
def test_what_is_stored_is_shown(shared, sent, shown):
    """S2-6, S3-6, X4, X17: a read has integers, always inside data."""
    api = shared.api()
    assert api.post('ssh/roles/kept', {**OTP, **sent}).status == 204
    want = {'allowed_users': '', 'cidr_list': '', 'default_user': 'ubuntu', 'exclude_cidr_list': '',
            'key_type': 'otp', 'port': 22, **shown}
    assert api.get('ssh/roles/kept').data == want


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


def test_a_write_replaces_the_whole_role(shared):
    api = shared.api()
    api.post('ssh/roles/whole', {**OTP, 'cidr_list': '10.0.0.0/8', 'port': 2222, 'allowed_users': '*', 'ttl': '1h'})
    assert api.put('ssh/roles/whole', OTP).status == 204
    assert api.get('ssh/roles/whole').data == {'allowed_users': '', 'cidr_list': '', 'default_user': 'ubuntu',
                                               'exclude_cidr_list': '', 'key_type': 'otp', 'port': 22}


def test_hvac_sends_every_field(shared):
    """C-1: "" and null are "not given", fields of other types are ignored."""
    api = shared.api()
    assert api.post('ssh/roles/hvac', HVAC).status == 204
    assert api.get('ssh/roles/hvac').data == {'allowed_users': '', 'cidr_list': '10.0.0.0/8',
                                              'default_user': 'ubuntu', 'exclude_cidr_list': '', 'key_type': 'otp',
                                              'port': 22}


def test_an_empty_cidr_list_warns_at_read(shared):
    """X10: accepted with 204, the read warns."""
    api = shared.api()
    api.post('ssh/roles/open', OTP)
    assert any('cidr_list' in one for one in api.get('ssh/roles/open').json['warnings'])


def test_an_unknown_role_is_404(shared):
    got = shared.api().get('ssh/roles/none')
    assert (got.status, got.body) == (404, '{"errors":[]}\n')


def test_names_are_case_sensitive(shared):
    api = shared.api()
    api.post('ssh/roles/Case', {**OTP, 'port': 1})
    api.post('ssh/roles/case', {**OTP, 'port': 2})
    assert api.get('ssh/roles/Case').data['port'] == 1
    assert api.get('ssh/roles/case').data['port'] == 2


@pytest.mark.parametrize('name', ['a', 'A-b.c@d_1', '0', '_x_', 'web@prod'])
def test_a_good_name_is_stored(shared, name):
    api = shared.api()
    assert api.post(f'ssh/roles/{name}', OTP).status == 204
    assert api.get(f'ssh/roles/{name}').status == 200
    assert name in api.list('ssh/roles').data['keys']


@pytest.mark.parametrize('name, status', [('-a', 404), ('a-', 404), ('a%20b', 404), ('.a', 404), ('a%2Fb', 400),
                                          ('a/b', 404), ('a..b', 400), ('%C3%A9', 404), ('a+', 404)])
def test_a_bad_name_matches_no_path(shared, name, status):
    """ssh-engine 1.2; `..` inside a name is 400."""
    assert shared.api().post(f'ssh/roles/{name}', OTP).status == status


def test_delete_is_204_also_when_absent(shared):
    """S3-17: a body with DELETE is ignored."""
    api = shared.api()
    api.post('ssh/roles/gone', OTP)
    assert api.delete('ssh/roles/gone', data={'any': ['thing']}).status == 204
    assert api.get('ssh/roles/gone').status == 404
    got = api.delete('ssh/roles/gone')
    assert (got.status, got.body) == (204, '')


def test_list_is_sorted_with_key_info_and_pages(server):
    """S2-24, S3-16; after and limit as ssh-engine 2.4."""
    api = server.api()
    for name in ('b', 'B', 'a', 'c1', 'c10', 'c2'):
        api.post(f'ssh/roles/{name}', OTP)
    names = ['B', 'a', 'b', 'c1', 'c10', 'c2', 'otp']
    got = api.list('ssh/roles').data
    assert got == {'keys': names, 'key_info': {name: {'key_type': 'otp'} for name in names}}
    assert api.get('ssh/roles?list=true').data == got
    assert api.get('ssh/roles/?list=1').data == got
    assert api.get('ssh/roles?list=true&after=a').data['keys'] == names[2:]
    assert api.get('ssh/roles?list=true&after=aa&limit=2').data['keys'] == ['b', 'c1']
    assert api.list('ssh/roles?limit=3').data['keys'] == names[:3]
    assert api.list('ssh/roles?limit=-1').data['keys'] == names
    assert api.list('ssh/roles?after=otp').status == 404


def test_an_empty_list_is_404(server):
    """S2-24."""
    server.api().delete('ssh/roles/otp')
    for got in (server.api().list('ssh/roles'), server.api().get('ssh/roles?list=true')):
        assert (got.status, got.body) == (404, '{"errors":[]}\n')


def test_a_plain_get_of_the_list_is_405(shared):
    assert shared.api().get('ssh/roles').status == 405


def test_listing_anything_else_is_404(shared):
    for path in ('ssh/creds/otp', 'ssh/lookup', 'ssh/config/zeroaddress'):
        assert shared.api().list(path).status == 404
    assert shared.api(None).list('ssh/verify').errors == ['missing client token']


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
