"""Leased keys on a TrueNAS: they come by its user database and go from it again, and no other key is touched (T-3, T-8)."""
import concurrent.futures
import contextlib

import pytest

from support.figures import count, figure
from support.keys import SshKey
from support.places import public_directory
from support.server import Server, wait_for
from support.truenas import TrueNas

FOREIGN = '# of the operators\n\nfrom="10.0.0.0/8",command="echo \\"a b\\"" {} backup task\nssh-rsa AAAA not a key\t '
FAILED = 'failed to add public key to authorized_keys file in target: '


@pytest.fixture(scope='module')
def nas():
    with contextlib.ExitStack() as stack:
        one = TrueNas(stack.enter_context(public_directory()), users=('replicator', 'homeless'))
        stack.callback(one.stop)
        one.user('homeless')['home'] = '/nonexistent'
        yield one


def set_up(server, nas, name):
    return server.api().post(f'ssh/targets/{name}/setup', {
        'method': 'semi-automatic', 'url': nas.url, 'password': nas.password, 'port': nas.port,
        'ca_cert': open(nas.tls.ca, encoding='ascii').read()})


@pytest.fixture(scope='module')
def server(nas):
    one = Server().start().mount_ssh()
    made = set_up(one, nas, 'nas')
    assert made.status == 200, made
    for name, ttl in (('nas', '1h'), ('short', '3s')):
        made = one.api().post(f'ssh/roles/{name}', {
            'key_type': 'dynamic', 'default_user': 'root', 'allowed_users': '*', 'targets': 'nas', 'ttl': ttl,
            'dynamic_key_type': 'ed25519'})
        assert made.status == 204, made
    yield one
    one.clean()


@pytest.fixture
def theirs(nas, tmp_path):
    """What administrators keep at root and replicator, blanks and broken lines among it."""
    key = SshKey(tmp_path, 'theirs')
    for user in ('root', 'replicator'):
        nas.set_sshpubkey(FOREIGN.format(key.public) + key.public.split()[1], user)
    yield nas.user('replicator')['sshpubkey']
    nas.fail.clear()


def ask(server, role='nas', username='replicator'):
    return server.api().post(f'ssh/creds/{role}', {'target': 'nas', 'username': username})


def issue(server, tmp_path, **more):
    """A lease, and a file with its private key."""
    got = ask(server, **more)
    assert got.status == 200, got
    path = tmp_path / got.json['lease_id'].rpartition('/')[2]
    path.write_text(got.data['key'])
    path.chmod(0o600)
    return got.json['lease_id'], path


def mark(server):
    return 'sallyport:' + server.api().get('sys/health').json['cluster_id'][:8] + ':'


def revoke(server, lease_id, **more):
    return server.api().put('sys/leases/revoke', {'lease_id': lease_id, **more})


def failure(got):
    assert got.status == 500, got
    return got.errors[0].removeprefix('1 error occurred:\n\t* ').rstrip('\n')


def takes_off(server, nas, lease_id, left):
    """The lease is revoked, and then that is what is left at the user."""
    assert revoke(server, lease_id).status == 204
    wait_for(lambda: nas.user('replicator')['sshpubkey'] == left, 'the key of the lease is gone')


def test_a_key_logs_in_until_it_is_revoked(server, nas, theirs, tmp_path):
    lease_id, key = issue(server, tmp_path)
    tag = mark(server) + lease_id.rpartition('/')[2]
    text = nas.user('replicator')['sshpubkey']
    assert text.startswith(theirs + '\n') and text.endswith(' ' + tag) and text.count('\n') == theirs.count('\n') + 1
    assert nas.login(key, 'replicator') and not nas.login(key, 'root')
    takes_off(server, nas, lease_id, theirs)
    assert not nas.login(key, 'replicator')


def test_a_key_goes_when_its_time_ends(server, nas, theirs, tmp_path):
    issue(server, tmp_path, role='short')
    assert nas.user('replicator')['sshpubkey'] != theirs
    wait_for(lambda: nas.user('replicator')['sshpubkey'] == theirs, 'the key of the lease is gone')


def test_what_others_change_meanwhile_stays(server, nas, theirs, tmp_path):
    first, _ = issue(server, tmp_path)
    second, key = issue(server, tmp_path)
    ours = nas.user('replicator')['sshpubkey'].splitlines()[-2:]
    new = '# now on top\n' + '\n'.join(['no-pty ' + ours[1] + ' (renamed)', theirs, ours[0]])
    nas.set_sshpubkey(new, 'replicator')
    takes_off(server, nas, first, new.removesuffix('\n' + ours[0]))
    assert nas.login(key, 'replicator')
    takes_off(server, nas, second, '# now on top\n' + theirs)
    assert not nas.login(key, 'replicator')


def test_a_key_that_is_gone_already_is_as_good_as_removed(server, nas, theirs, tmp_path):
    lease_id, _ = issue(server, tmp_path)
    nas.set_sshpubkey(theirs, 'replicator')
    nas.requests.clear()
    assert revoke(server, lease_id).status == 204
    wait_for(lambda: any(path == 'user' for _, path, _ in nas.requests), 'the machine was asked')
    assert all(method == 'GET' for method, _, _ in nas.requests)


