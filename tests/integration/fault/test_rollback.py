"""An old store that is put back is seen at start (reliability R24; R14 would show the same way)."""
import json
import random
import shutil

import pytest

from support.audit import entries, lines
from support.cli import run
from support.figures import count, figure
from support.wire import Wire

ROLLBACKS = count('ROLLBACKS', 1, 20)
REASON = 'the store is older than the audit log or the epoch file says'
UNKNOWN = 'whether the store is the newest cannot be told'


def copy(server, to):
    """The files as a snapshot of the disk has them."""
    to.mkdir()
    for path in server.store.parent.glob('store.db*'):
        shutil.copy2(path, to)


def put_back(server, copied):
    for path in server.store.parent.glob('store.db*'):
        path.unlink()
    for path in copied.iterdir():
        shutil.copy2(path, server.store.parent)


def status(server):
    return server.api(token=None).get('sys/seal-status').json


def stays_sealed(server, reason=REASON):
    """Its start, its one share, and what it says of itself."""
    server.start(unseal=False)
    answer = server.api(token=None).put('sys/unseal', {'key': server.keys[0]})
    return answer.status == 500 and status(server)['sealed'] and status(server).get('sealed_reason') == reason


def start_and_accept(server):
    words = server.words
    server.words = lambda: words() + ['-accept-rollback']
    server.start()
    server.words = words


def epoch_file(server):
    return next(server.audit_directory.glob('sallyport-*.epoch'))


def verify(server, key):
    return server.api(token=None).put('ssh/verify', {'otp': key}).status


def spend_some(server, n):
    """Answered requests behind the copy; each left a pin."""
    wire = Wire(server)
    for _ in range(n):
        key = wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[1]['data']['key']
        assert wire.call('PUT', 'ssh/verify', {'otp': key}, token=None)[0] == 200
    wire.close()


def test_an_old_store_keeps_it_sealed(one):
    """Copied at any moment of a running server, killed at any later one."""
    one.enable_audit()
    rng, missed = random.Random(), 0
    for n in range(ROLLBACKS):
        live = one.otp()['data']['key']
        copy(one, one.directory / f'copy-{n}')
        spend_some(one, rng.randrange(1, 20))
        assert verify(one, live) == 200
        one.kill() if rng.random() < 0.5 else one.stop()
        copy(one, one.directory / f'newest-{n}')
        put_back(one, one.directory / f'copy-{n}')
        missed += not stays_sealed(one)
        one.stop()
        put_back(one, one.directory / f'newest-{n}')
        one.start()
        assert not status(one)['sealed']
    figure('R24', ROLLBACKS, missed, 'old stores')
    assert missed == 0


def test_one_lost_commit_is_enough(one):
    """The last answered request alone is missing."""
    one.enable_audit()
    spend_some(one, 3)
    key = one.otp()['data']['key']
    copy(one, one.directory / 'copy')
    assert verify(one, key) == 200
    one.kill()
    put_back(one, one.directory / 'copy')
    assert stays_sealed(one)


def test_it_says_why_and_goes_on_when_told(one):
    """-accept-rollback: OTPs dropped, a new epoch, lines in the audit log, and no need for it again."""
    path = one.enable_audit()
    live = one.otp()['data']['key']
    copy(one, one.directory / 'copy')
    spend_some(one, 5)
    one.stop()
    put_back(one, one.directory / 'copy')
    assert stays_sealed(one)
    assert 'epoch 1, commit' in one.log_text() and REASON in run(one, 'status').stdout
    one.stop()
    start_and_accept(one)
    assert not status(one)['sealed'] and 'sealed_reason' not in status(one)
    assert verify(one, live) == 400
    assert json.loads(epoch_file(one).read_text())['epoch'] == 2
    told = entries(path, request_path='sys/unseal')
    assert [entry['type'] for entry in told] == ['request', 'response']
    data = told[1]['response']['data']
    assert data['accept_rollback'] is True and data['store_batch'] < data['seen_batch']
    one.restart()
    assert not status(one)['sealed']
    assert lines(path)[-1]['epoch'] == 2


def test_an_accepted_store_does_not_accept_the_next(one):
    """The flag is spent with the first unseal of a process."""
    one.enable_audit()
    copy(one, one.directory / 'copy')
    spend_some(one, 5)
    one.stop()
    put_back(one, one.directory / 'copy')
    start_and_accept(one)
    copy(one, one.directory / 'second')
    spend_some(one, 5)
    one.stop()
    put_back(one, one.directory / 'second')
    assert stays_sealed(one)


def test_the_epoch_file_alone_shows_it(one):
    """Without an audit device: a copy of before the last seal or unseal."""
    copy(one, one.directory / 'copy')
    one.otp()
    one.restart()
    seen = json.loads(epoch_file(one).read_text())
    assert seen['epoch'] == 1 and epoch_file(one).stat().st_mode & 0o777 == 0o640
    one.stop()
    put_back(one, one.directory / 'copy')
    assert stays_sealed(one)
    one.stop()
    epoch_file(one).unlink()
    one.start()
    assert not status(one)['sealed']


@pytest.mark.parametrize('text, mode', [('', 0o640), ('{"epoch":1}', 0o640), (None, 0o666)])
def test_an_epoch_file_that_is_none_keeps_it_sealed(one, text, mode):
    one.stop()
    if text is not None:
        epoch_file(one).write_text(text)
    epoch_file(one).chmod(mode)
    assert stays_sealed(one, UNKNOWN)
    assert str(epoch_file(one)) in one.log_text()


def test_a_backup_may_be_put_back_twice(one):
    """Its epoch is past all that was seen, not just one more than its own."""
    one.enable_audit()
    backup = one.directory / 'backup.db'
    assert one.api().put('sys/storage/backup', {'file': str(backup)}).status == 204
    for epoch in (2, 3):
        spend_some(one, 5)
        one.stop()
        for path in one.store.parent.glob('store.db*'):
            path.unlink()
        shutil.copyfile(backup, one.store)
        one.store.chmod(0o600)
        one.start()
        assert not status(one)['sealed']
        assert json.loads(epoch_file(one).read_text())['epoch'] == epoch


def test_a_lost_audit_tail_is_no_rollback(one):
    """A power cut takes lines that nobody had an answer for: the store is ahead of the log, which is fine."""
    path = one.enable_audit()
    spend_some(one, 5)
    one.kill()
    text = path.read_bytes()
    for left in (len(text) - 1, len(text) - 700, len(text) // 2, 0):
        path.write_bytes(text[:left])
        one.start()
        assert not status(one)['sealed'], left
        one.kill()


def test_lines_of_another_device_do_not_count(one):
    """A new store goes on in the file of an old one: its key did not sign those lines."""
    path = one.enable_audit()
    spend_some(one, 40)
    one.stop()
    for old in one.store.parent.glob('store.db*'):
        old.unlink()
    one.keys, one.token = [], None
    one.start().mount_ssh().write_role()
    one.enable_audit(file=path.name, skip_test='true')
    one.restart()
    assert not status(one)['sealed']
    one.otp()
    one.restart()
    assert not status(one)['sealed']
