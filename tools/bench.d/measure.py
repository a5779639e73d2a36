"""One load on the server, and what it cost."""
import collections
import json
import os
import pathlib
import subprocess
import sys
import tempfile

POLICY = '''
path "ssh/creds/*" { capabilities = ["create", "update"] }
path "ssh/roles/*" { capabilities = ["read"] }
path "auth/token/lookup-self" { capabilities = ["read"] }
'''
OTP = '@' * 36

# Name, method, path, whether it sends the token, body, which text of the answer is kept; kept texts fill a body's @@@.
Load = collections.namedtuple('Load', 'name method path has_token body keeps', defaults=('',))
STATIC = Load('static answer', 'GET', '/v1/sys/leader', False, '')
ROLE_READ = Load('role read', 'GET', '/v1/ssh/roles/otp', True, '')
TOKEN_LOOKUP = Load('token lookup', 'GET', '/v1/auth/token/lookup-self', True, '')
ISSUE = Load('OTP issue', 'PUT', '/v1/ssh/creds/otp', True, '{"ip":"10.1.2.3"}', 'key')
VERIFY = Load('OTP verify', 'PUT', '/v1/ssh/verify', False, '{"otp":"%s"}' % OTP)
LOADS = (STATIC, ROLE_READ, TOKEN_LOOKUP, ISSUE, VERIFY)


def both(pid):
    """The server and its keeper."""
    return [str(pid)] + pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()


def cpu_s(pid):
    ticks = 0
    for one in both(pid):
        fields = pathlib.Path(f'/proc/{one}/stat').read_text().rpartition(')')[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf('SC_CLK_TCK')


def rss_mib(pid):
    lines = (line for one in both(pid) for line in pathlib.Path(f'/proc/{one}/status').read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith('VmRSS:')) / 1024


def said(*words):
    """The JSON object that a program prints."""
    return json.loads(subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=True).stdout)


def floor(programs, directory):
    with tempfile.TemporaryDirectory(dir=directory) as place:
        return said(programs / 'floor', place, 1)


class Client:
    """Loads on one server; what an OTP issue hands out the next verify uses up."""

    def __init__(self, programs, server, policy=POLICY):
        self.program, self.server = str(programs / 'load'), server
        self.kept = server.directory / 'kept'
        self.token = server.token_with(policy)

    def run(self, load, connections, seconds, port=None, tls=False):
        words = [self.program, *(['-t'] if tls else []), str(port or self.server.port), str(connections), str(seconds),
                 load.method, load.path, self.token if load.has_token else '', load.body]
        pid = self.server.process.pid
        source = subprocess.DEVNULL
        if load.keeps:
            words += [str(self.kept), load.keeps]
        if OTP in load.body:
            source = open(self.kept, 'rb')
        with subprocess.Popen(words, stdin=source, stdout=subprocess.PIPE) as run:
            run.stdout.readline()  # its connections are there
            before = cpu_s(pid)
            text = run.stdout.read()
        if run.returncode:
            sys.exit(f'bench: {load.name}: the load ended with {run.returncode}')
        figures = json.loads(text)
        if figures['refused'] or not figures['n']:
            sys.exit(f'bench: {load.name}: {figures["refused"]} of {figures["n"]} requests refused')
        figures['rate'] = figures['n'] / figures['seconds']
        figures['server_cpu'] = (cpu_s(pid) - before) / figures['seconds']
        figures['server_us'] = (cpu_s(pid) - before) / figures['n'] * 1e6
        figures['rss'] = rss_mib(pid)
        return figures
