"""Run the real command line."""
import os
import pty
import subprocess
import termios

from .build import CLI
from .patience import PATIENCE_S


def environment(server, env=None, token='', home=None):
    """That of a run; no variable of ours leaks in."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_'))}
    clean['HOME'] = str(home or server.directory)
    clean['VAULT_ADDR'] = server.address
    clean['VAULT_CLIENT_TIMEOUT'] = str(PATIENCE_S)
    token = server.token if token == '' else token
    if token is not None:
        clean['VAULT_TOKEN'] = token
    clean.update(env or {})
    return clean


def run(server, *words, stdin=None, env=None, token='', home=None, stderr=subprocess.PIPE, pass_fds=()):
    """Its finished process, with text output."""
    return subprocess.run([str(CLI), *words], input=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True,
                          env=environment(server, env, token, home), timeout=PATIENCE_S, pass_fds=pass_fds)


class Typing:
    """The command with a terminal as its standard input; what it shows of it and what it leaves behind."""

    def __init__(self, server, home, *words, token=None):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen([str(CLI), *words], stdin=slave, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        env=environment(server, token=token, home=home), start_new_session=True)
        os.close(slave)

    def wait_for(self, prompt):
        seen = b''
        while not seen.endswith(prompt.encode()):
            one = self.process.stderr.read(1)
            assert one, seen
            seen += one

    def echoes(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ECHO)

    def type(self, text):
        os.write(self.master, text.encode())

    def end(self):
        out, err = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, out.decode(), err.decode()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)


def good(done):
    """What a command that must succeed printed."""
    assert done.returncode == 0, done
    return done.stdout


def says(done, code, text):
    """A command that prints nothing, ends with this code and has this among its errors, in lines or in one."""
    assert done.returncode == code and done.stdout == '', done
    assert text in done.stderr or text in done.stderr.replace('\n', ' '), done
