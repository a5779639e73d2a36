"""Run the real command line."""
import os
import subprocess

from .build import CLI
from .patience import PATIENCE_S


def run(server, *words, stdin=None, env=None, token='', home=None, stderr=subprocess.PIPE):
    """Its finished process, with text output; no variable of ours leaks in."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(('VAULT_', 'SALLYPORT_'))}
    clean['HOME'] = str(home or server.directory)
    clean['VAULT_ADDR'] = server.address
    clean['VAULT_CLIENT_TIMEOUT'] = str(PATIENCE_S)
    token = server.token if token == '' else token
    if token is not None:
        clean['VAULT_TOKEN'] = token
    clean.update(env or {})
    return subprocess.run([str(CLI), *words], input=stdin, stdout=subprocess.PIPE, stderr=stderr, text=True, env=clean, timeout=PATIENCE_S)


def good(done):
    """What a command that must succeed printed."""
    assert done.returncode == 0, done
    return done.stdout


def says(done, code, text):
    """A command that prints nothing, ends with this code and has this among its errors, in lines or in one."""
    assert done.returncode == code and done.stdout == '', done
    assert text in done.stderr or text in done.stderr.replace('\n', ' '), done
