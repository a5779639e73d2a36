"""A log that was cut or damaged: the store opens to its last full commit before
the damage or refuses with a clear line, never to a part of a commit (R06)."""
import random
import shutil
import sqlite3
import struct

from support.figures import count, figure
from support.server import Server, free_port

WAL_CUTS = count('WAL_CUTS', 20, 20000)
COMMITS = 60
HEADER, FRAME_HEADER, CUT_STEP = 32, 24, 64
SERVED_EACH = 21  # of many; SQLite's own look is at each


class Log:
    """The store's file and log as a killed server left them."""

    def __init__(self, server):
        self.store = server.store
        self.path = self.store.with_name('store.db-wal')
        self.kept_store, self.kept = self.store.read_bytes(), self.path.read_bytes()
        page, = struct.unpack('>I', self.kept[8:12])
        self.frame = FRAME_HEADER + page
        self.ends = [HEADER + self.frame * (i + 1) for i in range((len(self.kept) - HEADER) // self.frame)
                     if self.field(i, 4) != 0 and self.kept[self.start(i) + 8:self.start(i) + 16] == self.kept[16:24]]

    def start(self, i):
        return HEADER + self.frame * i

    def field(self, i, at):
        return struct.unpack('>I', self.kept[self.start(i) + at:self.start(i) + at + 4])[0]

    def put(self, log):
        for path in self.store.parent.iterdir():
            path.unlink()
        self.store.write_bytes(self.kept_store)
        self.path.write_bytes(log)
        for path in (self.store, self.path):
            path.chmod(0o600)

    def commits_before(self, at):
        """How many commits end at or before a byte of the log."""
        return sum(end <= at for end in self.ends)


def content(path):
    """Every row, by a reader of its own that changes nothing of the original."""
    db = sqlite3.connect(path)
    rows = db.execute('SELECT key, value FROM kv ORDER BY key').fetchall(), \
        db.execute('SELECT due, key FROM due ORDER BY due, key').fetchall()
    check, = db.execute('PRAGMA integrity_check').fetchone()
    db.close()
    return hash(str(rows)), check


def expected(log, directory):
    """What the store holds after each number of commits: the log cut at their ends."""
    directory.mkdir()
    states = []
    for end in [HEADER] + log.ends:
        copy = directory / 'store.db'
        for path in directory.iterdir():
            path.unlink()
        copy.write_bytes(log.kept_store)
        (directory / 'store.db-wal').write_bytes(log.kept[:end])
        states.append(content(copy))
    assert all(check == 'ok' for _, check in states)
    return [state for state, _ in states]


def damages(log, rng, n):
    """Half of them cuts at some multiple of 64 bytes, half one flipped bit in some frame, in turn."""
    frames = (len(log.kept) - HEADER) // log.frame
    for i in range(n):
        if i % 2 == 0:
            at = CUT_STEP * rng.randrange(len(log.kept) // CUT_STEP)
            yield at, log.kept[:at]
        else:
            at = log.start(i // 2 % frames) + rng.randrange(log.frame)
            damaged = bytearray(log.kept)
            damaged[at] ^= 1 << rng.randrange(8)
            yield at, bytes(damaged)


def what_opens(server):
    """'served', 'refused' with a line that says why, or what is wrong."""
    # Without the file that would tell of the lost commits (R24).
    for path in server.audit_directory.iterdir():
        path.unlink()
    server.port = free_port()
    server.log.write_text('')
    try:
        server.start()
    except AssertionError:
        return 'refused' if 'sallyportd: ' in server.log_text() else 'died'
    if server.api(token=None).get('sys/health').status == 503:
        reason = server.api(token=None).get('sys/seal-status').json
        outcome = 'refused' if '[ERROR]' in server.log_text() else f'sealed without a reason: {reason}'
    else:
        names = server.api().list('ssh/roles').data['keys']
        whole = sorted(['otp'] + [f'role-{n}' for n in range(len(names) - 1)])
        outcome = 'served' if sorted(names) == whole else f'a part: {names}'
    server.kill()
    return outcome


def test_a_damaged_log_opens_to_its_last_full_commit(tmp_path):
    server = Server(dev=False)
    rng, failures, served = random.Random(6), [], 0
    try:
        server.start().mount_ssh().write_role()
        server.restart()
        for n in range(COMMITS):
            server.write_role(f'role-{n}')
        server.kill()
        log = Log(server)
        states = expected(log, tmp_path / 'states')
        assert len(set(states)) > COMMITS
        copy = tmp_path / 'copy'
        for n, (at, damaged) in enumerate(damages(log, rng, WAL_CUTS)):
            log.put(damaged)
            # What SQLite makes of it, on a copy: the server's own look may write.
            shutil.rmtree(copy, ignore_errors=True)
            copy.mkdir()
            shutil.copy(log.store, copy)
            shutil.copy(log.path, copy)
            state, check = content(copy / 'store.db')
            want = states[log.commits_before(at)]
            if check != 'ok' or state != want:
                failures.append((at, check, state in states))
            if n % SERVED_EACH == 0 or WAL_CUTS <= 20:
                outcome = what_opens(server)
                served += outcome == 'served'
                if outcome not in ('served', 'refused'):
                    failures.append((at, outcome, server.log_text()[-500:]))
        print(f'{WAL_CUTS} cuts and flips, {served} served, {len(failures)} failures, 3/N = {3 / WAL_CUTS:.4f}')
        figure('R06', WAL_CUTS, len(failures), 'cut or damaged logs')
        assert failures == []
        assert served > 0
    finally:
        server.clean()
