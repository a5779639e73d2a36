"""Listeners: Unix sockets, TLS and its reload, the graceful stop."""
import http.client
import os
import signal
import socket
import ssl
import stat
import threading

import pytest

from support.api import Api
from support.certs import Certs
from support.server import Server, wait_for


@pytest.fixture(scope='module')
def secure(tmp_path_factory):
    certs = Certs(tmp_path_factory.mktemp('certs'))
    one = Server(dev=False, tls=certs, unix=True).start()
    one.mount_ssh().write_role()
    yield one
    one.clean()


def shown_serial(server, version=None):
    """The serial number of the certificate that a new connection gets."""
    context = ssl.create_default_context(cafile=server.tls.ca)
    if version:
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(('127.0.0.1', server.port)) as plain:
        with context.wrap_socket(plain, server_hostname='localhost') as one:
            return one.getpeercert()['serialNumber']


def test_a_unix_socket(secure):
    """Paths and answers are those of the other listener."""
    api = Api(None, None, secure.token, unix=secure.unix)
    assert api.get('ssh/roles/otp').data['default_user'] == 'ubuntu'
    assert api.with_token(None).get('ssh/roles/otp').errors == ['missing client token']
    mode = os.stat(secure.unix)
    assert stat.S_ISSOCK(mode.st_mode)
    assert mode.st_mode & 0o007 == 0


def test_tls_with_a_name_and_an_address(secure):
    assert secure.api().get('sys/health').status == 200
    assert Api('localhost', secure.port, ca=secure.tls.ca).get('sys/health').status == 200


@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_versions(secure, version):
    assert shown_serial(secure, version)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_old_tls_is_refused(secure):
    context = ssl.create_default_context(cafile=secure.tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers('ALL:@SECLEVEL=0')
    with socket.create_connection(('127.0.0.1', secure.port)) as plain:
        with pytest.raises((ssl.SSLError, OSError)):
            context.wrap_socket(plain, server_hostname='localhost')


def test_plain_http_on_a_tls_port(secure):
    got = Api('127.0.0.1', secure.port).get('sys/health')
    assert got.status == 400


def test_sighup_reloads_the_certificate(secure):
    """design.md 4: connections go on, new ones get the new certificate."""
    held = secure.api().connect()

    def goes_on():  # asked often, since one that idles for long is closed
        return secure.api().get('sys/health', connection=held).status == 200

    before = shown_serial(secure)
    after = secure.tls.issue()
    assert goes_on() and shown_serial(secure) == before
    secure.process.send_signal(signal.SIGHUP)
    wait_for(lambda: goes_on() and shown_serial(secure) == after, 'the new certificate is shown')
    assert goes_on()


def test_a_bad_file_keeps_the_old_certificate(secure):
    before = shown_serial(secure)
    kept = open(secure.tls.cert).read()
    try:
        with open(secure.tls.cert, 'w') as file:
            file.write('not a certificate\n')
        logged = len(secure.log_text())
        secure.process.send_signal(signal.SIGHUP)
        wait_for(lambda: secure.tls.cert in secure.log_text()[logged:], 'it is logged')
        assert shown_serial(secure) == before
        assert secure.api().get('sys/health').status == 200
    finally:
        with open(secure.tls.cert, 'w') as file:
            file.write(kept)


def test_a_graceful_stop_finishes_answers(secure):
    """Requests in flight get whole answers; then the server ends with 0."""
    one = Server().start().mount_ssh()
    one.write_role()
    broken, answers = [], []
    gate = threading.Barrier(9)

    def ask():
        connection = one.api().connect()
        gate.wait()
        while True:
            try:
                got = one.api().put('ssh/creds/otp', {'ip': '10.0.0.1'}, connection=connection)
            except (OSError, http.client.BadStatusLine):
                return
            except http.client.HTTPException as torn:  # a half answer
                broken.append(torn)
                return
            answers.append(got)
            if got.headers.get('Connection') == 'close':
                return

    threads = [threading.Thread(target=ask) for _ in range(8)]
    try:
        for thread in threads:
            thread.start()
        gate.wait()
        wait_for(lambda: len(answers) > 100, 'requests are in flight')
        assert one.stop() == 0
        for thread in threads:
            thread.join()
        assert not broken
        assert {got.status for got in answers} <= {200, 503}
        made = [got for got in answers if got.status == 200]
        one.start()
        plain = one.api(None)
        connection = plain.connect()
        assert all(plain.put('ssh/verify', {'otp': got.data['key']}, connection=connection).status == 200
                   for got in made[-50:])
    finally:
        one.clean()
