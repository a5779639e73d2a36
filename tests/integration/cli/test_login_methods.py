"""login by each method, prompts, wrapping, unwrap, the token helper (spec/cli.md 1.2, 3.1, 3.2)."""
import json
import pathlib
import re
import signal

import pytest

from support import cli
from support.certs import Certs
from support.cli import good, says
from support.pki import Cert
from support.server import Server
from support.standin import Certificate, Standin
from support.tokens import Key, claims

STORED = 'Success! You are now authenticated. The token information displayed below'


@pytest.fixture(scope='module')
def people(shared):
    """userpass at its usual path and at people/."""
    api = shared.api()
    for path in ('userpass', 'people'):
        assert api.post(f'sys/auth/{path}', {'type': 'userpass'}).status == 204
        assert api.post(f'auth/{path}/users/ann', {'password': f'pw of {path}', 'token_policies': 'default'}).status == 204
    return shared


@pytest.fixture
def run(people, tmp_path):
    def one(*words, **more):
        return cli.run(people, *words, **{'token': None, 'home': tmp_path, **more})
    return one


@pytest.fixture
def typing(people, tmp_path):
    made = []

    def one(*words):
        made.append(cli.Typing(people, tmp_path, *words))
        return made[-1]
    yield one
    for each in made:
        each.close()


# ---- userpass ------------------------------------------------------------------

def test_a_login_by_name_and_password(run, tmp_path):
    out = good(run('login', '-method=userpass', 'username=ann', 'password=pw of userpass'))
    assert out.startswith(STORED)
    for row in (r'token +hvs\.\S+', r'token_duration +768h', r'token_renewable +true', r'token_policies +\["default"\]',
                r'identity_policies +\[\]', r'policies +\["default"\]', r'token_meta_username +ann'):
        assert re.search(f'^{row}$', out, re.M), row
    assert (tmp_path / '.vault-token').read_text() == re.search(r'^token +(\S+)', out, re.M)[1]
    assert 'ann' in good(run('token', 'lookup'))


def test_where_a_method_is_mounted(run):
    for words in (['-method=userpass', '-path=people'], ['-method=userpass', '-path=/people/'], ['-method=userpass/', '-path=people']):
        good(run('login', *words, 'username=ann', 'password=pw of people'))
    good(run('login', '-method=userpass', 'username=ann', 'password=pw of people', 'mount=people'))
    good(run('login', '-method=userpass', '-path=none', 'username=ann', 'password=pw of people', 'mount=people'))
    says(run('login', '-method=userpass', '-path=none', 'username=ann', 'password=x'), 2, '* missing client token')


def test_words_of_a_login(run, tmp_path):
    file, whole = tmp_path / 'pw', tmp_path / 'all'
    file.write_text('pw of userpass')
    whole.write_text('{"username": "ann", "password": "pw of userpass"}')
    for words, stdin in ((['username=ann', f'password=@{file}'], None), (['username=ann', 'password=-'], 'pw of userpass'),
                         ([f'@{whole}'], None), (['-'], whole.read_text())):
        assert good(run('login', '-method=userpass', *words, stdin=stdin)).startswith(STORED), words


