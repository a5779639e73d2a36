"""verify: who may spend a password, and how often."""
import json
import threading

import pytest

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


@pytest.mark.parametrize('method', ['PUT', 'POST'])
def test_the_echo_probe_touches_nothing(shared, method):
    """S2-29: no token, PUT or POST."""
    got = verify(shared, 'verify-echo-request', method)
    assert (got.status, got.data) == (200, {'message': 'verify-echo-response'})


@pytest.mark.parametrize('method', ['PUT', 'POST'])
def test_a_right_password_is_accepted_once(shared, method):
    """S2-29, X14."""
    made = shared.otp()
    got = verify(shared, made['data']['key'], method)
    assert (got.status, got.data) == (200, {'ip': '10.1.2.3', 'role_name': 'otp', 'username': 'ubuntu'})
    assert set(got.json) == {'request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings',
                             'auth'}
    assert got.json['lease_id'] == ''
    assert refused(verify(shared, made['data']['key'], method))


@pytest.mark.parametrize('body', [
    {}, {'otp': ''}, {'otp': None}, {'otp': 'garbage'}, {'otp': '00000000-0000-0000-0000-000000000000'},
    {'otp': 5}, {'otp': 'x' * 200}])
def test_every_refusal_is_the_same(server, body):
    """ssh-engine 7: identical bytes."""
    got = server.api(None).put('ssh/verify', body)
    assert refused(got)


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


FITTING = [{'username': 'ubuntu'}, {'ip': '10.1.2.3'}, {'ip': ['192.0.2.1', '10.1.2.3']}, {'ip': '::1, 10.1.2.3'},
           {'ip': '::ffff:10.1.2.3'}, {'role': 'otp'}, {'role': 'web,otp'}, {'role': ['otp']}, {'role': '*'},
           {'host': 'any.example'}, {'username': '', 'ip': '', 'role': ''},
           {'username': 'ubuntu', 'ip': '10.1.2.3', 'role': 'otp', 'host': 'h'}]
OTHER = [{'username': 'root'}, {'username': 'Ubuntu'}, {'ip': '10.1.2.4'}, {'ip': 'nonsense'}, {'role': 'web'},
         {'role': 'ot'}, {'role': 'web,*'}, {'username': 'ubuntu', 'ip': '10.9.9.9'}]


@pytest.mark.parametrize('hints', FITTING)
def test_hints_that_fit(shared, hints):
    """G-2."""
    assert verify(shared, shared.otp()['data']['key'], **hints).status == 200


@pytest.mark.parametrize('hints', OTHER)
def test_hints_that_do_not_fit_keep_the_password(shared, hints):
    """G-2: refused without using it up, twice; the owner still gets in."""
    otp = shared.otp()['data']['key']
    assert refused(verify(shared, otp, **hints))
    assert refused(verify(shared, otp, **hints))
    assert verify(shared, otp).status == 200


def test_the_third_strike_destroys_it(shared):
    """G-2."""
    otp = shared.otp()['data']['key']
    for _ in range(3):
        assert refused(verify(shared, otp, username='root'))
    assert refused(verify(shared, otp))
    assert refused(verify(shared, otp, username='ubuntu'))


def test_strikes_in_parallel_never_open_it(shared):
    """G-2: many wrong hints at once, then the right ones: never after three."""
    otp = shared.otp()['data']['key']
    threads = [threading.Thread(target=verify, args=(shared, otp), kwargs={'role': 'web'}) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert refused(verify(shared, otp))


def test_a_bad_token_does_not_matter(shared):
    """ssh-engine 1.1: a token sent along is not looked at."""
    otp = shared.otp()['data']['key']
    assert shared.api('junk').put('ssh/verify', {'otp': otp}).status == 200


def test_a_large_body_is_refused(shared):
    """reliability 6: 4 KiB on verify."""
    got = shared.api(None).put('ssh/verify', {'otp': 'x' * 5000})
    assert got.status == 413


def test_a_password_of_another_mount_is_unknown(shared):
    """S2-1."""
    shared.mount_ssh('other')
    otp = shared.otp()['data']['key']
    assert refused(shared.api(None).put('other/verify', {'otp': otp}))
    assert verify(shared, otp).status == 200
    assert shared.api().list('other/roles').status == 404


def test_a_deleted_role_leaves_its_passwords(shared):
    """ssh-engine 2.4: outstanding OTPs stay valid until their lease ends."""
    shared.write_role('brief')
    otp = shared.otp(role='brief')['data']['key']
    shared.api().delete('ssh/roles/brief')
    assert verify(shared, otp).data['role_name'] == 'brief'
