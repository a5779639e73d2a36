"""L33: a token, password or key stands where it was asked for, and in no other output, log or file."""
import itertools
import os
import subprocess

import pytest

from support import cli
from support.build import HELPER
from support.figures import figure
from support.patience import PATIENCE_S
from support.server import Server, free_port
from support.sshd import write_config
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


# ---- good tokens, and places that are none -----------------------------------

PROXY_PASSWORD, TYPED = 'hunter3-of-the-proxy', 'hunter4-as-typed'
KEY = 'c2VjcmV0LXNoYXJlLW9mLXRoZS11bnNlYWwta2V5LTEyMw=='
PROXIES = {name: f'http://proxy:{PROXY_PASSWORD}@127.0.0.1:1' for name in ('http_proxy', 'https_proxy', 'HTTP_PROXY', 'HTTPS_PROXY',
                                                                           'ALL_PROXY', 'VAULT_PROXY_ADDR')}

# Words of a command; True where its very answer, on standard output, is the token or the password.
TRIED = [
    (['read', 'ssh/roles/otp'], False), (['read', '-format=json', 'ssh/roles/otp'], False), (['read', 'no/such/path'], False),
    (['read', 'sys/health'], False), (['list', 'ssh/roles'], False), (['list', '-format=yaml', 'sys/policies/acl'], False),
    (['delete', 'ssh/roles/none'], False), (['write', 'ssh/creds/none', 'ip=10.1.2.3'], False),
    (['write', 'ssh/creds/otp', 'ip=no-address'], False), (['write', 'ssh/verify', f'otp={TYPED}'], False),
    (['write', '-format=json', 'ssh/verify', f'otp={TYPED}'], False), (['write', 'ssh/roles/x', 'key_type=bogus'], False),
    (['write', 'ssh/verify', f'@{TYPED}'], None), (['status'], False), (['status', '-format=json'], False),
    (['path-help', 'ssh/creds/otp'], False), (['path-help', 'none'], False), (['version'], False),
    (['audit', 'list'], False), (['audit', 'list', '-detailed'], False), (['audit', 'enable', 'file', 'file_path=relative'], False),
    (['lease', 'lookup', 'ssh/creds/otp/none'], False), (['lease', 'renew', 'ssh/creds/otp/none'], False),
    (['lease', 'revoke', 'ssh/creds/otp/none'], False), (['lease', 'revoke', '-prefix', 'none/'], False),
    (['operator', 'unseal', KEY], False), (['operator', 'unseal', KEY[:-1] + '!'], False), (['operator', 'init'], False),
    (['policy', 'list'], False), (['policy', 'read', 'default'], False), (['policy', 'read', 'none'], False),
    (['secrets', 'list'], False), (['secrets', 'list', '-detailed'], False), (['secrets', 'tune', 'none'], False),
    (['secrets', 'enable', 'bogus'], False), (['secrets', 'move', 'a', 'b'], False),
    (['token', 'capabilities', 'sys/health'], False), (['token', 'renew'], True), (['token', 'lookup'], True),
    (['token', 'lookup', TYPED], False), (['token', 'renew', TYPED], False), (['token', 'revoke', TYPED], False),
    (['token', 'lookup', '-accessor', TYPED], False), (['token', 'create', '-ttl=bogus'], False),
    (['token', 'create', '-policy=none', '-format=json'], True), (['token', 'create', '-wrap-ttl=60s'], True),
    (['print', 'token'], True), (['login', '-no-store', TYPED], False), (['login', '-method=userpass', 'username=x', f'password={TYPED}'],
                                                                          False),
    (['login', f'token={TYPED}'], False), (['login', '-method=bogus', f'password={TYPED}'], False),
    (['login', '-method=userpass', 'username=x', f'passcode={TYPED}'], False), (['login', '-method=jwt', f'jwt={TYPED}'], False),
    (['login', '-method=approle', 'role_id=x', f'secret_id={TYPED}'], False), (['unwrap', TYPED], False), (['auth', 'list'], False),
    (['login', '-method=kubernetes', 'role=x', f'jwt={TYPED}'], False), (['auth', 'help', 'none'], False),
    (['auth', 'enable', 'bogus'], False), (['auth', 'tune', 'none'], False), (['auth', 'disable', 'none'], False),
    (['read', '-output-policy', 'ssh/roles/otp'], False), (['read', '-output-curl-string', 'ssh/roles/otp'], True),
    (['ssh', '-mode=otp', '-role=none', 'ubuntu@10.1.2.3'], False), (['ssh', '-mode=otp', '-role=otp', 'ubuntu@192.0.2.1'], False),
    (['ssh', '-mode=bogus', '-role=otp', 'ubuntu@10.1.2.3'], False), (['server', '-bogus'], False), (['read'], False), (['bogus'], False),
    (['-h'], False), (['read', '-bogus', 'x'], False), (['read', '-format=bogus', 'ssh/roles/otp'], False),
    (['read', '-address=bogus', 'x'], False), (['read', '-ca-cert=/none', '-address=https://127.0.0.1:1', 'x'], False),
]