REFUSED = [
    (['-method=userpass'], 2, "Error authenticating: 'username' must be specified"),
    (['-method=userpass', 'username=ann'], 2, 'Error authenticating: file descriptor 0 is not a terminal'),
    (['-method=userpass', 'username=ann', 'password=x'], 2, '* invalid username or password'),
    (['-method=userpass', 'username=ann', 'password=x', 'passcode=1'], 2,
     "Error authenticating: method userpass has no setting 'passcode'"),
    (['-method=userpass', 'username=a', 'username=b'], 2, "Error authenticating: 'username' must be one value"),
    (['-method=userpass', 'ann'], 1, 'Error parsing configuration: invalid key/value pair "ann": format must be key=value'),
    (['-method=userpass', 'username=ann', 'password=@/none'], 1,
     'Error parsing configuration: invalid key/value pair "password=@/none": error reading file: open /none: no such file'),
    (['root', 'b'], 1, 'Error parsing configuration: invalid key/value pair "b": format must be key=value'),
    (['-method=approle'], 2, "Error authenticating: 'role_id' must be specified"),
    (['-method=jwt', 'role=x'], 2, 'Error authenticating: file descriptor 0 is not a terminal'),
    (['-method=kubernetes', 'jwt=x'], 2, "Error authenticating: 'role' must be specified"),
    (['-method=kubernetes', 'role=x'], 2,
     'Error authenticating: /var/run/secrets/kubernetes.io/serviceaccount/token cannot be read: '),
    (['-method=cert', '-path=none'], 2, '* missing client token'),
    (['-method=ldap'], 1, 'Unknown auth method: ldap. Use "sallyport auth list" to see the complete list of auth methods. '
                          'Additionally, some auth methods are only available via the HTTP API.'),
    (['-no-store', '-no-print', 'x'], 1, '-no-store and -no-print cannot be used together'),
    (['-token-only', '-no-print', 'x'], 1, '-no-store and -no-print cannot be used together'),
    (['-field=nope', 'root'], 1, 'Field "nope" not present in secret'),
    (['token=root', 'lookup=perhaps'], 2, "'lookup' must be true or false"),
]


@pytest.mark.parametrize('words, code, text', REFUSED, ids=[' '.join(row[0]) for row in REFUSED])
def test_what_a_login_refuses(run, words, code, text):
    says(run('login', *words, stdin=''), code, text)


def test_how_a_login_prints(run, people, tmp_path):
    file = tmp_path / '.vault-token'
    ann = ['-method=userpass', 'username=ann', 'password=pw of userpass']
    assert good(run('login', '-no-print', *('-method=userpass', 'username=ann', 'password=pw of userpass'))) == ''
    kept = file.read_text()
    only = run('login', '-token-only', *ann)
    assert re.fullmatch(r'hvs\.\S+', good(only)) and only.stderr == '' and file.read_text() == kept
    unkept = run('login', '-no-store', *ann)
    assert good(unkept).startswith('Key ') and 'The token was not stored in token helper.' in unkept.stderr
    assert file.read_text() == kept
    assert good(run('login', '-field=token_policies', *ann)) == '[default]'
    assert file.read_text() != kept
    one = json.loads(good(run('login', '-format=json', *ann)))
    assert list(one) == ['request_id', 'lease_id', 'lease_duration', 'renewable', 'data', 'warnings', 'auth']
    assert list(one['auth']) == ['client_token', 'accessor', 'policies', 'token_policies', 'identity_policies', 'metadata', 'orphan',
                                 'entity_id', 'lease_duration', 'renewable']
    assert one['auth']['metadata'] == {'username': 'ann'} and one['auth']['identity_policies'] is None
    done = run('login', *ann, token='bad\ttoken')
    assert good(done) and 'WARNING! The VAULT_TOKEN environment variable is set!' in done.stderr


def test_a_token_without_look_up(run, tmp_path):
    out = good(run('login', 'lookup=false', 'token=s.none'))
    assert re.search(r'^token +s\.none$', out, re.M) and (tmp_path / '.vault-token').read_text() == 's.none'
    says(run('login', 's.none'), 2, 'Error authenticating: Error making API request.')


# ---- prompts ---------------------------------------------------------------------

@pytest.mark.parametrize('words, prompt, secret', [
    (['-method=userpass', 'username=ann'], 'Password (will be hidden): ', 'pw of userpass'),
    ([], 'Token (will be hidden): ', 'root'),
])
def test_a_secret_is_typed_unseen(typing, words, prompt, secret):
    one = typing('login', *words)
    one.wait_for(prompt)
    assert not one.echoes()
    one.type(secret + '\n')
    code, out, err = one.end()
    assert code == 0 and out.startswith(STORED) and err == '\n', (out, err)
    assert one.echoes()


def test_an_interrupted_prompt_gives_the_terminal_back(typing):
    one = typing('login')
    one.wait_for('Token (will be hidden): ')
    one.process.send_signal(signal.SIGINT)
    assert one.end()[0] == -signal.SIGINT and one.echoes()


