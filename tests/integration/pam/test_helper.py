"""sallyport-helper as pam_exec runs it: exit status, texts, what it asks."""
import os
import subprocess

import pytest

from support.build import HELPER, TEST_SSHD
from support.sshd import Sshd, helper_config, write_config
from support.standin import Certificate, Silent, Standin

UUID = '01234567-89ab-cdef-0123-456789abcdef'
YES = {'data': {'ip': '127.0.0.1', 'username': 'nobody', 'role_name': 'otp'}}


def helper(*words, password=UUID, user='nobody', env=None):
    variables = {'PAM_USER': user, 'PAM_TYPE': 'auth', 'PAM_RHOST': '192.0.2.1', **(env or {})}
    if user is None:
        del variables['PAM_USER']
    done = subprocess.run([str(HELPER), *words], input=password if isinstance(password, bytes) else password.encode(),
                          capture_output=True, env=variables, timeout=60)
    done.out, done.err = done.stdout.decode(), done.stderr.decode()
    return done


@pytest.fixture
def config(tmp_path):
    def write(address, **more):
        words = {'vault_addr': f'"{address}"', 'allowed_roles': '"*"', 'allow_loopback': 'true', **more}
        text = ''.join(f'{name} = {value}\n' for name, value in words.items())
        return '-config=' + str(write_config(tmp_path / 'helper.hcl', text))
    return write


def test_the_table_of_the_specification(config, server):
    """spec/ssh-helper.md section 9, against the real server."""
    server.write_role(cidr_list='127.0.0.0/8,10.0.0.0/8', allowed_users='nobody,root', default_user='nobody')

    def otp(**more):
        return server.otp(**{'ip': '127.0.0.1', **more})['data']['key']
    good = config(server.address)
    first = otp()
    assert helper('-dev', good, password=first).returncode == 0
    again = helper('-dev', good, password=first)
    assert again.returncode == 1 and '* OTP not found' in again.err
    assert helper('-dev', good, password=otp().encode() + b'\0').returncode == 0
    newline = helper('-dev', good, password=otp() + '\n')
    assert newline.returncode == 1 and 'uuid string is wrong length' in newline.err
    assert helper('-dev', good, password=otp(), user='root').returncode == 1
    for roles, status in (('"a"', 1), ('"a, otp"', 0), ('""', 1), ('"*"', 0)):
        assert helper('-dev', config(server.address, allowed_roles=roles), password=otp()).returncode == status, roles
    nat = config(server.address, allowed_cidr_list='"10.1.2.3/32"')
    assert helper('-dev', nat, password=otp(ip='10.1.2.3')).returncode == 0
    assert helper('-dev', nat, password=otp(ip='10.1.2.4')).returncode == 1
    plain = helper(good, password=otp())
    assert plain.returncode == 1 and "unsupported scheme. use 'dev' mode" in plain.err


def test_one_of_fifty_wins(config, server):
    server.write_role(cidr_list='127.0.0.0/8', default_user='nobody')
    words = [str(HELPER), '-dev', config(server.address)]
    otp = server.otp(ip='127.0.0.1')['data']['key'].encode()
    running = [subprocess.Popen(words, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                env={'PAM_USER': 'nobody'}) for _ in range(50)]
    for one in running:
        one.stdin.write(otp)
    for one in running:
        one.stdin.close()
    assert sorted(one.wait(60) for one in running) == [0] + [1] * 49


def test_texts_of_mismatches(config):
    for changed, text in (({'username': 'root'}, 'username mismatch'),
                          ({'ip': '192.0.2.1'}, "If this was expected, configure the 'allowed_cidr_list' option"),
                          ({'role_name': ''}, 'missing role name in the verification response'),
                          ({'role_name': 'x'}, 'not matching any of the allowed_roles')):
        with Standin(200, {'data': {**YES['data'], **changed}}) as server:
            done = helper('-dev', config(server.address, allowed_roles='"otp"'))
            assert done.returncode == 1 and text in done.err, (changed, done.err)


