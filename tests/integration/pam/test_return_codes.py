"""What each fault returns to PAM, for the module alone in a small program."""
import os
import time

import pytest

from support.server import Server
from support.sshd import helper_config
from support.standin import Certificate, Silent, Standin

UUID = '01234567-89ab-cdef-0123-456789abcdef'
YES = {'data': {'ip': '127.0.0.1', 'username': 'nobody', 'role_name': 'otp'}, 'request_id': 'r'}


def settings(address, **more):
    words = {'allowed_roles': '"*"', 'allow_loopback': 'true', 'vault_addr': f'"{address}"', **more}
    return ''.join(f'{name} = {value}\n' for name, value in words.items())


def test_a_yes_is_a_yes_on_its_own_handle_alone(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('auth', 'acct', 'cred', 'open', 'close', 'chauthtok', password=UUID)
        assert got == [('auth', 'SUCCESS'), ('acct', 'SUCCESS'), ('cred', 'SUCCESS'), ('open', 'SUCCESS'),
                       ('close', 'SUCCESS'), ('chauthtok', 'AUTHTOK_ERR')]
        assert host.facts['ENV_SALLYPORT_ROLE'] == 1 and host.facts['ENV_SALLYPORT_OTP_IP'] == 1
        assert host.run('acct', 'cred', 'open', 'close') == [
            ('acct', 'PERM_DENIED'), ('cred', 'SUCCESS'), ('open', 'SUCCESS'), ('close', 'SUCCESS')]


def test_a_later_refusal_on_the_same_handle_takes_the_yes_back(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('auth', 'null', 'auth', 'acct', password=UUID)
        assert got[0] == ('auth', 'SUCCESS') and got[1][1] != 'SUCCESS'
        assert got[2] == ('acct', 'PERM_DENIED')
        assert not any(name.startswith('ENV_') for name in host.facts)


def test_nothing_is_left_in_the_host(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        for password in (UUID, 'x', ''):
            host.run('auth', 'auth', password=password, stack='auth required @LINE@\n')
            facts = {name: host.facts[name] for name in
                     ('fds', 'threads', 'signals', 'reaped', 'handler', 'mask', 'children')}
            assert facts == {'fds': 0, 'threads': 1, 'signals': 0, 'reaped': 0, 'handler': 1, 'mask': 0o022,
                             'children': 0}


def test_several_handles_at_once(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        host.run('several', password=UUID)
        assert host.facts['let_in'] == 8


def test_one_of_several_handles_wins(host, server):
    server.write_role(cidr_list='127.0.0.0/8', default_user='nobody')
    host.write_config(helper_config(server))
    otp = server.otp(ip='127.0.0.1')['data']['key']
    host.run('several', password=otp)
    assert host.facts['let_in'] == 1
    host.run('several', password=otp)
    assert host.facts['let_in'] == 0


@pytest.mark.parametrize('status, body, wanted', [
    (400, {'errors': ['OTP not found']}, 'AUTH_ERR'),
    (500, {'errors': ['internal error']}, 'AUTHINFO_UNAVAIL'),
    (503, {'errors': ['Vault is sealed']}, 'AUTHINFO_UNAVAIL'),
    (429, {'errors': ['rate limit']}, 'AUTHINFO_UNAVAIL'),
    (403, {'errors': ['permission denied']}, 'AUTHINFO_UNAVAIL'),
    (404, {'errors': []}, 'AUTHINFO_UNAVAIL'),
    (204, b'', 'AUTHINFO_UNAVAIL'),
    (302, YES, 'AUTHINFO_UNAVAIL'),
    (200, b'', 'AUTHINFO_UNAVAIL'),
    (200, b'yes', 'AUTHINFO_UNAVAIL'),
    (200, {}, 'AUTHINFO_UNAVAIL'),
    (200, [], 'AUTHINFO_UNAVAIL'),
    (200, {'data': None}, 'AUTHINFO_UNAVAIL'),
    (200, {'data': []}, 'AUTHINFO_UNAVAIL'),
    (200, {'data': {}}, 'AUTH_ERR'),
    (200, {'data': {'message': 'verify-echo-response'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'username': 'root'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'username': None}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'username': ['nobody']}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': '192.0.2.1'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': '127.0.0.2'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': 'localhost'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': ''}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': '::ffff:127.0.0.1'}}, 'SUCCESS'),
    (200, {**YES, 'pad': 'x' * 70000}, 'AUTHINFO_UNAVAIL'),
    (200, b'{"data":{"username":"root","username":"nobody","ip":"127.0.0.1","role_name":"otp"}}', 'AUTHINFO_UNAVAIL'),
])
def test_answers_of_a_server(host, status, body, wanted):
    with Standin(status, body, headers=[('Location', 'http://127.0.0.1:1/')] if status == 302 else ()) as server:
        host.write_config(settings(server.address))
        assert host.auth(password=UUID) == wanted
        assert len(server.requests) == 1  # an OTP that may be spent is never sent twice


@pytest.mark.parametrize('roles, wanted', [
    ('otp', 'SUCCESS'), ('a,otp', 'SUCCESS'), ('a, otp', 'SUCCESS'), (' otp ,b', 'SUCCESS'), ('*', 'SUCCESS'),
    ('a', 'AUTH_ERR'), ('a,*', 'AUTH_ERR'), ('ot', 'AUTH_ERR'), ('OTP', 'AUTH_ERR'), ('', 'AUTH_ERR'),
])
def test_lists_of_roles(host, roles, wanted):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address, allowed_roles=f'"{roles}"'))
        assert host.auth(password=UUID) == wanted


def test_a_missing_role_name(host):
    with Standin(200, {'data': {'ip': '127.0.0.1', 'username': 'nobody'}}) as server:
        host.write_config(settings(server.address, allowed_roles='"otp"'))
        assert host.auth(password=UUID) == 'AUTH_ERR'


@pytest.mark.parametrize('blocks, wanted', [
    ('203.0.113.40/32', 'SUCCESS'), ('198.51.100.0/24, 203.0.113.40/32', 'SUCCESS'), ('203.0.113.41/32', 'AUTH_ERR'),
    ('0.0.0.0/0', 'SUCCESS'), ('::/0', 'AUTH_ERR'),
])
def test_the_outer_address_behind_nat(host, blocks, wanted):
    with Standin(200, {'data': {**YES['data'], 'ip': '203.0.113.40'}}) as server:
        host.write_config(settings(server.address, allowed_cidr_list=f'"{blocks}"'))
        assert host.auth(password=UUID) == wanted


def test_loopback_addresses_do_not_count_by_themselves(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address, allow_loopback='false'))
        assert host.auth(password=UUID) == 'AUTH_ERR'


def test_passwords_that_never_leave_the_host(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        for password in ('', 'x', UUID[:-1], UUID + 'x', UUID.replace('-', 'x'), 'g' + UUID[1:], UUID + '\n\n',
                         '\b\n\r\x7fINCORRECT' * 3, 'verify-echo-request', ' ' + UUID[1:]):
            assert host.auth(password=password) == 'AUTH_ERR', password
        assert host.run('null', 'auth')[0][1] == 'AUTH_ERR'
        assert host.auth(password=UUID, user='no-such-user') == 'USER_UNKNOWN'
        assert server.requests == []
        assert host.auth(password=UUID + '\n') == 'SUCCESS'


@pytest.mark.parametrize('size', [512, 4096, 65536, 1 << 20, 16 << 20])
def test_huge_passwords(host, size):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        assert host.auth(password='0' * size) == 'AUTH_ERR'
        assert server.requests == []


def test_a_conversation_that_fails(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        assert host.run('mute', 'auth')[0][1] in ('CONV_ERR', 'AUTH_ERR')
        assert server.requests == []


def test_a_server_that_is_not_there(host):
    host.write_config(settings('http://127.0.0.1:1'))
    assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'


def test_a_server_that_never_answers_meets_the_deadline(host):
    with Silent() as server:
        host.write_config(settings(server.address))
        begin = time.monotonic()
        assert host.auth(password=UUID, words=('dev', 'timeout=1')) == 'AUTHINFO_UNAVAIL'
        host.write_config(settings(server.address, timeout_seconds=1))
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        assert time.monotonic() - begin < 10  # far below the usual deadlines of ten seconds each


def test_a_sealed_server(host):
    server = Server(dev=False).start()
    try:
        server.mount_ssh()
        server.write_role(cidr_list='10.0.0.0/8')
        otp = server.otp()['data']['key']
        server.api().put('sys/seal')
        host.write_config(helper_config(server))
        assert host.auth(password=otp) == 'AUTHINFO_UNAVAIL'
    finally:
        server.clean()


def test_several_servers_are_tried_in_turn(host):
    with Standin(200, YES) as server:
        host.write_config(settings(f'http://127.0.0.1:1, {server.address}'))
        assert host.auth(password=UUID) == 'SUCCESS'
        host.write_config(settings(f'{server.address},http://127.0.0.1:1'))
        assert host.auth(password=UUID) == 'SUCCESS'
        assert len(server.requests) == 2


def test_a_server_that_answered_is_not_followed_by_another(host):
    with Standin(500, {'errors': ['x']}) as first, Standin(200, YES) as second:
        host.write_config(settings(f'{first.address},{second.address}'))
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        assert (len(first.requests), len(second.requests)) == (1, 0)


def test_certificates(host, tmp_path):
    good, other, foreign = (Certificate(tmp_path, names, stem) for names, stem in
                            (('IP:127.0.0.1', 'good'), ('DNS:elsewhere.example', 'other'), ('IP:127.0.0.1', 'foreign')))
    for one in (good, other, foreign):
        (tmp_path / one.ca).chmod(0o644)
    with Standin(200, YES, tls=good) as server:
        host.write_config(settings(server.address, ca_cert=f'"{good.ca}"'))
        assert host.auth(password=UUID, words=()) == 'SUCCESS'
        host.write_config(settings(server.address, ca_cert=f'"{foreign.ca}"'))
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        host.write_config(settings(server.address))
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        host.write_config(settings(server.address, tls_skip_verify='true'))
        assert host.auth(password=UUID, words=()) == 'SUCCESS'
        host.write_config(settings(server.address, ca_cert=f'"{good.ca}"', server_spki_sha256='"' + 'A' * 43 + '="'))
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        assert len(server.requests) == 2
    with Standin(200, YES, tls=other) as server:
        host.write_config(settings(server.address, ca_cert=f'"{other.ca}"'))
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        assert server.requests == []
        host.write_config(settings(server.address, ca_cert=f'"{other.ca}"', tls_server_name='"elsewhere.example"'))
        assert host.auth(password=UUID, words=()) == 'SUCCESS'


HELPERS = {
    'exits 0 and says nothing': 'exit 0',
    'says yes without the nonce': 'echo sallyport 00000000000000000000000000000000 allow otp 127.0.0.1 r -',
    'repeats a verdict': 'echo sallyport allow; echo sallyport allow',
    'says too much': 'yes allow | head -c 100000',
    'kills itself': 'kill -9 $$',
    'closes and waits': 'exec >&-; exec <&-; exit 1',
}


@pytest.mark.parametrize('what', HELPERS)
def test_helpers_that_are_not_ours(host, tmp_path, what):
    host.write_config(settings('http://127.0.0.1:1'))
    program = tmp_path / 'other-helper'
    program.write_text('#!/bin/sh\n' + HELPERS[what] + '\n')
    program.chmod(0o755)
    assert host.auth(password=UUID, helper=program) == 'AUTHINFO_UNAVAIL'


def test_a_helper_that_hangs_meets_the_deadline(host, tmp_path):
    host.write_config(settings('http://127.0.0.1:1'))
    program = tmp_path / 'other-helper'
    program.write_text('#!/bin/sh\nexec sleep 20\n')
    program.chmod(0o755)
    begin = time.monotonic()
    assert host.auth(password=UUID, helper=program, words=('timeout=1',)) == 'AUTHINFO_UNAVAIL'
    assert time.monotonic() - begin < 10


@pytest.mark.parametrize('text, mode, why', [
    (None, 0, 'No such file or directory'), ('#!/bin/sh\n', 0o644, 'Permission denied'),
    ('#!/bin/sh\n', 0o700, 'Permission denied'), ('no program\n', 0o755, 'Exec format error'),
])
def test_helpers_that_cannot_be_run_are_told_apart(host, tmp_path, text, mode, why):
    host.write_config(settings('http://127.0.0.1:1'))
    program = tmp_path / 'other-helper'
    if text:
        program.write_text(text)
        program.chmod(mode)
    assert host.auth(password=UUID, helper=program) == 'AUTHINFO_UNAVAIL'
    assert f'why=the helper could not be run: {why}' in host.said


def test_words_of_the_module(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        for words in (('bogus',), ('dev=1',), ('timeout=0',), ('timeout=x',), ('timeout=',), ('timeout=101',),
                      ('config=',), ('prompt',), ('Dev',), ('fail_delay=-1',)):
            assert host.auth(password=UUID, words=words) == 'AUTHINFO_UNAVAIL', words
        assert server.requests == []
        for words in (('dev', 'debug'), ('dev', 'try_first_pass'), ('dev', 'prompt=Token:'), ('dev', 'timeout=100')):
            assert host.auth(password=UUID, words=words) == 'SUCCESS', words
        assert host.auth(password=UUID, words=('dev', 'use_first_pass')) == 'AUTH_ERR'
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'  # http without dev


def test_configurations_that_others_could_change(host, tmp_path):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        host.config.chmod(0o666)
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        host.config.chmod(0o664)
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        host.config.chmod(0o644)
        os.chown(host.config, 1, 0)
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        os.chown(host.config, 0, 0)
        assert host.auth(password=UUID) == 'SUCCESS'
        host.config.rename(tmp_path / 'real')
        host.config.symlink_to(tmp_path / 'real')
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        host.config.unlink()
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        os.mkfifo(host.config)
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'
        host.config.unlink()
        host.write_config(settings(server.address) + '# ' + 'x' * 70000)
        assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'


def test_the_environment_of_the_host_does_not_steer_the_helper(host):
    with Standin(200, YES) as server, Standin(200, YES) as evil:
        host.write_config(settings(server.address))
        env = {name: evil.address for name in ('VAULT_ADDR', 'VAULT_AGENT_ADDR', 'SALLYPORT_ADDR', 'http_proxy',
                                               'HTTP_PROXY', 'ALL_PROXY', 'all_proxy')}
        assert host.auth(password=UUID, env=env) == 'SUCCESS'
        assert (len(server.requests), len(evil.requests)) == (1, 0)