@pytest.fixture(scope='module')
def service():
    one = Server().start().mount_ssh()
    one.write_role()
    one.audit = one.enable_audit()
    one.plain = one.token_with('path "*" { capabilities = ["create", "read", "update", "delete", "list", "sudo"] }')
    one.narrow = one.token_with('path "nothing" { capabilities = ["read"] }')
    yield one
    one.clean()


def leaks(done, secrets, asked):
    """Which of the secrets stand where nobody wanted them."""
    text = done.stderr if asked else done.stdout + done.stderr
    return [one for one in secrets if one in text]


def circumstances(service):
    """Where and as whom: each with the secrets that are at stake."""
    def at(host):
        return f'http://bob:{PASSWORD}@{host}'
    own = f'127.0.0.1:{service.port}'
    return {
        'all is well': (service.plain, at(own)),
        'no rights': (service.narrow, at(own)),
        'a token that is none': ('hvs.' + 'x' * 24, at(own)),
        'nobody listens': (service.plain, at(f'127.0.0.1:{free_port()}')),
        'no TLS there': (service.plain, at(own).replace('http:', 'https:')),
        'a URL that is none': (service.plain, at('[::1')),
        'a scheme that is none': (service.plain, at(own).replace('http:', 'gopher:')),
    }


def test_commands_keep_secrets(service, tmp_path):
    tries, wrong = 0, []
    for where, (token, address) in circumstances(service).items():
        env = {'VAULT_ADDR': address, 'VAULT_MAX_RETRIES': '0', 'VAULT_CLIENT_TIMEOUT': '20', 'VAULT_LOG_LEVEL': 'trace', **PROXIES}
        secrets = [token, PASSWORD, PROXY_PASSWORD, KEY[:-3]]
        # A second look at what was said about one thing is enough where nothing is reached.
        for words, asked in TRIED if where in ('all is well', 'no rights') else TRIED[::4]:
            done = cli.run(service, *words, token=token, env=env, home=tmp_path)
            # A file that is not there is named as typed; a typed secret is no file.
            found = leaks(done, secrets + ([] if asked is None else [TYPED]), asked)
            tries += 1
            if found:
                wrong.append((where, words, found, done))
    kept = service.log_text() + service.audit.read_text()
    in_logs = [one for one in (service.plain, service.narrow, PASSWORD, PROXY_PASSWORD, TYPED, KEY) if one in kept]
    figure('L33', tries, len(wrong) + len(in_logs), 'commands')
    assert wrong == [] and in_logs == []
    assert list(tmp_path.rglob('*')) == []  # no command but login keeps anything


@pytest.mark.parametrize('status', ['good', 'spent', 'down', 'wrong user'])
def test_the_helper_keeps_secrets(service, tmp_path, status):
    service.write_role('host', cidr_list='127.0.0.0/8', default_user='nobody')
    port = free_port() if status == 'down' else service.port
    path = write_config(tmp_path / 'helper.hcl', f'vault_addr = "http://bob:{PASSWORD}@127.0.0.1:{port}"\n'
                                                 'allowed_roles = "*"\nallow_loopback = true\n')
    otp = service.otp('host', ip='127.0.0.1')['data']['key']
    env = {'PAM_USER': 'root' if status == 'wrong user' else 'nobody', 'VAULT_TOKEN': service.plain, **PROXIES}
    for _ in range(2 if status == 'spent' else 1):
        done = subprocess.run([str(HELPER), '-dev', '-log-level=trace', f'-config={path}'], input=otp, capture_output=True, text=True,
                              env=env, timeout=PATIENCE_S)
    assert (done.returncode == 0) == (status == 'good'), done
    assert [one for one in (otp, PASSWORD, PROXY_PASSWORD, service.plain) if one in done.stdout + done.stderr] == []
    assert os.listdir(tmp_path) == ['helper.hcl']
