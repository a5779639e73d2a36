"""A small API client over http.client: what was sent and got is in plain sight."""
import http.client
import json
import socket
import ssl

from .patience import PATIENCE_S
from .strict_json import strict_json


class Answer:
    def __init__(self, status, headers, body):
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self):
        """Of a raw answer: None."""
        is_json = self.headers.get('Content-Type') == 'application/json'
        return strict_json(self.body) if self.body and is_json else None

    @property
    def data(self):
        return self.json['data']

    @property
    def errors(self):
        return self.json['errors']

    def __repr__(self):
        return f'<{self.status} {self.body[:300]!r}>'


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__('localhost', timeout=timeout)
        self.unix_path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_path)


class Api:
    """Calls of one caller. Each thread gets connections of its own."""

    def __init__(self, host, port, token=None, ca=None, unix=None, timeout=PATIENCE_S):
        self.host, self.port, self.token = host, port, token
        self.ca, self.unix, self.timeout = ca, unix, timeout
        self.connection = None  # a new one for each call

    def kept(self):
        """The same over one connection, for a thread that has thousands of calls."""
        one = self.with_token(self.token)
        one.connection = self.connect()
        return one

    def with_token(self, token):
        return Api(self.host, self.port, token, self.ca, self.unix, self.timeout)

    def connect(self):
        if self.unix:
            return UnixConnection(self.unix, self.timeout)
        if self.ca:
            context = ssl.create_default_context(cafile=self.ca)
            return http.client.HTTPSConnection(self.host, self.port, timeout=self.timeout, context=context)
        return http.client.HTTPConnection(self.host, self.port, timeout=self.timeout)

    def call(self, method, path, data=None, headers=None, raw=None, connection=None, token=''):
        """One request; data is sent as JSON, raw as it is; token '' is the caller's own."""
        sent = dict(headers or {})
        if token == '':
            token = self.token
        if token is not None and 'X-Vault-Token' not in sent:
            sent['X-Vault-Token'] = token
        body = raw if raw is not None else (json.dumps(data) if data is not None else None)
        connection = connection or self.connection
        one = connection or self.connect()
        try:
            one.request(method, path if path.startswith('/') else '/v1/' + path, body=body, headers=sent)
            got = one.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read().decode('utf-8', 'replace'))
        finally:
            if connection is None:
                one.close()

    def get(self, path, **more):
        return self.call('GET', path, **more)

    def list(self, path, **more):
        return self.call('LIST', path, **more)

    def put(self, path, data=None, **more):
        return self.call('PUT', path, data if data is not None else {}, **more)

    def post(self, path, data=None, **more):
        return self.call('POST', path, data if data is not None else {}, **more)

    def delete(self, path, **more):
        return self.call('DELETE', path, **more)
