"""The stand-in of RouterOS refuses what the real one refuses: each documented refusal, asked by clients of others' making."""
import base64
import http.client
import json
import pathlib
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from support.keys import SshKey
from support.patience import PATIENCE_S
from support.routeros_box import console
from support.routeros_standin import STRONG, WEAK, RouterOS, session_closed

LEAST = 'ssh,ftp,read,write,policy'


@pytest.fixture(scope='module')
def router():
    with RouterOS() as one:
        yield one


@pytest.fixture(autouse=True)
def fresh(router):
    """Each test finds the device as new, with an administrator of ours whose key it knows."""
    router.box.reset()
    router.faults.clear()


@pytest.fixture(scope='module')
def admin(tmp_path_factory):
    return SshKey(tmp_path_factory.mktemp('admin'), 'admin')


def rest(router, method, path, body=None, user='admin:factory'):
    context = ssl.create_default_context(cafile=router.certificate.ca)
    request = urllib.request.Request(f'{router.url}/rest/{path}', method=method,
                                     data=None if body is None else json.dumps(body).encode())
    request.add_header('Authorization', 'Basic ' + base64.b64encode(user.encode()).decode())
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as got:
            text = got.read()
            return got.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def options(router, key, **more):
    pairs = {'UserKnownHostsFile': router.facts['dir'] + '/tried', 'StrictHostKeyChecking': 'no', 'IdentitiesOnly': 'yes',
             'IdentityAgent': 'none', 'BatchMode': 'yes', 'PreferredAuthentications': 'publickey', **more}
    pathlib.Path(pairs['UserKnownHostsFile']).unlink(missing_ok=True)
    return ['-F', '/dev/null', '-i', str(key.path), *(word for pair in pairs.items() for word in ('-o', '='.join(pair)))]


