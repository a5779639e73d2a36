"""sallyport keypair: the keys that the server logs in with (S2-16, R-8, R-9, T-1, T-2)."""
import base64
import json
import os
import pathlib
import re
import stat
import subprocess

import pytest

from support import cli
from support.cli import good, says

PASSPHRASE = 'correct horse'
NAMES = iter(f'key{n}' for n in range(1000))


def sh(*words, **more):
    """What a program of the machine prints."""
    return subprocess.run([str(one) for one in words], check=True, capture_output=True, text=True, **more).stdout


def public_of(path):
    """The public half of a private key that ssh-keygen reads, without comment."""
    return ' '.join(sh('ssh-keygen', '-y', '-P', '', '-f', path).split()[:2])


def line_of(path):
    """The same of a PEM file, sealed or not, by openssl, and by ssh-keygen where this one reads it (Ed25519: in its own form alone)."""
    opens = ['-passin', f'pass:{PASSPHRASE}']
    if 'ED25519' in sh('openssl', 'pkey', '-in', path, '-noout', '-text', *opens):
        raw = subprocess.run(['openssl', 'pkey', '-in', path, '-pubout', '-outform', 'DER', *opens], check=True, capture_output=True).stdout[-32:]
        blob = b''.join(len(one).to_bytes(4, 'big') + one for one in (b'ssh-ed25519', raw))
        return f'ssh-ed25519 {base64.b64encode(blob).decode()}'
    line = ' '.join(sh('ssh-keygen', '-y', '-P', PASSPHRASE if 'ENCRYPTED' in path.read_text() else '', '-f', path).split()[:2])
    pem = sh('openssl', 'pkey', '-in', path, '-pubout', *opens)
    assert line == sh('ssh-keygen', '-i', '-m', 'PKCS8', '-f', '/dev/stdin', input=pem).strip()
    return line


def mode_of(path):
    return stat.S_IMODE(pathlib.Path(path).stat().st_mode)


def read(run, name):
    return json.loads(good(run('keypair', 'read', '-format=json', name)))['data']


@pytest.fixture
def piped(run):
    """A run that finds a passphrase at a descriptor."""
    def one(*words, passphrase=PASSPHRASE):
        reader, writer = os.pipe()
        os.write(writer, passphrase.encode() + b'\n')
        os.close(writer)
        try:
            return run(*words[:2], f'-passphrase-fd={reader}', *words[2:], pass_fds=(reader,))
        finally:
            os.close(reader)
    return one


# ---- generate ------------------------------------------------------------------

def test_the_server_makes_a_key_and_keeps_its_private_half(run, shared):
    name = next(NAMES)
    told = good(run('keypair', 'generate', name))
    assert re.search(r'^public_key +ssh-ed25519 \S+$', told, re.M) and 'PRIVATE' not in told
    assert read(run, name)['generated']
    assert good(run('keypair', 'generate', '-field=type', '-type=rsa', '-bits=2048', next(NAMES))) == 'ssh-rsa'
    assert good(run('keypair', 'export', name)) == f'{read(run, name)["public_key"]} {name}\n'
    for body in (shared.api().get(f'ssh/keys/{name}').body, shared.api().list('ssh/keys').body):
        assert 'PRIVATE' not in body and 'sealed' not in body


def test_a_pair_is_two_files(run, tmp_path):
    name, path = next(NAMES), tmp_path / 'pair'
    good(run('keypair', 'generate', f'-out={path}', name))
    assert mode_of(path) == 0o600 and mode_of(f'{path}.pub') == 0o644
    kept = read(run, name)
    assert pathlib.Path(f'{path}.pub').read_text() == f'{kept["public_key"]} {name}\n'
    assert public_of(path) == kept['public_key'] and not kept['generated']
    # Nothing is overwritten, here or there.
    says(run('keypair', 'generate', f'-out={path}', next(NAMES)), 1, 'File exists')
    other = tmp_path / 'other'
    says(run('keypair', 'generate', f'-out={other}', name), 2, f'key "{name}" is there already')
    assert not other.exists() and not pathlib.Path(f'{other}.pub').exists() and read(run, name) == kept
    good(run('keypair', 'generate', '-replace', f'-out={other}', name))
    assert read(run, name)['version'] == 2


def test_a_pair_is_json(run, tmp_path):
    name, path = next(NAMES), tmp_path / 'key'
    told = json.loads(good(run('keypair', 'generate', '-out=-', name)))
    assert set(told) == {'name', 'type', 'fingerprint', 'public_key', 'private_key'}
    path.touch(0o600)
    path.write_text(told['private_key'])
    assert public_of(path) == told['public_key'] == read(run, name)['public_key']


