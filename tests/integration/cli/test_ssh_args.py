"""L67: no user or host name becomes an option of ssh, a word of a shell, or another request of the server."""
import concurrent.futures
import os
import pathlib
import subprocess

import pytest

from support import audit
from support.build import CLI
from support.figures import figure
from support.patience import PATIENCE_S
from support.server import Server

# Each is refused wherever a name stands: as an option, by a shell's character, or by a control byte. MARK is a file that
# nothing may make.
NAMES = [
    '-oProxyCommand=touch MARK', '-oProxyCommand=touch${IFS}MARK', '-oLocalCommand=touch MARK', '-oKnownHostsCommand=/bin/sh',
    '-oPermitLocalCommand=yes', '-F/dev/null', '-EMARK', '-iMARK', '-Jevil', '-Wa:1', '-p22', '-V', '-G', '-v', '-N', '-f', '-', '--',
    '--help', '-Snone', '-oUser=root', '-lroot', '$(touch MARK)', '`touch MARK`', ';touch MARK', 'x;touch MARK;', '|touch MARK',
    'x|touch MARK', '&touch MARK', 'x&&touch MARK', '||touch MARK', '>MARK', 'x>MARK', '<MARK', "'", '"', "x'$(touch MARK)'",
    'x"`touch MARK`"', "';touch MARK;'", '";touch MARK;"', '{touch,MARK}', '${IFS}', '$IFS', '$HOME', '(touch MARK)',
    'x\ntouch MARK\n', '\n', 'x\n-oProxyCommand=touch MARK', '\rx', 'x\ty', '\x1b[31mx', 'x\x7f', '\x01', 'a -oProxyCommand=touch MARK',
    'x\\',
]
# Where a name may stand, and what the caller's own script would put around it.
PLACES = [
    ['--', 'NAME@127.0.0.1'], ['--', 'NAME@[127.0.0.1]:22'], ['--', '-l', 'NAME', '127.0.0.1'],
    ['--', '-l', 'NAME', '[127.0.0.1]:22'], ['--', '-oUser=NAME', '127.0.0.1'], ['127.0.0.1', '-l', 'NAME', 'true'], ['ubuntu@NAME'], ['--', 'NAME'], ['ubuntu@[NAME]:22'],
    ['--', '[NAME]'], ['ubuntu@127.0.0.1NAME'],
]
# What a hostile command line may hold besides names; ssh gets each as the one word that it is.
WORDS = ['; touch MARK', '$(touch MARK)', '`touch MARK`', '-oProxyCommand=touch MARK', 'a\nb', '', ' ', "'", '"', '*', '~', '\\', '%h',
         '\x1b[31m', '&', '|', '>MARK', '--', '\udcff']
STUB = '''#!/bin/sh
[ "$1" = -V ] && { echo OpenSSH_9.2p1 >&2; exit; }
{ printf '%s\\n' "$#"; printf '%s\\0' "$@"; } >>@LOG@.$1
'''


@pytest.fixture(scope='module')
def service():
    one = Server().start().mount_ssh()
    one.write_role(cidr_list='127.0.0.0/8', allowed_users='*')
    one.audit = one.enable_audit()
    yield one
    one.clean()


class Stub:
    """A program named ssh that writes down how it was called."""

    def __init__(self, directory):
        self.directory, self.log, self.mark = directory, directory / 'log', directory / 'mark'
        program = directory / 'bin' / 'ssh'
        program.parent.mkdir()
        program.write_text(STUB.replace('@LOG@', str(self.log)))
        program.chmod(0o755)
        self.path = f'{program.parent}:{os.environ["PATH"]}'

    def run(self, server, *words):
        env = {'PATH': self.path, 'HOME': str(self.directory), 'VAULT_ADDR': server.address, 'VAULT_TOKEN': server.token,
               'SSH_STRICT_HOST_KEY_CHECKING': 'no'}
        words = [one.replace('MARK', str(self.mark)) for one in words]
        return subprocess.run([str(CLI), 'ssh', '-mode=otp', *words], cwd=self.directory, stdin=subprocess.DEVNULL,
                              capture_output=True, env=env, timeout=PATIENCE_S)

    def calls(self):
        return sorted(self.directory.glob('log*'))



