"""`exec/:role` and `sallyport exec`: a command runs with a key that is there for it alone (R-13, R-15 to R-17; S2-22)."""
import base64
import concurrent.futures
import contextlib
import json
import os
import signal
import subprocess

import pytest

from support import audit, cli
from support.build import CLI
from support.linux_host import LinuxHost, write_role
from support.patience import PATIENCE_S
from support.server import wait_for

CAP = 65536
LOST = 'kill -9 $PPID'  # the sshd that the command's shell hangs on
ROLE = 'runs'


@pytest.fixture(scope='module')
def server(dynamic, host):
    write_role(dynamic, host, ROLE, allowed_commands=['*'])
    dynamic.audit_log = dynamic.enable_audit()
    return dynamic


def run(server, command, role=ROLE, **more):
    return server.api().post(f'ssh/exec/{role}', {'ip': '127.0.0.1', 'command': command, **more})


def good(server, command, **more):
    answer = run(server, command, **more)
    assert answer.status == 200, answer
    return answer.data


@pytest.fixture(autouse=True)
def nothing_is_left(server, host):
    yield
    wait_for(lambda: server.api().list('sys/leases/lookup/ssh/creds').status == 404, 'no lease is left')
    assert host.ours('alice') == host.ours('bob') == []


def test_what_a_command_says(server, host):
    """R-16: exit-code and output, and the streams apart."""
    answer = run(server, 'echo out; echo err >&2; id -un')
    assert answer.status == 200 and answer.json['lease_id'] == '' and answer.json['warnings'] is None
    data = answer.data
    assert data.pop('lease_id').startswith(f'ssh/creds/{ROLE}/')
    assert data == {'exit-code': 0, 'output': 'out\nalice\nerr\n', 'stdout': 'out\nalice\n', 'stderr': 'err\n', 'signal': '',
                    'status': 'exited', 'error': '', 'truncated': False}
    assert 'PRIVATE KEY' not in str(answer.json)


def test_the_key_is_there_while_the_command_runs_and_gone_behind_it(server, host):
    data = good(server, 'cat .ssh/authorized_keys')
    assert ':' + data['lease_id'].rpartition('/')[2] in data['stdout'] and host.ours('alice') == []
    looked = server.api().put('sys/leases/lookup', {'lease_id': data['lease_id']})
    assert looked.status == 400, looked


@pytest.mark.parametrize('command, code, status, name', [
    ('exit 0', 0, 'exited', ''), ('exit 7', 7, 'exited', ''), ('exit 255', 255, 'exited', ''), ('no-such-command', 127, 'exited', ''),
    ('kill -TERM $$', 143, 'signaled', 'TERM'), ('kill -KILL $$', 137, 'signaled', 'KILL'), (LOST, -1, 'lost', '')])
def test_how_a_command_ends(server, host, command, code, status, name):
    data = good(server, command)
    assert (data['exit-code'], data['status'], data['signal']) == (code, status, name)
    assert ('effect is not known' in data['error']) == (status == 'lost')
    assert data['stdout'] == ''


def test_a_command_that_takes_too_long_is_left(server, host):
    write_role(server, host, 'short', allowed_commands=['*'], exec_timeout='3s')
    data = good(server, 'echo begun; while sleep 1; do echo on >&2 || exit; done', role='short')
    assert (data['exit-code'], data['status'], data['stdout']) == (-1, 'timeout', 'begun\n') and 'took too long' in data['error']


@pytest.mark.parametrize('stream', ['stdout', 'stderr'])
def test_long_output_is_cut(server, stream):
    data = good(server, f"head -c {3 * CAP} /dev/zero | tr '\\0' x >&{1 if stream == 'stdout' else 2}; exit 7")
    assert (data['exit-code'], data['truncated'], data[stream], data['output']) == (7, True, 'x' * CAP, 'x' * CAP)
    data = good(server, f"head -c {CAP} /dev/zero | tr '\\0' x >&{1 if stream == 'stdout' else 2}")
    assert (data['truncated'], len(data[stream])) == (False, CAP)


def test_bytes_that_are_no_text(server):
    command = "printf 'a\\377\\0b'; printf 'c\\376' >&2"
    assert good(server, command)['stdout'] == 'a\ufffd\0b'
    data = good(server, command, encoding='base64')
    assert [base64.b64decode(data[name]) for name in ('stdout', 'stderr', 'output')] == [b'a\xff\0b', b'c\xfe', b'a\xff\0bc\xfe']


