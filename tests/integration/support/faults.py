"""Calls of the server that fail or hang when told (tests/support/faults.c)."""
import contextlib
import os
import subprocess

from .build import ROOT


class Faults:
    def __init__(self, directory):
        self.library, self.rules = directory / 'faults.so', directory / 'rules'
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', self.library, ROOT / 'tests/support/faults.c', '-ldl'],
                       check=True)

    def prepare(self, server):
        """Of the next start."""
        server.environment = {'LD_PRELOAD': str(self.library), 'FAULTS': str(self.rules)}

    @contextlib.contextmanager
    def on(self, call, what, *paths, skip=0, times=0):
        """what: an errno, "block" or "short". After `skip` calls, `times` of them (0: all)."""
        self.set(call, what, *paths, skip=skip, times=times)
        yield
        self.clear()

    def set(self, call, what, *paths, skip=0, times=0):
        new = self.rules.with_suffix('.new')
        new.write_text(''.join(f'{call} {what} {path} {skip} {times}\n' for path in paths))
        os.rename(new, self.rules)

    def clear(self):
        self.rules.unlink()


@contextlib.contextmanager
def small_disk(directory, size):
    """A memory file system, where mounting is allowed; else None."""
    directory.mkdir(exist_ok=True, mode=0o700)
    made = subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={size},mode=700', 'none', directory],
                          capture_output=True).returncode == 0
    try:
        yield directory if made else None
    finally:
        if made:
            subprocess.run(['umount', '-l', directory])


def fill(path):
    """Until there is no room."""
    with open(path, 'wb', buffering=0) as file:
        with contextlib.suppress(OSError):
            while True:
                file.write(b'x' * 4096)
        with contextlib.suppress(OSError):
            while True:
                file.write(b'x')
