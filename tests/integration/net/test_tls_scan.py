"""T2: what the TLS listener offers, as sslscan sees it: TLS 1.2 and 1.3, and no weak suite."""
import re
import subprocess
import xml.etree.ElementTree

import pytest

from support.certs import Certs
from support.figures import figure
from support.patience import PATIENCE_S
from support.server import Server

# Forward secrecy and an AEAD; nothing else.
GOOD_SUITE = re.compile(r'TLS_(AES_(128|256)_GCM|CHACHA20_POLY1305)_SHA(256|384)|'
                        r'ECDHE-(ECDSA|RSA)-(AES(128|256)-GCM-SHA(256|384)|CHACHA20-POLY1305)')


@pytest.fixture(scope='module')
def scan(tmp_path_factory):
    server = Server(dev=False, tls=Certs(tmp_path_factory.mktemp('certs'))).start()
    try:
        done = subprocess.run(['sslscan', '--no-colour', '--show-certificate', '--xml=-', f'127.0.0.1:{server.port}'],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done.stderr
        yield xml.etree.ElementTree.fromstring(done.stdout).find('ssltest')
    finally:
        server.clean()


def test_protocols(scan):
    on = {f'{one.get("type")} {one.get("version")}' for one in scan.findall('protocol') if one.get('enabled') == '1'}
    assert on == {'tls 1.2', 'tls 1.3'} or on == {'ssl 1.2', 'ssl 1.3'}


def test_suites(scan):
    suites = [(one.get('sslversion'), one.get('cipher'), one.get('strength'), int(one.get('bits'))) for one in scan.findall('cipher')]
    weak = [one for one in suites if not GOOD_SUITE.fullmatch(one[1]) or one[3] < 128 or one[2] in ('null', 'anonymous', 'weak')]
    figure('sslscan', len(suites), len(weak), 'suites')
    print(suites)
    assert suites
    assert {one[0] for one in suites} == {'TLSv1.2', 'TLSv1.3'}
    assert weak == []


def test_groups(scan):
    """No curve of under 112 bits."""
    groups = [(one.get('name'), int(one.get('bits'))) for one in scan.findall('group')]
    assert groups
    assert [one for one in groups if one[1] < 112] == []


def test_known_faults(scan):
    assert [one.attrib for one in scan.findall('heartbleed') if one.get('vulnerable') != '0'] == []
    compression = scan.find('compression')
    assert compression is None or compression.get('supported') == '0'
    renegotiation = scan.find('renegotiation')
    assert renegotiation.get('supported') == '0' or renegotiation.get('secure') == '1'
    assert scan.find('fallback') is None or scan.find('fallback').get('supported') == '1'
