"""A network of one's own for a part of a test, where the machine allows it."""
import concurrent.futures
import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import threading

import pytest

NEWNS, NEWNET, MS_BIND, MS_REC, MS_PRIVATE = 0x20000, 0x40000000, 0x1000, 0x4000, 0x40000
LIBC = ctypes.CDLL(None, use_errno=True)


def call(function, *words):
    if function(*words) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


class Network:
    """What run() calls has a network with nothing but `lo` and what `commands` made, and mounts of its own; so have
    the sockets that it opens and the programs that it starts."""

    def __init__(self, *commands, lo=True):
        self.commands = ['ip link set lo up', *commands] if lo else commands
        self.thread = concurrent.futures.ThreadPoolExecutor(1)

    def __enter__(self):
        try:
            self.run(self.enter)
        except (OSError, subprocess.CalledProcessError) as error:
            self.thread.shutdown()
            pytest.skip(f'no such network here: {error} {getattr(error, "stderr", "")}')
        return self

    def enter(self):
        call(LIBC.unshare, NEWNS | NEWNET)
        call(LIBC.mount, b'none', b'/', None, MS_REC | MS_PRIVATE, None)
        for command in self.commands:
            subprocess.run(command.split(), check=True, capture_output=True, text=True)

    def run(self, function, *words, **more):
        return self.thread.submit(function, *words, **more).result()

    def put_file(self, source, target):
        """source in place of target, for this network's programs alone."""
        self.run(call, LIBC.mount, os.fsencode(source), os.fsencode(target), None, MS_BIND, None)

    def __exit__(self, *words):
        self.thread.shutdown()


class Names:
    """A name server on 127.0.0.1 port 53: every name has these IPv4 addresses; none at all: it never answers."""

    def __init__(self, *addresses):
        self.addresses, self.asked = addresses, []
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(('127.0.0.1', 53))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                query, peer = self.socket.recvfrom(4096)
                end = query.index(b'\0', 12) + 5
                self.asked.append(query[12:end])
                found = self.addresses if query[end - 3] == 1 else ()
                answer = query[:2] + b'\x81\x80\0\1' + struct.pack('>H', len(found)) + b'\0\0\0\0' + query[12:end]
                answer += b''.join(b'\xc0\x0c\0\1\0\1\0\0\0\1\0\4' + socket.inet_aton(one) for one in found)
                if self.addresses:
                    self.socket.sendto(answer, peer)

    def close(self):
        self.socket.close()
