"""A stand-in of TrueNAS CORE 13: its REST API over TLS, and a real sshd whose authorized_keys it writes from its user database.

Of the API only what docs/truenas.md names, with the statuses and error bodies of the middleware that iXsystems publishes:
401 and 404 as plain text, 422 with {attribute: [{message, errno}]} for what fails validation and {message, errno} for a call
that fails. What is not named there it does not know.
"""
import base64
import copy
import errno
import http.server
import json
import pathlib
import re
import secrets
import ssl
import subprocess
import threading
import urllib.parse

from .build import TEST_SSHD
from .patience import PATIENCE_S
from .standin import Certificate
from .target import DENY

API = '/api/v2.0/'
FILTERS = {'': lambda a, b: a == b, 'eq': lambda a, b: a == b, 'neq': lambda a, b: a != b}
USER_FIELDS = {'username': str, 'full_name': str, 'home': str, 'shell': str, 'email': str, 'locked': bool, 'sshpubkey': str,
               'password': str, 'password_disabled': bool, 'groups': list, 'uid': int}
SEMIAUTOMATIC = {'name', 'url', 'token', 'password', 'username', 'private_key', 'connect_timeout', 'cipher'}


class Refused(Exception):
    """A status and a body; text is sent as it is."""

    def __init__(self, status, body):
        super().__init__(status, body)
        self.status, self.body = status, body


def invalid(attribute, message, number=errno.EINVAL):
    return Refused(422, {attribute: [{'message': message, 'errno': number}]})


def failed(message, number=errno.EFAULT):
    return Refused(422, {'message': message, 'errno': number})


def filter_value(text):
    if text.isdigit():
        return int(text)
    return {'true': True, 'false': False, 'null': None}.get(text.lower(), text)


def keygen(*words, text=''):
    return subprocess.run(['ssh-keygen', *map(str, words)], input=text, capture_output=True, text=True, timeout=PATIENCE_S)


