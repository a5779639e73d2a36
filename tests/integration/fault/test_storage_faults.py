"""Faults of the disk under the store (reliability L41)."""
import os
import subprocess

from support.patience import PATIENCE_S
from support.server import Server



def run_until_it_answers(server):
    """True: it serves; else its exit status, with a line in the log."""
    try:
        server.start()
    except AssertionError:
        return server.process.returncode
    return True


def test_a_store_that_is_none_is_refused(tmp_path):
    server = Server()
    server.store.write_bytes(os.urandom(65536))
    server.store.chmod(0o600)
    try:
        assert run_until_it_answers(server) == 1
        assert 'sallyportd: ' in server.log_text()
    finally:
        server.clean()


def test_a_second_server_is_refused():
    """And takes nothing of the first one's with it: not its file with the pid either."""
    server = Server(dev=False)
    pid_file = server.directory / 'server.pid'
    server.config = f'pid_file = "{pid_file}"'
    server.start()
    try:
        second = subprocess.run(server.words(), capture_output=True, text=True, timeout=PATIENCE_S,
                                env={'HOME': str(server.directory)})
        assert second.returncode == 1
        assert str(server.store) in second.stderr
        assert server.api().get('sys/mounts').status == 200
        assert pid_file.read_text() == f'{server.process.pid}\n'
        server.stop()
        assert not pid_file.exists()
    finally:
        server.clean()
