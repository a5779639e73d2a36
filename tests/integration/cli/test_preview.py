"""-output-curl-string and -output-policy: the call is shown, not made; and what is shown works."""
import json
import os
import re
import subprocess

import pytest

from support.build import CLI
from support.patience import PATIENCE_S


def shown(done):
    assert done.returncode == 0 and done.stderr == '', done
    return done.stdout


def in_a_shell(server, line, tmp_path):
    """The line as a person would paste it, with sallyport and curl on the path."""
    (tmp_path / 'sallyport').symlink_to(CLI)
    env = {'PATH': f'{tmp_path}:{os.environ["PATH"]}', 'HOME': str(tmp_path), 'VAULT_ADDR': server.address,
           'VAULT_TOKEN': server.token}
    return subprocess.run(['sh', '-c', line], capture_output=True, text=True, env=env, timeout=PATIENCE_S)


def test_a_curl_line_does_what_the_command_would(run, shared, tmp_path):
    line = shown(run('write', '-output-curl-string', 'ssh/roles/curled', 'key_type=otp', "default_user=it's $HOME",
                     'cidr_list=10.0.0.0/8'))
    assert line.startswith('curl -X PUT -H "X-Vault-Request: true" -H "X-Vault-Token: $(sallyport print token)" -d ')
    assert run('read', 'ssh/roles/curled').returncode == 2
    done = in_a_shell(shared, line, tmp_path)
    assert done.returncode == 0 and done.stdout == '', done
    assert json.loads(run('read', '-format=json', 'ssh/roles/curled').stdout)['data']['default_user'] == "it's $HOME"


SHOWN = [
    (['read', 'ssh/roles/otp'], {}, r'curl {head}\'{address}/v1/ssh/roles/otp\'\n'),
    (['list', 'ssh/roles'], {}, r'curl {head}\'{address}/v1/ssh/roles\?list=true\'\n'),
    (['delete', 'a/b c'], {}, r'curl -X DELETE {head}\'{address}/v1/a/b%20c\'\n'),
    (['read', '-namespace=a', '-wrap-ttl=60', 'x'], {},
     r"curl {head}-H 'X-Vault-Namespace: a/' -H 'X-Vault-Wrap-TTL: 1m' '{address}/v1/x'\n"),
    (['read', '-mfa=m:1', '-policy-override', 'x'], {},
     r"curl {head}-H 'X-Vault-MFA: m:1' -H 'X-Vault-Policy-Override: true' '{address}/v1/x'\n"),
    (['read', '-tls-skip-verify', '-ca-cert=a b', 'x'], {}, r"curl --insecure --cacert 'a b' {head}'{address}/v1/x'\n"),
    (['login', '-method=userpass', 'username=a', 'password=b'], {},
     r"curl -X PUT -H \"X-Vault-Request: true\" -d '{{\"password\":\"b\"}}' '{address}/v1/auth/userpass/login/a'\n"),
    (['login', 'x'], {}, r"curl {head}'{address}/v1/auth/token/lookup-self'\n"),
    (['unwrap'], {}, r"curl -X PUT {head}'{address}/v1/sys/wrapping/unwrap'\n"),
    (['unwrap', 'root'], {}, r"curl -X PUT {head}'{address}/v1/sys/wrapping/unwrap'\n"),
    (['unwrap', 'other'], {}, r"curl -X PUT {head}-d '{{\"token\":\"other\"}}' '{address}/v1/sys/wrapping/unwrap'\n"),
    (['unwrap', '-ns=', 'other'], {'token': None}, r"curl -X PUT {head}'{address}/v1/sys/wrapping/unwrap'\n"),
    (['token', 'revoke', '-self'], {}, r"curl -X PUT {head}-d '{{}}' '{address}/v1/auth/token/revoke-self'\n"),
    (['auth', 'tune', 'x'], {}, r"curl -X POST {head}-d '.*' '{address}/v1/sys/mounts/auth/x/tune'\n"),
    (['write', 'sys/wrapping/wrap', 'a=b'], {},
     r"curl -X PUT {head}-H 'X-Vault-Wrap-TTL: 5m' -d '{{\"a\":\"b\"}}' '{address}/v1/sys/wrapping/wrap'\n"),
]


