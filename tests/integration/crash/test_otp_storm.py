"""Racers, expiry, revoke and kill -9 at once: at most one winner, and none that
was sent after the end of its lease was answered (reliability R12)."""
import random
import threading
import time

import check_history
from load import Journal
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server
from support.wire import Wire

ROUNDS = count('STORM_ROUNDS', 10, 2000)
RACERS, OTPS = 16, 40


class Racer(threading.Thread):
    def __init__(self, server, journal, otps, seed):
        super().__init__()
        self.wire, self.journal, self.otps = Wire(server), journal, list(otps)
        self.random = random.Random(seed)

    def run(self):
        try:
            for key, lease in self.otps * 2:
                if self.random.random() < 0.1:
                    self.journal.call(self.wire, 'revoke', key, 'PUT', 'sys/leases/revoke', {'lease_id': lease})
                else:
                    self.journal.call(self.wire, 'verify', key, 'PUT', 'ssh/verify', {'otp': key}, token=None,
                                      may_expire=True)
        except OSError:
            pass  # the server was killed


def ask(wire, mount):
    body = wire.call('PUT', f'{mount}/creds/otp', {'ip': '10.1.2.3'})[1]
    return body['data']['key'], body['lease_id']


def test_an_otp_has_one_end(tmp_path):
    server = Server().start().mount_ssh().mount_ssh('short', default_lease_ttl='1s')
    for mount in ('ssh', 'short'):
        server.write_role(mount=mount)
    audit = server.enable_audit(log_raw='true')
    journal = Journal(tmp_path / 'journal.jsonl')
    rng = random.Random(12)
    winners = 0
    try:
        for round_ in range(ROUNDS):
            wire = Wire(server)
            otps = [ask(wire, rng.choice(('ssh', 'ssh', 'short'))) for _ in range(OTPS)]
            racers = [Racer(server, journal, otps, round_ * 100 + n) for n in range(RACERS)]
            time.sleep(rng.uniform(0, 0.5))
            for one in racers:
                one.start()
            time.sleep(rng.uniform(0.01, 0.4))
            server.kill()
            for one in racers:
                one.join(PATIENCE_S)
            server.start()
            wire = Wire(server, token=None)
            for key, _ in otps:
                journal.call(wire, 'verify', key, 'PUT', 'ssh/verify', {'otp': key}, token=None, may_expire=True)
        server.stop()
        journal.flush()
        ops, anomalies = check_history.check(tmp_path / 'journal.jsonl', [audit])
        winners = sum(op['status'] == 200 for op in ops if op['intent'] == 'verify')
        print(f'{ROUNDS} rounds, {len(ops)} operations, {winners} accepted of {ROUNDS * OTPS}, '
              f'{len(anomalies)} anomalies, 3/N = {3 / (ROUNDS * OTPS):.4f}')
        figure('R12', ROUNDS * OTPS, len(anomalies), 'OTPs raced for')
        assert anomalies == [] and winners > 0
    finally:
        server.clean()