@pytest.mark.parametrize('more', [{}, {'bind_source_address': True}])
def test_the_source_is_chosen(server, host, more):
    """R-13; and from= is about who logs in, which is the server."""
    write_role(server, host, 'from', allowed_commands=['echo $SSH_CONNECTION'], **more)
    for source in ('127.0.0.9', '127.0.0.10'):
        data = good(server, 'echo $SSH_CONNECTION', role='from', source_address=source)
        assert data['stdout'].split()[0] == source
    assert good(server, 'echo $SSH_CONNECTION', role='from')['stdout'].split()[0] == '127.0.0.1'
    assert run(server, 'echo $SSH_CONNECTION', role='from', source_address='192.0.2.1').status == 500


def test_ipv6(server):
    host = LinuxHost(listen='::1')
    try:
        assert server.api().post('ssh/keys/six', {'key': host.key.path.read_text()}).status == 204
        write_role(server, host, 'six', allowed_commands=['*'], cidr_list='::1/128', key='six')
        for more in ({}, {'source_address': '::1'}):
            assert good(server, 'echo $SSH_CONNECTION', role='six', ip='::1', **more)['stdout'].split()[0] == '::1'
        assert run(server, 'true', role='six', ip='::1', source_address='127.0.0.1').status == 500
        done = cli.run(server, 'exec', '-role=six', '-b', '::1', 'alice@[::1]', 'echo $SSH_CONNECTION')
        assert (done.returncode, done.stdout.split()[0]) == (0, '::1')
    finally:
        host.stop()


def test_another_user_where_the_role_allows_it(server):
    assert good(server, 'id -un', username='bob')['stdout'] == 'bob\n'


@pytest.mark.parametrize('body, text', [
    ({'command': 'true', 'ip': ''}, 'Missing ip'), ({}, 'missing command'), ({'command': ''}, 'missing command'),
    ({'command': 'true', 'ip': '10.0.0.1'}, 'Error validating IP: IP does not belong to role'),
    ({'command': 'true', 'username': 'a;b'}, 'Username is not valid for dynamic type'),
    ({'command': 'echo a\necho b'}, 'command must be one line, without CR and LF'),
    ({'command': 'echo a\r'}, 'command must be one line, without CR and LF'),
    ({'command': 'true', 'source_address': 'eth0'}, 'Invalid source_address "eth0"'),
    ({'command': 'true', 'timeout': 31}, 'timeout is larger than maximum allowed 30'),
    ({'command': 'true', 'encoding': 'hex'}, 'encoding must be base64, or none'),
    ({'command': 'true', 'target': 'none', 'ip': ''}, 'target "none" is not among the role\'s targets'),
])
def test_what_is_refused_before_anything_is_made(server, host, body, text):
    before = host.log.read_bytes()
    answer = server.api().post(f'ssh/exec/{ROLE}', {'ip': '127.0.0.1', **body})
    assert (answer.status, answer.json['errors']) == (400, [text])
    assert host.log.read_bytes() == before


def test_commands_are_the_role_s(server, host):
    write_role(server, host, 'few', allowed_commands=['uptime', 'echo *'])
    write_role(server, host, 'none')
    server.write_role('otp-role', cidr_list='127.0.0.0/8', default_user='alice')
    assert good(server, 'echo a b', role='few')['stdout'] == 'a b\n'
    for role, command, text in (('few', 'echo a; id', 'command is not allowed by role'), ('few', 'id', 'command is not allowed by role'),
                                ('none', 'true', 'role is not configured to allow any commands'),
                                ('otp-role', 'true', "role key type 'otp' not allowed to run commands"),
                                ('nowhere', 'true', 'Role "nowhere" not found')):
        assert run(server, command, role=role).json['errors'] == [text]


def test_explain_runs_nothing(server, host):
    before = host.log.read_bytes()
    write_role(server, host, 'told', allowed_commands=['uptime'])
    data = run(server, 'uptime', role='told', explain=True).data
    assert data['allowed'] and data['first_false'] == '' and data['username'] == 'alice' and data['timeout'] == 30
    assert [rule['rule'] for rule in data['rules']] == [
        'username', 'allowed_users', 'cidr_list', 'key_type', 'allowed_commands', 'source_address', 'exec_timeout', 'encoding',
        'target', 'key', 'host_keys']
    data = run(server, 'id', role='told', explain=True).data
    assert (data['allowed'], data['first_false']) == (False, 'allowed_commands')
    assert host.log.read_bytes() == before


