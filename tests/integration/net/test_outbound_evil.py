"""Calls of outbound over SSH to servers that hang, drop, flood and lie: each ends in time, and says what may have been done."""
import concurrent.futures
import contextlib
import pathlib
import socket
import threading

import pytest
from support.evil_sshd import (AUTH_FAILURE, AUTH_REQUEST, AUTH_SUCCESS, CHANNEL_OPEN, CHANNEL_REQUEST, DATA, EOF, CLOSE, EXTENDED_DATA,
                               FAILURE, NEWKEYS, OPEN_FAILURE, WINDOW_ADJUST, EvilSshd, string, take, u32)
from support.keys import SshKey
from support.outbound import (DONE, LATE, LOST, NO_AGREEMENT, NO_CONNECTION, REFUSED, STEP, call)
from support.server import wait_for

SOON_MS, LATER_MS = 500, 10000  # the later one leaves time to get to where the server hangs
BIG = 'x' * 300000
ACTS = ('banner', 'kexinit', 'exchange', 'service', 'login', 'channel', 'request')
BEFORE_A_STEP = len(ACTS) - 1


@pytest.fixture(name='key', scope='module')
def one_key(tmp_path_factory):
    return SshKey(tmp_path_factory.mktemp('key'), 'admin')


def against(play, key, *steps, **more):
    """One call to a server that plays it."""
    with EvilSshd(play) as server:
        arguments = {'port': server.port, 'key': key.path.read_text(), 'host_keys': [server.host_key],
                     'steps': list(steps) or [{'exec': 'command'}], **more}
        answer = call(**arguments)
        assert not server.errors
        return answer


def up_to(n, after):
    """The first n acts, then that."""
    def play(wire):
        for act in ACTS[:n]:
            getattr(wire, act)()
        after(wire)
    return play


def drop(_):
    pass


def hang(wire):
    wire.hang()


def in_command(act):
    """Play in a command that has begun, and hang behind it."""
    def play(wire):
        wire.to_command()
        act(wire)
        wire.hang()
    return play


def at_once(fn, items):
    """What fn gives for each, all of them waiting at the same time."""
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        return list(pool.map(fn, items))


# ---- servers that hang, all waited for at the same time ----------------------

def sftp(kind, body):
    return string(bytes([kind]) + body)


VERSION, HANDLE, GOOD = sftp(2, u32(3)), sftp(102, u32(1) + string('h')), sftp(101, u32(2) + u32(0) + string('') + string(''))


def answers(*parts):
    """An SFTP server that says these, each when it was asked."""
    def play(wire):
        wire.to_command()
        for part in parts:
            wire.expect(DATA)
            wire.data(part)
        wire.hang()
    return play


WINDOWS = (0, 5000, 1 << 31)
SFTP_HANGS = ([], [VERSION], [VERSION, HANDLE], [VERSION, HANDLE, GOOD], [u32(0xffffffff)], [b'\0'])


def cut_short(wire):
    for kind in (DATA, EXTENDED_DATA, EOF, CLOSE, CHANNEL_REQUEST, WINDOW_ADJUST, NEWKEYS):
        wire.send(bytes([kind]) + b'\0')
    wire.say(CHANNEL_REQUEST, string('exit-signal') + b'\0' + u32(1 << 31))
    wire.say(CHANNEL_REQUEST, string('exit-status') + b'\0\1')


@pytest.fixture(name='hung', scope='module')
def all_that_hang(key):
    """By name, the answer of a call to each."""
    done, command = threading.Event(), {'exec': 'command'}

    def deaf(window):
        def play(wire):
            wire.to_command(window=window)
            done.wait()
        return play
    plays = {f'stage {n}': (up_to(n, hang), command) for n in range(len(ACTS) + 1)}
    plays.update({f'window {window}': (deaf(window), {**command, 'input': BIG * 6}) for window in WINDOWS})
    plays.update({f'sftp {n}': (answers(*parts), {'upload': 'file', 'input': 'text'}) for n, parts in enumerate(SFTP_HANGS)})
    plays['only a status'] = in_command(lambda wire: wire.status(0)), command
    plays['messages cut short'] = in_command(cut_short), command
    try:
        return dict(zip(plays, at_once(lambda one: against(one[0], key, one[1], deadline_ms=LATER_MS), plays.values())))
    finally:
        done.set()


