"""The serial number of a caller's certificate in the audit log (core-api 7.2)."""
import subprocess
import types

import pytest

from support import audit
from support.certs import Certs
from support.pki import Cert, Client
from support.server import Server

SERIAL = 'client_certificate_serial_number'


@pytest.fixture(scope='module')
def server(tmp_path_factory):
    one = Server(dev=False, tls=Certs(tmp_path_factory.mktemp('tls'))).start()
    one.log = one.enable_audit()
    yield one
    one.clean()


def serials(server, client, path):
    """Of the lines of one call, request and response."""
    follow = audit.Follow(server.log)
    client.call('GET', path, token=server.token)
    seen = [one['request'].get(SERIAL) for one in follow.settle(server.api()) if one['request']['path'] == path]
    assert len(seen) == 2
    return set(seen)


@pytest.mark.parametrize('path', ['auth/token/lookup-self', 'no/such/mount'])
def test_both_lines_of_a_call_have_it_in_decimal(server, tmp_path, path):
    mine = Cert('anybody')
    client = Client(server, tmp_path, mine)
    assert serials(server, client, path) == {str(mine.cert.serial_number)}


def test_it_is_absent_where_no_certificate_was_shown(server, tmp_path):
    assert serials(server, Client(server, tmp_path), 'auth/token/lookup-self') == {None}


@pytest.mark.parametrize('octets, shown', [(64, True), (65, False)])
def test_a_serial_of_any_length_is_cheap(server, tmp_path, octets, shown):
    number = int('7f' * octets, 16)
    made = subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=long',
                           '-set_serial', hex(number), '-keyout', '-'], capture_output=True, text=True, check=True).stdout

    class Long:
        cert = types.SimpleNamespace(serial_number='long')
        pem, key_pem = made[made.index('-----BEGIN CERT'):], made[:made.index('-----BEGIN CERT')]

        def chain(self):
            return [self]
    assert serials(server, Client(server, tmp_path, Long()), 'auth/token/lookup-self') == {str(number) if shown else '(too long)'}