def test_what_truenas_takes(run, tmp_path):
    name, path = next(NAMES), tmp_path / 'nas'
    good(run('keypair', 'generate', '-for=truenas', '-bits=2048', f'-out={path}', name))
    assert path.read_text().startswith('-----BEGIN RSA PRIVATE KEY-----\n') and 'ENCRYPTED' not in path.read_text()
    assert public_of(path) == read(run, name)['public_key']
    for words, why in ((['-passphrase-fd=3'], 'TrueNAS takes no key with a passphrase'), (['-passphrase'], 'no key with a passphrase'),
                       (['-type=ed25519'], 'TrueNAS takes RSA keys')):
        says(run('keypair', 'generate', '-for=truenas', f'-out={tmp_path}/no', *words, next(NAMES)), 1, why)
    assert not (tmp_path / 'no').exists()


@pytest.mark.parametrize('words', [['-type=ed25519'], ['-type=rsa', '-bits=2048'], ['-type=ec']])
def test_pkcs8_is_read_by_others_and_by_us(run, piped, tmp_path, words):
    for made, sealed in ((run, False), (piped, True)):
        name, path, again = next(NAMES), tmp_path / f'p8{sealed}', next(NAMES)
        good(made('keypair', 'generate', *words, '-form=pkcs8', f'-out={path}', name))
        assert path.read_text().startswith(f'-----BEGIN {"ENCRYPTED " if sealed else ""}PRIVATE KEY-----\n')
        line = read(run, name)['public_key']
        assert line_of(path) == line
        good(made('keypair', 'import', again, str(path)))
        assert read(run, again)['public_key'] == line


def test_what_does_not_fit_together(run, tmp_path):
    for words, why in ((['-form=pkcs8'], 'never leaves the server'), (['-passphrase'], 'never leaves the server'),
                       ([f'-out={tmp_path}/a', '-form=pem'], 'Unknown form: pem'), (['-out=-', '-for=qnap'], 'Unknown device: qnap'),
                       ([f'-out={tmp_path}/a', '-passphrase-fd=3', '-form=openssh'], 'A passphrase needs -form=pkcs8'),
                       (['-bits=-1'], '-bits must be between')):
        says(run('keypair', 'generate', *words, next(NAMES)), 1, why)
    says(run('keypair', 'generate', f'-out={tmp_path}/a', '-type=dsa', next(NAMES)), 1, 'unknown ssh key pair algorithm: dsa')
    says(run('keypair', 'generate', '-type=rsa', '-bits=1024', next(NAMES)), 2, 'refusing to generate weak rsa key')
    assert list(tmp_path.iterdir()) == []


# ---- import --------------------------------------------------------------------

FIXTURES = {
    'OpenSSH': ['ssh-keygen -q -t ed25519 -N "" -f {path}'],
    'OpenSSH RSA': ['ssh-keygen -q -t rsa -b 2048 -N "" -f {path}'],
    'PKCS#1': ['openssl genrsa -traditional -out {path} 2048'],
    'PKCS#8 RSA': ['openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out {path}'],
    'PKCS#8 Ed25519': ['openssl genpkey -algorithm ED25519 -out {path}'],
    'SEC1': ['openssl ecparam -genkey -noout -name prime256v1 -out {path}'],
}
ENCRYPTED = {
    'PKCS#8, AES': ['openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -aes-256-cbc -pass env:PASS -out {path}'],
    'PKCS#8, AES, Ed25519': ['openssl genpkey -algorithm ED25519 -aes-128-cbc -pass env:PASS -out {path}'],
    'PKCS#8, 3DES': ['openssl genrsa -out {path}.p 2048', 'openssl pkcs8 -topk8 -v2 des3 -in {path}.p -passout env:PASS -out {path}'],
    'PKCS#8, PBES1': ['openssl genrsa -out {path}.p 2048',
                      'openssl pkcs8 -topk8 -v1 PBE-SHA1-3DES -in {path}.p -passout env:PASS -out {path}'],
    'PKCS#8, scrypt': ['openssl genrsa -out {path}.p 2048', 'openssl pkcs8 -topk8 -scrypt -in {path}.p -passout env:PASS -out {path}'],
    'PEM of old': ['openssl genrsa -traditional -aes128 -passout env:PASS -out {path} 2048'],
}


def make(steps, path):
    for step in steps:
        subprocess.run(step.format(path=path), shell=True, check=True, capture_output=True, env={**os.environ, 'PASS': PASSPHRASE})


@pytest.mark.parametrize('form', FIXTURES)
def test_what_others_write_is_imported(run, tmp_path, form):
    name, path = next(NAMES), tmp_path / 'key'
    make(FIXTURES[form], path)
    told = json.loads(good(run('keypair', 'import', '-format=json', name, str(path))))['data']
    kept = read(run, name)
    assert told['public_key'] == kept['public_key'] and told['fingerprint'] == kept['fingerprint']
    assert kept['public_key'] == (public_of(path) if 'OpenSSH' in form else line_of(path))
    # From standard input as well, and a name is taken once.
    other = next(NAMES)
    good(run('keypair', 'import', other, '-', stdin=path.read_text()))
    assert read(run, other)['public_key'] == kept['public_key']
    says(run('keypair', 'import', name, str(path)), 2, f'key "{name}" is there already')


