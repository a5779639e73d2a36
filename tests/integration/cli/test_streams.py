"""Standard streams that are full, closed or read no further, and signals that somebody else ignores."""
import os
import signal
import subprocess
import threading

import pytest

from support import cli
from support.build import CLI
from support.cli import good, says
from support.patience import PATIENCE_S
from support.server import wait_for
from support.standin import Standin


@pytest.mark.parametrize('words', [['read', 'ssh/roles/otp'], ['read', '-format=json', 'ssh/roles/otp'], ['list', 'ssh/roles'],
                                   ['read', '-field=port', 'ssh/roles/otp'], ['write', 'ssh/creds/otp', 'ip=10.1.2.3'], ['print', 'token'],
                                   ['read', '-output-curl-string', 'ssh/roles/otp'], ['version']])
def test_what_never_came_out_is_no_success(shared, words):
    """A password that lies nowhere would be lost, and the script would go on."""
    with open('/dev/full', 'w', encoding='utf-8') as full:
        done = subprocess.run([str(CLI), *words], stdout=full, stderr=subprocess.PIPE, text=True, env=cli.environment(shared), timeout=PATIENCE_S)
    assert done.returncode == 1 and done.stderr == 'Error writing the output: No space left on device\n', done


def test_a_status_of_its_own_stays(shared):
    with open('/dev/full', 'w', encoding='utf-8') as full:
        done = subprocess.run([str(CLI), 'list', '-format=json', 'ssh/none'], stdout=full, stderr=subprocess.PIPE,
                              env=cli.environment(shared), timeout=PATIENCE_S)
    assert done.returncode == 2


@pytest.mark.parametrize('streams', ['<&-', '>&-', '<&- >&-', '<&- >&- 2>&-'])
def test_closed_streams_are_nobody_elses(shared, tmp_path, streams):
    """A pipe to the token helper got the number 0, and was closed where it was to be the standard input."""
    program = tmp_path / 'helper'
    program.write_text(f'#!/bin/sh\ncase $1 in\nget) cat {tmp_path}/kept ;;\nstore) cat >{tmp_path}/kept ;;\nesac\n')
    program.chmod(0o755)
    (tmp_path / '.vault').write_text(f'token_helper = "{program}"\n')
    done = subprocess.run(['sh', '-c', f'exec "$0" login -no-print lookup=false token=root {streams}', str(CLI)], capture_output=True, timeout=PATIENCE_S,
                          env=cli.environment(shared, token=None, home=tmp_path))
    assert done.returncode == 0, done
    assert (tmp_path / 'kept').read_text() == 'root'


def test_a_pipe_that_is_closed_early_ends_it_quietly(shared):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([str(CLI), 'read', 'ssh/roles/otp'], stdout=writer, stderr=subprocess.PIPE, env=cli.environment(shared),
                          restore_signals=True, timeout=PATIENCE_S)
    os.close(writer)
    assert done.returncode == -signal.SIGPIPE and done.stderr == b''


@pytest.fixture(scope='module')
def signing(shared):
    shared.write_role('ca', key_type='ca', allow_user_certificates=True, allowed_users='*', default_user='ubuntu')
    good(cli.run(shared, 'write', '-f', 'ssh/config/ca'))
    return shared


def ignoring(number):
    def one():
        signal.signal(number, signal.SIG_IGN)
    return one


def test_a_child_ends_although_our_parent_ignores_sigchld(signing, tmp_path):
    """The kernel reaps it then, and says nothing."""
    program = tmp_path / 'helper'
    program.write_text('#!/bin/sh\n[ "$1" = get ] && echo root || false\n')
    program.chmod(0o755)
    (tmp_path / '.vault').write_text(f'token_helper = "{program}"\n')
    done = subprocess.run([str(CLI), 'ssh-agent', '-role=ca', 'sh', '-c', 'exit 7'], capture_output=True, timeout=PATIENCE_S,
                          env=cli.environment(signing, token=None, home=tmp_path), preexec_fn=ignoring(signal.SIGCHLD))
    assert done.returncode == 7, done


def test_an_agent_under_nohup_outlives_its_terminal(signing, tmp_path):
    socket = tmp_path / 'agent'
    agent = subprocess.Popen([str(CLI), 'ssh-agent', '-role=ca', f'-socket={socket}'], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                             env=cli.environment(signing, home=tmp_path), preexec_fn=ignoring(signal.SIGHUP))
    try:
        assert agent.stdout.readline().startswith(b'SSH_AUTH_SOCK=')
        agent.send_signal(signal.SIGHUP)
        listed = subprocess.run(['ssh-add', '-L'], capture_output=True, text=True, timeout=PATIENCE_S,
                                env={**os.environ, 'SSH_AUTH_SOCK': str(socket)})
        assert listed.returncode == 0 and 'cert-v01' in listed.stdout, listed
        assert agent.poll() is None
        agent.send_signal(signal.SIGTERM)
        assert agent.wait(PATIENCE_S) == 0
        wait_for(lambda: not socket.exists(), 'its socket is gone')
    finally:
        agent.kill()
        agent.wait()