# ---- at each stage -----------------------------------------------------------

@pytest.mark.parametrize('n', range(len(ACTS) + 1))
def test_a_server_that_hangs_at_any_stage_is_left_at_the_deadline(hung, n):
    answer = hung[f'stage {n}']
    assert answer['why'] == 'no answer in time'
    assert (answer['end'], len(answer['results'])) == ((LATE, 1) if n >= BEFORE_A_STEP else (NO_CONNECTION, 0))


def test_a_server_that_drops_at_any_stage_is_told_from_one_that_may_have_acted(key):
    found = at_once(lambda n: against(up_to(n, drop), key), range(len(ACTS) + 1))
    for n, answer in enumerate(found):
        assert answer['why'], n
        assert (answer['end'], len(answer['results'])) == ((LOST, 1) if n >= BEFORE_A_STEP else (NO_CONNECTION, 0)), n
        for result in answer['results']:
            assert (result['status'], result['signal']) == (-1, ''), n


def test_between_two_steps_the_first_is_known_and_the_second_never_began(key):
    def play(wire):
        wire.to_command()
        wire.data('one')
        wire.status(0)
        wire.end()
        wire.expect(CHANNEL_OPEN)
    answer = against(play, key, {'exec': 'a'}, {'exec': 'b'})
    assert (answer['end'], [(one['status'], one['output']) for one in answer['results']]) == (LOST, [(0, 'one')])


def test_a_connection_that_nobody_takes_ends_at_the_deadline(key):
    with full_listener() as port:
        answer = call(port=port, key=key.path.read_text(), host_keys=[], deadline_ms=SOON_MS)
    assert (answer['end'], answer['why']) == (NO_CONNECTION, 'no connection was made in time')


# ---- when the server is sealed or stopped ------------------------------------

NEVER_MS = 2 * 3600 * 1000


def connecting(port):
    """How many connections to the port have begun and are not made (proc(5), /proc/net/tcp)."""
    lines = pathlib.Path('/proc/net/tcp').read_text(encoding='ascii').splitlines()[1:]
    return sum(line.split()[2:4] == [f'0100007F:{port:04X}', '02'] for line in lines)


@contextlib.contextmanager
def full_listener():
    """Its queue is full, so that the kernel lets no more handshake end: its port."""
    with socket.socket() as listener, contextlib.ExitStack() as stack:
        listener.bind(('127.0.0.1', 0))
        listener.listen(0)
        for _ in range(3):
            one = stack.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield listener.getsockname()[1]


def halted(play, key, **more):
    """The answer of a call to what hangs, once it does."""
    hangs = threading.Event()

    def known(wire):
        wire.hang = lambda hang=wire.hang: (hangs.set(), hang())
        play(wire)
    with EvilSshd(known) as server:
        if 'url' in more:
            return call(hangs.wait, url=f'https://127.0.0.1:{server.port}/', deadline_ms=NEVER_MS)
        return call(hangs.wait, port=server.port, key=key.path.read_text(), host_keys=[server.host_key], deadline_ms=NEVER_MS, **more)


def test_every_wait_ends_when_the_server_is_sealed_or_stopped(key):
    why = 'the server is being sealed or stopped'
    command, upload = [{'exec': 'command'}], [{'upload': 'file', 'input': 'text'}]
    plays = [(up_to(n, hang), {'steps': command}) for n in range(len(ACTS) + 1)]
    plays += [(answers(*parts), {'steps': upload}) for parts in SFTP_HANGS[:4]]
    plays += [(up_to(n, hang), {'scan': True}) for n in range(3)]
    plays += [(hang, {'url': True})]
    found = at_once(lambda one: halted(one[0], key, **one[1]), plays)
    # At the step's own stage the halt may come before the open channel is heard of.
    ended = [{(NO_CONNECTION, 0)}] * BEFORE_A_STEP + [{(NO_CONNECTION, 0), (LOST, 1)}] + [{(LOST, 1)}] * 5
    for one, may_be in zip(found, ended):
        assert one['why'] == why and (one['end'], len(one['results'])) in may_be, one
    assert {one['message'] for one in found[len(ended):]} == {why}
    with full_listener() as port:
        before = connecting(port)
        answer = call(lambda: wait_for(lambda: connecting(port) > before, 'it connects'), port=port, key=key.path.read_text(),
                      host_keys=[], deadline_ms=NEVER_MS)
    assert (answer['end'], answer['why']) == (NO_CONNECTION, why)


