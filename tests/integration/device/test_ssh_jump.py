"""`sallyport ssh` through a RouterOS device, and what it takes as /system ssh does (requirements R-4, R-13, R-17)."""
import re
import subprocess

import pytest

from support import cli
from support.ca import Ca
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.routeros_standin import RouterOS

HINT = 'forwarding-enabled=local'


@pytest.fixture(scope='module')
def site(shared, tmp_path_factory):
    shared.place = tmp_path_factory.mktemp('jump')
    Ca(shared).role('ops', allowed_users='*')
    shared.key = SshKey(shared.place, 'id_ed25519')
    shared.admin = SshKey(shared.place, 'admin')
    return shared


@pytest.fixture(scope='module')
def router(site):
    with RouterOS(users=('admin',)) as one:
        one.add_key('admin', site.admin.public)
        yield one


def through(site, router, *jump):
    """`sallyport ssh` to the device itself, through it."""
    config = site.place / 'config'
    config.write_text(f'Host router\n  HostName 127.0.0.1\n  Port {router.port}\n  User admin\n  IdentityFile {site.admin.path}\n'
                      'Host *\n  StrictHostKeyChecking no\n  UserKnownHostsFile /dev/null\n  IdentityAgent none\n  BatchMode yes\n')
    return cli.run(site, 'ssh', '-mode=ca', '-role=ops', f'-public-key-path={site.key.pub}', '-strict-host-key-checking=no',
                   '--', '-F', str(config), '-p',
                   str(router.port), *jump, 'admin@127.0.0.1', ':put 1')


@pytest.mark.parametrize('jump', [('-J', 'router'), ('-oProxyJump=router',), ('-o', 'proxyjump router')])
def test_a_jump_host_that_forwards_nothing_is_told_of(site, router, jump):
    done = through(site, router, *jump)
    assert done.returncode == 255 and 'administratively prohibited' in done.stderr
    assert HINT in done.stderr.replace('\n', ' '), done


def test_other_failures_behind_a_jump_are_not_taken_for_that(site):
    with RouterOS(users=('admin',), forwarding=True) as router:
        router.add_key('admin', site.admin.public)
        done = through(site, router, '-J', 'router')
        assert done.returncode == 255 and 'Permission denied' in done.stderr, done  # our certificate is nothing to it
        assert 'forwarding' not in done.stderr


@pytest.fixture
def recording_ssh(tmp_path):
    """A program in ssh's place that prints what its certificate says, and its words."""
    program = tmp_path / 'ssh'
    program.write_text('#!/bin/sh\nfor word; do ssh-keygen -L -f "${word#*=}" 2>/dev/null; done\nprintf "%s\\n" "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize('words, user, last', [
    (('-b', '127.0.0.2', '127.0.0.1'), None, ['-b', '127.0.0.2', '127.0.0.1']),
    (('-4', 'bob@127.0.0.1'), 'bob', ['-4', 'bob@127.0.0.1']),
    (('-b::1', '-6', 'bob@::1'), 'bob', ['-b::1', '-6', 'bob@::1']),
    (('bob@[::1]:2222',), 'bob', ['bob@::1']),
])
def test_addresses_and_source_go_to_ssh_and_the_user_is_the_local_one(site, recording_ssh, words, user, last):
    done = cli.run(site, 'ssh', '-mode=ca', '-role=ops', f'-public-key-path={site.key.pub}', f'-ssh-executable={recording_ssh}', '--',
                   *words)
    assert done.returncode == 0, done
    local = subprocess.run(['id', '-un'], capture_output=True, text=True, check=True).stdout.strip()
    said = done.stdout.splitlines()
    assert said[-len(last):] == last
    assert (user or local) in [line.strip() for line in said]  # among the certificate's principals


def test_no_command_has_a_flag_for_a_password(site):
    """Descriptors and prompts, and a flag that says that there is to be one."""
    for name in ('ssh', 'target add', 'exec', 'login', 'keypair generate', 'keypair import'):
        done = cli.run(site, *name.split(), '-h')
        flags = set(re.findall(r'-pass\S*', done.stdout + done.stderr))
        assert flags <= {'-password-fd', '-passphrase-fd', '-passphrase'}, name
    done = cli.run(site, 'keypair', 'generate', '-passphrase=s3cret', 'name')
    assert done.returncode == 1 and 's3cret' not in done.stdout, done


def test_a_password_as_a_word_of_ssh_is_no_flag(site):
    done = subprocess.run([str(cli.CLI), 'ssh', '-password=x', '127.0.0.1'], capture_output=True, text=True, timeout=PATIENCE_S, check=False)
    assert done.returncode == 1 and 'password' in done.stderr