def test_a_machine_that_says_no_is_asked_again(server, nas, theirs, tmp_path):
    lease_id, _ = issue(server, tmp_path)
    nas.lasting['PUT', 'user/id/2'] = (500, {'message': 'pool is busy'})
    assert "write the user's keys: status 500: pool is busy" in failure(revoke(server, lease_id, sync=True))
    nas.lasting.clear()
    wait_for(lambda: nas.user('replicator')['sshpubkey'] == theirs, 'the key of the lease is gone')


def test_two_of_ours_do_not_undo_each_other(server, nas, theirs, tmp_path):
    tries = count('NAS_RACE', 12, 600)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: ask(server), range(tries)))
        lines = nas.user('replicator')['sshpubkey'].splitlines()
        there = sum(any(line.endswith(one.json['lease_id'].rpartition('/')[2]) for line in lines)
                    for one in made if one.status == 200)
        list(pool.map(lambda one: revoke(server, one.json['lease_id']), [one for one in made if one.status == 200]))
    wait_for(lambda: nas.user('replicator')['sshpubkey'] == theirs, 'all keys of leases are gone')
    figure('T8', tries, tries - there, 'keys put beside each other')
    assert there == tries


def test_a_set_up_undoes_no_lease_and_brings_none_back(server, nas, tmp_path):
    """Another target of the same machine is set up while root's keys come and go."""
    def there():
        return nas.user()['sshpubkey'].splitlines()

    def lease(_):
        got = ask(server, username='root')
        assert got.status == 200, got
        assert any(line.endswith(got.json['lease_id'].rpartition('/')[2]) for line in there())
        assert revoke(server, got.json['lease_id'], sync=True).status == 204

    tries, before = count('NAS_SETUP_RACE', 6, 100), there()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        made = [pool.submit(set_up, server, nas, f'again{n}') for n in range(tries)]
        list(pool.map(lease, range(2 * tries)))
    made = [one.result() for one in made]
    assert [one.status for one in made] == [200] * tries, made
    admins = {line.split()[-1] for line in there() if line not in before}
    assert admins == {f'sallyport-admin@again{n}' for n in range(tries)}


def test_refusals_of_the_machine_are_told_and_leave_nothing(server, nas, theirs):
    def says(text, **more):
        assert failure(ask(server, **more)).startswith(FAILED + text)
        assert nas.user('replicator')['sshpubkey'] == theirs and nas.user('homeless')['sshpubkey'] is None
    says("write the user's keys: status 422: Home directory is not writable", username='homeless')
    says('add our key: there is no user nobody-here', username='nobody-here')
    nas.fail['GET', 'user'] = (401, '401: Unauthorized')
    says("read the user's keys: it does not take api_secret")
    nas.fail['GET', 'user'] = (404, '404: Not Found')
    says("read the user's keys: there is no TrueNAS API")
    nas.fail['GET', 'user'] = (200, {'a': 1})
    says('add our key: the answer is no list')
    nas.fail['PUT', 'user/id/2'] = (422, {'message': 'a\nb', 'errno': 14})
    says("write the user's keys: status 422")


def test_an_api_key_may_come_with_the_end_of_its_line(server, nas, theirs):
    """As a file has it."""
    key, api = nas.api_keys[0]['key'], server.api()
    for secret, status in ((f'{key} \nX: y', 500), (f'{key}\r\n', 200)):
        written = api.post('ssh/targets/nas', {'api_secret': secret})
        assert written.status == 204, written
        made = ask(server)
        assert made.status == status and (status == 200 or 'is no token: it holds a blank' in made.errors[0]), made
    api.post('sys/leases/revoke', {'lease_id': made.json['lease_id'], 'sync': True})


def test_a_change_by_somebody_else_between_write_and_look_is_noticed(server, nas, theirs):
    def before():
        nas.fail['GET', 'user'] = behind
        return 200, [dict(nas.user('replicator'))]

    def behind():
        nas.set_sshpubkey(theirs + '\n# and a word', 'replicator')
        return 200, [dict(nas.user('replicator'))]
    nas.fail['GET', 'user'] = before
    assert 'somebody else changed them' in failure(ask(server))
    assert nas.user('replicator')['sshpubkey'] == theirs + '\n# and a word'


def test_keys_of_others_are_shown_as_foreign_and_swept_never(server, nas, theirs, tmp_path):
    """T-3: also those that a replication task brought; one of ours that no lease knows goes."""
    api = server.api()
    lease_id, _ = issue(server, tmp_path)
    stray = SshKey(tmp_path, 'stray').public.rsplit(' ', 1)[0] + ' ' + mark(server) + 24 * 'A'
    with_stray = nas.user('replicator')['sshpubkey'] + '\n' + stray
    nas.set_sshpubkey(with_stray, 'replicator')
    found = api.post('ssh/targets/nas/reconcile').data
    foreign = [(one['username'], one['comment']) for one in found['foreign']]
    assert sorted(foreign) == [('replicator', 'theirs backup task'), ('root', 'theirs backup task')]
    assert all(one['fingerprint'].startswith('SHA256:') for one in found['foreign'])
    assert [(one['username'], one['tag'], one['state']) for one in found['unknown']] == [
        ('replicator', mark(server) + 24 * 'A', 'unknown')]
    swept = api.post('ssh/targets/nas/sweep', {'remove': True}).data
    assert [one['state'] for one in swept['unknown']] == ['removed']
    assert nas.user('replicator')['sshpubkey'] == with_stray.removesuffix('\n' + stray)
    takes_off(server, nas, lease_id, theirs)
