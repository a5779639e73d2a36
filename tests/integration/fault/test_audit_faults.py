"""Nothing is answered without its line, and a device comes back by itself
(reliability R21, G-22)."""
import os
import threading
import time

import pytest

from support.audit import device, lines, verify, whole_lines
from support.faults import fill, small_disk
from support.figures import count
from support.patience import PATIENCE_S
from support.server import Server, wait_for
from support.wire import Wire

CLIENTS = count('AUDIT_CLIENTS', 50)
INTERNAL = {'errors': ['1 error occurred:\n\t* internal error\n\n']}
PLAIN = {'errors': ['internal error']}


@pytest.fixture
def audited():
    server = Server().start().mount_ssh()
    server.write_role()
    server.path = server.enable_audit()
    yield server
    server.clean()


class Crowd:
    """Clients that ask for passwords until told to stop."""

    def __init__(self, server):
        self.answers = []  # (sent, status, body)
        self.stopping = False
        self.threads = [threading.Thread(target=self.work, args=(server,)) for _ in range(CLIENTS)]
        for one in self.threads:
            one.start()

    def work(self, server):
        wire = Wire(server)
        while not self.stopping:
            sent = time.monotonic()
            self.answers.append((sent, *wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})))
        wire.close()

    def wait_for(self, n, status=200):
        """n more answers of this status."""
        before = self.n(status)
        wait_for(lambda: self.n(status) >= before + n, f'{n} more answers {status}')

    def n(self, status):
        return sum(one[1] == status for one in list(self.answers))

    def stop(self):
        self.stopping = True
        for one in self.threads:
            one.join(PATIENCE_S)
        return self.answers

    def granted(self, since=0):
        return {body['request_id'] for sent, status, body in self.answers if status == 200 and sent > since}


def ids(*texts):
    """Request ids that have both their lines."""
    found = {'request': set(), 'response': set()}
    for one in (one for text in texts for one in text):
        if one['type'] in found:
            found[one['type']].add(one['request']['id'])
    return found['request'] & found['response']


def test_a_renamed_file_loses_no_line(audited):
    crowd = Crowd(audited)
    old = audited.path.with_suffix('.1')
    crowd.wait_for(200)
    audited.path.rename(old)
    crowd.wait_for(200)
    crowd.stop()
    assert {status for _, status, _ in crowd.answers} == {200}
    assert crowd.granted() <= ids(lines(old), lines(audited.path))
    key = device(audited)['public_key']
    assert verify(key, old, audited.path).returncode == 0


def test_an_unlinked_file_gets_no_more_lines(audited):
    crowd = Crowd(audited)
    crowd.wait_for(200)
    with open(audited.path) as held:
        audited.path.unlink()
        gone = time.monotonic()
        crowd.wait_for(200)
        crowd.stop()
        text = [line for line in held.read().split('\n') if line]
    unlinked = audited.directory / 'unlinked.log'
    unlinked.write_text('\n'.join(text) + '\n')
    assert {status for _, status, _ in crowd.answers} == {200}
    assert crowd.granted(since=gone) <= ids(lines(audited.path))
    assert crowd.granted() <= ids(lines(unlinked), lines(audited.path))
    assert verify(device(audited)['public_key'], unlinked, audited.path).returncode == 0


def test_without_its_directory_nothing_is_granted_until_it_is_back(audited):
    crowd = Crowd(audited)
    away = audited.directory / 'away'
    crowd.wait_for(100)
    audited.audit_directory.rename(away)
    gone = time.monotonic()
    crowd.wait_for(200, status=500)
    before = len(crowd.granted(since=gone))
    away.rename(audited.audit_directory)
    crowd.wait_for(200)
    crowd.stop()
    assert before == 0
    refused = [body for _, status, body in crowd.answers if status == 500]
    assert all(body in (INTERNAL, PLAIN) for body in refused)
    assert crowd.granted() <= ids(lines(audited.path))
    told = [one for one in lines(audited.path) if one['type'] == 'start']
    assert told and told[-1]['missed'] > 0
    assert verify(device(audited)['public_key'], audited.path).returncode == 0


def test_a_full_disk_grants_nothing_until_there_is_room(audited):
    with small_disk(audited.directory / 'small', '2m') as small:
        if small is None:
            pytest.skip('mounting is not allowed here')
        audited.api().delete('sys/audit/file')
        audited.audit_directory = small
        path = audited.enable_audit()
        crowd = Crowd(audited)
        crowd.wait_for(100)
        fill(small / 'filler')
        crowd.wait_for(200, status=500)
        (small / 'filler').unlink()
        crowd.wait_for(200)
        crowd.stop()
        refused = [body for _, status, body in crowd.answers if status != 200]
        assert all(body in (INTERNAL, PLAIN) for body in refused), refused[:3]
        assert crowd.granted() <= ids(whole_lines(path))
        assert verify(device(audited)['public_key'], path).returncode == 0


def test_a_device_that_is_always_full_is_refused(audited):
    answer = audited.api().put('sys/audit/full', {'type': 'file', 'options': {'file_path': '/dev/full'}})
    assert answer.status == 400
    assert audited.otp()


def test_one_healthy_device_is_enough(audited):
    """The pipe that nobody reads does not hold up the file's lines for good."""
    pipe = audited.audit_directory / 'pipe'
    os.mkfifo(pipe, 0o600)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    assert audited.api().put('sys/audit/pipe', {'type': 'file', 'options': {'file_path': str(pipe)}}).status == 204
    crowd = Crowd(audited)
    crowd.wait_for(1000)
    crowd.stop()
    os.close(reader)
    assert {status for _, status, _ in crowd.answers} == {200}
    assert crowd.granted() <= ids(lines(audited.path))
