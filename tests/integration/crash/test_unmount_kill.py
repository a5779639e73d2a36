"""An unmount that a crash interrupts goes on at the next start, from each of its
durable states: nothing of the mount comes back (rule L15)."""
import itertools
import sqlite3

from powercut import disk
from powercut.scene import Scene
from support.figures import count, figure
from support.server import wait_for
from support.wire import Wire

LEASES = count('UNMOUNT_LEASES', 1200, 6000)
STATES = count('UNMOUNT_STATES', 6, 200)


def mounted(server):
    return 'gone/' in server.api().get('sys/mounts').data


def spend(wire, key):
    return wire.call('PUT', 'gone/verify', {'otp': key}, token=None)[0]


def rows_of(server, uuid):
    """Keys of the store that name the mount; the numbers that its paths had are given out for good."""
    db = sqlite3.connect(f'file:{server.store}?mode=ro', uri=True)
    found = [bytes(key) for key, in db.execute('SELECT key FROM kv WHERE instr(key, ?) > 0', (uuid.encode(),))
             if not key.startswith(b'path/')]
    db.close()
    return found


class Unmount(Scene):
    def record(self):
        self.begin()
        server = self.server
        server.mount_ssh('gone', default_lease_ttl='24h').write_role(mount='gone')
        self.uuid = server.api().get('sys/mounts').data['gone/']['uuid']
        wire = Wire(server)
        self.keys = [wire.call('PUT', 'gone/creds/otp', {'ip': '10.1.2.3'})[1]['data']['key'] for _ in range(LEASES)]
        start = self.recorder.position()
        assert wire.call('DELETE', 'sys/mounts/gone')[0] == 204
        answered = self.recorder.position()
        wire.close()
        self.end()
        self.start, self.answered = self.recording.at(start), self.recording.at(answered)

    def states(self):
        """Right behind each sync of the unmount, and behind its answer."""
        events = self.recording.events
        found = [i + 1 for i in range(self.start, self.answered) if events[i].kind == 'E'] + [self.answered]
        step = max(1, len(found) // STATES)
        return found[::step] + found[-1:]

    def check(self, cut, kind):
        """What is wrong with a server started on that state."""
        self.start_on(cut, kind)
        server, wrong = self.server, []
        wire = Wire(server, token=None)
        if mounted(server) and spend(wire, self.keys[0]) == 200:
            # It had not begun: all is as it was.
            if cut == self.answered or any(spend(wire, key) != 200 for key in self.keys[1:50]):
                wrong.append('half of it is there')
        else:
            if any(spend(wire, key) == 200 for key in self.keys[::LEASES // 40]):
                wrong.append('a password of it is accepted')
            wait_for(lambda: not mounted(server), 'the unmount goes on')
            if server.api().list('sys/leases/lookup/gone/creds/otp').status != 404:
                wrong.append('leases are left')
            server.mount_ssh('gone')
            if server.api().list('gone/roles').status != 404:
                wrong.append('its roles came back')
        wire.close()
        came_back = mounted(server) and server.api().get('sys/mounts').data['gone/']['uuid'] == self.uuid
        if server.stop() != 0:
            wrong.append('it did not stop well')
        left = [] if came_back else rows_of(server, self.uuid)
        if left:
            wrong.append(f'{len(left)} records are left: {left[:3]}')
        return wrong


def test_an_unmount_goes_on_from_each_of_its_states(tmp_path):
    scene, failures, n = Unmount(tmp_path / 'recording', 15), {}, 0
    kinds = itertools.cycle(disk.KINDS)
    try:
        scene.record()
        for cut in scene.states():
            for kind in ['all lost', next(kinds)]:
                wrong = scene.check(cut, kind)
                n += 1
                if wrong:
                    failures[cut, kind] = wrong
        print(f'{n} states, {len(failures)} failures')
        figure('L15', n, len(failures), 'states of an unmount')
        assert failures == {}
    finally:
        scene.server.clean()
