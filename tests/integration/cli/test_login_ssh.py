"""sallyport login -method=ssh: the agent signs, nothing else is asked for."""
import os
import socket
import struct
import threading

import pytest

from support.cli import run
from support.keys import SshKey, agent
from support.server import Server


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start()
    assert one.api().post('sys/auth/ssh', {'type': 'ssh'}).status == 204
    assert one.api().post('sys/auth/team/ssh', {'type': 'ssh'}).status == 204
    yield one
    one.clean()


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    directory, made = tmp_path_factory.mktemp('keys'), {}

    def key(name, kind='ed25519', bits=None):
        if name not in made:
            made[name] = SshKey(directory, name, kind, bits)
        return made[name]
    return key


def role(server, name, path='ssh', **fields):
    got = server.api().post(f'auth/{path}/role/{name}', fields)
    assert got.status == 204, got


def login(server, environment, *words, **more):
    env = {'SSH_AUTH_SOCK': environment['SSH_AUTH_SOCK']} if environment else {'SSH_AUTH_SOCK': ''}
    return run(server, 'login', '-method=ssh', *words, env=env, token=None, **more)


@pytest.mark.parametrize('kind, bits', [('ed25519', None), ('ecdsa', 256), ('ecdsa', 521), ('rsa', 2048)])
def test_a_key_of_the_agent_logs_in(server, keys, kind, bits, tmp_path):
    key = keys(f'{kind}{bits}', kind, bits)
    role(server, 'one', public_keys=[key.public])
    with agent(key) as environment:
        done = login(server, environment, 'role=one', home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert 'Success! You are now authenticated.' in done.stdout
    token = (tmp_path / '.vault-token').read_text().strip()
    shown = server.api(token).get('auth/token/lookup-self').data
    assert shown['meta'] == {'role': 'one', 'fingerprint': key.fingerprint} and shown['path'] == 'auth/ssh/login'


def test_keys_are_tried_in_turn_certificates_first(server, keys):
    ca, mine, other = keys('ca'), keys('mine'), keys('other')
    certificate = ca.certify(mine, 'ann', 'turn')
    role(server, 'second', public_keys=[mine.public])
    role(server, 'certified', ca_public_keys=[ca.public], principals=['ann'])
    with agent(other, certificate) as environment:
        for name in ('second', 'certified'):
            done = login(server, environment, '-token-only', f'role={name}')
            assert done.returncode == 0, done.stderr
        meta = server.api(done.stdout.strip()).get('auth/token/lookup-self').data['meta']
        assert meta['principal'] == 'ann'
        # One key alone, by its file or its fingerprint.
        for word in (f'key={mine.pub}', f'key={mine.fingerprint}'):
            assert login(server, environment, '-token-only', 'role=second', word).returncode == 0
        done = login(server, environment, '-token-only', 'role=second', f'key={other.fingerprint}')
        assert done.returncode == 2 and 'invalid role, nonce or signature' in done.stderr


def test_another_mount_is_named(server, keys):
    role(server, 'there', path='team/ssh', public_keys=[keys('mine').public])
    with agent(keys('mine')) as environment:
        assert login(server, environment, '-path=team/ssh', '-token-only', 'role=there').returncode == 0
        assert login(server, environment, '-token-only', 'role=there').returncode == 2


def test_at_most_six_keys_are_tried(server, keys):
    many = [keys(f'many{i}') for i in range(7)]
    role(server, 'last', public_keys=[many[6].public])
    with agent(*many) as environment:
        assert login(server, environment, '-token-only', 'role=last').returncode == 2
        assert login(server, environment, '-token-only', 'role=last', f'key={many[6].pub}').returncode == 0


def test_without_a_key_it_says_so(server, keys, tmp_path):
    done = login(server, None, 'role=one')
    assert done.returncode == 2 and 'there is no ssh-agent: SSH_AUTH_SOCK is not set' in done.stderr
    done = login(server, {'SSH_AUTH_SOCK': str(tmp_path / 'none')}, 'role=one')
    assert done.returncode == 2 and 'cannot be reached' in done.stderr
    with agent() as environment:
        done = login(server, environment, 'role=one')
    assert done.returncode == 2 and 'holds no key that could log in' in done.stderr
    done = login(server, None, 'role=one', f'key={tmp_path}/none.pub')
    assert done.returncode == 2 and "'key' names no file with a public key" in done.stderr and 'No such file' in done.stderr
    done = login(server, None, 'role=one', f'key={tmp_path}')
    assert done.returncode == 2 and 'is no regular file' in done.stderr


class Liar(threading.Thread):
    """An agent that answers everything with the same bytes."""

    def __init__(self, path, answer):
        super().__init__(daemon=True)
        self.answer, self.socket = answer, socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        self.start()

    def run(self):
        try:
            one, _ = self.socket.accept()
            with one:
                one.recv(65536)
                one.sendall(self.answer)
        except OSError:
            pass


def framed(body):
    return struct.pack('>I', len(body)) + body


LIES = {
    'nothing': b'', 'no length': b'\0\0', 'length zero': framed(b''), 'a length that is too large': b'\xff\xff\xff\xff\x0c',
    'a length past the end': struct.pack('>I', 100) + b'\x0c', 'a refusal': framed(b'\x05'), 'another message': framed(b'\x0e\0\0\0\1'),
    'no count': framed(b'\x0c'), 'many keys': framed(b'\x0c\xff\xff\xff\xff'), 'one key, none there': framed(b'\x0c\0\0\0\1'),
    'a key that is longer than it is': framed(b'\x0c\0\0\0\1\0\0\1\0ssh'), 'bytes behind it': framed(b'\x0c\0\0\0\0x'),
}


@pytest.mark.parametrize('lie', LIES)
def test_an_agent_that_lies_harms_nobody(server, tmp_path, lie):
    path = tmp_path / 'agent'
    Liar(path, LIES[lie])
    done = login(server, {**os.environ, 'SSH_AUTH_SOCK': str(path)}, 'role=one')
    assert done.returncode == 2 and 'makes no sense' in done.stderr, (done.returncode, done.stderr)
