"""R30: no secret in any file, log or core of the server after a pass of the whole API."""
import base64
import os
import signal
import uuid

import pytest

from support.figures import count, figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server

PASSES = count('CANARY_PASSES', 1, 5)
LEAST = 8  # bytes of a form that is looked for


def forms(secret):
    """The ways in which a secret's bytes could lie somewhere: as they are, base64 and hex."""
    plain = [secret.encode()]
    try:
        plain.append(uuid.UUID(secret).bytes)
    except ValueError:
        pass
    try:
        plain.append(base64.b64decode(secret, validate=True))
    except ValueError:
        pass
    found = set()
    for one in plain:
        # Base64 of a longer text holds that of a part, less what hangs over at its ends.
        for before in range(3):
            text = base64.b64encode(b'\0' * before + one)
            found |= {text[4 if before else 0:len(text) - 4], text[4 if before else 0:len(text) - 4].translate(URL)}
        found |= {one, one.hex().encode(), one.hex().upper().encode()}
    return {one for one in found if len(one) >= LEAST}


URL = bytes.maketrans(b'+/', b'-_')


def walk(server):
    """Every route, well and badly; the secrets that were sent and got."""
    world, secrets = World(server), set()
    for route in all_routes(server):
        if str(route) in ENDS | AT_START:
            continue
        method, path, data, token = prepare(route, world)
        got = world.api.call(method, path, data, token=token)
        auth, told = ((got.json or {}).get(one) or {} for one in ('auth', 'data')) if got.body else ({}, {})
        secrets |= {token, auth.get('client_token'), told.get('key') if isinstance(told.get('key'), str) else None}
        secrets |= {str(data[name]) for name in route.secrets if data and name in data}
        if method == 'POST':
            marker = 'hvs.' + os.urandom(12).hex()
            secrets.add(marker)
            world.api.call(method, path, {**(data or {}), **{name: marker for name in route.secrets}}, token=marker)
            for name in route.secrets:
                world.api.call(method, path, {**(data or {}), name: marker}, token=token)
                world.api.call(method, path, raw=f'{{"{name}":"{marker}"', token=token)
    live = server.otp()['data']['key']
    return {one for one in secrets if one} | {live}


def found_in_files(directory, wanted):
    """(form, file) of what lies in any file, the store and its log among them."""
    hits = []
    for path in sorted(directory.rglob('*')):
        if path.is_file() and not path.is_symlink():
            text = path.read_bytes()
            hits += [(secret, form, str(path)) for secret, all_ in wanted.items() for form in all_ if form in text]
    return hits


@pytest.fixture
def server():
    one = Server(dev=False, config='log_level = "trace"', shares=(3, 2)).start().mount_ssh()
    one.write_role()
    one.enable_audit()
    yield one
    one.clean()


def test_no_secret_is_in_any_file(server):
    secrets = {server.token, *server.keys}
    for _ in range(PASSES):
        secrets |= walk(server)
        server.restart()
    server.api().put('sys/storage/backup', {'file': str(server.directory / 'backup.db')})
    server.api().post('sys/seal')
    server.init_and_unseal()
    wanted = {one: forms(one) for one in secrets}
    hits = found_in_files(server.directory, wanted)
    server.stop()
    hits += found_in_files(server.directory, wanted)
    figure('R30', len(wanted), len({one for one, *_ in hits}), 'secrets')
    print(f'{len(wanted)} secrets in {sum(map(len, wanted.values()))} forms: {len(hits)} found')
    assert len(wanted) > 40
    assert hits == []
    # What was looked for can be found: its own marker.
    (server.directory / 'planted').write_bytes(b'x' + base64.b64encode(b'yz' + server.token.encode()))
    assert found_in_files(server.directory, wanted)


def end_by(server, number):
    """Its wait status after a signal that would leave a core."""
    server.process.send_signal(number)
    _, status = os.waitpid(server.process.pid, 0)
    server.process.returncode = -number
    return status


@pytest.mark.parametrize('number', [signal.SIGABRT, signal.SIGSEGV, signal.SIGQUIT])
def test_a_crash_leaves_no_core(server, number):
    """Even where the one who started it allows one."""
    server.otp()
    with open(f'/proc/{server.process.pid}/limits', encoding='ascii') as file:
        assert [one.split()[4:6] for one in file if one.startswith('Max core file size')] == [['0', '0']]
    status = end_by(server, number)
    assert not os.WCOREDUMP(status)
    assert [path.name for path in server.directory.rglob('core*')] == []


def dumped_pages(pid):
    """The bytes of each mapping that a core would hold (all but MADV_DONTDUMP and files)."""
    with open(f'/proc/{pid}/smaps', encoding='ascii') as file:
        lines = file.read().splitlines()
    regions, at = [], None
    for line in lines:
        words = line.split()
        if '-' in words[0] and not words[0].endswith(':'):
            at = (*(int(one, 16) for one in words[0].split('-')), words[1], words[5] if len(words) > 5 else '')
        elif words[0] == 'VmFlags:' and 'dd' not in words and at[2].startswith('rw'):
            regions.append(at)
    with open(f'/proc/{pid}/mem', 'rb', buffering=0) as memory:
        for start, end, _, name in regions:
            memory.seek(start)
            try:
                yield name, memory.read(end - start)
            except OSError:
                continue


def test_what_a_core_would_hold_has_no_secret(server):
    """Should a core be made after all: of the pages that go into one, none keeps what requests brought."""
    secrets = {server.token, *server.keys} | walk(server)
    server.otp()
    wanted = {one: forms(one) for one in secrets}
    hits = [(secret, form, name, data[max(0, data.find(form) - 60):data.find(form) + 80]) for name, data in dumped_pages(server.process.pid)
            for secret, all_ in wanted.items() for form in all_ if form in data]
    figure('R30', len(wanted), len({one for one, *_ in hits}), 'secrets in memory that a core would hold')
    print(f'{len(wanted)} secrets: {len(hits)} found')
    assert hits == []