def test_no_name_is_an_option_or_a_command(service, tmp_path):
    stub = Stub(tmp_path)
    before = len(audit.entries(service.audit, 'request'))
    tried = [[word.replace('NAME', name) for word in place] for place in PLACES for name in NAMES]

    def attempt(words):
        return stub.run(service, '-role=otp', *words)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        wrong = [(words, done) for words, done in zip(tried, pool.map(attempt, tried))
                 if done.returncode != 1 or done.stdout or b'Error' not in done.stderr]
    made = audit.entries(service.audit, 'request')[before:]
    figure('L67', len(tried), len(wrong) + len(stub.calls()) + len(made) + stub.mark.exists(), 'hostile names')
    assert wrong == [] and stub.calls() == [] and made == [] and not stub.mark.exists()
    assert list(tmp_path.iterdir()) == [tmp_path / 'bin']


@pytest.mark.parametrize('user', ['ubuntu', 'a.b-c_d+e', 'CORP\\bob', 'bob@corp', 'first last', 'ünï', '%r', 'a~b', 'a*b', 'a=b', 'a,b'])
def test_odd_names_arrive_as_they_are(service, tmp_path, user):
    stub = Stub(tmp_path)
    if '@' not in user and user != 'ubuntu':
        service.write_role('odd', cidr_list='127.0.0.0/8', allowed_users='*')
    done = stub.run(service, '-role=otp', f'{user}@127.0.0.1', 'true')
    if done.returncode == 2:  # a user that the server does not take: then ssh is not asked either
        assert b'failed to generate credential' in done.stderr and stub.calls() == []
        return
    assert done.returncode == 0, done
    number, words = pathlib.Path(f'{stub.log}.-o NumberOfPasswordPrompts=1').read_bytes().split(b'\n', 1)
    words = [one.decode() for one in words.split(b'\0')[:-1]]
    assert len(words) == int(number) and words[-2:] == [f'{user}@127.0.0.1', 'true']


def test_words_of_the_command_stay_one_word_each(service, tmp_path):
    """They are for the other side's shell, never for one of ours."""
    stub = Stub(tmp_path)
    words = [one.replace('MARK', str(stub.mark)) for one in WORDS]
    done = stub.run(service, '-role=otp', 'ubuntu@127.0.0.1', 'echo', *words)
    assert done.returncode == 0, done
    text = pathlib.Path(f'{stub.log}.-o NumberOfPasswordPrompts=1').read_bytes().split(b'\n', 1)[1]
    seen = [os.fsdecode(one) for one in text.split(b'\0')[:-1]]
    assert seen[seen.index('echo') + 1:] == words and seen[seen.index('echo') - 1] == 'ubuntu@127.0.0.1'
    assert not stub.mark.exists()


def test_values_of_our_options_stay_one_word_each(service, tmp_path):
    stub = Stub(tmp_path)
    value = f'no\nProxyCommand touch {stub.mark}'
    stub.run(service, '-role=otp', f'-strict-host-key-checking={value}', f'-user-known-hosts-file={value}', 'ubuntu@127.0.0.1')
    text = pathlib.Path(f'{stub.log}.-o NumberOfPasswordPrompts=1').read_bytes().split(b'\n', 1)[1]
    seen = [one.decode() for one in text.split(b'\0')[:-1]]
    assert f'-o UserKnownHostsFile={value}' in seen and f'-o StrictHostKeyChecking={value}' in seen
    assert not stub.mark.exists()


ROLES = ['../../sys/seal', '..', '.', 'otp/../../../sys/seal', 'otp?x=y', 'otp#x', 'otp%2f..', 'otp/', '/otp', 'otp\n', ' ', 'otp;x',
         '$(touch MARK)', '%00', 'otp//x', '\x1b[31m', '-otp']


def test_roles_ask_for_nothing_else(service, tmp_path):
    """Whatever a role is called, the server is asked for a password of a role, and ssh runs only with one."""
    stub = Stub(tmp_path)
    before = len(audit.entries(service.audit, 'request'))
    for role in ROLES:
        done = stub.run(service, f'-role={role}', 'ubuntu@127.0.0.1')
        assert (done.returncode == 0) == (stub.calls() != []), (role, done)
        for one in stub.calls():
            one.unlink()
    asked = {entry['request']['path'] for entry in audit.entries(service.audit, 'request')[before:]}
    assert all(path.startswith('ssh/creds/') or path == 'sys/leases/revoke' for path in asked), asked
    assert service.api(token=None).get('sys/health').json['sealed'] is False and not stub.mark.exists()
