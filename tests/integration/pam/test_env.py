"""L61: nothing of the caller's environment, descriptors or rights reaches the helper."""
import pwd

from support.figures import figure
from support.host import UUID, YES, helper, settings
from support.standin import Standin

HOSTILE = ['VAULT_ADDR', 'VAULT_AGENT_ADDR', 'SALLYPORT_ADDR', 'SALLYPORT_AGENT_ADDR', 'http_proxy', 'https_proxy', 'HTTP_PROXY',
           'HTTPS_PROXY', 'ALL_PROXY', 'all_proxy', 'VAULT_PROXY_ADDR']
NOISE = ['VAULT_SKIP_VERIFY', 'VAULT_CACERT', 'VAULT_CAPATH', 'VAULT_TOKEN', 'VAULT_NAMESPACE', 'VAULT_MAX_RETRIES',
         'VAULT_CLIENT_TIMEOUT', 'VAULT_TLS_SERVER_NAME', 'VAULT_CLIENT_CERT', 'SSL_CERT_FILE', 'SSL_CERT_DIR',
         'CURL_CA_BUNDLE', 'OPENSSL_CONF', 'OPENSSL_MODULES', 'OPENSSL_ENGINES', 'SSLKEYLOGFILE', 'HOME', 'TZ', 'LOCPATH',
         'RES_OPTIONS', 'HOSTALIASES', 'LOCALDOMAIN', 'RESOLV_HOST_CONF', 'NO_PROXY', 'no_proxy', 'TMPDIR', 'LANG', 'IFS',
         'MALLOC_TRACE', 'GCONV_PATH']


def test_hostile_variables_change_nothing_under_pam_exec(config, tmp_path):
    with Standin(200, YES) as server, Standin(200, YES) as evil:
        wrong = [name for name in HOSTILE if helper('-dev', config(server.address), env={name: evil.address}).returncode]
        wrong += [name for name in NOISE if helper('-dev', config(server.address), env={name: str(tmp_path / 'x')}).returncode]
        figure('L61', len(HOSTILE + NOISE), len(wrong) + len(evil.requests), 'variables')
        assert wrong == [] and evil.requests == [] and len(server.requests) == len(HOSTILE) + len(NOISE)
        assert all('X-Vault-Token' not in one[2] and 'X-Vault-Namespace' not in one[2] for one in server.requests)
        assert not (tmp_path / 'x').exists()


def test_hostile_variables_change_nothing_for_the_module(host, tmp_path):
    with Standin(200, YES) as server, Standin(200, YES) as evil:
        host.write_config(settings(server.address))
        env = {**{name: evil.address for name in HOSTILE}, **{name: str(tmp_path / 'x') for name in NOISE}}
        for variables in (env, *({name: value} for name, value in env.items())):
            assert host.auth(password=UUID, env=variables) == 'SUCCESS', variables
            assert host.left() == {}
        assert evil.requests == [] and len(server.requests) == 1 + len(env)
        assert not (tmp_path / 'x').exists()


# The state of signals is what a program of the shell's inherits: the shell itself blocks them while it starts one.
SPY = """#!/bin/sh
me=/proc/$$
cat $me/environ >@PLACE@/environ
tr '\\0' ' ' <$me/cmdline >@PLACE@/cmdline
cat /proc/self/status >@PLACE@/status
readlink $me/cwd >@PLACE@/cwd
ls $me/fd >@PLACE@/fds
"""


def test_what_a_helper_is_born_with(host, tmp_path):
    """An empty environment, no rights, none of the host's descriptors, and signals as usual."""
    place, spy = tmp_path / 'seen', tmp_path / 'spy'
    place.mkdir()
    place.chmod(0o777)
    spy.write_text(SPY.replace('@PLACE@', str(place)))
    spy.chmod(0o755)
    host.write_config(settings('http://127.0.0.1:1'))
    # A host with groups, with descriptors that would be inherited, and with signals ignored and all of them blocked.
    host.under = ('setpriv', '--groups', '4,24', 'sh', '-c', 'trap "" HUP INT QUIT PIPE TERM; exec "$0" "$@" 7</etc/hostname 9</etc/hostname')
    host.run('block', 'auth', password=UUID, helper=spy, env={'LD_LIBRARY_PATH': '/none', 'SECRET': 'x', 'PATH': '/bin'})

    def seen(name):
        return (place / name).read_text()
    status = dict(line.split(':', 1) for line in seen('status').splitlines())
    user = next(pwd.getpwnam(name) for name in ('sallyport-helper', 'nobody')
                if name in [one.pw_name for one in pwd.getpwall()])
    assert seen('environ') == '' and seen('cwd') == '/\n'
    assert status['Uid'].split() == [str(user.pw_uid)] * 4 and status['Gid'].split() == [str(user.pw_gid)] * 4
    assert status['Groups'].split() == [] and status['Umask'].strip() == '0077'
    assert {int(status[name], 16) for name in ('SigBlk', 'SigIgn', 'CapEff', 'CapPrm')} == {0}
    # 10 and 11 are the shell's own: its script, and its output while a command's goes elsewhere.
    assert {'0', '1', '2', '3', '4'} <= set(seen('fds').split()) <= {'0', '1', '2', '3', '4', '10', '11'}
    assert UUID not in seen('cmdline')
