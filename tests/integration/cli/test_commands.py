"""Exit codes, texts and layouts of each command (spec/cli.md)."""
import json
import re
import stat

import yaml

from support import cli
from support.cli import good, says
from support.server import Server

LEASE = r'[0-9A-Za-z]{24}'


# ---- the frame ---------------------------------------------------------------

def test_what_is_no_command(run):
    for words, code in (([], 127), (['foo'], 127), (['kv', 'get'], 127), (['token'], 1), (['-x'], 1), (['token', 'foo'], 1),
                        (['-h'], 0), (['token', '-h'], 0), (['read', '-h'], 0), (['token', 'create', '--help'], 0),
                        (['-v', 'x'], 127), (['--version', 'read'], 127)):
        done = run(*words)
        assert done.returncode == code and done.stdout == '' and 'Usage: sallyport' in done.stderr, (words, done)
    says(run('-address=x', 'read', 'y'), 1, 'Invalid flags before the subcommand. If these flags are for the subcommand, '
                                            'please put them after the subcommand.')


def test_every_command_has_help_with_an_example(run):
    names = re.findall(r'^    ([a-z][a-z-]*(?: [a-z][a-z-]*)?) {2,}', run('-h').stderr, re.M)
    assert len(names) > 30 and 'token create' in names
    for name in names:
        if name not in ('server', 'version'):
            done = run(*name.split(), '-help')
            assert done.returncode == 0 and f'$ sallyport {name}' in done.stderr, name


def test_version(run):
    for words in (['version'], ['-v'], ['-version'], ['--version'], ['version', 'more', '-x']):
        assert re.fullmatch(r'Sallyport v\d+\.\d+\.\d+ \([^)]+\), API 1\.8\.0\n', good(run(*words)))


def test_counts_of_arguments(run):
    for words, text in ((['read'], 'Not enough arguments (expected 1, got 0)'),
                        (['write'], 'Not enough arguments (expected 1, got 0)'),
                        (['delete'], 'Not enough arguments (expected at least 1, got 0)'),
                        (['list'], 'Not enough arguments (expected 1, got 0)'),
                        (['list', 'a', 'b'], 'Too many arguments (expected 1, got 2)'),
                        (['write', 'ssh/x'], 'Must supply data or use -force'),
                        (['lease', 'lookup'], 'Missing ID!'), (['lease', 'renew'], 'Missing ID!'),
                        (['lease', 'revoke'], 'Missing ID!'),
                        (['lease', 'revoke', '-force', 'x'], 'Specifying -force requires also specifying -prefix'),
                        (['audit', 'enable'], 'Missing TYPE!'),
                        (['token', 'revoke'], 'Not enough arguments (expected 1 or -self, got 0)'),
                        (['token', 'revoke', '-self', 'x'], 'Too many arguments with -self (expected 0, got 1)'),
                        (['token', 'revoke', '-accessor'], 'Not enough arguments with -accessor (expected 1, got 0)'),
                        (['token', 'revoke', '-self', '-accessor'], 'Cannot use -self with -accessor!'),
                        (['token', 'revoke', '-self', '-mode=path'], 'Cannot use -self with -mode!'),
                        (['token', 'revoke', '-accessor', '-mode=orphan', 'x'], 'Cannot use -accessor with -mode=orphan!'),
                        (['token', 'revoke', '-mode=x', 'y'], 'Invalid mode: x'),
                        (['ssh'], 'Not enough arguments, (expected 1-n, got 0)'),
                        (['login', '-no-store', '-no-print', 'x'], '-no-store and -no-print cannot be used together'),
                        (['login', '-method=x'], 'Unknown auth method: x.')):
        says(run(*words), 1, text)


