"""The keeper is a process of its own: it and the server end together, and what it holds is not in the server (R36)."""
import base64
import calendar
import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import pathlib
import re
import signal
import sqlite3
import subprocess
import threading
import time

import pytest

from support.audit import entries
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server, children, is_running, wait_for
from support.wire import Wire

ROUNDS = count('KEEPER_KILLS', 5, 200)
EXIT_KEEPER = 71
SIGNED = count('KEEPER_SIGNED', 120, 20000)
CLIENTS = 4


@pytest.fixture
def server():
    one = Server(dev=False, shares=(1, 1)).start().mount_ssh()
    one.write_role()
    yield one
    one.clean()


# ---- two processes ----------------------------------------------------------

def test_there_are_two_processes(server):
    proc = pathlib.Path(f'/proc/{server.keeper}')
    assert children(server.process.pid) == [server.keeper]
    assert children(server.keeper) == []
    assert (proc / 'cmdline').read_bytes().split(b'\0')[0] == b'sallyportd: keeper'
    assert (proc / 'comm').read_text() == 'sallyport-keep\n'


@pytest.mark.skipif(os.geteuid() != 0, reason='only root sees what another process has open')
def test_the_keeper_has_nothing_but_its_socket(server):
    """Whatever the server has opened since."""
    opened = {one.name: os.readlink(one) for one in pathlib.Path(f'/proc/{server.keeper}/fd').iterdir()}
    assert set(opened) == {'0', '1', '2', '3'}
    assert (opened['0'], opened['1']) == ('/dev/null', '/dev/null')
    assert opened['2'] == str(server.log) and opened['3'].startswith('socket:')
    tcp = {line.split()[9] for name in ('tcp', 'tcp6') for line in open(f'/proc/{server.keeper}/net/{name}', encoding='ascii')}
    assert opened['3'].strip('socket:[]') not in tcp


def test_a_stop_meant_for_both_is_the_servers(server):
    """A terminal's ctrl-C and a service manager's SIGTERM go to every process of the group."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        os.kill(server.keeper, number)
    server.api().put('sys/seal')
    assert server.api(None).put('sys/unseal', {'key': server.keys[0]}).json['sealed'] is False
    os.kill(server.keeper, signal.SIGTERM)
    assert server.stop() == 0
    assert 'the keeper' not in server.log_text()


class MuteServer(Server):
    """Started without the three files that every program has."""

    def words(self):
        return ['sh', '-c', 'exec "$@" <&- >&- 2>&-', 'sh', *super().words()]


@pytest.mark.skipif(os.geteuid() != 0, reason='only root sees what another process has open')
def test_closed_standard_files_do_not_become_others():
    server = MuteServer()
    try:
        server.start()
        assert {os.readlink(f'/proc/{pid}/fd/{fd}') for pid in (server.process.pid, server.keeper) for fd in range(3)} == {'/dev/null'}
        assert server.stop() == 0
    finally:
        server.clean()


# ---- one dies ---------------------------------------------------------------

class Asking(threading.Thread):
    """Asks for passwords, and seals nothing, until the server is gone."""

    def __init__(self, server):
        super().__init__()
        self.wire = Wire(server)
        self.live, self.wrong = [], []

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                status, body = self.wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})
                if status == 200:
                    self.live.append(body['data']['key'])
                elif status not in (500, 503):
                    self.wrong.append((status, body))


def one_kill(server):
    """What went wrong where the keeper was killed under load."""
    asking = [Asking(server) for _ in range(CLIENTS)]
    for one in asking:
        one.start()
    wait_for(lambda: all(one.live for one in asking), 'passwords are handed out')
    os.kill(server.keeper, signal.SIGKILL)
    status = server.process.wait(PATIENCE_S)
    for one in asking:
        one.join(PATIENCE_S)
    wrong = [one.wrong for one in asking if one.wrong]
    if status != EXIT_KEEPER:
        wrong.append(f'exit status {status}')
    server.start()
    wire = Wire(server)
    lost = sum(wire.call('PUT', 'ssh/verify', {'otp': one.live[-1]}, token=None)[0] != 200 for one in asking)
    return wrong + [f'{lost} passwords lost'] * bool(lost)


def test_the_server_ends_with_its_keeper(server):
    """It says so, with a status by which systemd starts both again; what was answered holds."""
    wrong = [one for _ in range(ROUNDS) for one in one_kill(server)]
    figure('R36', ROUNDS, len(wrong), 'killed keepers')
    assert wrong == []
    assert server.log_text().count('the keeper was killed, so the server ends') == ROUNDS


def test_a_keeper_that_dies_while_sealed_ends_the_server_too():
    server = Server(dev=False, shares=(3, 2))
    try:
        server.start(unseal=False)
        os.kill(server.keeper, signal.SIGKILL)
        assert server.process.wait(PATIENCE_S) == EXIT_KEEPER
    finally:
        server.clean()


def test_the_keeper_ends_with_the_server():
    """However that ends, at whatever moment."""
    server = Server()
    try:
        for how in (server.kill, server.stop, server.kill):
            server.start()
            assert is_running(server.keeper)
            how()
            assert not is_running(server.keeper)
    finally:
        server.clean()


# ---- what is where ----------------------------------------------------------

def memory(pid):
    """The bytes of each mapping that can be read."""
    with open(f'/proc/{pid}/maps', encoding='ascii') as file:
        regions = [line.split() for line in file]
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as mem:
        for words in regions:
            start, end = (int(one, 16) for one in words[0].split('-'))
            if not words[1].startswith('rw'):
                continue
            mem.seek(start)
            with contextlib.suppress(OSError, ValueError):
                yield mem.read(end - start)


def holds(pid, secret):
    return any(secret in one for one in memory(pid))


def open_blob(key, label, blob):
    """What server/keeper/wrap.c sealed."""
    sodium = ctypes.CDLL(ctypes.util.find_library('sodium'))
    head, nonce, sealed = blob[:1], blob[1:25], blob[25:]
    plain, n, aad = ctypes.create_string_buffer(len(sealed)), ctypes.c_ulonglong(), head + label
    assert sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, ctypes.byref(n), None, sealed, ctypes.c_ulonglong(len(sealed)), aad, ctypes.c_ulonglong(len(aad)), nonce, key) == 0
    return plain.raw[:n.value]


def stored(server, name):
    with contextlib.closing(sqlite3.connect(f'file:{server.store}?mode=ro', uri=True)) as db:
        return db.execute('SELECT value FROM kv WHERE key = ?', (name.encode(),)).fetchone()[0][1:]


def root_key(server):
    """R; with one share that share is what it is wrapped under."""
    return open_blob(base64.b64decode(server.keys[0]), b'sallyport root key', stored(server, 'core/root'))


@pytest.mark.skipif(os.geteuid() != 0, reason='only root reads the memory of such a process')
def test_the_root_key_is_in_the_keeper_alone(server):
    """Nor is it there after a seal."""
    secret = root_key(server)
    assert len(secret) == 32
    server.otp()
    found = {'keeper': holds(server.keeper, secret), 'server': holds(server.process.pid, secret)}
    figure('R36', 2, [found['keeper'] is False, found['server']].count(True), 'processes searched for the root key')
    assert found == {'keeper': True, 'server': False}
    server.api().put('sys/seal')
    assert not holds(server.keeper, secret)


def ed25519(name, directory):
    """A private key's text as ssh-keygen writes it, and the seed in it."""
    path = directory / name
    subprocess.run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', path], check=True)
    text = path.read_text()
    raw = base64.b64decode(''.join(text.splitlines()[1:-1]))
    public = base64.b64decode(path.with_suffix('.pub').read_text().split()[1])[-32:]
    at = raw.rindex(public)
    return text, public, raw[at - 32:at]


