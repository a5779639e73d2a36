"""Allocations that fail when told (tests/support/oom.c)."""
import mmap
import struct
import subprocess

from .build import ROOT

ARMED, AT, ALL, COUNT, LIVE = range(5)


class Oom:
    def __init__(self, directory):
        self.library, path = directory / 'oom.so', directory / 'oom.control'
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', self.library, ROOT / 'tests/support/oom.c'], check=True)
        path.write_bytes(bytes(40))
        path.chmod(0o666)
        with open(path, 'r+b') as file:
            self.block = mmap.mmap(file.fileno(), 40)
        self.environment = {'LD_PRELOAD': str(self.library), 'OOM': str(path)}

    def get(self, field):
        return struct.unpack_from('<q', self.block, 8 * field)[0]

    def set(self, field, value):
        struct.pack_into('<q', self.block, 8 * field, value)

    def arm(self, at, all_behind=False):
        """Count from here; the at-th allocation fails (0: none)."""
        self.set(ARMED, 0)
        self.set(COUNT, 0)
        self.set(AT, at)
        self.set(ALL, int(all_behind))
        self.set(ARMED, 1)

    def disarm(self):
        """How many allocations there were."""
        self.set(ARMED, 0)
        return self.get(COUNT)
