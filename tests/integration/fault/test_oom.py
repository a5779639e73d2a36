"""Allocations fail, one or all from the n-th on, at each place of a request: no crash, no leak, nothing granted, and
the next request is served (reliability R46, L65)."""
import contextlib
import os
import subprocess
import time

import pytest

from support.build import HELPER
from support.figures import count, figure
from support.oom import LIVE, Oom
from support.patience import PATIENCE_S
from support.server import Server, wait_for
from support.sshd import write_config
from support.standin import Standin
from support.wire import Wire

STEP = 1 if os.environ.get('SALLYPORT_NIGHTLY') else count('OOM_STEP', 20)
REPEATS = count('OOM_REPEATS', 5, 20)  # of each place that is looked at for leaks
UUID = '01234567-89ab-cdef-0123-456789abcdef'
NO = {'errors': ['OTP not found']}


@pytest.fixture(scope='module')
def starved(tmp_path_factory):
    oom = Oom(tmp_path_factory.mktemp('oom'))
    server = Server()
    server.environment = oom.environment
    server.start().mount_ssh().write_role()
    server.enable_audit()
    server.oom = oom
    server.narrow = server.token_with('path "ssh/creds/otp" { capabilities = ["update"] }')
    yield server
    server.clean()


def ask(server, *request, **more):
    """The status; None where the server let go of the connection."""
    with contextlib.closing(Wire(server, token=None)) as wire, contextlib.suppress(OSError):
        return wire.call(*request, **more)[0]


def serves(server):
    return ask(server, 'GET', 'sys/mounts', token=server.token) == 200


def otp(server):
    return server.otp()['data']['key']


# What is asked, as a function of a password and a token; what may be answered besides a fault of ours.
SCENARIOS = {
    'verify': (lambda server, key: ask(server, 'PUT', 'ssh/verify', {'otp': key}), {200}),
    'verify a spent one': (lambda server, key: ask(server, 'PUT', 'ssh/verify', {'otp': UUID}), {400, 429}),
    'creds': (lambda server, key: ask(server, 'PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'}, token=server.narrow), {200}),
    'creds without rights': (lambda server, key: ask(server, 'PUT', 'ssh/creds/no', {'ip': '10.1.2.3'},
                                                     token=server.narrow), {403}),
    'token look-up': (lambda server, key: ask(server, 'GET', 'sys/mounts', token=server.token), {200}),
    'a wrong token': (lambda server, key: ask(server, 'GET', 'sys/mounts', token='hvs.' + 'x' * 24), {403}),
}


def starve(server, scenario, at, all_behind):
    """What was wrong with this one, or ''. A password opens once, whatever happened."""
    run, wanted = SCENARIOS[scenario]
    key = otp(server) if scenario == 'verify' else ''
    server.oom.arm(at, all_behind)
    status = run(server, key)
    server.oom.disarm()
    with contextlib.suppress(AssertionError):
        # An audit device that could not write is tried again after a second.
        wait_for(lambda: serves(server) or server.process.poll() is not None, 'the server serves')
    if server.process.poll() is not None:
        return f'the server ended with {server.process.returncode}'
    if not serves(server):
        return 'the server serves no more'
    if status not in wanted | {None, 500, 503}:
        return f'answered {status}'
    if scenario == 'verify':
        again = ask(server, 'PUT', 'ssh/verify', {'otp': key})
        if again not in (200, 400) or (again == status == 200):
            return f'answered {status}, then {again}'
    return ''


@pytest.mark.parametrize('scenario', SCENARIOS)
def test_a_request_survives(starved, scenario):
    starve(starved, scenario, 0, False)
    starved.oom.arm(0)
    SCENARIOS[scenario][0](starved, otp(starved))
    n = starved.oom.disarm()
    wrong = []
    tries = [(at, all_behind) for at in range(1, n + STEP, STEP) for all_behind in (False, True)]
    for at, all_behind in tries:
        if fault := starve(starved, scenario, at, all_behind):
            wrong.append(f'allocation {at}{" and all behind it" if all_behind else ""}: {fault}')
            if starved.process.poll() is not None:
                starved.start()
    for row in ('R46', 'L65'):
        figure(row, len(tries), len(wrong), 'allocations that failed')
    print(f'{scenario}: {n} allocations, {len(tries)} tries')
    assert wrong == [] and n > 20


