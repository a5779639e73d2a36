"""Reading audit files."""
import json
import subprocess

from .build import CLI


def lines(path):
    """Every whole line of an audit file as an object."""
    text = path.read_text()
    return [json.loads(one) for one in text.split('\n') if one.strip()]


def whole_lines(path):
    """The same where half written lines may stand in between."""
    found = []
    for one in path.read_text(errors='replace').split('\n'):
        try:
            found.append(json.loads(one))
        except ValueError:
            continue
    return found


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
                          text=True, timeout=120)
