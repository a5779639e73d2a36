"""A TrueNAS becomes a target: semi-automatically, with each step made to fail once, and by hand."""
import contextlib
import itertools

import pytest

from support.keys import SshKey
from support.places import public_directory
from support.server import Server
from support.truenas import TrueNas

COUNTER = itertools.count()
FOREIGN = '# pasted by hand\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQDf broken\n'
STEPS = ('reach the API', 'check the version', 'take the key', 'install the public key', 'fetch the host key', 'log in',
         'make an API key', 'store the target')
SCAN = 'keychaincredential/remote_ssh_host_key_scan'


@pytest.fixture(scope='module')
def nas():
    with contextlib.ExitStack() as stack:
        one = TrueNas(stack.enter_context(public_directory()))
        stack.callback(one.stop)
        yield one


@pytest.fixture(scope='module')
def server():
    one = Server().start().mount_ssh()
    one.enable_audit()
    yield one
    one.clean()


@pytest.fixture
def name():
    return f'nas{next(COUNTER)}'


@pytest.fixture
def clean(nas, server, tmp_path):
    """A key that somebody pasted, which must be there as it was; and no key of ours behind the test."""
    theirs = SshKey(tmp_path, 'theirs')
    nas.set_sshpubkey(FOREIGN + theirs.public)
    nas.api_keys.clear()
    nas.requests.clear()
    yield nas.user()['sshpubkey']
    nas.fail.clear()


def wish(nas, **more):
    return {'method': 'semi-automatic', 'url': nas.url + '/', 'password': nas.password, 'port': nas.port,
            'ca_cert': open(nas.tls.ca, encoding='ascii').read(), **more}


def set_up(server, nas, name, **more):
    return server.api().post(f'ssh/targets/{name}/setup', wish(nas, **more))


def nothing_is_left(server, nas, name, before, key=None):
    api = server.api()
    assert api.get(f'ssh/targets/{name}').status == 404
    assert api.get(f'ssh/keys/{key or name}').status == 404
    assert nas.user()['sshpubkey'] == before
    assert nas.api_keys == []


def test_every_step_is_named_and_the_target_works(server, nas, name, clean):
    got = set_up(server, nas, name)
    assert got.status == 200, got
    assert [step['name'] for step in got.data['steps']] == list(STEPS)
    assert got.data['stored'] is True and got.data['host_keys'] == [nas.host_key]
    target = server.api().get(f'ssh/targets/{name}').data
    assert target['host'] == '127.0.0.1' and target['profile'] == 'truenas' and target['api_secret_set'] is True
    assert target['url'] == nas.url and target['host_keys'] == [nas.host_key] and target['user'] == 'root'
    ours = nas.user()['sshpubkey'].removeprefix(clean + '\n').split()
    assert ours[0] == 'ssh-ed25519' and ours[2:] == [f'sallyport-admin@{name}']
    assert [key['name'].startswith(f'sallyport {name} ') for key in nas.api_keys] == [True]
    again = set_up(server, nas, name)
    assert again.status == 400 and 'already' in again.errors[0]


def test_the_password_is_nowhere_behind_it(server, nas, name, clean):
    assert set_up(server, nas, name).status == 200
    secret = nas.api_keys[0]['key']
    for text in ((server.audit_directory / 'audit.log').read_text(), server.log_text()):
        assert nas.password not in text and secret not in text
    assert nas.password.encode() not in server.store.read_bytes()


def test_an_api_key_will_do_in_place_of_the_password(server, nas, name, clean):
    made = nas.create_api_key({'name': 'for setting up'})
    got = set_up(server, nas, name, password=None, api_key=made['key'])
    assert got.status == 200, got
    assert len(nas.api_keys) == 2


def test_a_key_that_is_there_is_taken_and_left(server, nas, name, clean):
    key = name + '-key'
    assert set_up(server, nas, name, key=key).status == 200
    text = nas.user()['sshpubkey']
    second = f'{name}-b'
    nas.fail['POST', 'api_key'] = (500, {'message': 'no'})
    assert 'taken back' not in failure(set_up(server, nas, second, key=key))
    assert nas.user()['sshpubkey'] == text
    assert server.api().get(f'ssh/targets/{second}').status == 404


def failure(got, status=500):
    """The text of the error, without what stands around that of a 500."""
    assert got.status == status, got
    return got.errors[0].removeprefix('1 error occurred:\n\t* ').rstrip('\n')


REFUSED = {'message': 'not today', 'errno': 14}
FAILING = [
    ('GET', 'system/version', (401, '401: Unauthorized'), STEPS[0], 'does not take the credential', ()),
    ('GET', 'system/version', (404, '404: Not Found'), STEPS[0], 'no TrueNAS API', ()),
    ('GET', 'system/version', (200, {'a': 1}), STEPS[0], 'no text', ()),
    ('GET', 'system/version', (200, 'OpenMediaVault 6'), STEPS[1], 'no version of TrueNAS', ()),
    ('GET', 'user', (200, []), STEPS[3], 'no user root', (STEPS[2],)),
    ('PUT', 'user/id/1', (422, {'user_update.sshpubkey': [REFUSED]}), STEPS[3], '422: not today', (STEPS[3], STEPS[2])),
    ('POST', SCAN, (422, REFUSED), STEPS[4], 'not today', (STEPS[3], STEPS[2])),
    ('POST', SCAN, (200, ''), STEPS[4], 'host key', (STEPS[3], STEPS[2])),
    ('POST', 'api_key', (422, {'api_key_create': [REFUSED]}), STEPS[6], 'not today', (STEPS[3], STEPS[2])),
]


