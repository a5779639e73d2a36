"""Servers that are not Sallyport: what a host must survive."""
import contextlib
import http.server
import json
import socket
import ssl
import subprocess
import threading

from .patience import PATIENCE_S


class Standin:
    """Answers every request with one status and body; remembers what it got.

    body may be a function of (path, headers, what was sent), which gives (status, body).
    """

    def __init__(self, status=200, body=None, tls=None, headers=()):
        self.requests, self.peers = [], []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get('Content-Length') or 0)
                sent = self.rfile.read(length)
                outer.peers.append(self.client_address[0])
                outer.requests.append((self.command, self.path, dict(self.headers), sent))
                status, body = outer.status, outer.body
                if callable(body):
                    status, body = body(self.path, self.headers, sent)
                text = body if isinstance(body, bytes) else json.dumps(body).encode()
                self.send_response(status)
                for name, value in headers:
                    self.send_header(name, value)
                self.send_header('Content-Length', str(len(text)))
                self.end_headers()
                with contextlib.suppress(OSError):
                    self.wfile.write(text)

            do_PUT = do_POST = do_GET = do_PATCH = do_DELETE = answer

            def log_message(self, *words):
                pass

        self.status, self.body = status, body if body is not None else {}
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *words: None
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(tls.cert, tls.key)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.address = f'{"https" if tls else "http"}://127.0.0.1:{self.server.server_port}'
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.02}, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *words):
        self.server.shutdown()
        self.server.server_close()


class Silent:
    """Takes connections and never says a word."""

    def __init__(self):
        self.socket = socket.create_server(('127.0.0.1', 0), backlog=64)
        self.address = f'http://127.0.0.1:{self.socket.getsockname()[1]}'

    def __enter__(self):
        return self

    def __exit__(self, *words):
        self.socket.close()


class Scripted:
    """Hands each connection to script(connection, self) in a thread of its own; counts those on which anything came."""

    def __init__(self, script, listen=('127.0.0.1', 0)):
        self.script, self.asked, self.ended = script, 0, threading.Event()
        self.socket = socket.create_server(listen, backlog=64)
        self.port = self.socket.getsockname()[1]
        self.address = f'http://127.0.0.1:{self.port}'
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection = self.socket.accept()[0]
                threading.Thread(target=self.play, args=(connection,), daemon=True).start()

    def play(self, connection):
        connection.settimeout(PATIENCE_S)
        with contextlib.suppress(OSError), connection:
            self.script(connection, self)

    def __enter__(self):
        return self

    def __exit__(self, *words):
        self.ended.set()
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Certificate:
    """A key and a certificate for names, signed by an authority of its own."""

    def __init__(self, directory, names='IP:127.0.0.1', stem='tls', days=30):
        def file(kind):
            return str(directory / f'{stem}.{kind}')
        self.cert, self.key, self.ca = file('crt'), file('key'), file('ca')

        def openssl(*words):
            subprocess.run(['openssl', *words], check=True, capture_output=True)
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=test CA',
                '-days', '30', '-keyout', file('cakey'), '-out', self.ca)
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=test', '-keyout',
                self.key, '-out', file('csr'))
        (directory / f'{stem}.ext').write_text(f'subjectAltName={names}\n')
        openssl('x509', '-req', '-in', file('csr'), '-CA', self.ca, '-CAkey', file('cakey'), '-days', str(days), '-extfile',
                file('ext'), '-out', self.cert)