def test_what_is_asked(config):
    with Standin(200, YES) as server:
        assert helper('-dev', config(server.address, ssh_mount_point='"/ssh/prod/"', namespace='"team"')).returncode == 0
        method, path, headers, body = server.requests[0]
        assert (method, path) == ('PUT', '/v1/ssh/prod/verify')
        assert UUID.encode() in body and b'"username":"nobody"' in body
        assert 'X-Vault-Token' not in headers
        assert headers['X-Vault-Namespace'].rstrip('/') == 'team'


def test_an_account_without_a_name_spends_nothing(config):
    with Standin(200, YES) as server:
        for user in (None, ''):
            assert helper('-dev', config(server.address), user=user).returncode == 1
        assert server.requests == []


def test_passwords_that_are_no_otp_never_leave_the_host(config):
    with Standin(200, YES) as server:
        for password in ('', 'x', '0' * 36, UUID[:-1], UUID + '\n', 'verify-echo-request', '\b\n\r\x7fINCORRECT' * 3,
                         '0' * 65536, '0' * (1 << 20)):
            assert helper('-dev', config(server.address), password=password).returncode == 1
        assert server.requests == []


def test_servers_at_fault(config):
    for status in (500, 503, 429, 403, 302, 204):
        with Standin(status, {'errors': ['x']}) as server:
            assert helper('-dev', config(server.address)).returncode == 1
            assert len(server.requests) == 1
    with Silent() as server:
        assert helper('-dev', config(server.address, timeout_seconds=1)).returncode == 1
    assert helper('-dev', config('http://127.0.0.1:1')).returncode == 1
    assert helper('-dev', config('http://127.0.0.1:1', timeout_seconds=1), '-verify-only').returncode == 1


def test_certificates(config, tmp_path):
    good, other = Certificate(tmp_path, stem='good'), Certificate(tmp_path, 'DNS:elsewhere.example', 'other')
    with Standin(200, YES, tls=good) as server:
        assert helper(config(server.address, ca_cert=f'"{good.ca}"')).returncode == 0
        assert helper(config(server.address, ca_cert=f'"{other.ca}"')).returncode == 1
        assert helper(config(server.address, ca_cert='"/none"')).returncode == 1
        assert helper(config(server.address)).returncode == 1
        skipped = helper(config(server.address, tls_skip_verify='true'))
        assert skipped.returncode == 0 and 'tls_skip_verify is on' in skipped.err
        assert len(server.requests) == 2
    with Standin(200, YES, tls=other) as server:
        assert helper(config(server.address, ca_cert=f'"{other.ca}"')).returncode == 1
        assert server.requests == []


def test_verify_only(config, server):
    done = helper('-dev', '-verify-only', config(server.address), password='')
    assert done.returncode == 0 and 'helper verification successful!' in done.err + done.out
    empty = helper('-dev', '-verify-only', config(server.address, allowed_roles='""'), password='')
    assert empty.returncode == 0 and 'every login will be refused' in empty.err + empty.out
    with Standin(200, {'data': {'message': 'hello'}}) as other:
        wrong = helper('-dev', '-verify-only', config(other.address))
        assert wrong.returncode == 1 and 'invalid echo response' in wrong.err


def test_version_words_anywhere(config):
    for words in (['version'], ['-v'], ['-version'], ['--version'], ['-config=x', 'version'], ['-bogus', '-v']):
        done = subprocess.run([str(HELPER), *words], capture_output=True, text=True, env={}, stdin=subprocess.DEVNULL)
        assert done.returncode == 0 and done.stdout.startswith('sallyport-helper v'), words
        assert helper(*words).returncode == 1  # under PAM a word lets nobody in


def test_usage(config):
    for words in (['-h'], ['-help'], ['-bogus'], ['-config'], ['-dev=maybe'], ['-log-level=loud']):
        done = helper(*words)
        assert done.returncode == 1 and done.out.startswith('Usage: sallyport-helper'), words
    assert 'at least one config path must be specified with -config' in helper().err
    assert 'missing config "vault_addr"' in helper('-config=/does/not/exist').err