# ---- before the login --------------------------------------------------------

def raw(data):
    def play(wire):
        wire.raw(data)
        wire.hang()
    return play


def lines_for_ever(wire):
    with contextlib.suppress(OSError):
        while True:
            wire.raw(b'please wait\r\n')


@pytest.mark.parametrize('data, why', [
    (b'SSH-2.0-' + b'x' * 100000 + b'\r\n', 'too large banner'), (b'SSH-1.5-old\r\n', 'SSH-1.5-old'),
    (b'SSH-2.0-a\r\n\x7f\xff\xff\xff' + b'a' * 1000, 'too high'),
])
def test_what_is_no_ssh_server_is_no_connection(key, data, why):
    answer = against(raw(data), key)
    assert answer['end'] == NO_CONNECTION and why in answer['why']


def test_what_never_shows_a_banner_is_left_at_the_deadline(key):
    for play in (raw(b'HTTP/1.0 400 Bad Request\r\n\r\n'), lines_for_ever):
        assert against(play, key, deadline_ms=SOON_MS)['end'] == NO_CONNECTION


def test_what_a_server_says_is_printable_where_we_repeat_it(key):
    assert against(lambda wire: wire.banner('SSH-2.0-a\x1b[31m\x80'), key)['banner'] == 'SSH-2.0-a?[31m??'

    def goodbye(wire):
        wire.to_keys()
        wire.send(b'\1' + u32(2) + string('go\x1b[2J' * 1000) + string(''))
        wire.hang()
    answer = against(goodbye, key)
    assert answer['end'] == NO_CONNECTION and 'go?[2J' in answer['why']


@pytest.mark.parametrize('offer', [
    {'cipher': 'none', 'mac': 'none'}, {'cipher': 'aes128-cbc'}, {'cipher': 'arcfour'}, {'mac': 'hmac-md5'}, {'mac': 'hmac-sha1'},
    {'kex': 'diffie-hellman-group1-sha1'}, {'kex': 'diffie-hellman-group14-sha1'}, {'host_key': 'ssh-rsa'}, {'host_key': 'ssh-dss'},
])
def test_weak_algorithms_are_not_agreed_on(key, offer):
    def play(wire):
        wire.banner()
        wire.kexinit(**offer)
        wire.hang()
    assert against(play, key)['end'] == NO_AGREEMENT
    if 'none' in offer.values() or 'arcfour' in offer.values() or 'hmac-md5' in offer.values():
        assert against(play, key, legacy_crypto=True)['end'] == NO_AGREEMENT


def test_a_key_that_it_does_not_hold_is_no_host_key(key):
    def play(wire):
        wire.banner()
        wire.kexinit()
        wire.exchange(spoil=True)
    answer = against(play, key)
    assert (answer['end'], answer['host_key']) == (NO_CONNECTION, '')


# ---- the login ---------------------------------------------------------------

@pytest.mark.parametrize('partial, why', [(0, 'it does not take the key'), (1, 'it wants more than the key')])
def test_a_refused_key_is_not_followed_by_anything_else(key, partial, why):
    requests = []

    def play(wire):
        wire.to_keys()
        wire.service()
        requests.append(wire.expect(AUTH_REQUEST))
        wire.send(bytes([AUTH_FAILURE]) + string('none,password,keyboard-interactive,hostbased') + bytes([partial]))
        with contextlib.suppress(OSError, EOFError):
            requests.append(wire.expect(AUTH_REQUEST))
    answer = against(play, key)
    assert (answer['end'], answer['why']) == (REFUSED, why)
    assert len(requests) == 1
    user, rest = take(requests[0][1:])
    service, rest = take(rest)
    assert (user, service, take(rest)[0]) == (b'root', b'ssh-connection', b'publickey')