def signing_ca(server):
    """An imported CA that has signed under role ca: the id of its issuer, its key's text, and the seed in it."""
    text, _, seed = ed25519('ca', server.directory)
    _, user, _ = ed25519('user', server.directory)
    answer = server.api().post('ssh/issuers/import', {'private_key': text, 'public_key': (server.directory / 'ca.pub').read_text(),
                                                      'generate_signing_key': False})
    assert answer.status == 200, answer
    server.write_role('ca', key_type='ca', cidr_list='', allow_user_certificates=True, allowed_users='ubuntu', default_user='ubuntu')
    assert user in base64.b64decode(sign(server).json['data']['signed_key'].split()[1])
    return answer.data['issuer_id'], text, seed


def sign(server):
    answer = server.api().post('ssh/sign/ca', {'public_key': (server.directory / 'user.pub').read_text()})
    assert answer.status == 200, answer
    return answer


@pytest.mark.skipif(os.geteuid() != 0, reason='only root reads the memory of such a process')
def test_a_cas_private_key_is_in_the_keeper_alone(server):
    """An imported one came through the server: it did not stay. Signing opens it in the keeper, a seal forgets it."""
    _, text, seed = signing_ca(server)
    lines = [one.encode() for one in text.splitlines()[2:-2]]
    found = {'keeper': holds(server.keeper, seed), 'server': holds(server.process.pid, seed),
             'its text': any(holds(server.process.pid, one) for one in lines)}
    figure('R36', 3, [not found['keeper'], found['server'], found['its text']].count(True), 'searches for a CA key')
    assert found == {'keeper': True, 'server': False, 'its text': False}
    assert holds(server.process.pid, str(server.store).encode())  # what is there is found
    server.api().put('sys/seal')
    assert not holds(server.keeper, seed)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root reads the memory of such a process')
