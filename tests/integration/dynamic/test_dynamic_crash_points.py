"""The server ends at each system call of an install and of a removal: behind a restart the key is live and known, or both are gone.

What waits until an install is over for sure is not slept through: the server's clock is set on.
"""
import http.client
import os

import pytest
from support.exit_at import NEVER, STATUS, ExitAt
from support.figures import count, figure
from support.linux_host import ask, issue, leases, prepare, revoke
from support.server import Server, wait_for

ALL = 1000000
POINTS = {'install': count('CRASH_INSTALL_POINTS', 8, ALL), 'removal': count('CRASH_REMOVAL_POINTS', 6, ALL)}
OVER_S = 60  # an install of 20 s and the margin are over
KEPT = b'# by hand\n\nssh-ed25519 AAAA+somebody/elses bob@example.org\n\tno end of the line'


class Scene:
    """A server that puts keys on a host, and ends where it is told."""

    def __init__(self, host, directory):
        self.host, self.exit_at, self.unanswered = host, ExitAt(directory), 0
        self.server = Server()
        self.exit_at.prepare(self.server)
        self.server.start().mount_ssh()
        self.server.enable_audit()
        prepare(self.server, host)
        host.write_authorized('alice', KEPT)

    def until(self, at, request):
        """Its answer, or None, and whether the server ended over it."""
        self.exit_at.set(at)
        try:
            answer = request()
        except (OSError, http.client.HTTPException):
            answer = None
        ended = self.exit_at.clear()
        if ended:
            assert self.server.process.wait() == STATUS
        return answer, ended

    def start_again(self):
        """When the host has seen that nobody is there any more, and any call would be over."""
        self.server.expect_no_keeper()
        wait_for(lambda: self.host.connections() == [], 'the host lets go')
        self.exit_at.pass_time(OVER_S)
        self.server.start()

    def tails(self):
        return [line.rpartition(':')[2] for line in self.host.ours('alice')]

    def others(self):
        return b''.join(line for line in self.host.authorized('alice').read_bytes().splitlines(True) if b' sallyport:' not in line)

    def is_live(self, tail):
        """Neither being installed nor to be taken back."""
        found = self.server.api().put('sys/leases/lookup', {'lease_id': f'ssh/creds/dyn/{tail}'})
        return found.status == 200 and 'state' not in found.data

    def is_settled(self):
        known = leases(self.server)
        return sorted(self.tails()) == sorted(known) and all(map(self.is_live, known))

    def expect_all_known(self):
        known = leases(self.server)  # first: a row goes behind its key
        assert set(self.tails()) <= set(known), 'a key that no lease knows'

    def expect_gone(self):
        assert leases(self.server) == []
        assert self.host.authorized('alice').read_bytes() == KEPT
        assert [name for name in os.listdir(self.host.authorized('alice').parent) if name != 'authorized_keys'] == []

    def settle(self, ended):
        """What is there when all is done."""
        if ended:
            self.start_again()
            self.expect_all_known()
        wait_for(self.is_settled, 'keys and leases are the same')
        assert self.others() == KEPT
        return leases(self.server)

    def end(self, known):
        for tail in known:
            assert revoke(self.server, {'lease_id': f'ssh/creds/dyn/{tail}'}).status == 204
        self.expect_gone()

    # ---- what is cut off -----------------------------------------------------

    def install(self, at):
        answer, ended = self.until(at, lambda: ask(self.server))
        calls = self.exit_at.calls
        known = self.settle(ended)
        if answer is not None:
            assert answer.status == 200, answer
            assert known == [answer.json['lease_id'].rpartition('/')[2]], 'what was answered is known'
            assert self.host.lets_in('alice', answer.data['key'])
        self.unanswered += answer is None and known != []
        self.end(known)
        return calls

    def removal(self, at):
        got = issue(self.server)
        answer, ended = self.until(at, lambda: revoke(self.server, got))
        calls = self.exit_at.calls
        known = self.settle(ended)
        assert answer is None or (answer.status == 204 and known == []), answer
        self.unanswered += answer is None and known == []
        self.end(known)
        return calls


@pytest.fixture(name='scene', scope='module')
def one_scene(host, tmp_path_factory):
    one = Scene(host, tmp_path_factory.mktemp('crash-points'))
    yield one
    one.server.clean()


def spread(n, wanted):
    """Of the points 1 to n, the first and the last among them."""
    if wanted >= n:
        return range(1, n + 1)
    return sorted({1 + i * (n - 1) // (wanted - 1) for i in range(wanted)})


@pytest.mark.parametrize('what', POINTS)
def test_at_each_call_that_the_server_ends_at_nothing_is_lost(scene, what):
    cut, scene.unanswered = getattr(scene, what), 0
    calls = cut(NEVER)
    assert set('csrwpy') <= set(calls), calls
    chosen, failures, wrong = spread(len(calls), POINTS[what]), 0, None
    for tries, at in enumerate(chosen, 1):
        try:
            cut(at)
        except AssertionError as error:
            failures, wrong = 1, (at, calls[at - 1], error)
            break
    print(f'{what}: {tries} of {len(calls)} points ({calls}), {failures} failures, {scene.unanswered} done and not answered')
    figure('R09', tries, failures, f'crash points of {what}')
    assert wrong is None, wrong
