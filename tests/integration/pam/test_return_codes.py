"""What each fault returns to PAM, for the module alone in a small program."""
import concurrent.futures
import os
import re

import pytest

from support.figures import figure
from support.host import UUID, YES, Host, settings
from support.server import Server
from support.sshd import helper_config
from support.standin import Certificate, Silent, Standin


def test_a_yes_is_a_yes_on_its_own_handle_alone(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('auth', 'acct', 'cred', 'open', 'close', 'chauthtok', password=UUID)
        assert got == [('auth', 'SUCCESS'), ('acct', 'SUCCESS'), ('cred', 'SUCCESS'), ('open', 'SUCCESS'),
                       ('close', 'SUCCESS'), ('chauthtok', 'AUTHTOK_ERR')]
        assert host.facts['ENV_SALLYPORT_ROLE'] == 1 and host.facts['ENV_SALLYPORT_OTP_IP'] == 1
        assert host.run('acct', 'cred', 'open', 'close') == [
            ('acct', 'PERM_DENIED'), ('cred', 'SUCCESS'), ('open', 'SUCCESS'), ('close', 'SUCCESS')]


# ---- every fault in every stack --------------------------------------------

ACCOUNT = 'account required @LINE@\n'
# Where no other module has a say the code is the module's own.
ALONE = {
    'required': 'auth required @LINE@\n',
    'requisite, permit': 'auth requisite @LINE@\nauth required pam_permit.so\n',
    'required, permit': 'auth required @LINE@\nauth required pam_permit.so\n',
    'permit, required': 'auth required pam_permit.so\nauth required @LINE@\n',
    'done or die': 'auth [success=done new_authtok_reqd=done default=die] @LINE@\nauth required pam_permit.so\n',
    'ignore is ignored': 'auth [success=ok ignore=ignore default=bad] @LINE@\nauth required pam_permit.so\n',
    'ignore is a yes': 'auth [success=ok ignore=ok default=bad] @LINE@\nauth required pam_permit.so\n',
    'twice': 'auth required @LINE@\nauth required @LINE@\n',
    'in another file': 'auth include @DIR@/required\nauth required pam_permit.so\n',
}
BESIDE = {
    'sufficient': 'auth sufficient @LINE@\n',
    'optional': 'auth optional @LINE@\n',
    'sufficient, deny': 'auth sufficient @LINE@\nauth required pam_deny.so\n',
    'deny is jumped over': 'auth [success=1 default=ignore] @LINE@\nauth requisite pam_deny.so\nauth required pam_permit.so\n',
    'a stack below': 'auth substack @DIR@/required\nauth required pam_permit.so\n',
    'faults are ignored, deny': 'auth [success=done default=ignore] @LINE@\nauth required pam_deny.so\n',
}
SHAPES = {name.replace(' ', '-').replace(',', ''): text + ACCOUNT for name, text in {**ALONE, **BESIDE}.items()}


def script(text):
    return f'#!/bin/sh\n{text}\n'


# What is wrong: the code wanted, then what differs from a good login.
FAULTS = {
    'the server refuses': ('AUTH_ERR', {'status': 400, 'body': {'errors': ['OTP not found']}}),
    'the server fails': ('AUTHINFO_UNAVAIL', {'status': 500}),
    'the server is sealed': ('AUTHINFO_UNAVAIL', {'status': 503}),
    'the server is gone': ('AUTHINFO_UNAVAIL', {'vault_addr': '"http://127.0.0.1:1"'}),
    'no JSON': ('AUTHINFO_UNAVAIL', {'body': b'yes'}),
    'no data': ('AUTHINFO_UNAVAIL', {'body': {}}),
    'another user': ('AUTH_ERR', {'body': {'data': {**YES['data'], 'username': 'root'}}}),
    'another host': ('AUTH_ERR', {'body': {'data': {**YES['data'], 'ip': '192.0.2.1'}}}),
    'another role': ('AUTH_ERR', {'allowed_roles': '"a,b"'}),
    'no role allowed': ('AUTH_ERR', {'allowed_roles': '""'}),
    'no password': ('AUTH_ERR', {'password': ''}),
    'a word for a password': ('AUTH_ERR', {'password': 'verify-echo-request'}),
    'an unknown user': ('USER_UNKNOWN', {'user': 'no-such-user'}),
    'a conversation that fails': ('AUTH_ERR', {'changes': ('mute',)}),
    'a conversation that says nothing': ('AUTH_ERR', {'changes': ('null',)}),
    'an unknown option': ('AUTHINFO_UNAVAIL', {'words': ('dev', 'bogus')}),
    'http without dev': ('AUTHINFO_UNAVAIL', {'words': ()}),
    'no configuration': ('AUTHINFO_UNAVAIL', {'words': ('dev', 'config=/none')}),
    'a directory for a configuration': ('AUTHINFO_UNAVAIL', {'words': ('dev', 'config=/etc')}),
    'an unknown key': ('AUTHINFO_UNAVAIL', {'bogus': '1'}),
    'a list that is none': ('AUTHINFO_UNAVAIL', {'allowed_cidr_list': '"here"'}),
    'no helper': ('AUTHINFO_UNAVAIL', {'helper': ''}),
    'a helper that fails': ('AUTHINFO_UNAVAIL', {'helper': script('exit 1')}),
    'a helper that only exits with 0': ('AUTHINFO_UNAVAIL', {'helper': script('exit 0')}),
    'a helper that says yes to anyone': ('AUTHINFO_UNAVAIL', {
        'helper': script('echo sallyport 00000000000000000000000000000000 allow otp 127.0.0.1 r -')}),
    'a helper that dies': ('AUTHINFO_UNAVAIL', {'helper': script('kill -9 $$')}),
    'a helper that hangs': ('AUTHINFO_UNAVAIL', {'helper': script('exec sleep 100'), 'words': ('dev', 'timeout=1')}),
    'a silent server': ('AUTHINFO_UNAVAIL', {'vault_addr': None, 'words': ('dev', 'timeout=1')}),
}


def through_every_stack(program, directory, silent, fault):
    """For each shape: what pam_authenticate and then pam_acct_mgmt answered."""
    directory.mkdir()
    host, fault = Host(program, directory), dict(fault)
    more = {name: fault.pop(name) for name in ('password', 'user', 'words') if name in fault}
    more = {'password': UUID, **more}
    changes = fault.pop('changes', ())
    text = fault.pop('helper', None)
    if text is not None:
        more['helper'] = directory / 'other-helper'
        more['helper'].write_text(text)
        more['helper'].chmod(0o755 if text else 0o644)
    with Standin(fault.pop('status', 200), fault.pop('body', YES)) as server:
        if fault.get('vault_addr', '') is None:
            fault['vault_addr'] = f'"{silent.address}"'
        host.write_config(settings(server.address, **fault))
        words = [word for name in SHAPES for word in (f'service={name}', *changes, 'auth', 'acct')]
        rows = [code for _, code in host.run(*words, services=SHAPES, **more)]
    left = host.left()
    return dict(zip(SHAPES, zip(rows[::2], rows[1::2]))), left


def judge(wanted, answers, left):
    """Those shapes whose answers are not the wanted ones."""
    alone = list(SHAPES)[:len(ALONE)]
    return [(name, auth, acct, left) for name, (auth, acct) in answers.items()
            if auth in ('SUCCESS', 'IGNORE') or acct != 'PERM_DENIED' or (name in alone and auth != wanted) or left]


def test_every_fault_in_every_stack(host_program, tmp_path):
    """L58, R62: no answer that a stack could take for a yes, none that it could overlook."""
    with Silent() as silent, concurrent.futures.ThreadPoolExecutor(6) as pool:
        running = {name: pool.submit(through_every_stack, host_program, tmp_path / f'fault{i}', silent, fault)
                   for i, (name, (_, fault)) in enumerate(FAULTS.items())}
        wrong = [(name, *one) for name, running_one in running.items()
                 for one in judge(FAULTS[name][0], *running_one.result())]
        good, left = through_every_stack(host_program, tmp_path / 'good', silent, {})
    figure('L58', len(FAULTS) * len(SHAPES), len(wrong), 'faults in stacks')
    figure('R62', len(FAULTS) * len(SHAPES), len(wrong), 'faults in stacks')
    assert wrong == [] and left == {}
    assert set(good.values()) == {('SUCCESS', 'SUCCESS')}


# ---- the answers one by one ------------------------------------------------


def test_one_line_says_who_and_why(host):
    """Without a control byte of anybody's, and in place of a line of his own."""
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        line = r'pam_sallyport\(service:auth\): one-time password '
        host.run('rhost', 'auth', password=UUID)
        assert re.fullmatch(line + r'accepted: user=nobody rhost=evil\?\?\[31mhost role=otp request_id=r\n', host.said)
        server.status, server.body = 400, {'errors': ['OTP not found\n\x1b[2J\tforged: line']}
        host.run('rhost', 'auth', password=UUID)
        assert re.fullmatch(line + r'refused: user=nobody rhost=evil\?\?\[31mhost role= request_id= why=[ -~]*OTP not found[ -~]*\n',
                            host.said)
        host.run('auth', password=UUID, user='x\nforged: line\x1b')
        assert re.fullmatch(line + r'refused: user=x\?forged: line\? rhost= role= request_id= why=no such user on this host\n', host.said)


def test_a_later_refusal_on_the_same_handle_takes_the_yes_back(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('auth', 'null', 'auth', 'acct', password=UUID)
        assert got[0] == ('auth', 'SUCCESS') and got[1][1] != 'SUCCESS'
        assert got[2] == ('acct', 'PERM_DENIED')
        assert not any(name.startswith('ENV_') for name in host.facts)


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
    (200, {'data': {**YES['data'], 'username': 'nobody\0root'}}, 'AUTH_ERR'),
    (200, {'data': {**YES['data'], 'ip': '127.0.0.1\0'}}, 'AUTH_ERR'),
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


def test_a_role_name_with_more_behind_its_end(host):
    with Standin(200, {'data': {**YES['data'], 'role_name': 'otp\0x'}}) as server:
        host.write_config(settings(server.address, allowed_roles='"otp"'))
        assert host.auth(password=UUID) == 'AUTH_ERR'


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


def test_a_conversation_that_fails(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        assert host.run('mute', 'auth')[0][1] in ('CONV_ERR', 'AUTH_ERR')
        assert server.requests == []


def test_a_server_that_is_not_there(host):
    host.write_config(settings('http://127.0.0.1:1'))
    assert host.auth(password=UUID) == 'AUTHINFO_UNAVAIL'


def test_a_server_that_never_answers_meets_the_deadline(host):
    """The module's, or the configuration's where that is shorter."""
    with Silent() as server:
        for words, more in ((('dev', 'timeout=1'), {}), (('dev',), {'timeout_seconds': 1})):
            host.write_config(settings(server.address, **more))
            assert host.run('timed', 'auth', password=UUID, words=words) == [('auth', 'AUTHINFO_UNAVAIL')]
            assert host.is_in_time(1), host.facts


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


@pytest.mark.parametrize('text', ['exec sleep 20', 'trap "" HUP INT TERM ALRM IO; sleep 10; sleep 10',
                                  'for i in 1 2 3 4 5 6 7 8 9; do printf x; sleep 1; done', 'exec <&-; sleep 20 & sleep 20'])
def test_a_helper_that_hangs_meets_the_deadline(host, tmp_path, text):
    """The module keeps its own, whatever it started."""
    host.write_config(settings('http://127.0.0.1:1'))
    program = tmp_path / 'other-helper'
    program.write_text(script(text))
    program.chmod(0o755)
    assert host.run('timed', 'auth', password=UUID, helper=program, words=('timeout=1',)) == [('auth', 'AUTHINFO_UNAVAIL')]
    assert host.is_in_time(1) and host.left() == {}, host.facts


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