@pytest.mark.parametrize('form', ENCRYPTED)
def test_an_encrypted_key_is_opened_here(run, piped, shared, tmp_path, form):
    name, path = next(NAMES), tmp_path / 'key'
    make(ENCRYPTED[form], path)
    # The server takes none of these.
    got = shared.api().post(f'ssh/keys/{name}', {'key': path.read_text()})
    assert got.status == 400 and got.json['errors'][0].startswith('Invalid key: private key is encrypted')
    says(piped('keypair', 'import', name, str(path), passphrase='wrong'), 1, 'passphrase is wrong')
    says(run('keypair', 'import', name, str(path)), 1, 'file descriptor 0 is not a terminal')
    good(piped('keypair', 'import', name, str(path)))
    assert read(run, name)['public_key'] == line_of(path)


def test_a_passphrase_is_typed(shared, tmp_path):
    """On the terminal, without echo."""
    name, path = next(NAMES), tmp_path / 'key'
    make(ENCRYPTED['PKCS#8, AES, Ed25519'], path)
    typing = cli.Typing(shared, tmp_path, 'keypair', 'import', name, str(path), token='')
    try:
        typing.wait_for('Passphrase (will be hidden): ')
        assert not typing.echoes()
        typing.type(f'{PASSPHRASE}\n')
        code, out, err = typing.end()
    finally:
        typing.close()
    assert code == 0 and 'ssh-ed25519' in out and PASSPHRASE not in out + err
    assert shared.api().get(f'ssh/keys/{name}').status == 200


def test_what_is_no_key_is_not_sent(run, tmp_path):
    path = tmp_path / 'key'
    make(['ssh-keygen -q -t ed25519 -N "$PASS" -f {path}'], path)
    says(run('keypair', 'import', next(NAMES), str(path)), 1, 'private key is encrypted; remove its passphrase first')
    path.write_text('hello')
    says(run('keypair', 'import', next(NAMES), str(path)), 1, 'not a private key')
    says(run('keypair', 'import', next(NAMES), f'{tmp_path}/none'), 1, 'cannot be read')
    path.write_text('x' * 40000)
    says(run('keypair', 'import', next(NAMES), str(path)), 1, 'too long')


def test_the_plain_way_of_vault(run, shared, tmp_path):
    """write with @file and -, as the documents show it."""
    name, path = next(NAMES), tmp_path / 'key'
    make(FIXTURES['PKCS#1'], path)
    assert good(run('write', f'ssh/keys/{name}', f'key=@{path}')) == f'Success! Data written to: ssh/keys/{name}\n'
    assert good(run('write', f'ssh/keys/{name}', 'key=-', stdin=path.read_text())).startswith('Success!')
    assert public_of(path) == read(run, name)['public_key']
    audit = shared.enable_audit()
    good(run('write', f'ssh/keys/{name}', f'key=@{path}'))
    assert path.read_text().splitlines()[1] not in pathlib.Path(audit).read_text()


# ---- list, read, delete, export --------------------------------------------------

def test_list_read_and_export(run, tmp_path):
    name = next(NAMES)
    good(run('keypair', 'generate', name))
    table = good(run('keypair', 'list'))
    assert re.match(r'Name +Type +Fingerprint +Version +Created\n', table)
    assert re.search(rf'^{name} +ssh-ed25519 +SHA256:\S+ +1 +\d', table, re.M)
    listed = json.loads(good(run('keypair', 'list', '-format=json')))
    assert listed[name]['public_key'] == read(run, name)['public_key']
    path = tmp_path / 'a.pub'
    good(run('keypair', 'export', f'-out={path}', name))
    assert mode_of(path) == 0o644 and path.read_text() == f'{listed[name]["public_key"]} {name}\n'
    says(run('keypair', 'export', f'-out={path}', name), 1, 'File exists')
    says(run('keypair', 'read', 'none'), 2, 'No key named none')
    says(run('keypair', 'export', 'none'), 2, 'No key named none')
    says(run('keypair', 'list', '-mount-point=nowhere'), 2, 'No value found at nowhere/keys')
    done = run('keypair', 'list', '-mount-point=nowhere', '-format=json')
    assert done.returncode == 2 and done.stdout == '{}\n'


def test_an_age_that_warns_is_sent(run, tmp_path):
    for words in ([], [f'-out={tmp_path}/aged']):
        name = next(NAMES)
        good(run('keypair', 'generate', '-max-age=90d', *words, name))
        assert read(run, name)['max_age'] == 90 * 86400


def test_delete_minds_who_needs_it(run, shared):
    name = next(NAMES)
    good(run('keypair', 'generate', name))
    role = {'key_type': 'dynamic', 'key': name, 'admin_user': 'root', 'default_user': 'u', 'cidr_list': '10.0.0.0/8'}
    assert shared.api().post(f'ssh/roles/{name}', role).status == 204
    says(run('keypair', 'delete', name), 2, f'key "{name}" is in use by role "{name}"')
    assert good(run('keypair', 'delete', '-force', name)) == f'Success! Deleted key (if it existed): {name}\n'
    says(run('keypair', 'read', name), 2, f'No key named {name}')
    good(run('keypair', 'delete', name))
