"""No power cut loses what was answered, accepts a password twice, or leaves a
request without its audit lines (reliability R02, R03, R04).

A server is recorded at work (powercut/record.c): two lives with a clean stop
between them, the audit file rotated each 200 requests. At chosen points of the
record the power fails: powercut/disk.py builds what may then stand on the disk,
a server starts on it, and everything that was answered by that point is read
back, each password tried again.
"""
import ipaddress
import itertools
import shutil
import time

import check_history
from load import Client, Journal, mount_text, policy_text, role_user, token_ttl
from powercut import disk
from powercut.scene import Scene
from support.audit import device, verify, whole_lines
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.wire import Wire

CUTS = count('POWER_CUTS', 10, 3000)
IMAGES = count('POWER_IMAGES', 4, 8)
CUTS_OF_A_RECORDING = 50
CLIENTS, LIFE_S, ROTATE_EACH = 8, 0.6, 200
SETUP_SHARE = 0.1


class Run(Scene):
    """Two lives with their clients' journal."""

    def __init__(self, directory, seed):
        super().__init__(directory, seed)
        self.journal = Journal(directory / 'journal.jsonl')
        self.otps, self.tokens, self.n_renamed = [], {}, 0

    # ---- the recording -----------------------------------------------------

    def record(self):
        self.begin()
        self.key = device(self.server)['public_key']
        self.load('127.0.0.2', 0)
        assert self.server.stop() == 0, self.server.log_text()
        self.server.start()
        self.load('127.0.0.3', 100)
        self.end()
        self.journal.flush()
        self.ops = check_history.read_journal(self.journal.file.name)

    def load(self, source, seed):
        clients = [Client(self.server, self.journal, number, self.random.random() + seed, self.otps, source)
                   for number in range(CLIENTS)]
        for one in clients:
            one.tokens = self.tokens.setdefault(one.number, [])
            one.start()
        end, rotate_at = time.monotonic() + LIFE_S, ROTATE_EACH
        while time.monotonic() < end or sum(one.n_done for one in clients) < 2 * ROTATE_EACH:
            time.sleep(0.005)
            if sum(one.n_done for one in clients) >= rotate_at:
                rotate_at += ROTATE_EACH
                self.rotate()
        for one in clients:
            one.stopping = True
        for one in clients:
            one.join(PATIENCE_S)
            assert not one.is_alive()
            if one.failure:
                raise one.failure

    def rotate(self):
        if self.audit.exists():
            self.n_renamed += 1
            self.recorder.rename(self.audit, self.audit.with_name(f'audit.log.{self.n_renamed:04}'))

    # ---- the power fails ---------------------------------------------------

    def cuts(self, n):
        """Half of them right behind an answer, where a promise has just been made."""
        end = len(self.recording.events)
        answered = [i + 1 for i in self.recording.answers.values() if i >= self.setup_end]
        for i in range(n):
            if self.random.random() < SETUP_SHARE:
                yield self.random.randint(1, self.setup_end)
            elif i % 2:
                yield self.random.choice(answered)
            else:
                yield self.random.randint(self.setup_end, end)

    def history(self, cut):
        """The journal as of the cut: what was answered, and what was under way on each connection."""
        under_way = set()
        for op in self.ops:
            host, port, n = op['wire']
            address = int(ipaddress.ip_address(host))
            left = self.recording.answers.get((address, port, n))
            if left is not None and left < cut:
                yield dict(op)
            elif (address, port) not in under_way and self.recording.accepted[address, port] < cut:
                under_way.add((address, port))
                yield dict(op, status=None, answered=None, got=None)

    # ---- what is found -----------------------------------------------------

    def check(self, cut, kind):
        """Anomalies of one image."""
        ops = list(self.history(cut))
        try:
            self.start_on(cut, kind)
            if cut < self.setup_end:
                return []
            found = self.probe(ops) + self.check_leases()
            assert self.server.stop() == 0
        except AssertionError as failure:
            return [f'{failure}'[:500], self.server.log_text()[-1500:]]
        files = sorted(self.audit.parent.glob('audit.log.0*')) + [self.audit]
        return found + self.check_audit(ops, files)

    def probe(self, ops):
        """Read every key, try every password twice; check the whole as one history."""
        wire, clock = Wire(self.server), itertools.count(10**9)
        self.probed = []

        def probe(intent, key, method, path, data=None, token='', got=None):
            sent = next(clock)
            status, body = wire.call(method, path, data, token)
            self.probed.append({'intent': intent, 'key': key, 'sent': sent, 'answered': next(clock),
                                'status': status, 'got': got(status, body) if got else None})

        for number in range(CLIENTS):
            for i in range(4):
                probe('read', f'role-{number}-{i}', 'GET', f'ssh/roles/role-{number}-{i}', got=role_user)
                probe('read', f'policy-{number}-{i}', 'GET', f'sys/policies/acl/policy-{number}-{i}', got=policy_text)
            probe('read', f'mount-{number}', 'GET', 'sys/mounts', got=mount_text(f'mount-{number}'))
        for op in ops:
            if op['intent'] == 'make' and op['got']:
                probe('read', op['got'], 'GET', 'auth/token/lookup-self', token=op['got'], got=token_ttl)
        otps = [op['got'][0] for op in ops if op['intent'] == 'ask' and op['got']]
        for key in otps + [op['key'] for op in ops if op['intent'] == 'verify']:
            probe('verify', key, 'PUT', 'ssh/verify', {'otp': key}, token=None)
        wire.close()
        return check_history.check_ops(ops + self.probed, [])

    def check_leases(self):
        """Each lease of the store has a line that tells of its making."""
        listed = self.server.api().list('sys/leases/lookup/ssh/creds/otp')
        kept = {f'ssh/creds/otp/{name}' for name in listed.data['keys']} if listed.status == 200 else set()
        told = set()
        for path in self.audit.parent.iterdir():
            for line in whole_lines(path):
                told.add(line.get('response', {}).get('secret', {}).get('lease_id'))
        return [f'no line tells of the lease {one}' for one in kept - told]

    def check_audit(self, ops, files):
        found = list(check_history.check_audit(ops, files))
        found += check_history.check_changes(ops, self.probed, files)
        good = verify(self.key, *files)
        if good.returncode != 0:
            found.append(f'audit verify: {good.stdout} {good.stderr}')
        return found


def test_a_power_cut_loses_nothing_that_was_answered(tmp_path):
    kinds = itertools.cycle(disk.KINDS)
    anomalies, n_images, n_cuts = [], 0, 0
    while n_cuts < CUTS:
        run = Run(tmp_path / f'recording-{n_cuts}', seed=n_cuts)
        try:
            run.record()
            for cut in run.cuts(min(CUTS - n_cuts, CUTS_OF_A_RECORDING)):
                n_cuts += 1
                for kind in itertools.islice(kinds, IMAGES):
                    found = run.check(cut, kind)
                    n_images += 1
                    if found:
                        anomalies.append((n_cuts, cut, kind, found[:5]))
            shutil.rmtree(tmp_path / f'recording-{n_cuts}', ignore_errors=True)
        finally:
            run.server.clean()
    print(f'{n_cuts} cuts, {n_images} images, {len(anomalies)} with anomalies, 3/N = {3 / n_images:.4f}')
    for row in ('R02', 'R03', 'R04', 'L43'):
        figure(row, n_images, len(anomalies), 'power-cut images')
    for one in anomalies:
        print(*one)
    assert anomalies == []
