"""Whatever is done to an audit file is found (reliability R33)."""
import random

import pytest

from support.audit import device, verify
from support.figures import count, figure
from support.server import Server

EDITS = count('CHAIN_EDITS', 100, 1000)


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
    figure('R33', EDITS, len(missed), 'edits of an audit file')
    assert missed == []


def test_each_change_is_found_across_rotation(written, tmp_path):
    """The log in three files; the change is in one of them, or takes a whole one away."""
    lines, key, _ = written
    changes = [flip_bit, delete_line, swap_lines, repeat_line, cut_inside, replace_text]
    rng, missed = random.Random(), []
    for n in range(EDITS):
        first, second = sorted(rng.sample(range(10, len(lines) - 10), 2))
        parts = [lines[:first], lines[first:second], lines[second:]]
        where = rng.randrange(4)
        if where == 3:
            parts[1] = []
        elif len(parts[where]) > 6:
            changed = rng.choice(changes[:5])(parts[where], rng)
            parts[where] = changed if changed != parts[where] else parts[where][1:]
        else:
            parts[1] = []
        for number, part in enumerate(parts):
            (tmp_path / f'audit.{number}').write_bytes(b''.join(line + b'\n' for line in part))
        if verify(key, *(tmp_path / f'audit.{number}' for number in range(3))).returncode != 2:
            missed.append((n, where))
    figure('R33', EDITS, len(missed), 'edits across rotation')
    assert missed == []


def test_a_cut_tail_shows_with_the_next_start():
    """The store keeps the head: what is written next goes on behind the lines that are gone."""
    server = Server(dev=False).start().mount_ssh()
    server.write_role()
    path, missed = server.enable_audit(), 0
    try:
        for _ in range(20):
            server.otp()
        key = device(server)['public_key']
        server.stop()
        whole = path.read_bytes().split(b'\n')[:-1]
        cuts = [1, 2, 7, len(whole) - 1, len(whole)]
        for cut in cuts:
            kept = whole[:len(whole) - cut]
            path.write_bytes(b''.join(line + b'\n' for line in kept))
            server.start()
            head = device(server)['head']['seq']
            server.stop()
            got = verify(key, path)
            # Without any line left the number of the first one tells.
            found = got.returncode == 2 or (not kept and 'seq 1 to' not in got.stdout)
            missed += not found or head < len(whole)
            path.write_bytes(b''.join(line + b'\n' for line in whole))
        figure('R33', len(cuts), missed, 'tails cut while it was down')
        assert missed == 0
    finally:
        server.clean()


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
