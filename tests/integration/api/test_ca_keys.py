"""S3-19 to S3-22: the keys of a CA as ssh-keygen makes them and sshd takes them, and their limits; whose private half leaves nowhere."""
import base64
import json
import subprocess

import pytest

from support.ca import Ca, CertSshd
from support.keys import SshKey, run
from support.server import Server, wait_for

FORMS = {'openssh': (), 'PEM': ('-m', 'PEM'), 'PKCS8': ('-m', 'PKCS8')}
KINDS = [('ed25519', None, 'openssh')] + [(kind, bits, form) for kind, bits in (
    ('rsa', 2048), ('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521)) for form in FORMS]


def as_form(key, form, passphrase=''):
    """Write the private half again, in another form."""
    run('ssh-keygen', '-q', '-p', '-P', '', '-N', passphrase, *FORMS[form], '-f', key.path)
    return key


def import_(server, private, public, path='ssh/issuers/import', **more):
    return server.api().post(path, {'private_key': private, 'public_key': public, **more})


@pytest.mark.parametrize('kind, bits, form', KINDS)
def test_each_form_of_private_key_is_read(shared, tmp_path, kind, bits, form):
    """Issue 6: OpenSSH, PEM and PKCS#8; the public half stays byte for byte."""
    key = as_form(SshKey(tmp_path, f'{kind}-{bits}-{form}', kind, bits), form)
    begins = {'openssh': 'OPENSSH PRIVATE', 'PKCS8': 'PRIVATE', 'PEM': 'RSA PRIVATE' if kind == 'rsa' else 'EC PRIVATE'}
    assert key.path.read_text().startswith(f'-----BEGIN {begins[form]} KEY-----')
    for public in (key.pub.read_text(), key.public, key.public.replace(' ', ' \t ')):
        got = import_(shared, key.path.read_text(), public)
        assert (got.status, got.data['public_key']) == (200, public), got
        assert shared.api(None).get(f'ssh/issuer/{got.data["issuer_id"]}/public_key').body == public
        assert shared.api().delete(f'ssh/issuer/{got.data["issuer_id"]}').status < 300


NOT_READ = 'could not parse private_key provided value: '


@pytest.mark.parametrize('kind, form', [('ed25519', 'openssh'), *((kind, form) for kind in ('rsa', 'ecdsa') for form in FORMS)])
def test_an_encrypted_key_is_refused(shared, tmp_path, kind, form):
    key = as_form(SshKey(tmp_path, 'locked', kind, 2048 if kind == 'rsa' else None), form, 'open sesame')
    got = import_(shared, key.path.read_text(), key.public)
    assert (got.status, got.errors) == (400, [NOT_READ + 'private key is encrypted; remove its passphrase first'])


@pytest.mark.parametrize('form', FORMS)
def test_a_dsa_key_is_refused(shared, tmp_path, form):
    key = as_form(SshKey(tmp_path, 'dsa', 'dsa'), form)
    other = SshKey(tmp_path, 'other')
    assert import_(shared, key.path.read_text(), key.public).errors[0].startswith('could not parse public_key provided value: ')
    assert import_(shared, key.path.read_text(), other.public).errors == [NOT_READ + 'DSA keys are not supported']


def test_a_small_key_is_refused(shared, tmp_path):
    key, other = SshKey(tmp_path, 'small', 'rsa', 1024), SshKey(tmp_path, 'other')
    assert import_(shared, key.path.read_text(), key.public).status == 400
    assert import_(shared, key.path.read_text(), other.public).errors[0].startswith(NOT_READ + 'RSA key of 1024 bits is too small')


def test_a_certificate_is_no_public_half(shared, tmp_path):
    """G-17."""
    ca, key = SshKey(tmp_path, 'ca'), SshKey(tmp_path, 'key')
    got = import_(shared, key.path.read_text(), ca.certify(key, 'a').public)
    assert got.errors == ['could not parse public_key provided value: key is a certificate']


@pytest.mark.parametrize('kind, bits', [('ed25519', None), ('rsa', 2048), ('ecdsa', 256), ('ecdsa', 521)])
def test_halves_of_two_keys_are_refused(shared, tmp_path, kind, bits):
    """S3-19, G-17: of one type or of two."""
    one, two, other = SshKey(tmp_path, 'one', kind, bits), SshKey(tmp_path, 'two', kind, bits), SshKey(tmp_path, 'other')
    for public in (two.public, other.public):
        for path in ('ssh/config/ca', 'ssh/issuers/import'):
            got = import_(shared, one.path.read_text(), public, path)
            assert (got.status, got.errors) == (400, ['public_key does not match private_key'])


@pytest.mark.parametrize('asked, told', [
    ({}, ('4096', '(RSA)')), ({'key_type': 'rsa', 'key_bits': '2048'}, ('2048', '(RSA)')), ({'key_type': 'ec'}, ('256', '(ECDSA)')),
    ({'key_type': 'ec', 'key_bits': 384}, ('384', '(ECDSA)')), ({'key_type': 'ecdsa-sha2-nistp521'}, ('521', '(ECDSA)')),
    ({'key_type': 'ed25519'}, ('256', '(ED25519)')), ({'key_type': 'ssh-ed25519'}, ('256', '(ED25519)'))])
def test_generated_keys_are_what_was_asked_for(shared, tmp_path, asked, told):
    api = shared.api()
    assert api.delete('ssh/config/ca').status == 204
    made = api.post('ssh/config/ca', asked)
    assert made.status == 200, made
    path = tmp_path / 'ca.pub'
    path.write_text(api.get('ssh/public_key').body)
    words = run('ssh-keygen', '-l', '-f', path).decode().split()
    assert (words[0], words[-1]) == told
    if told[0] == '4096':
        return  # once is slow enough
    # Another one like it.
    path.write_text(api.post('ssh/config/ca/rotate', {}).data['public_key'])
    words = run('ssh-keygen', '-l', '-f', path).decode().split()
    assert (words[0], words[-1]) == told


def curl(server, *words, path='ssh/public_key'):
    done = subprocess.run(['curl', '-s', '-S', *words, f'{server.address}/v1/{path}'], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 22), done
    return done


def test_sshd_takes_what_curl_fetched(server, tmp_path):
    """S3-21: without any token, also in the middle of a rotation."""
    trusted, config = tmp_path / 'trusted.pem', tmp_path / 'sshd_config'
    config.write_text(f'HostKey {SshKey(tmp_path, "host").path}\nTrustedUserCAKeys {trusted}\n')
    assert curl(server, '-f', '-o', str(trusted)).returncode == 22 and not trusted.exists()
    for path in ('ssh/config/ca', 'ssh/config/ca/rotate'):
        assert server.api().post(path, {'key_type': 'ed25519'}).status == 200
        assert curl(server, '-f', '-o', str(trusted)).returncode == 0
        told = run('/usr/sbin/sshd', '-T', '-f', config).decode()
        assert f'trustedusercakeys {trusted}' in told
        run('ssh-keygen', '-l', '-f', trusted)
    assert len(trusted.read_text().splitlines()) == 2


def test_curl_fetches_again_what_has_changed(server, tmp_path):
    """S3-21: ETag, and 304 for who has it; a broken list of tags is an answer as usual."""
    tag, out = tmp_path / 'tag', tmp_path / 'out'
    words = ['--etag-save', str(tag), '--etag-compare', str(tag), '-o', str(out), '-w', '%{http_code}']
    assert server.api().post('ssh/config/ca', {'key_type': 'ed25519'}).status == 200
    assert curl(server, *words).stdout == '200'
    first = out.read_text()
    assert curl(server, *words).stdout == '304'
    assert server.api().post('ssh/config/ca/rotate', {}).status == 200
    assert curl(server, *words).stdout == '200'
    assert out.read_text().endswith(first) and out.read_text() != first
    assert curl(server, '-H', 'If-None-Match: "', '-w', '%{http_code}', '-o', str(out)).stdout == '200'


def test_keys_outlive_a_restart(tmp_path):
    server = Server(dev=False).start().mount_ssh()
    try:
        made = server.api().post('ssh/config/ca', {'key_type': 'ed25519'}).data
        assert server.api().post('ssh/config/ca/rotate', {'issuer_name': 'next'}).status == 200
        before = server.api().get('ssh/public_key').body
        server.restart(kill=True)
        assert server.api().get('ssh/public_key').body == before
        assert server.api().get(f'ssh/issuer/{made["issuer_id"]}').data['public_key'] == made['public_key']
        assert server.api().post('sys/seal').status == 204
        assert server.api(None).get('ssh/public_key').status == 503
    finally:
        server.clean()


# ---- the private half -------------------------------------------------------

def forms(secret):
    """How the bytes could lie somewhere: as they are, in hex, in base64 at any place of a longer text."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for before in range(3):
        found.add(base64.b64encode(b'\0' * before + secret)[4 if before else 0:-4])
    return found


def private_parts(key):
    """The seed, and the lines of the file that hold it."""
    text = key.path.read_bytes()
    blob = base64.b64decode(b''.join(line for line in text.splitlines() if not line.startswith(b'-')))
    at = blob.rindex(b'ssh-ed25519') + len(b'ssh-ed25519') + 4 + 32 + 4
    seed = blob[at:at + 32]
    public = base64.b64decode(key.public.split()[1])[-32:]
    assert blob[at + 32:at + 64] == public
    return seed, forms(seed) | {line for line in text.splitlines() if base64.b64encode(seed)[8:24] in line}


def answers(server, ids):
    """All that can be read of the mount, and the changes' own answers."""
    api = server.api()
    yield from (api.get(f'ssh/{path}').body for path in ('config/ca', 'public_key', 'config/issuers', 'config/ca?help=1'))
    yield from (api.list(f'ssh/{path}').body for path in ('issuers', 'issuers/deleted'))
    for id_ in ids:
        yield from (api.get(f'ssh/issuer/{id_}').body, api.get(f'ssh/issuer/{id_}/public_key').body)
        yield api.post(f'ssh/issuer/{id_}', {'issuer_name': 'renamed'}).body
        yield api.delete(f'ssh/issuer/{id_}').body
        yield api.list('ssh/issuers/deleted').body
        yield api.post(f'ssh/issuers/deleted/{id_}/restore').body
    yield api.get('sys/internal/specs/openapi').body


def test_the_private_half_is_in_no_answer_line_or_file(tmp_path):
    """Spec 13: neither on its way in, nor as it is kept."""
    server = Server(dev=False).start().mount_ssh()
    try:
        server.enable_audit()
        server.enable_audit('second', 'second.log')
        key = SshKey(tmp_path, 'ca')
        seed, wanted = private_parts(key)
        assert any(one in key.path.read_bytes() for one in wanted)  # the search can find it
        got = [import_(server, key.path.read_text(), key.public + '\n'),
               import_(server, key.path.read_text(), 'ssh-ed25519 wrong'),
               import_(server, key.path.read_text(), SshKey(tmp_path, 'other').public)]
        assert [one.status for one in got] == [200, 400, 400]
        ids = [got[0].data['issuer_id']]
        texts = [one.body.encode() for one in got] + [one.encode() for one in answers(server, ids)]
        assert server.api().post('sys/storage/backup', {'file': str(server.directory / 'backup.db')}).status < 300
        assert server.api().get('ssh/config/ca').data['public_key'] == key.public + '\n'
        files = [path for path in server.directory.rglob('*') if path.is_file()]
        assert {'store.db', 'store.db-wal', 'audit.log', 'backup.db', 'server.log'} <= {path.name for path in files}
        texts += [path.read_bytes() for path in files]
        server.stop()
        texts += [path.read_bytes() for path in server.directory.rglob('*') if path.is_file()]
        assert not [text[:80] for text in texts if any(one in text for one in wanted)]
        line = next(json.loads(one) for one in (server.audit_directory / 'audit.log').read_text().splitlines()
                    if 'private_key' in one)
        assert line['request']['data']['private_key'].startswith('hmac-sha256:')
    finally:
        server.clean()


# ---- limits -----------------------------------------------------------------

def test_an_issuer_signs_so_many_a_second(server, tmp_path):
    """Too many: 429, which says when to come back; then it signs again."""
    ca, key = Ca(server), SshKey(tmp_path, 'user')
    assert server.api().post('ssh/issuer/default', {'max_signatures_per_second': 2}).data['max_signatures_per_second'] == 2
    ca.role('ops')
    for _ in range(500):
        got = ca.ask('ops', key.public)
        if got.status != 200:
            break
    assert (got.status, got.errors) == (429, ['the issuer signs at most 2 certificates a second, try again'])
    assert got.headers['Retry-After'] == '1'
    wait_for(lambda: ca.ask('ops', key.public).status == 200, 'the issuer signs again')


def test_sshd_obeys_what_the_issuer_forces(server, tmp_path):
    """The command, whatever role and caller say; from another address nobody comes in."""
    ca, key = Ca(server), SshKey(tmp_path, 'user')
    ca.role('ops', allowed_critical_options='')
    sshd = CertSshd([ca.public])
    try:
        for option, value, login in (('force-command', 'echo forced', 'forced\n'), ('source-address', '192.0.2.0/24', None)):
            made = server.api().post('ssh/issuer/default', {'forced_critical_options': {
                **server.api().get('ssh/issuer/default').data['forced_critical_options'], option: value}})
            assert made.status == 200, made
            done = sshd.login(ca.sign('ops', key, name=option).path)
            assert (done.stdout if done.returncode == 0 else None) == login, done
    finally:
        sshd.stop()