def test_a_second_signal_ends_a_revocation_that_hangs(shared, tmp_path):
    """All signals were held until the server answered, or its time was over."""
    stub = tmp_path / 'ssh'
    stub.write_text('#!/bin/sh\n[ "$1" = -V ] && echo OpenSSH_9.2 >&2\nexit 0\n')
    stub.chmod(0o755)
    reached, ended = threading.Event(), threading.Event()

    def answer(path, *_):
        if path.endswith('/revoke'):
            reached.set()
            ended.wait(PATIENCE_S)
        return 200, {'lease_id': 'ssh/creds/otp/x', 'data': {'key': 'x', 'key_type': 'otp', 'port': 22}}
    with Standin(body=answer) as other:
        running = subprocess.Popen([str(CLI), 'ssh', '-mode=otp', '-role=otp', f'-ssh-executable={stub}', 'bob@127.0.0.1'],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env=cli.environment(shared, {'VAULT_ADDR': other.address}, home=tmp_path))
        try:
            assert reached.wait(PATIENCE_S)
            running.send_signal(signal.SIGINT)
            assert b'Waiting for the server' in running.stderr.readline()
            running.send_signal(signal.SIGINT)
            assert running.wait(PATIENCE_S / 2) == -signal.SIGINT
        finally:
            ended.set()
            running.kill()
            running.wait()


# ---- words on the way in ----------------------------------------------------------------------------------------------

def test_a_namespace_of_the_environment_is_sent(shared, tmp_path):
    with Standin(body={'data': {'a': 'b'}}) as other:
        for name in ('VAULT_NAMESPACE', 'SALLYPORT_NAMESPACE'):
            good(cli.run(shared, 'read', 'a', home=tmp_path, env={'VAULT_ADDR': other.address, name: 'team'}))
        good(cli.run(shared, 'read', '-ns=flag', 'a', home=tmp_path, env={'VAULT_ADDR': other.address, 'VAULT_NAMESPACE': 'team'}))
        assert [headers.get('X-Vault-Namespace') for _, _, headers, _ in other.requests] == ['team/', 'team/', 'flag/']


def test_words_of_a_query_arrive_whole(shared, tmp_path):
    value = tmp_path / 'value'
    value.write_bytes(b'before\0behind')
    with Standin(body={'data': {'keys': ['a']}}) as other:
        for command in ('read', 'delete', 'list'):
            good(cli.run(shared, command, 'a', 'k=1', 'k=2', f'v=@{value}', home=tmp_path, env={'VAULT_ADDR': other.address}))
        for _, path, _, _ in other.requests:
            assert path.startswith('/v1/a?k=1&k=2&v=before%00behind'), path


def test_bytes_that_json_cannot_carry_are_refused(shared, tmp_path):
    """A key in binary was stored with another character in the place of each such byte."""
    value = tmp_path / 'value'
    value.write_bytes(b'before\xffbehind')
    words = ['write', 'cubbyhole/bytes', f'k=@{value}']
    for done in (cli.run(shared, *words), cli.run(shared, 'write', 'cubbyhole/bytes', 'k=before\udcff')):
        says(done, 1, 'Failed to parse K=V data: the value of "k" is not UTF-8')
        assert 'before' not in done.stderr
    value.write_text('höhe €')
    good(cli.run(shared, *words))
    assert good(cli.run(shared, 'read', '-field=k', 'cubbyhole/bytes')) == 'höhe €'


def test_a_list_that_is_too_long_is_said_to_be(shared):
    says(cli.run(shared, 'token', 'create', *(['-policy=a'] * 65)), 1, 'too many values for flag -policy: at most 64')


@pytest.mark.parametrize('text', ['0', '0s', '2562047h'])
def test_a_timeout_of_nothing_is_the_default_and_a_long_one_long(shared, text):
    good(cli.run(shared, 'status', env={'VAULT_CLIENT_TIMEOUT': text}))


def test_a_file_that_is_no_file_is_not_called_missing(shared, tmp_path):
    says(cli.run(shared, 'write', 'cubbyhole/a', f'k=@{tmp_path}'), 1, f'error reading file: {tmp_path} is no regular file')
    done = cli.run(shared, 'policy', 'write', 'a', str(tmp_path))
    assert done.stderr == f'Error opening policy file: {tmp_path}: {tmp_path} is no regular file\n'


@pytest.mark.parametrize('words', [['read', '-address=http://127.0.0.1:1', '-h'], ['read', 'a', '-help'], ['write', 'a', 'k=v', '--help'],
                                   ['ssh', '-mode=otp', '-h'], ['token', 'create', '-ttl=1h', '-h']])
def test_help_may_stand_behind_other_words(shared, words):
    done = cli.run(shared, *words)
    assert done.returncode == 0 and done.stderr.startswith(f'Usage: sallyport {words[0]}'), done
    assert 'Usage' not in cli.run(shared, 'write', '--', 'cubbyhole/a', '-h').stderr
