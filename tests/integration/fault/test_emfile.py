"""Too few descriptors: accepting pauses, store and audit go on, and service is
back as soon as there are some (reliability R43, rule L37)."""
import contextlib
import resource
import socket

from support.audit import device, lines, verify
from support.figures import count, figure
from support.server import Server, wait_for
from support.wire import Wire

LIMITS = count('EMFILE_LIMITS', 20, 180)
SMALLEST, LARGEST = 20, 200
KEPT = 50  # fewer than connections do not get: the crowd is larger than what is left


class Limited(Server):
    """Started with so many descriptors."""

    limit = LARGEST

    def words(self):
        return ['prlimit', f'--nofile={self.limit}:{self.limit}', *super().words()]


def ask(wire):
    return wire.call('PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'})[0]


def crowd(server, n):
    """Idle connections, as many as are taken."""
    taken = []
    with contextlib.suppress(OSError):
        for _ in range(n):
            taken.append(socket.create_connection(('127.0.0.1', server.port), timeout=60))
    return taken


def serves(server):
    """One request on a connection of its own."""
    try:
        wire = Wire(server, timeout=10)
        status = ask(wire)
        wire.close()
        return status == 200
    except OSError:
        return False


def exhausted(server, path):
    """More come than there are descriptors for: whoever is idle for longest makes room. What goes wrong."""
    wrong, old = [], path.with_suffix('.old')
    before = len(lines(path))
    idle = crowd(server, server.limit - KEPT)
    wait_for(lambda: serves(server), 'it serves beside the crowd')
    path.rename(old)
    wait_for(lambda: serves(server), 'it makes the audit file anew beside the crowd')
    if 'accepting connections pauses' not in server.log_text():
        wrong.append('the limit was not reached')
    for one in idle:
        one.close()
    wait_for(lambda: serves(server), 'it serves again')
    if len(lines(old)) + len(lines(path)) < before + 6:
        wrong.append('audit lines are missing')
    return wrong


def lowered(server, limit):
    """The limit falls below what is open already: nothing can be accepted or opened. What goes wrong."""
    pid, wrong, wire = server.process.pid, [], Wire(server)
    wrong += [] if ask(wire) == 200 else ['it does not serve']  # else it might not be accepted yet
    usual = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (limit, usual[1]))
    if ask(wire) not in (200, 500, 503):
        wrong.append('an odd answer without descriptors')
    waiting = crowd(server, 3)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, usual)
    for one in waiting:
        one.close()
    wait_for(lambda: serves(server), 'it serves again')
    wire.close()
    if server.process.poll() is not None:
        wrong.append('it ended')
    return wrong


def test_service_goes_on_at_each_limit():
    failures, step = {}, max(1, (LARGEST - SMALLEST) // LIMITS)
    limits = range(SMALLEST, SMALLEST + step * LIMITS, step)
    n_refused = 0
    for limit in limits:
        server = Limited()
        server.limit = limit
        try:
            try:
                server.start().mount_ssh().write_role()
            except AssertionError:
                # Too few to start with is an answer too, if it says so.
                n_refused += 1
                if server.process.poll() != 1 or 'open files' not in server.log_text():
                    failures[limit] = ['it did not start, and did not say why', server.log_text()[-300:]]
                continue
            path = server.enable_audit()
            wrong = exhausted(server, path) + lowered(server, 8)
            key = device(server)['public_key']
            if verify(key, path.with_suffix('.old'), path).returncode != 0:
                wrong.append('the audit chain is broken')
            if wrong:
                failures[limit] = wrong
        finally:
            server.clean()
    print(f'{len(limits)} limits, {n_refused} too low to start with, {len(failures)} failures')
    for row in ('R43', 'L37'):
        figure(row, len(limits), len(failures), 'descriptor limits')
    assert failures == {}
