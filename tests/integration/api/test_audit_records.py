"""Audit lines: their form, their hashes, and that there is a pair for each request."""
import json
import re

import pytest

from support import audit
from support.server import Server

DENIED = '1 error occurred:\n\t* permission denied\n\n'
HASH = re.compile(r'hmac-sha256:[0-9a-f]{64}')


@pytest.fixture(scope='module')
def audited():
    one = Server().start().mount_ssh()
    one.write_role()
    one.audit_path = one.enable_audit()
    yield one
    one.clean()


def pair(server, since, path=None):
    """The two lines that a call has added; since is the count of lines before it."""
    found = [one for one in audit.lines(server.audit_path)[since:] if one.get('type') in ('request', 'response')]
    assert [one['type'] for one in found] == ['request', 'response'], found
    if path:
        assert {one['request']['path'] for one in found} == {path}
    return found


def count(server):
    return len(audit.lines(server.audit_path))


def hashed(server, text):
    return server.api().put('sys/audit-hash/file', {'input': text}).data['hash']


def without(entry, *keys):
    return {k: v for k, v in entry.items() if k not in ('time', 'seq', 'link', 'epoch', 'batch', 'sig', *keys)}


def golden(entry):
    """The entry with what changes from run to run replaced."""
    text = json.dumps(without(entry), sort_keys=True)
    text = HASH.sub('H', text)
    text = re.sub(r'[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}', 'ID', text)
    text = re.sub(r'\d{4}-\d\d-\d\dT[\d:.]+Z', 'TIME', text)
    text = re.sub(r'ssh/creds/otp/\w{24}', 'ssh/creds/otp/LEASE', text)
    return json.loads(text)


AUTH = {'client_token': 'H', 'accessor': 'H', 'display_name': 'root', 'policies': ['root'], 'token_policies': ['root'],
        'token_type': 'service', 'token_issue_time': 'TIME'}


def test_the_golden_pair_of_a_good_request(audited):
    """core-api 7.2."""
    before = count(audited)
    audited.otp()
    request, response = (golden(one) for one in pair(audited, before))
    asked = {'id': 'ID', 'operation': 'update', 'mount_type': 'ssh', 'client_token': 'H', 'client_token_accessor': 'H',
             'namespace': {'id': 'root'}, 'path': 'ssh/creds/otp', 'data': {'ip': 'H'}, 'remote_address': '127.0.0.1'}
    assert request == {'type': 'request', 'auth': AUTH, 'request': asked}
    assert response == {'type': 'response', 'auth': AUTH, 'request': asked, 'response': {
        'mount_type': 'ssh', 'secret': {'lease_id': 'ssh/creds/otp/LEASE'},
        'data': {'ip': 'H', 'key': 'H', 'key_type': 'H', 'port': 22, 'username': 'H'}}}


def test_the_golden_pair_of_a_denied_request(audited):
    token = audited.token_with('# nothing', display_name='eve')
    before = count(audited)
    assert audited.api(token).get('ssh/roles/otp').status == 403
    request, response = (golden(one) for one in pair(audited, before))
    asked = {'id': 'ID', 'operation': 'read', 'mount_type': 'ssh', 'client_token': 'H', 'client_token_accessor': 'H',
             'namespace': {'id': 'root'}, 'path': 'ssh/roles/otp', 'remote_address': '127.0.0.1'}
    assert (request['request'], request['error']) == (asked, DENIED)
    assert response['error'] == DENIED
    assert response['response'] == {'mount_type': 'ssh', 'data': {'error': 'H'}}
    assert request['auth']['display_name'] == 'token-eve'
    assert request['auth']['token_ttl'] == 2764800


def test_the_golden_pair_of_a_bad_token(audited):
    before = count(audited)
    assert audited.api('junk-token').get('ssh/roles/otp').status == 403
    request, response = (golden(one) for one in pair(audited, before))
    assert (request['auth'], request['error']) == ({'token_type': 'default'}, 'permission denied')
    assert (response['auth'], response['error']) == ({'token_type': 'default'}, DENIED)
    assert request['request']['client_token'] == 'H'
    assert 'client_token_accessor' not in request['request']
    assert response['response']['data'] == {'error': 'H'}


def test_the_golden_pair_without_a_token(audited):
    before = count(audited)
    audited.api(None).get('ssh/roles/otp')
    request, response = (golden(one) for one in pair(audited, before))
    assert (request['error'], response['error']) == ('missing client token', 'invalid request')
    assert 'client_token' not in request['request']


@pytest.mark.parametrize('method, path, error', [
    ('GET', 'ssh/nosuch', '1 error occurred:\n\t* unsupported path\n\n'),
    ('DELETE', 'ssh/lookup', '1 error occurred:\n\t* unsupported operation\n\n')])
def test_the_golden_pair_of_an_unknown_path(audited, method, path, error):
    """core-api 7.2: the error is on the response line only."""
    before = count(audited)
    audited.api().call(method, path)
    request, response = (golden(one) for one in pair(audited, before, path))
    assert 'error' not in request
    assert response['error'] == error


def test_no_mount_no_mount_type(audited):
    before = count(audited)
    assert audited.api().get('nowhere/x').status == 404
    request, _ = pair(audited, before, 'nowhere/x')
    assert 'mount_type' not in request['request']


def test_a_plain_400_has_no_error(audited):
    before = count(audited)
    audited.api().put('ssh/creds/otp', {'ip': '192.0.2.1'})
    request, response = pair(audited, before)
    assert 'error' not in request and 'error' not in response
    assert response['response']['data'] == {
        'error': hashed(audited, 'Error validating IP: IP does not belong to role')}


