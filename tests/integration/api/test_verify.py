"""verify: who may spend a password, and how often."""
import json
import threading

from support.raw import Line

NOT_FOUND = '{"errors":["OTP not found"]}\n'


def verify(server, otp, method='PUT', **hints):
    return server.api(None).call(method, 'ssh/verify', {'otp': otp, **hints})


def refused(got):
    return got.status == 400 and got.body == NOT_FOUND


def test_one_of_64_parallel_verifies_wins(shared):
    """S2-3, G-1: exactly one 200, 63 times 400."""
    otp = shared.otp()['data']['key']
    gate = threading.Barrier(64)
    got = []

    def ask():
        gate.wait()
        got.append(verify(shared, otp))

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(one.status for one in got) == [200] + 63 * [400]
    assert all(one.body == NOT_FOUND for one in got if one.status == 400)


def guesses(server):
    """Answers to unknown passwords, asked for a hundred at a time: also a slow machine guesses faster than it may."""
    body = b'{"otp":"guess"}'
    request = b'PUT /v1/ssh/verify HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n' % len(body) + body
    line = Line(server)
    for _ in range(100):
        yield line.ask(100 * request)
        yield from (line.answer('PUT') for _ in range(99))
    line.close()


def test_misses_are_limited_but_hits_and_the_echo_pass(server):
    """S2-29, G-3: 429 with Retry-After for unknown passwords only."""
    made = server.otp()
    spent = server.otp()['data']['key']
    verify(server, spent)
    got = next(got for got in guesses(server) if got.status != 400)
    assert got.status == 429
    assert json.loads(got.body)['errors'] == ['request path "ssh/verify": rate limit quota exceeded']
    assert int(got.headers['retry-after']) >= 1
    assert verify(server, 'verify-echo-request').status == 200
    assert verify(server, made['data']['key']).status == 200
    assert refused(verify(server, spent))


def test_strikes_in_parallel_never_open_it(shared):
    """G-2: many wrong hints at once, then the right ones: never after three."""
    otp = shared.otp()['data']['key']
    threads = [threading.Thread(target=verify, args=(shared, otp), kwargs={'role': 'web'}) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert refused(verify(shared, otp))
