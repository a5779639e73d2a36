"""M-14: sallyport operator tls-init makes an authority and a certificate that clients can trust."""
import os
import re
import stat
import subprocess
import types

import pytest

from support import cli
from support.build import CLI
from support.patience import PATIENCE_S
from support.server import Server

MODES = {'ca.crt': 0o644, 'ca.key': 0o600, 'tls.crt': 0o644, 'tls.key': 0o600}


def tls_init(*words, cwd=None, umask=0o022):
    return subprocess.run([str(CLI), 'operator', 'tls-init', *words], capture_output=True, text=True, cwd=cwd, timeout=PATIENCE_S,
                          umask=umask)


def files_of(directory):
    return {one.name: (stat.S_IMODE(one.stat().st_mode), one.read_bytes()) for one in directory.iterdir()}


def openssl(*words):
    done = subprocess.run(['openssl', *words], capture_output=True, text=True, timeout=PATIENCE_S)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def made(tmp_path):
    """A directory with all four files, and what was printed."""
    directory = tmp_path / 'tls'
    directory.mkdir()
    done = tls_init(f'-dir={directory}', '-san=sp.example.org', '-san=10.0.0.5')
    assert done.returncode == 0 and done.stderr == '', done
    return types.SimpleNamespace(directory=directory, text=done.stdout)


@pytest.mark.parametrize('umask', [0o022, 0o000, 0o077])
def test_files_have_the_right_modes(tmp_path, umask):
    assert tls_init(cwd=tmp_path, umask=umask).returncode == 0
    assert {name: mode for name, (mode, _) in files_of(tmp_path).items()} == MODES


def test_what_is_printed(made):
    """Files, names, the authority's fingerprint, and each step to trust it."""
    where = str(made.directory.resolve())
    fingerprint = openssl('x509', '-in', f'{where}/ca.crt', '-noout', '-fingerprint', '-sha256')[1].strip().partition('=')[2]
    for text in (f'tls_cert_file = "{where}/tls.crt"', f'tls_key_file  = "{where}/tls.key"',
                 f'export SALLYPORT_CACERT={where}/ca.crt', f'curl --cacert {where}/ca.crt https://sp.example.org:8200/',
                 'update-ca-certificates', '/certificate import file-name=ca.crt',
                 'The server answers to: sp.example.org 10.0.0.5 localhost 127.0.0.1 ::1\n', f'\n  {fingerprint}\n'):
        assert text in made.text, text
    for key in ('ca.key', 'tls.key'):
        assert (made.directory / key).read_text().splitlines()[1] not in made.text


def test_openssl_accepts_the_chain(made):
    where = made.directory
    code, text = openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', f'{where}/ca.crt', f'{where}/tls.crt')
    assert code == 0, text
    for name, option, wanted in (('sp.example.org', '-verify_hostname', True), ('localhost', '-verify_hostname', True),
                                 ('other.example.org', '-verify_hostname', False), ('10.0.0.5', '-verify_ip', True),
                                 ('::1', '-verify_ip', True), ('10.0.0.6', '-verify_ip', False)):
        code, text = openssl('verify', option, name, '-CAfile', f'{where}/ca.crt', f'{where}/tls.crt')
        assert (code == 0) == wanted, (name, text)
    assert 'CA:TRUE, pathlen:0' in openssl('x509', '-in', f'{where}/ca.crt', '-noout', '-text')[1]


def test_curl_and_our_client_trust_a_server_that_uses_it(made):
    where = made.directory
    tls = types.SimpleNamespace(cert=str(where / 'tls.crt'), key=str(where / 'tls.key'), ca=str(where / 'ca.crt'))
    server = Server(dev=False, tls=tls).start()
    try:
        def curl(*words):
            return subprocess.run(['curl', '-sS', '--max-time', str(PATIENCE_S), *words], capture_output=True, text=True,
                                  env={**os.environ, 'no_proxy': '*'}, timeout=PATIENCE_S)
        for host in ('127.0.0.1', 'localhost'):
            done = curl('--cacert', tls.ca, f'https://{host}:{server.port}/v1/sys/health')
            assert done.returncode == 0 and '"initialized":true' in done.stdout, done
        assert curl(f'{server.address}/v1/sys/health').returncode == 60
        done = curl('--cacert', tls.ca, '--connect-to', f'other.example.org:{server.port}:127.0.0.1:{server.port}',
                    f'https://other.example.org:{server.port}/v1/sys/health')
        assert done.returncode == 60, done
        assert cli.run(server, 'token', 'lookup', env={'SALLYPORT_CACERT': tls.ca}).returncode == 0
        assert cli.run(server, 'token', 'lookup', f'-ca-cert={tls.ca}', '-tls-server-name=sp.example.org').returncode == 0
        assert cli.run(server, 'token', 'lookup', f'-ca-cert={tls.ca}', '-tls-server-name=other.example.org').returncode == 2
        assert cli.run(server, 'token', 'lookup').returncode == 2
    finally:
        server.clean()


