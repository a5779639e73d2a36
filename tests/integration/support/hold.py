"""A program of a LinuxHost that is held up at a point, and what has to come of it."""
import threading

from .figures import figure
from .linux_host import leases
from .server import is_running, wait_for

# Where a program of the host is held up: before anything is ready, before the rename, behind it.
POINTS = {'before': ('/usr/bin/cp', ''), 'rename': ('/usr/bin/mv', ''), 'behind': ('/usr/bin/sync', '[ "$1" = . ] || exec $real "$@"\n')}
HOLD = 'echo $$ >@DIR@/reached\nuntil [ -e @DIR@/go ]; do sleep 0.05; done\nexec $real "$@"\n'


class Hold:
    """Holds the host up at a point, until it is let go."""

    def __init__(self, host, point):
        self.host, self.place = host, host.dir / 'held'
        self.place.mkdir(exist_ok=True)
        self.place.chmod(0o777)
        for path in self.place.iterdir():
            path.unlink()
        self.program, first = POINTS[point]
        host.replace(self.program, first + HOLD.replace('@DIR@', str(self.place)))

    def reached(self):
        wait_for((self.place / 'reached').exists, 'the host comes to the point')

    def let_go(self):
        """And wait until what was held is over: the next one has the same names."""
        (self.place / 'go').touch()
        self.host.put_back(self.program)
        wait_for(lambda: not is_running(int((self.place / 'reached').read_text())), 'what was held goes on')


def in_background(fn):
    box = []

    def run():
        try:
            box.append(fn())
        except OSError as error:
            box.append(error)
    thread = threading.Thread(target=run)
    thread.start()
    return thread, box


def converges(server, host, what):
    def is_clean():
        return leases(server) == [] and host.authorized('alice').read_text() == '# kept'
    try:
        wait_for(is_clean, what)
        clean = True
    except AssertionError:
        clean = False
    figure('S2-13', 1, not clean, 'interrupted')
    assert clean, (what, leases(server), host.authorized('alice').read_text())
