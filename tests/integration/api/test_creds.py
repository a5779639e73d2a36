"""creds/:role: who gets a credential, for which user and address."""
import re

import pytest

from support.server import Server

NOT_IN = 'Error validating IP: IP does not belong to role'
USER_DEFAULT = 'Username has to be either in allowed users list or has to be a default username'
USER_LIST = 'Username is not present is allowed users list'


@pytest.fixture(scope='module')
def real():
    """Not a development server: loopback and link-local rules hold."""
    one = Server(dev=False).start().mount_ssh()
    one.write_role('wide', cidr_list='0.0.0.0/0,::/0')
    one.write_role('loop', cidr_list='127.0.0.0/8,10.0.0.0/8,::1/128')
    one.write_role('link', cidr_list='fe80::/64, 169.254.0.0/16')
    one.write_role('any', cidr_list='')
    assert one.api().post('ssh/config/zeroaddress', {'roles': ['any']}).status == 204
    yield one
    one.clean()


@pytest.fixture(scope='module')
def roles(shared):
    shared.write_role('list', allowed_users='alice, bob')
    shared.write_role('star', allowed_users='*')
    shared.write_role('literal', allowed_users='alice,*')
    shared.write_role('holes', cidr_list='10.0.0.0/8', exclude_cidr_list='10.1.0.0/16, 10.2.3.4/32')
    shared.write_role('six', cidr_list='2001:db8::/32,fe80::/10')
    shared.write_role('mapped', cidr_list='::ffff:192.0.2.0/120')
    shared.write_role('spaces', cidr_list=' 10.0.0.0/8 , 11.0.0.0/8,')
    shared.write_role('none', cidr_list='')
    return shared


@pytest.mark.parametrize('role, body, text', [
    ('nobody', {}, 'Missing ip'),
    ('nobody', {'ip': ''}, 'Missing ip'),
    ('nobody', {'ip': '10.0.0.1'}, 'Role "nobody" not found'),
    ('otp', {'ip': 'nonsense', 'username': 'eve'}, USER_DEFAULT),
    ('otp', {'ip': '10.0.0.1', 'username': 'Ubuntu'}, USER_DEFAULT),
    ('list', {'ip': '10.0.0.1', 'username': 'eve'}, USER_LIST),
    ('list', {'ip': '10.0.0.1', 'username': 'alice '}, USER_LIST),
    ('literal', {'ip': '10.0.0.1', 'username': 'eve'}, USER_LIST),
    ('otp', {'ip': 'host.example'}, 'Invalid IP "host.example"'),
    ('otp', {'ip': '10.0.0.1:22'}, 'Invalid IP "10.0.0.1:22"'),
    ('otp', {'ip': '010.0.0.1'}, 'Invalid IP "010.0.0.1"'),
    ('otp', {'ip': ' 10.0.0.1'}, 'Invalid IP " 10.0.0.1"'),
    ('otp', {'ip': '10.1'}, 'Invalid IP "10.1"'),
    ('otp', {'ip': '[::1]'}, 'Invalid IP "[::1]"'),
    ('six', {'ip': 'fe80::1%eth0'}, 'Invalid IP "fe80::1%eth0"'),
    ('otp', {'ip': 'x' * 200}, f'Invalid IP "{"x" * 64}"'),
    ('otp', {'ip': '11.0.0.1'}, NOT_IN),
    ('otp', {'ip': '0.0.0.0'}, NOT_IN),
    ('holes', {'ip': '10.1.255.255'}, NOT_IN),
    ('holes', {'ip': '10.2.3.4'}, NOT_IN),
    ('holes', {'ip': '::ffff:10.1.0.1'}, NOT_IN),
    ('none', {'ip': '10.0.0.1'}, NOT_IN),
    ('six', {'ip': '2001:db9::1'}, NOT_IN),
    ('mapped', {'ip': '192.0.3.0'}, NOT_IN)])
def test_what_is_refused_and_in_which_order(roles, role, body, text):
    """S2-26, S2-27, X1, X10, M-16, L50; ssh-engine 5.1."""
    got = roles.api().put(f'ssh/creds/{role}', body)
    assert (got.status, got.json) == (400, {'errors': [text]})


@pytest.mark.parametrize('role, body, user, ip', [
    ('otp', {'ip': '10.255.255.255'}, 'ubuntu', '10.255.255.255'),
    ('otp', {'ip': '::ffff:10.0.0.1'}, 'ubuntu', '10.0.0.1'),
    ('otp', {'ip': '::FFFF:0A00:0001'}, 'ubuntu', '10.0.0.1'),
    ('otp', {'ip': '10.0.0.1', 'username': ''}, 'ubuntu', '10.0.0.1'),
    ('otp', {'ip': '10.0.0.1', 'username': 'ubuntu'}, 'ubuntu', '10.0.0.1'),
    ('list', {'ip': '10.0.0.1', 'username': 'bob'}, 'bob', '10.0.0.1'),
    ('list', {'ip': '10.0.0.1'}, 'ubuntu', '10.0.0.1'),
    ('star', {'ip': '10.0.0.1', 'username': 'anyone'}, 'anyone', '10.0.0.1'),
    ('literal', {'ip': '10.0.0.1', 'username': '*'}, '*', '10.0.0.1'),
    ('holes', {'ip': '10.2.3.5'}, 'ubuntu', '10.2.3.5'),
    ('six', {'ip': '2001:DB8:0:0:0:0:0:1'}, 'ubuntu', '2001:db8::1'),
    ('six', {'ip': 'fe80::1'}, 'ubuntu', 'fe80::1'),
    ('mapped', {'ip': '192.0.2.9'}, 'ubuntu', '192.0.2.9'),
    ('spaces', {'ip': '11.0.0.1'}, 'ubuntu', '11.0.0.1')])