def test_options_that_are_wrong(run):
    says(run('read', '-bogus', 'x'), 1, 'flag provided but not defined: -bogus')
    says(run('token', 'create', '-ttl=bogus'), 1, 'invalid value "bogus" for flag -ttl: ')
    says(run('token', 'renew', '-increment=bogus'), 1, 'invalid value "bogus" for flag -increment: ')
    says(run('operator', 'init', '-n=x'), 1, 'invalid value "x" for flag -n: ')
    says(run('read', '-format=bogus', 'x'), 1, 'Invalid output format: bogus')
    for words in (['list', '-field=x', 'y'], ['status', '-field=x'], ['delete', '-format=json', 'x'],
                  ['token', 'revoke', '-format=json', '-self'], ['policy', 'write', '-format=json', 'a', 'b'],
                  ['operator', 'seal', '-format=json'], ['secrets', 'enable', '-format=json', 'ssh']):
        says(run(*words), 1, 'flag provided but not defined: -')
    assert run('delete', 'ssh/roles/none', env={'VAULT_FORMAT': 'json'}).stdout.startswith('Success!')


def test_forms_of_options(run):
    for words in (['-field=port'], ['--field=port'], ['-field', 'port'], ['--field', 'port'], ['-field=port', '--']):
        assert good(run('read', *words, 'ssh/roles/otp')) == '22', words


# ---- read, write, list, delete ----------------------------------------------

def test_the_output_of_a_role(run):
    assert good(run('write', 'ssh/roles/golden', 'key_type=otp', 'default_user=u', 'cidr_list=10.0.0.0/8')) == \
        'Success! Data written to: ssh/roles/golden\n'
    assert good(run('read', 'ssh/roles/golden')) == (
        'Key                  Value\n---                  -----\nallowed_users        n/a\ncidr_list            10.0.0.0/8\n'
        'default_user         u\nexclude_cidr_list    n/a\nkey_type             otp\nport                 22\n')
    assert good(run('write', '-format=json', 'ssh/roles/golden', 'key_type=otp', 'default_user=u',
                    'cidr_list=10.0.0.0/8')) == ''
    assert good(run('delete', '/ssh/roles/golden/')) == 'Success! Data deleted (if it existed) at: ssh/roles/golden\n'


def test_lists_with_blanks(run):
    """S2-6."""
    assert good(run('write', 'ssh/roles/blank', 'key_type=otp', 'default_user=u', 'cidr_list=10.0.0.0/8, 11.0.0.0/8')) == \
        'Success! Data written to: ssh/roles/blank\n'
    assert good(run('write', '-field=ip', 'ssh/creds/blank', 'ip=11.1.1.1')) == '11.1.1.1'


def test_the_output_of_a_credential(run):
    """S2-7."""
    assert re.fullmatch(
        r'Key {16}Value\n--- {16}-----\n'
        rf'lease_id           ssh/creds/otp/{LEASE}\nlease_duration     10m\nlease_renewable    false\n'
        r'ip                 10\.1\.2\.3\nkey                [0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\n'
        r'key_type           otp\nport               22\nusername           ubuntu\n',
        good(run('write', 'ssh/creds/otp', 'ip=10.1.2.3')))


def test_json_and_yaml(run):
    words = ['write', 'ssh/creds/otp', 'ip=10.1.2.3']
    answer = good(run(*words, '-format=json'))
    one = json.loads(answer)
    assert list(one) == ['request_id', 'lease_id', 'lease_duration', 'renewable', 'data', 'warnings']
    assert answer.startswith('{\n  "request_id": "') and answer.endswith('\n}\n')
    for words_of_it in (['-format', 'yaml'], ['-format=yml']):
        two = yaml.safe_load(good(run(words[0], *words_of_it, *words[1:])))
        assert sorted(two) == list(two) and set(two) == set(one)
        assert two['data']['port'] == 22 and two['data']['ip'] == '10.1.2.3'
    assert json.loads(good(run('read', 'ssh/roles/otp', env={'VAULT_FORMAT': 'json'})))['data']['port'] == 22
    created = json.loads(good(run('token', 'create', '-format=json', '-policy=default')))
    assert list(created['auth'])[:3] == ['client_token', 'accessor', 'policies']


def test_raw_is_what_the_server_sent(run, shared):
    sent = shared.api().get('ssh/roles/otp').json
    shown = json.loads(good(run('read', '-format=raw', 'ssh/roles/otp')))
    assert list(shown) == list(sent) and shown['data'] == sent['data']
    assert 'otp' in json.loads(good(run('list', '-format=raw', 'ssh/roles')))['data']['keys']