# ---- wrapping ----------------------------------------------------------------------

ROWS = (r'Key {30}Value\n--- {30}-----\n'
        r'wrapping_token: {18}(?P<token>hvs\.\S+)\nwrapping_accessor: {15}\S+\nwrapping_token_ttl: {14}5m\n'
        r'wrapping_token_creation_time: {4}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC\n'
        r'wrapping_token_creation_path: {4}auth/token/create\n')


def test_the_table_of_a_wrapped_answer(run):
    for ttl in ('5m', '300', '300s'):
        out = good(run('token', 'create', f'-wrap-ttl={ttl}', token='root'))
        assert re.fullmatch(ROWS + r'wrapped_accessor: {16}\S+\n', out), out
    out = good(run('token', 'create', token='root', env={'VAULT_WRAP_TTL': '5m'}))
    assert re.match(ROWS, out)
    assert good(run('read', '-wrap-ttl=5m', '-field=wrapping_token_ttl', 'ssh/roles/otp', token='root')) == '300'
    out = good(run('read', '-wrap-ttl=5m', 'ssh/roles/otp', token='root'))
    assert 'creation_path:    ssh/roles/otp\n' in out and 'wrapped_accessor' not in out
    one = json.loads(good(run('list', '-wrap-ttl=5m', '-format=json', 'ssh/roles', token='root')))
    assert list(one['wrap_info']) == ['token', 'accessor', 'ttl', 'creation_time', 'creation_path', 'wrapped_accessor']
    assert one['wrap_info']['wrapped_accessor'] == ''


def test_unwrap(run):
    def wrapped(*words):
        return good(run(words[0], '-wrap-ttl=5m', '-field=wrapping_token', *words[1:], token='root'))
    token = wrapped('read', 'ssh/roles/otp')
    assert good(run('unwrap', '-field=port', token)) == '22'
    says(run('unwrap', token), 2, 'Error unwrapping: Error making API request.')
    # The own token is another one, the wrapping token, or the wrapping token twice.
    assert good(run('unwrap', '-field=key_type', wrapped('read', 'ssh/roles/otp'), token='root')) == 'otp'
    token = wrapped('read', 'ssh/roles/otp')
    assert good(run('unwrap', '-field=key_type', token=token)) == 'otp'
    token = wrapped('read', 'ssh/roles/otp')
    assert good(run('unwrap', '-field=key_type', token, token=token)) == 'otp'
    token = good(run('token', 'create', '-wrap-ttl=5m', '-field=wrapping_token', token='root'))
    assert re.search(r'^token_policies +\["root"\]$', good(run('unwrap', token)), re.M)
    token = good(run('write', '-field=wrapping_token', 'sys/wrapping/wrap', 'a=b', token='root'))
    assert json.loads(good(run('unwrap', '-format=json', token)))['data'] == {'a': 'b'}
    says(run('unwrap', 'x'), 2, 'wrapping token is not valid or does not exist')
    says(run('unwrap', 'x', 'y'), 1, 'Too many arguments (expected 1, got 2)')


def test_a_wrapped_login_is_taken_out(run, tmp_path):
    file = tmp_path / '.vault-token'
    ann = ['-method=userpass', '-wrap-ttl=5m']
    who = ['username=ann', 'password=pw of userpass']
    out = good(run('login', *ann, *who))
    assert out.startswith(STORED) and re.search(r'^token_meta_username +ann$', out, re.M)
    kept = file.read_text()
    assert 'ann' in good(run('token', 'lookup'))
    only = good(run('login', *ann, '-token-only', *who))
    assert good(run('unwrap', '-field=token', only)).startswith('hvs.')
    assert 'wrapping_token:' in good(run('login', *ann, '-no-store', *who))
    assert file.read_text() == kept
    good(run('login', '-wrap-ttl=5m', 'root'))
    assert file.read_text() == 'root'


