"""The script that hosts run, by itself and in each shell (S2-19): on, again, off, refused, and byte for byte."""
import os
import pathlib
import shutil
import subprocess

import pytest
from support.build import ROOT
from support.patience import PATIENCE_S

SCRIPT = (ROOT / 'server/engines/ssh/profiles/authorized_keys.sh').read_bytes()
KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI' + 'B' * 43
TAG = 'sallyport:0a1b2c3d:' + 'a1' * 12
END = ('1793000000', '202610261234Z')
SHELLS = [['dash'], ['bash', '--posix'], ['bash'], ['busybox', 'sh']]
ODD = b'\n\n# a\r\nssh-rsa AAAA b\r\n\x00\xff\n' + b' \t\n' * 3 + KEY.encode()[:-1] + b'C mine\nno end\x00'


@pytest.fixture(params=SHELLS, ids=' '.join)
def run(request):
    if not shutil.which(request.param[0]):
        pytest.skip(f'no {request.param[0]}')

    def one(action, user='root', options='', end=END, commit=b'commit\n', key=KEY, tag=TAG, before_commit=None):
        job = '\n'.join(['sallyport-keys 1', action, user, tag, key, options, *end]) + '\n'
        if before_commit is None:
            return text(SCRIPT, job.encode() + commit)
        with subprocess.Popen(words_of(SCRIPT), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            process.stdin.write(SCRIPT + job.encode())
            process.stdin.flush()
            assert [process.stdout.readline() for _ in range(2)] == [b'\n', b'sallyport: ready\n']
            before_commit()
            said = process.communicate(commit, timeout=PATIENCE_S)
            return subprocess.CompletedProcess(process.args, process.returncode, *said)

    def text(script, job):
        return subprocess.run(words_of(script), input=script + job, capture_output=True, timeout=PATIENCE_S)

    def words_of(script):
        read = f'script=$(dd bs=1 count={len(script)} 2>/dev/null); eval "$script"'
        return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c',
                ' && '.join(f'mount --bind {at} {place}' for place, at in one.binds.items()) + ' && exec "$@"', 'sh',
                *request.param, '-c', read, 'sallyport']
    one.text = text
    return one


@pytest.fixture
def home(run, public_path):
    if subprocess.run(['unshare', '--mount', 'true'], check=False).returncode != 0:
        pytest.skip('no mount namespaces here')
    path = pathlib.Path(public_path) / 'bob'
    path.mkdir()
    os.chown(path, 23456, 23456)
    passwd = pathlib.Path(public_path) / 'passwd'
    passwd.write_text(f'root:x:0:0:root:/root:/bin/sh\nbob:x:23456:23456::{path}:/bin/sh\n')
    run.binds = {'/etc/passwd': passwd}
    return path


def test_on_and_off_leaves_no_trace(run, home):
    for before in (None, b'', ODD):
        shutil.rmtree(home / '.ssh', ignore_errors=True)
        path = home / '.ssh' / 'authorized_keys'
        if before is not None:
            path.parent.mkdir(mode=0o700)
            path.write_bytes(before)
            for one in (path.parent, path):
                os.chown(one, 23456, 23456)
        before, mode = before or b'', 0o600 if before is None else 0o644
        done = run('install', 'bob', 'no-pty')
        assert done.returncode == 0 and done.stdout == b'\nsallyport: ready\nsallyport: done\n', done
        line = f'no-pty,expiry-time="{END[1]}" {KEY} {TAG}\n'.encode()
        assert path.read_bytes() == line + before
        assert run('install', 'bob', '', ('0', '')).returncode == 0
        assert path.read_bytes() == f'{KEY} {TAG}\n'.encode() + before
        assert f'sallyport: key bob {KEY} {TAG}\n'.encode() in run('list', '', '', ('0', ''), key='', tag='').stdout
        assert run('remove', 'bob', commit=b'').returncode == 65
        assert path.read_bytes() == f'{KEY} {TAG}\n'.encode() + before
        assert run('remove', 'bob').returncode == 0 and path.read_bytes() == before
        assert run('remove', 'bob').returncode == 0, 'once more is fine'
        assert os.listdir(path.parent) == ['authorized_keys']
        assert path.stat().st_uid == 23456 and path.stat().st_mode & 0o777 == mode


def test_every_name_that_a_user_may_have_is_taken(run, home):
    for name in ('web-01', 'a.b_c-', 'machine$'):
        done = run('remove', name)
        assert done.returncode == 0, done
    for name in ('-f', 'a b', 'a;b', 'a*', '$(id)', '../x'):
        done = run('remove', name)
        assert done.returncode == 65 and b'no name of a user' in done.stderr, done


def test_a_key_is_found_wherever_it_was_moved(run, home):
    path = home / '.ssh' / 'authorized_keys'
    assert run('install', 'bob').returncode == 0
    ours = path.read_bytes()
    path.write_bytes(b'first\n' + b'from="x" ' + ours + b'last ' + ours[:-1])
    os.chown(path, 23456, 23456)
    assert run('remove', 'bob').returncode == 0 and path.read_bytes() == b'first\n'


