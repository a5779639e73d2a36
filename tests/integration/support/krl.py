"""A mount's revocation list, as a host fetches it and ssh-keygen reads it."""
import re
import struct
import subprocess
import urllib.error
import urllib.request

from .keys import run
from .patience import PATIENCE_S

MAGIC = b'SSHKRL\n\0'


def fetch(server, path='ssh/krl', etag=None):
    """(status, headers, bytes), without a token."""
    asked = urllib.request.Request(f'{server.address}/v1/{path}', headers={'If-None-Match': etag} if etag else {})
    try:
        with urllib.request.urlopen(asked, timeout=PATIENCE_S) as got:
            return got.status, got.headers, got.read()
    except urllib.error.HTTPError as got:
        return got.code, got.headers, got.read()


def version(krl):
    assert krl[:8] == MAGIC, krl[:64]
    return struct.unpack('>Q', krl[12:20])[0]


def save(server, path, of='ssh/krl'):
    """The list in this file; its version."""
    status, _, krl = fetch(server, of)
    assert status == 200, (status, krl)
    path.write_bytes(krl)
    return version(krl)


def serials(path):
    """Every serial number in the list."""
    text = run('ssh-keygen', '-Q', '-l', '-f', path).decode()
    found = set()
    for first, last in re.findall(r'^serial: (\d+)(?:-(\d+))?$', text, re.M):
        found.update(range(int(first), int(last or first) + 1))
    return found


def is_revoked(path, file):
    """What ssh-keygen -Q says of a key or certificate."""
    done = subprocess.run(['ssh-keygen', '-Q', '-f', str(path), str(file)], capture_output=True, text=True, check=False)
    assert done.stdout.strip().endswith((': ok', ': REVOKED')), done
    assert (done.returncode == 0) == done.stdout.strip().endswith(': ok'), done
    return done.returncode != 0
