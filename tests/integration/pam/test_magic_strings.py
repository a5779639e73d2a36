"""L56: no string is magic: what is no password of the right form never leaves the host."""
import pytest

from support.figures import figure
from support.host import UUID, YES, helper, settings
from support.sshd import helper_config
from support.standin import Standin

ECHO = {'data': {'message': 'verify-echo-response'}}
STRINGS = ['', 'x', '0' * 36, UUID[:-1], UUID + '\n\n', UUID + 'x', ' ' + UUID, UUID + ' ', UUID + '\r', '{' + UUID + '}',
           'urn:uuid:' + UUID, UUID.replace('-', ''), UUID.replace('-', '_'), UUID[:-1] + 'g', UUID.replace('-', '', 1) + '0',
           'verify-echo-request', 'verify-echo-response', 'verify-echo-request\n', 'VERIFY-ECHO-REQUEST',
           '\b\n\r\x7fINCORRECT' * 3, '\b\n\r\x7fINCORRECT\0' * 4, 'INCORRECT', 'root', 'null', 'true', '*', '%s%s%s%n', '0', '-1',
           'sallyport 0 allow otp - -', 's.' + 'a' * 24, UUID.replace('0', '\uff10'), '\0', '\0' * 36,
           UUID[:8] + '\0' + UUID[9:]]
NEVER_MADE = ['00000000-0000-0000-0000-000000000000', 'ffffffff-ffff-ffff-ffff-ffffffffffff', UUID]


@pytest.mark.parametrize('answer', [YES, ECHO])
def test_no_string_leaves_the_host(host, config, answer):
    """Whatever the server would have said to it."""
    with Standin(200, answer) as server:
        host.write_config(settings(server.address))
        wrong = [one for one in STRINGS if host.auth(password=one) != 'AUTH_ERR']
        words = ('-dev', config(server.address))
        wrong += [one for one in STRINGS if helper(*words, password=one).returncode != 1]
        figure('L56', 2 * len(STRINGS), len(wrong) + len(server.requests), 'strings')
        assert wrong == [] and server.requests == []


def test_the_probes_answer_is_no_login(host, config):
    with Standin(200, ECHO) as server:
        host.write_config(settings(server.address))
        assert host.auth(password=UUID) == 'AUTH_ERR'
        assert helper('-dev', config(server.address)).returncode == 1
        assert helper('-dev', '-verify-only', config(server.address), password='').returncode == 0
        assert [b'verify-echo-request' in request[3] for request in server.requests] == [False, False, True]


def test_passwords_that_were_never_made(host, server):
    server.write_role(cidr_list='127.0.0.0/8', default_user='nobody')
    host.write_config(helper_config(server))
    for password in NEVER_MADE:
        assert host.auth(password=password) == 'AUTH_ERR'
    assert host.auth(password=server.otp(ip='127.0.0.1')['data']['key'].upper()) == 'AUTH_ERR'
