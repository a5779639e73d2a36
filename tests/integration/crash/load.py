"""Mixed load with a journal: intent before sending, result after the answer."""
import itertools
import json
import random
import threading

from check_history import line_key
from support.wire import Wire

N_NAMES = 4
TTL_STEP_S = 100000  # between the ttls of tokens: more than a run lasts, so that what is left tells which it was


class Journal:
    def __init__(self, path):
        self.file = open(path, 'w')
        self.lock = threading.Lock()
        self.numbers = itertools.count(1)

    def write(self, **one):
        with self.lock:
            self.file.write(json.dumps(one) + '\n')

    def call(self, wire, intent, key, method, path, data=None, token='', got=None, **more):
        """One journalled request; ConnectionError where it has no answer."""
        n = next(self.numbers)
        self.write(n=n, intent=intent, key=key, line=line_key(VERBS[method], path, data),
                   wire=[*wire.socket.getsockname(), wire.n_calls + 1], **more)
        status, body = wire.call(method, path, data, token)
        result = {'got': got(status, body)} if got else {}
        self.write(n=n, status=status, **result)
        return status, body

    def flush(self):
        self.file.flush()


VERBS = {'GET': 'read', 'PUT': 'update', 'DELETE': 'delete', 'LIST': 'list'}


def role_user(status, body):
    return body['data']['default_user'] if status == 200 else None


def policy_text(status, body):
    return body['data']['policy'] if status == 200 else None


def token_ttl(status, body):
    """The ttl that was asked for last; None where the token is no more."""
    return -(-body['data']['ttl'] // TTL_STEP_S) * TTL_STEP_S if status == 200 else None


def made_token(status, body):
    return body['auth']['client_token'] if status == 200 else None


def made_otp(status, body):
    return [body['data']['key'], body['lease_id']] if status == 200 else None


def mount_text(name):
    """Reads the description of a mount from sys/mounts."""
    return lambda status, body: body['data'].get(f'{name}/', {}).get('description') if status == 200 else None


class Client(threading.Thread):
    """One connection; names of its own. Ends when the server goes away."""

    def __init__(self, server, journal, number, seed, otps, source='127.0.0.1'):
        super().__init__(daemon=True)
        self.server, self.journal, self.number, self.source = server, journal, number, source
        self.random = random.Random(seed)
        self.otps = otps  # shared: (key, lease id); a race for each is welcome
        self.tokens = []
        self.failure = None
        self.stopping = False
        self.n_done = 0

    def run(self):
        try:
            self.wire = Wire(self.server, source=self.source)
            while not self.stopping:
                self.random.choices(*zip(*self.MIX))[0](self)
                self.n_done += 1
        except OSError:
            pass  # the server was killed
        except BaseException as failure:
            self.failure = failure

    def name(self, kind):
        return f'{kind}-{self.number}-{self.random.randrange(N_NAMES)}'

    def put_role(self):
        name, value = self.name('role'), f'u{self.random.getrandbits(60)}'
        self.journal.call(self.wire, 'write', name, 'PUT', f'ssh/roles/{name}',
                          {'default_user': value, 'key_type': 'otp', 'cidr_list': '10.0.0.0/8'}, value=value)

    def delete_role(self):
        name = self.name('role')
        self.journal.call(self.wire, 'write', name, 'DELETE', f'ssh/roles/{name}', value=None)

    def read_role(self):
        name = self.name('role')
        self.journal.call(self.wire, 'read', name, 'GET', f'ssh/roles/{name}', got=role_user)

    def put_policy(self):
        name = self.name('policy')
        value = f'path "x/{self.random.getrandbits(60)}" {{ capabilities = ["read"] }}'
        self.journal.call(self.wire, 'write', name, 'PUT', f'sys/policies/acl/{name}', {'policy': value}, value=value)

    def delete_policy(self):
        name = self.name('policy')
        self.journal.call(self.wire, 'write', name, 'DELETE', f'sys/policies/acl/{name}', value=None)

    def put_mount(self):
        """Refused where it stands already."""
        name, value = f'mount-{self.number}', f'd{self.random.getrandbits(60)}'
        self.journal.call(self.wire, 'write', name, 'PUT', f'sys/mounts/{name}', {'type': 'ssh', 'description': value},
                          value=value)

    def delete_mount(self):
        name = f'mount-{self.number}'
        self.journal.call(self.wire, 'write', name, 'DELETE', f'sys/mounts/{name}', value=None)

    def tidy(self):
        self.journal.call(self.wire, 'other', '', 'PUT', 'sys/leases/tidy')

    def make_token(self):
        """Known by its name only after the answer, which counts as its first write."""
        token = made_token(*self.journal.call(self.wire, 'make', '', 'PUT', 'auth/token/create', {'ttl': 5 * TTL_STEP_S},
                                              got=made_token, value=5 * TTL_STEP_S))
        if token:
            self.tokens.append(token)

    def renew_token(self):
        if self.tokens:
            token, ttl = self.random.choice(self.tokens), TTL_STEP_S * self.random.randrange(1, 5)
            self.journal.call(self.wire, 'write', token, 'PUT', 'auth/token/renew', {'token': token, 'increment': ttl},
                              value=ttl)

    def revoke_token(self):
        if len(self.tokens) > 2:
            token = self.tokens.pop(self.random.randrange(len(self.tokens)))
            self.journal.call(self.wire, 'write', token, 'PUT', 'auth/token/revoke', {'token': token}, value=None)

    def ask_otp(self):
        made = made_otp(*self.journal.call(self.wire, 'ask', '', 'PUT', 'ssh/creds/otp', {'ip': '10.1.2.3'},
                                           got=made_otp))
        if made:
            self.otps.append(made)

    def pick_otp(self):
        """One of the newest, so that several verify and revoke the same."""
        return self.random.choice(self.otps[-8:]) if self.otps else None

    def verify_otp(self):
        otp = self.pick_otp()
        if otp:
            self.journal.call(self.wire, 'verify', otp[0], 'PUT', 'ssh/verify', {'otp': otp[0]}, token=None)

    def revoke_otp(self):
        otp = self.pick_otp()
        if otp:
            self.journal.call(self.wire, 'revoke', otp[0], 'PUT', 'sys/leases/revoke', {'lease_id': otp[1]})

    MIX = [(put_role, 3), (delete_role, 1), (read_role, 2), (put_policy, 2), (delete_policy, 1), (make_token, 2),
           (renew_token, 3), (revoke_token, 2), (ask_otp, 6), (verify_otp, 6), (revoke_otp, 1), (put_mount, 1), (delete_mount, 1), (tidy, 0.2)]
