"""L33: a token, password or key stands where it was asked for, and in no other output, log or file."""
import itertools
import os

import pytest

from support import cli
from support.figures import figure
from support.standin import Standin

SECRET = 'hvs.secretsecretsecretsec'
PASSWORD = 'pass-word-of-the-proxy'

COMMANDS = [
    ['read', 'ssh/roles/otp'], ['write', 'ssh/creds/otp', 'ip=10.1.2.3'], ['list', 'ssh/roles'], ['delete', 'ssh/roles/none'],
    ['token', 'lookup'], ['token', 'lookup', SECRET], ['token', 'renew'], ['token', 'renew', SECRET], ['token', 'revoke', SECRET],
    ['token', 'revoke', '-self'], ['token', 'create', '-id', SECRET], ['token', 'capabilities', SECRET, 'ssh/creds/otp'],
    ['status'], ['secrets', 'list'], ['secrets', 'enable', 'ssh'], ['auth', 'list'], ['policy', 'list'], ['policy', 'read', 'default'],
    ['lease', 'lookup', 'x'], ['lease', 'revoke', 'x'], ['login', SECRET], ['login', '-method=token', f'token={SECRET}'],
    ['operator', 'unseal', SECRET], ['operator', 'seal'], ['operator', 'init', '-status'], ['audit', 'list'],
    ['ssh', '-role=otp', '-mode=otp', '-no-exec', '10.1.2.3'], ['ssh', '-role=otp', '-mode=otp', 'ubuntu@10.1.2.3'],
    ['write', 'ssh/verify', f'otp={SECRET}'], ['path-help', 'ssh'], ['print', 'nothing'], ['read', f'-token={SECRET}', 'ssh/roles/otp']]
FORMATS = ([], ['-format=json'], ['-format=yaml'])
# What prints a token on request, its own or one that is being made.
ASKED = {'token': {'lookup', 'create'}, 'print': {'token'}}


def with_format(words, words_of_format):
    """The flag behind the command's own words, where `vault` takes it."""
    at = 2 if words[0] in ('token', 'secrets', 'auth', 'policy', 'lease', 'operator', 'audit') else 1
    return [*words[:at], *words_of_format, *words[at:]]


def test_no_output_holds_the_token_that_was_sent(shared, tmp_path):
    tries, wrong = 0, []
    for words, form in itertools.product(COMMANDS, FORMATS):
        done = cli.run(shared, *with_format(words, form), token=SECRET, home=tmp_path)
        tries += 1
        if SECRET in done.stdout + done.stderr:
            wrong.append((words, form, done.stdout, done.stderr))
    figure('L33', tries, len(wrong), 'commands')
    assert wrong == []
    assert SECRET not in shared.log_text()


@pytest.mark.parametrize('name', ['VAULT_ADDR', 'SALLYPORT_ADDR', 'https_proxy', 'HTTPS_PROXY', 'http_proxy', 'VAULT_PROXY_ADDR'])
def test_no_address_is_shown_with_its_user_part(shared, tmp_path, name):
    """CVE-2020-13223: a password in a URL of the environment is not for logs."""
    wrong = []
    for host in ('127.0.0.1:1', 'nowhere.invalid', shared.address.partition('//')[2]):
        for words in (['status'], ['read', 'ssh/roles/otp'], ['token', 'lookup'], ['login', SECRET]):
            done = cli.run(shared, *words, env={name: f'http://user:{PASSWORD}@{host}'}, home=tmp_path)
            if PASSWORD in done.stdout + done.stderr:
                wrong.append((words, host, done.stdout, done.stderr))
    figure('L33', 12, len(wrong), 'addresses with a password')
    assert wrong == []


@pytest.mark.parametrize('status, body', [(500, {'errors': ['internal error']}), (403, {'errors': ['permission denied']}),
                                          (200, b'nonsense'), (200, b'{"auth":{'), (400, {'errors': ['bad']}), (503, b'')])
def test_a_server_at_fault_draws_out_nothing(shared, tmp_path, status, body):
    with Standin(status=status, body=body) as other:
        for words in COMMANDS:
            done = cli.run(shared, *words, token=SECRET, home=tmp_path, env={'VAULT_ADDR': other.address})
            assert SECRET not in done.stdout + done.stderr, words
        assert any(headers.get('X-Vault-Token') == SECRET for _, _, headers, _ in other.requests)


def test_a_token_at_rest_is_the_callers_alone(shared, tmp_path):
    """The file that login writes, and nothing beside it."""
    made = shared.api().post('auth/token/create', {'ttl': '1h', 'policies': ['default']}).json['auth']['client_token']
    done = cli.run(shared, 'login', made, token=None, home=tmp_path)
    assert done.returncode == 0, done
    holding = [path for path in tmp_path.rglob('*') if path.is_file() and made in path.read_text(errors='replace')]
    assert [path.name for path in holding] == ['.vault-token']
    assert os.stat(holding[0]).st_mode & 0o077 == 0


def test_a_password_is_shown_once_and_only_where_asked(shared, tmp_path):
    """creds prints it; a login that runs ssh does not."""
    shared.write_role('leak', cidr_list='127.0.0.0/8')
    done = cli.run(shared, 'write', '-field=key', 'ssh/creds/leak', 'ip=127.0.0.1')
    assert done.returncode == 0 and len(done.stdout.strip()) == 36 and done.stderr == ''
    assert done.stdout.strip() not in shared.log_text()