def test_a_host_that_is_not_there_is_an_error(server, host):
    write_role(server, host, 'closed', allowed_commands=['*'], port=1)
    answer = run(server, 'true', role='closed')
    assert answer.status == 500 and 'failed to add public key to authorized_keys file in target: ' in str(answer.json['errors'])


def test_a_token_on_its_last_use_gets_none(server):
    made = server.api().post('auth/token/create', {'num_uses': 1, 'policies': ['root']}).json['auth']['client_token']
    answer = server.api(made).post(f'ssh/exec/{ROLE}', {'ip': '127.0.0.1', 'command': 'true'})
    assert answer.status == 400 and 'token had one use left' in answer.json['errors'][0]


def test_the_audit_log_has_the_command_hashed_and_the_end_clear(server):
    good(server, 'echo unheard-of-words; exit 3')
    text = server.audit_log.read_text()
    assert 'unheard-of-words' not in text
    request, response = (audit.entries(server.audit_log, kind, f'ssh/exec/{ROLE}')[-1] for kind in ('request', 'response'))
    assert request['request']['data']['command'].startswith('hmac-sha256:')
    assert response['response']['data']['exit-code'] == 3 and response['response']['data']['stdout'].startswith('hmac-sha256:')


def test_slow_commands_keep_nobody_waiting(server, host, public_path):
    """As many as there may be calls; verify goes on beside them."""
    public_path.chmod(0o777)
    gate = public_path / 'gate'
    server.write_role('beside')
    command = f'touch {public_path}/begun-$$; while ! test -e {gate}; do sleep 0.2; done'
    write_role(server, host, 'slow', allowed_commands=['*'], exec_timeout=300)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        running = [pool.submit(run, server, command, role='slow') for _ in range(8)]
        try:
            wait_for(lambda: len(list(public_path.glob('begun-*'))) == 8 or any(one.done() for one in running), 'all commands run')
            otp = server.otp(role='beside')['data']['key']
            assert server.api(None).post('ssh/verify', {'otp': otp}).status == 200
            assert [one.result() for one in running if one.done()] == []
        finally:
            gate.touch()
        assert [one.result().data['exit-code'] for one in running] == [0] * 8
    server.api().put('sys/leases/revoke-prefix/ssh/creds/beside')


# ---- the command line ---------------------------------------------------------


def exec_(server, *words, **more):
    return cli.run(server, 'exec', *words, **more)


@pytest.mark.parametrize('command, status, out, err', [
    ('echo out; echo err >&2', 0, 'out\n', 'err\n'), ('exit 7', 7, '', ''), ('kill -TERM $$', 143, '', ''),
    (LOST, 2, '', 'the connection was cut off while the command ran: its effect is not known\n')])
def test_the_command_line_is_as_the_command(server, command, status, out, err):
    done = exec_(server, f'-role={ROLE}', 'alice@127.0.0.1', command)
    assert (done.returncode, done.stdout, done.stderr.replace('\n', ' ').strip()) == (status, out, err.strip())


def test_the_server_calls_from_the_address_that_is_said(server):
    """R-13."""
    done = exec_(server, f'-role={ROLE}', '-b', '127.0.0.9', '127.0.0.1', 'echo', '${SSH_CLIENT%% *}')
    assert (done.returncode, done.stdout) == (0, '127.0.0.9\n')


def test_words_are_joined_and_what_stands_behind_the_host_is_the_command_s(server):
    done = exec_(server, f'-role={ROLE}', '127.0.0.1', 'echo', '-format=json', '-b', 'x')
    assert (done.returncode, done.stdout) == (0, '-format=json -b x\n')


def test_json_for_schedulers(server):
    """R-16."""
    done = exec_(server, '-format=json', f'-role={ROLE}', '127.0.0.1', 'echo out; echo err >&2; exit 7')
    data = json.loads(done.stdout)
    assert done.returncode == 7 and done.stderr == '' and list(data)[:2] == ['exit-code', 'output']
    assert (data['exit-code'], data['output'], data['stdout'], data['stderr']) == (7, 'out\nerr\n', 'out\n', 'err\n')
    done = exec_(server, '-format=json', f'-role={ROLE}', '127.0.0.1', LOST)
    assert (done.returncode, json.loads(done.stdout)['status']) == (2, 'lost')
    done = exec_(server, '-field=stderr', f'-role={ROLE}', '127.0.0.1', 'echo err >&2; exit 7')
    assert (done.returncode, done.stdout) == (7, 'err\n')