def test_nothing_is_overwritten(made):
    before = files_of(made.directory)
    done = tls_init(f'-dir={made.directory}')
    assert done.returncode == 1 and 'ca.crt is there already, and nothing is overwritten' in done.stderr and done.stdout == ''
    assert files_of(made.directory) == before


@pytest.mark.parametrize('name', sorted(MODES))
def test_one_file_in_the_way_is_enough(tmp_path, name):
    for place in (lambda path: path.write_text('mine'), lambda path: path.symlink_to('/nonexistent')):
        (tmp_path / name).unlink(missing_ok=True)
        place(tmp_path / name)
        done = tls_init(cwd=tmp_path)
        assert done.returncode == 1 and f'{name} is there already' in done.stderr, done
        assert [one.name for one in tmp_path.iterdir()] == [name]


def test_the_next_certificate_of_an_authority(made, tmp_path):
    directory = tmp_path / 'next'
    directory.mkdir()
    before = files_of(made.directory)
    done = tls_init(f'-dir={directory}', f'-ca-dir={made.directory}', '-days=30')
    assert done.returncode == 0, done
    assert {name: mode for name, (mode, _) in files_of(directory).items()} == {'tls.crt': 0o644, 'tls.key': 0o600}
    assert files_of(made.directory) == before
    assert openssl('verify', '-x509_strict', '-CAfile', f'{made.directory}/ca.crt', f'{directory}/tls.crt')[0] == 0
    serials = {openssl('x509', '-in', f'{one}/tls.crt', '-noout', '-serial')[1] for one in (made.directory, directory)}
    assert len(serials) == 2
    (made.directory / 'ca.key').write_bytes((directory / 'tls.key').read_bytes())
    done = tls_init(f'-dir={tmp_path}', f'-ca-dir={made.directory}')
    assert done.returncode == 1 and 'are no authority and its key' in done.stderr


REFUSED = [
    (['-san=a b'], 'invalid value "a b" for flag -san: '),
    (['-san=a,IP:1.2.3.4'], 'invalid value "a,IP:1.2.3.4" for flag -san: '),
    (['-san='], 'invalid value "" for flag -san: '),
    (['-days=0'], '-days and -ca-days must be between 1 and 36500'),
    (['-ca-days=36501'], '-days and -ca-days must be between 1 and 36500'),
    (['-days=40', '-ca-days=30'], 'the certificate would outlive its authority'),
    (['-dir=/nowhere'], '/nowhere: No such file or directory'),
    (['-ca-dir=/nowhere'], '/nowhere: No such file or directory'),
    (['-ca-dir=.'], 'ca.crt cannot be read: '),
    (['x'], 'Too many arguments (expected 0, got 1)'),
]


@pytest.mark.parametrize('words, text', REFUSED, ids=[' '.join(row[0]) for row in REFUSED])
def test_what_it_refuses(tmp_path, words, text):
    done = tls_init(*words, cwd=tmp_path)
    assert done.returncode == 1 and text in done.stderr and done.stdout == '', done
    assert list(tmp_path.iterdir()) == []


def test_an_authority_is_named_after_its_machine(tmp_path):
    assert tls_init('-ca-days=500', cwd=tmp_path).returncode == 0
    assert re.search(r'CN ?= ?Sallyport CA \S+', openssl('x509', '-in', f'{tmp_path}/ca.crt', '-noout', '-subject')[1])
    for name in MODES:
        (tmp_path / name).unlink()
    assert tls_init('-ca-name=Our hosts', cwd=tmp_path).returncode == 0
    assert 'Our hosts' in openssl('x509', '-in', f'{tmp_path}/ca.crt', '-noout', '-subject')[1]