def test_one_field(run):
    assert good(run('read', '-field=port', 'ssh/roles/otp')) == '22'
    assert good(run('read', '-field=data', 'ssh/roles/otp')).startswith('map[allowed_users: cidr_list:')
    assert good(run('read', '-field=cidr_list', '-format=json', 'ssh/roles/otp')) == '"10.0.0.0/8"'
    assert good(run('write', '-field=lease_duration', 'ssh/creds/otp', 'ip=10.1.2.3')) == '600'
    assert good(run('token', 'create', '-field=token_policies', '-policy=default')) == '[default]'
    assert good(run('write', '-field=x', 'ssh/roles/otp', 'key_type=otp', 'default_user=ubuntu', 'cidr_list=10.0.0.0/8')
                ).startswith('Success!')
    says(run('read', '-field=nope', 'ssh/roles/otp'), 1, 'Field "nope" not present in secret')
    says(run('read', '-field=nope', 'ssh/roles/none'), 2, 'No value found at ssh/roles/none')


def test_what_is_not_there(run):
    says(run('read', 'ssh/roles/none'), 2, 'No value found at ssh/roles/none\n')
    says(run('list', 'ssh/none/'), 2, 'No value found at ssh/none\n')
    for form in ('json', 'yaml'):
        done = run('list', f'-format={form}', 'ssh/none')
        assert (done.returncode, done.stdout, done.stderr) == (2, '{}\n', '')
    assert good(run('list', 'ssh/roles')).startswith('Keys\n----\n')
    assert 'otp' in json.loads(good(run('list', '-format=json', 'ssh/roles')))


def test_what_the_server_refuses(run, shared):
    assert run('read', 'ssh/roles/otp', token='bad').stderr == (
        'Error reading ssh/roles/otp: Error making API request.\n\n'
        f'URL: GET {shared.address}/v1/ssh/roles/otp\nCode: 403. Errors:\n\n* permission denied\n')
    for words, text in ((['read', 'sys/mounts/none/x'], 'Error reading sys/mounts/none/x: '), (['write', 'ssh/creds/otp', 'ip=1.1.1.1'],
                        'Error writing data to ssh/creds/otp: '), (['delete', 'x/y'], 'Error deleting x/y: '),
                        (['lease', 'lookup', 'x'], 'error looking up lease id x: '), (['lease', 'renew', 'x'], 'Error renewing x: '),
                        (['token', 'lookup', 'x'], 'Error looking up token: '), (['token', 'renew', 'x'], 'Error renewing token: '),
                        (['policy', 'delete', 'root'], 'Error deleting root: '), (['secrets', 'enable', 'nope'], 'Error enabling: '),
                        (['operator', 'init'], 'Error initializing: '), (['login', 'bad'], 'Error authenticating: ')):
        says(run(*words), 2, text + 'Error making API request.\n\nURL: ')


def test_a_server_that_is_not_there(run):
    done = run('read', 'a/b', env={'VAULT_ADDR': 'http://127.0.0.1:1'})
    assert done.returncode == 2
    assert done.stderr.startswith('Error reading a/b: Get "http://127.0.0.1:1/v1/a/b": ') and 'refused' in done.stderr
    says(run('status', env={'VAULT_ADDR': 'http://127.0.0.1:1'}), 1, 'Error checking seal status: ')