def test_signal_behind_the_rename_is_no_refusal(run, home, public_path):
    """As when the machine shuts down while the disk is waited for: who reads "65" believes that nothing was changed."""
    place = pathlib.Path(public_path)
    shutil.copy2(shutil.which('sync'), place / 'real')
    (place / 'sync').write_text(f'#!/bin/sh\n[ "$1" != . ] || kill -TERM $PPID\nexec {place}/real "$@"\n')
    (place / 'sync').chmod(0o755)
    run.binds['/usr/bin/sync'] = place / 'sync'
    done = run('install', 'bob')
    assert done.returncode == 0 and done.stdout.endswith(b'sallyport: done\n'), done
    assert KEY in (home / '.ssh' / 'authorized_keys').read_text()


def test_attributes_of_the_file_stay(run, home):
    """As a label of SELinux does, which is one of them."""
    path = home / '.ssh' / 'authorized_keys'
    path.parent.mkdir()
    path.write_text('# mine\n')
    for one in (path.parent, path):
        os.chown(one, 23456, 23456)
    try:
        os.setxattr(path, 'user.label', b'kept')
    except OSError:
        pytest.skip('no attributes on this disk')
    for action in ('install', 'remove'):
        assert run(action, 'bob').returncode == 0
        assert os.getxattr(path, 'user.label') == b'kept', action


def test_what_others_write_meanwhile_stays(run, home):
    """Those who know nothing of our lock: an editor that renames, a shell that appends, and one that comes first."""
    path = home / '.ssh' / 'authorized_keys'

    def append():
        with open(path, 'ab') as file:
            file.write(b'# appended\n')

    def rename():
        (home / 'new').write_bytes(path.read_bytes() + b'# renamed\n')
        os.chown(home / 'new', 23456, 23456)
        (home / 'new').rename(path)

    def create():
        path.write_bytes(b'# first\n')
        os.chown(path, 23456, 23456)

    wanted = b''
    for action, write, line in (('install', create, b'# first\n'), ('remove', append, b'# appended\n'), ('install', rename, b'# renamed\n'),
                                ('remove', None, b'')):
        done = run(action, 'bob', before_commit=write)
        assert done.returncode == 0, done
        wanted += line
        ours = path.read_bytes().removesuffix(wanted)
        assert path.read_bytes().endswith(wanted) and ours.count(b'\n') == (action == 'install'), path.read_bytes()


def test_a_name_of_digits_is_a_name(run, home, public_path):
    """getent takes it for a uid, and awk 01001 for 1001: the key would be in somebody else's hands."""
    places = {name: pathlib.Path(public_path) / name for name in ('23456', '1001', '023456')}
    with (pathlib.Path(public_path) / 'passwd').open('a') as passwd:
        for uid, (name, place) in enumerate(places.items(), 1001):
            place.mkdir()
            os.chown(place, uid, uid)
            passwd.write(f'{name}:x:{uid}:{uid}::{place}:/bin/sh\n')
    for name in places:
        assert run('install', name).returncode == 0
        assert TAG in (places[name] / '.ssh' / 'authorized_keys').read_text()
        assert run('remove', name).returncode == 0
        assert [(one / '.ssh').exists() for one in (home, *places.values())].count(True) == list(places).index(name) + 1
        said = run_script(run, name)
        assert said.stdout.endswith(f'{places[name]}/.ssh/authorized_keys\nsallyport: done\n'.encode()), said
    done = run('install', '1003')
    assert done.returncode == 65 and b'there is no user 1003' in done.stderr, done


def run_script(run, user):
    """What runs a role's install_script; this one says what it was given last."""
    script = b'#!/bin/sh\necho "$3"\n'
    job = f'install\n{user}\n{KEY}\n{len(script)}\n'.encode()
    return run.text((ROOT / 'server/engines/ssh/profiles/run_script.sh').read_bytes(), job + script + b'commit\n')


EVIL = ['bob;id', '$(id)', 'bob\tx', '../bob', '-bob', 'b|ob', "b'ob", '*', '']


def test_what_is_no_value_is_refused(run, home):
    for user in EVIL:
        assert run('install', user).returncode == 65
    for key in ('', 'ssh-rsa', 'ssh-rsa AAAA', KEY + '|d', KEY + ' x', f'ssh-|e id {KEY[12:]}', 'ecdsa-sha2-nistp256 ' + KEY[12:],
                KEY + '$(id)', KEY + '*'):
        assert run('install', 'bob', key=key).returncode == 65
    for tag in ('', 'sallyport:', 'sallyport:0a1b2c3d:', TAG[10:], TAG + ' b', TAG + '`id`', 'sallyport:' + 'a1' * 12):
        assert run('install', 'bob', tag=tag).returncode == 65
    assert run('install', 'bob', end=('now', '')).returncode == 65
    assert run('format', 'bob').returncode == 65
    assert not (home / '.ssh').exists()
