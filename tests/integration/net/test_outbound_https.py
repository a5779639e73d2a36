"""What outbound asks of devices over HTTPS: methods, logins, pinned keys, addresses to come from."""
import base64
import hashlib
import types

import pytest
from cryptography.hazmat.primitives import serialization
from support import pki
from support.outbound import call
from support.standin import Standin


def pin_of(cert):
    """The hash of a certificate's key as curl writes it."""
    der = cert.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return 'sha256//' + base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.fixture(name='device', scope='module')
def one_device(tmp_path_factory):
    """A device with a certificate that it made itself."""
    cert, directory = pki.Cert('device'), tmp_path_factory.mktemp('device')
    (directory / 'cert').write_text(cert.pem)
    (directory / 'key').write_text(cert.key_pem)
    tls = types.SimpleNamespace(cert=directory / 'cert', key=directory / 'key')
    with Standin(body={'good': True}, tls=tls) as device:
        device.pin, device.pem = pin_of(cert), cert.pem
        yield device


def ask(device, **more):
    return call(**{'url': device.address + '/rest', 'tls_pin': device.pin, **more})


@pytest.mark.parametrize('method', ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])
@pytest.mark.parametrize('json', ['{"a":1}', None])
def test_each_method_arrives_with_its_body(device, method, json):
    body = {} if json is None else {'json': json}
    answer = ask(device, method=method, **body)
    assert (answer['status'], answer['body']) == (200, '{"good": true}')
    got, path, headers, sent = device.requests[-1]
    assert (got, path, sent.decode()) == (method, '/rest', json or '')
    assert headers.get('Content-Type') == (json and 'application/json')
    if method not in ('GET', 'DELETE') or json:
        assert int(headers['Content-Length']) == len(sent)


def test_without_a_method_json_is_posted(device):
    ask(device)
    ask(device, json='{}')
    assert [request[0] for request in device.requests[-2:]] == ['GET', 'POST']


def test_other_methods_are_refused(device):
    n = len(device.requests)
    assert 'is no method' in ask(device, method='TRACE')['message']
    assert len(device.requests) == n


def test_user_and_password_go_as_basic(device):
    ask(device, user='admin', password='p:ä"\\')
    word, text = device.requests[-1][2]['Authorization'].split()
    assert (word, base64.b64decode(text).decode()) == ('Basic', 'admin:p:ä"\\')


def test_a_bearer_goes_as_one(device):
    ask(device, bearer='1-key')
    assert device.requests[-1][2]['Authorization'] == 'Bearer 1-key'


def test_a_colon_in_a_user_is_refused(device):
    assert ask(device, user='a:b', password='c')['http_status'] == 400


def test_a_certificate_nobody_vouches_for_needs_its_pin(device):
    n = len(device.requests)
    assert 'self-signed' in ask(device, tls_pin='')['message']
    assert 'pinned public key' in ask(device, tls_pin=pin_of(pki.Cert('other')))['message']
    assert len(device.requests) == n


def test_roots_hold_beside_the_pin(device):
    n = len(device.requests)
    assert 'certificate' in ask(device, ca_pem=pki.Cert('other').pem)['message']
    assert 'message' in ask(device, ca_pem=device.pem, tls_pin=pin_of(pki.Cert('other')))
    assert len(device.requests) == n


@pytest.mark.parametrize('pin', ['/etc/passwd', 'sha256//', 'sha256//short', 'sha1//' + 'A' * 44])
def test_what_is_no_pin_is_refused(device, pin):
    assert 'is no pin' in ask(device, tls_pin=pin)['message']


def test_several_pins_in_one_are_refused(device):
    assert 'is no pin' in ask(device, tls_pin=device.pin[:20] + ';' + device.pin[21:])['message']


def test_it_comes_from_the_address_that_was_asked_for(device):
    assert ask(device, source='127.0.0.7')['status'] == 200
    assert device.peers[-1] == '127.0.0.7'
    assert 'is no address' in ask(device, source='if!lo')['message']
    assert ask(device, source='192.0.2.1')['http_status'] == 502
