"""The profiles of RouterOS on the stand-in: keys come on and off again, and a refusal is told in its words."""
import json

import pytest

from support.keys import SshKey
from support.outbound import call
from support.patience import PATIENCE_S
from support.routeros_standin import WEAK, RestError, RouterOS, session_closed

TAG = 'sallyport:0123abcd:' + 'aB3' * 8
OTHER = 'sallyport:4567cdef:' + 'zY9' * 8
SECRET = 'rest-secret'


class Admin:
    """Sallyport's user on a device, and what a run of a profile says there."""

    def __init__(self, router, directory):
        self.router = router
        self.key = SshKey(directory, f'admin-{id(router)}', 'rsa')
        self.reset()

    def reset(self):
        self.router.box.reset()
        self.router.faults.clear()
        self.router.requests.clear()
        self.router.commands.clear()
        self.router.add_user('sallyport')
        self.router.add_user('sallyport-rest', 'rest-api,read,write,policy', SECRET)
        self.router.add_user('bob')
        self.router.add_key('sallyport', self.key.public)

    def run(self, profile, action, **more):
        job = {'profile': profile, 'action': action, 'host': '127.0.0.1', 'user': 'sallyport', 'username': 'bob', 'tag': TAG,
               'accept_password_lockout': True, 'deadline_ms': PATIENCE_S * 1000}
        if profile == 'routeros':
            job |= {'port': self.router.port, 'host_keys': [self.router.host_key], 'key': self.key.path.read_text()}
        else:
            job |= {'url': self.router.url, 'ca_cert': self.router.ca_pem, 'api_user': 'sallyport-rest', 'api_secret': SECRET}
        return call(**job | more)

    def must(self, profile, action, **more):
        answer = self.run(profile, action, **more)
        assert 'message' not in answer, answer
        return answer

    def refuses(self, profile, action, **more):
        answer = self.run(profile, action, **more)
        return answer['message']


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    return tmp_path_factory.mktemp('routeros')


@pytest.fixture(scope='module')
def bob(directory):
    return {kind: SshKey(directory, f'bob-{kind}', kind) for kind in ('rsa', 'ed25519', 'ecdsa')}


def half(key):
    return ' '.join(key.public.split()[:2])


@pytest.fixture(scope='module')
def modules_admin(directory):
    with RouterOS() as router:
        yield Admin(router, directory)


@pytest.fixture
def admin(modules_admin):
    modules_admin.reset()
    return modules_admin


@pytest.mark.parametrize('kind', ['rsa', 'ed25519'])
@pytest.mark.parametrize('profile', ['routeros', 'routeros-rest'])
def test_a_key_comes_on_and_off_and_the_others_stay(admin, bob, profile, kind):
    admin.router.add_key('bob', half(bob['rsa']) + ' his own')
    before = admin.router.keys()
    assert admin.must(profile, 'install', public_key=half(bob[kind]))['may_be_there']
    assert ('bob', TAG) in admin.router.keys() and admin.router.file_names() == []
    assert admin.must(profile, 'install', public_key=half(bob[kind]), tag=OTHER)
    assert [(one['username'], one['tag']) for one in admin.must(profile, 'list', tag='')['keys']] == [('bob', TAG), ('bob', OTHER)]
    assert admin.must(profile, 'remove')
    assert admin.router.keys() == [*before, ('bob', OTHER)]
    assert admin.must(profile, 'remove')  # gone already, and that is good
    assert admin.must(profile, 'remove', tag=OTHER)
    assert admin.router.keys() == before


@pytest.mark.parametrize('profile', ['routeros', 'routeros-rest'])
def test_the_first_key_of_a_user_is_refused_unless_it_is_accepted(admin, bob, profile):
    wanted = {'public_key': half(bob['ed25519']), 'accept_password_lockout': False}
    why = admin.refuses(profile, 'install', **wanted)
    assert 'bob has no key yet' in why and 'accept_password_lockout' in why and 'always-allow-password-login' in why
    assert admin.router.keys('bob') == [] and admin.router.file_names() == []
    admin.router.console('/ip ssh set always-allow-password-login=yes')
    admin.must(profile, 'install', **wanted)
    admin.must(profile, 'remove')
    admin.router.console('/ip ssh set always-allow-password-login=no')
    admin.router.add_key('bob', half(bob['rsa']) + ' his own')  # locked out already
    admin.must(profile, 'install', **wanted)


@pytest.mark.parametrize('missing, says, is_there', [
    ('ssh', 'does not let sallyport in', False), ('ftp', 'upload the key', False), ('read', 'lacks a policy', True),
    ('write', 'lacks a policy', False), ('policy', 'lacks a policy', False)])
def test_a_missing_policy_is_told_and_what_may_be_left(admin, bob, missing, says, is_there):
    admin.router.console(f'/user group set sallyport policy=!{missing}')
    answer = admin.run('routeros', 'install', public_key=half(bob['rsa']))
    assert says in answer['message'] and answer['may_be_there'] == is_there, answer
    assert bool(admin.router.keys('bob')) == is_there


def test_a_removal_that_did_nothing_is_no_removal(admin, bob):
    admin.must('routeros', 'install', public_key=half(bob['rsa']))
    admin.router.console('/user group set sallyport policy=!policy')
    assert 'policy' in admin.refuses('routeros', 'remove')
    admin.router.console('/user group set sallyport policy=policy')
    admin.router.console('/user group set sallyport policy=!read')
    assert admin.refuses('routeros', 'remove')
    assert admin.router.keys('bob') == [('bob', TAG)]


