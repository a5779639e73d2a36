"""init, unseal, seal, and what a sealed server says."""
import base64

import pytest

from support.server import Server


@pytest.fixture(scope='module')
def shamir():
    """Five shares, three of them needed; sealed."""
    one = Server(dev=False, shares=(5, 3)).start()
    one.mount_ssh().write_role()
    assert one.api().put('sys/seal').status == 204
    yield one
    one.clean()


@pytest.fixture
def fresh():
    """Not initialised."""
    one = Server(dev=False).start(unseal=False)
    yield one
    one.clean()


def status(server):
    got = server.api(None).get('sys/seal-status')
    assert got.status == 200
    return got.json


def unseal(server, key=None, **fields):
    return server.api(None).put('sys/unseal', {'key': key, **fields} if key else fields)


# ---- init ------------------------------------------------------------------------

def test_init_once(fresh):
    got = fresh.api(None).put('sys/init', {'secret_shares': 5, 'secret_threshold': 3})
    assert got.status == 200
    assert set(got.json) == {'keys', 'keys_base64', 'root_token'}
    assert [bytes.fromhex(one) for one in got.json['keys']] == [base64.b64decode(one)
                                                                for one in got.json['keys_base64']]
    assert {len(one) for one in got.json['keys']} == {66}
    assert got.json['root_token'].startswith('hvs.')
    assert status(fresh)['sealed'] is True
    again = fresh.api(None).put('sys/init', {'secret_shares': 1, 'secret_threshold': 1})
    assert (again.status, again.errors) == (400, ['Vault is already initialized'])
    for key in got.json['keys'][2:]:
        unseal(fresh, key)
    assert status(fresh)['sealed'] is False
    assert fresh.api(got.json['root_token']).get('auth/token/lookup-self').data['policies'] == ['root']
    for secret in [*got.json['keys'], *got.json['keys_base64'], got.json['root_token']]:
        assert secret not in fresh.log_text()


def test_one_share_is_32_bytes(fresh):
    got = fresh.api(None).post('sys/init', {'secret_shares': 1, 'secret_threshold': 1}).json
    assert len(got['keys'][0]) == 64
    assert unseal(fresh, got['keys'][0]).json['sealed'] is False


# ---- unseal ----------------------------------------------------------------------

def reseal(server):
    if not status(server)['sealed']:
        assert server.api().put('sys/seal').status == 204
    assert unseal(server, reset=True).json['progress'] == 0


def test_progress_reset_and_the_end(shamir):
    """core-api 2.2: hex or base64; the same share twice is no progress."""
    reseal(shamir)
    assert (status(shamir)['sealed'], status(shamir)['progress'], status(shamir)['nonce']) == (True, 0, '')
    got = unseal(shamir, shamir.keys[0])
    assert (got.status, got.json['progress'], got.json['sealed']) == (200, 1, True)
    nonce = got.json['nonce']
    assert nonce != ''
    assert unseal(shamir, base64.b64decode(shamir.keys[0]).hex()).json['progress'] == 1
    got = unseal(shamir, base64.b64decode(shamir.keys[1]).hex()).json
    assert (got['progress'], got['nonce']) == (2, nonce)
    got = unseal(shamir, reset=True)
    assert (got.status, got.json['progress'], got.json['nonce']) == (200, 0, '')
    assert unseal(shamir, shamir.keys[4]).json['nonce'] not in ('', nonce)
    unseal(shamir, shamir.keys[2])
    got = unseal(shamir, shamir.keys[3]).json
    assert (got['sealed'], got['progress'], got['nonce']) == (False, 0, '')
    assert len(got['cluster_id']) == 36
    assert unseal(shamir, shamir.keys[0]).status == 200
    got = unseal(shamir, reset=True)
    assert (got.status, got.errors) == (400, ['vault is unsealed'])
    assert shamir.api().get('ssh/roles/otp').status == 200


def test_wrong_shares_say_nothing_of_which(shamir):
    """reliability 6: at the threshold 400 and progress 0."""
    reseal(shamir)
    other = bytearray(base64.b64decode(shamir.keys[2]))
    other[3] ^= 1
    assert unseal(shamir, shamir.keys[0]).json['progress'] == 1
    assert unseal(shamir, shamir.keys[1]).json['progress'] == 2
    got = unseal(shamir, bytes(other).hex())
    assert (got.status, got.errors) == (400, ['Unseal failed, invalid key'])
    found = status(shamir)
    assert (found['progress'], found['nonce'], found['sealed']) == (0, '', True)
    for key in shamir.keys[:3]:
        unseal(shamir, key)
    assert status(shamir)['sealed'] is False


# ---- sealed -----------------------------------------------------------------------

def test_sealing_needs_sudo(shamir):
    if status(shamir)['sealed']:
        for key in shamir.keys[:3]:
            unseal(shamir, key)
    token = shamir.token_with('path "sys/seal" { capabilities = ["update"] }')
    assert shamir.api(token).put('sys/seal').status == 403
    assert shamir.api().get('sys/seal').status == 405
    assert shamir.api(None).put('sys/seal').errors == ['missing client token']
    made = shamir.otp()
    assert shamir.api().put('sys/seal').status == 204
    assert status(shamir)['sealed'] is True
    assert shamir.api(None).put('sys/seal').status in (204, 503)
    for key in shamir.keys[1:4]:
        unseal(shamir, key)
    assert shamir.api(None).put('ssh/verify', {'otp': made['data']['key']}).status == 200


def test_a_restart_needs_the_shares_again(shamir):
    shamir.stop()
    shamir.start(unseal=False)
    assert status(shamir)['sealed'] is True
    for key in shamir.keys[:3]:
        unseal(shamir, key)
    assert shamir.api().get('ssh/roles/otp').status == 200


# ---- the seal file -------------------------------------------------------------------

def test_a_seal_file_unseals_at_start():
    """design.md 2: seal "file" starts unsealed."""
    one = Server(dev=False)
    key = one.directory / 'unseal.key'
    one.config = f'seal "file" {{\n  path = "{key}"\n}}'
    try:
        one.start(unseal=False)
        made = one.api(None).put('sys/init', {'secret_shares': 1, 'secret_threshold': 1})
        assert made.status == 200, made
        one.token = made.json['root_token']
        assert key.stat().st_mode & 0o077 == 0
        assert one.api(None).get('sys/health').status == 200
        one.mount_ssh()
        one.stop()
        one.start(unseal=False)
        assert one.api(None).get('sys/health').status == 200
        assert one.api().list('ssh/roles').status == 404
        assert one.api().put('sys/seal').status == 204
        assert one.api(None).get('sys/health').status == 503
    finally:
        one.clean()
