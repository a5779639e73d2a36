"""A stand-in of RouterOS: its REST API over TLS, and its command line behind a real sshd.

docs/routeros.md says which documented behaviour each part follows. What the real one refuses is refused here:
tests/integration/device/test_routeros_standin.py has a test of each refusal.
"""
import base64
import contextlib
import http.server
import json
import pathlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import urllib.parse

from .build import TEST_SSHD
from .patience import PATIENCE_S
from .places import public_directory
from .routeros_box import Box, Device, NoSuchCommand, Refused, console
from .server import wait_for
from .standin import Certificate
from .target import DENY

# Algorithms with strong-crypto=yes, and those of an old device without.
STRONG = ('KexAlgorithms curve25519-sha256,diffie-hellman-group14-sha256', 'Ciphers aes256-gcm@openssh.com,aes256-ctr,aes192-ctr',
          'MACs hmac-sha2-256,hmac-sha2-512')
WEAK = ('KexAlgorithms diffie-hellman-group14-sha1,diffie-hellman-group1-sha1', 'Ciphers aes128-cbc,3des-cbc', 'MACs hmac-sha1,hmac-md5',
        'HostKeyAlgorithms ssh-rsa', 'PubkeyAcceptedAlgorithms +ssh-rsa')
DEFAULT = ('HostKeyAlgorithms rsa-sha2-256,rsa-sha2-512,ssh-ed25519',)

# sshd's forced command: it asks the device, which is this process. Files go to the device's by SFTP.
FORCED = '''
import json, os, socket, sys
command = os.environ.get('SSH_ORIGINAL_COMMAND', '')
with socket.socket(socket.AF_UNIX) as box:
    box.connect(sys.argv[1] + '/socket')
    box.sendall(json.dumps([os.environ['USER'], command]).encode())
    box.shutdown(socket.SHUT_WR)
    status, text = json.load(box.makefile())
if command == 'internal-sftp' and text == '':
    os.chdir(sys.argv[1] + '/files')
    os.execv('/usr/lib/openssh/sftp-server', ['sftp-server'])
sys.stdout.write(text)
sys.stdout.flush()
os._exit(status)
'''

STATUS = {400: 'Bad Request', 401: 'Unauthorized', 404: 'Not Found', 406: 'Not Acceptable', 500: 'Internal Server Error'}


class RestError(Exception):
    def __init__(self, status, detail=None):
        super().__init__(detail)
        self.status, self.body = status, {'error': status, 'message': STATUS[status], **({'detail': detail} if detail else {})}


