"""Certificates of clients as their makers make them, good and bad."""
import datetime
import http.client
import json
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from .api import Answer
from .patience import PATIENCE_S

HOUR = datetime.timedelta(hours=1)


def name(cn=None, ou=(), extra_cn=None):
    parts = [x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, one) for one in ou]
    parts += [x509.NameAttribute(NameOID.COMMON_NAME, one) for one in (cn, extra_cn) if one is not None]
    return x509.Name(parts)


class Cert:
    """A key and its certificate. issuer None: its own."""

    def __init__(self, cn, issuer=None, ca=False, begins=-HOUR, ends=HOUR, sans=(), ou=(), extensions=(), usage=(
            ExtendedKeyUsageOID.CLIENT_AUTH,), extra_cn=None, serial=None, key=None, key_ids=True, path_length=None):
        now = datetime.datetime.utcnow()
        self.issuer, self.key = issuer, key or ec.generate_private_key(ec.SECP256R1())
        subject, public = name(cn, ou, extra_cn), self.key.public_key()
        signer = issuer or self
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer.cert.subject if issuer else subject).public_key(
            public).serial_number(serial or x509.random_serial_number()).not_valid_before(now + begins).not_valid_after(now + ends)
        builder = builder.add_extension(x509.BasicConstraints(ca, path_length if ca else None), True)
        if key_ids:
            builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(public), False)
            builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key()), False)
        if usage and not ca:
            builder = builder.add_extension(x509.ExtendedKeyUsage(list(usage)), False)
        if sans:
            builder = builder.add_extension(x509.SubjectAlternativeName(list(sans)), False)
        for oid, value in extensions:
            builder = builder.add_extension(x509.UnrecognizedExtension(x509.ObjectIdentifier(oid), value), False)
        self.cert = builder.sign(signer.key, hashes.SHA256())

    def make(self, cn, **more):
        """A certificate that this one signs."""
        return Cert(cn, issuer=self, **more)

    def ca(self, cn, **more):
        return self.make(cn, ca=True, **more)

    @property
    def pem(self):
        return self.cert.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self):
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                      serialization.NoEncryption()).decode()

    def chain(self):
        """It and its issuers, without the root."""
        return [self] + (self.issuer.chain() if self.issuer and self.issuer.issuer else [])

    def crl(self, *revoked, begins=-HOUR, ends=HOUR, key=None):
        """A list of revoked certificates, signed by this CA."""
        now = datetime.datetime.utcnow()
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.cert.subject).last_update(now + begins).next_update(now + ends)
        for one in revoked:
            builder = builder.add_revoked_certificate(x509.RevokedCertificateBuilder().serial_number(
                one.cert.serial_number).revocation_date(now + begins).build())
        return builder.sign(key or self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Client:
    """Calls over connections that show a certificate, or none."""

    def __init__(self, server, directory, cert=None, chain=None):
        self.server, self.context = server, ssl.create_default_context(cafile=server.tls.ca)
        if cert:
            path = directory / f'{cert.cert.serial_number}.pem'
            path.write_text(cert.key_pem + ''.join(one.pem for one in (chain or cert.chain())))
            self.context.load_cert_chain(path)

    def call(self, method, path, data=None, token=None):
        one = http.client.HTTPSConnection('127.0.0.1', self.server.port, timeout=PATIENCE_S, context=self.context)
        try:
            one.request(method, f'/v1/{path}', json.dumps(data or {}), {'X-Vault-Token': token} if token else {})
            got = one.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read().decode())
        finally:
            one.close()
