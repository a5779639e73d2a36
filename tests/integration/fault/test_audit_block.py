"""No audit device takes a line: 500 within the device's deadline and nothing
granted; one that works is enough; it comes back by itself (reliability R21)."""
import errno
import os

import pytest

from support.audit import device, verify, whole_lines
from support.faults import Faults
from support.figures import count, figure
from support.server import Server, wait_for
from support.wire import Wire

BLOCKS = count('AUDIT_BLOCKS', 4, 120)
REFUSED = ({'errors': ['1 error occurred:\n\t* internal error\n\n']}, {'errors': ['internal error']})


def ask(wire):
    return wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})


def refuses(wire):
    """What is wrong with the answer that must now come."""
    try:
        status, body = ask(wire)
    except TimeoutError:
        return ['no answer, long after the deadline']
    return [] if status == 500 and body in REFUSED else [(status, body)]


class Case:
    """A server, an audit file, and a pipe that nobody may be reading."""

    def __init__(self, directory):
        self.faults = Faults(directory)
        self.server = Server()
        self.faults.prepare(self.server)
        self.server.start().mount_ssh().write_role()
        self.path = self.server.enable_audit(write_timeout='2s')
        self.granted = []

    def blocked(self, what):
        """The disk under the file hangs in a call."""
        with self.faults.on(what, 'block', self.path):
            return self.meanwhile()

    def full(self):
        with self.faults.on('write', errno.ENOSPC, self.path):
            return self.meanwhile()

    def unlinked(self):
        """The file is gone, and a new one cannot be made."""
        away = self.server.directory / 'away'
        os.rename(self.server.audit_directory, away)
        wrong = self.meanwhile()
        os.rename(away, self.server.audit_directory)
        return wrong

    def pipe(self):
        """A pipe that is full is the only device."""
        api, fifo = self.server.api(), self.server.audit_directory / f'pipe-{len(self.granted)}'
        os.mkfifo(fifo, 0o600)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        assert api.put('sys/audit/pipe', {'type': 'file', 'options': {'file_path': str(fifo)}}).status == 204
        wire = Wire(self.server)
        with self.faults.on('write', errno.ENOSPC, self.path):
            wait_for(lambda: ask(wire)[0] == 500, 'the pipe is full')
            wrong = self.meanwhile()
        wait_for(lambda: ask(wire)[0] == 200, 'the file is enough again')
        wire.close()
        assert api.delete('sys/audit/pipe').status == 204
        os.close(reader)
        return wrong

    def meanwhile(self):
        """Two requests, the first of which may be the one that finds out."""
        wire = Wire(self.server)
        wrong = refuses(wire) + refuses(wire)
        wire.close()
        return wrong

    def is_granted(self, wire):
        status, body = ask(wire)
        if status == 200:
            self.granted.append(body['request_id'])
        return status == 200

    def check(self, block):
        wrong = block(self)
        wire = Wire(self.server)
        wait_for(lambda: self.is_granted(wire), 'it recovers')
        wire.close()
        told = {one['request']['id'] for one in whole_lines(self.path) if one['type'] == 'response'}
        if self.granted[-1] not in told:
            wrong.append('an answer without its line')
        if verify(device(self.server)['public_key'], self.path).returncode != 0:
            wrong.append('the chain is broken')
        return wrong


CASES = {'full pipe': Case.pipe, 'sync hangs': lambda case: case.blocked('sync'),
         'write hangs': lambda case: case.blocked('write'), 'unlinked': Case.unlinked, 'full disk': Case.full}


@pytest.fixture
def case(tmp_path):
    one = Case(tmp_path)
    yield one
    one.server.clean()


def test_nothing_is_granted_while_no_device_takes_lines(case):
    failures, n = {}, 0
    while n < max(BLOCKS, len(CASES)):
        for name, block in CASES.items():
            n += 1
            wrong = case.check(block)
            if wrong:
                failures[n, name] = wrong
    print(f'{n} blocks, {len(failures)} failures')
    figure('R21', n, len(failures), 'blocked audit devices')
    assert failures == {}