@pytest.mark.parametrize('profile', ['routeros', 'routeros-rest'])
def test_a_key_that_it_does_not_take_is_told(admin, bob, profile):
    answer = admin.run(profile, 'install', public_key=half(bob['ecdsa']))
    assert 'takes no such key' in answer['message'] and not answer['may_be_there']
    assert admin.router.file_names() == []


@pytest.mark.parametrize('profile', ['routeros', 'routeros-rest'])
def test_a_user_that_it_does_not_know_is_told(admin, bob, profile):
    answer = admin.run(profile, 'install', public_key=half(bob['rsa']), username='nobody_here')
    assert 'does not match any value of user' in answer['message'] and not answer['may_be_there']


def test_every_command_is_one_line_and_no_shell_is_asked_for(admin, bob):
    admin.router.add_key('bob', half(bob['ed25519']))
    admin.must('routeros', 'install', public_key=half(bob['rsa']), accept_password_lockout=False)
    admin.must('routeros', 'remove')
    admin.must('routeros', 'list', tag='')
    said = [command for user, command in admin.router.commands if user == 'sallyport']
    assert said and all('\n' not in one and (one == 'internal-sftp' or one[0] in '/:') for one in said)


def test_rest_sends_strings_and_dotted_names_alone(admin, bob):
    admin.must('routeros-rest', 'install', public_key=half(bob['rsa']))
    admin.must('routeros-rest', 'remove')
    assert {method for method, _, _ in admin.router.requests} == {'GET', 'PUT', 'DELETE'}
    for _, path, sent in admin.router.requests:
        assert '_proplist' not in path and '_query' not in path
        assert all(isinstance(value, str) for value in json.loads(sent or '{}').values())


def test_a_second_delete_is_done_and_a_closed_session_is_not(admin, bob):
    admin.must('routeros-rest', 'install', public_key=half(bob['rsa']))
    key = [row for row in admin.router.box.state['user/ssh-keys'] if row['user'] == 'bob'][0]['.id']
    admin.router.faults['DELETE', f'user/ssh-keys/{key}'] = RestError(404)
    admin.must('routeros-rest', 'remove')
    for fault, says in ((session_closed(), 'no answer in time'), (RestError(406, 'a detail of its own'), 'a detail of its own'),
                        (RestError(500, 'not enough permissions (9)'), 'lacks a policy')):
        admin.router.faults['DELETE', f'user/ssh-keys/{key}'] = fault
        assert says in admin.refuses('routeros-rest', 'remove')
    admin.must('routeros-rest', 'remove')
    assert admin.router.keys('bob') == []


def test_rest_says_who_is_not_let_in(admin, bob):
    wanted = {'public_key': half(bob['rsa'])}
    assert 'does not let api_user in' in admin.refuses('routeros-rest', 'install', **wanted, api_secret='wrong')
    admin.router.console('/user group set sallyport-rest policy=!rest-api')
    assert 'does not let api_user in' in admin.refuses('routeros-rest', 'install', **wanted)
    admin.router.console('/user group set sallyport-rest policy=rest-api,!policy')
    answer = admin.run('routeros-rest', 'install', **wanted)
    assert 'lacks a policy' in answer['message'] and not answer['may_be_there']


def test_rest_goes_to_no_other_than_the_device(admin, bob):
    wanted = {'public_key': half(bob['rsa'])}
    assert admin.refuses('routeros-rest', 'install', **wanted, ca_cert='')  # the system's roots do not know it
    assert 'https' in admin.refuses('routeros-rest', 'install', **wanted, url=admin.router.url.replace('https', 'http'))
    assert admin.router.requests == []


def test_a_wiped_device_has_nothing_to_remove(admin, bob):
    admin.must('routeros', 'install', public_key=half(bob['rsa']))
    admin.router.box.reset()
    admin.router.add_user('sallyport')
    admin.router.add_key('sallyport', admin.key.public)
    admin.must('routeros', 'remove')


def test_a_regenerated_host_key_is_refused_and_another_type_can_be_pinned(admin, bob):
    pinned = admin.router.host_key
    admin.router.regenerate_host_key()
    why = admin.refuses('routeros', 'install', public_key=half(bob['rsa']), host_keys=[pinned])
    assert 'is not the pinned' in why and admin.router.keys('bob') == []
    admin.must('routeros', 'install', public_key=half(bob['rsa']), host_keys=[pinned, admin.router.host_key])


@pytest.mark.parametrize('version', ['6.49.10 (long-term)', '7.23.1 (stable)'])
def test_old_and_new_names_and_algorithms(directory, bob, version):
    is_old = version.startswith('6')
    with RouterOS(version=version, **({'crypto': WEAK} if is_old else {'host_key_type': 'ed25519'})) as router:
        admin = Admin(router, directory)
        more = {'legacy_crypto': is_old}
        if is_old:
            assert admin.refuses('routeros', 'install', public_key=half(bob['rsa']))
            answer = admin.run('routeros', 'install', public_key=half(bob['ed25519']), **more)
            assert 'Ed25519 needs version 7.12' in answer['message'] and not answer['may_be_there']
        else:
            assert 'bob has no key yet' in admin.refuses('routeros', 'install', public_key=half(bob['rsa']), accept_password_lockout=False)
        admin.must('routeros', 'install', public_key=half(bob['rsa']), **more)
        assert router.keys('bob') == [('bob', TAG)]
        admin.must('routeros', 'remove', **more)
        assert router.keys('bob') == []
