"""What record.c wrote: every change of the files, every sync, every answer, in one order."""
import bisect
import collections
import os
import struct
import subprocess

from support.build import ROOT

HEAD = struct.Struct('<IIQQ')

Event = collections.namedtuple('Event', 'kind a b data')


class Recorder:
    """Prepares a server so that its next starts are recorded in one log."""

    def __init__(self, directory, roots):
        self.library, self.log = directory / 'record.so', directory / 'record.log'
        self.roots = [str(root) for root in roots]
        subprocess.run(['cc', '-shared', '-fPIC', '-O1', '-o', self.library,
                        ROOT / 'tests/integration/crash/powercut/record.c'], check=True)

    def prepare(self, server):
        server.environment = {'LD_PRELOAD': str(self.library), 'RECORD_LOG': str(self.log),
                              'RECORD_ROOTS': ':'.join(self.roots)}

    def position(self):
        """The log's length now; Recording.at makes an event number of it."""
        return self.log.stat().st_size

    def rename(self, old, new):
        """As somebody beside the server would; told before it is done, so that nothing that follows stands before."""
        names = f'{old}\0{new}'.encode()
        with open(self.log, 'ab', buffering=0) as log:
            log.write(HEAD.pack(ord('R'), len(names), 0, 0) + names)
        os.rename(old, new)


class Recording:
    def __init__(self, log, roots):
        self.roots = {os.stat(root).st_ino: str(root) for root in roots}
        self.events, self.offsets = [], []
        bytes_ = memoryview(log.read_bytes())
        at = 0
        while at + HEAD.size <= len(bytes_):
            kind, length, a, b = HEAD.unpack_from(bytes_, at)
            self.offsets.append(at)
            at += HEAD.size
            self.events.append(Event(chr(kind), a, b, bytes_[at:at + length]))
            at += length
        assert at == len(bytes_), 'the log ends within a record'
        self.answers, self.accepted = self.find_answers()

    def find_answers(self):
        """(address, port, number of the call) to the event at which its answer left; and when each client came."""
        answers, accepted, n_calls = {}, {}, collections.Counter()
        for i, event in enumerate(self.events):
            if event.kind == 'L':
                accepted[event.b, event.a] = i
                n_calls[event.b, event.a] = 0
            elif event.kind == 'A':
                n_calls[event.b, event.a] += 1
                answers[event.b, event.a, n_calls[event.b, event.a]] = i
        return answers, accepted

    def at(self, position):
        """The number of events that stand before a position in the log."""
        return bisect.bisect_left(self.offsets, position)

    def names_of(self, kind):
        return [bytes(event.data).decode() for event in self.events if event.kind == kind]