def test_a_wrap_ttl_that_would_wrap_nothing(run):
    for value in ('bogus', '500ms', '-5s'):
        says(run('read', f'-wrap-ttl={value}', 'ssh/roles/otp', token='root'), 1, f'invalid value "{value}" for flag -wrap-ttl: ')
    says(run('read', 'ssh/roles/otp', token='root', env={'VAULT_WRAP_TTL': 'bogus'}), 2,
         'failed to read environment: could not parse VAULT_WRAP_TTL')
    assert good(run('read', '-wrap-ttl=0', '-field=port', 'ssh/roles/otp', token='root')) == '22'


# ---- the other methods ------------------------------------------------------------------

def enable(server, kind):
    made = server.api().post(f'sys/auth/{kind}', {'type': kind})
    assert made.status == 204, made
    return server.api()


def test_approle(run, people, tmp_path):
    api = enable(people, 'approle')
    assert api.post('auth/approle/role/web', {'token_policies': 'default'}).status == 204
    role = api.get('auth/approle/role/web/role-id').data['role_id']
    secret = api.post('auth/approle/role/web/secret-id', {}).data['secret_id']
    file = tmp_path / 'secret'
    file.write_text(secret + '\n')
    out = good(run('login', '-method=approle', f'role_id={role}', f'secret_id=@{file}'))
    assert out.startswith(STORED) and re.search(r'^token_meta_role_name +web$', out, re.M)
    says(run('login', '-method=approle', f'role_id={role}'), 2, 'Error authenticating: Error making API request.')
    assert api.post('auth/approle/role/open', {'bind_secret_id': False, 'secret_id_bound_cidrs': '127.0.0.1/32'}).status == 204
    role = api.get('auth/approle/role/open/role-id').data['role_id']
    assert good(run('login', '-method=approle', f'role_id={role}')).startswith(STORED)


def test_jwt(run, people, tmp_path):
    api = enable(people, 'jwt')
    key = Key('ES256')
    token = key.sign(claims(sub='job', aud='sallyport'))
    assert api.post('auth/jwt/config', {'jwt_validation_pubkeys': [key.pem], 'default_role': 'ci'}).status == 204
    made = api.post('auth/jwt/role/ci', {'role_type': 'jwt', 'user_claim': 'sub', 'bound_audiences': 'sallyport',
                                         'token_policies': 'default'})
    assert made.status == 204, made
    file = tmp_path / 'job.jwt'
    file.write_text(token + '\n')
    assert good(run('login', '-method=jwt', 'role=ci', f'jwt=@{file}')).startswith(STORED)
    assert good(run('login', '-method=jwt', '-token-only', 'jwt=-', stdin=token + '\n')).startswith('hvs.')
    says(run('login', '-method=jwt', f'jwt={token}x'), 2, 'Error authenticating: Error making API request.')


class Cluster(Standin):
    """A Kubernetes API that knows every token as that of one account."""

    def __init__(self, tls):
        super().__init__(tls=tls)
        self.body = self.review

    def review(self, path, headers, sent):
        user = {'username': 'system:serviceaccount:prod:web', 'uid': 'u-1'}
        return 201, {**json.loads(sent), 'status': {'authenticated': True, 'user': user}}


def test_kubernetes(run, people, tmp_path):
    api = enable(people, 'kubernetes')
    tls = Certificate(tmp_path)
    token = Key('RS256').sign(claims(iss='https://cluster', sub='system:serviceaccount:prod:web', **{
        'kubernetes.io': {'namespace': 'prod', 'serviceaccount': {'name': 'web', 'uid': 'u-1'}}}))
    file = tmp_path / 'pod.jwt'
    file.write_text(token + '\n')
    with Cluster(tls) as cluster:
        for path, fields in (('config', {'kubernetes_host': cluster.address, 'kubernetes_ca_cert': pathlib.Path(tls.ca).read_text(),
                                         'token_reviewer_jwt': token}),
                             ('role/web', {'bound_service_account_names': 'web', 'bound_service_account_namespaces': 'prod'})):
            made = api.post(f'auth/kubernetes/{path}', fields)
            assert made.status == 204, made
        out = good(run('login', '-method=kubernetes', 'role=web', f'jwt=@{file}'))
    assert out.startswith(STORED) and re.search(r'^token_meta_service_account_name +web$', out, re.M)