def test_forms_of_key_and_value(run, tmp_path):
    file = tmp_path / 'f'
    file.write_text('10.0.0.0/8')
    both = tmp_path / 'json'
    both.write_text('{"key_type": "otp", "cidr_list": "10.0.0.0/8", "port": 2222}')
    role = ['write', 'ssh/roles/kv', 'default_user=u=v']

    def stored(field):
        return good(run('read', f'-field={field}', 'ssh/roles/kv'))
    good(run(*role, 'key_type=otp', f'cidr_list=@{file}'))
    assert (stored('cidr_list'), stored('default_user')) == ('10.0.0.0/8', 'u=v')
    good(run(*role, 'key_type=otp', 'cidr_list=-', stdin='11.0.0.0/8'))
    assert stored('cidr_list') == '11.0.0.0/8'
    good(run(*role, f'@{both}'))
    assert stored('port') == '2222'
    good(run(*role, '-', stdin='{"key_type": "otp", "cidr_list": "12.0.0.0/8"}'))
    assert stored('cidr_list') == '12.0.0.0/8'
    assert good(run('write', '-field=policies', 'auth/token/create', 'policies=a', 'policies=b', '')) == '[a b default]'
    good(run('write', 'ssh/roles/kv', 'default_user=\\@x', 'key_type=otp', 'cidr_list=10.0.0.0/8'))
    assert stored('default_user') == '@x'
    says(run('write', 'ssh/roles/kv', 'bare'), 1,
         'Failed to parse K=V data: invalid key/value pair "bare": format must be key=value')
    says(run('write', 'ssh/roles/kv', 'a=@/none'), 1,
         'Failed to parse K=V data: invalid key/value pair "a=@/none": error reading file: open /none: no such file or directory')
    says(run('write', 'ssh/roles/kv', 'a=-', 'b=-', stdin='x'), 1, 'stdin already consumed')


# ---- tokens, leases, policies --------------------------------------------------

def test_the_life_of_a_token(run):
    out = good(run('token', 'create', '-policy=default', '-ttl=1h', '-metadata=a=b', '-display-name=d', '-use-limit=9'))
    token = re.search(r'^token +(\S+)', out, re.M)[1]
    accessor = re.search(r'^token_accessor +(\S+)', out, re.M)[1]
    for row in ('token_duration       1h\n', 'token_renewable      true\n', 'token_policies       ["default"]\n',
                'identity_policies    []\n', 'policies             ["default"]\n', 'token_meta_a         b\n'):
        assert row in out
    looked = good(run('token', 'lookup', token))
    assert re.search(r'^policies +\[default\]$', looked, re.M) and re.search(r'^meta +map\[a:b\]$', looked, re.M)
    assert token in good(run('token', 'lookup', token)) and 'n/a' in good(run('token', 'lookup', '-accessor', accessor))
    assert token in good(run('token', 'renew', '-increment=30m', token))
    assert good(run('token', 'lookup', '-format=json', token=token)).startswith('{')
    assert good(run('token', 'capabilities', token, 'sys/x')) == 'deny\n'
    assert json.loads(good(run('token', 'capabilities', '-format=json', 'sys/x'))) == ['root']
    assert good(run('token', 'revoke', '-accessor', accessor)) == 'Success! Revoked token (if it existed)\n'
    assert run('token', 'lookup', token).returncode == 2
    own = good(run('token', 'create', '-field=token', '-policy=default', '-orphan'))
    assert good(run('token', 'revoke', '-self', token=own)).startswith('Success!')


def test_leases(run):
    def made():
        return good(run('write', '-field=lease_id', 'ssh/creds/otp', 'ip=10.1.2.3'))
    lease = made()
    assert lease in good(run('lease', 'lookup', lease))
    assert good(run('lease', 'queue')) == 'No lease waits to be taken off its machine.\n'
    assert json.loads(good(run('lease', 'queue', '-irrevocable', '-format=json'))) == []
    says(run('lease', 'renew', lease), 2, '* lease is not renewable')
    assert good(run('lease', 'revoke', lease)) == 'All revocation operations queued successfully!\n'
    lease = made()
    assert good(run('lease', 'revoke', '-sync', lease)) == f'Success! Revoked lease: {lease}\n'
    assert good(run('lease', 'revoke', '-sync', '-prefix', 'ssh/creds')) == \
        'Success! Revoked any leases with prefix: ssh/creds\n'
    forced = run('lease', 'revoke', '-force', '-prefix', 'ssh/creds')
    assert good(forced) == 'Success! Force revoked any leases with prefix: ssh/creds\n'
    assert forced.stderr.startswith('Warning! Force-removing leases can cause Vault to become out of sync')


