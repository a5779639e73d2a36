"""Signed tokens as issuers make them, good and bad."""
import base64
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

HASHES = {'256': hashes.SHA256(), '384': hashes.SHA384(), '512': hashes.SHA512()}
CURVES = {'ES256': ec.SECP256R1(), 'ES384': ec.SECP384R1(), 'ES512': ec.SECP521R1()}
CRV = {'ES256': 'P-256', 'ES384': 'P-384', 'ES512': 'P-521'}
ALGS = ('RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA')


def b64(data):
    """base64url without padding, as everywhere in a token."""
    return base64.urlsafe_b64encode(data).rstrip(b'=').decode()


def b64_int(n, size=None):
    return b64(n.to_bytes(size or (n.bit_length() + 7) // 8, 'big'))


def part(value):
    return b64(value if isinstance(value, bytes) else json.dumps(value).encode())


class Key:
    """A signing key for one algorithm, with or without a key id."""

    def __init__(self, alg='ES256', kid=None, bits=2048):
        self.alg, self.kid = alg, kid
        if alg in CURVES:
            self.private = ec.generate_private_key(CURVES[alg])
        elif alg == 'EdDSA':
            self.private = ed25519.Ed25519PrivateKey.generate()
        else:
            self.private = rsa.generate_private_key(65537, bits)

    @property
    def pem(self):
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()

    @property
    def jwk(self):
        """The public half; nobody says more than he must."""
        public, named = self.private.public_key(), {'kid': self.kid} if self.kid else {}
        if self.alg in CURVES:
            numbers, size = public.public_numbers(), (self.private.curve.key_size + 7) // 8
            return {'kty': 'EC', 'crv': CRV[self.alg], 'x': b64_int(numbers.x, size), 'y': b64_int(numbers.y, size), **named}
        if self.alg == 'EdDSA':
            raw = public.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            return {'kty': 'OKP', 'crv': 'Ed25519', 'x': b64(raw), **named}
        numbers = public.public_numbers()
        return {'kty': 'RSA', 'n': b64_int(numbers.n), 'e': b64_int(numbers.e), **named}

    def signature(self, text, alg=None):
        alg = alg or self.alg
        if alg == 'EdDSA':
            return self.private.sign(text)
        digest = HASHES[alg[2:]]
        if alg.startswith('ES'):
            size = (self.private.curve.key_size + 7) // 8
            return b''.join(n.to_bytes(size, 'big') for n in decode_dss_signature(self.private.sign(text, ec.ECDSA(digest))))
        if alg.startswith('PS'):
            return self.private.sign(text, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(text, padding.PKCS1v15(), digest)

    def sign(self, claims, alg=None, **header):
        """A token; claims may be bytes, header members replace the usual ones."""
        head = {'alg': alg or self.alg, 'typ': 'JWT', **({'kid': self.kid} if self.kid else {}), **header}
        text = f'{part(head)}.{part(claims)}'
        return f'{text}.{b64(self.signature(text.encode(), alg))}'


def key_set(*keys):
    return {'keys': [key.jwk for key in keys]}


def claims(**more):
    """Those of an ordinary job; None takes one away."""
    now = int(time.time())
    all_of = {'iss': 'https://ci.example', 'sub': 'job:7', 'aud': 'sallyport', 'iat': now, 'nbf': now, 'exp': now + 300,
              'user': 'bob', 'project': 'group/site', 'ref': 'main', 'protected': True, 'runner': {'id': 7, 'tags': ['a', 'b']},
              'groups': ['dev', 'ops'], **more}
    return {name: value for name, value in all_of.items() if value is not None}
