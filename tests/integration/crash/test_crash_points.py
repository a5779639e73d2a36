"""Each call that SQLite makes on the store's files is a crash point: what then
stands on the disk opens whole, to a commit that was made (reliability R07)."""
import hashlib
import itertools
import sqlite3

from powercut import disk
from powercut.scene import Scene
from support.figures import count, figure
from support.wire import Wire

CRASH_POINTS = count('CRASH_POINTS', 20, 2000)
IMAGES_EACH = count('CRASH_POINT_IMAGES', 1, 5)
STATE = b'core/state'  # a format byte and the number of the commit, which each one writes


class Work(Scene):
    """A store from its making to its second end, checkpoints among it."""

    def record(self):
        self.begin()
        for life in range(2):
            wire = Wire(self.server)
            for n in range(60):
                assert wire.call('PUT', f'ssh/roles/role-{n % 40}', {'key_type': 'otp', 'default_user': f'u{n}-{life}',
                                                                     'cidr_list': '10.0.0.0/8'})[0] == 204
                assert wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[0] == 200
            wire.close()
            if life == 0:
                assert self.server.stop() == 0
                self.server.start()
        self.end()

    def points(self):
        """Behind each call on a file of the data directory but the index, which no disk keeps."""
        data, files = str(self.roots[0]), set()
        for i, event in enumerate(self.recording.events):
            if event.kind == 'C' and bytes(event.data).decode().startswith(data + '/store.db'):
                if not bytes(event.data).endswith(b'-shm'):
                    files.add(event.a)
            if event.kind in 'CWTSE' and event.a in files:
                yield i + 1


def look(directory, image, data):
    """(number of its last commit, digest of all rows) of an image; 0 of a store that is not made yet."""
    for path in directory.iterdir():
        path.unlink()
    for path, content, _ in image:
        if path.startswith(data + '/store.db'):
            (directory / path.rpartition('/')[2]).write_bytes(content)
    db = sqlite3.connect(directory / 'store.db')
    try:
        assert db.execute('PRAGMA integrity_check').fetchone() == ('ok',)
        if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'kv'").fetchone():
            return 0, None
        rows = db.execute('SELECT key, value FROM kv ORDER BY key').fetchall()
        rows += db.execute('SELECT key, due FROM due ORDER BY key, due').fetchall()
        state = dict(rows).get(STATE, bytes(9))
        return int.from_bytes(state[1:9], 'big'), hashlib.sha256(repr(rows).encode()).hexdigest()
    finally:
        db.close()


def test_each_call_is_a_crash_point(tmp_path):
    scene, seen, failures, n = Work(tmp_path / 'recording', 7), {}, {}, 0
    directory = tmp_path / 'image'
    directory.mkdir()
    kinds, sure = itertools.cycle(disk.KINDS), 0
    try:
        scene.record()
        points = list(scene.points())
        chosen = points[::max(1, len(points) // CRASH_POINTS)][:CRASH_POINTS]
        for cut in chosen:
            # First what is sure, below which no later image may fall.
            for kind in ['all lost', *itertools.islice(kinds, IMAGES_EACH)]:
                n += 1
                image = disk.build(scene.recording, cut, kind, scene.random)
                try:
                    number, digest = look(directory, image, str(scene.roots[0]))
                    if number < sure:
                        failures[cut, kind] = f'commit {number}, and {sure} was on the disk'
                    sure = number if kind == 'all lost' else sure
                    # A commit is there as a whole: one number, one content.
                    if seen.setdefault(number, digest) != digest:
                        failures[cut, kind] = 'a part of a commit'
                except (AssertionError, sqlite3.Error) as wrong:
                    failures[cut, kind] = repr(wrong)
        print(f'{n} images at {len(chosen)} of {len(points)} calls, {len(seen)} commits seen, {len(failures)} failures')
        figure('R07', n, len(failures), 'crash points')
        assert failures == {}
        assert len(seen) > 1
    finally:
        scene.server.clean()