def test_each_verify_is_told(audited):
    """S2-4: good, replayed and unknown OTP; the good one names the lease."""
    made = audited.otp()
    otp = made['data']['key']
    seen = []
    for text, status in ((otp, 200), (otp, 400), ('unknown', 400)):
        before = count(audited)
        assert audited.api(None).put('ssh/verify', {'otp': text, 'host': 'web1'}).status == status
        seen.append(pair(audited, before, 'ssh/verify'))
    want = hashed(audited, otp)
    good = seen[0][1]
    assert [one[0]['request']['data']['otp'] for one in seen] == [want, want, hashed(audited, 'unknown')]
    assert good['response']['secret']['lease_id'] == made['lease_id']
    assert good['response']['data'] == {'ip': hashed(audited, '10.1.2.3'), 'role_name': hashed(audited, 'otp'),
                                        'username': hashed(audited, 'ubuntu')}
    assert all(one[1]['request']['remote_address'] == '127.0.0.1' for one in seen)
    assert all(one[1]['response']['data'] == {'error': hashed(audited, 'OTP not found')} for one in seen[1:])
    assert otp not in audited.audit_path.read_text()


def test_request_ids_agree(audited):
    before = count(audited)
    request_id = audited.api().get('ssh/roles/otp').json['request_id']
    assert {one['request']['id'] for one in pair(audited, before)} == {request_id}


def test_hashes_agree_and_numbers_are_hashed_as_text(audited):
    before = count(audited)
    audited.api().post('ssh/roles/num', {'key_type': 'otp', 'default_user': 'u', 'port': 2222, 'x': True, 'n': None,
                                         'deep': {'a': [1, 'b', {'c': ''}]}})
    request, _ = pair(audited, before)
    data = request['request']['data']
    assert data['port'] == hashed(audited, '2222')
    assert data['default_user'] == hashed(audited, 'u')
    assert data['x'] is True
    assert data['deep']['a'][:2] == [hashed(audited, '1'), hashed(audited, 'b')]
    assert HASH.fullmatch(data['deep']['a'][2]['c'])


def test_a_list_has_its_slash(audited):
    before = count(audited)
    audited.api().get('ssh/roles?list=true')
    request, response = pair(audited, before, 'ssh/roles/')
    assert request['request']['operation'] == 'list'
    assert response['response']['data']['keys'] == [hashed(audited, one)
                                                    for one in audited.api().list('ssh/roles').data['keys']]


def test_clear_keys_by_tuning(server):
    """core-api 7.2: audit_non_hmac_request_keys."""
    server.audit_path = server.enable_audit()
    server.api().post('sys/mounts/ssh/tune', {'audit_non_hmac_request_keys': ['ip'],
                                              'audit_non_hmac_response_keys': ['username']})
    before = count(server)
    server.otp()
    request, response = pair(server, before)
    assert request['request']['data'] == {'ip': '10.1.2.3'}
    assert response['response']['data']['username'] == 'ubuntu'
    assert HASH.fullmatch(response['response']['data']['ip'])


def test_devices_are_listed_hashed_with_and_disabled(server):
    """core-api 7.1."""
    path = server.enable_audit('main/log', hmac_accessor=False)
    got = server.api().get('sys/audit')
    entry = dict(got.data['main/log/'])
    assert entry.pop('public_key')
    assert set(entry.pop('head')) == {'seq', 'hash'}
    assert entry == {'path': 'main/log/', 'type': 'file', 'description': '', 'local': False,
                     'options': {'file_path': str(path), 'hmac_accessor': '0', 'write_timeout': '10m'}}
    assert got.json['main/log/']['type'] == 'file'
    one = server.api().put('sys/audit-hash/main/log', {'input': 'x'})
    assert HASH.fullmatch(one.data['hash']) and one.json['hash'] == one.data['hash']
    accessor = server.api().get('auth/token/lookup-self').data['accessor']
    assert audit.entries(path)[-1]['auth']['accessor'] == accessor
    assert server.api().delete('sys/audit/main/log').status == 204
    assert server.api().delete('sys/audit/main/log').status == 204
    assert server.api().get('sys/audit').data == {}
    before = len(audit.lines(path))
    server.otp()
    assert len(audit.lines(path)) == before


@pytest.mark.parametrize('path, body, start', [
    ('file', {'type': 'file', 'options': {'file_path': '/tmp/x'}}, 'path already in use'),
    ('file/deeper', {'type': 'file', 'options': {'file_path': '/tmp/x'}}, 'path already in use'),
    ('x', {'type': 'odd'}, 'unknown backend type: "odd"'),
    ('x', {'type': 'file'}, 'file_path is required'),
    ('x', {'type': 'file', 'options': {'file_path': '/tmp/x', 'write_timeout': 'soon'}}, 'write_timeout must be from 1s to 1h'),
    ('x', {'type': 'file', 'options': {'file_path': '/tmp/x', 'write_timeout': '61m'}}, 'write_timeout must be from 1s to 1h'),
    ('x', {'type': 'file', 'options': {'file_path': '/tmp/x', 'write_timeout': '0.5s'}}, 'write_timeout must be from 1s to 1h'),
    ('x', {'type': 'file', 'options': {'file_path': '/nowhere/at/all/x.log'}}, 'sanity check failed; unable to open ')])
def test_what_is_no_device(audited, path, body, start):
    got = audited.api().put(f'sys/audit/{path}', body)
    assert got.status == 400
    assert got.errors[0].startswith(start), got


@pytest.mark.parametrize('path, body, text', [('file', {}, 'the "input" parameter is empty'),
                                              ('none', {'input': 'x'}, 'unknown audit backend "none/"')])
def test_what_is_not_hashed(audited, path, body, text):
    got = audited.api().put(f'sys/audit-hash/{path}', body)
    assert (got.status, got.errors) == (400, [text])
