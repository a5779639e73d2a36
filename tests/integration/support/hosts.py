"""A mount that signs hosts, and hosts as their helpers talk to it."""
from .ca import HOST, Ca, Signed, read


class Hosts(Ca):
    """An ssh mount with a role for hosts below example.com."""

    def __init__(self, server, mount='ssh'):
        super().__init__(server, mount)
        self.begin()

    @classmethod
    def over(cls, server, mount='ssh'):
        """The same of a mount that has its CA already."""
        one = cls.__new__(cls)
        one.server, one.mount, one.public = server, mount, server.api(None).get(f'{mount}/public_key').body
        one.begin()
        return one

    def begin(self):
        self.api, self.open = self.server.api(), self.server.api(None)
        self.role('hosts', HOST, ttl='1h')

    def token(self, name, **fields):
        made = self.api.post(f'{self.mount}/enrol/tokens', {'host': name, 'role': 'hosts', **fields})
        assert made.status == 200, made
        return made.data

    def enrol(self, name, key, **fields):
        """A host that enrols with a token of its own."""
        return Host(self, name, key, self.token(name, **fields)['enrolment_token'])

    def known(self, name):
        """None where it is not known."""
        got = self.api.get(f'{self.mount}/hosts/{name}')
        assert got.status in (200, 404), got
        return got.data if got.status == 200 else None


class Host:
    def __init__(self, hosts, name, key, token):
        self.hosts, self.name, self.key = hosts, name, key
        self.take(hosts.open.post(f'{hosts.mount}/enrol', {'enrolment_token': token, 'public_key': key.public}))

    def take(self, got):
        assert got.status == 200, got
        self.told, self.secret = got.data, got.data['host_secret']
        return self

    def call(self, path, **fields):
        return self.hosts.open.post(f'{self.hosts.mount}/{path}', fields)

    def challenge(self, name=None):
        got = self.call('enrol/challenge', host=name or self.name)
        assert got.status == 200, got
        return got.data

    def renewal(self, key=None, **fields):
        """The body of a renewal, signed by this key or another."""
        asked = self.challenge()
        return {'host': self.name, 'nonce': asked['nonce'],
                'signature': (key or self.key).sign(asked['namespace'], asked['message']), **fields}

    def renew(self, key=None, **fields):
        return self.call('enrol/renew', **self.renewal(key, **fields))

    def report(self, secret=None, **fields):
        return self.call('enrol/report', host=self.name, host_secret=secret or self.secret, **fields)

    def principals(self, username, cert=None, **fields):
        """Of a login with this certificate, as support.ca and support.keys make them."""
        return self.call(f'principals/{self.name}', **{'host_secret': self.secret, 'username': username, **(shown(cert) if cert else {}), **fields})


def shown(cert):
    """What sshd tells of a certificate: %s, %i, %f and %F."""
    found = read(cert.cert if isinstance(cert, Signed) else cert.pub)
    fingerprint = lambda name: found[name].split()[1]
    return {'serial_number': f'{found["serial"]:x}', 'key_id': found['id'], 'fingerprint': fingerprint('Public key'),
            'ca_fingerprint': fingerprint('Signing CA')}
