"""Files that change while they are looked at (reliability L68)."""
import os
import signal
import threading

import pytest

from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server
from support.wire import Wire

SWAPS = count('SWAPS', 2000, 100000)
STARTS = count('SWAPPED_STARTS', 10, 100)


class Swapper(threading.Thread):
    """Puts one thing after the other in place of path, each by one rename."""

    def __init__(self, path, makers):
        super().__init__(daemon=True)
        self.path, self.makers, self.n, self.stopping = path, makers, 0, False

    def run(self):
        while not self.stopping:
            new = self.path.with_suffix('.new')
            self.makers[self.n % len(self.makers)](new)
            try:
                os.rename(new, self.path)
            except OSError:  # a directory stands in the way of a file, or the reverse
                new.rmdir() if new.is_dir() and not new.is_symlink() else new.unlink()
                if self.path.is_dir() and not self.path.is_symlink():
                    self.path.rmdir()
            self.n += 1

    def end(self):
        self.stopping = True
        self.join(PATIENCE_S)


def test_a_swapped_audit_file_leads_nowhere_else(tmp_path):
    """File, link to a file outside, directory and back: not a byte is written outside."""
    server = Server(dev=False).start().mount_ssh()
    server.write_role()
    path = server.enable_audit()
    outside = tmp_path / 'outside'
    outside.write_text('')  # empty, since a file of something else is not written to anyway
    outside.chmod(0o604)
    swapper = Swapper(path, [lambda new: new.write_text(''), lambda new: new.symlink_to(outside),
                             lambda new: new.mkdir(), lambda new: new.symlink_to('/nonexistent/x')])
    swapper.start()
    wire, n = Wire(server), 0
    try:
        while swapper.n < SWAPS:
            n += 1
            status, _ = wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})
            assert status in (200, 500), status
            if n % 5 == 0:
                server.process.send_signal(signal.SIGHUP)
        swapper.end()
        touched = int(outside.read_text() != '') + int(outside.stat().st_mode & 0o777 != 0o604)
        figure('L68', swapper.n, touched, 'swaps of the audit file')
        assert touched == 0
        assert server.process.poll() is None
    finally:
        swapper.end()
        wire.close()
        server.clean()


@pytest.mark.parametrize('what', ['configuration', 'epoch file'])
def test_a_swapped_file_is_taken_whole_or_refused(tmp_path, what):
    """The operator's, or another's that anybody may write: the second is never believed."""
    server = Server(dev=False).start()
    server.stop()
    words = server.words()
    server.words = lambda: words
    good_path = server.directory / 'sallyport.hcl' if what == 'configuration' else next(
        server.audit_directory.glob('*.epoch'))
    good = good_path.read_text()
    mark = tmp_path / 'evil'
    evil = good + f'pid_file = "{mark}"\n' if what == 'configuration' else good.replace('"batch":', '"batch":9')

    def make(text, mode):
        def maker(new):
            descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            os.fchmod(descriptor, mode)
            os.write(descriptor, text.encode())
            os.close(descriptor)
        return maker

    swapper = Swapper(good_path, [make(good, 0o600), make(evil, 0o666)])
    swapper.start()
    believed = started = 0
    try:
        for _ in range(STARTS):
            server.log.write_text('')
            try:
                server.start(unseal=False)
            except AssertionError:
                assert server.process.returncode == 1
                continue
            plain = server.api(token=None)
            plain.put('sys/unseal', {'key': server.keys[0]})
            status = plain.get('sys/seal-status').json
            started += not status['sealed']
            believed += 'older than' in status.get('sealed_reason', '') or mark.exists()
            assert not status['sealed'] or 'must not be writable' in server.log_text()
            server.stop()
        figure('L68', swapper.n, believed, f'swaps of the {what}')
        assert believed == 0
    finally:
        swapper.end()
        server.clean()