def test_a_login_that_was_not_asked_for_is_none(key):
    def before_keys(wire):
        wire.banner()
        wire.kexinit()
        wire.send(bytes([AUTH_SUCCESS]))
        wire.hang()

    def before_login(wire):
        wire.to_keys()
        wire.send(bytes([AUTH_SUCCESS]))
        wire.hang()
    assert against(before_keys, key, deadline_ms=SOON_MS)['end'] == NO_CONNECTION
    assert against(before_login, key, deadline_ms=SOON_MS)['end'] == NO_CONNECTION


def test_sha1_signs_for_old_servers_alone(tmp_path):
    """One that announces no algorithms for signatures gets ssh-rsa, which is to be asked for."""
    rsa, seen = SshKey(tmp_path, 'rsa', 'rsa', 2048), []

    def play(wire):
        wire.to_login()
        seen.append(wire.login_request)
    assert against(play, rsa)['end'] == REFUSED and not seen
    against(play, rsa, legacy_crypto=True)
    assert string('publickey') + b'\1' + string('ssh-rsa') in seen[0]


# ---- in a step ---------------------------------------------------------------

def test_what_it_refuses_was_not_done(key):
    def no_channel(wire):
        wire.to_login()
        opened = wire.expect(CHANNEL_OPEN)
        wire.send(bytes([OPEN_FAILURE]) + take(opened[1:])[1][:4] + u32(1) + string('no') + string(''))
        wire.hang()

    def no_request(wire):
        wire.to_login()
        wire.channel()
        wire.request(FAILURE)
        wire.hang()
    for play, step, why in ((no_channel, {'exec': 'a'}, 'it opens no session'), (no_request, {'exec': 'a'}, 'it runs no command'),
                            (no_request, {'upload': 'a', 'input': 'b'}, 'it has no SFTP')):
        answer = against(play, key, step)
        assert answer['end'] == STEP and answer['why'].startswith(why)
        assert len(answer['results']) == 1


def test_an_end_without_a_status_is_an_unknown_one(key):
    def play(wire):
        wire.to_command()
        wire.data('done')
        wire.end()
        wire.hang()
    answer = against(play, key)
    assert (answer['end'], answer['why']) == (LOST, 'the command ended without a status')
    answer = against(play, key, {'exec': 'a', 'may_fail': True})
    assert (answer['end'], answer['results'][0]['status'], answer['results'][0]['output']) == (DONE, -1, 'done')


def test_a_status_that_came_counts_whatever_comes_then(key, hung):
    def play(wire):
        wire.to_command()
        wire.data('done')
        wire.status(0)
        wire.say(EOF)
    for answer in (against(play, key), hung['only a status']):
        assert (answer['end'], answer['results'][0]['status']) == (DONE, 0)


@pytest.mark.parametrize('status, seen', [(255, 255), (256, 256), (0x7fffffff, 0x7fffffff), (0x80000000, 255), (0xffffffff, 255)])
def test_no_status_looks_like_none(key, status, seen):
    def play(wire):
        wire.to_command()
        wire.status(status)
        wire.end()
        wire.hang()
    answer = against(play, key)
    assert (answer['end'], answer['results'][0]['status']) == (STEP, seen)


def test_a_signal_s_name_is_short_and_printable(key):
    def play(wire):
        wire.to_command()
        wire.signal('K\n\x1b' + 'x' * 1000)
        wire.end()
        wire.hang()
    assert against(play, key)['results'][0]['signal'] == 'K??' + 'x' * 28


def flood(message):
    def act(wire):
        with contextlib.suppress(OSError):
            while True:
                message(wire)
    return in_command(act)


@pytest.mark.parametrize('message', [
    lambda wire: wire.data(b'o' * 200000), lambda wire: wire.error(b'e' * 200000), lambda wire: wire.send(b'\2' + string('i' * 200000)),
    lambda wire: wire.send(bytes([CHANNEL_OPEN]) + string('forwarded-tcpip') + u32(1) + u32(9) + u32(9) + string('h' * 200000) + u32(
        1) + string('o') + u32(2)),
    lambda wire: wire.send(bytes([80]) + string('hostkeys-00@openssh.com') + b'\1' + string('k' * 200000)),
], ids=['output', 'errors', 'ignore', 'channels', 'requests'])
def test_a_flood_ends_at_a_bound(key, message):
    answer = against(flood(message), key)
    assert answer['end'] == LOST
    assert max(len(answer['results'][0][stream]) for stream in ('output', 'error')) <= 65536


