"""A throwaway certificate for 127.0.0.1, its own authority."""
import subprocess


class Certificate:
    def __init__(self, directory):
        self.cert, self.key = directory / 'tls.crt', directory / 'tls.key'
        self.ca = str(self.cert)
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                        '-days', '30', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1',
                        '-keyout', str(self.key), '-out', str(self.cert)], check=True, capture_output=True)
        self.key.chmod(0o600)