def test_policies(run, tmp_path):
    file = tmp_path / 'p.hcl'
    file.write_text('path "ssh/creds/*" { capabilities = ["update"] }\n')
    assert good(run('policy', 'write', 'WEB', str(file))) == 'Success! Uploaded policy: web\n'
    assert good(run('policy', 'write', 'b', '-', stdin=file.read_text())) == 'Success! Uploaded policy: b\n'
    assert good(run('policy', 'list')) == 'b\ndefault\nweb\nroot\n'
    assert good(run('policy', 'read', 'Web')).startswith('path "ssh/creds/*"')
    assert json.loads(good(run('policy', 'read', '-format=json', 'web'))) == {'policy': file.read_text()}
    assert good(run('policy', 'delete', 'web')) == 'Success! Deleted policy: web\n'
    says(run('policy', 'read', 'web'), 2, 'No policy named: web')
    says(run('policy', 'write', 'x', '/none'), 2, 'Error opening policy file: ')
    says(run('policy', 'write', 'x', '-', stdin='path {'), 2, 'Error uploading policy: ')


# ---- mounts and audit ------------------------------------------------------------

def test_mounts(run):
    assert good(run('secrets', 'enable', '-path=s1', '-description=web hosts', '-default-lease-ttl=5m', 'ssh')) == \
        'Success! Enabled the ssh secrets engine at: s1/\n'
    rows = good(run('secrets', 'list')).splitlines()
    assert rows[0].split() == ['Path', 'Type', 'Accessor', 'Description']
    assert re.match(r's1/ +ssh +ssh_[0-9a-f]{8} +web hosts$', next(row for row in rows if row.startswith('s1/')))
    detailed = good(run('secrets', 'list', '-detailed')).splitlines()
    assert re.split(r' {4,}', detailed[0]) == [
        'Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL', 'Force No Cache', 'Replication', 'Seal Wrap',
        'External Entropy Access', 'Options', 'Description', 'UUID']
    assert re.split(r' {2,}', next(row for row in detailed if row.startswith('s1/')))[3:7] == \
        ['300', 'system', 'false', 'replicated']
    assert good(run('secrets', 'tune', '-default-lease-ttl=1h', 's1/')) == 'Success! Tuned the secrets engine at: s1/\n'
    assert json.loads(good(run('secrets', 'list', '-format=json')))['s1/']['config']['default_lease_ttl'] == 3600
    assert good(run('secrets', 'move', 's1', 's2')) == 'Success! Moved secrets engine s1/ to: s2/\n'
    assert good(run('secrets', 'disable', 's2')) == 'Success! Disabled the secrets engine (if it existed) at: s2/\n'
    assert good(run('mount', '-path=old', 'ssh')) == "Successfully mounted 'ssh' at 'old'!\n"
    says(run('secrets', 'tune', '-max-lease-ttl=1h', 'none'), 2, 'Error tuning secrets engine none/: ')
    says(run('secrets', 'move', 'none', 'other'), 2, 'Error moving secrets engine none/ to other/: ')


def test_audit_devices(server):
    def run(*words):
        return cli.run(server, *words)
    none = run('audit', 'list')
    assert (none.returncode, none.stdout) == (2, 'No audit devices are enabled.\n')
    empty = run('audit', 'list', '-format=json')
    assert (empty.returncode, json.loads(empty.stdout)) == (0, {})
    path = server.audit_directory / 'a.log'
    assert good(run('audit', 'enable', 'file', f'file_path={path}')) == 'Success! Enabled the file audit device at: file/\n'
    assert good(run('audit', 'list')).split() == ['Path', 'Type', 'Description', '----', '----', '-----------', 'file/', 'file',
                                                  'n/a']
    key = json.loads(good(run('audit', 'list', '-format=json')))['file/']['public_key']
    assert f'file_path={path}' in good(run('audit', 'list', '-detailed'))
    server.otp()
    assert good(run('audit', 'disable', 'file')) == 'Success! Disabled audit device (if it was enabled) at: file/\n'
    assert 'Good: no line is missing' in good(run('audit', 'verify', f'-public-key={key}', str(path)))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(''.join(lines[:1] + lines[2:]))
    broken = run('audit', 'verify', f'-public-key={key}', str(path))
    assert broken.returncode == 2 and 'BROKEN at line 2' in broken.stdout
    says(run('audit', 'verify', '-public-key=x', str(path)), 1, '-public-key must be the base64 of 32 bytes')
    says(run('audit', 'verify', f'-public-key={key}', '/none'), 1, '/none cannot be read: No such file or directory')
    # A file that fails while it is read is not a short one.
    says(run('audit', 'verify', f'-public-key={key}', str(path.parent)), 1, f'{path.parent} cannot be read: Is a directory')


