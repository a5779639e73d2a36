"""An SSH server that does as it is told: every message of RFC 4253, 4252 and 4254 by hand, at any moment nothing more.

A play is a function of a Wire; it plays one connection. Ed25519, curve25519-sha256, aes256-ctr and hmac-sha2-256 are all that it
knows, and any public key may log in.
"""
import base64
import contextlib
import hashlib
import hmac
import os
import socket
import struct
import threading

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

RAW = (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
BANNER = 'SSH-2.0-evil'
KEXINIT, NEWKEYS, KEX_INIT, KEX_REPLY = 20, 21, 30, 31
SERVICE_REQUEST, SERVICE_ACCEPT, AUTH_REQUEST, AUTH_FAILURE, AUTH_SUCCESS = 5, 6, 50, 51, 52
CHANNEL_OPEN, OPEN_CONFIRMATION, OPEN_FAILURE, WINDOW_ADJUST, DATA, EXTENDED_DATA, EOF, CLOSE = 90, 91, 92, 93, 94, 95, 96, 97
CHANNEL_REQUEST, SUCCESS, FAILURE = 98, 99, 100


def u32(n):
    return struct.pack('>I', n)


def string(data):
    data = data.encode() if isinstance(data, str) else data
    return u32(len(data)) + data


def mpint(data):
    data = data.lstrip(b'\0')
    return string(b'\0' + data if data and data[0] & 0x80 else data)


def take(data):
    """The string at the front, and the rest."""
    length, = struct.unpack('>I', data[:4])
    return data[4:4 + length], data[4 + length:]


class Wire:
    """One connection, up to where it was played."""

    def __init__(self, sock, key):
        self.sock, self.key, self.buffer = sock, key, b''
        self.sent = self.got = 0
        self.encrypt = self.decrypt = None
        self.command = None

    # ---- bytes

    def read(self, n):
        while len(self.buffer) < n:
            part = self.sock.recv(65536)
            if not part:
                raise EOFError
            self.buffer += part
        data, self.buffer = self.buffer[:n], self.buffer[n:]
        return data

    def raw(self, data):
        self.sock.sendall(data)

    def hang(self):
        """Until the other side is gone."""
        with contextlib.suppress(OSError):
            while self.sock.recv(65536):
                pass

    # ---- packets

    def send(self, payload):
        block = 16 if self.encrypt else 8
        padding = block - (5 + len(payload)) % block
        padding += block if padding < 4 else 0
        packet = u32(1 + len(payload) + padding) + bytes([padding]) + payload + bytes(padding)
        tag = b''
        if self.encrypt:
            tag = hmac.digest(self.mac_out, u32(self.sent) + packet, 'sha256')
            packet = self.encrypt.update(packet)
        self.sent = (self.sent + 1) & 0xffffffff
        self.raw(packet + tag)

    def recv(self):
        first = self.read(16 if self.decrypt else 4)
        if self.decrypt:
            first = self.decrypt.update(first)
        length, = struct.unpack('>I', first[:4])
        rest = self.read(4 + length - len(first))
        if self.decrypt:
            rest = self.decrypt.update(rest)
            self.read(32)
        packet = first + rest
        self.got += 1
        return packet[5:4 + length - packet[4]]

    def expect(self, kind):
        """The next message of that kind; others are passed over."""
        while True:
            payload = self.recv()
            if payload[0] == kind:
                return payload

    # ---- the acts, in order

    def banner(self, text=BANNER):
        self.server_version = text
        self.raw(text.encode() + b'\r\n')
        line = b''
        while not line.endswith(b'\n'):
            line += self.read(1)
        self.client_version = line.strip().decode()

    def kexinit(self, kex='curve25519-sha256', host_key='ssh-ed25519', cipher='aes256-ctr', mac='hmac-sha2-256'):
        lists = [kex, host_key, cipher, cipher, mac, mac, 'none', 'none', '', '']
        self.ours = bytes([KEXINIT]) + os.urandom(16) + b''.join(map(string, lists)) + b'\0' + u32(0)
        self.send(self.ours)
        self.theirs = self.expect(KEXINIT)

    def keys(self, secret, digest, letters):
        def key(letter):
            return hashlib.sha256(mpint(secret) + digest + letter.encode() + digest).digest()
        return [key(letter) for letter in letters]

    def exchange(self, spoil=False):
        theirs, _ = take(self.expect(KEX_INIT)[1:])
        pair = x25519.X25519PrivateKey.generate()
        ours = pair.public_key().public_bytes(*RAW)
        secret = pair.exchange(x25519.X25519PublicKey.from_public_bytes(theirs))
        host_key = string('ssh-ed25519') + string(self.key.public_key().public_bytes(*RAW))
        digest = hashlib.sha256(string(self.client_version) + string(self.server_version) + string(self.theirs) + string(
            self.ours) + string(host_key) + string(theirs) + string(ours) + mpint(secret)).digest()
        signature = self.key.sign(digest if not spoil else digest[::-1])
        self.send(bytes([KEX_REPLY]) + string(host_key) + string(ours) + string(string('ssh-ed25519') + string(signature)))
        self.send(bytes([NEWKEYS]))
        iv_in, iv_out, key_in, key_out, self.mac_in, self.mac_out = self.keys(secret, digest, 'ABCDEF')
        self.encrypt = Cipher(algorithms.AES(key_out), modes.CTR(iv_out[:16])).encryptor()
        self.expect(NEWKEYS)
        self.decrypt = Cipher(algorithms.AES(key_in), modes.CTR(iv_in[:16])).decryptor()

    def service(self):
        self.expect(SERVICE_REQUEST)
        self.send(bytes([SERVICE_ACCEPT]) + string('ssh-userauth'))

    def login(self):
        self.login_request = self.expect(AUTH_REQUEST)
        self.send(bytes([AUTH_SUCCESS]))

    def channel(self, window=1 << 20, packet_max=32768):
        """Of theirs: sender channel, ours is 7."""
        opened = self.expect(CHANNEL_OPEN)
        _, rest = take(opened[1:])
        self.theirs_id = rest[:4]
        self.send(bytes([OPEN_CONFIRMATION]) + self.theirs_id + u32(7) + u32(window) + u32(packet_max))

    def request(self, answer=SUCCESS):
        """The request for a command or a subsystem; its words."""
        asked = self.expect(CHANNEL_REQUEST)
        _, rest = take(asked[5:])
        self.command = take(rest[1:])[0].decode()
        self.send(bytes([answer]) + self.theirs_id)

    # ---- in a channel

    def say(self, kind, more=b''):
        self.send(bytes([kind]) + self.theirs_id + more)

    def data(self, data):
        self.say(DATA, string(data))

    def error(self, data):
        self.say(EXTENDED_DATA, u32(1) + string(data))

    def status(self, status):
        self.say(CHANNEL_REQUEST, string('exit-status') + b'\0' + u32(status))

    def signal(self, name):
        self.say(CHANNEL_REQUEST, string('exit-signal') + b'\0' + string(name) + b'\0' + string('') + string(''))

    def end(self):
        self.say(EOF)
        self.say(CLOSE)

    # ---- up to somewhere

    def to_keys(self):
        self.banner()
        self.kexinit()
        self.exchange()

    def to_login(self):
        self.to_keys()
        self.service()
        self.login()

    def to_command(self, **more):
        self.to_login()
        self.channel(**more)
        self.request()


class EvilSshd:
    """Plays every connection that comes; what a play got wrong is in errors, connections counts them."""

    def __init__(self, play, family=socket.AF_INET):
        self.key = ed25519.Ed25519PrivateKey.generate()
        self.play, self.connections, self.errors = play, 0, []
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(('127.0.0.1' if family == socket.AF_INET else '::1', 0))
        self.listener.listen(16)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    @property
    def host_key(self):
        blob = string('ssh-ed25519') + string(self.key.public_key().public_bytes(*RAW))
        return 'ssh-ed25519 ' + base64.b64encode(blob).decode()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections += 1
                threading.Thread(target=self.one, args=(sock,), daemon=True).start()

    def one(self, sock):
        with sock:
            try:
                self.play(Wire(sock, self.key))
            except (OSError, EOFError):
                pass
            except Exception as error:  # pylint: disable=broad-except
                self.errors.append(error)

    def __enter__(self):
        return self

    def __exit__(self, *words):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