FAULTS = [
    '', 'allowed_roles = "*"', 'vault_addr', 'vault_addr =', 'vault_addr = ""', 'vault_addr = "h:8200"',
    'vault_addr = "ftp://h"', 'vault_addr = "http://"', 'vault_addr = ["http://127.0.0.1:1"]', 'vault_addr = {}',
    'vault_addr = "http://127.0.0.1:1', '{"vault_addr": "http://127.0.0.1:1"', '{}', '[]', 'null', '"x"', '\0', '\xff',
    'vault_adr = "http://A"', 'unknown = "x"\nvault_addr = "http://A"', 'VAULT_ADDR = "http://A"',
    'vault_addr = "http://A"\nsallyport_addr = "http://A"', 'vault_addr = "http://A"\nallowed_cidr_list = "x"',
    'vault_addr = "http://A"\nallowed_cidr_list = "10.0.0.0/33"', 'vault_addr = "http://A"\nallowed_cidr_list = "10.0.0.1"',
    'vault_addr = "http://A"\nallowed_cidr_list = "10.0.0.0/8, host.example"', 'vault_addr = "http://A"\nallowed_cidr_list = "10.0.0.0/8,localhost"',
    'vault_addr = "http://A"\ntimeout_seconds = 0', 'vault_addr = "http://A"\ntimeout_seconds = 101',
    'vault_addr = "http://A"\ntimeout_seconds = "x"', 'vault_addr = "http://A"\ntimeout_seconds = -1',
    'vault_addr = "http://A"\nallow_loopback = "maybe"', 'vault_addr = "http://A"\nallow_loopback = 7',
    'vault_addr = "http://A"\ntls_skip_verify = "yes please"', 'vault_addr = "http://A"\nallowed_roles = ["otp"]',
    'vault_addr = "http://A"\nallowed_roles = {}', 'vault_addr = "http://A"\nca_cert = 1\nbogus = 1',
    'vault_addr = "http://A"\nclient_cert = "/none"', 'vault_addr = "http://A"\nclient_key = "/none"',
    'vault_addr = "http://A"\nserver_spki_sha256 = "short"', 'vault_addr = "https://A"', 'vault_addr = "http://A,https://A"',
    'vault_addr = "http://A"\nssh_mount_point = ["x"]', 'vault_addr = "http://A"\nblock { x = 1 }', 'vault_addr = "http://A" }',
    'vault_addr = "http://A"\n/* open', 'vault_addr = <<EOF\nhttp://A\n', 'vault_addr = "http://A"\n' + 'x' * 70000,
]


def test_no_fault_of_a_configuration_ever_lets_in(tmp_path):
    """Each with and without -dev, for a login and for the module's frame."""
    with Standin(200, YES) as server:
        for i, text in enumerate(FAULTS):
            path = tmp_path / f'{i}.hcl'
            path.write_bytes(text.replace('//A', server.address[5:]).encode('latin-1'))
            path.chmod(0o644)
            for words in (['-dev'], []):
                done = helper(*words, f'-config={path}')
                assert done.returncode == 1, (text[:200], done)
        assert server.requests == []


LINES = [[], [''], ['-'], ['--'], ['config'], ['-config='], ['--config'], ['-config', ''], ['-dev', '-dev=false'], ['-verify-only=x'],
         ['-config=/'], ['-config=/dev/null'], ['-config=/dev/zero'], ['-config=/etc/passwd'], ['-config=/proc/self/mem'],
         ['-module'], ['-module', '-dev'], ['--module'], ['-module=1'], ['-config=~/x'], ['-=x'], ['---config=x'],
         ['-config=x', '-config=/dev/null'], ['-log-level'], ['-log-level='], ['-log-level', 'off'], ['-h', '-dev'],
         ['-dev', '-verify-only'], ['help'], ['-verify-only', '-config=/dev/null'], ['\n'], ['-dev\n'], ['-config=\n']]


