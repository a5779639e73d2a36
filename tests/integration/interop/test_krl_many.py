"""G-10: a revocation list of very many, as a server makes it, keeps it and gives it to hosts; nightly of a million."""
import json
import random
import statistics
import subprocess
import threading
import time

import pytest

from support import krl
from support.build import BUILD
from support.ca import Ca, entity_token
from support.figures import count, figure
from support.keys import SshKey
from support.server import Server

ENTRIES = count('KRL_SERVER_ENTRIES', 5000, 1_000_000)
OF_ONE = 100_000  # at most of one entity, revoked in one call
ONE_BY_ONE = count('KRL_SERVER_STEPS', 10, 100)
SAMPLE = 10
CONNECTIONS = 16
HOSTS = 32
MIB = 2**20


class Site:
    def __init__(self, place):
        self.server, self.place = Server(dev=False).start().mount_ssh(), place
        self.ca = Ca(self.server)
        self.ca.role('ops', ttl='24h')
        self.key = SshKey(place, 'key')
        self.revoked, self.n_files = set(), 0
        self.live = [self.sample('live') for _ in range(SAMPLE)]

    def sample(self, name, token=''):
        """A certificate in a file of its own."""
        self.n_files += 1
        answer = self.ca.ask('ops', self.key.public, token)
        path = self.place / f'{name}-{self.n_files}-cert.pub'
        path.write_text(answer.data['signed_key'])
        return path, answer.data['serial_number']

    def sign_many(self, token, at_least):
        """By the program of tools/bench; their serial numbers."""
        kept, made = self.place / 'serials', set()
        while len(made) < at_least:
            words = [BUILD / 'tools/bench.d/load', self.server.port, CONNECTIONS, 1, 'PUT', '/v1/ssh/sign/ops', token,
                     json.dumps({'public_key': self.key.public}), kept, 'serial_number']
            got = json.loads(subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=True).stdout)
            assert got['refused'] == 0, got
            made |= {int(line, 16) for line in kept.read_text().split()}
        return made

    def revoke_entity(self, number):
        """All that one has; a sample of them in files."""
        entity, token, _ = entity_token(self.server, f'user-{number}')
        files = [self.sample('gone', token) for _ in range(SAMPLE)]
        made = self.sign_many(token, min(OF_ONE, ENTRIES - len(self.revoked)) - SAMPLE) | {int(serial, 16) for _, serial in files}
        answer = self.server.api().post('ssh/revoke', {'entity_id': entity})
        assert (answer.status, answer.data['certificates']) == (200, len(made)), answer
        again = self.server.api().post('ssh/revoke', {'entity_id': entity})
        assert (again.data['certificates'], again.data['revocation_time']) == (0, answer.data['revocation_time'])
        self.revoked |= made
        return files

    def memory(self, name='VmRSS'):
        """Of the server, in MiB."""
        with open(f'/proc/{self.server.process.pid}/status', encoding='ascii') as file:
            return next(int(line.split()[1]) // 1024 for line in file if line.startswith(name))

    def peak(self):
        return self.memory('VmHWM')

    def save(self):
        """The list in a file; its bytes and tag, and how long it took to come."""
        start = time.monotonic()
        status, headers, found = krl.fetch(self.server)
        assert status == 200
        took = time.monotonic() - start
        (self.place / 'list').write_bytes(found)
        return found, headers['etag'], took

    def asked(self, files):
        """What ssh-keygen says of each, by the list that was saved last."""
        done = subprocess.run(['ssh-keygen', '-Q', '-f', self.place / 'list', *(path for path, _ in files)], capture_output=True,
                              text=True, check=False)
        return [line.rpartition(' ')[2] for line in done.stdout.splitlines()]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    one = Site(tmp_path_factory.mktemp('many'))
    yield one
    one.server.clean()


def test_a_list_of_very_many(site):
    gone = []
    while len(site.revoked) < ENTRIES:
        gone += site.revoke_entity(len(gone))
    before = site.memory()
    found, tag, first = site.save()
    _, _, second = site.save()
    assert krl.fetch(site.server, etag=tag)[0::2] == (304, b'')
    wrong = len(krl.serials(site.place / 'list') ^ site.revoked)
    wrong += site.asked(gone).count('ok') + site.asked(site.live).count('REVOKED')
    figure('G-10', len(site.revoked), wrong, 'serial numbers in a list that a server made')
    print(f'{len(site.revoked)} entries, {len(found)} bytes: first {first:.3f} s, again {second:.3f} s; {before} MiB, then {site.memory()}')
    assert wrong == 0 and len(site.asked(gone + site.live)) == len(gone) + SAMPLE


def test_one_more_is_in_the_next_list(site):
    """And nothing is lost, in whichever order they were signed; memory does not grow with the lists."""
    site.save()
    files = [site.sample('next') for _ in range(ONE_BY_ONE)]
    random.shuffle(files)
    before, last, times, wrong = site.memory(), 0, [], 0
    for path, serial in files:
        assert site.server.api().post('ssh/revoke', {'serial_number': serial}).status == 200
        site.revoked.add(int(serial, 16))
        found, _, took = site.save()
        times.append(took)
        wrong += site.asked([(path, serial)]) != ['REVOKED'] or krl.version(found) <= last
        last = krl.version(found)
    wrong += len(krl.serials(site.place / 'list') ^ site.revoked)
    figure('G-10', ONE_BY_ONE, wrong, f'revocations beside a list of {len(site.revoked)}')
    print(f'a list after a revocation: {statistics.median(times):.3f} s; {before} MiB, then {site.memory()}')
    assert wrong == 0
    assert site.memory() < before + 64 + 10 * len(found) // MIB


def test_many_hosts_at_once(site):
    """Each gets all of it."""
    found, _, _ = site.save()
    before, got = site.memory(), []
    hosts = [threading.Thread(target=lambda: got.append(krl.fetch(site.server)[2])) for _ in range(HOSTS)]
    for one in hosts:
        one.start()
    for one in hosts:
        one.join()
    wrong = sum(one != found for one in got)
    figure('G-10', HOSTS, wrong, 'hosts that fetched a list at once')
    print(f'{HOSTS} hosts at once: {before} MiB, at most {site.peak()}')
    assert (len(got), wrong) == (HOSTS, 0)


def test_a_restart_changes_nothing(site):
    before, tag, _ = site.save()
    site.server.restart()
    after, again, took = site.save()
    print(f'the first list after a start: {took:.3f} s; {site.memory()} MiB')
    assert (after, again) == (before, tag)
    assert krl.fetch(site.server, etag=tag)[0] == 304
    serial = random.Random(1).choice(sorted(site.revoked))
    assert site.server.api().post('ssh/revoke', {'serial_number': f'{serial:x}'}).status == 200
    assert site.save()[0] == before