# ---- status and operator ------------------------------------------------------------

def test_from_init_to_seal():
    server = Server(dev=False, shares=(3, 2)).start(unseal=False)

    def run(*words, **more):
        return cli.run(server, *words, **more)
    try:
        status = run('operator', 'init', '-status', token=None)
        assert (status.returncode, status.stdout) == (2, 'Vault is not initialized\n')
        assert json.loads(run('operator', 'init', '-status', '-format=json', token=None).stdout) == {'Initialized': False}
        assert run('status', token=None).returncode == 2
        made = json.loads(good(run('operator', 'init', '-n', '3', '-t=2', '-format=json', token=None)))
        assert list(made) == ['unseal_keys_b64', 'unseal_keys_hex', 'unseal_shares', 'unseal_threshold', 'recovery_keys_b64',
                              'recovery_keys_hex', 'recovery_keys_shares', 'recovery_keys_threshold', 'root_token']
        assert (made['unseal_shares'], made['recovery_keys_b64'], made['recovery_keys_shares']) == (3, [], 5)
        out = good(run('operator', 'unseal', made['unseal_keys_b64'][0], token=None))
        assert 'Unseal Progress      1/2\n' in out and re.search(r'^Unseal Nonce +[0-9a-f-]{36}$', out, re.M)
        out = good(run('operator', 'unseal', '-reset', token=None))
        assert 'Unseal Progress      0/2\n' in out and re.search(r'^Unseal Nonce +n/a$', out, re.M)
        good(run('operator', 'unseal', made['unseal_keys_b64'][0], token=None))
        out = good(run('operator', 'unseal', '-format=json', made['unseal_keys_hex'][1], token=None))
        assert json.loads(out)['sealed'] is False
        server.token = made['root_token']
        out = good(run('status'))
        for row in ('Seal Type            shamir\n', 'Initialized          true\n', 'Sealed               false\n',
                    'Total Shares         3\n', 'Threshold            2\n', 'Version              1.8.0\n', 'HA Enabled'):
            assert row in out
        assert 'Unseal Nonce' not in out
        assert good(run('operator', 'backup', str(server.store.parent / 'copy.db'))).startswith('Success! Backup written to: ')
        assert (server.store.parent / 'copy.db').stat().st_size > 0
        assert good(run('operator', 'clock-reset')).startswith("Success! The store's clock is now: ")
        assert good(run('operator', 'seal')) == 'Success! Vault is sealed.\n'
        assert run('status').returncode == 2
        says(run('path-help', 'ssh'), 2, 'Error: Vault is sealed.\n\nThe "path-help" command requires')
        says(run('operator', 'unseal', 'bad', token=None), 2, 'Error unsealing: ')
        says(run('operator', 'unseal', token=None, stdin=''), 1, 'file descriptor 0 is not a terminal')
    finally:
        server.clean()


def test_the_text_of_init():
    server = Server(dev=False).start(unseal=False)
    try:
        out = good(cli.run(server, 'operator', 'init', token=None))
        assert re.match(r'(Unseal Key \d: [A-Za-z0-9+/]{43,44}=*\n){5}\nInitial Root Token: hvs\.\S+\n\n'
                        r'Sallyport initialized with 5 key shares and a key threshold of 3\. ', out), out
    finally:
        server.clean()


def test_path_help(run):
    assert good(run('path-help', 'ssh/creds/otp')).startswith('Request:        creds/otp\nMatching Route: ')
    out = good(run('path-help', '-format=json', 'ssh/creds/otp'))
    assert out.count('\n') == 1 and json.loads(out)['openapi'].startswith('3.')


