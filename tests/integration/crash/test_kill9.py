"""kill -9 under load loses nothing that was answered (reliability R01, R04)."""
import random
import subprocess
import sys
import threading
import time

import check_history
from load import Client, Journal, mount_text, policy_text, role_user, token_ttl
from support.audit import device, verify
from support.figures import count, figure
from support.patience import PATIENCE_S
from support.server import Server, wait_for
from support.wire import Wire

KILLS = count('CRASH_KILLS', 30, 5000)
CLIENTS = count('CRASH_CLIENTS', 16)
ROTATE_EACH, BACKUP_EACH, KILLS_OF_A_LIFE = 4, 5, 100
LEAST = 100  # requests before a kill, however slow the machine is
CHECKPOINT_AT = 10  # the kill that waits for a checkpoint


class Run:
    def __init__(self, directory):
        self.server = Server().start().mount_ssh(default_lease_ttl='24h')
        self.server.write_role()
        self.audit = self.server.enable_audit(log_raw='true')
        self.key = device(self.server)['public_key']
        self.path = directory / 'journal.jsonl'
        self.journal = Journal(self.path)
        self.directory = directory
        self.otps, self.tokens, self.n_done = [], {}, 0
        self.salt = b''

    def load(self, cycle, seconds):
        """Clients at work, a rotation and a backup among them, then the end."""
        clients = [Client(self.server, self.journal, number, cycle * 1000 + number, self.otps)
                   for number in range(CLIENTS)]
        for one in clients:
            one.tokens = self.tokens.setdefault(one.number, [])
            one.start()
        time.sleep(seconds / 2)
        if cycle % ROTATE_EACH == 0:
            self.audit.rename(self.audit.with_suffix(f'.{cycle:04}'))
        if cycle % BACKUP_EACH == 0:
            backup = threading.Thread(target=self.back_up, args=(cycle,))
            backup.start()
        time.sleep(seconds / 2)
        wait_for(lambda: sum(one.n_done for one in clients) >= LEAST, 'the clients are at work')
        if cycle % KILLS_OF_A_LIFE == CHECKPOINT_AT:
            wait_for(self.has_begun_anew, 'a checkpoint', 6 * PATIENCE_S)  # behind some thousand pages
        self.server.kill()
        self.salt = self.log_salt()
        for one in clients:
            one.join(PATIENCE_S)
            assert not one.is_alive()
            if one.failure:
                raise one.failure
        self.n_done += sum(one.n_done for one in clients)

    def log_salt(self):
        """Of the log's head; it changes where SQLite begins the log anew, which only a checkpoint allows."""
        with open(f'{self.server.store}-wal', 'rb') as log:
            return log.read(32)[16:24]

    def has_begun_anew(self):
        return self.log_salt() not in (self.salt, b'')

    def back_up(self, cycle):
        try:
            self.server.api().put('sys/storage/backup', {'file': str(self.directory / f'backup-{cycle}')})
        except OSError:
            pass  # the server was killed

    def probe(self, share):
        """Read back what the clients wrote; use up a share of the OTPs."""
        wire = Wire(self.server)
        for number in range(CLIENTS):
            for i in range(4):
                role, policy = f'role-{number}-{i}', f'policy-{number}-{i}'
                self.journal.call(wire, 'read', role, 'GET', f'ssh/roles/{role}', got=role_user)
                self.journal.call(wire, 'read', policy, 'GET', f'sys/policies/acl/{policy}', got=policy_text)
            for token in self.tokens[number][-3:]:
                self.journal.call(wire, 'read', token, 'GET', 'auth/token/lookup-self', token=token, got=token_ttl)
            self.journal.call(wire, 'read', f'mount-{number}', 'GET', 'sys/mounts', got=mount_text(f'mount-{number}'))
        chosen = [otp for otp in self.otps[-200:] if random.random() < share]
        for key, _ in chosen:
            self.journal.call(wire, 'verify', key, 'PUT', 'ssh/verify', {'otp': key}, token=None)
        wire.close()


def kill_often(directory, kills):
    """(operations, anomalies) of one server's life of many kills."""
    directory.mkdir()
    run = Run(directory)
    try:
        for cycle in range(1, kills + 1):
            run.load(cycle, random.uniform(0.2, 1.2))
            run.server.start()
            run.probe(0.3)
        run.probe(1)
        run.server.stop()
        run.journal.flush()
        files = sorted(run.audit.parent.glob('audit.0*')) + [run.audit]
        ops, anomalies = check_history.check(run.path, files)
        good = verify(run.key, *files)
        if good.returncode != 0:
            anomalies.append(good.stdout + good.stderr)
        return len(ops), anomalies
    finally:
        run.server.clean()


def test_nothing_answered_is_lost(tmp_path):
    n_ops, anomalies = 0, []
    for start in range(0, KILLS, KILLS_OF_A_LIFE):
        n, found = kill_often(tmp_path / f'life-{start}', min(KILLS - start, KILLS_OF_A_LIFE))
        n_ops += n
        anomalies += found
    print(f'{KILLS} kills, {n_ops} operations, {len(anomalies)} anomalies, 3/N = {3 / KILLS:.2f}')
    for row in ('R01', 'L43', 'L44'):
        figure(row, KILLS, len(anomalies), 'kills under load')
    assert anomalies == []


def test_the_checker_finds_what_it_is_for(tmp_path):
    """Each of its rules, broken once."""
    broken = {
        'read': [{'n': 1, 'intent': 'write', 'key': 'a', 'value': 'x'}, {'n': 1, 'status': 204},
                 {'n': 2, 'intent': 'read', 'key': 'a'}, {'n': 2, 'status': 404, 'got': None}],
        'accepted 2 times': [{'n': 1, 'intent': 'verify', 'key': 'o'}, {'n': 2, 'intent': 'verify', 'key': 'o'},
                             {'n': 1, 'status': 200}, {'n': 2, 'status': 200}],
        'after its end': [{'n': 1, 'intent': 'revoke', 'key': 'o'}, {'n': 1, 'status': 204},
                          {'n': 2, 'intent': 'verify', 'key': 'o'}, {'n': 2, 'status': 200}],
        'nothing had ended it': [{'n': 1, 'intent': 'verify', 'key': 'o'}, {'n': 1, 'status': 400}],
        'request lines': [{'n': 1, 'intent': 'other', 'key': 'c', 'line': 'update x '}, {'n': 1, 'status': 200}],
    }
    empty = tmp_path / 'audit.log'
    empty.write_text('')
    for text, events in broken.items():
        journal = Journal(tmp_path / 'journal')
        for one in events:
            journal.write(**one)
        journal.flush()
        _, anomalies = check_history.check(tmp_path / 'journal', [empty])
        assert anomalies and text in ' '.join(anomalies), (text, anomalies)
    ran = subprocess.run([sys.executable, check_history.__file__, str(tmp_path / 'journal'), str(empty)])
    assert ran.returncode == 1
