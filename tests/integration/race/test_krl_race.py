"""G-10: of many who fetch the list while others revoke, none gets one older than a revocation that was answered."""
import threading

from support import krl
from support.ca import Ca
from support.figures import count, figure
from support.server import Server
from support.wire import Wire

REVOKES = count('KRL_RACE_REVOKES', 150, 5000)
FETCHERS, REVOKERS = 32, 4


class Race:
    def __init__(self, server):
        self.server, self.lock = server, threading.Lock()
        self.answered, self.stale, self.back, self.fetches, self.done = 0, 0, 0, 0, False

    def revoke(self, number):
        """After each answer the list is fetched once: its version is one that every later fetch must reach."""
        wire = Wire(self.server)
        for i in range(REVOKES // REVOKERS):
            assert wire.call('POST', 'ssh/revoke', {'key_id': f'id-{number}-{i}'})[0] == 200
            got = krl.version(krl.fetch(self.server)[2])
            with self.lock:
                self.answered = max(self.answered, got)
        wire.close()

    def fetch(self):
        """Each list holds what was answered before it was asked for."""
        last = 0
        while not self.done:
            with self.lock:
                least = self.answered
            got = krl.version(krl.fetch(self.server)[2])
            with self.lock:
                self.fetches += 1
                self.stale += got < least
                self.back += got < last
            last = got


def revoke_and_look(server, n):
    """Which of so many key ids was not in the very next list."""
    wire, missing = Wire(server), []
    for i in range(n):
        key_id = f'next-{i}-'
        assert wire.call('POST', 'ssh/revoke', {'key_id': key_id})[0] == 200
        if key_id.encode() not in krl.fetch(server)[2]:
            missing.append(key_id)
    wire.close()
    return missing


def test_no_list_is_older_than_an_answer():
    server = Server(dev=False).start().mount_ssh()
    try:
        Ca(server)
        race = Race(server)
        fetchers = [threading.Thread(target=race.fetch) for _ in range(FETCHERS)]
        revokers = [threading.Thread(target=race.revoke, args=(i,)) for i in range(REVOKERS)]
        for one in fetchers + revokers:
            one.start()
        missing = revoke_and_look(server, REVOKES // 4)
        for one in revokers:
            one.join()
        race.done = True
        for one in fetchers:
            one.join()
        figure('G-10', race.fetches, race.stale + race.back + len(missing), f'lists fetched by {FETCHERS} beside revocations')
        assert (race.stale, race.back, missing) == (0, 0, []) and race.fetches > FETCHERS
    finally:
        server.clean()
