"""Revocation lists by our writer, read by ssh-keygen -Q and by our reader."""
import base64
import random
import re
import resource
import subprocess

import pytest

from support.build import BUILD
from support.figures import count, figure
from support.keys import SshKey, run

MAKE_KRL = BUILD / 'tests' / 'support' / 'make_krl'
TOP = 2**64 - 1
MEMORY = 256 * 1024 * 1024


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def make(path, lines):
    path.write_bytes(run(MAKE_KRL, input='\n'.join(lines).encode() + b'\n', preexec_fn=limit_memory))
    return path


def refused(lines):
    done = subprocess.run([MAKE_KRL], input='\n'.join(lines).encode() + b'\n', stdout=subprocess.PIPE, check=False)
    return done.returncode == 1 and done.stdout == b''


def ours(krl, files):
    """What our reader says of each: revoked or ok."""
    lines = ''.join(path.read_text() for path in files)
    return run(MAKE_KRL, krl, input=lines.encode(), preexec_fn=limit_memory).decode().split()


def asked(krl, files, *flags):
    """What ssh-keygen says; files stand in it under their names."""
    return subprocess.run(['ssh-keygen', '-Q', *flags, '-f', krl, *files], capture_output=True, text=True, check=False).stdout


def verdicts_in(text):
    found = re.findall(r'^/\S+(?: \(.*\))?: (ok|REVOKED)$', text, re.M)
    return [verdict.lower() for verdict in found]


def theirs(krl, files):
    return verdicts_in(asked(krl, files))


def serials_in(text):
    """All serials that ssh-keygen lists, as (first, last) in order, neighbours joined."""
    return joined(sorted((int(lo), int(hi or lo)) for lo, hi in re.findall(r'^serial: (\d+)(?:-(\d+))?$', text, re.M)))


def listed(krl):
    return serials_in(run('ssh-keygen', '-Q', '-l', '-f', krl).decode())


def joined(pairs):
    out = []
    for lo, hi in pairs:
        if out and lo <= out[-1][1] + 1:
            out[-1][1] = max(hi, out[-1][1])
        else:
            out.append([lo, hi])
    return out


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp('keys')
    made = {name: SshKey(folder, name, kind, bits) for name, kind, bits in [
        ('ca', 'ed25519', None), ('other', 'ecdsa', 256), ('user', 'ed25519', None), ('rsa', 'rsa', 2048)]}
    return made


def certificate(keys, folder, serial, ca='ca', key_id='an id', key='user'):
    """A certificate's file; keys are signed under a name of its own."""
    name = folder / f'{ca}-{key}-{serial}-{re.sub("[^a-z]", "", key_id)}.pub'
    name.write_text(keys[key].public + '\n')
    run('ssh-keygen', '-q', '-s', keys[ca].path, '-I', key_id, '-n', 'a', '-z', serial, name)
    return name.with_name(name.stem + '-cert.pub')


