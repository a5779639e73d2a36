"""target add -method=…: what is asked for, what is shown, what the exit code says (T-4, T-5)."""
import contextlib
import itertools
import json
import subprocess

import pytest

from support.build import CLI
from support.cli import good, run, says
from support.places import public_directory
from support.server import Server
from support.truenas import TrueNas

COUNTER = itertools.count()


@pytest.fixture(scope='module')
def nas():
    with contextlib.ExitStack() as stack:
        one = TrueNas(stack.enter_context(public_directory()), users=())
        stack.callback(one.stop)
        yield one


@pytest.fixture(scope='module')
def server():
    one = Server().start().mount_ssh()
    yield one
    one.clean()


@pytest.fixture
def name(nas):
    nas.set_sshpubkey('')
    nas.fail.clear()
    return f'nas{next(COUNTER)}'


def add(server, nas, name, *words, method='semi-automatic', stdin=None, dash='-'):
    return run(server, 'target', 'add', f'{dash}method={method}', f'{dash}url={nas.url}', f'{dash}api-ca={nas.tls.ca}', *words, name,
               f'127.0.0.1:{nas.port}', stdin=stdin)


@pytest.mark.parametrize('dash', ['-', '--'])
def test_each_step_is_shown_and_the_password_is_no_word(server, nas, name, dash):
    text = good(add(server, nas, name, f'{dash}username=root', f'{dash}password-fd=0', stdin=nas.password + '\n', dash=dash))
    lines = text.splitlines()
    assert lines[0] == f'1. reach the API: {nas.version}' and lines[4] == f'5. fetch the host key: {nas.fingerprint}'
    assert lines[5] == '6. log in: root@127.0.0.1' and lines[-1] == f'Success! The target is stored at: ssh/targets/{name}'
    assert len(lines) == 9
    read = json.loads(good(run(server, 'read', '-format=json', f'ssh/targets/{name}')))
    assert read['data']['port'] == nas.port and nas.password not in json.dumps(read)


def test_without_a_terminal_or_descriptor_nobody_is_asked(server, nas, name):
    nas.requests.clear()
    says(add(server, nas, name), 1, 'Error reading the credential: ')
    says(add(server, nas, name, '-password-fd=77'), 1, 'Error reading the credential: ')
    says(add(server, nas, name, method='magic'), 1, '-method must be semi-automatic or manual')
    says(run(server, 'target', 'add', '-method=semi-automatic', name), 1, 'needs -url=https://')
    says(run(server, 'target', 'add', '-method=manual'), 1, 'Not enough arguments')
    assert nas.requests == []


def test_the_step_that_fails_is_named(server, nas, name):
    done = add(server, nas, name, '-password-fd=0', stdin='wrong')
    says(done, 2, 'step 1 of 8, reach the API: it does not take the credential')
    nas.fail['POST', 'api_key'] = (422, {'message': 'no', 'errno': 1})
    done = add(server, nas, name, '-password-fd=0', stdin=nas.password)
    says(done, 2, 'step 7 of 8, make an API key: it answers 422: no; taken back: install the public key; taken back: take the key')
    assert nas.user()['sshpubkey'] is None


def by_hand(server, nas, name, *words, **more):
    return add(server, nas, name, '-profile=truenas', *words, method='manual', **more)


def test_by_hand_it_waits_until_the_line_is_pasted(server, nas, name, tmp_path):
    key = tmp_path / 'key'
    key.write_text('1-made\n')
    words = [str(CLI), 'target', 'add', '-method=manual', '-profile=truenas', f'-url={nas.url}', f'-api-ca={nas.tls.ca}', '-api-key-fd=3',
             name, f'127.0.0.1:{nas.port}']
    environment = {'VAULT_ADDR': server.address, 'VAULT_TOKEN': server.token, 'HOME': str(server.directory)}
    with subprocess.Popen(['sh', '-c', 'exec "$@" 3<"$0"', str(key), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, env=environment) as process:
        shown = []
        while not shown or nas.host_key not in shown[-1]:
            shown.append(process.stdout.readline())
            assert shown[-1], (shown, process.stderr.read())
        line = next(one for one in shown if one.endswith(f' sallyport-admin@{name}\n'))
        assert any('SSH Public Key' in one for one in shown)
        process.stdin.write('yes\n')
        process.stdin.flush()
        error = ''
        while 'does not let root in' not in error:  # too early; it asks again
            error += process.stderr.readline()
        assert server.api().get(f'ssh/targets/{name}').status == 404
        nas.set_sshpubkey(line)
        out, _ = process.communicate('yes\n')
    assert process.returncode == 0 and out.endswith(f'Success! The target is stored at: ssh/targets/{name}\n'), out


def test_by_hand_in_two_halves(server, nas, name):
    done = by_hand(server, nas, name, stdin='')
    assert done.returncode == 1 and 'Nothing is stored' in done.stderr and '-check' in done.stderr, done
    line = next(one for one in done.stdout.splitlines() if one.endswith(f' sallyport-admin@{name}'))
    nas.set_sshpubkey(line)
    words = ('-check', f'-host-key={nas.fingerprint}', '-api-key-fd=0')
    text = good(by_hand(server, nas, name, *words, stdin='1-made\n'))
    assert text.splitlines()[-1] == f'Success! The target is stored at: ssh/targets/{name}'
    again = by_hand(server, nas, name, *words, stdin='1-made\n')
    says(again, 2, 'is there already')


def test_no_flag_takes_a_secret():
    text = subprocess.run([str(CLI), 'target', 'add', '-h'], capture_output=True, text=True, check=False)
    words = (text.stdout + text.stderr).split()
    assert '-password-fd=<int>' in words or any(one.startswith('-password-fd') for one in words)
    assert not any(one.split('=')[0] in ('-password', '-api-key') for one in words)
