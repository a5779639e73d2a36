"""Whatever is done to an audit file is found (reliability R33)."""
import random

import pytest

from support.audit import device, verify
from support.figures import count
from support.server import Server

EDITS = count('CHAIN_EDITS', 100)


@pytest.fixture(scope='module')
def written():
    """A real file over three starts of the server: (lines, key, head)."""
    server = Server().start().mount_ssh()
    server.write_role()
    path = server.enable_audit()
    for restart in range(3):
        if restart:
            server.restart(kill=restart == 1)
        for _ in range(30):
            key = server.otp()['data']['key']
            server.api(token=None).put('ssh/verify', {'otp': key})
    now = device(server)
    server.stop()
    yield path.read_bytes().split(b'\n')[:-1], now['public_key'], now['head']
    server.clean()


def flip_bit(lines, rng):
    i = rng.randrange(len(lines))
    line = bytearray(lines[i])
    line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
    return lines[:i] + [bytes(line)] + lines[i + 1:]


def delete_line(lines, rng):
    """Not the first or the last: a file may begin anywhere; see the cuts."""
    i = rng.randrange(1, len(lines) - 1)
    return lines[:i] + lines[i + 1:]


def swap_lines(lines, rng):
    i, j = rng.sample(range(len(lines)), 2)
    changed = list(lines)
    changed[i], changed[j] = changed[j], changed[i]
    return changed


def repeat_line(lines, rng):
    i = rng.randrange(len(lines))
    return lines[:i] + [lines[i]] + lines[i:]


def cut_inside(lines, rng):
    """A tail is lost and the log goes on: the lines between are missing."""
    i = rng.randrange(1, len(lines) - 2)
    return lines[:i] + lines[rng.randrange(i + 1, len(lines)):]


def replace_text(lines, rng):
    i = rng.choice([n for n, line in enumerate(lines) if b'10.1.2.3' in line or b'"update"' in line])
    return lines[:i] + [lines[i].replace(b'"update"', b'"delete"')] + lines[i + 1:]


def test_the_file_is_good_as_it_is(written, tmp_path):
    lines, key, head = written
    (tmp_path / 'audit').write_bytes(b'\n'.join(lines) + b'\n')
    got = verify(key, tmp_path / 'audit')
    assert got.returncode == 0, got.stdout
    assert f'to {head["seq"]}' in got.stdout or head['seq'] < len(lines)


def test_each_change_is_found(written, tmp_path):
    lines, key, _ = written
    changes = [flip_bit, delete_line, swap_lines, repeat_line, cut_inside, replace_text]
    rng = random.Random(7)
    missed = []
    for n in range(EDITS):
        change = changes[n % len(changes)]
        file = tmp_path / 'audit'
        file.write_bytes(b'\n'.join(change(lines, rng)) + b'\n')
        got = verify(key, file)
        if got.returncode != 2:
            missed.append((n, change.__name__, got.stdout))
    print(f'{EDITS} changes, {len(missed)} missed')
    assert missed == []


def test_a_cut_tail_is_behind_the_head(written, tmp_path):
    """The lines alone do not show it; sys/audit's head does."""
    lines, key, head = written
    for cut in (1, 2, 10, len(lines) // 2):  # the last line is the answer of the question for the head
        file = tmp_path / 'audit'
        file.write_bytes(b'\n'.join(lines[:-cut]) + b'\n')
        got = verify(key, file)
        last = int(got.stdout.split('seq ')[1].split(' to ')[1].split('\n')[0])
        assert last == len(lines) - cut
        assert cut <= len(lines) - head['seq'] or last < head['seq']


def test_another_key_is_no_good(written, tmp_path):
    lines, key, _ = written
    (tmp_path / 'audit').write_bytes(b'\n'.join(lines) + b'\n')
    other = ('B' if key[0] == 'A' else 'A') + key[1:]
    assert verify(other, tmp_path / 'audit').returncode == 2
