"""A stand-in for GitLab and others who sign tokens: it publishes its keys."""
from .standin import Standin
from .tokens import key_set

WELL_KNOWN = '/.well-known/openid-configuration'


class Issuer(Standin):
    """Publishes the public halves of its keys, and where they are."""

    def __init__(self, tls, *keys):
        super().__init__(tls=tls)
        self.keys, self.down, self.document, self.name = list(keys), False, {}, self.address
        self.body = self.publish

    def publish(self, path, headers, sent):
        if self.down:
            return 503, b''
        if path == WELL_KNOWN:
            return 200, {'issuer': self.name, 'jwks_uri': f'{self.address}/keys', **self.document}
        return (200, key_set(*self.keys)) if path == '/keys' else (404, {})

    def fetches(self):
        return len([one for one in self.requests if one[1] == '/keys'])
