"""Logins a second by approle, jwt and ssh, beside what checking their proofs and storing their tokens takes alone."""
import base64
import hashlib
import json
import statistics
import struct
import time

from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import measure
from support.tokens import Key

CONNECTIONS = (1, 32, 64)
# What a login is called, and the bare check of its proof in checks.c; the rows that it stores are as many as an issue's.
METHODS = {'approle': 'hmac', 'jwt ES256': 'es256', 'jwt RS256': 'rs256', 'ssh Ed25519': 'ed25519'}
CHALLENGE = 'ssh challenge'
ROWS = 'issue_all_batch'
JOB_S = 3600
CHECK_S = 0.5


def login(name, path, **body):
    return measure.Load(name, 'POST', f'/v1/auth/{path}', False, json.dumps(body, separators=(',', ':')))


def sshwire(*parts):
    return b''.join(struct.pack('>I', len(one)) + one for one in parts)


class Signer:
    """Fills the nonces of challenges up to what a login sends; an agent's work, done before the load."""

    def __init__(self):
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.blob = sshwire(b'ssh-ed25519', self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self.public = 'ssh-ed25519 ' + base64.b64encode(self.blob).decode()

    def line(self, nonce, namespace, accessor):
        digest = hashlib.sha512((nonce + accessor).encode()).digest()
        covered = b'SSHSIG' + sshwire(namespace.encode(), b'', b'sha512', digest)
        made = sshwire(b'ssh-ed25519', self.key.sign(covered))
        whole = b'SSHSIG' + struct.pack('>I', 1) + sshwire(self.blob, namespace.encode(), b'', b'sha512', made)
        return f'{nonce}","signature":"{base64.b64encode(whole).decode()}'


class Logins:
    def __init__(self, programs, server, seconds):
        self.programs, self.seconds, self.server = programs, seconds, server
        self.client, self.api, self.signer = measure.Client(programs, server), server.api(), Signer()
        self.loads = {load.name: load for load in (measure.STATIC, self.approle(), *self.jwt(), *self.ssh())}
        self.results = {}  # (name, connections): figures of each round
        self.checks, self.rows = [], []

    def write(self, path, **body):
        answer = self.api.post(path, body)
        assert answer.status == 204, answer

    def approle(self):
        self.server.mount_auth('approle')
        self.write('auth/approle/role/bench', token_policies='bench')
        role_id = self.api.get('auth/approle/role/bench/role-id').data['role_id']
        secret_id = self.api.post('auth/approle/role/bench/secret-id', {}).data['secret_id']
        return login('approle', 'approle/login', role_id=role_id, secret_id=secret_id)

    def jwt(self):
        keys = [Key(alg, kid=alg) for alg in ('ES256', 'RS256')]
        self.server.mount_auth('jwt')
        self.write('auth/jwt/config', jwt_validation_pubkeys=[key.pem for key in keys])
        self.write('auth/jwt/role/bench', user_claim='project_path', bound_audiences='bench', token_policies='bench',
                   bound_claims={'ref': 'main'})
        now = int(time.time())
        job = {'iss': 'https://gitlab.example', 'aud': 'bench', 'project_path': 'ops/site', 'ref': 'main', 'job_id': '302',
               'sub': 'project_path:ops/site:ref_type:branch:ref:main', 'iat': now, 'nbf': now, 'exp': now + JOB_S}
        return [login(f'jwt {key.alg}', 'jwt/login', role='bench', jwt=key.sign(job)) for key in keys]

    def ssh(self):
        self.server.mount_auth('ssh')
        self.write('auth/ssh/role/bench', public_keys=[self.signer.public], token_policies='bench')
        asked = self.api.post('auth/ssh/challenge', {'public_key': self.signer.public}).data
        self.namespace, self.accessor = asked['namespace'], asked['mount_accessor']
        blank = '@' * len(self.signer.line(asked['nonce'], self.namespace, self.accessor))
        challenge = login(CHALLENGE, 'ssh/challenge', public_key=self.signer.public)
        return challenge._replace(keeps='nonce'), login('ssh Ed25519', 'ssh/login', role='bench', nonce=blank)

    def sign(self):
        nonces = self.client.kept.read_text().split()
        lines = (self.signer.line(nonce, self.namespace, self.accessor) for nonce in nonces)
        self.client.kept.write_text(''.join(f'{line}\n' for line in lines))

    def round(self):
        self.checks.append(measure.said(self.programs / 'checks', CHECK_S, *METHODS.values()))
        self.rows.append(measure.floor(self.programs, self.server.directory)[ROWS]['rate'])
        for connections in CONNECTIONS:
            for name, load in self.loads.items():
                got = self.client.run(load, connections, self.seconds)
                self.results.setdefault((name, connections), []).append(got)
                if name == CHALLENGE:
                    self.sign()

    def figure(self, name, connections, what):
        return statistics.median(one[what] for one in self.results[name, connections])

    def ratio(self, name, connections):
        """To the smallest of its three floors, each from the same round; the median of the rounds' own ratios."""
        ratios = []
        for i, one in enumerate(self.results[name, connections]):
            static = self.results[measure.STATIC.name, connections][i]['rate']
            ratios.append(one['rate'] / min(static, self.rows[i], self.checks[i][METHODS[name]]['rate']))
        return statistics.median(ratios)

    def check_share(self, name):
        """The CPU of a bare check as a part of the server's for a login, at the most connections."""
        return statistics.median(check[METHODS[name]]['cpu_us'] / one['server_us']
                                 for check, one in zip(self.checks, self.results[name, CONNECTIONS[-1]]))


def table(bench):
    """Markdown."""
    yield '| login | ' + ' | '.join(f'{n} connections' if n > 1 else '1 connection' for n in CONNECTIONS) \
        + ' | bare check, part of the server CPU of a login |'
    yield '|---|' + '---:|' * (len(CONNECTIONS) + 1)
    for name in METHODS:
        yield f'| {name} | ' + ' | '.join(f'{bench.ratio(name, n):.3f}' for n in CONNECTIONS) + f' | {bench.check_share(name):.2f} |'
    yield ''
    yield '| | connections | requests/s | p50 us | p99 us | server CPU, us each |'
    yield '|---|---:|---:|---:|---:|---:|'
    for name in bench.loads:
        for n in CONNECTIONS:
            yield f'| {name} | {n} | ' + ' | '.join(
                f'{bench.figure(name, n, what):,.0f}' for what in ('rate', 'p50_us', 'p99_us', 'server_us')) + ' |'
    yield ''
    yield '| floor | a second |'
    yield '|---|---:|'
    for name, check in METHODS.items():
        yield f'| {check} check of {name}, one core | {statistics.median(one[check]["rate"] for one in bench.checks):,.0f} |'
    yield f'| all rows that an issue changes, 64 in a commit | {statistics.median(bench.rows):,.0f} |'


def rows(programs, server, rounds, seconds):
    bench = Logins(programs, server, seconds)
    for _ in range(rounds):
        bench.round()
    return table(bench)
