"""HTTP as bytes on a socket."""
import socket

from .patience import PATIENCE_S


def exchange(server, request, closes=None):
    """Send bytes, half-close if asked, and read until the server closes or the answers are whole.

    request ends its own connection (Connection: close, HTTP/1.0 or an error), so that the
    end of the stream is the end of the answers.
    """
    if isinstance(request, str):
        request = request.encode('latin1')
    with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE_S) as one:
        try:
            one.sendall(request)
            if closes:
                one.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it may refuse before it has read all
        got = b''
        try:
            while True:
                more = one.recv(65536)
                if not more:
                    break
                got += more
        except ConnectionResetError:
            pass
    return got


class RawAnswer:
    def __init__(self, data):
        head, _, self.body = data.partition(b'\r\n\r\n')
        lines = head.decode('latin1').split('\r\n')
        self.status = int(lines[0].split()[1]) if lines[0] else None
        self.version = lines[0].split()[0] if lines[0] else ''
        self.headers = {k.strip().lower(): v.strip() for k, _, v in (one.partition(':') for one in lines[1:])}

    def __repr__(self):
        return f'<{self.status} {self.headers} {self.body[:200]}>'


def ask(server, request, **more):
    return RawAnswer(exchange(server, request, **more))


class Line:
    """A connection that is kept: its answers come one by one."""

    def __init__(self, server):
        self.server, self.socket, self.rest = server, None, b''

    def ask(self, request, method='GET'):
        """The answer to one request whose connection is to be kept; ConnectionError where it is not."""
        if self.socket is None:
            self.socket, self.rest = socket.create_connection(('127.0.0.1', self.server.port), timeout=PATIENCE_S), b''
        try:
            self.socket.sendall(request)
            return self.answer(method)
        except ConnectionError:
            self.close()
            raise

    def answer(self, method):
        got = self.rest
        while (end := got.find(b'\r\n\r\n')) < 0:
            got += self.more()
        end += 4
        one = RawAnswer(got[:end])
        length = 0 if method == 'HEAD' else int(one.headers.get('content-length', 0))
        while len(got) < end + length:
            got += self.more()
        one.body, self.rest = got[end:end + length], got[end + length:]
        return one

    def more(self):
        got = self.socket.recv(65536)
        if not got:
            raise ConnectionError('closed')
        return got

    def close(self):
        if self.socket:
            self.socket.close()
        self.socket = None
