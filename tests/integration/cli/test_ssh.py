"""`sallyport ssh` against a real sshd (spec/cli.md 4, requirements S2-9, S2-10, C-4)."""
import json
import os
import pathlib
import signal
import stat
import subprocess
import tempfile

import pytest

from support import audit, cli
from support.build import CLI
from support.patience import PATIENCE_S
from support.server import wait_for

OTP = r'[0-9a-f]{8}-'


def environment(server, **more):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_'))}
    return {**clean, 'HOME': str(server.home), 'VAULT_ADDR': server.address, 'VAULT_TOKEN': server.token, 'VAULT_CLIENT_TIMEOUT': str(PATIENCE_S),
            'XDG_RUNTIME_DIR': str(server.directory), **more}


def words(server, *rest, role='otp', known=True):
    start = ['-mode=otp', f'-role={role}'] if role else []
    return ['ssh', *start, *([f'-user-known-hosts-file={server.sshd.known_hosts}'] if known else []), *rest]


def ssh(server, *rest, env=None, **more):
    return subprocess.run([str(CLI), *words(server, *rest, **more)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env=environment(server, **(env or {})), timeout=PATIENCE_S)


def made(server):
    """How many passwords were made so far."""
    return len(audit.entries(server.audit, 'response', 'ssh/creds/otp'))


def live(server):
    return server.api().list('sys/leases/lookup/ssh/creds/otp').status == 200


@pytest.fixture(autouse=True)
def every_lease_is_gone(logins):
    yield
    wait_for(lambda: not live(logins), 'no lease is left')
    assert list(logins.directory.glob('sallyport-ssh-*')) == []


@pytest.mark.parametrize('rest', [
    ['ubuntu@127.0.0.1', 'echo', 'in'], ['-l', 'ubuntu', '127.0.0.1', 'echo in'], ['-lubuntu', '127.0.0.1', 'echo in'],
    ['127.0.0.1', '-l', 'ubuntu', 'echo', 'in'], ['-oUser=ubuntu', '127.0.0.1', 'echo in'],
    ['-o', 'user ubuntu', '127.0.0.1', 'echo in'], ['ubuntu@127.0.0.1', '-p', 'PORT', 'echo in'],
    ['-pPORT', 'ubuntu@127.0.0.1', 'echo in'], ['-oPort=PORT', 'ubuntu@127.0.0.1', 'echo in'],
    ['-4Tp', 'PORT', 'ubuntu@127.0.0.1', 'echo in'], ['ubuntu@[127.0.0.1]:PORT', 'echo in'],
    ['ubuntu@localhost', '-4', '-oHostKeyAlias=[127.0.0.1]:PORT', 'echo in'],
    ['-l', 'ubuntu', 'bob@127.0.0.1', 'echo in'], ['bob@127.0.0.1', '-l', 'ubuntu', 'echo in'],
    ['ubuntu@127.0.0.1', 'echo', 'in;', 'echo', '-format=json', '-p', '99', '-role=x'],
])
def test_forms_of_arguments(logins, rest):
    before = made(logins)
    rest = [one.replace('PORT', str(logins.sshd.port)) for one in rest]
    done = ssh(logins, *(['--'] if rest[0].startswith('-') else []), *rest)
    assert (done.returncode, done.stdout.split('\n')[0]) == (0, 'in'), done
    assert made(logins) == before + 1
    if '-format=json' in rest:
        assert done.stdout == 'in\n-format=json -p 99 -role=x\n'


def test_ipv6(logins):
    from support.sshd import Sshd, helper_config
    sshd = Sshd(helper_config(logins), more=('--listen', '::1'))
    try:
        for rest in (['ubuntu@::1', '-p', str(sshd.port)], [f'ubuntu@[::1]:{sshd.port}'], ['-p', str(sshd.port), 'ubuntu@[::1]']):
            words_ = ['ssh', '-mode=otp', '-role=otp', f'-user-known-hosts-file={sshd.known_hosts}',
                      *(['--'] if rest[0][0] == '-' else []), *rest, 'echo', 'in']
            done = subprocess.run([str(CLI), *words_], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  env=environment(logins), timeout=PATIENCE_S)
            assert (done.returncode, done.stdout) == (0, 'in\n'), done
    finally:
        sshd.stop()


@pytest.mark.parametrize('status', [0, 1, 2, 3, 127, 255])
def test_the_status_of_ssh_is_ours(logins, status):
    done = ssh(logins, 'ubuntu@127.0.0.1', f'exit {status}')
    assert done.returncode == status
    assert done.stderr == ('' if status == 0 else f'failed to run ssh command: exit status {status}\n')


def test_the_lease_is_revoked_though_ssh_fails(logins):
    before = made(logins)
    done = ssh(logins, '-strict-host-key-checking=no', '-user-known-hosts-file=/dev/null', 'ubuntu@127.0.0.1', '-p', '1')
    assert done.returncode == 255 and made(logins) == before + 1
    done = ssh(logins, '-ssh-executable=/none', 'ubuntu@127.0.0.1')
    assert done.returncode == 2
    assert 'failed to run ssh command: fork/exec /none: no such file or directory' in done.stderr


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_session_and_the_lease(logins, public_path, number):
    mark = public_path / 'mark'
    public_path.chmod(0o777)
    running = subprocess.Popen([str(CLI), *words(logins, 'ubuntu@127.0.0.1', f'touch {mark}; while test -e {mark}; do sleep 1; done')],
                               stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                               env=environment(logins))
    wait_for(lambda: mark.exists() or running.poll() is not None, 'the session begins')
    assert live(logins)
    running.send_signal(number)
    assert running.wait(PATIENCE_S) != 0


def test_a_lease_ends_though_nobody_reads_our_words_any_more(logins):
    """`sallyport ssh … 2>&1 | head -1`: SIGPIPE ended us before the lease."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([str(CLI), *words(logins, 'ubuntu@127.0.0.1', 'exit 3')], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=writer, env=environment(logins), timeout=PATIENCE_S)
    os.close(writer)
    assert done.returncode == 3 and not live(logins), done


def test_no_password_is_seen_in_arguments_or_environment(logins, public_path):
    """S2-9: as the processes stand while ssh runs."""
    mark = public_path / 'mark'
    public_path.chmod(0o777)
    stub = public_path / 'ssh'
    stub.write_text(f'''#!/bin/sh
[ "$1" = -V ] && exec ssh -V
[ "$1" = -G ] && exec ssh "$@"
"$SSH_ASKPASS" "ubuntu@127.0.0.1's password: " >{mark}.otp
cat /proc/$$/environ /proc/$$/cmdline /proc/$PPID/cmdline /proc/$PPID/environ >{mark}.seen
ls -ld "$(dirname "$SALLYPORT_ASKPASS_SOCKET")" >{mark}.place 2>/dev/null
exec ssh "$@"
''')
    stub.chmod(0o755)
    ssh(logins, f'-ssh-executable={stub}', 'ubuntu@127.0.0.1', 'true')
    otp = pathlib.Path(f'{mark}.otp').read_text().strip()
    assert len(otp) == 36
    assert otp.encode() not in pathlib.Path(f'{mark}.seen').read_bytes()


@pytest.mark.parametrize('prompts, wanted', [
    (["Are you sure you want to continue connecting (yes/no)?", "x's password: ", "x's password: "], ['', 'OTP', '']),
    (['(u@h) Password: '], ['OTP']), (['Verification code: ', 'Enter PIN'], ['', '']), ([''], ['']),
])
def test_askpass_answers_a_password_prompt_once(logins, tmp_path, prompts, wanted):
    stub = tmp_path / 'ssh'
    stub.write_text('#!/bin/sh\n[ "$1" = -V ] && exec ssh -V\n[ "$1" = -G ] && exec ssh "$@"\n' +
                    ''.join(f'"$SSH_ASKPASS" "{one}" </dev/null; echo "=$?"\n' for one in prompts))
    stub.chmod(0o755)
    got = ssh(logins, f'-ssh-executable={stub}', 'ubuntu@127.0.0.1').stdout
    answers = got.split('=')
    for answer, one in zip([answers[0], *(part.split('\n', 1)[1] for part in answers[1:-1])], wanted):
        assert (len(answer.strip()) == 36) == (one == 'OTP'), got


def test_a_jump_host_gets_no_password(logins, tmp_path):
    """ssh -J runs another ssh, with our askpass in its environment; the password is for the host behind."""
    inner, outer, wrapper = tmp_path / 'inner' / 'ssh', tmp_path / 'ssh', tmp_path / 'wrapper'
    inner.parent.mkdir()
    inner.write_text(f'#!/bin/sh\n"$SSH_ASKPASS" "bob@jump\'s password: " >{tmp_path}/jump\ntrue\n')
    start = '#!/bin/sh\n[ "$1" = -V ] && exec ssh -V\n[ "$1" = -G ] && exec ssh "$@"\n'
    outer.write_text(f'{start}sh -c "{inner}; true"\n"$SSH_ASKPASS" "bob@host\'s password: " >{tmp_path}/host\ntrue\n')
    wrapper.write_text(f'{start}{inner}\ntrue\n')
    for stub in (inner, outer, wrapper):
        stub.chmod(0o755)
    assert ssh(logins, f'-ssh-executable={outer}', 'ubuntu@127.0.0.1').returncode == 0
    assert (tmp_path / 'jump').read_text() == '' and len((tmp_path / 'host').read_text().strip()) == 36
    # A program around ssh is no jump.
    assert ssh(logins, f'-ssh-executable={wrapper}', 'ubuntu@127.0.0.1').returncode == 0
    assert len((tmp_path / 'jump').read_text().strip()) == 36


def test_an_unknown_host_key_is_said_before_a_password_is_spent(logins):
    """S2-10."""
    before = made(logins)
    done = ssh(logins, 'ubuntu@127.0.0.1', '-p', str(logins.sshd.port), known=False)
    assert done.returncode == 1 and made(logins) == before
    assert f'The host key of [127.0.0.1]:{logins.sshd.port} is not known yet' in done.stderr
    assert '-strict-host-key-checking=accept-new' in done.stderr and 'No password was made.' in done.stderr
    # Where the role alone knows the port the password is made, and revoked unused.
    done = ssh(logins, 'ubuntu@127.0.0.1', known=False)
    assert done.returncode == 1 and 'revoked unused' in done.stderr
    file = logins.home / 'fresh'
    done = ssh(logins, '-strict-host-key-checking=accept-new', f'-user-known-hosts-file={file}', 'ubuntu@127.0.0.1', 'true',
               known=False)
    assert done.returncode == 0 and file.read_text().count('\n') >= 1
    assert ssh(logins, f'-user-known-hosts-file={file}', 'ubuntu@127.0.0.1', 'true', known=False).returncode == 0


def test_words_for_ssh(logins, tmp_path):
    """Step 3 of cli.md 4.4, as the program that is run gets them."""
    stub = tmp_path / 'ssh'
    stub.write_text('#!/bin/sh\n[ "$1" = -V ] && exec ssh -V\n[ "$1" = -G ] && exec ssh "$@"\n'
                    'for one; do printf "%s\\n" "$one"; done\n')
    stub.chmod(0o755)

    def seen(*rest):
        return ssh(logins, f'-ssh-executable={stub}', *rest).stdout.splitlines()
    known = f'-o UserKnownHostsFile={logins.sshd.known_hosts}'
    port = str(logins.sshd.port)
    assert seen('ubuntu@127.0.0.1', 'ls', '-l') == [
        '-o NumberOfPasswordPrompts=1', known, '-p', port, '-o StrictHostKeyChecking=ask', 'ubuntu@127.0.0.1', 'ls', '-l']
    assert seen('-strict-host-key-checking=no', 'ubuntu@127.0.0.1', '-p', '77') == [
        '-o NumberOfPasswordPrompts=1', known, '-o StrictHostKeyChecking=no', 'ubuntu@127.0.0.1', '-p', '77']
    assert seen(f'ubuntu@[127.0.0.1]:{port}', 'x')[2:] == [
        '-o StrictHostKeyChecking=ask', '-p', port, 'ubuntu@127.0.0.1', 'x']


def test_sshpass_only_on_request(logins, tmp_path):
    assert ssh(logins, '-use-sshpass', 'ubuntu@127.0.0.1', 'true').returncode == 0
    stub = tmp_path / 'sshpass'
    stub.write_text(f'#!/bin/sh\ntouch {tmp_path}/called\nexit 9\n')
    stub.chmod(0o755)
    path = {'PATH': f'{tmp_path}:{os.environ["PATH"]}'}
    assert ssh(logins, 'ubuntu@127.0.0.1', 'true', env=path).returncode == 0
    assert not (tmp_path / 'called').exists()
    assert ssh(logins, '-use-sshpass', 'ubuntu@127.0.0.1', 'true', env=path).returncode == 9
    # Without it on the path our own askpass does as well.
    bare = tmp_path / 'bin'
    bare.mkdir()
    for name in ('ssh', 'ssh-keygen', 'sh'):
        (bare / name).symlink_to(subprocess.run(['sh', '-c', f'command -v {name}'], capture_output=True,
                                                text=True).stdout.strip())
    assert ssh(logins, 'ubuntu@127.0.0.1', 'true', env={'PATH': str(bare)}).returncode == 0


def test_an_old_ssh_without_sshpass_shows_the_password(logins, tmp_path):
    stub = tmp_path / 'ssh'
    stub.write_text('#!/bin/sh\ncase $1 in -V) echo OpenSSH_8.3p1 >&2 ;; -G) shift; exec /usr/bin/ssh -G "$@" ;; esac\n')
    stub.chmod(0o755)
    bare = tmp_path / 'bin'
    bare.mkdir()
    for name in ('ssh-keygen', 'sh'):
        (bare / name).symlink_to(f'/usr/bin/{name}')
    done = ssh(logins, f'-ssh-executable={stub}', 'ubuntu@127.0.0.1', env={'PATH': str(bare)})
    assert done.stdout.startswith('OTP for the session is: ') and 'Vault could not locate "sshpass".' in done.stderr


def test_no_exec_prints_and_leaves_the_lease(logins):
    done = ssh(logins, '-no-exec', '-format=json', 'ubuntu@127.0.0.1')
    one = json.loads(done.stdout)
    assert done.returncode == 0 and one['data']['username'] == 'ubuntu' and one['data']['ip'] == '127.0.0.1'
    assert live(logins)
    logins.api().put('sys/leases/revoke', {'lease_id': one['lease_id']})
    done = ssh(logins, '-no-exec', '-field=key', 'ubuntu@127.0.0.1')
    assert len(done.stdout) == 36
    logins.api().put('sys/leases/revoke-prefix/ssh/creds/otp')


def test_without_role_or_mode(logins):
    """X13: the role's own word, no password is spent on a guess."""
    before = made(logins)
    done = ssh(logins, 'ubuntu@127.0.0.1', 'echo in', role=None)
    assert (done.returncode, done.stdout) == (0, 'Vault SSH: Role: "otp"\nin\n'), done
    assert 'WARNING: No -role specified.' in done.stderr and 'WARNING: No -mode specified.' in done.stderr
    assert made(logins) == before + 1
    logins.write_role('second', cidr_list='127.0.0.0/8')
    many = ssh(logins, '-mode=otp', 'ubuntu@127.0.0.1', role=None)
    assert many.returncode == 1 and 'Error choosing role: Roles: "otp, second". ' in many.stderr
    logins.api().delete('ssh/roles/second')
    none = ssh(logins, '-mode=otp', 'ubuntu@192.0.2.1', role=None)
    assert none.returncode == 1 and 'Error choosing role: no matching roles found for IP "192.0.2.1"' in none.stderr
    assert made(logins) == before + 1


def test_what_is_refused(logins):
    for rest, code, text in ((['-mode=bogus', '127.0.0.1'], 1, 'Unknown SSH mode: bogus'),
                             (['-p', '22'], 1, 'flag provided but not defined: -p'),
                             (['--', '-p', '22'], 1, 'failed to find a hostname in ssh command'),
                             (['no.such.host.invalid'], 1, 'Error resolving the ssh hostname: "'),
                             (['u@[::1'], 1, 'Error parsing the ssh command: "'), (['u@[]:22'], 1, 'Error parsing the ssh command: "'),
                             (['u@[-oProxyCommand=x]:22'], 1, 'Error parsing the ssh command: "'),
                             (['u@-oProxyCommand=x'], 1, 'Error parsing the ssh command: "'),
                             (['u@192.0.2.1'], 2, 'failed to generate credential: failed to get credentials: Error making API')):
        done = ssh(logins, *rest)
        assert done.returncode == code and text in done.stderr, (rest, done)


def test_the_calls_in_their_order(logins):
    """C-4: what the server is asked for one session."""
    count = len(audit.entries(logins.audit, 'request'))
    assert ssh(logins, 'ubuntu@127.0.0.1', 'true').returncode == 0
    asked = [(one['request']['operation'], one['request']['path']) for one in audit.entries(logins.audit, 'request')[count:]]
    assert asked == [('update', 'ssh/creds/otp'), ('update', 'ssh/verify'), ('update', 'sys/leases/revoke')]


def test_a_revocation_that_fails(logins):
    token = logins.token_with('path "ssh/creds/otp" { capabilities = ["update"] }')
    done = ssh(logins, 'ubuntu@127.0.0.1', 'true', env={'VAULT_TOKEN': token})
    assert done.returncode == 2 and 'failed to revoke key: Error making API request.' in done.stderr
    done = ssh(logins, 'ubuntu@127.0.0.1', 'exit 3', env={'VAULT_TOKEN': token})
    assert done.returncode == 3
    logins.api().put('sys/leases/revoke-prefix/ssh/creds/otp')
