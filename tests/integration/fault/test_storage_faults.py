"""Faults of the disk under the store (reliability R08, L39)."""
import os
import random
import stat
import subprocess

import pytest

from support.figures import count
from support.server import Server
from support.wire import Wire

EXIT_STORE = 70
CORRUPT_COPIES = count('CORRUPT_COPIES', 20)


def run_until_it_answers(server):
    """True: it serves; else its exit status, with a line in the log."""
    try:
        server.start()
    except AssertionError:
        return server.process.returncode
    return True


def test_damaged_bytes_are_refused_or_harmless(tmp_path):
    """No crash; what is still answered is what was stored."""
    server = Server().start().mount_ssh()
    server.write_role()
    keys = [server.otp()['data']['key'] for _ in range(50)]
    assert server.stop() == 0
    good, rng, outcomes = server.store.read_bytes(), random.Random(11), []
    try:
        for _ in range(CORRUPT_COPIES):
            for name in ('store.db-wal', 'store.db-shm'):
                (server.store.parent / name).unlink(missing_ok=True)
            damaged = bytearray(good)
            at = rng.randrange(len(damaged))
            damaged[at:at + rng.choice((1, 512))] = rng.randbytes(rng.choice((1, 512)))
            server.store.write_bytes(damaged)
            server.log.write_text('')
            outcome = run_until_it_answers(server)
            outcomes.append(outcome is True)
            if outcome is not True:
                assert outcome == 1, (at, outcome, server.log_text())
                assert 'sallyportd: ' in server.log_text()
                continue
            wire = Wire(server)
            status, body = wire.call('GET', 'ssh/roles/otp')
            assert status in (200, 500, 503) and (status != 200 or body['data']['default_user'] == 'ubuntu'), (at, body)
            for key in keys:
                first = wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0]
                again = wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0]
                assert first in (200, 400, 500, 503) and (first != 200 or again != 200), (at, first, again)
            wire.close()
            assert server.stop() in (0, EXIT_STORE), (at, server.log_text())
        print(f'{CORRUPT_COPIES} copies: {outcomes.count(True)} harmless, {CORRUPT_COPIES - outcomes.count(True)} refused, 0 crashes')
    finally:
        server.clean()


def test_a_store_that_is_none_is_refused(tmp_path):
    server = Server()
    server.store.write_bytes(os.urandom(65536))
    server.store.chmod(0o600)
    try:
        assert run_until_it_answers(server) == 1
        assert 'sallyportd: ' in server.log_text()
    finally:
        server.clean()


@pytest.mark.parametrize('what, mode', [('data', 0o750), ('data', 0o755), ('store.db', 0o640), ('store.db', 0o604)])
def test_wide_modes_are_refused(what, mode):
    server = Server().start()
    server.stop()
    path = server.store.parent if what == 'data' else server.store
    try:
        path.chmod(mode)
        assert run_until_it_answers(server) == 1
        assert str(path) in server.log_text()
        path.chmod(stat.S_IMODE(mode) & 0o700)
        assert run_until_it_answers(server) is True
    finally:
        server.clean()


def test_a_second_server_is_refused():
    server = Server().start()
    try:
        words = [word.replace(str(server.port), '0') for word in server.words()]
        second = subprocess.run(words, capture_output=True, text=True, timeout=60, env={'HOME': str(server.directory)})
        assert second.returncode == 1
        assert str(server.store) in second.stderr
        assert server.api().get('sys/mounts').status == 200
    finally:
        server.clean()


NOBODY = 65534


class NobodysServer(Server):
    """Run without rights, since the files of a process of root show nothing."""

    def words(self):
        for path in (self.directory, self.store.parent, self.audit_directory):
            os.chown(path, NOBODY, NOBODY)
        return ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', *super().words()]


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')
def test_the_process_shows_nothing():
    """Not dumpable, no core, no new privileges, locked memory."""
    server = NobodysServer()
    try:
        server.start()
        proc = f'/proc/{server.process.pid}'
        with open(f'{proc}/status') as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
        with open(f'{proc}/limits') as file:
            core = next(line for line in file if line.startswith('Max core file size'))
        with open(f'{proc}/smaps') as file:
            flags = [line.split() for line in file if line.startswith('VmFlags')]
        assert status['Uid'].split()[0] == str(NOBODY)
        assert os.stat(f'{proc}/environ').st_uid == 0  # root's, as of every process that is not dumpable
        assert status['NoNewPrivs'] == '1'
        assert core.split()[4:6] == ['0', '0']
        assert any('lo' in one for one in flags)
    finally:
        server.clean()
