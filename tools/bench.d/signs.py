"""Certificates signed a second, plain and with TLS, beside what the signature takes alone."""
import json
import statistics

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import measure
from support.pki import Cert

CONNECTIONS = (1, 32, 64)
# What a CA is called: its type and bits, and the bare signature of checks.c.
CAS = {'Ed25519': ('ed25519', 0, 'sign-ed25519'), 'P-256': ('ec', 256, 'sign-p256'),
       'RSA-2048': ('rsa', 2048, 'sign-rsa2048'), 'RSA-4096': ('rsa', 4096, 'sign-rsa4096')}
ROLE = {'key_type': 'ca', 'allow_user_certificates': True, 'allowed_users': 'ubuntu,ops', 'default_user': 'ubuntu',
        'default_extensions': {'permit-pty': ''}, 'ttl': '30m'}
POLICY = 'path "+/sign/*" { capabilities = ["create", "update"] }'
ROWS = 'issue_batch'
SIGN_S = 0.5


def listener(server, port):
    """HCL of a second listener, with TLS."""
    key, cert = server.directory / 'tls.key', server.directory / 'tls.crt'
    made = Cert('127.0.0.1')
    key.write_text(made.key_pem)
    key.chmod(0o600)
    cert.write_text(made.pem)
    return f'listener "tcp" {{\n  address = "127.0.0.1:{port}"\n  tls_cert_file = "{cert}"\n  tls_key_file = "{key}"\n}}'


def new_public_key():
    made = ed25519.Ed25519PrivateKey.generate().public_key()
    return made.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


class Signs:
    def __init__(self, programs, server, tls_port, seconds):
        self.programs, self.server, self.seconds = programs, server, seconds
        self.ports = {'plain': server.port, 'TLS': tls_port}
        self.client = measure.Client(programs, server, POLICY)
        self.loads = {'static answer': measure.STATIC, **{name: self.ca(name) for name in CAS}}
        self.results = {}  # (name, way, connections): figures of each round
        self.bare, self.rows = [], []

    def write(self, path, **body):
        answer = self.server.api().post(path, body)
        assert answer.status in (200, 204), answer

    def ca(self, name):
        kind, bits, _ = CAS[name]
        mount = name.lower()
        self.server.mount_ssh(mount)
        self.write(f'{mount}/config/ca', generate_signing_key=True, key_type=kind, key_bits=bits)
        self.write(f'{mount}/roles/bench', **ROLE)
        body = json.dumps({'public_key': new_public_key()}, separators=(',', ':'))
        return measure.Load(name, 'PUT', f'/v1/{mount}/sign/bench', True, body)

    def round(self):
        self.bare.append(measure.said(self.programs / 'checks', SIGN_S, *(bare for *_, bare in CAS.values())))
        self.rows.append(measure.floor(self.programs, self.server.directory)[ROWS]['rate'])
        for connections in CONNECTIONS:
            for way, port in self.ports.items():
                for name, load in self.loads.items():
                    got = self.client.run(load, connections, self.seconds, port, way == 'TLS')
                    self.results.setdefault((name, way, connections), []).append(got)

    def figure(self, name, way, connections, what):
        return statistics.median(one[what] for one in self.results[name, way, connections])

    def ratio(self, name, way, connections):
        """To the smaller of both floors, each from the same round; the median of the rounds' own ratios."""
        bare = CAS[name][2]
        return statistics.median(
            one['rate'] / min(static['rate'], signed[bare]['rate']) for one, static, signed in
            zip(self.results[name, way, connections], self.results['static answer', way, connections], self.bare))

    def bare_share(self, name, way):
        """The CPU of a bare signature as a part of the server's for a certificate, at the most connections."""
        return statistics.median(signed[CAS[name][2]]['cpu_us'] / one['server_us']
                                 for signed, one in zip(self.bare, self.results[name, way, CONNECTIONS[-1]]))


def table(bench):
    """Markdown."""
    yield '| CA | | ' + ' | '.join(f'{n} connections' if n > 1 else '1 connection' for n in CONNECTIONS) \
        + ' | bare signature, part of the server CPU of a certificate |'
    yield '|---|---|' + '---:|' * (len(CONNECTIONS) + 1)
    for name in CAS:
        for way in bench.ports:
            yield f'| {name} | {way} | ' + ' | '.join(f'{bench.ratio(name, way, n):.3f}' for n in CONNECTIONS) \
                + f' | {bench.bare_share(name, way):.2f} |'
    yield ''
    yield '| | | connections | requests/s | p50 us | p99 us | server CPU, us each |'
    yield '|---|---|---:|---:|---:|---:|---:|'
    for name in bench.loads:
        for way in bench.ports:
            for n in CONNECTIONS:
                yield f'| {name} | {way} | {n} | ' + ' | '.join(
                    f'{bench.figure(name, way, n, what):,.0f}' for what in ('rate', 'p50_us', 'p99_us', 'server_us')) + ' |'
    yield ''
    yield '| floor | a second | CPU us each |'
    yield '|---|---:|---:|'
    for name, (*_, bare) in CAS.items():
        rate, cpu = (statistics.median(one[bare][what] for one in bench.bare) for what in ('rate', 'cpu_us'))
        yield f'| bare signature of {name}, one core | {rate:,.0f} | {cpu:,.1f} |'
    yield f'| a row and its time, 64 in a commit | {statistics.median(bench.rows):,.0f} | |'


def rows(programs, server, tls_port, rounds, seconds):
    bench = Signs(programs, server, tls_port, seconds)
    for _ in range(rounds):
        bench.round()
    return table(bench)
