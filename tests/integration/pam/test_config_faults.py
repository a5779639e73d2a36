"""L63: a configuration with a fault is a no, for every use of it; and verification is on unless it says otherwise."""
import os

from support.figures import figure
from support.host import UUID, YES, helper, settings
from support.sshd import write_config
from support.standin import Certificate, Standin

# //A stands for a server that says yes.
GOOD = 'allowed_roles = "*"\nallow_loopback = true\nvault_addr = "http://A"\n'
FAULTS = [
    '', 'allowed_roles = "*"', 'vault_addr', 'vault_addr =', 'vault_addr = ""', 'vault_addr = "h:8200"',
    'vault_addr = "ftp://h"', 'vault_addr = "http://"', 'vault_addr = ["http://127.0.0.1:1"]', 'vault_addr = {}',
    'vault_addr = "http://127.0.0.1:1', '{"vault_addr": "http://127.0.0.1:1"', '{}', '[]', 'null', '"x"', '\0', '\xff',
    'vault_adr = "http://A"', 'unknown = "x"\nvault_addr = "http://A"', 'VAULT_ADDR = "http://A"',
    GOOD + 'sallyport_addr = "http://A"', GOOD + 'allowed_cidr_list = "x"',
    GOOD + 'allowed_cidr_list = "10.0.0.0/33"', GOOD + 'allowed_cidr_list = "10.0.0.1"',
    GOOD + 'allowed_cidr_list = "10.0.0.0/8, host.example"', GOOD + 'allowed_cidr_list = "10.0.0.0/8,localhost"',
    GOOD + 'timeout_seconds = 0', GOOD + 'timeout_seconds = 101',
    GOOD + 'timeout_seconds = "x"', GOOD + 'timeout_seconds = -1',
    GOOD + 'allow_loopback = "maybe"', GOOD + 'allow_loopback = 7',
    GOOD + 'tls_skip_verify = "yes please"', GOOD + 'allowed_roles = ["otp"]',
    GOOD + 'allowed_roles = {}', GOOD + 'ca_cert = 1\nbogus = 1',
    GOOD + 'client_cert = "/none"', GOOD + 'client_key = "/none"',
    GOOD + 'server_spki_sha256 = "short"', GOOD[:-1].replace('http', 'https'), GOOD.replace('//A', '//A,https://A'),
    GOOD + 'ssh_mount_point = ["x"]', GOOD + 'block { x = 1 }', GOOD + '}',
    GOOD + '/* open', 'vault_addr = <<EOF\nhttp://A\n', GOOD + '' + 'x' * 70000,
]


def test_no_fault_of_a_configuration_ever_lets_in(host, tmp_path):
    """Each with and without dev, for the helper alone and for the module."""
    wrong = []
    with Standin(200, YES) as server:
        for text in FAULTS:
            host.config.write_bytes(text.replace('//A', server.address[5:]).encode('latin-1'))
            host.config.chmod(0o644)
            for dev in (True, False):
                done = helper(*(['-dev'] if dev else []), f'-config={host.config}')
                code = host.auth(password=UUID, words=('dev',) if dev else ())
                if (done.returncode, code) != (1, 'AUTHINFO_UNAVAIL'):
                    wrong.append((text[:200], dev, done, code))
        figure('L63', 4 * len(FAULTS), len(wrong) + len(server.requests), 'configurations')
        assert wrong == [] and server.requests == []
        assert host.write_config(settings(server.address)).auth(password=UUID) == 'SUCCESS'


def test_verification_is_on(host, tmp_path):
    """Neither an authority that nobody named nor a switch that somebody else could have set is trusted."""
    with Standin(200, YES, tls=Certificate(tmp_path)) as server:
        for text in (settings(server.address), settings(server.address, tls_skip_verify='false'),
                     settings(server.address, ca_cert='""', ca_path='""')):
            assert host.write_config(text).auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        host.write_config(settings(server.address, tls_skip_verify='true'))
        os.chown(host.config, 65534, 65534)
        assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL'
        assert helper(f'-config={host.config}').returncode == 1
        assert server.requests == []
        os.chown(host.config, 0, 0)
        assert host.auth(password=UUID, words=()) == 'SUCCESS'


def test_nothing_of_a_broken_file_is_used(host, tmp_path):
    """Its good lines neither: not the address, not the switch."""
    with Standin(200, YES, tls=Certificate(tmp_path)) as server:
        good = settings(server.address, tls_skip_verify='true')
        for tail in ('bogus = 1\n', 'timeout_seconds = 0\n', 'allowed_cidr_list = "x"\n', '{\n', 'tls_skip_verify = "maybe"\n'):
            for text in (good + tail, tail + good):
                write_config(host.config, text)
                assert host.auth(password=UUID, words=()) == 'AUTHINFO_UNAVAIL', text
        assert server.requests == []