def test_cert(tmp_path):
    """The certificate is that of -client-cert and -client-key."""
    server = Server(dev=False, tls=Certs(tmp_path)).start()
    try:
        authority = Cert('test root', ca=True)
        alice = authority.make('alice')
        cert, key = tmp_path / 'alice.crt', tmp_path / 'alice.key'
        cert.write_text(alice.pem)
        key.write_text(alice.key_pem)
        assert enable(server, 'cert').post('auth/cert/certs/hosts', {'certificate': authority.pem}).status == 204
        mine = [f'-client-cert={cert}', f'-client-key={key}']

        def run(*words):
            return cli.run(server, 'login', '-method=cert', f'-ca-cert={server.tls.ca}', *words, token=None, home=tmp_path)
        assert re.search(r'^token_meta_common_name +alice$', good(run(*mine)), re.M)
        assert good(run(*mine, 'name=hosts')).startswith(STORED)
        says(run(*mine, 'name=none'), 2, 'Error authenticating: Error making API request.')
        says(run(), 2, 'Error authenticating: Error making API request.')
        says(run(mine[0]), 2, 'Error authenticating: both client cert and client key must be provided')
    finally:
        server.clean()


# ---- the token helper --------------------------------------------------------------------

HELPERS = [
    ('token_helper = "{program}"\n', None),
    ('{{"token_helper": "{program}"}}', None),
    ('# nothing\n', 'file'),
    ('token_helper = ""\n', 'file'),
    ('token_helper = "{program}"\nextra = 1\n', "failed to get token helper: error parsing config file at \"{config}\": "
                                                "invalid key 'extra' on line 2"),
    ('token_helper = 5\n', 'failed to get token helper: error parsing config file at "{config}": '),
    ('token_helper = [\n', 'failed to get token helper: error parsing config file at "{config}": '),
    ('token_helper = "/nowhere"\n', 'the token helper "/nowhere get" failed'),
]


@pytest.mark.parametrize('text, outcome', HELPERS, ids=[repr(row[0]) for row in HELPERS])
def test_what_the_helper_file_may_say(run, tmp_path, text, outcome):
    program, config = tmp_path / 'helper', tmp_path / '.vault'
    program.write_text(f'#!/bin/sh\ncase $1 in\nget) cat {tmp_path}/kept ;;\nstore) cat >{tmp_path}/kept ;;\nesac\n')
    program.chmod(0o755)
    config.write_text(text.format(program=program))
    if outcome in (None, 'file'):
        good(run('login', 'root'))
        assert (tmp_path / ('.vault-token' if outcome else 'kept')).read_text() == 'root'
        assert good(run('print', 'token')) == 'root\n'
    else:
        says(run('read', 'ssh/roles/otp'), 2, outcome.format(config=config))


def test_a_helper_that_does_not_keep_it(run, tmp_path):
    """The token is not lost: it is shown."""
    program = tmp_path / 'helper'
    program.write_text('#!/bin/sh\nexit 3\n')
    program.chmod(0o755)
    (tmp_path / '.vault').write_text(f'token_helper = "{program}"\n')
    done = run('login', 'root')
    assert done.returncode == 2 and 'Error storing token: the token helper ' in done.stderr
    assert 'Authentication was successful, but the token was not persisted.' in done.stderr
    assert re.search(r'^token +root$', done.stdout, re.M)
    (tmp_path / '.vault').unlink()
    elsewhere = tmp_path / 'elsewhere'
    elsewhere.write_text(f'token_helper = "{program}"\n')
    assert run('login', 'root', env={'VAULT_CONFIG_PATH': '~/elsewhere'}).returncode == 2


def test_a_home_that_cannot_be_written(run, tmp_path):
    done = run('login', 'root', home=tmp_path / 'none')
    assert done.returncode == 2 and 'Error storing token: ' in done.stderr and re.search(r'^token +root$', done.stdout, re.M)