def some_serials(rand, n):
    """A third each: anywhere, one behind the other, and close together."""
    serials = {rand.randrange(1, TOP + 1) for _ in range(n // 3)}
    at = rand.randrange(2**40)
    serials.update(range(at + 1, at + 1 + n // 3))
    at = 2**50
    while len(serials) < n:
        at += rand.choice([1, 1, 2, 3, 10, 60, 64, 65, 66, 200])
        serials.add(at)
    return sorted(serials)


def not_among(rand, serials, n):
    """Beside those that are revoked, and anywhere."""
    there, out = set(serials), set()
    near = rand.sample(serials, min(n, len(serials)))
    for serial in [s + step for s in near for step in (-1, 1)] + [rand.randrange(1, TOP) for _ in range(n)]:
        if 0 < serial <= TOP and serial not in there:
            out.add(serial)
    return rand.sample(sorted(out), n)


@pytest.mark.parametrize('n', [0, 1, 10_000, 1_000_000])
def test_ssh_keygen_finds_what_is_revoked_and_no_more(n, keys, tmp_path):
    rand = random.Random(n)
    serials = some_serials(rand, n)
    krl = make(tmp_path / 'krl', ['version 7', 'date 1700000000', 'comment a list', f'ca {keys["ca"].public}',
                                  *(f'serial {serial}' for serial in serials)])
    queries = count('KRL_QUERIES', 20, 200)
    revoked = rand.sample(serials, min(queries, n))
    files = [certificate(keys, tmp_path, serial) for serial in revoked + not_among(rand, serials, queries)]
    expected = ['revoked'] * len(revoked) + ['ok'] * queries
    text = asked(krl, files, '-l')
    wrong = sum(a != b for said in (verdicts_in(text), ours(krl, files)) for a, b in zip(said, expected, strict=True))
    figure('KRL', 2 * len(files), wrong, f'queries to a list of {n}')
    assert wrong == 0
    assert serials_in(text) == joined([(serial, serial) for serial in serials])
    assert krl.stat().st_size <= 200 + 8 * n * 0.6


def spread(rand):
    """Serials in which every choice of the writer has its turn, at its edges."""
    at, out = rand.choice([1, 2, 2**32, TOP - 200_000, TOP - 100]), []
    for _ in range(rand.randrange(1, 40)):
        length = rand.choice([1, 1, 1, 2, 3, 4, 5, 63, 64, 510, 511, 512, 513, 700])
        out += [serial for serial in range(at, at + length) if serial <= TOP]
        at += length - 1 + rand.choice([2, 3, 20, 63, 64, 65, 66, 67, 1000, 65535, 65536, 65537])
    return out


def test_every_form_holds_exactly_its_serials(keys, tmp_path):
    rand, wrong, tries = random.Random(11), 0, count('KRL_SETS', 100, 3000)
    for _ in range(tries):
        serials = spread(rand)
        krl = make(tmp_path / 'krl', [f'ca {keys["ca"].public}', *(f'serial {serial}' for serial in serials)])
        wrong += listed(krl) != joined([(serial, serial) for serial in serials])
    figure('KRL', tries, wrong, 'sets of serials')
    assert wrong == 0


def test_dense_serials_take_little_room(keys, tmp_path):
    def size(serials):
        return make(tmp_path / 'krl', [f'ca {keys["ca"].public}', *(f'serial {s}' for s in serials)]).stat().st_size

    assert size(range(1, 100_001)) < 200
    assert size(range(1, 100_001, 2)) < 13_000
    assert size(range(1, 100_001, 1000)) < 1000


def verdicts(krl, files, expected):
    assert theirs(krl, files) == expected
    assert ours(krl, files) == expected


def test_what_is_said_of_a_ca_holds_for_its_certificates_alone(keys, tmp_path):
    files = [certificate(keys, tmp_path, 5), certificate(keys, tmp_path, 5, ca='other'), certificate(keys, tmp_path, 6),
             certificate(keys, tmp_path, 0), certificate(keys, tmp_path, 0, key_id='bad'),
             certificate(keys, tmp_path, 9, ca='other', key_id='bad'), keys['user'].pub]
    krl = make(tmp_path / 'krl', [f'ca {keys["ca"].public}', 'serial 5', 'id bad', f'ca {keys["other"].public}', 'serial 6'])
    verdicts(krl, files, ['revoked', 'ok', 'ok', 'ok', 'revoked', 'ok', 'ok'])
    krl = make(tmp_path / 'krl', ['ca *', 'serial 5', 'id bad'])
    verdicts(krl, files, ['revoked', 'revoked', 'ok', 'ok', 'revoked', 'revoked', 'ok'])
    krl = make(tmp_path / 'krl', [f'ca {keys["ca"].public}', f'ca {keys["other"].public}', 'id bad'])
    verdicts(krl, files, ['ok', 'ok', 'ok', 'ok', 'ok', 'revoked', 'ok'])


def as_hash(key):
    return base64.b64decode(key.fingerprint.removeprefix('SHA256:') + '=').hex()


@pytest.mark.parametrize('form', ['key', 'hash'])
def test_a_key_is_revoked_wherever_it_appears(form, keys, tmp_path):
    def line(name):
        return f'key {keys[name].public}' if form == 'key' else f'hash {as_hash(keys[name])}'

    files = [keys['user'].pub, keys['rsa'].pub, keys['ca'].pub, certificate(keys, tmp_path, 5),
             certificate(keys, tmp_path, 5, key='rsa'), certificate(keys, tmp_path, 5, ca='other', key='rsa')]
    verdicts(make(tmp_path / 'krl', [line('user')]), files, ['revoked', 'ok', 'ok', 'revoked', 'ok', 'ok'])
    verdicts(make(tmp_path / 'krl', [line('ca'), line('user')]), files,
             ['revoked', 'ok', 'revoked', 'revoked', 'revoked', 'ok'])


def test_our_reader_reads_what_ssh_keygen_writes(keys, tmp_path):
    spec = tmp_path / 'spec'
    spec.write_text(f'serial: 1-3\nserial: 100\nserial: 102\nserial: {TOP}\nid: bad\nkey: {keys["rsa"].public}\n'
                    f'sha1: {keys["other"].public}\n')
    krl = tmp_path / 'krl'
    run('ssh-keygen', '-q', '-k', '-f', krl, '-s', keys['ca'].pub, '-z', '12', spec)
    files = [certificate(keys, tmp_path, serial) for serial in (1, 3, 4, 99, 100, 101, 102, TOP - 1, TOP)]
    files += [certificate(keys, tmp_path, 50, key_id='bad'), keys['rsa'].pub, keys['user'].pub, keys['other'].pub]
    expected = ['revoked', 'revoked', 'ok', 'ok', 'revoked', 'ok', 'revoked', 'ok', 'revoked', 'revoked', 'revoked', 'ok', 'revoked']
    verdicts(krl, files, expected)


def test_header_is_what_was_said(keys, tmp_path):
    krl = make(tmp_path / 'krl', ['version 18446744073709551615', 'date 1700000000', 'comment of host web1'])
    text = run('ssh-keygen', '-Q', '-l', '-f', krl, env={'TZ': 'UTC', 'PATH': '/usr/bin:/bin'}).decode()
    assert '# KRL version 18446744073709551615\n' in text
    assert '# Generated at 2023' in text
    assert '# Comment: of host web1\n' in text


@pytest.mark.parametrize('lines', [['serial 0'], ['serial 5', 'serial 4'], ['serial 1', 'id a', 'serial 2']])
def test_what_cannot_be_said_makes_no_list(lines, keys):
    assert refused([f'ca {keys["ca"].public}', *lines])


def test_serials_belong_to_a_ca():
    assert refused(['serial 1'])
