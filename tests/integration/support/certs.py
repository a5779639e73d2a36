"""Certificates for a listener, made by the openssl command."""
import pathlib
import subprocess


class Certs:
    """A CA and a certificate of it for localhost and 127.0.0.1, in files."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        self.ca = str(self.directory / 'ca.pem')
        self.cert = str(self.directory / 'tls.crt')
        self.key = str(self.directory / 'tls.key')
        self.openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30',
                     '-subj', '/CN=test CA', '-keyout', 'ca.key', '-out', 'ca.pem')
        self.issue()

    def openssl(self, *words):
        subprocess.run(['openssl', *words], cwd=self.directory, check=True, capture_output=True)

    def issue(self, days=30):
        """Write a new key and certificate over the old ones; its serial number as text."""
        self.openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                     '-subj', '/CN=localhost', '-keyout', 'tls.key', '-out', 'tls.csr')
        (self.directory / 'ext').write_text('subjectAltName=DNS:localhost,IP:127.0.0.1\n')
        self.openssl('x509', '-req', '-in', 'tls.csr', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial',
                     '-days', str(days), '-extfile', 'ext', '-out', 'tls.crt')
        (self.directory / 'tls.key').chmod(0o600)
        return subprocess.run(['openssl', 'x509', '-in', self.cert, '-noout', '-serial'], check=True,
                              capture_output=True, text=True).stdout.strip().partition('=')[2]