class RouterOS:
    """One device. users: names that can log in by SSH, if it knows them."""

    def __init__(self, version='7.16.2 (stable)', crypto=DEFAULT, forwarding=False, users=('admin', 'sallyport', 'bob', 'carol'),
                 host_key_type='rsa', has_ssh=True):
        self.version, self.crypto, self.forwarding, self.users = version, crypto, forwarding, users
        self.host_key_type, self.has_ssh = host_key_type, has_ssh
        self.requests, self.commands, self.faults = [], [], {}

    # ---- starting and ending ------------------------------------------------

    def __enter__(self):
        self.stack = contextlib.ExitStack()
        self.directory = self.stack.enter_context(public_directory())
        self.box = Box(self.directory, self.version)
        if self.has_ssh:
            self.make_host_keys()
            self.start_console()
            self.start_sshd()
            self.stack.callback(self.stop_sshd)
        self.start_rest()
        return self

    def __exit__(self, *words):
        self.stack.close()

    def make_host_keys(self):
        path = self.directory / 'host_key'
        for one in (path, path.with_suffix('.pub')):
            one.unlink(missing_ok=True)
        bits = ['-b', '2048'] if self.host_key_type == 'rsa' else []
        subprocess.run(['ssh-keygen', '-q', '-t', self.host_key_type, *bits, '-N', '', '-C', '', '-f', path], check=True)

    @property
    def host_key(self):
        """The line "type base64" of the key that it shows."""
        return ' '.join((self.directory / 'host_key.pub').read_text().split()[:2])

    def start_console(self):
        """Where the forced command of each session asks."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / 'socket'))
        (self.directory / 'socket').chmod(0o666)
        listener.listen(64)
        self.stack.callback(listener.close)
        self.stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with listener.accept()[0] as one, contextlib.suppress(OSError, ValueError):
                        user, command = json.loads(one.makefile().read())
                        self.commands.append((user, command))
                        one.sendall(json.dumps(console(self.box, user, command)).encode())
        threading.Thread(target=serve, daemon=True).start()

    def start_sshd(self):
        (self.directory / 'forced.py').write_text(FORCED)
        (self.directory / 'pam').write_text(DENY)
        lines = ['LoginGraceTime 0', *self.crypto, f'AllowTcpForwarding {"yes" if self.forwarding else "no"}',
                 f'HostKey {self.directory}/host_key', f'ForceCommand /usr/bin/python3 -ISs {self.directory}/forced.py {self.directory}']
        if not any('HostKeyAlgorithms' in line for line in self.crypto):
            lines.append('HostKeyAlgorithms rsa-sha2-256,rsa-sha2-512,ssh-ed25519')
        if self.host_key_type == 'rsa':  # test-sshd has an ed25519 key of its own
            lines = [line.replace(',ssh-ed25519', '') for line in lines]
        words = ['--pam-lines', str(self.directory / 'pam'), '--authorized', f'{self.box.keys}/%u']
        for line in lines:
            words += ['--sshd-line', line]
        for user in self.users:
            words += ['--user', user]
        started = subprocess.run([str(TEST_SSHD), *words], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        self.facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.port = int(self.facts['port'])
        if self.host_key_type != 'rsa':
            self.adopt_host_key()

    def adopt_host_key(self):
        """Where its type is test-sshd's, there must not be two."""
        own = pathlib.Path(self.facts['dir']) / 'host_key'
        for end in ('', '.pub'):
            shutil.copy(f'{self.directory}/host_key{end}', f'{own}{end}')
        self.reload()

    def stop_sshd(self):
        subprocess.run([str(TEST_SSHD), '--stop', self.facts['dir']], timeout=PATIENCE_S, check=True)

    def reload(self):
        log = pathlib.Path(self.facts['log'])
        before = log.read_text().count('Server listening')
        subprocess.run(['kill', f'-{int(signal.SIGHUP)}', self.facts['pid']], check=True)
        wait_for(lambda: log.read_text().count('Server listening') > before, 'sshd is there again')

    def regenerate_host_key(self, kind=None):
        """As /ip ssh regenerate-host-key, also with another host-key-type."""
        self.host_key_type = kind or self.host_key_type
        self.make_host_keys()
        if self.host_key_type != 'rsa':
            self.adopt_host_key()
        else:
            self.reload()

    def wipe(self):
        """Factory reset: whoever and whatever it knew is gone."""
        self.box.reset()
        self.regenerate_host_key()

    # ---- setting up and looking -----------------------------------------------

    def console(self, command, user='admin'):
        """What the console of a user prints; it must take the command."""
        status, text = console(self.box, user, command)
        assert not re.search(r'failure:|syntax error|bad command|no such item|not enough|expected|does not match|unable', text), text
        assert status == 0, text
        return text.replace('\r\n', '\n')

    def add_user(self, name, policy='ssh,ftp,read,write,policy', password='never-used'):
        self.console(f'/user group add name="{name}" policy={policy}')
        self.console(f'/user add name="{name}" group="{name}" password="{password}"')

    def add_key(self, user, line):
        """As if its administrator had typed it."""
        (self.box.files / 'typed.pub').write_text(line + '\n')
        self.console(f'/user ssh-keys import public-key-file="typed.pub" user="{user}"')

    def keys(self, user=None):
        """(user, comment) of each key."""
        with self.box.open() as state:
            return [(row['user'], row.get('info', row.get('key-owner'))) for row in state['user/ssh-keys']
                    if user in (None, row['user'])]

    def file_names(self):
        return sorted(path.name for path in self.box.files.iterdir())

    # ---- REST -------------------------------------------------------------------

    def start_rest(self):
        outer = self
        self.certificate = Certificate(self.directory, names='IP:127.0.0.1')

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def serve(self):
                sent = self.rfile.read(int(self.headers.get('Content-Length') or 0))
                try:
                    status, body = outer.answer(self.command, self.path, self.headers, sent)
                except RestError as error:
                    status, body = error.status, error.body
                text = b'' if body is None else json.dumps(body).encode()
                self.send_response(status)
                if text:
                    self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(text)

            do_GET = do_PUT = do_POST = do_PATCH = do_DELETE = serve

            def log_message(self, *words):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *words: None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate.cert, self.certificate.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        self.url = f'https://127.0.0.1:{server.server_port}'
        threading.Thread(target=server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()
        self.stack.callback(server.server_close)
        self.stack.callback(server.shutdown)

    @property
    def ca_pem(self):
        return pathlib.Path(self.certificate.ca).read_text()

    def login(self, headers, state):
        """The user of HTTP Basic, who may use REST."""
        kind, _, token = (headers.get('Authorization') or '').partition(' ')
        name, _, password = base64.b64decode(token).decode().partition(':') if kind == 'Basic' else ('', '', '')
        found = [row for row in state['user'] if row['name'] == name and row['password'] == password and not row['disabled']]
        if not found or 'rest-api' not in Device(self.box, state, name).policies():
            raise RestError(401)
        return name

    def answer(self, method, path, headers, sent):
        self.requests.append((method, path, sent))
        url = urllib.parse.urlsplit(path)
        if not url.path.startswith('/rest/'):
            raise RestError(404)
        words = [urllib.parse.unquote(word) for word in url.path[len('/rest/'):].split('/')]
        fault = self.faults.pop((method, '/'.join(words)), None)
        if fault:
            raise fault
        try:
            body = json.loads(sent) if sent else {}
        except ValueError:
            raise RestError(400, 'bad JSON') from None
        with self.box.open() as state:
            device = Device(self.box, state, self.login(headers, state))
            try:
                return getattr(self, f'rest_{method.lower()}')(device, words, dict(urllib.parse.parse_qsl(url.query)), body)
            except NoSuchCommand as why:
                raise RestError(406, str(why)) from None
            except Refused as why:
                status = 500 if 'permissions' in str(why) else 404 if 'no such item' in str(why) else 400
                raise RestError(status, str(why)) from None

    @staticmethod
    def split(words):
        """(menu, id or None)."""
        *front, last = words
        return ('/'.join(front), last) if last.startswith('*') else ('/'.join(words), None)

    @staticmethod
    def known_menu(menu):
        if menu not in Device.MENUS or not menu:
            raise RestError(400, 'no such command or directory (' + menu.rpartition('/')[2] + ')')

    def listed(self, device, menu, proplist, chosen=lambda row: True):
        device.need('read')
        self.known_menu(menu)
        if menu in Device.SINGLE:
            return [device.shown(device.state[menu])]
        names = proplist.split(',') if isinstance(proplist, str) and proplist else proplist or None
        rows = [device.shown(row) for row in device.rows(menu)]
        return [{name: value for name, value in row.items() if names is None or name in names} for row in rows if chosen(row)]

    def rest_get(self, device, words, query, body):
        """print: of all, of those that name=value chooses, of one."""
        menu, number = self.split(words)
        proplist = query.pop('.proplist', None)
        if any(name.startswith('_') for name in query):
            raise RestError(400, 'unknown parameter ' + next(iter(query)))
        found = self.listed(device, menu, proplist,
                            lambda row: number in (None, row['.id']) and all(row.get(name) == value for name, value in query.items()))
        if menu in Device.SINGLE:
            return 200, found[0]
        if number is None:
            return 200, found
        if not found:
            raise RestError(404)
        return 200, found[0]

    def rest_put(self, device, words, query, body):
        """add: one record."""
        menu, number = self.split(words)
        self.known_menu(menu)
        if number is not None or not isinstance(body, dict):
            raise RestError(400, 'PUT makes one record')
        made = device.run(menu, 'add', body)
        return 201, device.shown(made)

    def rest_patch(self, device, words, query, body):
        menu, number = self.split(words)
        self.known_menu(menu)
        if number is not None and not any(row['.id'] == number for row in device.rows(menu)):
            raise RestError(404)
        device.run(menu, 'set', {**body, **({'numbers': number} if number else {})})
        return 200, device.shown(device.state[menu] if number is None else device.chosen(menu, number)[0])

    def rest_delete(self, device, words, query, body):
        menu, number = self.split(words)
        self.known_menu(menu)
        if number is None:
            raise RestError(400, 'missing or invalid resource identifier')
        if not any(row['.id'] == number for row in device.rows(menu)):
            raise RestError(404)
        device.run(menu, 'remove', {'numbers': number})
        return 204, None

    def rest_post(self, device, words, query, body):
        """Any command of the console; one that never ends is cut off after 60 s."""
        menu, verb = '/'.join(words[:-1]), words[-1]
        if (menu, verb) == ('', 'ping') and 'count' not in body:
            raise RestError(400, 'Session closed')
        self.known_menu(menu)
        if verb != 'print':
            got = device.run(menu, verb, {('numbers' if name == '.id' else name): value for name, value in body.items()})
            return 200, {'ret': got['.id']} if isinstance(got, dict) and '.id' in got else []
        if any(name.startswith('_') for name in body):
            raise RestError(400, 'unknown parameter ' + next(iter(body)))
        return 200, self.listed(device, menu, body.get('.proplist'), lambda row: self.query(body.get('.query', []), row))

    @staticmethod
    def query(words, row):
        """The words push and combine truths; every one that is left must hold."""
        stack = []
        for word in words:
            if word.startswith('#'):
                for sign in word[1:]:
                    if sign == '!':
                        stack.append(not stack.pop())
                    elif sign in '|&':
                        b, a = stack.pop(), stack.pop()
                        stack.append(a or b if sign == '|' else a and b)
                    else:
                        raise RestError(400, f'bad query word {word}')
            elif '=' in word:
                name, _, value = word.partition('=')
                stack.append(row.get(name) == value)
            else:
                stack.append(not word.startswith('-') and word in row or word.startswith('-') and word[1:] not in row)
        return all(stack)


def session_closed():
    """What a command gives that took longer than 60 s."""
    return RestError(400, 'Session closed')