@pytest.mark.parametrize('method,path,answer,step,why,back', FAILING)
def test_a_step_that_fails_takes_back_those_before_it(server, nas, name, clean, method, path, answer, step, why, back):
    nas.fail[method, path] = answer
    text, *taken = failure(set_up(server, nas, name)).split('; taken back: ')
    assert text.startswith(f'step {STEPS.index(step) + 1} of 8, {step}: ') and why in text, text
    assert tuple(taken) == back
    nothing_is_left(server, nas, name, clean)


def test_another_host_key_than_the_machine_names_ends_it(server, nas, name, clean, tmp_path):
    nas.fail['POST', SCAN] = (200, SshKey(tmp_path, 'other').public)
    assert f'{STEPS[5]}: host key {nas.fingerprint}' in failure(set_up(server, nas, name))
    nothing_is_left(server, nas, name, clean)


def test_a_machine_that_does_not_let_in_ends_it(server, nas, name, clean):
    def forget():
        nas.file().unlink()
        return 200, nas.host_key
    nas.fail['POST', SCAN] = forget
    assert f'{STEPS[5]}: 127.0.0.1 does not let root in' in failure(set_up(server, nas, name))
    nothing_is_left(server, nas, name, clean)


def test_a_target_that_came_meanwhile_stays(server, nas, name, clean):
    def store():
        server.api().post(f'ssh/targets/{name}', {'host': '10.0.0.9'})
        return 200, nas.create_api_key({'name': 'theirs'})
    nas.fail['POST', 'api_key'] = store
    assert failure(set_up(server, nas, name), 400).startswith(f'step 8 of 8, {STEPS[7]}: target ')
    assert server.api().get(f'ssh/targets/{name}').data['host'] == '10.0.0.9'
    assert nas.api_keys == [] and nas.user()['sshpubkey'] == clean


def test_what_cannot_be_taken_back_is_said(server, nas, name, clean):
    def lost():
        nas.fail['GET', 'user'] = (500, {'message': 'dead'})
        return 422, REFUSED
    nas.fail['POST', SCAN] = lost
    text = failure(set_up(server, nas, name))
    assert f'NOT taken back: {STEPS[3]} (it answers 500: dead)' in text and f'; taken back: {STEPS[2]}' in text


@pytest.mark.parametrize('more,why', [
    ({'url': 'http://127.0.0.1'}, 'does not begin with https://'), ({'url': 'nas.example'}, 'does not begin with https://'),
    ({'url': ''}, 'does not begin with https://'), ({'url': 'https://'}, 'does not begin with https://'),
    ({'password': ''}, 'either password or api_key'), ({'api_key': 'x'}, 'either password or api_key'),
    ({'username': 'root; reboot'}, 'Username is not valid'), ({'profile': 'linux'}, 'method manual'),
    ({'profile': 'none'}, 'unknown profile'), ({'method': 'magic'}, 'method must be'),
    ({'method': 'manual', 'check': True, 'host': 'x'}, 'missing host_keys'), ({'method': 'manual'}, 'password is for'),
    ({'method': 'manual', 'password': ''}, 'missing host'),
    ({'method': 'manual', 'password': '', 'check': True, 'host_keys': ['SHA256:' + 43 * 'A']}, 'needs url and api_key'),
])
def test_what_cannot_be_meant_is_refused_before_anything_is_done(server, nas, name, clean, more, why):
    got = set_up(server, nas, name, **more)
    assert got.status == 400 and why in got.errors[0], got
    assert nas.requests == []
    nothing_is_left(server, nas, name, clean)


def test_by_hand_the_line_is_pasted_and_then_tried(server, nas, name, clean):
    api = server.api()
    wanted = {'method': 'manual', 'host': '127.0.0.1', 'port': nas.port, 'url': nas.url, 'api_key': '1-made'}
    got = api.post(f'ssh/targets/{name}/setup', wanted)
    assert got.status == 200 and got.data['stored'] is False, got
    assert nas.host_key in got.data['host_keys'] and 'SSH Public Key' in got.data['instructions']
    check = {**wanted, 'check': True, 'host_keys': got.data['host_keys']}
    assert 'does not let root in' in failure(api.post(f'ssh/targets/{name}/setup', check))
    assert api.get(f'ssh/targets/{name}').status == 404
    nas.set_sshpubkey(f'{nas.user()["sshpubkey"]}\n{got.data["paste"]}')
    done = api.post(f'ssh/targets/{name}/setup', check)
    assert done.status == 200 and done.data['stored'] is True, done
    assert [step['name'] for step in done.data['steps']] == ['take the key', 'log in', 'store the target']
    target = api.get(f'ssh/targets/{name}').data
    assert target['host_keys'] == got.data['host_keys'] and target['api_secret_set'] is True
    assert nas.requests == []


def test_by_hand_any_profile_is_set_up(server, nas, name, clean):
    api = server.api()
    wanted = {'method': 'manual', 'host': '127.0.0.1', 'port': nas.port, 'username': 'replicator', 'profile': 'generic'}
    got = api.post(f'ssh/targets/{name}/setup', wanted)
    nas.set_sshpubkey(got.data['paste'], 'replicator')
    done = api.post(f'ssh/targets/{name}/setup', {**wanted, 'check': True, 'host_keys': [nas.fingerprint]})
    assert done.status == 200, done
    target = api.get(f'ssh/targets/{name}').data
    assert (target['profile'], target['user'], target['host_keys']) == ('generic', 'replicator', [nas.fingerprint])
