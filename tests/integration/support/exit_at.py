"""A server that ends at one of its system calls, and whose clock may be ahead (tests/support/exit_at.c)."""
import mmap
import struct
import subprocess

from .build import ROOT

NEVER = 2**64 - 1
CALLS_MAX = 8192
HEAD = struct.Struct('=QQq')  # struct plan: at, n, ahead_s; then calls
STATUS = 9


class ExitAt:
    def __init__(self, directory):
        self.library, path = directory / 'exit_at.so', directory / 'plan'
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', self.library, ROOT / 'tests/support/exit_at.c', '-ldl'], check=True)
        path.write_bytes(bytes(HEAD.size + CALLS_MAX))
        self.path, self.ahead_s = path, 0
        with open(path, 'r+b') as file:
            self.plan = mmap.mmap(file.fileno(), 0)

    def prepare(self, server):
        """Of the next start."""
        server.environment = {'LD_PRELOAD': str(self.library), 'EXIT_AT': str(self.path)}

    def pass_time(self, s):
        """The server's clock goes on."""
        self.ahead_s += s
        self.plan[16:24] = struct.pack('=q', self.ahead_s)

    def set(self, at):
        """From now on: end before that call; NEVER: only count."""
        self.plan[:16] = struct.pack('=QQ', 0, 0)
        self.plan[:8] = struct.pack('=Q', at)

    def clear(self):
        """True: the server ends."""
        at, _, _ = HEAD.unpack(self.plan[:HEAD.size])
        self.plan[:8] = bytes(8)
        return self.n >= at

    @property
    def n(self):
        return HEAD.unpack(self.plan[:HEAD.size])[1]

    @property
    def calls(self):
        """c connect, s send, r receive, w write, p write of the store, y sync."""
        return self.plan[HEAD.size:HEAD.size + self.n].decode()
