"""A keep-alive connection over a bare socket: fast, and a request can be held
back at its last byte, so that many are let go at once."""
import json
import socket
import ssl

from .patience import PATIENCE_S
from .strict_json import strict_json


class Wire:
    def __init__(self, server, token='', timeout=PATIENCE_S, source='127.0.0.1'):
        self.token = server.token if token == '' else token
        self.host = f'127.0.0.1:{server.port}'
        self.socket = socket.create_connection(('127.0.0.1', server.port), timeout, (source, 0))
        self.n_calls = 0
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.tls:
            context = ssl.create_default_context(cafile=server.tls.ca)
            self.socket = context.wrap_socket(self.socket, server_hostname='127.0.0.1')
        self.rest = b''

    def request(self, method, path, data=None, token=''):
        body = b'' if data is None else json.dumps(data).encode()
        token = self.token if token == '' else token
        head = f'{method} /v1/{path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Length: {len(body)}\r\n'
        if token is not None:
            head += f'X-Vault-Token: {token}\r\n'
        return head.encode() + b'\r\n' + body

    def call(self, method, path, data=None, token=''):
        """(status, object or None); ConnectionError where the server went away."""
        self.n_calls += 1
        self.socket.sendall(self.request(method, path, data, token))
        return self.answer()

    def hold(self, method, path, data=None, token=''):
        """Send all but the last byte; let_go sends that."""
        bytes_ = self.request(method, path, data, token)
        self.socket.sendall(bytes_[:-1])
        self.last = bytes_[-1:]

    def let_go(self):
        self.socket.sendall(self.last)

    def answer(self):
        got = self.rest
        while (end := got.find(b'\r\n\r\n')) < 0:
            got += self.more()
        head = got[:end].decode('latin-1').lower()
        at = head.find('content-length:')
        length = int(head[at + 15:].split('\r\n', 1)[0]) if at >= 0 else 0
        end += 4
        while len(got) < end + length:
            got += self.more()
        self.rest = got[end + length:]
        body = got[end:end + length]
        return int(head[9:12]), strict_json(body) if body else None

    def more(self):
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError('the server closed the connection')
        return got

    def close(self):
        self.socket.close()
