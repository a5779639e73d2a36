"""creds/:role: who gets a credential, for which user and address."""
import pytest

from support.server import Server

NOT_IN = 'Error validating IP: IP does not belong to role'


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