def key_of(server, at):
    """A password; where there is none any more, how the server ended."""
    try:
        return otp(server)
    except OSError as error:
        ended = server.process.poll()
        raise AssertionError(f'allocation {at}: {error}; ended with {ended}:\n{server.log_text()[-3000:]}') from error


def spend(server, at, times):
    """Passwords handed in, each while the at-th allocation fails (0: none does); the server serves when it returns."""
    for _ in range(times):
        key = key_of(server, at)
        server.oom.arm(at)
        status = SCENARIOS['verify'][0](server, key)
        server.oom.disarm()
        if status != 200:
            # An audit device that could not write is tried again after a second.
            wait_for(lambda: serves(server) or server.process.poll() is not None, 'the server serves')


def blocks(server, enough=0):
    """In use: the least within a tenth of a second, or what is no more than enough. Those that do not stay, of an
    audit line, or a row that expiry looks at, are gone a moment later."""
    least = server.oom.get(LIVE)
    for _ in range(20):
        if least <= enough:
            break
        time.sleep(0.005)
        least = min(least, server.oom.get(LIVE))
    return least


def leaves_some(server, at):
    """Whether most of a few failures may leave a block behind: a quick look, which other threads' memory can mislead.
    Other threads allocate as well: not each request fails at the same place."""
    start = min(server.oom.get(LIVE) for _ in range(100))
    spend(server, at, REPEATS)
    enough = start + REPEATS // 2
    return blocks(server, enough) > enough


def growth(server, at):
    """Blocks that ten requests leave behind whose allocation fails, less those of ten that are spared."""
    counts = []
    for place in (0, 0, at):
        spend(server, place, 10)
        counts.append(blocks(server))
    return counts[2] - counts[1] - (counts[1] - counts[0])


def leaks(server, at):
    """What is left behind each time is a leak; what is so once was another thread's."""
    spend(server, at, 40)  # libcrypto keeps the last errors of each thread
    grown = []
    while len(grown) < 3:
        grown.append(growth(server, at))
        if grown[-1] <= 5:
            return ''
    return f'allocation {at}: {grown} blocks more by 10 failures each'


def test_nothing_is_left_behind(starved):
    """Blocks in use grow no more by requests that fail than by those that do not, whichever allocation it is."""
    starved.oom.arm(0)
    SCENARIOS['verify'][0](starved, otp(starved))
    n = starved.oom.disarm()
    wrong, places = [], range(1, n + 20)
    for at in places:
        if len(wrong) < 3 and leaves_some(starved, at) and (fault := leaks(starved, at)):
            wrong.append(fault)
    figure('R46', len(places), len(wrong), 'places looked at for leaks')
    assert wrong == []


def run_helper(oom, config, address):
    write_config(config, f'vault_addr = "{address}"\nallowed_roles = "*"\nallow_loopback = true\n')
    environment = {'PAM_USER': 'nobody', 'PAM_TYPE': 'auth', **oom.environment}
    return subprocess.run([str(HELPER), '-dev', f'-config={config}'], input=UUID.encode(), capture_output=True,
                          env=environment, timeout=PATIENCE_S).returncode


def test_the_helper_lets_nobody_in(public_path):
    oom, config, wrong, n = Oom(public_path), public_path / 'helper.hcl', [], 0
    with Standin(400, NO) as server:
        oom.arm(0)
        assert run_helper(oom, config, server.address) == 1
        n = oom.disarm()
        tries = [(at, all_behind) for at in range(1, n + STEP, STEP * 4) for all_behind in (False, True)]
        for at, all_behind in tries:
            oom.arm(at, all_behind)
            status = run_helper(oom, config, server.address)
            if status <= 0:
                wrong.append((at, all_behind, status))
    for row in ('R46', 'L65'):
        figure(row, len(tries), len(wrong), 'allocations that failed')
    print(f'{n} allocations, {len(tries)} tries')
    assert wrong == []
