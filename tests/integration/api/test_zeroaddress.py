"""config/zeroaddress: roles that are good for any address."""
import pytest

OTP = {'key_type': 'otp', 'default_user': 'ubuntu'}


def write(server, roles):
    return server.api().post('ssh/config/zeroaddress', {'roles': roles})


def read(server):
    return server.api().get('ssh/config/zeroaddress')


@pytest.fixture
def three(server):
    for name in ('a', 'b', 'c'):
        server.write_role(name, cidr_list='')
    return server


def test_unset_is_404_and_delete_is_always_204(server):
    """S2-25."""
    assert read(server).status == 404
    assert server.api().delete('ssh/config/zeroaddress').status == 204
    write(server, ['otp'])
    assert server.api().delete('ssh/config/zeroaddress').status == 204
    assert read(server).status == 404


@pytest.mark.parametrize('sent, kept', [
    (['a', 'b'], ['a', 'b']), ('a,b', ['a', 'b']), (' b , a ', ['b', 'a']), ('a,b,a', ['a', 'b']),
    (['c', 'c'], ['c']), (['b'], ['b'])])
def test_a_list_or_a_comma_string(three, sent, kept):
    """S3-18, X12, G-13: order kept, repeats dropped."""
    assert write(three, sent).status == 204
    assert read(three).data == {'roles': kept}


@pytest.mark.parametrize('sent, text', [
    ('', 'Missing roles'), ([], 'Missing roles'), (None, 'Missing roles'),
    ('a,none', 'Role "none" does not exist'), (['none', 'never'], 'Role "none" does not exist'),
    ('a,', 'Role "" does not exist'), (5, 'Role "5" does not exist')])
def test_every_role_must_exist(three, sent, text):
    """S2-25; G-13: a bare number is an answer, not a dropped connection."""
    write(three, ['c'])
    got = write(three, sent)
    assert (got.status, got.json) == (400, {'errors': [text]})
    assert read(three).data == {'roles': ['c']}


def test_a_write_without_roles_is_refused(server):
    assert server.api().post('ssh/config/zeroaddress', {}).errors == ['Missing roles']


def test_a_deleted_role_leaves_the_list(three):
    """S2-25, G-13: also when it was written twice; the list remains as []."""
    write(three, ['a', 'b', 'a'])
    three.api().delete('ssh/roles/a')
    assert read(three).data == {'roles': ['b']}
    three.api().delete('ssh/roles/b')
    got = read(three)
    assert (got.status, got.data) == (200, {'roles': []})
    three.write_role('a', cidr_list='')
    assert three.api().put('ssh/creds/a', {'ip': '192.0.2.1'}).status == 400


def test_a_listed_role_takes_any_address_but_the_excluded(server):
    """S2-25, G-13: exclusions always apply."""
    server.write_role('any', cidr_list='', exclude_cidr_list='192.0.2.0/24')
    assert server.api().put('ssh/creds/any', {'ip': '198.51.100.1'}).status == 400
    write(server, ['any'])
    assert server.api().put('ssh/creds/any', {'ip': '198.51.100.1'}).status == 200
    assert server.api().put('ssh/creds/any', {'ip': '2001:db8::1'}).status == 200
    got = server.api().put('ssh/creds/any', {'ip': '192.0.2.7'})
    assert (got.status, got.errors) == (400, ['Error validating IP: IP does not belong to role'])


def test_changing_the_list_may_need_sudo(server):
    """G-13: zeroaddress_requires_sudo."""
    assert server.api().post('ssh/config/options', {'zeroaddress_requires_sudo': True}).status == 204
    plain = server.token_with('path "ssh/config/zeroaddress" { capabilities = ["update", "delete"] }')
    sudo = server.token_with('path "ssh/config/zeroaddress" { capabilities = ["update", "delete", "sudo"] }')
    body = {'roles': ['otp']}
    assert server.api(plain).post('ssh/config/zeroaddress', body).status == 403
    assert server.api(plain).delete('ssh/config/zeroaddress').status == 403
    assert server.api(sudo).post('ssh/config/zeroaddress', body).status == 204


def test_options_are_read_and_replaced(server):
    api = server.api()
    off = {'lookup_filter_by_policy': False, 'zeroaddress_requires_sudo': False}
    assert api.get('ssh/config/options').data == off
    api.post('ssh/config/options', {'lookup_filter_by_policy': 'true'})
    assert api.get('ssh/config/options').data == {**off, 'lookup_filter_by_policy': True}
    api.post('ssh/config/options', {})
    assert api.get('ssh/config/options').data == off
