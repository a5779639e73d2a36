"""Certificates by our encoder, read by a parser of its own and by ssh-keygen; signatures, checked by ssh-keygen."""
import base64
import json
import random
import re
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from support.build import BUILD
from support.figures import count, figure
from support.keys import SshKey, run

MAKE_CERTS = BUILD / 'tests' / 'support' / 'make_certs'
MAKE_SIG = BUILD / 'tests' / 'support' / 'make_sig'
USER = 1
ENDING = b'-cert-v01@openssh.com'
CURVES = {b'nistp256': (ec.SECP256R1(), hashes.SHA256()), b'nistp384': (ec.SECP384R1(), hashes.SHA384()),
          b'nistp521': (ec.SECP521R1(), hashes.SHA512())}


class Reader:
    """PROTOCOL.certkeys, from its text and not from our code."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, n):
        return int.from_bytes(self.take(n), 'big')

    def string(self):
        return self.take(self.number(4))

    def rest(self):
        return self.at < len(self.data)


def string(data):
    return len(data).to_bytes(4, 'big') + data


def strings(data):
    """Strings, one behind the other."""
    at, out = 0, []
    while at < len(data):
        start = at + 4
        at = start + int.from_bytes(data[at:start], 'big')
        assert start <= at <= len(data)
        out.append(data[start:at])
    return out


def options(data):
    """Names in order, each once; a value is a string in a string, a flag an empty one."""
    found, out = strings(data), []
    for name, value in zip(found[::2], found[1::2], strict=True):
        inner = strings(value)
        assert len(inner) == (1 if value else 0)
        out.append([name.hex(), inner[0].hex() if inner else ''])
    assert sorted({bytes.fromhex(name) for name, _ in out}) == [bytes.fromhex(name) for name, _ in out]
    return out


# By the name without its ending: how many strings hold the key.
PARTS = {b'ssh-rsa': 2, b'ssh-ed25519': 1, b'ecdsa-sha2-nistp256': 2, b'ecdsa-sha2-nistp384': 2, b'ecdsa-sha2-nistp521': 2,
         b'sk-ssh-ed25519': 2, b'sk-ecdsa-sha2-nistp256': 3}


def key_in(reader, name):
    """The blob of the key that the certificate is for."""
    assert name.endswith(ENDING)
    plain = name[:-len(ENDING)]
    ending = b'@openssh.com' if plain.startswith(b'sk-') else b''
    return string(plain + ending) + b''.join(string(reader.string()) for _ in range(PARTS[plain]))


def decode(blob):
    """The fields as make_certs prints them, the bytes that are signed, and the signature."""
    reader = Reader(blob)
    name = reader.string()
    out = {'nonce': reader.string().hex(), 'key': key_in(reader, name).hex()}
    out['serial'], out['type'], out['key_id'] = reader.number(8), reader.number(4), reader.string().hex()
    out['principals'] = [one.hex() for one in strings(reader.string())]
    out['after'], out['before'] = reader.number(8), reader.number(8)
    out['critical'], out['extensions'] = options(reader.string()), options(reader.string())
    assert reader.string() == b''
    out['ca'] = reader.string().hex()
    signed = blob[:reader.at]
    signature = reader.string()
    assert not reader.rest()
    return out, signed, signature


def verify(ca, signature, signed):
    """Raises where it is not good."""
    kind, *parts = strings(ca)
    algorithm, made = strings(signature)
    if kind == b'ssh-ed25519':
        assert algorithm == kind
        ed25519.Ed25519PublicKey.from_public_bytes(parts[0]).verify(made, signed)
    elif kind == b'ssh-rsa':
        digest = {b'rsa-sha2-256': hashes.SHA256(), b'rsa-sha2-512': hashes.SHA512()}[algorithm]
        e, n = (int.from_bytes(part, 'big') for part in parts)
        rsa.RSAPublicNumbers(e, n).public_key().verify(made, signed, padding.PKCS1v15(), digest)
    else:
        assert algorithm == kind == b'ecdsa-sha2-' + parts[0]
        curve, digest = CURVES[parts[0]]
        r, s = (int.from_bytes(part, 'big') for part in strings(made))
        ec.EllipticCurvePublicKey.from_encoded_point(curve, parts[1]).verify(encode_dss_signature(r, s), signed, ec.ECDSA(digest))


def fault_of(meant, is_verified):
    """What differs from what was meant; empty: nothing."""
    got, signed, signature = decode(bytes.fromhex(meant['cert']))
    meant = {**meant, 'critical': by_name(meant['critical']), 'extensions': by_name(meant['extensions'])}
    wrong = [name for name in got if got[name] != meant[name]]
    try:
        if is_verified:
            verify(bytes.fromhex(got['ca']), signature, signed)
    except Exception as fault:  # whatever it is, it is not good
        wrong.append(f'signature: {fault!r}')
    return wrong


def by_name(pairs):
    return sorted(pairs, key=lambda pair: bytes.fromhex(pair[0]))


@pytest.fixture(scope='module')
def made():
    n = count('CERTIFICATES', 10_000)
    lines = run(MAKE_CERTS, random.randrange(2**63), n).splitlines()
    assert len(lines) == n
    return [json.loads(line) for line in lines]


def test_every_field_comes_back(made):
    verified = count('CERTIFICATE_SIGNATURES', 2000, 10_000)
    faults = {meant['cert'][:64]: wrong for i, meant in enumerate(made) if (wrong := fault_of(meant, i < verified))}
    figure('CERT', len(made), len(faults), f'certificates read by another parser, of {min(verified, len(made))} the signature too')
    assert not faults


def name_of(meant):
    return Reader(bytes.fromhex(meant['cert'])).string().decode()


def test_all_sorts_were_made(made):
    assert len({name_of(meant) for meant in made}) == len(PARTS)
    assert {strings(bytes.fromhex(meant['ca']))[0] for meant in made} == {
        b'ssh-ed25519', b'ssh-rsa', b'ecdsa-sha2-nistp256', b'ecdsa-sha2-nistp384', b'ecdsa-sha2-nistp521'}
    assert {len(meant['principals']) for meant in made} >= {0, 256}
    for name in ('serial', 'after', 'before'):
        assert {meant[name] for meant in made} >= {0, 2**63, 2**64 - 1}


# ---- ssh-keygen ------------------------------------------------------------


def shown(path):
    """What ssh-keygen -L says: the plain fields, and the lines below the others; texts stand there as they are."""
    out, below = {}, None
    for line in run('ssh-keygen', '-L', '-f', path).decode('latin-1').split('\n')[1:]:
        field = re.fullmatch(r'        (\S[^:]*): ?(.*)', line)
        if field:
            name, value = field.groups()
            below = out.setdefault(name, [] if value in ('', '(none)') else value)
        elif line.startswith(' ' * 16) and isinstance(below, list):
            below.append(line.strip())
    return out


def text_of(digits):
    return bytes.fromhex(digits).decode('latin-1')


def line_of(blob):
    return f'{Reader(blob).string().decode()} {base64.b64encode(blob).decode()}\n'


def fingerprint(blob, path):
    path.write_text(line_of(blob))
    return run('ssh-keygen', '-l', '-f', path).decode().split()[1]


def differences(meant, folder):
    path = folder / 'some-cert.pub'
    path.write_text(line_of(bytes.fromhex(meant['cert'])))
    seen = shown(path)
    expected = {
        'Serial': str(meant['serial']), 'Key ID': '"' + text_of(meant['key_id']) + '"',
        'Principals': [text_of(name) for name in meant['principals']],
        'Type': f'{name_of(meant)} {"user" if meant["type"] == USER else "host"} certificate',
    }
    wrong = [name for name, value in expected.items() if seen.get(name) != value]
    for name, field in (('Critical Options', 'critical'), ('Extensions', 'extensions')):
        # Of an option it does not know it says so, and the bytes.
        told = [text_of(option[0]) for option in by_name(meant[field])]
        if len(seen[name]) != len(told) or any(word not in line for word, line in zip(told, seen[name])):
            wrong.append(name)
    if fingerprint(bytes.fromhex(meant['ca']), folder / 'ca.pub') not in seen['Signing CA']:
        wrong.append('Signing CA')
    return wrong


def test_ssh_keygen_says_the_same(made, tmp_path):
    sample = made[:count('CERTIFICATES_SHOWN', 100, 1000)]
    faults = [wrong for meant in sample if (wrong := differences(meant, tmp_path))]
    figure('CERT', len(sample), len(faults), 'certificates shown by ssh-keygen -L')
    assert not faults


# ssh-keygen writes Ed25519 in its own form alone.
PAIRS = [('ed25519', None, 'OPENSSH')] + [
    (kind, bits, form) for kind, bits in [('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521), ('rsa', 2048), ('rsa', 3072)]
    for form in ('OPENSSH', 'PEM', 'PKCS8')]


@pytest.mark.parametrize('kind, bits, form', PAIRS)
def test_ssh_keygen_accepts_our_signatures(kind, bits, form, tmp_path):
    key = SshKey(tmp_path, 'key', kind, bits)
    if form != 'OPENSSH':
        run('ssh-keygen', '-q', '-p', '-m', form, '-N', '', '-f', key.path)
        assert b'OPENSSH' not in key.path.read_bytes()
    (tmp_path / 'signers').write_text(f'me {key.public}\n')
    words = ['ssh-keygen', '-Y', 'verify', '-f', tmp_path / 'signers', '-I', 'me', '-n', 'test@example.com', '-s', tmp_path / 'sig']
    for algorithm in ['rsa-sha2-256', 'rsa-sha2-512'] if kind == 'rsa' else ['']:
        made = run(MAKE_SIG, key.path, 'test@example.com', algorithm, input=b'a message')
        (tmp_path / 'sig').write_bytes(made)
        run(*words, input=b'a message')
        with pytest.raises(subprocess.CalledProcessError):
            run(*words, input=b'a messagf')
