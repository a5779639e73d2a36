"""Calls of outbound over SSH to a real sshd: host keys, logins, commands, files, what a server offers."""
import pathlib
import subprocess

import pytest
from support.build import TEST_SSHD
from support.keys import SshKey
from support.outbound import ANY, DONE, HOST_KEY, NO_AGREEMENT, NO_CONNECTION, REFUSED, STEP, TOFU, call
from support.patience import PATIENCE_S
from support.places import public_directory

PAM = ''.join(f'{kind} required pam_{how}.so\n' for kind, how in (
    ('auth', 'deny'), ('account', 'permit'), ('password', 'deny'), ('session', 'permit')))
LEGACY = ('KexAlgorithms diffie-hellman-group14-sha1', 'Ciphers aes128-cbc', 'MACs hmac-sha1', 'HostKeyAlgorithms ssh-rsa')
USER = 'ubuntu'


class Host:
    """An sshd with three host keys that takes one Ed25519 and one RSA key."""

    def __init__(self, directory, lines=()):
        self.keys = {kind: SshKey(directory, f'host_{kind}', kind) for kind in ('ed25519', 'ecdsa', 'rsa')}
        self.admin, self.rsa = SshKey(directory, 'admin'), SshKey(directory, 'admin_rsa', 'rsa', 2048)
        (directory / 'pam').write_text(PAM)
        (directory / 'authorized').write_text(f'{self.admin.public}\n{self.rsa.public}\n')
        words = ['--pam-lines', directory / 'pam', '--authorized', directory / 'authorized', '--user', USER]
        for line in ('ListenAddress ::1', 'LoginGraceTime 0', *(f'HostKey {key.path}' for key in self.keys.values()), *lines):
            words += ['--sshd-line', line]
        started = subprocess.run([str(TEST_SSHD), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.port, self.dir, self.log = int(facts['port']), facts['dir'], pathlib.Path(facts['log'])

    def stop(self):
        subprocess.run([str(TEST_SSHD), '--stop', self.dir], timeout=PATIENCE_S, check=True)

    def call(self, *steps, key=None, pins=None, **more):
        pins = [self.keys['ed25519'].public] if pins is None else pins
        arguments = {'port': self.port, 'user': USER, 'key': (key or self.admin).path.read_text(), 'host_keys': pins,
                     'steps': list(steps), **more}
        return call(**arguments)

    def run(self, *steps, **more):
        """A call that must come to its end; the results of its steps."""
        answer = self.call(*steps, **more)
        assert (answer['end'], answer['why']) == (DONE, ''), answer
        return answer['results']


@pytest.fixture(name='host', scope='module')
def one_host():
    with public_directory() as directory:
        host = Host(directory)
        yield host
        host.stop()


@pytest.fixture(name='old', scope='module')
def old_host():
    """One that knows nothing of today's algorithms."""
    with public_directory() as directory:
        host = Host(directory, LEGACY)
        yield host
        host.stop()


# ---- host keys ---------------------------------------------------------------

@pytest.mark.parametrize('kind', ['ed25519', 'ecdsa', 'rsa'])
@pytest.mark.parametrize('as_line', [True, False])
def test_whichever_of_several_host_keys_is_pinned_is_the_one_that_is_shown(host, kind, as_line):
    key = host.keys[kind]
    answer = host.call(pins=[key.public if as_line else key.fingerprint])
    assert (answer['end'], answer['fingerprint']) == (DONE, key.fingerprint)
    assert answer['host_key'] == ' '.join(key.public.split()[:2])
    assert answer['banner'].startswith('SSH-2.0-OpenSSH_')


def test_one_good_pin_among_others_will_do(host, tmp_path):
    other = SshKey(tmp_path, 'other')
    pins = [other.public, 'SHA256:' + 'A' * 43, host.keys['rsa'].fingerprint]
    answer = host.call(pins=pins)
    assert (answer['end'], answer['fingerprint']) == (DONE, host.keys['rsa'].fingerprint)


@pytest.mark.parametrize('as_line', [True, False])
def test_another_host_key_ends_it_before_the_login_and_both_are_named(host, tmp_path, as_line):
    other = SshKey(tmp_path, 'other')
    before = host.log.read_text().count('Accepted publickey')
    answer = host.call({'exec': 'true'}, pins=[other.public if as_line else other.fingerprint])
    assert (answer['end'], answer['results']) == (HOST_KEY, [])
    shown = host.keys['ed25519'].fingerprint
    assert answer['why'] == f'the host key {shown} (ssh-ed25519) is not pinned; pinned: {other.fingerprint}'
    assert answer['fingerprint'] == shown
    assert host.log.read_text().count('Accepted publickey') == before


def test_without_a_pin_only_the_policy_lets_it_go_on(host):
    shown = host.keys['ed25519'].fingerprint
    refused = host.call(pins=[])
    assert (refused['end'], refused['why']) == (HOST_KEY, f'the host key {shown} (ssh-ed25519) is not pinned')
    for policy in (TOFU, ANY):
        answer = host.call(pins=[], policy=policy)
        assert (answer['end'], answer['fingerprint']) == (DONE, shown)


def test_trust_on_first_use_is_none_where_a_pin_is(host, tmp_path):
    other = SshKey(tmp_path, 'other')
    assert host.call(pins=[other.public], policy=TOFU)['end'] == HOST_KEY
    assert host.call(pins=[other.public], policy=ANY)['end'] == DONE


@pytest.mark.parametrize('pin', ['', 'ssh-ed25519', 'ssh-ed25519 AAAA', 'SHA256:short', 'MD5:00', 'SHA256:' + '!' * 43])
def test_what_is_no_pin_is_refused(host, pin):
    answer = host.call(pins=[pin])
    assert answer['http_status'] == 400 and 'is no host key' in answer['message']


# ---- logins ------------------------------------------------------------------

def test_an_rsa_key_logs_in_with_sha2(host):
    assert host.run({'exec': 'id -un'}, key=host.rsa)[0]['output'] == f'{USER}\n'


def test_a_key_that_it_does_not_know_is_refused(host, tmp_path):
    answer = host.call({'exec': 'true'}, key=SshKey(tmp_path, 'stranger'))
    assert (answer['end'], answer['why'], answer['results']) == (REFUSED, 'it does not take the key', [])


@pytest.mark.parametrize('more, why', [
    ({'key': 'junk'}, 'not a private key'), ({'user': ''}, 'a user must be one line'),
    ({'user': 'a\nb'}, 'a user must be one line'), ({'user': 'a;b'}, '"a;b" is no user to log in as'),
    ({'user': '-a'}, 'is no user'), ({'host': 'a b'}, 'no place to connect to'), ({'port': 0}, 'no place'),
    ({'port': 65536}, 'no place'), ({'host': ''}, 'no place'), ({'host': 'a/b'}, 'no place'), ({'host': '::1]'}, 'no place'),
    ({'source': 'lo'}, 'no address'), ({'steps': [{'exec': 'a\nb'}]}, 'a command must be one line'),
    ({'steps': [{'exec': 'a\r'}]}, 'one line'), ({'steps': [{'exec': ''}]}, 'one line'),
    ({'steps': [{'upload': 'a\nb'}]}, 'a path must be one line'), ({'steps': [{'exec': 'a', 'await': ''}]}, 'awaited'),
])
def test_arguments_that_cannot_be_sent_are_refused(host, more, why):
    arguments = {'port': host.port, 'user': USER, 'key': host.admin.path.read_text(), 'steps': [], **more}
    answer = call(**arguments)
    assert answer['http_status'] == 400 and why in answer['message'], answer


def test_an_encrypted_key_asks_nobody(host, tmp_path):
    key = SshKey(tmp_path, 'locked')
    subprocess.run(['ssh-keygen', '-q', '-p', '-N', 'secret', '-f', str(key.path)], check=True, timeout=PATIENCE_S)
    assert host.call(key=key)['http_status'] == 400


def test_today_s_algorithms_are_not_lowered_for_an_old_server(old):
    pins = [old.keys['rsa'].public]
    assert old.call(pins=pins)['end'] == NO_AGREEMENT
    result = old.run({'exec': 'id -un'}, pins=pins, legacy_crypto=True, key=old.rsa)[0]
    assert result['output'] == f'{USER}\n'


# ---- commands ----------------------------------------------------------------

def test_output_error_and_status_come_apart(host):
    answer = host.call({'exec': 'echo out; echo err >&2; exit 7'})
    assert (answer['end'], answer['why']) == (STEP, "the command's status is 7")
    assert answer['results'] == [{'status': 7, 'signal': '', 'output': 'out\n', 'error': 'err\n', 'is_cut': False}]


def test_the_signal_that_ended_it_is_told(host):
    answer = host.call({'exec': 'kill -TERM $$'})
    assert (answer['end'], answer['results'][0]['signal'], answer['results'][0]['status']) == (STEP, 'TERM', -1)


def test_a_step_that_fails_is_the_last_unless_it_may(host):
    steps = [{'exec': 'echo a; exit 1', 'may_fail': True}, {'exec': 'echo b; exit 2'}, {'exec': 'echo c'}]
    answer = host.call(*steps)
    assert (answer['end'], [one['output'] for one in answer['results']]) == (STEP, ['a\n', 'b\n'])


def test_input_reaches_the_command_whole_and_ends(host):
    text = 'line\n' * 200000
    result = host.run({'exec': 'wc -c', 'input': text})[0]
    assert int(result['output']) == len(text)


def test_more_is_sent_behind_the_line_that_is_awaited_and_no_sooner(host):
    step = {'exec': 'read a; sleep 0.3; if read -t 0 b; then echo EARLY; fi; echo XREADY; echo READY; read b; echo "$a $b"; cat',
            'input': 'one\n', 'await': 'READY', 'more': 'two\nthree\n'}
    step['exec'] = f"bash -c '{step['exec']}'"
    assert host.run(step)[0]['output'] == 'XREADY\nREADY\none two\nthree\n'


def test_a_command_that_ends_without_its_line_has_failed(host):
    answer = host.call({'exec': 'echo READY now', 'await': 'READY', 'more': 'commit\n'})
    assert (answer['end'], answer['why']) == (STEP, 'the command ended before it asked for its input')
    assert answer['results'][0]['status'] == 0


def test_output_past_the_bound_is_cut_and_the_status_still_comes(host):
    result = host.run({'exec': 'head -c 100000 /dev/zero | tr "\\0" a; head -c 10 /dev/zero | tr "\\0" b >&2'})[0]
    assert (result['output'], result['error'], result['is_cut']) == ('a' * 65536, 'b' * 10, True)


def test_a_list_may_be_longer(host):
    for n, is_cut in ((1024 * 1024, False), (1024 * 1024 + 1, True)):
        result = host.run({'exec': f'head -c {n} /dev/zero | tr "\\0" a', 'is_list': True})[0]
        assert (len(result['output']), result['is_cut']) == (1024 * 1024, is_cut)


def test_nothing_of_the_callers_environment_takes_part(host):
    assert host.run({'exec': 'echo "$SSH_AUTH_SOCK$DISPLAY$SSH_TTY"'})[0]['output'] == '\n'


# ---- files -------------------------------------------------------------------

def test_a_file_is_written_whole_and_for_its_owner_alone(host):
    text = ''.join(f'{n}\n' for n in range(40000))
    steps = [{'exec': 'mktemp -d'}]
    place = host.run(*steps)[0]['output'].strip()
    results = host.run({'upload': f'{place}/file', 'input': text}, {'exec': f'stat -c "%a %s" {place}/file; cksum <{place}/file'},
                       {'upload': f'{place}/file', 'input': ''}, {'exec': f'stat -c "%a %s" {place}/file; rm -r {place}'})
    sums = subprocess.run(['cksum'], input=text, capture_output=True, text=True, check=True).stdout
    assert results[1]['output'] == f'600 {len(text)}\n{sums}'
    assert results[3]['output'] == '600 0\n'


def test_a_file_that_cannot_be_written_says_why(host):
    answer = host.call({'upload': '/nonexistent/file', 'input': 'x'}, {'exec': 'true'})
    assert (answer['end'], answer['why']) == (STEP, 'the file was not written: status 2, No such file')
    assert [one['status'] for one in answer['results']] == [1]


def test_a_full_disk_is_an_error_of_the_file(host):
    answer = host.call({'upload': '/dev/full', 'input': 'x' * 50000})
    assert answer['end'] == STEP and answer['why'].startswith('the file was not written: status ')


# ---- addresses ---------------------------------------------------------------

@pytest.mark.parametrize('more, seen', [({'host': '::1'}, '::1'), ({'source': '127.0.0.9'}, '127.0.0.9'), ({}, '127.0.0.1')])
def test_it_comes_from_where_it_was_told_to(host, more, seen):
    assert host.run({'exec': 'echo $SSH_CONNECTION'}, **more)[0]['output'].split()[0] == seen


def test_a_name_is_looked_up(host):
    assert host.call(host='localhost')['end'] == DONE


@pytest.mark.parametrize('more', [{'port': 1}, {'source': '192.0.2.1'}, {'host': 'no-such-host.invalid'}, {'source': '::1'}])
def test_where_no_connection_is_made_it_says_why(host, more):
    answer = host.call({'exec': 'true'}, **more)
    assert (answer['end'], answer['results'], answer['banner']) == (NO_CONNECTION, [], '')
    assert answer['why']


# ---- scans -------------------------------------------------------------------

def test_a_scan_tells_algorithms_and_one_key_of_each_type(host):
    offer = call(scan=True, port=host.port)
    assert offer['banner'].startswith('SSH-2.0-OpenSSH_')
    assert 'curve25519-sha256' in offer['kex'].split(',')
    assert 'ssh-ed25519' in offer['host_key_types'].split(',')
    assert 'aes256-ctr' in offer['ciphers'].split(',')
    assert 'hmac-sha2-256' in offer['macs'].split(',')
    assert offer['host_keys'] == [' '.join(host.keys[kind].public.split()[:2]) for kind in ('ed25519', 'ecdsa', 'rsa')]


def test_a_scan_reaches_what_a_login_of_today_would_not(old):
    offer = call(scan=True, port=old.port, host='::1', source='::1')
    assert (offer['kex'].split(',')[0], offer['ciphers'], offer['macs'], offer['host_key_types']) == (
        'diffie-hellman-group14-sha1', 'aes128-cbc', 'hmac-sha1', 'ssh-rsa')
    assert offer['host_keys'] == [' '.join(old.keys['rsa'].public.split()[:2])]


def test_a_scan_of_nothing_says_why():
    answer = call(scan=True, port=1)
    assert answer['http_status'] == 502 and answer['message']