class TrueNas:
    """Started at once. `fail[(method, path)]` is what the next such request is answered instead: (status, body);
    `lasting` is the same for all of them."""

    running = {}  # by URL, for one that sets up a connection to another

    def __init__(self, directory, users=('replicator',), version='TrueNAS-13.0-U6.1', password='correct horse', ssh=True):
        self.directory, self.version, self.password = pathlib.Path(directory), version, password
        self.requests, self.fail, self.lasting, self.lock = [], {}, {}, threading.RLock()
        self.users, self.keychain, self.api_keys = [], [], []
        self.add_user('root', uid=0, home='/root', builtin=True)
        for user in users:
            self.add_user(user)
        self.homes = self.directory / 'homes'
        self.homes.mkdir()
        self.homes.chmod(0o755)
        self.sshd = self.port = None
        self.write_files()
        if ssh:
            self.start_sshd()
        self.tls = Certificate(self.directory)
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), self.handler())
        self.server.daemon_threads = True
        self.server.handle_error = lambda *words: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls.cert, self.tls.key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f'https://127.0.0.1:{self.server.server_port}'
        self.running[self.url] = self
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()

    def stop(self):
        del self.running[self.url]
        self.server.shutdown()
        self.server.server_close()
        self.stop_sshd()

    # ---- the machine ----

    def start_sshd(self, port=None):
        words = ['--pam-lines', self.directory / 'pam', '--sshd-line', 'PubkeyAuthentication yes', '--sshd-line',
                 f'AuthorizedKeysFile {self.homes}/%u', '--sshd-line', 'LoginGraceTime 0']
        (self.directory / 'pam').write_text(DENY)
        for user in self.users:
            words += ['--user', user['username']]
        if port:
            words += ['--port', port]
        started = subprocess.run([str(TEST_SSHD), *map(str, words)], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.sshd, self.port = pathlib.Path(facts['dir']), int(facts['port'])
        self.fingerprint = facts['host_key']

    def stop_sshd(self):
        if self.sshd:
            subprocess.run([str(TEST_SSHD), '--stop', str(self.sshd)], timeout=PATIENCE_S, check=True)
        self.sshd = None

    @property
    def host_key(self):
        return ' '.join((self.sshd / 'host_key.pub').read_text().split()[:2])

    def file(self, user='root'):
        return self.homes / user

    def write_files(self):
        """What the middleware does at each change of a user and at each start: the database wins over the disk."""
        for user in self.users:
            text = (user['sshpubkey'] or '').strip()
            self.file(user['username']).unlink(missing_ok=True)
            if text:
                self.file(user['username']).write_text(text + '\n')
                self.file(user['username']).chmod(0o644)

    def login(self, key, user='root'):
        """ssh with this private key; true: let in."""
        done = subprocess.run(
            ['ssh', '-F', '/dev/null', '-i', str(key), '-p', str(self.port), '-o', 'UserKnownHostsFile=/dev/null', '-o',
             'StrictHostKeyChecking=no', '-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-o', 'IdentityAgent=none',
             f'{user}@127.0.0.1', 'true'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode in (0, 255), done
        return done.returncode == 0

    # ---- its database ----

    def add_user(self, username, uid=None, home=None, builtin=False):
        number = len(self.users) + 1
        self.users.append({
            'id': number, 'uid': 2999 + number if uid is None else uid, 'username': username, 'full_name': username,
            'home': home or f'/mnt/tank/{username}', 'shell': '/bin/csh', 'builtin': builtin, 'locked': False, 'email': None,
            'password_disabled': False, 'groups': [], 'sshpubkey': None})

    def user(self, username='root'):
        return next(user for user in self.users if user['username'] == username)

    def set_sshpubkey(self, text, username='root'):
        """As an administrator does it in Accounts > Users."""
        with self.lock:
            self.user(username)['sshpubkey'] = text.strip() or None
            self.write_files()

    # ---- the API ----

    def handler(outer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get('Content-Length') or 0)
                body = self.rfile.read(length)
                with outer.lock:
                    status, said = outer.answer(self.command, self.path, self.headers, body)
                text = said.encode() if isinstance(said, str) and status in (401, 404, 405) else json.dumps(said, indent=1).encode()
                self.send_response(status)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = answer

            def log_message(self, *words):
                pass
        return Handler

    def answer(self, method, target, headers, body):
        path, _, query = target.partition('?')
        path = path.removeprefix(API).rstrip('/')
        self.requests.append((method, path, body))
        try:
            bent = self.fail.pop((method, path), None) or self.lasting.get((method, path))
            if bent:
                return bent() if callable(bent) else bent
            if not target.startswith(API):
                raise Refused(404, '404: Not Found')
            return 200, self.route(method, path, urllib.parse.parse_qsl(query), body, headers)
        except Refused as refused:
            return refused.status, refused.body

    def authenticate(self, headers):
        """As far as CORE goes: root's password, or an API key."""
        kind, _, word = (headers.get('Authorization') or '').partition(' ')
        if kind == 'Basic':
            user, _, password = base64.b64decode(word).decode().partition(':')
            if user == 'root' and password == self.password:
                return
        if kind == 'Bearer' and any(key['key'] == word for key in self.api_keys):
            return
        raise Refused(401, '401: Unauthorized')

    def route(self, method, path, query, body, headers):
        routes = {
            r'system/version': {'GET': lambda: self.version},
            r'user': {'GET': lambda: self.query(self.users, query)},
            r'user/id/(\d+)': {'GET': lambda number: self.one(self.users, number),
                               'PUT': lambda number: self.update_user(number, self.sent(body))},
            r'ssh': {'GET': lambda: {'tcpport': self.port, 'rootlogin': True, 'passwordauth': False, 'id': 1}},
            r'api_key': {'GET': lambda: [{'id': key['id'], 'name': key['name']} for key in self.api_keys],
                         'POST': lambda: self.create_api_key(self.sent(body))},
            r'api_key/id/(\d+)': {'DELETE': lambda number: self.delete(self.api_keys, number, 'APIKey')},
            r'keychaincredential': {'GET': lambda: self.query(self.keychain, query),
                                    'POST': lambda: self.create_credential(self.sent(body))},
            r'keychaincredential/id/(\d+)': {'GET': lambda number: self.one(self.keychain, number),
                                             'DELETE': lambda number: self.delete_credential(number)},
            r'keychaincredential/generate_ssh_key_pair': {'GET': self.generate},
            r'keychaincredential/remote_ssh_host_key_scan': {'POST': lambda: self.scan(self.sent(body))},
            r'keychaincredential/remote_ssh_semiautomatic_setup': {'POST': lambda: self.semiautomatic(self.sent(body))},
        }
        for pattern, methods in routes.items():
            found = re.fullmatch(pattern, path)
            if found and method not in methods:
                raise Refused(405, '405: Method Not Allowed')
            if found:
                self.authenticate(headers)
                return methods[method](*map(int, found.groups()))
        raise Refused(404, '404: Not Found')

    @staticmethod
    def sent(body):
        try:
            value = json.loads(body)
        except ValueError as error:
            raise Refused(400, {'message': str(error)}) from None
        if not isinstance(value, dict):
            raise Refused(422, {'': [{'message': 'A dict was expected', 'errno': errno.EINVAL}]})
        return value

    @staticmethod
    def query(rows, query):
        found = rows
        for name, value in query:
            field, _, operator = name.partition('__')
            if operator not in FILTERS:
                raise failed(f'Invalid operation: {operator}')
            found = [row for row in found if FILTERS[operator](row.get(field), filter_value(value))]
        return copy.deepcopy(found)

    @staticmethod
    def one(rows, number):
        for row in rows:
            if row['id'] == number:
                return copy.deepcopy(row)
        raise Refused(404, {'message': ''})

    @staticmethod
    def delete(rows, number, what):
        kept = [row for row in rows if row['id'] != number]
        if len(kept) == len(rows):
            raise invalid('null', f'{what} {number} does not exist', errno.ENOENT)
        rows[:] = kept
        return True

    @staticmethod
    def check_fields(schema, sent, known, required=()):
        for name in sent:
            if name not in known:
                raise invalid(f'{schema}.{name}', 'Field was not expected')
        for name in required:
            if name not in sent:
                raise invalid(f'{schema}.{name}', 'attribute required')

    def update_user(self, number, sent):
        user = next((user for user in self.users if user['id'] == number), None)
        if not user:
            raise invalid('null', f'User {number} does not exist', errno.ENOENT)
        self.check_fields('user_update', sent, USER_FIELDS)
        for name, value in sent.items():
            if value is not None and not isinstance(value, USER_FIELDS[name]):
                raise invalid(f'user_update.{name}', {str: 'Not a string', int: 'Not an integer'}.get(USER_FIELDS[name], 'Wrong type'))
        home = sent.get('home') or user['home']
        if sent.get('sshpubkey') and not home.startswith('/mnt') and user['uid'] != 0:
            raise invalid('user_update.sshpubkey', 'Home directory is not writable, leave this blank"')
        for name in ('home', 'uid', 'username'):
            if user['builtin'] and name in sent and sent[name] != user[name]:
                raise invalid(f'user_update.{name}', 'This attribute cannot be changed')
        user.update({name: value for name, value in sent.items() if name != 'password'})
        user['sshpubkey'] = (user['sshpubkey'] or '').strip() or None
        self.write_files()
        return number

    def create_api_key(self, sent):
        self.check_fields('api_key_create', sent, {'name', 'allowlist'}, ('name',))
        if any(key['name'] == sent['name'] for key in self.api_keys):
            raise invalid('api_key_create', 'name must be unique')
        number = max((key['id'] for key in self.api_keys), default=0) + 1
        self.api_keys.append({'id': number, 'name': sent['name'], 'key': f'{number}-{secrets.token_hex(32)}'})
        return dict(self.api_keys[-1])

    # ---- its own keys and connections ----

    def create_credential(self, sent):
        schema = 'keychain_credential_create'
        self.check_fields(schema, sent, {'name', 'type', 'attributes'}, ('name', 'type', 'attributes'))
        if any(one['name'] == sent['name'] for one in self.keychain):
            raise invalid(f'{schema}.name', 'Object with this name already exists')
        if sent['type'] not in ('SSH_KEY_PAIR', 'SSH_CREDENTIALS'):
            raise invalid(f'{schema}.type', 'Invalid type')
        if sent['type'] == 'SSH_KEY_PAIR':
            self.check_pair(f'{schema}.attributes', sent['attributes'])
        else:
            self.check_fields(f'{schema}.attributes', sent['attributes'],
                              {'host', 'port', 'username', 'private_key', 'remote_host_key', 'connect_timeout', 'cipher'},
                              ('host', 'private_key', 'remote_host_key'))
        number = max((one['id'] for one in self.keychain), default=0) + 1
        self.keychain.append({'id': number, **copy.deepcopy(sent)})
        return self.keychain[-1]

    def check_pair(self, schema, attributes):
        private, public = attributes.get('private_key'), attributes.get('public_key')
        if private:
            path = self.directory / 'pair'
            path.write_text(private)
            path.chmod(0o600)
            done = keygen('-y', '-P', '', '-f', path)
            path.unlink()
            if 'passphrase' in done.stderr:
                raise invalid(f'{schema}.private_key', 'Encrypted private keys are not allowed')
            if done.returncode != 0:
                raise invalid(f'{schema}.private_key', done.stderr)
            if public and public.split()[:2] != done.stdout.split()[:2]:
                raise invalid(f'{schema}.public_key', 'Private key and public key do not match')
            attributes['public_key'] = public or done.stdout
        elif not public:
            raise invalid(f'{schema}.public_key', 'You must specify at least public key')
        elif keygen('-l', '-f', '-', text=public).returncode != 0:
            raise invalid(f'{schema}.public_key', 'Invalid public key')

    def delete_credential(self, number):
        users = [one['name'] for one in self.keychain
                 if one['type'] == 'SSH_CREDENTIALS' and one['attributes']['private_key'] == number]
        if users:
            raise failed(f'Unable to delete this credential, it is used by: SSH credentials {users[0]}')
        return self.delete(self.keychain, number, 'KeychainCredential')

    def generate(self):
        path = self.directory / 'generated'
        keygen('-q', '-t', 'rsa', '-N', '', '-C', 'root@truenas', '-f', path).check_returncode()
        pair = {'private_key': path.read_text(), 'public_key': path.with_suffix('.pub').read_text()}
        path.unlink()
        path.with_suffix('.pub').unlink()
        return pair

    def scan(self, sent):
        self.check_fields('keychain_remote_ssh_host_key_scan', sent, {'host', 'port', 'connect_timeout'}, ('host',))
        done = subprocess.run(['ssh-keyscan', '-p', str(sent.get('port', 22)), '-T', str(sent.get('connect_timeout', 10)),
                               sent['host']], capture_output=True, text=True, timeout=PATIENCE_S)
        lines = [' '.join(line.split()[1:]) for line in done.stdout.splitlines() if line and not line.startswith('# ')]
        if not lines:
            raise failed(f'ssh-keyscan failed: {done.stdout + done.stderr!r}')
        return '\n'.join(lines)

    def semiautomatic(self, sent):
        schema = 'keychain_remote_ssh_semiautomatic_setup'
        self.check_fields(schema, sent, SEMIAUTOMATIC, ('name', 'url', 'private_key'))
        if not re.match(r'https?://', sent['url']):
            raise invalid(f'{schema}.url', 'Not a valid URL')
        pair = next((one for one in self.keychain if one['id'] == sent['private_key'] and one['type'] == 'SSH_KEY_PAIR'), None)
        if not pair:
            raise failed(f'Key pair {sent["private_key"]} does not exist', errno.ENOENT)
        other = self.running.get(sent['url'])
        if not other:
            raise failed('Unable to connect to remote system: [Errno 111] Connection refused')
        if sent.get('password') != other.password:
            raise failed('Invalid password')
        user = other.user(sent.get('username', 'root'))
        public = pair['attributes']['public_key'].strip()
        if public not in (user['sshpubkey'] or ''):
            other.set_sshpubkey(f'{user["sshpubkey"] or ""}\n{public}', user['username'])
        return self.create_credential({'name': sent['name'], 'type': 'SSH_CREDENTIALS', 'attributes': {
            'host': urllib.parse.urlparse(sent['url']).hostname, 'port': other.port, 'username': user['username'],
            'private_key': pair['id'], 'remote_host_key': other.host_key, 'connect_timeout': sent.get('connect_timeout', 10)}})
