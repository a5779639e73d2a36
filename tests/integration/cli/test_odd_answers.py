"""What else may answer at an address: members of other types, pages, redirects, words that a terminal would obey."""
import os
import subprocess

import pytest

from support import cli
from support.build import CLI
from support.cli import says
from support.standin import Standin

TEXT = 'text that is long enough to be read as a tree of values'
VALUES = [TEXT, 7, True, None, [1, None, {}, [[]]], {'a': 1, 'b': [1], 'c': {'d': {}}}]
MEMBERS = ['keys', 'roles', 'policies', 'policy', 'capabilities', 'leases', 'checks', 'key_info', 'host_keys', 'missing', 'key', 'port',
           'key_type', 'rules', 'signed_key', 'a', 'sealed', 'initialized', 'keys_base64', 'root_token', 'damaged_records']

COMMANDS = [
    ['read', 'a'], ['write', 'a', 'k=v'], ['list', 'a'], ['delete', 'a'], ['unwrap', 'a'], ['path-help', 'a'], ['status'],
    ['secrets', 'list', '-detailed'], ['auth', 'list'], ['audit', 'list', '-detailed'], ['policy', 'list'], ['policy', 'read', 'a'],
    ['token', 'capabilities', 'a'], ['token', 'lookup'], ['lease', 'queue'], ['login', '-no-store', 'a'], ['target', 'list'],
    ['target', 'scan', 'a'], ['target', 'doctor', 'a'], ['operator', 'init'], ['operator', 'init', '-status'], ['operator', 'check'],
    ['operator', 'unseal', 'a'], ['keypair', 'list'], ['ssh', '-mode=otp', '-role=a', '-no-exec', '127.0.0.1'], ['ssh', '127.0.0.1'],
    ['ssh', '-explain', '127.0.0.1'], ['exec', '127.0.0.1', 'id'], ['exec', '-role=a', '127.0.0.1', 'id']]


@pytest.fixture
def ask(shared, tmp_path):
    """Words to a server that answers everything alike."""
    def one(status, body, *words, env=None, **more):
        with Standin(status=status, body=body) as other:
            return cli.run(shared, *words, home=tmp_path, env={'VAULT_ADDR': other.address, **(env or {})}, **more)
    return one


def answers():
    for value in VALUES:
        yield 200, value
        yield 400, {'errors': value}
        yield 200, {'data': value, 'auth': value, 'wrap_info': value, 'warnings': value, 'lease_id': value, 'lease_duration': value}
        yield 200, {'data': dict.fromkeys(MEMBERS, value), 'auth': {'client_token': 'a', 'policies': value, 'metadata': value}}
        yield 200, dict.fromkeys(MEMBERS, value)


@pytest.mark.parametrize('words', COMMANDS, ids='-'.join)
def test_a_member_of_another_type_is_none(shared, tmp_path, words):
    """It was read as the head of a list, wherever its bytes pointed."""
    with Standin() as other:
        for other.status, other.body in answers():
            for form in ('table', 'json'):
                done = cli.run(shared, *words, home=tmp_path, env={'VAULT_ADDR': other.address, 'VAULT_FORMAT': form})
                assert done.returncode in (0, 1, 2), (words, form, other.body, done)


@pytest.mark.parametrize('words', [['write', 'a', 'k=v'], ['delete', 'a'], ['read', 'a'], ['list', 'a'], ['operator', 'seal'], ['status'],
                                   ['policy', 'delete', 'a'], ['lease', 'revoke', 'a'], ['secrets', 'disable', 'a']])
def test_a_page_is_no_answer(ask, words):
    """A proxy's page for people has status 200, and nothing was done."""
    says(ask(200, b'<html>Sign in</html>', *words), 1 if words == ['status'] else 2, 'other than JSON')


def test_a_page_is_raw_text_all_the_same(ask):
    assert ask(200, b'# text', 'read', '-format=raw', 'a').stdout == '# text'


def test_what_was_sent_elsewhere_twice_was_not_written(shared, tmp_path):
    with Standin(status=302, headers=[('Location', '/elsewhere')]) as other:
        def run(*words):
            return cli.run(shared, *words, home=tmp_path, env={'VAULT_ADDR': other.address})
        says(run('write', 'a', 'k=v'), 2, 'Code: 302')
        says(run('delete', 'a'), 2, 'Code: 302')
        says(run('read', 'a'), 2, 'No value found at a')


def test_an_answer_that_tells_nothing_is_no_status(ask):
    says(ask(200, {}, 'status'), 1, 'does not tell')
    says(ask(200, b'[1]', 'operator', 'unseal', 'a', env={'VAULT_FORMAT': 'json'}), 2, 'does not tell')
    says(ask(200, {}, 'operator', 'init', '-status'), 1, 'does not tell')
    says(ask(200, {}, 'operator', 'init'), 2, 'Error initializing: ')


def test_a_long_refusal_is_shown_as_far_as_it_fits(ask):
    done = ask(400, {'errors': ['first of them', 'x' * 5000]}, 'read', 'a')
    says(done, 2, '* first of them\n* xxxx')
    says(ask(502, b'Bad gateway ' + b'y' * 5000, 'read', 'a'), 2, 'Bad gateway yyyy')


def test_a_large_value_is_no_missing_one(ask):
    large = 'z' * 3_000_000
    assert large in ask(200, {'data': {'a': large}}, 'read', 'a').stdout
    assert large in ask(200, {'data': {'a': [large]}}, 'read', 'a').stdout


# ---- terminals --------------------------------------------------------------------------------------------------------

ODD = 'red \x1b[31m back\x08 bell\x07 \x9b2J end\r'
SHOWN = 'red ^[[31m back^H bell^G ^[[2J end^M'


def shown(ours):
    said = b''
    try:
        while part := os.read(ours, 65536):
            said += part
    except OSError:
        pass  # the other end is closed
    return said.decode().replace('\r\n', '\n')


def test_a_terminal_obeys_nothing_that_a_server_says(ask):
    """As kubectl since CVE-2021-25743: what moves the cursor or types an answer is shown instead."""
    ours, its = os.openpty()
    done = ask(400, {'errors': [ODD]}, 'read', 'a', stderr=its, env={'NO_COLOR': '1'})
    os.close(its)
    assert done.returncode == 2 and f'* {SHOWN}' in shown(ours)
    os.close(ours)
    assert 'red \x1b[31m back' in ask(400, {'errors': [ODD]}, 'read', 'a').stderr  # a program gets the bytes


def test_a_table_on_a_terminal_has_no_control_characters(shared, tmp_path):
    ours, its = os.openpty()
    with Standin(body={'data': {'a': ODD + 'x', 'b': 'line\nline\ttab'}}) as other:
        subprocess.run([str(CLI), 'read', 'a'], stdout=its, stderr=subprocess.PIPE, check=True,
                       env=cli.environment(shared, {'VAULT_ADDR': other.address}, home=tmp_path))
    os.close(its)
    said = shown(ours)
    os.close(ours)
    assert f'a      {SHOWN}x' in said and '\x1b' not in said and 'line\nline' in said
