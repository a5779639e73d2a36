"""Sentences of cli.md that a script may rely on, one row each: words, exit code, standard output, standard error."""
import json
import re

import pytest

from support import cli
from support.server import Server

ACCESSOR = r'[0-9A-Za-z]{24}'


class Row:
    """What a command says. out and err are regular expressions for all of it; None: anything."""

    def __init__(self, section, words, code=0, out='', err='', stdin=None, **env):
        self.section, self.words, self.code, self.out, self.err, self.stdin, self.env = section, words, code, out, err, stdin, env

    def __str__(self):
        return f'{self.section} ' + ' '.join(one.replace('/', '|') for one in self.words[:4])


def plain(text):
    return re.escape(text) + r'\n'


TABLE_HEAD = r'Key +Value\n--- +-----\n'
WRAP_ROWS = (r'wrapping_token: +hvs\.\S+\nwrapping_accessor: +%s\nwrapping_token_ttl: +%s\n'
             r'wrapping_token_creation_time: +\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,9})? \+0000 UTC\nwrapping_token_creation_path: +%s\n')

ROWS = [
    # 1: the frame
    Row('1', ['read', '--', 'ssh/roles/otp'], out=TABLE_HEAD + '(.+\n)+'),
    Row('1', ['read', '-tls-skip-verify', 'true', 'x'], 1, err=r'Failed to parse K=V data: .*\n'),
    Row('1', ['lease', 'lookup', '-format', 'json', 'none'], 2, err=plain('error looking up lease id none: Error making API request.')[:-2] + r'\n(.*\n)*'),
    Row('1', ['version', '-h'], 0, out=None, err=None),
    Row('1.2', ['read', '-ns=root', '-field=port', 'ssh/roles/otp'], out='22'),
    Row('1.2', ['read', '-namespace=a', 'ssh/roles/otp'], 2, err=r'(?s).*Code: 403\. Errors:\n\n\* namespaces feature not enabled\n'),
    Row('1.2', ['read', '-address=http://127.0.0.1:1', 'x'], 2, err=r'Error reading x: Get "http://127\.0\.0\.1:1/v1/x": [^"]*refused\n'),
    Row('1.2', ['read', 'x'], 2, err=r'failed to read environment: could not parse VAULT_SKIP_VERIFY(: .*)?\n', VAULT_SKIP_VERIFY='maybe'),
    Row('1.2', ['read', '-client-cert=/none', 'x'], None, err=None),
    Row('1.2', ['read', '-format=json', '-field=port', 'ssh/roles/otp'], out='22'),
    Row('1.2', ['read', '-field=port', 'ssh/roles/otp', '-format=json'], out='22'),
    Row('1.2', ['read', '-field=', '-format=json', 'ssh/roles/otp'], out=r'\{\n(.*\n)+\}\n'),
    Row('1.2', ['read', 'nowhere/x'], 2, out='',
        err=r"Error reading nowhere/x: Error making API request\.\n\nURL: GET \S+/v1/nowhere/x\nCode: 404\. Errors:\n\n\* no handler for route 'nowhere/x'\n"
            r'|No value found at nowhere/x\n'),
    # 1.3: words
    Row('1.3', ['write', 'cubbyhole/a', 'k=', 'l=a=b', 'l=c', ''], out=plain('Success! Data written to: cubbyhole/a')),
    Row('1.3', ['read', 'cubbyhole/a'], out=r'Key    Value\n---    -----\nk      n/a\nl      \[a=b c\]\n'),
    Row('1.3', ['write', 'cubbyhole/b', 'a=1', '-'], out=None, stdin='{"a": 2, "b": [1, "x"], "c": {"d": null}, "e": true, "f": 1.50}'),
    Row('1.3', ['read', 'cubbyhole/b'],
        out=r'Key    Value\n---    -----\na      2\nb      \[1 x\]\nc      map\[d:<nil>\]\ne      true\nf      1\.50?\n'),
    Row('1.3', ['write', ' /cubbyhole/c/ ', 'a=b'], out=plain('Success! Data written to: cubbyhole/c')),
    Row('1.3', ['write', 'cubbyhole/d', '@/none'], 1, err=plain(
        'Failed to parse K=V data: invalid key/value pair "@/none": error reading file: open /none: no such file or directory')),
    Row('1.3', ['write', 'cubbyhole/d', '-'], 1, err=r'Failed to parse K=V data: .*\n', stdin='[1]'),
    # 2.1: tables
    Row('2.1', ['write', 'cubbyhole/t', 'my_ttl=x', 'period=7', 'text= a '], out=None),
    Row('2.1', ['read', 'cubbyhole/t'], out=r'Key       Value\n---       -----\nmy_ttl    x\nperiod    7\ntext      a\n'),
    Row('2.1', ['write', 'cubbyhole/u', '-'], out=None, stdin='{"ttl": 2764800, "max_ttl": 0, "a_period": 5400, "lease_max": 60, "b_duration": "90"}'),
    Row('2.1', ['read', 'cubbyhole/u'], out=r'Key           Value\n---           -----\na_period      1h30m\nb_duration    90\n'
                                            r'lease_max     1m\nmax_ttl       0s\nttl           768h\n'),
    Row('2.1', ['read', '-field=ttl', 'cubbyhole/u'], out='2764800'),
    Row('2.1', ['read', '-wrap-ttl=90', 'ssh/roles/otp'], out=TABLE_HEAD + WRAP_ROWS % (ACCESSOR, '1m30s', 'ssh/roles/otp')),
    Row('2.1', ['token', 'create', '-wrap-ttl=1m', '-policy=default', '-ttl=1m'],
        out=TABLE_HEAD + WRAP_ROWS % (ACCESSOR, '1m', 'auth/token/create') + rf'wrapped_accessor: +{ACCESSOR}\n'),
    Row('2.1', ['list', '-wrap-ttl=1m', 'ssh/roles'], out=TABLE_HEAD + WRAP_ROWS % (ACCESSOR, '1m', r'ssh/roles/?')),
    Row('2.1', ['token', 'create', '-type=batch', '-policy=default', '-ttl=1m'],
        out=TABLE_HEAD + r'token +hvb\.\S+\ntoken_accessor +n/a\ntoken_duration +1m\ntoken_renewable +false\ntoken_policies +\["default"\]\n'
                         r'identity_policies +\[\]\npolicies +\["default"\]\n'),
    Row('2.1', ['list', 'cubbyhole'], out=r'Keys\n----\na\nb\nc\nt\nu\n'),
    # 2.2: one field, json
    Row('2.2', ['read', '-field=data', 'cubbyhole/a'], out=r'map\[k: l:\[a=b c\]\]'),
    Row('2.2', ['read', '-field=l', 'cubbyhole/a'], out=r'\[a=b c\]'),
    Row('2.2', ['read', '-format=json', '-field=l', 'cubbyhole/a'], out=r'\[\n  "a=b",\n  "c"\n\]'),
    Row('2.2', ['read', '-field=request_id', 'cubbyhole/a'], out=r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'),
    Row('2.2', ['read', '-field=renewable', 'cubbyhole/a'], out='false'),
    Row('2.2', ['token', 'create', '-field=token_duration', '-policy=default', '-ttl=1h'], out='3600'),
    Row('2.2', ['token', 'create', '-field=token_accessor', '-policy=default', '-ttl=1h'], out=ACCESSOR),
    Row('2.2', ['read', '-wrap-ttl=1m', '-field=wrapping_token_ttl', 'ssh/roles/otp'], out='60'),
    Row('2.2', ['read', '-wrap-ttl=1m', '-field=wrapping_accessor', 'ssh/roles/otp'], out=ACCESSOR),
    Row('2.2', ['read', '-field=none', 'cubbyhole/a'], 1, err=plain('Field "none" not present in secret')),
    Row('2.2', ['read', '-field=none', 'cubbyhole/none'], 2, err=plain('No value found at cubbyhole/none')),
    Row('2.2', ['write', '-field=x', 'cubbyhole/a', 'k=v'], out=plain('Success! Data written to: cubbyhole/a')),
    Row('2.2', ['list', '-format=json', 'cubbyhole'], out=r'\[\n  "a",\n  "b",\n  "c",\n  "t",\n  "u"\n\]\n'),
    Row('2.2', ['list', '-format=yaml', 'cubbyhole'], out=r'- a\n- b\n- c\n- t\n- u\n'),
    # 3.1: read, write, delete, list
    Row('3.1', ['write', '-f', 'sys/leases/tidy'], out=None, err=None),
    Row('3.1', ['write', 'cubbyhole/a'], 1, err=plain('Must supply data or use -force')),
    Row('3.1', ['write', '-force', 'auth/token/tidy'], out=None, err=None),
    Row('3.1', ['delete', 'cubbyhole/c', 'a=b'], out=plain('Success! Data deleted (if it existed) at: cubbyhole/c')),
    Row('3.1', ['list', '-format=json', 'cubbyhole/none'], 2, out=r'\{\}\n'),
    Row('3.1', ['list', 'cubbyhole/none/'], 2, err=plain('No value found at cubbyhole/none')),
    Row('3.1', ['list', 'nowhere'], 2, err=plain('No value found at nowhere')),
    Row('3.1', ['write', '-format=json', 'cubbyhole/a', 'k=v'], out=''),
    Row('5', ['write', 'cubbyhole/a', 'k=v'], out='', VAULT_FORMAT='json'),
    Row('5', ['delete', 'cubbyhole/a'], out=plain('Success! Data deleted (if it existed) at: cubbyhole/a'), VAULT_FORMAT='json'),
    Row('5', ['read', '-format=json', 'cubbyhole/none'], 2, err=plain('No value found at cubbyhole/none')),
    Row('3.1', ['unwrap', 'hvs.none'], 2, err=r'Error unwrapping: Error making API request\.\n\nURL: PUT \S+/v1/sys/wrapping/unwrap\n'
                                              r'Code: 400\. Errors:\n\n\* wrapping token is not valid or does not exist\n'),
    Row('3.1', ['path-help', 'nowhere/x'], 2, err=r'Error retrieving help: Error making API request\.\n(.*\n)+'),
    # 3.2: login
    Row('3.2', ['login', '-method=userpass'], 2, err=plain("Error authenticating: 'username' must be specified")),
    Row('3.2', ['login', 'root', 'b'], 1, err=plain('Error parsing configuration: invalid key/value pair "b": format must be key=value')),
    Row('3.2', ['login', '-no-store', '-no-print', 'root'], 1, err=plain('-no-store and -no-print cannot be used together')),
    Row('3.2', ['login', '-method=userpass', '-path=none', 'username=a', 'password=b'], 2,
        err=r'(?s)Error authenticating: Error making API request\..*Code: 400\. Errors:\n\n\* missing client token\n'),
    Row('3.2', ['login', '-method=userpass', 'mount=none', 'username=a', 'password=b'], 2, err=r'(?s).*\* missing client token\n'),
    Row('3.2', ['login', '-no-print', 'lookup=false', 'token=made-up'], 0),
    Row('3.2', ['login', '-token-only', 'root'], out='root'),
    # 3.3: tokens, leases
    Row('3.3', ['token', 'create', '-policy=default', '-orphan', '-no-default-policy', '-explicit-max-ttl=2h', '-ttl=1h', '-renewable=false'],
        out=r'(?s).*token_duration +1h\ntoken_renewable +false\n.*'),
    Row('3.3', ['token', 'capabilities', 'sys/mounts'], out=plain('root')),
    Row('3.3', ['token', 'capabilities', 'none', 'sys/mounts'], 2, err=r'(?s)Error listing capabilities: Error making API request\..*'),
    Row('3.3', ['token', 'lookup', '-accessor', 'none'], 2, err=r'(?s)Error looking up token: .*'),
    Row('3.3', ['token', 'revoke', '-mode=path', 'auth/none'], out=plain('Success! Revoked token (if it existed)')),
    Row('3.3', ['token', 'revoke', '-mode=orphan', 'none'], 2, err=r'(?s)Error revoking token: .*\* token to revoke not found\n'),
    Row('3.3', ['token', 'revoke', '-accessor', '-mode=path', 'x'], 1, err=plain('Cannot use -accessor with -mode=path!')),
    Row('3.3', ['token', 'renew', '-increment=0', 'none'], 2, err=r'(?s)Error renewing token: .*'),
    Row('3.3', ['lease', 'renew', 'none'], 2, err=r'(?s)Error renewing none: .*'),
]


@pytest.fixture(scope='module')
def said():
    """Each row's command once, in order, on one server; what came of it."""
    server = Server().start().mount_ssh()
    server.write_role()
    done = []
    for row in ROWS:
        done.append(cli.run(server, *row.words, stdin=row.stdin, env=row.env, token=None if row.words[0] == 'login' else ''))
    yield done
    server.clean()


@pytest.mark.parametrize('number', range(len(ROWS)), ids=[f'{i}-{one}' for i, one in enumerate(ROWS)])
def test_it_is_as_written(said, number):
    row, done = ROWS[number], said[number]
    assert row.code is None or done.returncode == row.code, done
    assert row.out is None or re.fullmatch(row.out, done.stdout), done
    assert row.err is None or re.fullmatch(row.err, done.stderr), done


# ---- what needs more than one command ----------------------------------------------------------------------------------

def wrapped(run, *words):
    return json.loads(run('read' if words[0] != 'write' else 'write', '-wrap-ttl=1m', '-format=json', *words[1:]).stdout)['wrap_info']


def test_an_answer_is_unwrapped_once_and_prints_like_a_read(run):
    info = wrapped(run, 'read', 'ssh/roles/otp')
    assert set(info) == {'token', 'accessor', 'ttl', 'creation_time', 'creation_path', 'wrapped_accessor'}
    assert run('unwrap', info['token']).stdout == run('read', 'ssh/roles/otp').stdout
    assert run('unwrap', info['token']).returncode == 2
    # Its own token is the wrapping token.
    own = wrapped(run, 'read', 'ssh/roles/otp')['token']
    assert run('unwrap', token=own).stdout == run('read', 'ssh/roles/otp').stdout
    field = wrapped(run, 'read', 'ssh/roles/otp')['token']
    assert run('unwrap', '-field=port', field).stdout == '22'


def test_what_was_wrapped_may_be_nothing(run):
    def empty():
        return json.loads(run('write', '-f', '-wrap-ttl=1m', '-format=json', 'sys/wrapping/wrap').stdout)['wrap_info']['token']
    assert (run('unwrap', empty()).stdout, run('unwrap', '-format=json', empty()).returncode) == ('', 0)


def test_a_wrapped_login_is_unwrapped_first_unless_it_is_not_kept(run, shared, tmp_path):
    shared.mount_auth('userpass', 'people')
    shared.api().post('auth/people/users/ann', {'password': 'right'})
    words = ['login', '-method=userpass', '-path=people', '-wrap-ttl=1m', 'username=ann', 'password=right']
    kept = run(*words, token=None, home=tmp_path)
    assert kept.returncode == 0 and re.search(r'^token_meta_username +ann$', kept.stdout, re.M) and 'wrapping_token' not in kept.stdout
    assert (tmp_path / '.vault-token').read_text().startswith('hvs.')
    other = tmp_path / 'other'
    other.mkdir()
    free = run(words[0], '-no-store', *words[1:], token=None, home=other)
    assert free.returncode == 0 and 'wrapping_token:' in free.stdout and not list(other.iterdir())


def test_a_token_that_never_ends_lasts_for_ever(run):
    assert re.search(r'^token_duration +∞$', run('login', '-no-store', 'root', token=None).stdout, re.M)


def test_json_of_a_login_has_the_members_of_its_auth(run):
    told = json.loads(run('token', 'create', '-format=json', '-policy=default', '-ttl=1m').stdout)
    assert list(told['auth']) == ['client_token', 'accessor', 'policies', 'token_policies', 'identity_policies', 'metadata', 'orphan',
                                  'entity_id', 'lease_duration', 'renewable']
    assert told['auth']['identity_policies'] is None and told['data'] is None
