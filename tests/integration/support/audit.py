"""Reading audit files."""
import itertools
import subprocess

from .build import CLI
from .patience import PATIENCE_S
from .server import wait_for
from .strict_json import strict_json

MARKS = itertools.count()


def lines(path):
    """Every whole line of an audit file as an object."""
    text = path.read_text()
    return [strict_json(one) for one in text.split('\n') if one.strip()]


def whole_lines(path):
    """The same where half written lines may stand in between."""
    found = []
    for one in path.read_text(errors='replace').split('\n'):
        try:
            found.append(strict_json(one))
        except ValueError:
            continue
    return found


class Follow:
    """The lines that come to a file while it is being followed."""

    def __init__(self, path):
        self.path, self.at, self.half = path, path.stat().st_size, b''

    def new(self):
        """The request and response lines that came since the last call."""
        with open(self.path, 'rb') as file:
            file.seek(self.at)
            got = file.read()
        self.at += len(got)
        whole, _, self.half = (self.half + got).rpartition(b'\n')
        found = [strict_json(one) for one in whole.split(b'\n') if one]
        return [one for one in found if one.get('type') in ('request', 'response')]

    def settle(self, api):
        """The same once all lines of what was answered are here: with several devices one may be behind."""
        mark, found = f'mark/{next(MARKS)}', []
        api.get(mark)

        def is_here():
            found.extend(self.new())
            return found and found[-1]['request']['path'] == mark and found[-1]['type'] == 'response'
        wait_for(is_here, 'the audit line of a request of our own')
        return [one for one in found if one['request']['path'] != mark]


def entries(path, kind=None, request_path=None):
    """Request and response lines, of one kind or path."""
    found = []
    for one in lines(path):
        if one.get('type') not in ('request', 'response') or (kind and one['type'] != kind):
            continue
        if request_path and one['request']['path'] != request_path:
            continue
        found.append(one)
    return found


def device(server, name='file'):
    """What sys/audit says of a device, its public key and head among it."""
    return server.api().get('sys/audit').data[name + '/']


def verify(key, *files):
    """`sallyport audit verify`, which needs no server; its finished process."""
    return subprocess.run([str(CLI), 'audit', 'verify', f'-public-key={key}', *map(str, files)], capture_output=True,
                          text=True, timeout=PATIENCE_S)