def test_no_command_line_alone_ever_lets_in():
    for line in LINES:
        for extra in ([], ['-dev'], ['-log-level=trace'], ['word']):
            for password in (UUID, 'verify-echo-request'):
                assert helper(*line, *extra, password=password).returncode == 1, line


def test_configurations_that_others_could_change(config, tmp_path):
    with Standin(200, YES) as server:
        good = config(server.address)
        path = tmp_path / 'helper.hcl'
        for mode in (0o666, 0o664, 0o646):
            path.chmod(mode)
            assert helper('-dev', good).returncode == 1
        path.chmod(0o644)
        os.chown(path, 1, 0)
        assert helper('-dev', good).returncode == 1
        os.chown(path, 0, 0)
        assert helper('-dev', good).returncode == 0
        assert len(server.requests) == 1


HOSTILE = ['VAULT_ADDR', 'VAULT_AGENT_ADDR', 'SALLYPORT_ADDR', 'SALLYPORT_AGENT_ADDR', 'http_proxy', 'https_proxy', 'HTTP_PROXY',
           'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy', 'VAULT_PROXY_ADDR']
NOISE = ['VAULT_SKIP_VERIFY', 'VAULT_CACERT', 'VAULT_CAPATH', 'VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_MAX_RETRIES',
         'VAULT_CLIENT_TIMEOUT', 'VAULT_TLS_SERVER_NAME', 'VAULT_CLIENT_CERT', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
         'CURL_CA_BUNDLE', 'OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES', 'SSLKEYLOGFILE', 'HOME', 'TZ', 'LOCPATH',
         'RES_OPTIONS', 'HOSTALIASES', 'LOCALDOMAIN', 'RESOLV_HOST_CONF', 'NO_PROXY', 'no_proxy', 'TMPDIR', 'LANG', 'IFS',
         'MALLOC_TRACE', 'GCONV_PATH']


def test_hostile_variables_change_nothing(config, tmp_path):
    with Standin(200, YES) as server, Standin(200, YES) as evil:
        for name in HOSTILE:
            assert helper('-dev', config(server.address), env={name: evil.address}).returncode == 0
        for name in NOISE:
            assert helper('-dev', config(server.address), env={name: str(tmp_path / 'x')}).returncode == 0
        assert evil.requests == [] and len(server.requests) == len(HOSTILE) + len(NOISE)
        assert all('X-Vault-Token' not in one[2] and 'X-Vault-Namespace' not in one[2] for one in server.requests)
        assert not (tmp_path / 'x').exists()


def test_no_name_look_up_decides_access(config):
    """A role list or address list that names this very host by name is no yes."""
    with Standin(200, {'data': {**YES['data'], 'ip': 'localhost'}}) as server:
        assert helper('-dev', config(server.address)).returncode == 1


# Two files as vault-ssh-helper's pages and users have them.
PEER_HCL = '''
vault_addr = "ADDRESS"
ssh_mount_point = "ssh"
namespace = ""
ca_cert = "/etc/vault-ssh-helper.d/vault.crt"
tls_skip_verify = false
allowed_roles = "*"
allowed_cidr_list="127.0.0.1/32"
'''
PEER_JSON = '''
{ "vault_addr": "ADDRESS", "ssh_mount_point": "ssh", "tls_skip_verify": false, "allowed_roles": "web,otp",
  "allowed_cidr_list": "127.0.0.0/8" }
'''


@pytest.mark.parametrize('text', [PEER_HCL, PEER_JSON])
def test_files_of_vault_ssh_helper_as_they_are(text, server, tmp_path):
    server.write_role(cidr_list='127.0.0.0/8', default_user='nobody')
    path = write_config(tmp_path / 'config.hcl', text.replace('ADDRESS', server.address))
    otp = server.otp(ip='127.0.0.1')['data']['key']
    assert helper('-dev', '-config', str(path), password=otp).returncode == 0


