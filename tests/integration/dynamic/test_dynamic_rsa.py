"""RSA keys that many ask for at once, of which none is ready, and logins by password beside them (S2-15)."""
import threading
import time

import pytest
from support.figures import count, figure
from support.linux_host import ask, write_role

CREDS = count('RSA_CREDS', 12, 50)
ALONE = count('RSA_VERIFIES', 50, 2000)


class Verifies:
    """One-time passwords, asked for and used up over one connection; what each verify came to, and how long it took."""

    def __init__(self, server):
        self.api = server.api().kept()
        self.done = []

    def one_more(self):
        otp = self.api.put('ssh/creds/otp', {'ip': '10.1.2.3'}).data['key']
        began = time.monotonic()
        answer = self.api.put('ssh/verify', {'otp': otp})
        self.done.append((answer.status, time.monotonic() - began))

    def refused(self):
        return sum(status != 200 for status, _ in self.done)

    def slowest(self, share):
        return sorted(took for _, took in self.done)[int(share * (len(self.done) - 1))] * 1000

    def __str__(self):
        return f'{len(self.done)} verifies, ms: {self.slowest(0.5):.1f} median, {self.slowest(0.99):.1f} p99, {self.slowest(1):.1f} most'


class Creds:
    """All of them at once. Who is told that too many are under way asks again."""

    def __init__(self, server, n, **place):
        self.server, self.place, self.answers, self.again = server, place, [], 0
        self.threads = [threading.Thread(target=self.ask) for _ in range(n)]
        for thread in self.threads:
            thread.start()

    def ask(self):
        answer = ask(self.server, 'rsa', **self.place)
        while answer.status == 503:
            self.again += 1
            time.sleep(0.1)
            answer = ask(self.server, 'rsa', **self.place)
        self.answers.append(answer)

    def outstanding(self):
        return any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def no_pairs(dynamic, host):
    """A server that has made no RSA pair yet. The keys on the host go with the host."""
    write_role(dynamic, host, 'rsa', dynamic_key_type='rsa', key_bits=2048)
    dynamic.restart()
    yield dynamic
    assert dynamic.api().put('sys/leases/revoke-force/ssh/creds/rsa').status == 204


def verify_beside(server, n, status, **place):
    """Ask for n creds, verify until they are answered, as they must be; the creds and the verifies."""
    beside, creds = Verifies(server), Creds(server, n, **place)
    while creds.outstanding():
        beside.one_more()
    bad = [answer for answer in creds.answers if answer.status != status]
    print(f'beside {n} creds: {beside}; told to ask again {creds.again} times')
    figure('S2-15', n, len(bad), 'RSA keys asked for at once')
    figure('S2-15', len(beside.done), beside.refused(), 'verifies while they were made')
    assert bad == [] and beside.refused() == 0 and len(beside.done) >= 3 * n
    return creds


def test_verifies_go_on_while_keys_are_made(no_pairs):
    """Nobody listens there, so that the keys are all that takes time."""
    before = Verifies(no_pairs)
    for _ in range(ALONE):
        before.one_more()
    print(f'before: {before}')
    creds = verify_beside(no_pairs, CREDS, 500, ip='127.0.7.250')
    assert all('Failed to connect' in answer.errors[0] for answer in creds.answers), creds.answers[0]


def test_verifies_go_on_while_keys_are_made_and_installed(no_pairs, host):
    creds = verify_beside(no_pairs, CREDS, 200)
    assert len({answer.data['key'] for answer in creds.answers}) == len(host.ours('alice')) == CREDS
