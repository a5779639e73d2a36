"""Files that others could read or write are refused, and none are made so (reliability L39)."""
import os
import stat

import pytest

from support.figures import figure
from support.server import Server

STRANGER = 65534


@pytest.fixture
def one():
    server = Server(dev=False).start()
    server.stop()
    yield server
    server.clean()


def starts(server):
    try:
        server.start(unseal=False)
    except AssertionError:
        return False
    server.stop()
    return True


def test_files_are_made_for_the_owner_alone():
    """Whatever the umask is that it was started with."""
    before = os.umask(0)
    try:
        server = Server(dev=False).start().mount_ssh()
    finally:
        os.umask(before)
    try:
        server.write_role()
        server.enable_audit()
        backup = server.store.parent / 'backup.db'
        assert server.api().put('sys/storage/backup', {'file': str(backup)}).status == 204
        wide = [path for path in server.store.parent.iterdir() if stat.S_IMODE(path.stat().st_mode) != 0o600]
        wide += [path for path in server.audit_directory.iterdir() if stat.S_IMODE(path.stat().st_mode) & ~0o640]
        made = list(server.store.parent.iterdir()) + list(server.audit_directory.iterdir())
        figure('L39', len(made), len(wide), 'files made')
        assert len(made) >= 6 and wide == []
    finally:
        server.clean()


def test_every_wider_mode_is_refused(one):
    """Each bit that the owner does not need, on the directory, the store and its log."""
    directory = one.store.parent
    (directory / 'store.db-wal').touch(0o600)
    targets = [(directory, 0o700), (one.store, 0o600), (directory / 'store.db-wal', 0o600)]
    missed = []
    for path, right in targets:
        for bit in (0o001, 0o002, 0o004, 0o010, 0o020, 0o040):
            path.chmod(right | bit)
            one.log.write_text('')
            if starts(one) or str(path) not in one.log_text():
                missed.append((str(path), oct(bit)))
            path.chmod(right)
            if path != directory and not path.exists():
                path.touch(0o600)
    figure('L39', 3 * 6, len(missed), 'wide modes')
    assert missed == []
    assert starts(one)


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can give files away')
@pytest.mark.parametrize('name', ['', 'store.db'])
def test_a_foreign_owner_is_refused(one, name):
    path = one.store.parent / name
    os.chown(path, STRANGER, STRANGER)
    one.log.write_text('')
    assert not starts(one)
    assert str(path) in one.log_text()
    os.chown(path, 0, 0)
    assert starts(one)


def test_a_configuration_that_others_may_write_is_refused(one):
    """Whoever writes it says where the audit log may stand."""
    words = one.words
    refused = 0
    for mode in (0o620, 0o602, 0o666):
        def with_mode(mode=mode):
            found = words()
            (one.directory / 'sallyport.hcl').chmod(mode)
            return found
        one.words = with_mode
        refused += not starts(one)
    one.words = words
    figure('L39', 3, 3 - refused, 'wide configurations')
    assert refused == 3
    assert starts(one)