def test_a_deleted_key_leaves_the_keeper(server):
    """At once, though it can be brought back; and with its mount."""
    id_, _, seed = signing_ca(server)
    ways = {'issuer': lambda: server.api().delete(f'ssh/issuer/{id_}'), 'config/ca': lambda: server.api().delete('ssh/config/ca'),
            'mount': lambda: server.api().delete('sys/mounts/ssh')}
    found = []
    for name, delete in ways.items():
        assert holds(server.keeper, seed)
        assert delete().status in (200, 204)
        found.append((name, holds(server.keeper, seed)))
        if name == 'mount':
            break
        assert server.api().post(f'ssh/issuers/deleted/{id_}/restore').status == 200
        sign(server)
        # A signature that was under way would not have kept it open either.
        found.append((f'{name}, a moment later', holds(server.keeper, seed)))
        server.restart()
        sign(server)
    figure('R36', len(found), [one for _, one in found].count(True), 'searches for a deleted key')
    assert not [name for name, stays in found if stays]


# ---- one that does not answer -----------------------------------------------

def test_the_server_ends_with_a_keeper_that_is_stopped(server):
    """It is alive, and no signal tells of it: it is missed when it does not answer for three beats."""
    keeper = server.keeper
    os.kill(keeper, signal.SIGSTOP)
    assert server.process.wait(PATIENCE_S) == EXIT_KEEPER
    assert 'the keeper does not answer, so the server ends' in server.log_text()
    assert not is_running(keeper)
    server.start()
    assert server.otp()


# ---- what was signed --------------------------------------------------------

def string(data):
    return len(data).to_bytes(4, 'big') + data


def options_of(pairs):
    """As a certificate has them: a value is a string in a string, a flag an empty one."""
    return b''.join(string(name.encode()) + string(string(value.encode()) if value else b'')
                    for name, value in sorted((pairs or {}).items()))


def part(row, ca):
    """What server/keeper/tally.h adds up for a certificate, from its row in the register alone."""
    fingerprint = base64.b64decode(row['fingerprint'].removeprefix('SHA256:') + '=')
    told = (bytes.fromhex(row['serial_number'].zfill(16)) + {'user': 1, 'host': 2}[row['cert_type']].to_bytes(4, 'big')
            + string(row['key_id'].encode()) + string(b''.join(string(one.encode()) for one in row['principals']))
            + row['after'].to_bytes(8, 'big') + row['before'].to_bytes(8, 'big')
            + string(options_of(row['critical_options'])) + string(options_of(row['extensions'])) + string(b'') + string(ca))
    return int.from_bytes(hashlib.sha256(fingerprint + told).digest(), 'big')


def seconds(text):
    return calendar.timegm(time.strptime(text, '%Y-%m-%dT%H:%M:%SZ'))


def ask_for_certificates(server, number, wrong):
    """Of users and hosts, with options and without, some refused, under two issuers."""
    wire = Wire(server)
    key = (server.directory / 'user.pub').read_text()
    bodies = [({}, 200), ({'valid_principals': 'ops,ubuntu', 'ttl': '10m'}, 200), ({'valid_principals': 'root'}, 400),
              ({'critical_options': {'force-command': f'echo {number}', 'verify-required': ''}}, 200),
              ({'cert_type': 'host', 'valid_principals': 'a.example.com'}, 200), ({'extensions': {'permit-pty': ''}}, 200)]
    for i in range(SIGNED // CLIENTS):
        body, status = bodies[i % len(bodies)]
        got = wire.call('POST', f'ssh/sign/{("one", "two")[i % 2]}', {'public_key': key, **body})
        if got[0] != status:
            wrong.append(got)
    wire.close()


def test_the_register_has_what_the_keeper_signed(server):
    """Reliability 5.1: number and sum of all that left the keeper are those of the register, and of the audit log."""
    server.enable_audit()
    ed25519('user', server.directory)
    blobs = {}
    for name in ('one', 'two'):
        made = server.api().post(f'ssh/issuers/import/{name}', {'key_type': 'ed25519'}).data
        blobs[made['issuer_id']] = base64.b64decode(made['public_key'].split()[1])
        server.write_role(name, key_type='ca', cidr_list='', allow_user_certificates=True, allow_host_certificates=True, issuer_ref=name,
                          allowed_users='ubuntu,ops', default_user='ubuntu', allowed_domains='example.com', allow_subdomains=True)
    wrong = []
    threads = [threading.Thread(target=ask_for_certificates, args=(server, number, wrong)) for number in range(CLIENTS)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    rows = []
    for serial in server.api().list('ssh/certs').data['keys']:
        row = server.api().get(f'ssh/cert/{serial}').data
        rows.append({**row, 'after': seconds(row['valid_after']), 'before': seconds(row['valid_before'])})
    assert server.stop() == 0
    told = re.search(r'the keeper signed.*certificates=(\d+).*sum=([0-9a-f]{64})', server.log_text())
    answered = [one for one in entries(server.audit_directory / 'audit.log', 'response')
                if one['request']['path'].startswith('ssh/sign/') and 'signed_key' in (one['response'].get('data') or {})]
    total = sum(part(row, blobs[row['issuer_id']]) for row in rows) % 2 ** 256
    differ = [int(told[1]) != len(rows), int(told[1]) != len(answered), int(told[2], 16) != total]
    figure('R36', len(rows), differ.count(True), 'certificates, counted by keeper, register and audit log')
    assert (wrong, differ) == ([], [False] * 3)