@pytest.mark.parametrize('words, more, line', SHOWN, ids=[' '.join(row[0]) for row in SHOWN])
def test_lines_of_curl(run, shared, words, more, line):
    n = 2 if words[0] in ('token', 'auth') else 1
    out = shown(run(*words[:n], '-output-curl-string', *words[n:], **more))
    head = r'-H "X-Vault-Request: true" -H "X-Vault-Token: \$\(sallyport print token\)" '
    assert re.fullmatch(line.format(head=head, address=re.escape(shared.address)), out), out


def test_nothing_to_show(run):
    for words in (['print', 'token'], ['operator', 'tls-init', '-dir=/none']):
        done = run(*words, '-output-curl-string')
        assert done.returncode == 1 and 'Could not generate cURL command' in done.stderr, done
    done = run('print', 'token', '-output-policy')
    assert done.returncode == 1 and 'Could not generate policy' in done.stderr
    done = run('read', '-output-curl-string')
    assert done.returncode == 1 and 'Not enough arguments (expected 1, got 0)' in done.stderr


POLICIES = [
    (['read', 'ssh/roles/otp'], 'ssh/roles/otp', ['read']),
    (['list', 'ssh/roles/'], 'ssh/roles', ['list']),
    (['write', 'ssh/creds/otp', 'ip=1.2.3.4'], 'ssh/creds/otp', ['create', 'update']),
    (['delete', 'ssh/roles/otp'], 'ssh/roles/otp', ['delete']),
    (['auth', 'enable', 'userpass'], 'sys/auth/userpass', ['create', 'update', 'sudo']),
    (['operator', 'seal'], 'sys/seal', ['create', 'update', 'sudo']),
]


@pytest.mark.parametrize('words, path, capabilities', POLICIES, ids=[' '.join(row[0]) for row in POLICIES])
def test_a_policy_for_the_call(run, words, path, capabilities):
    n = 2 if words[0] in ('auth', 'operator') else 1
    text = ', '.join(f'"{one}"' for one in capabilities)
    assert shown(run(*words[:n], '-output-policy', *words[n:])) == f'path "{path}" {{\n  capabilities = [{text}]\n}}\n'


def test_the_policy_is_enough(run):
    words = ['write', 'ssh/creds/otp', 'ip=10.1.2.3']
    policy = shown(run(words[0], '-output-policy', *words[1:]))
    assert run('policy', 'write', 'shown', '-', stdin=policy).returncode == 0
    token = shown(run('token', 'create', '-policy=shown', '-no-default-policy', '-field=token'))
    assert run(*words, token=token).returncode == 0


def test_a_path_is_quoted_as_hcl_has_it(run):
    policy = shown(run('read', '-output-policy', 'cubbyhole/a"b\\c'))
    assert policy.startswith(r'path "cubbyhole/a\"b\\c" {')
    assert run('policy', 'write', 'quoted', '-', stdin=policy).returncode == 0


def test_sudo_stands_where_the_server_wants_it(run, shared):
    """The client's list of such paths (client/preview.c) against the server's own tables."""
    verbs = {'get': 'read', 'post': 'write', 'delete': 'delete'}
    document = shared.api().get('sys/internal/specs/openapi').json
    wrong = []
    for path, item in document['paths'].items():
        for method, operation in item.items():
            if method not in verbs or path.startswith('/ssh/'):
                continue
            flags = operation.get('x-sallyport-flags', [])
            lists = any(one.get('name') == 'list' for one in operation.get('parameters', []))
            words = ['list' if lists else verbs[method], '-output-policy', re.sub(r'\{[^}]*\}', 'x', path.strip('/'))]
            out = shown(run(*words, *(['a=b'] if method == 'post' else [])))
            if ('"sudo"' in out) != ('sudo' in flags):
                wrong.append((path, method, flags))
    assert not wrong