def test_what_is_issued(roles, role, body, user, ip):
    """S2-7, S2-26, S2-27, G-15, M-16: addresses in canonical text, blanks in lists trimmed."""
    got = roles.api().post(f'ssh/creds/{role}', body)
    assert got.status == 200, got
    made = got.json
    assert re.fullmatch('[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', made['data']['key'])
    assert made['data'] == {'ip': ip, 'key': made['data']['key'], 'key_type': 'otp', 'port': 22, 'username': user}
    assert re.fullmatch(f'ssh/creds/{role}/[0-9A-Za-z]{{24}}', made['lease_id'])
    assert (made['renewable'], made['lease_duration']) == (False, 600)
    seen = roles.api(None).put('ssh/verify', {'otp': made['data']['key']})
    assert seen.data == {'ip': ip, 'username': user, 'role_name': role}


def test_every_password_is_another(shared):
    made = [shared.otp() for _ in range(50)]
    assert len({one['data']['key'] for one in made}) == 50
    assert len({one['lease_id'] for one in made}) == 50


@pytest.mark.parametrize('role, ip, status', [
    ('wide', '192.0.2.1', 200), ('wide', '2001:db8::1', 200),
    ('wide', '127.0.0.1', 400), ('wide', '127.9.9.9', 400), ('wide', '::1', 400), ('wide', '0.0.0.0', 400),
    ('wide', '::', 400), ('wide', '169.254.1.1', 400), ('wide', 'fe80::1', 400), ('wide', '::ffff:127.0.0.1', 400),
    ('loop', '127.0.0.1', 200), ('loop', '::1', 200), ('loop', '10.0.0.1', 200), ('loop', '169.254.1.1', 400),
    ('link', 'fe80::1', 200), ('link', '169.254.1.1', 200), ('link', '127.0.0.1', 400),
    ('any', '192.0.2.1', 200), ('any', '127.0.0.1', 400), ('any', '::1', 400), ('any', '169.254.1.1', 400),
    ('any', 'fe80::1', 400), ('any', '224.0.0.1', 400), ('any', 'ff02::1', 400), ('any', '0.0.0.0', 400)])
def test_loopback_needs_a_block_of_its_own(real, role, ip, status):
    """README, G-13, G-18: loopback, link-local, multicast and unspecified addresses."""
    got = real.api().put(f'ssh/creds/{role}', {'ip': ip})
    assert got.status == status, got
    if status == 400:
        assert got.errors == [NOT_IN]


def test_development_mode_takes_loopback(shared):
    shared.write_role('dev', cidr_list='0.0.0.0/0')
    assert shared.api().put('ssh/creds/dev', {'ip': '127.0.0.1'}).status == 200


def test_a_one_use_token_gets_no_lease(shared):
    """core-api 5.3."""
    policy = 'path "ssh/creds/otp" { capabilities = ["update"] }'
    token = shared.token_with(policy, num_uses=1)
    got = shared.api(token).put('ssh/creds/otp', {'ip': '10.0.0.1'})
    assert (got.status, got.errors) == (400, [
        'Secret cannot be returned; token had one use left, so leased credentials were immediately revoked.'])
    token = shared.token_with(policy, num_uses=1)
    assert shared.api(token).put('ssh/creds/otp', {'ip': '11.0.0.1'}).errors == [NOT_IN]


# ---- how long it lives: X8, G-4 ------------------------------------------

@pytest.mark.parametrize('config, mount, role, seconds', [
    ('', {}, {}, 600),
    ('', {}, {'ttl': '5m'}, 300),
    ('', {}, {'max_ttl': '2m'}, 120),
    ('', {}, {'ttl': '1h', 'max_ttl': '1h'}, 3600),
    ('', {'default_lease_ttl': '20m'}, {}, 1200),
    ('', {'default_lease_ttl': '20m'}, {'ttl': '1m'}, 60),
    ('', {'default_lease_ttl': '20m', 'max_lease_ttl': '30m'}, {'ttl': '1h'}, 1800),
    ('', {'max_lease_ttl': '5m'}, {}, 300),
    ('otp_default_ttl = "90s"', {}, {}, 90),
    ('otp_default_ttl = 0', {}, {}, 2764800),
    ('otp_default_ttl = 0\ndefault_lease_ttl = "1h"', {}, {}, 3600)])
def test_the_lifetime_of_a_password(lifetimes, config, mount, role, seconds):
    """X8, G-4: the role, else the mount's tuned default, else otp_default_ttl."""
    server, path = lifetimes(config, mount)
    server.write_role('life', mount=path, **role)
    assert server.otp(role='life', mount=path)['lease_duration'] == seconds


@pytest.fixture(scope='module')
def lifetimes():
    servers = {}

    def get(config, mount):
        if config not in servers:
            servers[config] = (Server(dev=False, config=config).start(), [])
        server, mounts = servers[config]
        path = f'm{len(mounts)}'
        mounts.append(path)
        server.mount_ssh(path, **mount)
        return server, path

    yield get
    for server, _ in servers.values():
        server.clean()
