"""A throwaway sshd under PAM (tools/test-sshd) and logins to it."""
import os
import pathlib
import subprocess
import tempfile

from .build import HELPER, MODULE, TEST_SSHD
from .patience import PATIENCE_S

# The most that a host may be told to wait for its server: a login whose time is not the matter has all of it.
LONGEST_S = 100


def write_config(path, text):
    """A configuration as the helper wants it: root's, writable by root alone."""
    path.write_text(text)
    path.chmod(0o644)
    return path


def helper_config(server, **more):
    """Settings of a host whose server speaks plain HTTP on loopback."""
    settings = {'vault_addr': server.address, 'allowed_roles': '*', 'allow_loopback': True, 'timeout_seconds': LONGEST_S, **more}

    def text(value):
        return {True: 'true', False: 'false'}.get(value) or (str(value) if isinstance(value, int) else f'"{value}"')
    return ''.join(f'{name} = {text(value)}\n' for name, value in settings.items())


class Sshd:
    """One sshd; users can log in with what its PAM lines accept."""

    def __init__(self, config, words=('dev', 'fail_delay=0'), users=('ubuntu',), more=()):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix='sallyport-login-'))
        path = write_config(self.directory / 'helper.hcl', config)
        args = ['--module', str(MODULE), '--helper', str(HELPER), '--helper-config', str(path), '--kbd', '--password',
                '--sshd-line', 'LoginGraceTime 0', '--module-arg', f'timeout={LONGEST_S}']
        for word in words:
            args += ['--module-arg', word]
        for user in users:
            args += ['--user', user]
        started = subprocess.run([str(TEST_SSHD), *args, *more], capture_output=True, text=True, timeout=PATIENCE_S)
        assert started.returncode == 0, started.stderr
        facts = dict(line.split('=', 1) for line in started.stdout.splitlines())
        self.facts, self.port, self.dir = facts, int(facts['port']), facts['dir']
        self.known_hosts = facts['known_hosts']

    def config(self, text):
        """Replace the module's configuration for the logins that follow."""
        path = pathlib.Path(self.dir) / 'helper.hcl'
        return write_config(path, text)

    def log_text(self):
        return pathlib.Path(self.facts['log']).read_text(errors='replace')

    def stop(self):
        subprocess.run([str(TEST_SSHD), '--stop', self.dir], timeout=PATIENCE_S, check=True)

    def ssh_words(self, host='127.0.0.1', user='ubuntu', options=()):
        return ['ssh', '-F', '/dev/null', '-o', f'UserKnownHostsFile={self.known_hosts}', '-o',
                f'HostKeyAlias=[127.0.0.1]:{self.port}', '-o', 'PubkeyAuthentication=no', '-o',
                'NumberOfPasswordPrompts=1', *options, '-p', str(self.port), f'{user}@{host}']

    def login(self, password, user='ubuntu', host='127.0.0.1', method='keyboard-interactive', command='echo in',
              options=()):
        """Plain ssh with the password typed by an askpass of ours; its finished process."""
        with tempfile.TemporaryDirectory() as place:
            secret = pathlib.Path(place) / 'password'
            secret.write_text(password + '\n')
            askpass = pathlib.Path(place) / 'askpass'
            askpass.write_text(f'#!/bin/sh\nexec cat {secret}\n')
            askpass.chmod(0o700)
            env = {**os.environ, 'SSH_ASKPASS': str(askpass), 'SSH_ASKPASS_REQUIRE': 'force', 'DISPLAY': ':0'}
            words = self.ssh_words(host, user, ('-o', f'PreferredAuthentications={method}', *options))
            return subprocess.run([*words, command], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=PATIENCE_S)

    def lets_in(self, password, **more):
        done = self.login(password, **more)
        assert done.returncode in (0, 255), done
        return done.returncode == 0
