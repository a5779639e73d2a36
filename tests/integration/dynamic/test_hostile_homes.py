"""Homes that are not as they should be: a key is put there whole or not at all, and the server knows which."""
import contextlib
import os
import pathlib
import subprocess

import pytest
from support.linux_host import ask, issue, leases, revoke
from support.server import wait_for


@pytest.fixture
def home(host):
    """alice's, bare: without .ssh."""
    path = host.home('alice')
    subprocess.run(['rm', '-rf', path], check=True)
    path.mkdir(mode=0o755)
    os.chown(path, *host.ids('alice'))
    return path


def works(server, host, before):
    """On and off again, and all is as it was."""
    got = issue(server)
    assert len(host.ours('alice')) == 1 and host.lets_in('alice', got['data']['key'])
    assert revoke(server, got).status == 204
    assert host.authorized('alice').read_bytes() == before


def refused(server, why):
    answer = ask(server)
    assert answer.status == 500 and why in answer.errors[0], answer
    assert leases(server) == [], 'nothing is there, and the server knows'


def test_ssh_directory_is_made_for_its_owner(dynamic, host, home):
    works(dynamic, host, b'')
    for path, mode in ((home / '.ssh', 0o700), (host.authorized('alice'), 0o600)):
        assert path.stat().st_mode & 0o7777 == mode and (path.stat().st_uid, path.stat().st_gid) == host.ids('alice')


def test_a_hundred_thousand_lines_stay_as_they_are(dynamic, host, home):
    before = b''.join(b'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI%043d line\n' % n for n in range(100_000))
    host.write_authorized('alice', before)
    works(dynamic, host, before)


@pytest.mark.parametrize('before', [b'', b'\n', b'no end', b'crlf\r\nmore\r\n', b'\x00\xff\xfe binary\n \t \n', b'# sallyport:short\n'])
def test_other_lines_stay_byte_for_byte(dynamic, host, home, before):
    host.write_authorized('alice', before)
    works(dynamic, host, before)


def test_links_in_a_home_lead_nowhere(dynamic, host, home, public_path):
    precious = public_path / 'precious'
    precious.write_text('root\n')
    path = host.write_authorized('alice', '')
    path.unlink()
    path.symlink_to(precious)
    refused(dynamic, 'authorized_keys of alice is a symbolic link')
    path.unlink()
    path.parent.rmdir()
    path.parent.symlink_to(public_path)
    refused(dynamic, '.ssh is a symbolic link')
    path.parent.unlink()
    path.parent.mkdir()
    os.chown(path.parent, *host.ids('alice'))
    (path.parent / '.authorized_keys.sallyport').symlink_to(precious)
    works(dynamic, host, b'')
    assert precious.read_text() == 'root\n' and os.listdir(public_path) == ['precious']


def test_what_is_no_file_of_the_user_is_refused(dynamic, host, home):
    path = host.write_authorized('alice', '')
    path.unlink()
    os.mkfifo(path)
    refused(dynamic, 'is not a regular file')
    path.unlink()
    path.mkdir()
    refused(dynamic, 'is not a regular file')
    path.rmdir()
    path.write_text('# of root\n')
    refused(dynamic, 'belongs to somebody else')
    assert path.read_text() == '# of root\n'


def test_a_directory_of_root_is_worked_in_by_root(dynamic, host, home):
    path = host.write_authorized('alice', '# kept\n', 0o644)
    os.chown(path.parent, 0, 0)
    path.parent.chmod(0o755)
    works(dynamic, host, b'# kept\n')
    assert (path.stat().st_uid, path.stat().st_gid) == host.ids('alice') and path.stat().st_mode & 0o777 == 0o644


def test_a_home_of_root_gets_its_directory(dynamic, host, home):
    os.chown(home, 0, 0)
    works(dynamic, host, b'')
    assert (home / '.ssh').stat().st_uid == host.ids('alice')[0]


def test_homes_are_where_the_system_says(dynamic, host, home):
    odd = host.dir / 'odd home'
    odd.mkdir(exist_ok=True)
    os.chown(odd, *host.ids('bob'))
    host.change_user('bob', home=odd)
    got = issue(dynamic, username='bob')
    assert (odd / '.ssh' / 'authorized_keys').exists() and host.lets_in('bob', got['data']['key'])
    assert revoke(dynamic, got).status == 204
    answer = ask(dynamic, username='nobody-here')
    assert answer.status == 500 and 'there is no user nobody-here' in answer.errors[0], answer


def mount_home(host, home, *words):
    host.inside('mount', '-t', 'tmpfs', *words, 'tmpfs', home).check_returncode()


def test_full_and_read_only_disks_change_nothing(dynamic, host, home):
    mount_home(host, home, '-o', 'size=64k')
    inside = pathlib.Path(f'/proc/{host.listener}/root{home}')
    ids = host.ids('alice')
    path = inside / '.ssh' / 'authorized_keys'
    path.parent.mkdir()
    before = b'# line\n' * 1000
    path.write_bytes(before)
    with open(inside / 'ballast', 'wb', buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b'x' * 4096)
    for one in (inside, path.parent, path):
        os.chown(one, *ids)
    refused(dynamic, 'No space left on device')
    assert path.read_bytes() == before and os.listdir(path.parent) == ['authorized_keys']
    host.inside('mount', '-o', 'remount,ro', home).check_returncode()
    refused(dynamic, 'Read-only file system')
    host.inside('mount', '-o', 'remount,rw,size=1m', home).check_returncode()
    got = issue(dynamic)
    assert len(path.read_bytes()) > len(before)
    assert revoke(dynamic, got).status == 204 and path.read_bytes() == before
    host.inside('umount', home).check_returncode()


def test_a_key_that_is_shut_in_waits_until_it_can_go(dynamic, host, home):
    got = issue(dynamic)
    path = host.authorized('alice')
    kept = path.read_bytes()
    path.unlink()
    os.mkfifo(path)
    answer = revoke(dynamic, got)
    assert answer.status == 500 and 'is not a regular file' in answer.errors[0], answer
    assert leases(dynamic) != []
    path.unlink()
    host.write_authorized('alice', kept)
    wait_for(lambda: host.ours('alice') == [] and leases(dynamic) == [], 'the key comes off')


def test_another_writer_is_waited_for(dynamic, host, home):
    path = host.write_authorized('alice', '')
    theirs = path.parent / '.authorized_keys.sallyport'
    theirs.write_text('of whoever has the lock')
    holder = subprocess.Popen(['flock', str(path.parent), 'sh', '-c', 'echo; read x'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdout.readline()
    refused(dynamic, 'is locked by another')
    assert theirs.exists(), 'who waits for the lock takes nothing away'
    holder.communicate(b'\n')
    works(dynamic, host, b'')


def test_a_user_who_is_gone_has_no_key(dynamic, host, home):
    got = issue(dynamic)
    passwd = host.dir / 'etc' / 'passwd'
    kept = passwd.read_text()
    with open(passwd, 'w', encoding='utf-8') as file:
        file.write(''.join(line + '\n' for line in kept.splitlines() if not line.startswith('alice:')))
    answer = revoke(dynamic, got)
    with open(passwd, 'w', encoding='utf-8') as file:
        file.write(kept)
    assert answer.status == 204, answer