def test_binding_of_host_and_user(tmp_path, server):
    """R11: a password for address X and user U is worthless at Y and for V."""
    users, hosts = ['nobody', 'root', 'daemon'], ['10.77.0.1', '10.77.0.2', '2001:db8::1']
    server.write_role(cidr_list='10.77.0.0/24,2001:db8::/64', allowed_users=','.join(users))
    for issued_host in hosts:
        for issued_user in users:
            otp = server.otp(ip=issued_host, username=issued_user)['data']['key']
            for host in hosts:
                path = write_config(tmp_path / 'helper.hcl', helper_config(
                    server, allow_loopback=False,
                    allowed_cidr_list=host + ('/128' if ':' in host else '/32')))
                for user in users:
                    if (host, user) != (issued_host, issued_user):
                        # A wrong user keeps the password, a wrong host spends it: ask with a fresh one.
                        spare = server.otp(ip=issued_host, username=issued_user)['data']['key']
                        assert helper('-dev', f'-config={path}', password=spare, user=user).returncode == 1
            path = write_config(tmp_path / 'helper.hcl', helper_config(
                server, allow_loopback=False, allowed_cidr_list=issued_host + ('/128' if ':' in issued_host else '/32')))
            assert helper('-dev', f'-config={path}', password=otp, user=issued_user).returncode == 0


def test_a_neighbour_of_the_same_subnet_is_refused(tmp_path):
    """L53: the address counts, not its network. In a network of its own."""
    script = tmp_path / 'run'
    with_interface = 'ip link set lo up && ip link add net0 type bridge && ip addr add 10.77.0.5/24 dev net0 && ip link set net0 up'
    if subprocess.run(['unshare', '-n', 'sh', '-c', with_interface], capture_output=True).returncode != 0:
        pytest.skip('no network namespace here')
    # The stand-in must live inside too: a few lines of the same Python.
    script.write_text(f'''
import subprocess, sys
sys.path.insert(0, {str(TEST_SSHD.parents[1] / "tests" / "integration")!r})
from support.standin import Standin
for ip, wanted in (('10.77.0.5', 0), ('10.77.0.6', 1), ('10.77.0.0', 1), ('10.77.0.255', 1), ('127.0.0.1', 1), ('::1', 1)):
    with Standin(200, {{'data': {{'ip': ip, 'username': 'nobody', 'role_name': 'otp'}}}}) as server:
        path = {str(tmp_path / "helper.hcl")!r}
        open(path, 'w').write(f'vault_addr = "{{server.address}}"\\nallowed_roles = "*"\\n')
        done = subprocess.run([{str(HELPER)!r}, '-dev', '-config=' + path], input=b'{UUID}', env={{'PAM_USER': 'nobody'}})
        assert done.returncode == wanted, (ip, done)
''')
    done = subprocess.run(['unshare', '-n', 'sh', '-c', f'{with_interface} && exec /usr/bin/python3 {script}'],
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


PAM_EXEC = '''auth requisite pam_exec.so quiet expose_authtok log=@DIR@/helper.log @DIR@/sallyport-helper -dev -config=@DIR@/helper.hcl
{second}
account required pam_unix.so
session required pam_permit.so
'''


@pytest.mark.parametrize('second', ['auth optional pam_permit.so',
                                    'auth optional pam_unix.so not_set_pass use_first_pass nodelay'])
def test_a_login_under_pam_exec(server, tmp_path, second):
    server.write_role(cidr_list='127.0.0.0/8')
    lines = tmp_path / 'lines'
    lines.write_text(PAM_EXEC.format(second=second))
    sshd = Sshd(helper_config(server), more=('--pam-lines', str(lines)))
    try:
        for method in ('keyboard-interactive', 'password'):
            otp = server.otp(ip='127.0.0.1')['data']['key']
            done = sshd.login(otp, method=method)
            assert done.returncode == 0, done.stderr + sshd.log_text()
            assert not sshd.lets_in(otp, method=method)
            assert not sshd.lets_in('wrong', method=method)
    finally:
        sshd.stop()
