"""Lines of 78 columns, and colour for people at a terminal alone (cli.md 1)."""
import os
import re

import pytest

from support.cli import good, says

COLUMNS = 78
RED, YELLOW, PLAIN = '\033[91m', '\033[93m', '\033[0m'


def commands(run):
    return re.findall(r'^    ([a-z][a-z-]*(?: [a-z][a-z-]*)?) +', run('-h').stderr, re.M)


def long_lines(text):
    return [one for one in text.split('\n') if len(one) > COLUMNS]


def test_no_line_of_any_help_is_longer(run):
    names = commands(run)
    assert len(names) > 30
    for words in [['-h'], *([one.partition(' ')[0], '-h'] for one in names), *([*one.split(), '-help'] for one in names)]:
        if words[0] not in ('server', 'version'):
            assert long_lines(run(*words).stderr) == [], words


def test_a_description_stays_in_its_column(run):
    lines = run('operator', 'tls-init', '-help').stderr.split('\n')
    flags = [i for i, one in enumerate(lines) if one.startswith('  -')]
    more = [lines[i + 1] for i in flags if lines[i + 1].strip() and not lines[i + 1].startswith('  -')]
    assert more and all(re.match(' {32}[^ ]', one) for one in more), more


LONG = [
    (['login', '-no-store', 'TOKEN'], {}, 'The token was not stored in token helper. Set the VAULT_TOKEN environment variable or pass the token below '
     'with each request to Vault.'),
    (['login', 'TOKEN'], {'VAULT_TOKEN': 'x'}, 'WARNING! The VAULT_TOKEN environment variable is set! The value of this variable will take '
     'precedence; if this is unwanted please unset VAULT_TOKEN or update its value accordingly.'),
    (['login', 'TOKEN'], {}, 'Success! You are now authenticated. The token information displayed below is already stored in the token helper. '
     'You do NOT need to run "sallyport login" again. Future Vault requests will automatically use this token.'),
    (['login', '-method=odd'], {}, 'Unknown auth method: odd. Use "sallyport auth list" to see the complete list of auth methods. Additionally, some '
     'auth methods are only available via the HTTP API.'),
    (['lease', 'revoke', '-force', '-prefix', 'ssh/creds/none'], {}, 'Warning! Force-removing leases can cause Vault to become out of sync with '
     'secret engines!'),
    (['-address=x', 'status'], {}, 'Invalid flags before the subcommand. If these flags are for the subcommand, please put them after the '
     'subcommand.'),
]


@pytest.mark.parametrize('words, env, text', LONG, ids=[' '.join(one[0]) for one in LONG])
def test_long_texts_are_wrapped(shared, run, tmp_path, words, env, text):
    done = run(*(shared.token if one == 'TOKEN' else one for one in words), env=env, token=None, home=tmp_path)
    said = done.stderr + done.stdout
    assert text not in said and text in said.replace('\n', ' '), done
    assert long_lines(said.split('\nKey ')[0].split('\nUsage')[0]) == []


def test_warnings_of_the_server_are_a_list(run):
    policy = 'nobody-has-written-the-policy-of-this-name-of-60-characters-'
    done = run('token', 'create', f'-policy={policy}', '-policy=b', '-ttl=1m')
    good(done)
    assert done.stderr == ('WARNING! The following warnings were returned from Vault:\n\n  * Policy "b" does not exist\n\n'
                           f'  * Policy "{policy}" does\n  not exist\n\n')


# ---- colour -----------------------------------------------------------------------------------------------------------

def at_terminal(run, *words, **more):
    """What a command says on standard error where that is a terminal; its answer goes elsewhere."""
    ours, its = os.openpty()
    try:
        done = run(*words, stderr=its, **more)
        os.close(its)
        said = b''
        try:
            while True:
                got = os.read(ours, 65536)
                if not got:
                    break
                said += got
        except OSError:
            pass  # the other end is closed
        return done, said.decode().replace('\r\n', '\n')
    finally:
        os.close(ours)


NONE = 'No value found at ssh/roles/none'


@pytest.mark.parametrize('env, words, coloured', [
    ({}, [], True), ({'VAULT_CLI_NO_COLOR': '1'}, [], False), ({'SALLYPORT_CLI_NO_COLOR': 'x'}, [], False), ({'NO_COLOR': '1'}, [], False),
    ({'NO_COLOR': ''}, [], True), ({'VAULT_FORMAT': 'json'}, [], False), ({}, ['-format=json'], False), ({}, ['-format=yaml'], False),
    ({'VAULT_FORMAT': 'json'}, ['-format=table'], True)])
def test_errors_are_red_in_tables_on_a_terminal(run, env, words, coloured):
    done, said = at_terminal(run, 'read', *words, 'ssh/roles/none', env=env)
    assert (done.returncode, done.stdout) == (2, '')
    assert said == (f'{RED}{NONE}{PLAIN}\n' if coloured else f'{NONE}\n')


def test_usage_errors_are_red_too_and_warnings_yellow(run):
    assert at_terminal(run, 'read', '-bogus')[1] == f'{RED}flag provided but not defined: -bogus{PLAIN}\n'
    # The format is not read yet where an option is wrong: the variable says it.
    assert at_terminal(run, 'read', '-bogus', env={'VAULT_FORMAT': 'json'})[1] == 'flag provided but not defined: -bogus\n'
    done, said = at_terminal(run, 'token', 'create', '-policy=b', '-ttl=1m')
    assert said == (f'{YELLOW}WARNING! The following warnings were returned from Vault:{PLAIN}\n\n'
                    f'{YELLOW}  * Policy "b" does not exist{PLAIN}\n\n')
    assert '\033' not in done.stdout


def test_nothing_is_coloured_off_a_terminal(run):
    says(run('read', 'ssh/roles/none'), 2, NONE)
    assert '\033' not in run('token', 'create', '-policy=b', '-ttl=1m').stderr