def test_bytes_pass_as_they_are(server):
    done = subprocess.run([str(CLI), 'exec', f'-role={ROLE}', '127.0.0.1', "printf 'a\\377\\0b'"], capture_output=True, timeout=PATIENCE_S,
                          env={**os.environ, 'VAULT_ADDR': server.address, 'VAULT_TOKEN': server.token}, check=True)
    assert done.stdout == b'a\xff\0b'


def test_a_cut_is_said(server):
    done = exec_(server, f'-role={ROLE}', '127.0.0.1', f"head -c {3 * CAP} /dev/zero | tr '\\0' x")
    assert (done.returncode, done.stdout) == (0, 'x' * CAP) and 'The output is longer' in done.stderr


@pytest.mark.parametrize('words, status, text', [
    ([], 1, 'Not enough arguments (expected at least 2, got 0)'), (['127.0.0.1'], 1, 'Not enough arguments (expected at least 2, got 1)'),
    (['-target=x'], 1, 'Not enough arguments (expected at least 1, got 0)'), (['-target=x', 'true'], 1, 'say which role with -role'),
    (['-role=r', 'a@127.0.0.1:22', 'true'], 1, 'Error resolving the hostname: "'),
    (['-role=r', 'a@[127.0.0.1]:22', 'true'], 1, "The port is the role's or the target's"),
    (['-role=nowhere', '127.0.0.1', 'true'], 2, 'Role "nowhere" not found'), (['-password=x'], 1, 'flag provided but not defined: -password'),
    (['127.0.0.1', 'x' * 9000], 1, 'The command is too long'), ([f'-role={ROLE}', '127.0.0.1', 'a\nb'], 2, 'command must be one line'),
    ([f'-role={ROLE}', '-timeout=31s', '127.0.0.1', 'true'], 2, 'timeout is larger than maximum allowed 30')])
def test_what_the_command_line_refuses(server, words, status, text):
    cli.says(exec_(server, *words), status, text)


def test_no_flag_takes_a_password(server):
    """R-17: neither here nor of ssh."""
    for command in ('exec', 'ssh'):
        assert '-password' not in cli.run(server, command, '-help').stderr


def test_a_target_in_the_place_of_a_host(server, host):
    made = server.api().post('ssh/targets/box', {'host': '127.0.0.1', 'port': host.port, 'user': 'vaultadmin', 'key': 'admin',
                                                 'host_keys': [host.host_key], 'profile': 'linux'})
    assert made.status == 204, made
    write_role(server, host, 'boxes', allowed_commands=['id -un'], targets=['box'])
    done = exec_(server, '-role=boxes', '-target=box', '-user=bob', 'id', '-un')
    assert (done.returncode, done.stdout, done.stderr) == (0, 'bob\n', '')


# ---- ssh -mode=dynamic, with the server itself ----------------------------------


@contextlib.contextmanager
def session(server, tmp_path, *options):
    runtime = tmp_path / 'run'
    runtime.mkdir(mode=0o700)
    env = {**os.environ, 'VAULT_ADDR': server.address, 'VAULT_TOKEN': server.token, 'HOME': str(tmp_path),
           'XDG_RUNTIME_DIR': str(runtime), 'TMPDIR': str(runtime)}
    words = [str(CLI), 'ssh', '-mode=dynamic', '-role=dyn', '-user-known-hosts-file=/dev/null', '-strict-host-key-checking=no', *options, '--',
             '-F', '/dev/null', 'alice@127.0.0.1', 'echo started; cat']
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env) as process:
        try:
            assert process.stdout.readline() == b'started\n'
            process.runtime = runtime
            yield process
        finally:
            process.terminate()


@pytest.mark.parametrize('options', [(), ('-key-file',)], ids=['agent', 'file'])
def test_a_session_ends_with_its_key(server, host, tmp_path, options):
    with session(server, tmp_path, *options) as process:
        assert len(host.ours('alice')) == 1
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0
        assert host.ours('alice') == []


def test_a_session_that_is_ended_leaves_no_file_and_no_lease(server, host, tmp_path):
    """S2-22."""
    with session(server, tmp_path) as process:
        assert len(host.ours('alice')) == 1 and len(list(process.runtime.iterdir())) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) != 0
        assert host.ours('alice') == [] and list(process.runtime.iterdir()) == []
    assert server.api().list('sys/leases/lookup/ssh/creds/dyn').status == 404
