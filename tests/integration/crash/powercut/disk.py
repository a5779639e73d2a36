"""Which files may stand on the disk after the power failed: images.

Only what a finished sync covers is sure. Of the rest any part may be there, in
any order, down to sectors of 512 bytes; a name is sure only once its directory
was synced, and names that are not come and go in the order of their changes.
"""
import collections

SECTOR = 512


class File:
    """Changes in their order; the first `n_sure` are on the disk. `written` is the number of the last event."""

    def __init__(self):
        self.changes, self.n_sure, self.written = [], 0, 0


class Directory(File):
    """Its changes are ('link', name, file), ('move', old, new) and ('unlink', name)."""


def state_at(recording, cut):
    """Files and directories after the first `cut` events."""
    directories = {inode: Directory() for inode in recording.roots}
    by_path = {path: directories[inode] for inode, path in recording.roots.items()}
    files, syncs = {}, {}

    def directory_of(path):
        return by_path[path.rpartition('/')[0]]

    for i, event in enumerate(recording.events[:cut]):
        if event.kind == 'W':
            files[event.a].changes.append((event.b, event.data))
            files[event.a].written = i
        elif event.kind == 'T':
            files[event.a].changes.append((event.b, None))
        elif event.kind == 'C':
            path = bytes(event.data).decode()
            files[event.a] = File()
            directory_of(path).changes.append(('link', path, files[event.a]))
        elif event.kind == 'R':
            old, new = bytes(event.data).decode().split('\0')
            directory_of(new).changes.append(('move', old, new))
        elif event.kind == 'U':
            path = bytes(event.data).decode()
            directory_of(path).changes.append(('unlink', path, None))
        elif event.kind == 'S':
            one = directories.get(event.a) or files[event.a]
            syncs[event.b] = (one, len(one.changes))
        elif event.kind == 'E':
            one, n = syncs.pop(event.b)
            one.n_sure = max(one.n_sure, n)
    return directories.values()


def sectors(change):
    """A write as its sectors."""
    offset, data = change
    end = offset + len(data)
    at = offset
    while at < end:
        after = min(end, (at // SECTOR + 1) * SECTOR)
        yield at, data[at - offset:after - offset]
        at = after


def torn(changes, rng, share=0.5):
    kept = []
    for change in changes:
        pieces = [change] if change[1] is None else sectors(change)
        kept += [piece for piece in pieces if rng.random() < share]
    return kept


def first_ones(changes, rng):
    """All up to some point, and a torn one behind it."""
    n = rng.randint(0, len(changes))
    return changes[:n] + torn(changes[n:n + 1], rng)


def newest(changes, rng):
    """The last ones came to the disk before those that were written first."""
    return torn(changes[rng.randint(0, len(changes)):], rng, 0.9)


def none_of(changes, _rng):
    return []


def all_of(changes, _rng):
    return changes


def some_of(changes, rng):
    return [change for change in changes if rng.random() < 0.5]


def up_to_some(changes, rng):
    return changes[:rng.randint(0, len(changes))]


# What becomes of names, and of bytes, that no sync covers.
KINDS = {
    'all lost': (none_of, none_of),
    'all kept': (all_of, all_of),
    'random subset': (up_to_some, some_of),
    'torn': (up_to_some, torn),
    'names lost': (none_of, all_of),
    'bytes lost': (all_of, none_of),
    'first ones': (up_to_some, first_ones),
    'newest': (all_of, newest),
}


def content(file, choose, rng):
    data = bytearray()
    for offset, piece in file.changes[:file.n_sure] + choose(file.changes[file.n_sure:], rng):
        if piece is None:
            data = data[:offset].ljust(offset, b'\0')
            continue
        if len(data) < offset:
            data.extend(bytes(offset - len(data)))
        data[offset:offset + len(piece)] = piece
    return data


def build(recording, cut, kind, rng):
    """An image: (path, bytes, when written) of each file. SQLite makes its index (-shm) anew, so it has none."""
    choose_names, choose_bytes = KINDS[kind]
    entries = collections.OrderedDict()
    for directory in state_at(recording, cut):
        sure = directory.changes[:directory.n_sure]
        for what, name, other in sure + choose_names(directory.changes[directory.n_sure:], rng):
            if what == 'link':
                entries[name] = other
            elif what == 'move' and name in entries:
                entries[other] = entries.pop(name)
            elif what == 'unlink':
                entries.pop(name, None)
    return [(path, content(file, choose_bytes, rng), file.written)
            for path, file in entries.items() if not path.endswith('-shm')]
