"""What a RouterOS device knows, and its command line: the inner half of the stand-in (routeros_standin.py).

It is no RouterOS. It does what MikroTik's pages on SSH, User, REST API, Certificates and Scripting say of the
commands that Sallyport sends, and refuses what they say is refused.
"""
import base64
import contextlib
import hashlib
import inspect
import re
import threading

POLICIES = ('local', 'telnet', 'ssh', 'ftp', 'reboot', 'read', 'write', 'policy', 'test', 'winbox', 'password', 'web',
            'sniff', 'sensitive', 'api', 'romon', 'rest-api')
KEY_TYPES = {'ssh-rsa': 'rsa', 'ssh-ed25519': 'ed25519', 'ssh-dss': 'dsa'}
FILE_MAX = 4095  # bytes that /file set contents= takes


class Refused(Exception):
    """What the console prints in red."""


class NoSuchCommand(Refused):
    """REST has a status of its own for these (406)."""


def denied():
    return Refused('not enough permissions (9)')


def as_text(value):
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, list):
        return ';'.join(map(as_text, value))
    return '' if value is None else str(value)


def new_state(version):
    services = {'telnet': ('23', True), 'ftp': ('21', True), 'www': ('80', True), 'ssh': ('22', False),
                'www-ssl': ('443', False), 'api': ('8728', True), 'winbox': ('8291', False), 'api-ssl': ('8729', True)}
    return {
        'version': version, 'next': 0x10, 'files': [], 'statuses': not version.startswith('6.'), 'log': [],
        'system/resource': {'version': version, 'platform': 'MikroTik', 'board-name': 'CHR'},
        'system/identity': {'name': 'MikroTik'},
        'ip/ssh': {'forwarding-enabled': 'no', 'host-key-size': '2048', 'strong-crypto': False,
                   **({'always-allow-password-login': False} if release(version) < (7, 23)
                      else {'password-authentication': 'yes-if-no-key'}),
                   **({'allow-none-crypto': False} if release(version) < (7, 20) else {'ciphers': 'auto'}),
                   **({} if release(version) < (7, 0) else {'host-key-type': 'rsa'})},
        'ip/service': [{'.id': f'*{n:X}', 'name': name, 'port': port, 'address': '', 'disabled': off}
                       for n, (name, (port, off)) in enumerate(services.items())],
        'user/group': [{'.id': '*1', 'name': 'full', 'policy': list(POLICIES)},
                       {'.id': '*2', 'name': 'read', 'policy': ['ssh', 'read', 'test', 'sensitive', 'api', 'rest-api']}],
        'user': [{'.id': '*1', 'name': 'admin', 'group': 'full', 'password': 'factory', 'disabled': False}],
        'user/ssh-keys': [], 'user/ssh-keys/private': [], 'certificate': [], 'interface': [{'.id': '*1', 'name': 'ether1'}],
    }


def release(version):
    """(7, 16) of "7.16.2 (stable)"."""
    major, minor = re.match(r'(\d+)\.(\d+)', version).groups()
    return int(major), int(minor)


class Box:
    """The device: its tables, its files, and for sshd a file of each user's keys."""

    def __init__(self, directory, version):
        self.files, self.keys = directory / 'files', directory / 'keys'
        for path in (self.files, self.keys):
            path.mkdir()
        self.files.chmod(0o777)
        self.version, self.lock = version, threading.RLock()
        self.reset()

    def reset(self):
        """As it came from the factory."""
        with self.open() as state:
            state.clear()
            state.update(new_state(self.version))
        for path in self.files.iterdir():
            path.unlink()

    @contextlib.contextmanager
    def open(self):
        """The state, for one command."""
        with self.lock:
            self.__dict__.setdefault('state', {})
            try:
                yield self.state
            finally:
                self.write_keys()

    def write_keys(self):
        texts = dict.fromkeys([path.name for path in self.keys.iterdir()], '')
        for row in self.state.get('user/ssh-keys', ()):
            if 'ssh' in Device(self, self.state, row['user']).policies():
                texts[row['user']] = texts.get(row['user'], '') + row['key'] + '\n'
        for user, text in texts.items():
            (self.keys / user).write_text(text)


