"""A host that hangs, goes away or sees the server die at each step: then the key is off, or known to be there."""
import pytest
from support.figures import count
from support.hold import POINTS, Hold, converges, in_background
from support.linux_host import ask, issue, leases, revoke
from support.server import wait_for

ROUNDS = count('DYNAMIC_CUTS', 1, 5)

PATIENT_S = 60  # of a target whose calls are to end by no deadline
# What an install leaves at a crash is due when it would be over, which takes its time: one point of it is enough by day.
CASES = [(how, point) for how in ('hang', 'cut', 'crash') for point in POINTS if how != 'crash' or point == 'rename' or ROUNDS > 1]
# A shell of the admin that never comes as far as to our commands.
DEAF = 'echo $$ >@DIR@/reached\nuntil [ -e @DIR@/go ]; do sleep 0.05; done\nexit 3\n'


@pytest.fixture
def brief(dynamic, host):
    """A target with little patience."""
    answer = dynamic.api().post('ssh/targets/box', {'host': '127.0.0.1', 'port': host.port, 'host_keys': [host.host_key],
                                                    'user': 'vaultadmin', 'key': 'admin', 'timeout': 4})
    assert answer.status == 204, answer
    host.write_authorized('alice', '# kept')
    yield dynamic
    dynamic.api().delete('ssh/targets/box')


@pytest.mark.parametrize('how, point', CASES)
def test_install_that_is_interrupted_leaves_nothing(brief, host, how, point):
    for _ in range(ROUNDS):
        hold = Hold(host, point)
        thread, box = in_background(lambda: ask(brief))
        hold.reached()
        if how == 'cut':
            host.cut()
        elif how == 'crash':
            brief.restart(kill=True)
        thread.join()
        if how != 'crash':
            assert box[0].status == 500 and 'failed to add public key' in box[0].errors[0], box
            assert point != 'before' or leases(brief) == [], 'nothing is there, and the server knows'
        hold.let_go()
        converges(brief, host, f'install, {how} at {point}')


@pytest.mark.parametrize('how, point', CASES)
def test_removal_that_is_interrupted_is_made_again(brief, host, how, point):
    for _ in range(ROUNDS):
        got = issue(brief)
        hold = Hold(host, point)
        assert revoke(brief, got, sync=False).status in (202, 204)
        hold.reached()
        if how == 'cut':
            host.cut()
        elif how == 'crash':
            brief.restart(kill=True)
        elif how == 'hang':
            wait_for(lambda: leases(brief) and brief.api().put('sys/leases/lookup', {
                'lease_id': 'ssh/creds/dyn/' + leases(brief)[0]}).data['attempts'] > 0, 'the try has failed')
        hold.let_go()
        converges(brief, host, f'removal, {how} at {point}')


@pytest.mark.parametrize('how', ['stop', 'seal'])
def test_removal_that_hangs_holds_up_neither_stop_nor_seal(brief, host, how):
    """It is cut off, which no attempt is, and made again by the next server."""
    assert brief.api().post('ssh/targets/box', {'timeout': PATIENT_S}).status == 204
    got = issue(brief)
    hold = Hold(host, 'rename')
    assert revoke(brief, got, sync=False).status in (202, 204)
    hold.reached()
    if how == 'seal':
        assert brief.api().put('sys/seal').status == 204
    assert brief.stop() == 0
    assert not (hold.place / 'go').exists()
    brief.start()
    row = brief.api().put('sys/leases/lookup', {'lease_id': got['lease_id']}).data
    assert (row['state'], row['attempts'], row.get('last_error', '')) == ('revoke_pending', 0, ''), row
    hold.let_go()
    converges(brief, host, f'removal, {how}')


def test_shell_that_prints_is_listened_past(brief, host):
    host.change_user('vaultadmin', shell=host.shell(
        'echo "Welcome, sudo: not found, a password is required"\nprintf "no end of the line"\necho oh dear >&2\nexec /bin/sh "$@"\n'))
    got = issue(brief)
    assert host.lets_in('alice', got['data']['key']) and revoke(brief, got).status == 204
    converges(brief, host, 'a shell that prints')
    host.change_user('vaultadmin', shell='/bin/sh')


@pytest.mark.parametrize('text, why', [
    ('exit 0\n', 'the shell ended well without having run the installer'), ('exit 3\n', 'status 3'),
    ('cat >/dev/null\necho "sallyport: done"\n', ''),
    ('/bin/sh "$@" | sed -u "s/$/\\r/"\n', 'the shell ended well without having run the installer'),
    ('dd if=/dev/zero bs=1k count=200 2>/dev/null | tr "\\0" x\nexec /bin/sh "$@"\n', 'no answer in time')])
def test_shell_that_does_otherwise_is_found_out(brief, host, text, why):
    host.change_user('vaultadmin', shell=host.shell(text))
    answer = ask(brief)
    host.change_user('vaultadmin', shell='/bin/sh')
    assert answer.status == 500 and why in answer.errors[0], answer
    converges(brief, host, 'a shell that does otherwise')


def test_shell_that_hangs_is_given_up(brief, host):
    place = host.dir / 'deaf'
    place.mkdir()
    place.chmod(0o777)
    host.change_user('vaultadmin', shell=host.shell(DEAF.replace('@DIR@', str(place))))
    answer = ask(brief)
    (place / 'go').touch()
    host.change_user('vaultadmin', shell='/bin/sh')
    assert answer.status == 500 and 'no answer in time' in answer.errors[0], answer
    assert leases(brief) == []
