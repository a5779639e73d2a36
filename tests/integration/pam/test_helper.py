"""sallyport-helper as pam_exec runs it: exit status, texts, what it asks."""
import os
import subprocess

import pytest

from support.build import HELPER
from support.host import UUID, YES, helper
from support.patience import PATIENCE_S
from support.sshd import Sshd, helper_config, write_config
from support.standin import Certificate, Silent, Standin


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
    assert sorted(one.wait(PATIENCE_S) for one in running) == [0] + [1] * 49


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


def test_servers_at_fault(config):
    for status in (500, 503, 429, 403, 302, 204):
        with Standin(status, {'errors': ['x']}) as server:
            assert helper('-dev', config(server.address)).returncode == 1
            assert len(server.requests) == 1
    with Silent() as server:
        assert helper('-dev', config(server.address, timeout_seconds=1)).returncode == 1
    assert helper('-dev', config('http://127.0.0.1:1')).returncode == 1
    assert helper('-dev', config('http://127.0.0.1:1', timeout_seconds=1), '-verify-only').returncode == 1


@pytest.mark.parametrize('errors', ['text that is long enough to be read as a list of values', 7, True, [1, None, {}], {'a': 'b'}])
def test_errors_of_another_type_are_none(config, errors):
    """Their bytes were walked as a list, wherever they pointed."""
    for status in (400, 403, 500):
        with Standin(status, {'errors': errors}) as server:
            done = helper('-dev', config(server.address))
            assert done.returncode == 1 and f'Code: {status}. Errors:' in done.err, done


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