def ssh(router, key, command, user='admin', **more):
    done = subprocess.run(['ssh', *options(router, key, **more), '-p', str(router.port), f'{user}@127.0.0.1', command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout.replace('\r\n', '\n'), done.stderr


def upload(router, key, path, name, user='admin'):
    return subprocess.run(['sftp', *options(router, key), '-P', str(router.port), '-b', '-', f'{user}@127.0.0.1'],
                          input=f'put {path} {name}\n', capture_output=True, text=True, timeout=PATIENCE_S).returncode


# ---- the command line over SSH -----------------------------------------------


def test_a_key_is_uploaded_imported_and_removed(router, admin, tmp_path):
    router.add_key('admin', admin.public)
    router.add_user('bob')
    line = tmp_path / 'bob.pub'
    for kind in ('rsa', 'ed25519'):
        bob = SshKey(tmp_path, f'bob-{kind}', kind)
        line.write_text(' '.join(bob.public.split()[:2]) + ' sallyport:tag\n')
        assert ssh(router, bob, ':put 1', user='bob')[0] == 255
        assert upload(router, admin, line, 'bob.pub') == 0
        assert ssh(router, admin, '/user ssh-keys import public-key-file="bob.pub" user="bob"')[:2] == (0, '')
        assert router.file_names() == []  # an import takes the file
        assert ssh(router, bob, ':put 1', user='bob')[:2] == (0, '1\n')
        assert 'key-owner=sallyport:tag' in ssh(router, admin, '/user ssh-keys print terse')[1]
        assert ssh(router, admin, '/user ssh-keys remove [find where key-owner="sallyport:tag"]')[:2] == (0, '')
        assert ssh(router, bob, ':put 1', user='bob')[0] == 255


@pytest.mark.parametrize('command, says', [
    ('/ip address \n add address=1.1.1.1/24', 'syntax error (line 1 column'),
    ('/ip ssh frobnicate', 'bad command name frobnicate (line 1 column'),
    ('/user ssh-keys import public-key-file=none.pub user=admin', 'input does not match any value of file-name'),
    ('/user ssh-keys remove *77', 'no such item'),
    ('/user ssh-keys remove [find where nonsense="x"]', 'syntax error'),
    ('/user ssh-keys import user=admin', 'expected end of command'),
    ('/user group remove full', 'failure: cannot remove system group'),
    ('/user add name=dave group=full password=""', 'failure: password must not be empty'),
    ('/user add name="da;ve" group=full password=x', 'failure: invalid user name'),
    ('/user add name=admin group=full password=x', 'failure: user with the same name already exists'),
    ('/file remove nothing', 'no such item'),
    ('sh -c id', 'bad command name'),
    (':put "open', 'expected closing quote'),
])
def test_the_console_refuses(router, command, says):
    status, text = console(router.box, 'admin', command)
    assert status == 1 and says in text, text


def test_what_the_console_says_comes_over_ssh(router, admin):
    router.add_key('admin', admin.public)
    status, text, _ = ssh(router, admin, '/ip address \n add address=1.1.1.1/24')
    assert status == 1 and 'syntax error' in text


def test_a_key_of_another_kind_is_refused(router, admin, tmp_path):
    router.add_key('admin', admin.public)
    ecdsa, junk = SshKey(tmp_path, 'ecdsa', 'ecdsa'), tmp_path / 'junk.pub'
    junk.write_text('ssh-rsa bm8ga2V5 no key\n')
    for path in (f'{ecdsa.path}.pub', junk):
        assert upload(router, admin, path, 'other.pub') == 0
        status, text, _ = ssh(router, admin, '/user ssh-keys import public-key-file=other.pub user=admin')
        assert status == 1 and 'unable to load key file (wrong format or bad passphrase)!' in text


@pytest.mark.parametrize('missing, does', [
    ('ssh', ':put 1'),
    ('read', '/user ssh-keys print terse'),
    ('policy', '/user ssh-keys import public-key-file="x.pub" user="bob"'),
    ('write', '/user ssh-keys remove [find where user="bob"]'),
    ('test', '/system ssh-exec address=10.0.0.1 command="/ip address print"'),
    ('sensitive', '/ip ssh export-host-key key-file-prefix=my'),
])
def test_a_missing_policy_is_refused(router, admin, missing, does):
    policies = [one for one in (*LEAST.split(','), 'test', 'sensitive') if one != missing]
    router.add_user('sallyport', ','.join(policies))
    router.add_user('bob')
    (router.box.files / 'x.pub').write_text(admin.public)
    assert console(router.box, 'sallyport', does) == (1, 'not enough permissions (9)\r\n')
    router.console(f'/user group set sallyport policy={missing}')
    assert console(router.box, 'sallyport', does)[0] == 0


def test_no_file_is_taken_without_the_policy_ftp(router, admin):
    router.add_user('sallyport', 'ssh,read,write,policy')
    router.add_key('sallyport', admin.public)
    assert upload(router, admin, f'{admin.path}.pub', 'x.pub', user='sallyport') != 0
    assert router.file_names() == []


def test_a_users_group_cannot_give_more_than_it_has(router, admin):
    router.add_user('sallyport')
    router.add_key('sallyport', admin.public)
    status, text, _ = ssh(router, admin, '/user group add name=more policy=ssh,reboot', user='sallyport')
    assert status == 1 and 'not enough permissions (9)' in text


def test_only_full_rights_give_another_user_a_private_key(router, admin):
    router.add_user('sallyport')
    router.add_key('sallyport', admin.public)
    assert upload(router, admin, admin.path, 'admin_rsa', user='sallyport') == 0
    command = '/user ssh-keys private import user=admin private-key-file=admin_rsa'
    assert ssh(router, admin, command, user='sallyport')[:2] == (1, 'not enough permissions (9)\n')
    assert ssh(router, admin, command, user='sallyport')[0] == 1
    router.add_key('admin', admin.public)
    assert ssh(router, admin, command)[:2] == (0, '')


def test_text_in_quotes_stays_text(router):
    for text in ('a;:put b', 'a]', 'a" ; :put b ; :put "', '$user', '\\', '{}'):
        quoted = text.replace('\\', '\\\\').replace('"', '\\"').replace('$', '\\$')
        assert console(router.box, 'admin', f':put "{quoted}"') == (0, text + '\r\n')


def test_an_old_device_has_no_exit_statuses_and_no_ed25519():
    with RouterOS(version='6.49.10 (long-term)', has_ssh=False) as old:
        assert old.console(':put [/system resource get version]') == '6.49.10 (long-term)\n'
        status, text = console(old.box, 'admin', '/nothing at all')
        assert status == 0 and 'bad command name' in text
        with pytest.raises(AssertionError, match='unable to load key file'):
            old.add_key('admin', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3VMB7I9qGvBHlBNsLgmzTNB3yPYcfF4yZcIiVS0oxx x')


def test_strong_and_weak_algorithms_have_nothing_in_common(router, tmp_path):
    rsa = SshKey(tmp_path, 'rsa', 'rsa')
    weak = {'KexAlgorithms': '+diffie-hellman-group14-sha1', 'Ciphers': '+aes128-cbc', 'MACs': '+hmac-sha1',
            'HostKeyAlgorithms': '+ssh-rsa', 'PubkeyAcceptedAlgorithms': '+ssh-rsa'}
    for crypto, more in ((STRONG, {}), (WEAK, weak)):
        with RouterOS(crypto=crypto, users=('admin',)) as one:
            one.add_key('admin', rsa.public)
            assert ssh(one, rsa, ':put 1', **more)[:2] == (0, '1\n')
            status, _, why = ssh(one, rsa, ':put 1', Ciphers='3des-cbc' if crypto == STRONG else 'aes256-ctr')
            assert status == 255 and 'no matching' in why


def test_forwarding_is_prohibited_unless_it_is_on(router, admin):
    router.add_key('admin', admin.public)
    words = ['ssh', *options(router, admin), '-p', str(router.port), '-W', f'127.0.0.1:{router.port}', 'admin@127.0.0.1']
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 255 and 'administratively prohibited' in done.stderr


def test_its_host_key_can_be_regenerated(router, admin):
    before = router.host_key
    router.regenerate_host_key()
    seen = subprocess.run(['ssh-keyscan', '-p', str(router.port), '127.0.0.1'], capture_output=True, text=True, timeout=PATIENCE_S)
    assert router.host_key != before and router.host_key in seen.stdout and before not in seen.stdout


# ---- REST ----------------------------------------------------------------------


def test_rest_makes_shows_changes_and_removes(router, admin):
    status, made = rest(router, 'PUT', 'user/ssh-keys', {'user': 'admin', 'key': f'{" ".join(admin.public.split()[:2])} sallyport:x'})
    assert status == 201 and made['key-owner'] == 'sallyport:x' and made['.id'].startswith('*')
    assert all(isinstance(value, str) for value in made.values()) and 'key' not in made
    path = f'user/ssh-keys/{made[".id"]}'
    assert rest(router, 'GET', path) == (200, made)
    assert rest(router, 'GET', 'user/ssh-keys?user=admin&.proplist=.id') == (200, [{'.id': made['.id']}])
    query = {'.proplist': ['.id'], '.query': ['key-owner=sallyport:x', 'info=sallyport:x', '#|']}
    assert rest(router, 'POST', 'user/ssh-keys/print', query) == (200, [{'.id': made['.id']}])
    assert rest(router, 'PATCH', 'ip/ssh', {'strong-crypto': 'yes'})[1]['strong-crypto'] == 'true'
    assert rest(router, 'DELETE', path) == (204, None)
    assert rest(router, 'DELETE', path) == (404, {'error': 404, 'message': 'Not Found'})
    assert rest(router, 'GET', path)[0] == 404


@pytest.mark.parametrize('method, path, body, status, detail', [
    ('DELETE', 'interface/*1', None, 406, 'no such command or directory (remove)'),
    ('PUT', 'interface', {}, 406, 'no such command or directory (add)'),
    ('GET', 'no/such', None, 400, 'no such command or directory (such)'),
    ('GET', 'user/ssh-keys?_proplist=.id', None, 400, 'unknown parameter _proplist'),
    ('POST', 'user/ssh-keys/print', {'_query': []}, 400, 'unknown parameter _query'),
    ('POST', 'ping', {'address': '10.0.0.1'}, 400, 'Session closed'),
    ('PUT', 'user/ssh-keys', {'user': 'admin', 'key': 'ecdsa-sha2-nistp256 AAAA x'}, 400,
     'unable to load key file (wrong format or bad passphrase)!'),
    ('PUT', 'user', {'name': 'admin', 'group': 'full', 'password': 'x'}, 400, 'failure: user with the same name already exists'),
    ('POST', 'user/ssh-keys/import', {'user': 'admin', 'public-key-file': 'none'}, 400, 'input does not match any value of file-name'),
    ('DELETE', 'user/ssh-keys', None, 400, 'missing or invalid resource identifier'),
])
def test_rest_refuses(router, method, path, body, status, detail):
    got, answer = rest(router, method, path, body)
    assert got == status and answer['detail'] == detail and answer['error'] == status


def test_rest_refuses_who_may_not(router, admin):
    router.add_user('sallyport', 'read,rest-api')
    router.add_user('bob', 'read,write,policy')
    for user in ('admin:wrong', 'nobody:x', 'bob:never-used'):
        assert rest(router, 'GET', 'user', user=user) == (401, {'error': 401, 'message': 'Unauthorized'})
    status, answer = rest(router, 'PUT', 'user/ssh-keys', {'user': 'admin', 'key': admin.public}, user='sallyport:never-used')
    assert status == 500 and answer['detail'] == 'not enough permissions (9)'


def test_rest_speaks_tls_alone(router):
    host = router.url.removeprefix('https://')
    with pytest.raises((OSError, http.client.HTTPException)):
        plain = http.client.HTTPConnection(host, timeout=PATIENCE_S)
        plain.request('GET', '/rest/user')
        plain.getresponse()
    with pytest.raises(ssl.SSLError):
        http.client.HTTPSConnection(host, timeout=PATIENCE_S, context=ssl.create_default_context()).request('GET', '/rest/user')


def test_a_fault_can_be_put_in_its_way(router):
    router.faults['GET', 'user'] = session_closed()
    assert rest(router, 'GET', 'user') == (400, {'error': 400, 'message': 'Bad Request', 'detail': 'Session closed'})
    assert rest(router, 'GET', 'user')[0] == 200


def test_what_changed_its_name_in_7_23_has_its_new_name():
    with RouterOS(version='7.23.1 (stable)', has_ssh=False) as new:
        assert new.console(':put [/ip ssh get password-authentication]') == 'yes-if-no-key\n'
        new.add_key('admin', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ3VMB7I9qGvBHlBNsLgmzTNB3yPYcfF4yZcIiVS0oxx sallyport:x')
        assert 'info=sallyport:x' in new.console('/user ssh-keys print terse')


def test_a_wiped_device_knows_nobody(router, admin):
    router.add_user('sallyport')
    router.add_key('sallyport', admin.public)
    before = router.host_key
    router.wipe()
    assert router.keys() == [] and router.host_key != before
    assert ssh(router, admin, ':put 1', user='sallyport')[0] == 255