class Device:
    """One session: a user's commands on the state."""

    MENUS = ('user', 'user/group', 'user/ssh-keys', 'user/ssh-keys/private', 'ip/ssh', 'ip/service', 'file', 'certificate',
             'system/resource', 'system/identity', 'interface', 'log', 'import', 'system/ssh-exec', 'ip', 'system', '')
    SINGLE = ('ip/ssh', 'system/resource', 'system/identity')
    SECRET = ('password', 'key')  # never shown

    def __init__(self, box, state, user):
        self.box, self.state, self.user, self.output = box, state, user, []

    # ---- rights -----------------------------------------------------------

    def policies(self):
        groups = {row['name']: row['policy'] for row in self.state['user/group']}
        found = [row for row in self.state['user'] if row['name'] == self.user and not row['disabled']]
        return groups.get(found[0]['group'], []) if found else []

    def need(self, *policies):
        if not set(policies) <= set(self.policies()):
            raise denied()

    def has_full_rights(self):
        return set(POLICIES) <= set(self.policies())

    # ---- tables -----------------------------------------------------------

    def version(self):
        return release(self.state['version'])

    def comment_name(self):
        """Of the comment of a user's key: renamed in 7.23."""
        return 'info' if self.version() >= (7, 23) else 'key-owner'

    def rows(self, menu):
        if menu == 'file':
            return [{'.id': f'*{index:X}', 'name': path.name, 'type': 'ssh key' if path.suffix == '.pub' else 'file',
                     'size': path.stat().st_size} for index, path in enumerate(sorted(self.box.files.iterdir()), 1)]
        if menu not in self.state or menu in self.SINGLE:
            raise NoSuchCommand('no such command')
        return self.state[menu]

    def shown(self, row):
        return {name: ','.join(value) if isinstance(value, list) else as_text(value)
                for name, value in row.items() if name not in self.SECRET}

    def add_row(self, menu, row):
        self.state['next'] += 1
        row = {'.id': f'*{self.state["next"]:X}', **row}
        self.rows(menu).append(row)
        return row

    def columns(self, menu):
        """Names that an expression may speak of."""
        names = {name for row in self.rows(menu) for name in row}
        return names | {'user/ssh-keys': {'user', 'bits', self.comment_name()},
                        'user/ssh-keys/private': {'user', 'bits', 'key-owner'}}.get(menu, {'name'})

    def chosen(self, menu, numbers):
        """Rows by id or name; every one must exist."""
        rows = []
        for one in numbers if isinstance(numbers, list) else as_text(numbers).split(','):
            if one == '':
                continue
            found = [row for row in self.rows(menu) if one in (row['.id'], row.get('name'))]
            if not found:
                raise Refused('no such item')
            rows += found
        return rows

    # ---- verbs ------------------------------------------------------------

    def run(self, menu, verb, args):
        """A command: menu "user/ssh-keys", verb "import", its named words. What it gives."""
        special = getattr(self, f'do_{menu}_{verb}'.replace('/', '_').replace('-', '_').strip('_'), None)
        if special:
            words = {name.replace('-', '_'): value for name, value in args.items()}
            try:
                inspect.signature(special).bind(**words)
            except TypeError:
                raise Refused('expected end of command (line 1 column 1)') from None
            return special(**words)
        if menu in self.SINGLE and verb == 'set':
            self.need('write')
            known = self.state[menu]
            for name, value in args.items():
                if name not in known:
                    raise Refused(f'expected end of command (line 1 column 1): {name}')
                known[name] = value == 'yes' if isinstance(known[name], bool) else value
            return None
        if menu in ('user', 'user/group', 'ip/service') and verb == 'set':
            self.need('write', *(['policy'] if menu != 'ip/service' else []))
            for row in self.chosen(menu, args.pop('numbers', '')):
                for name, value in args.items():
                    row[name] = value == 'yes' if name == 'disabled' else self.policy_list(row, value) if name == 'policy' else value
            return None
        if menu in ('user', 'user/group', 'user/ssh-keys', 'user/ssh-keys/private', 'file', 'certificate') and verb == 'remove':
            return self.remove(menu, args['numbers'])
        raise NoSuchCommand(f'no such command or directory ({verb})')

    def policy_list(self, row, value):
        """set policy= adds to what is there; "!name" takes away."""
        names = [] if row is None else list(row['policy'])
        for one in value.split(','):
            if one.lstrip('!') not in POLICIES:
                raise Refused(f'input does not match any value of policy: {one}')
            if one.startswith('!'):
                names = [name for name in names if name != one[1:]]
            elif one not in names:
                names.append(one)
        return names

    def remove(self, menu, numbers):
        self.need('write', *(['policy'] if menu.startswith('user') else []))
        for row in self.chosen(menu, numbers):
            if menu == 'file':
                (self.box.files / row['name']).unlink()
            elif menu == 'user/group' and row['name'] in ('full', 'read', 'write'):
                raise Refused('failure: cannot remove system group')
            else:
                self.state[menu].remove(row)

    def do_user_group_add(self, name, policy='', comment=''):
        self.need('write', 'policy')
        if any(row['name'] == name for row in self.rows('user/group')):
            raise Refused('failure: group with the same name already exists')
        if set(self.policy_list(None, policy)) - set(self.policies()):
            raise denied()
        return self.add_row('user/group', {'name': name, 'policy': self.policy_list(None, policy), 'comment': comment})

    def do_user_add(self, name, group, password='', comment=''):
        self.need('write', 'policy')
        if not re.fullmatch(r'[A-Za-z0-9]([A-Za-z0-9_.#@-]*[A-Za-z0-9])?', name):
            raise Refused('failure: invalid user name')
        if any(row['name'] == name for row in self.rows('user')):
            raise Refused('failure: user with the same name already exists')
        if not any(row['name'] == group for row in self.rows('user/group')):
            raise Refused('input does not match any value of group')
        if not password:
            raise Refused('failure: password must not be empty')
        return self.add_row('user', {'name': name, 'group': group, 'password': password, 'disabled': False, 'comment': comment})

    def take_key(self, user, line):
        """A public key's line as add and import take it."""
        words = line.strip().split(None, 2)
        newest = {'ssh-ed25519': (7, 12), 'ssh-rsa': (0, 0)}
        bad = Refused('unable to load key file (wrong format or bad passphrase)!')
        if '\n' in line.strip() or len(words) < 2 or words[0] not in KEY_TYPES:
            raise bad
        if words[0] == 'ssh-dss' and self.version() >= (7, 0) or self.version() < newest.get(words[0], (0, 0)):
            raise bad
        try:
            blob = base64.b64decode(words[1], validate=True)
        except ValueError:
            raise bad from None
        if blob[4:4 + len(words[0])] != words[0].encode():
            raise bad
        if not any(row['name'] == user for row in self.rows('user')):
            raise Refused('input does not match any value of user')
        digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')
        kind = KEY_TYPES[words[0]]
        bits = 256 if kind == 'ed25519' else 8 * (int.from_bytes(blob[4 + 7 + 4 + 3:][:4], 'big') - 1)
        return self.add_row('user/ssh-keys', {
            'user': user, self.comment_name(): words[2] if len(words) > 2 else '', 'key-type': kind, 'bits': bits,
            **({'fingerprint': f'SHA256:{digest}'} if self.version() >= (7, 20) else {}), 'key': ' '.join(words[:2])})

    def file_text(self, name):
        path = self.box.files / name
        if '/' in name or not path.is_file():
            raise Refused('input does not match any value of file-name')
        return path

    def do_user_ssh_keys_import(self, public_key_file, user, key_owner=None):
        self.need('write', 'policy')
        path = self.file_text(public_key_file)
        row = self.take_key(user, path.read_text())
        if key_owner is not None:
            row[self.comment_name()] = key_owner
        path.unlink()  # an imported file is gone

    def do_user_ssh_keys_add(self, user, key):
        if self.version() < (7, 10):
            raise NoSuchCommand('no such command or directory (add)')
        self.need('write', 'policy')
        return self.take_key(user, key)

    def do_user_ssh_keys_private_import(self, user, private_key_file, passphrase=''):
        self.need('write', 'policy')
        if user != self.user and not self.has_full_rights():
            raise denied()
        path = self.file_text(private_key_file)
        text = path.read_text()
        if 'PRIVATE KEY' not in text or 'ENCRYPTED' in text and not passphrase:
            raise Refused('unable to load key file (wrong format or bad passphrase)!')
        self.add_row('user/ssh-keys/private', {'user': user, 'key-owner': path.name, 'bits': 2048, 'key': text})
        path.unlink()

    def do_file_print(self, file):
        self.need('write')
        (self.box.files / f'{file}.txt').write_text('')

    def do_file_set(self, numbers, contents):
        self.need('write')
        if len(contents.encode()) > FILE_MAX:
            raise Refused('failure: contents too long')
        for row in self.chosen('file', numbers):
            (self.box.files / row['name']).write_text(contents)

    def do_file_add(self, name, contents=''):
        self.need('write')
        (self.box.files / name).write_text(contents)
        return {'name': name}

    def do_certificate_import(self, file_name, passphrase='', trusted='yes', name=''):
        self.need('write')
        path = self.file_text(file_name)
        text = path.read_text()
        n_certificates, n_keys = text.count('BEGIN CERTIFICATE'), text.count('PRIVATE KEY-----') // 2
        for _ in range(n_certificates):
            self.add_row('certificate', {'name': name or path.name + '_0', 'trusted': trusted == 'yes',
                                         'authority': True, 'private-key': n_keys > 0})
        self.output.append(f'     certificates-imported: {n_certificates}\n     private-keys-imported: {n_keys}\n'
                           f'            files-imported: 1\n       decryption-failures: 0\n  keys-with-no-certificate: 0\n')

    def do_certificate_export_certificate(self, numbers, export_passphrase='', type='pem'):
        self.need('read', 'sensitive')
        for row in self.chosen('certificate', numbers):
            (self.box.files / f'cert_export_{row["name"]}.crt').write_text('-----BEGIN CERTIFICATE-----\n')

    def do_ip_ssh_regenerate_host_key(self):
        self.need('write')
        self.state['regenerate'] = True

    def do_ip_ssh_export_host_key(self, key_file_prefix):
        self.need('read', 'sensitive')
        for end in ('_rsa', '_rsa.pub'):
            (self.box.files / (key_file_prefix + end)).write_text('')

    def do_system_ssh_exec(self, address, command, user=''):
        self.need('test')
        return [{'exit-code': '0', 'output': ''}]

    def do_import(self, file_name):
        self.need('write', 'test')
        Script(self, self.file_text(file_name).read_text(), may_break_lines=True).run()
        self.output.append('\nScript file loaded and executed successfully\n')


