"""Logins to a real sshd through the module."""
import re

import pytest

from support.host import programs
from support.server import wait_for
from support.sshd import Sshd, helper_config
from support.standin import Silent, Standin

METHODS = ['keyboard-interactive', 'password']


def key(server, **more):
    return server.otp(ip='127.0.0.1', **more)['data']['key']


@pytest.mark.parametrize('method', METHODS)
def test_an_otp_logs_in_once(logins, method):
    otp = key(logins)
    done = logins.sshd.login(otp, method=method)
    assert (done.returncode, done.stdout) == (0, 'in\n'), done.stderr + logins.sshd.log_text()
    assert not logins.sshd.lets_in(otp, method=method)


@pytest.mark.parametrize('method', METHODS)
def test_junk_of_sshd_never_reaches_the_server(logins, method):
    otp = key(logins, username='root')
    audit = logins.enable_audit(name=f'junk-{method}', file=f'{method}.log')
    assert not logins.sshd.lets_in(otp, user='root', method=method)
    assert not logins.sshd.lets_in(otp, user='no-such-user', method=method)
    assert 'ssh/verify' not in audit.read_text()
    assert logins.api(token=None).put('ssh/verify', {'otp': otp}).status == 200


def test_refused_passwords(logins):
    for password in ('', 'x', '0' * 36, '00000000-0000-0000-0000-000000000000', 'verify-echo-request', 'a' * 5000):
        assert not logins.sshd.lets_in(password), password


def test_a_revoked_otp_is_refused(logins):
    made = logins.otp(ip='127.0.0.1')
    assert logins.api().put('sys/leases/revoke', {'lease_id': made['lease_id']}).status == 204
    assert not logins.sshd.lets_in(made['data']['key'])


def test_an_expired_otp_is_refused(logins):
    logins.write_role('brief', cidr_list='127.0.0.0/8', ttl='1s')
    made = logins.otp('brief', ip='127.0.0.1')
    wait_for(lambda: logins.api().put('sys/leases/lookup', {'lease_id': made['lease_id']}).status == 400, 'expiry')
    assert not logins.sshd.lets_in(made['data']['key'])


def test_the_otp_of_another_user_is_refused_and_kept(logins):
    otp = key(logins, username='bob')
    assert not logins.sshd.lets_in(otp, user='ubuntu')
    assert logins.sshd.lets_in(otp, user='bob')


def test_the_module_says_why_and_never_the_password(logins):
    otp = key(logins)
    assert logins.sshd.lets_in(otp)
    assert not logins.sshd.lets_in(otp)
    if logins.sshd.facts['namespace'] == 'yes':
        for wanted in (r'one-time password accepted: user=ubuntu rhost=127.0.0.1 role=otp request_id=[0-9a-f-]{36}',
                       r'one-time password refused: user=ubuntu .*OTP not found'):
            wait_for(lambda: re.search(wanted, logins.sshd.log_text()), wanted)
    assert otp not in logins.sshd.log_text()


def test_the_session_knows_its_role(logins):
    done = logins.sshd.login(key(logins), command='env')
    assert 'SALLYPORT_ROLE=otp' in done.stdout
    assert 'SALLYPORT_OTP_IP=127.0.0.1' in done.stdout


def test_no_child_stays_behind(logins):
    logins.sshd.lets_in(key(logins))
    wait_for(lambda: f'{logins.sshd.dir}/sallyport-helper' not in programs(), 'the helper ends')


@pytest.mark.parametrize('method', METHODS)
def test_faults_refuse_and_pass(logins, method):
    """Nothing of a fault stays with sshd: the same password is good at the next login."""
    otp = key(logins)
    with Silent() as silent, Standin(503, {'errors': ['Vault is sealed']}) as sealed, Standin(200, b'{') as cut:
        try:
            for address in (silent.address, sealed.address, cut.address, 'http://127.0.0.1:1', 'no address'):
                logins.sshd.config(f'vault_addr = "{address}"\nallowed_roles = "*"\ntimeout_seconds = 1\n')
                assert not logins.sshd.lets_in(otp, method=method), address
        finally:
            logins.sshd.config(helper_config(logins))
    assert logins.sshd.lets_in(otp, method=method)
    wait_for(lambda: f'{logins.sshd.dir}/sallyport-helper' not in programs(), 'every helper ends')


def test_debug_says_more_and_never_the_password(logins):
    if logins.sshd.facts['namespace'] != 'yes':
        pytest.skip('what the module says goes to the machine here')
    sshd = Sshd(helper_config(logins), words=('dev', 'debug', 'fail_delay=0'))
    try:
        otp = key(logins)
        assert sshd.lets_in(otp)
        wait_for(lambda: re.search(r'asking \S+/sallyport-helper as uid [1-9]\d*, config ', sshd.log_text()), 'it says whom it asks')
        assert otp not in sshd.log_text()
    finally:
        sshd.stop()
