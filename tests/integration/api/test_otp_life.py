"""The main job: a password opens once, and only once."""


def test_an_otp_is_accepted_once(server):
    made = server.otp()
    plain = server.api(token=None)
    first = plain.put('ssh/verify', {'otp': made['data']['key']})
    assert first.status == 200
    assert first.data == {'ip': '10.1.2.3', 'role_name': 'otp', 'username': 'ubuntu'}
    again = plain.put('ssh/verify', {'otp': made['data']['key']})
    assert (again.status, again.json) == (400, {'errors': ['OTP not found']})


def test_a_revoked_lease_kills_its_otp(server):
    made = server.otp()
    assert server.api().put('sys/leases/revoke', {'lease_id': made['lease_id']}).status == 204
    assert server.api(token=None).put('ssh/verify', {'otp': made['data']['key']}).status == 400


def test_a_used_otp_keeps_its_lease(server):
    made = server.otp()
    assert server.api(token=None).put('ssh/verify', {'otp': made['data']['key']}).status == 200
    assert server.api().put('sys/leases/lookup', {'lease_id': made['lease_id']}).status == 200
    assert server.api().put('sys/leases/revoke', {'lease_id': made['lease_id']}).status == 204


def test_an_otp_dies_with_its_token(server):
    token = server.token_with('path "ssh/creds/otp" { capabilities = ["update"] }')
    made = server.otp(token=token)
    assert server.api().put('auth/token/revoke', {'token': token}).status == 204
    assert server.api(token=None).put('ssh/verify', {'otp': made['data']['key']}).status == 400


def test_the_echo_probe_needs_no_token(server):
    got = server.api(token=None).put('ssh/verify', {'otp': 'verify-echo-request'})
    assert got.status == 200
    assert got.data == {'message': 'verify-echo-response'}