# ---- the console's language --------------------------------------------------

ESCAPES = {'n': '\n', 'r': '\r', 't': '\t', '_': ' ', '"': '"', '\\': '\\', '$': '$', '?': '?'}


class Script:
    """Commands, one after the other: enough of the scripting language for what is sent to a device, and no more."""

    def __init__(self, device, text, names=None, may_break_lines=False):
        if not may_break_lines and ('\n' in text or '\r' in text):
            raise Refused(f'syntax error (line 1 column {text.replace(chr(13), chr(10)).index(chr(10)) + 1})')
        if '\r' in text:
            raise Refused('syntax error: carriage return')
        self.device, self.text, self.at, self.menu = device, text, 0, None
        self.names = {} if names is None else names

    def where(self):
        before = self.text[:self.at]
        return f'(line {before.count(chr(10)) + 1} column {self.at - (before.rfind(chr(10)) + 1) + 1})'

    def fail(self, what='syntax error'):
        raise Refused(f'{what} {self.where()}')

    def run(self):
        while True:
            self.blanks(lines=True)
            if self.at >= len(self.text):
                return
            self.command()
            self.end_of_command()

    def end_of_command(self):
        self.blanks()
        if self.at < len(self.text) and self.text[self.at] not in ';\n':
            self.fail('expected end of command')

    def blanks(self, lines=False):
        while self.at < len(self.text):
            if self.text.startswith('#', self.at) and (self.at == 0 or self.text[self.at - 1] == '\n'):
                while self.at < len(self.text) and self.text[self.at] != '\n':
                    self.at += 1
            elif self.text[self.at] in (' \t;\n' if lines else ' \t'):
                self.at += 1
            elif self.text.startswith('\\\n', self.at):
                self.at += 2
            else:
                return

    def match(self, pattern):
        found = re.compile(pattern).match(self.text, self.at)
        if found:
            self.at = found.end()
        return found

    # ---- values -----------------------------------------------------------

    def string(self):
        out = ''
        self.at += 1
        while True:
            if self.at >= len(self.text):
                self.fail('expected closing quote')
            char = self.text[self.at]
            self.at += 1
            if char == '"':
                return out
            if char == '\\':
                code = self.match(r'[0-9A-F]{2}')
                if code:
                    out += chr(int(code.group(), 16))
                    continue
                if self.at >= len(self.text) or self.text[self.at] not in ESCAPES:
                    self.fail('bad escape')
                out += ESCAPES[self.text[self.at]]
                self.at += 1
            elif char == '$':
                out += as_text(self.names.get(self.match(r'[A-Za-z0-9]*').group()))
            else:
                out += char

    def block(self):
        """The text within { }."""
        depth, start = 0, self.at
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == '"':
                self.string()
                continue
            depth += (char == '{') - (char == '}')
            self.at += 1
            if depth == 0:
                return self.text[start + 1:self.at - 1]
        return self.fail('expected closing brace')

    def value(self):
        char = self.text[self.at:self.at + 1]
        if char == '"':
            return self.string()
        if char == '[':
            self.at += 1
            self.blanks()
            got = self.command()
            self.blanks()
            if not self.match(r'\]'):
                self.fail('expected closing bracket')
            return got
        if char == '(':
            self.at += 1
            got = self.expression()
            if not self.match(r'\)'):
                self.fail('expected closing parenthesis')
            return got
        if char == '$':
            self.at += 1
            return self.names.get(self.match(r'[A-Za-z0-9]+').group())
        found = self.match(r'[^\s;\[\](){}"$=]+')
        return found.group() if found else self.fail()

    def expression(self, row=None):
        """Comparisons joined by and, or, from left to right. row: its names mean the row's values."""
        result = self.comparison(row)
        while True:
            self.blanks()
            joined = self.match(r'(and|or|&&|\|\|)\b ?|(&&|\|\|)')
            if not joined:
                return result
            right = self.comparison(row)
            result = (result and right) if joined.group().strip() in ('and', '&&') else (result or right)

    def comparison(self, row):
        self.blanks()
        left = self.operand(row)
        self.blanks()
        sign = self.match(r'!=|=|>|<|~|\.')
        if not sign:
            return left
        self.blanks()
        right = self.operand(None)
        numbers = as_text(left).isdigit() and as_text(right).isdigit()
        a, b = (int(as_text(left)), int(as_text(right))) if numbers else (as_text(left), as_text(right))
        return {'=': lambda: a == b, '!=': lambda: a != b, '>': lambda: a > b, '<': lambda: a < b,
                '~': lambda: re.search(str(b), str(a)) is not None, '.': lambda: as_text(left) + as_text(right)}[sign.group()]()

    def operand(self, row):
        name = row is not None and self.match(r'[A-Za-z.][A-Za-z0-9.-]*')
        if not name:
            return self.value()
        return row[name.group()] if name.group() in row else self.fail()

    # ---- commands ---------------------------------------------------------

    def command(self):
        if self.match(':'):
            return self.builtin()
        if self.menu is not None and self.match('find *'):  # in brackets: of the command's own menu
            self.device.need('read')
            return self.filtered(self.menu)
        if not self.match('/'):
            return self.fail('bad command name')
        words, start = [], self.at
        while True:
            found = self.match(r'[a-z][a-z0-9-]*(?![a-z0-9-]*=)')
            if not found:
                break
            words.append(found.group())
            if not self.match(r'/| +(?=[a-z])'):
                break
            if '/'.join(words) not in Device.MENUS:
                break
        menu = '/'.join(words[:-1])
        if '/'.join(words) in ('import', 'system/ssh-exec'):
            menu, words = '/'.join(words), [*words, '']
        if not words or menu not in Device.MENUS or '/'.join(words) in Device.MENUS:
            self.at = start
            return self.fail(f'bad command name {words[-1] if words else ""}')
        return self.menu_command(menu, words[-1])

    def menu_command(self, menu, verb):
        outer, self.menu = self.menu, menu
        try:
            return self.in_menu(menu, verb)
        finally:
            self.menu = outer

    def in_menu(self, menu, verb):
        device = self.device
        self.blanks()
        if verb == 'find':
            device.need('read')
            return self.filtered(menu)
        if verb == 'print' and not self.text.startswith('file=', self.at):
            device.need('read')
            return self.print_rows(menu)
        if verb == 'get':
            device.need('read')
            return self.get(menu)
        args = {}
        while True:
            self.blanks()
            named = self.match(r'([a-z][a-z0-9-]*)=')
            if named:
                args[named.group(1)] = self.value()
            elif self.at < len(self.text) and self.text[self.at] not in ';]}\n' and 'numbers' not in args:
                args['numbers'] = self.value()
            else:
                break
        try:
            return device.run(menu, verb, args)
        except NoSuchCommand:
            return self.fail(f'bad command name {verb}')

    def filtered(self, menu):
        """Ids of the rows that the words behind find choose."""
        is_where, start, chosen, end = bool(self.match('where ')), self.at, [], self.at
        if not is_where and not self.match(r'(?=[a-z.][a-z.-]*=)'):
            return [row['.id'] for row in self.device.rows(menu)]
        for row in [*self.device.rows(menu), {}]:
            self.at = start
            is_chosen = self.expression({**dict.fromkeys(self.device.columns(menu)), **self.device.shown(row)})
            end = self.at
            if is_chosen and row:
                chosen.append(row['.id'])
        self.at = end
        return chosen

    def print_rows(self, menu):
        words = set()
        while True:
            self.blanks()
            word = self.match(r'terse|detail|count-only|without-paging|show-ids')
            if not word:
                break
            words.add(word.group())
        if menu in Device.SINGLE:
            self.device.output += [f'  {name}: {self.yes_no(value)}\n' for name, value in self.device.state[menu].items()]
            return None
        ids = self.filtered(menu)
        if 'count-only' in words:
            self.device.output.append(f'{len(ids)}\n')
            return len(ids)
        for n, row in enumerate(row for row in self.device.rows(menu) if row['.id'] in ids):
            pairs = ' '.join(f'{name}={self.yes_no(value)}' for name, value in row.items()
                             if name not in ('.id', 'disabled', *Device.SECRET))
            self.device.output.append(f'{n:2} {"X" if row.get("disabled") else " "} {pairs} \n')
        return None

    @staticmethod
    def yes_no(value):
        if isinstance(value, bool):
            return 'yes' if value else 'no'
        return ','.join(value) if isinstance(value, list) else as_text(value)

    def get(self, menu):
        if menu in Device.SINGLE:
            row = self.device.state[menu]
        else:
            found = self.device.chosen(menu, self.value())
            if len(found) != 1:
                raise Refused('no such item')
            row = found[0]
        self.blanks()
        name = self.match(r'[a-z.][a-z.-]*')
        if not name or name.group() not in row or name.group() in Device.SECRET:
            self.fail('unknown parameter')
        return row[name.group()]

    def builtin(self):
        name = self.match(r'[a-z]+')
        name = name.group() if name else ''
        self.blanks()
        if name == 'put':
            self.device.output.append(as_text(self.value()) + '\n')
        elif name == 'len':
            got = self.value()
            return len(got) if isinstance(got, (list, str)) else 0
        elif name == 'delay':
            self.value()
        elif name == 'local':
            key = self.match(r'[A-Za-z0-9]+').group()
            self.blanks()
            self.names[key] = self.value()
        elif name == 'error':
            raise Refused(as_text(self.value()))
        elif name == 'log':
            self.match(r'info|warning|error')
            self.blanks()
            self.device.state['log'].append(as_text(self.value()))
        elif name == 'if':
            self.choose()
        elif name == 'do':
            self.attempt()
        else:
            self.fail(f'bad command name {name}')
        return None

    def inner(self, text):
        Script(self.device, text, self.names, may_break_lines=True).run()

    def choose(self):
        condition = self.value()
        self.blanks()
        if not self.match('do='):
            self.fail('expected do=')
        then, other = self.block(), None
        if self.match(r'\s*else='):
            other = self.block()
        if condition:
            self.inner(then)
        elif other is not None:
            self.inner(other)

    def attempt(self):
        body, handler = self.block(), None
        if self.match(r'\s*on-error='):
            handler = self.block()
        try:
            self.inner(body)
        except Refused:
            if handler is None:
                raise
            self.inner(handler)


def console(box, user, command):
    """Run one command as a user; (status, what is printed)."""
    with box.open() as state:
        device = Device(box, state, user)
        try:
            device.need('ssh')
            if command == 'internal-sftp':
                device.need('ftp')
            else:
                Script(device, command).run()
            status = 0
        except Refused as why:
            device.output.append(f'{why}\n')
            status = 1 if state['statuses'] else 0
        return status, ''.join(device.output).replace('\n', '\r\n')
