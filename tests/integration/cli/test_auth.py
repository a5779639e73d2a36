"""auth enable, list, tune, disable, help; token roles and capabilities (spec/cli.md 3.3, 3.5)."""
import json
import re

import pytest

from support.cli import good, says


def row(out, path):
    return re.split(r' {2,}', next(line for line in out.splitlines() if line.startswith(path)))


def test_the_life_of_an_auth_method(run):
    assert good(run('auth', 'enable', '-path=people', '-description=who works here', '-default-lease-ttl=8h', 'userpass')) == \
        'Success! Enabled userpass auth method at: people/\n'
    assert good(run('auth', 'enable', 'userpass')) == 'Success! Enabled userpass auth method at: userpass/\n'
    out = good(run('auth', 'list'))
    assert out.splitlines()[0].split() == ['Path', 'Type', 'Accessor', 'Description']
    kept = row(out, 'people/')
    assert kept[1] == 'userpass' and re.fullmatch(r'auth_userpass_[0-9a-f]{8}', kept[2]) and kept[3] == 'who works here'
    assert row(out, 'token/')[1] == 'token'
    out = good(run('auth', 'list', '-detailed'))
    assert re.split(r' {4,}', out.splitlines()[0]) == [
        'Path', 'Plugin', 'Accessor', 'Default TTL', 'Max TTL', 'Token Type', 'Replication', 'Seal Wrap',
        'External Entropy Access', 'Options', 'Description', 'UUID']
    assert row(out, 'people/')[3:7] == ['28800', 'system', 'default-service', 'replicated']
    assert good(run('auth', 'tune', '-max-lease-ttl=24h', '-token-type=service', 'people/')) == \
        'Success! Tuned the auth method at: people/\n'
    kept = json.loads(good(run('auth', 'list', '-format=json')))['people/']['config']
    assert (kept['default_lease_ttl'], kept['max_lease_ttl'], kept['token_type']) == (28800, 86400, 'service')
    assert good(run('auth', 'disable', 'people')) == 'Success! Disabled the auth method (if it existed) at: people/\n'
    assert good(run('auth', 'disable', 'people')) == 'Success! Disabled the auth method (if it existed) at: people/\n'
    assert 'people/' not in good(run('auth', 'list'))
    good(run('auth', 'disable', '/userpass/'))


REFUSED = [
    (['enable'], 1, 'Not enough arguments (expected 1, got 0)'),
    (['enable', 'a', 'b'], 1, 'Too many arguments (expected 1, got 2)'),
    (['enable', 'nope'], 2, 'Error enabling nope auth: Error making API request.'),
    (['enable', '-plugin-name=x', 'userpass'], 2, 'Error enabling userpass auth: plugins are not available'),
    (['enable', '-format=json', 'userpass'], 1, 'flag provided but not defined: -format'),
    (['enable', '-force-no-cache', 'userpass'], 1, 'flag provided but not defined: -force-no-cache'),
    (['enable', '-default-lease-ttl=bogus', 'userpass'], 1, 'invalid value "bogus" for flag -default-lease-ttl: '),
    (['tune'], 1, 'Not enough arguments (expected 1, got 0)'),
    (['tune', '-max-lease-ttl=1h', 'none'], 2, 'Error tuning auth method none/: Error making API request.'),
    (['disable'], 1, 'Not enough arguments (expected 1, got 0)'),
    (['disable', 'token'], 2, 'Error disabling auth method at token/: Error making API request.'),
    (['list', 'x'], 1, 'Too many arguments (expected 0, got 1)'),
    (['list', '-field=x'], 1, 'flag provided but not defined: -field'),
    (['help'], 1, 'Not enough arguments (expected 1, got 0)'),
    (['help', 'none'], 1, 'No auth method available on the server at "none/"'),
]


@pytest.mark.parametrize('words, code, text', REFUSED, ids=[' '.join(one[0]) for one in REFUSED])
def test_what_auth_refuses(run, words, code, text):
    says(run('auth', *words), code, text)


def test_help_of_a_method_by_type_or_path(run):
    for method in ('approle', 'cert', 'jwt', 'kubernetes', 'ssh', 'token', 'userpass'):
        out = good(run('auth', 'help', method))
        assert f'sallyport login -method={method} ' in out and '$ sallyport login -' in out, method
    good(run('auth', 'enable', '-path=desk', 'userpass'))
    assert good(run('auth', 'help', 'desk')) == good(run('auth', 'help', 'userpass'))
    good(run('auth', 'disable', 'desk'))
    says(run('auth', 'list', token='bad'), 2, 'Error listing enabled authentication methods: Error making API request.')
    says(run('auth', 'help', 'desk', token='bad'), 2, 'Error listing auth methods: Error making API request.')


def test_tokens_by_role(run):
    good(run('write', 'auth/token/roles/ci', 'allowed_policies=default,web', 'orphan=true', 'token_period=1h'))
    out = good(run('token', 'create', '-role=ci', '-policy=web'))
    assert 'token_policies       ["default" "web"]\n' in out and 'token_duration       1h\n' in out
    token = re.search(r'^token +(\S+)', out, re.M)[1]
    looked = json.loads(good(run('token', 'lookup', '-format=json', token)))['data']
    assert (looked['role'], looked['orphan'], looked['path']) == ('ci', True, 'auth/token/create/ci')
    says(run('token', 'create', '-role=ci', '-policy=root'), 2, 'Error creating token: Error making API request.')
    says(run('token', 'create', '-role=none'), 2, 'Error creating token: Error making API request.')


def test_tokens_by_accessor(run):
    one = json.loads(good(run('token', 'create', '-policy=default', '-format=json')))['auth']
    looked = json.loads(good(run('token', 'lookup', '-format=json', '-accessor', one['accessor'])))['data']
    assert looked['accessor'] == one['accessor'] and looked['id'] == ''
    out = good(run('token', 'renew', '-accessor', '-increment=30m', one['accessor']))
    assert 'token                n/a\n' in out and re.search(r'^token_duration +30m$', out, re.M)
    assert good(run('token', 'revoke', '-accessor', one['accessor'])).startswith('Success!')
    for verb, doing in (('lookup', 'looking up'), ('renew', 'renewing'), ('revoke', 'revoking')):
        says(run('token', verb, '-accessor', one['accessor']), 2, f'Error {doing} token: Error making API request.')
        says(run('token', verb, '-accessor'), 1, 'Not enough arguments with -accessor (expected 1, got 0)')


def test_capabilities(run):
    policy = 'path "a/*" { capabilities = ["update", "read", "list"] }'
    good(run('policy', 'write', 'a', '-', stdin=policy))
    token = good(run('token', 'create', '-policy=a', '-field=token'))
    assert good(run('token', 'capabilities', token, 'a/b')) == 'list, read, update\n'
    assert good(run('token', 'capabilities', 'a/b', token=token)) == 'list, read, update\n'
    assert json.loads(good(run('token', 'capabilities', '-format=json', token, 'a/b'))) == ['list', 'read', 'update']
    assert good(run('token', 'capabilities', 'b', token=token)) == 'deny\n'
    says(run('token', 'capabilities'), 1, 'Not enough arguments (expected 1, got 0)')
    says(run('token', 'capabilities', 'x', 'y', 'z'), 1, 'Too many arguments (expected 2, got 3)')
    says(run('token', 'capabilities', 'x', 'a/b'), 2, 'Error listing capabilities: Error making API request.')