def test_server_hands_over(run):
    done = run('server', '-version')
    assert 'allyport' in done.stdout + done.stderr
    assert run('server', '-config=/none').returncode != 0


# ---- login, tokens at rest, environment ------------------------------------------------

def test_login_keeps_the_token(run, tmp_path):
    done = run('login', 'root', token=None, home=tmp_path)
    assert good(done).startswith('Success! You are now authenticated. The token information displayed below')
    assert re.search(r'^token_policies +\["root"\]$', done.stdout, re.M) and 'token_duration       ∞' in done.stdout
    file = tmp_path / '.vault-token'
    assert file.read_text() == 'root' and stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in tmp_path.iterdir()] == ['.vault-token']
    assert good(run('print', 'token', token=None, home=tmp_path)) == 'root\n'
    assert good(run('read', '-field=port', 'ssh/roles/otp', token=None, home=tmp_path)) == '22'
    file.write_text(' \nroot\n')
    assert good(run('read', '-field=port', 'ssh/roles/otp', token=None, home=tmp_path)) == '22'


def test_ways_to_log_in(run, tmp_path):
    assert good(run('login', '-', stdin='root\n', token=None, home=tmp_path)).startswith('Success!')
    assert good(run('login', 'token=root', token=None, home=tmp_path)).startswith('Success!')
    assert good(run('login', '-no-print', 'root', token=None, home=tmp_path)) == ''
    (tmp_path / '.vault-token').unlink()
    assert good(run('login', '-token-only', 'root', token=None, home=tmp_path)) == 'root'
    kept = run('login', '-no-store', 'root', token=None, home=tmp_path)
    assert good(kept).startswith('Key ') and 'The token was not stored in token helper.' in kept.stderr
    assert not (tmp_path / '.vault-token').exists()
    assert 'WARNING! The VAULT_TOKEN environment variable is set!' in run('login', 'root', home=tmp_path).stderr
    says(run('login', stdin='', token=None, home=tmp_path), 2, 'Error authenticating: file descriptor 0 is not a terminal')
    assert good(run('print', 'token', token=None, home=tmp_path / 'none')) == '\n'


def test_an_external_token_helper(run, tmp_path):
    program = tmp_path / 'helper'
    program.write_text(f'#!/bin/sh\ncase $1 in\nget) cat {tmp_path}/kept ;;\nstore) cat >{tmp_path}/kept ;;\nesac\n')
    program.chmod(0o755)
    (tmp_path / '.vault').write_text(f'token_helper = "{program}"\n')
    good(run('login', 'root', token=None, home=tmp_path))
    assert (tmp_path / 'kept').read_text() == 'root' and not (tmp_path / '.vault-token').exists()
    assert good(run('print', 'token', token=None, home=tmp_path)) == 'root\n'
    (tmp_path / '.vault').write_text('token_helper = {')
    says(run('read', 'x', token=None, home=tmp_path), 2, 'failed to get token helper: error parsing config file at ')


def test_order_of_settings(run, shared):
    bad = 'http://127.0.0.1:1'
    both = {'VAULT_ADDR': bad, 'SALLYPORT_ADDR': shared.address}
    good(run('read', 'ssh/roles/otp', env=both))
    good(run('read', f'-address={shared.address}', 'ssh/roles/otp', env={'VAULT_ADDR': bad, 'SALLYPORT_ADDR': bad}))
    assert run('read', 'ssh/roles/otp', env={'SALLYPORT_ADDR': bad}).returncode == 2
    good(run('read', 'ssh/roles/otp', env={'VAULT_ADDR': bad, 'VAULT_AGENT_ADDR': shared.address}))
    good(run('read', 'ssh/roles/otp', env={'VAULT_TOKEN': 'bad', 'SALLYPORT_TOKEN': 'root'}))
    for name in ('SKIP_VERIFY', 'CLIENT_TIMEOUT', 'MAX_RETRIES'):
        says(run('read', 'x', env={f'VAULT_{name}': 'bogus'}), 2, 'failed to read environment: could not parse ')
    says(run('read', 'x', token='a\tb'), 2,
         'configured Vault token contains non-printable characters and cannot be used')