def test_messages_cut_short_do_no_harm(hung):
    assert hung['messages cut short']['end'] in (STEP, LATE, LOST)


@pytest.mark.parametrize('size', [9, 10, 11, 255])
def test_packets_with_room_for_nothing_are_refused(key, size):
    def play(wire):
        wire.to_login()
        wire.channel(packet_max=size)
        wire.hang()
    answer = against(play, key, {'exec': 'a', 'input': BIG})
    assert (answer['end'], answer['why']) == (STEP, 'it takes next to nothing at a time')


@pytest.mark.parametrize('window', WINDOWS)
def test_input_that_is_not_taken_keeps_nobody_past_the_deadline(hung, window):
    assert hung[f'window {window}']['end'] == LATE


# ---- files -------------------------------------------------------------------

@pytest.mark.parametrize('parts, why', [
    ([sftp(2, u32(2))], 'it does not speak SFTP 3'), ([b'Welcome to this machine\n' * 1000], 'its answer is too long'),
    ([VERSION, sftp(101, u32(1) + u32(3) + string('Permission\x1b denied') + string(''))], 'status 3, Permission? denied'),
    ([VERSION, sftp(101, u32(1) + u32(0) + string('') + string(''))], 'status 0'), ([VERSION, sftp(102, u32(9) + string('h'))], 'not asked'),
    ([VERSION, sftp(102, u32(1) + string('h' * 300))], 'no good handle'), ([VERSION, HANDLE, sftp(103, u32(2))], 'not asked'),
    ([VERSION + HANDLE], 'not asked'), ([VERSION, HANDLE, sftp(101, u32(2) + u32(4))], 'status 4'),
])
def test_an_sftp_server_that_makes_no_sense_has_failed(key, parts, why):
    answer = against(answers(*parts), key, {'upload': 'file', 'input': 'text'})
    assert (answer['end'], answer['results'][0]['status']) == (STEP, 1)
    assert answer['why'].startswith('the file was not written: ') and why in answer['why']


@pytest.mark.parametrize('n', range(len(SFTP_HANGS)))
def test_an_sftp_server_that_hangs_leaves_an_unknown_file(hung, n):
    answer = hung[f'sftp {n}']
    assert (answer['end'], answer['results'][0]['status']) == (LATE, -1)


# ---- scans -------------------------------------------------------------------

def test_a_scan_of_a_server_that_hangs_ends_at_the_deadline():
    def scan(n):
        with EvilSshd(up_to(n, hang)) as server:
            return call(scan=True, port=server.port, deadline_ms=SOON_MS)
    for answer in at_once(scan, range(3)):
        assert (answer['http_status'], answer['message']) == (502, 'no answer in time')


@pytest.mark.parametrize('data', [b'HTTP/1.0 400 Bad\r\n' * 100, b'x' * 1000, b'SSH-2.0-a\r\n' + b'\xff' * 100, b'SSH-1.5-a\r\n',
                                  b'SSH-2.0-a\r\n' + string(b'\x04\x15' + bytes(40))])
def test_a_scan_of_what_is_no_ssh_server_says_so(data):
    with EvilSshd(raw(data)) as server:
        answer = call(scan=True, port=server.port)
    assert (answer['http_status'], answer['message']) == (502, 'it is no SSH server')


def test_a_scan_of_a_server_that_drops_says_so():
    with EvilSshd(drop) as server:
        assert call(scan=True, port=server.port)['http_status'] == 502


def test_a_scan_takes_one_connection_and_one_for_each_key():
    def play(wire):
        wire.banner()
        wire.kexinit()
        wire.exchange()
        wire.hang()
    with EvilSshd(play) as server:
        offer = call(scan=True, port=server.port)
        assert (offer['banner'], offer['host_keys'], server.connections) == ('SSH-2.0-evil', [server.host_key], 2)
