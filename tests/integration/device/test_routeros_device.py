"""Leases on a RouterOS device, from its first start to a factory reset: the server, the command line and the stand-in."""
import pathlib
import re
import subprocess

import pytest

from support import cli
from support.build import ROOT
from support.keys import SshKey
from support.patience import PATIENCE_S
from support.routeros_standin import RouterOS
from support.server import wait_for

TAG = re.compile(r'sallyport:[0-9a-f]{8}:[0-9A-Za-z]{24}')


@pytest.fixture(scope='module')
def router():
    with RouterOS() as one:
        yield one


@pytest.fixture(scope='module')
def site(shared, router, tmp_path_factory):
    """A server that knows the device by a key and a pin, over SSH and over REST."""
    place = tmp_path_factory.mktemp('device')
    admin = SshKey(place, 'admin', 'rsa')
    root = shared.api()
    assert root.post('ssh/keys/core-admin', {'key': admin.path.read_text()}).status in (200, 204)
    target = {'host': '127.0.0.1', 'port': router.port, 'profile': 'routeros', 'user': 'sallyport', 'key': 'core-admin',
              'host_keys': [router.host_key], 'timeout': '60s'}
    rest = {'host': '127.0.0.1', 'port': router.port, 'profile': 'routeros-rest', 'url': router.url, 'ca_cert': router.ca_pem,
            'api_user': 'sallyport-rest', 'api_secret': 'rest-secret', 'timeout': '60s'}
    for name, fields in (('core-1', target), ('core-rest', rest)):
        assert root.post(f'ssh/targets/{name}', fields).status == 204
        role = {'key_type': 'dynamic', 'default_user': 'bob', 'cidr_list': '127.0.0.0/8', 'targets': name, 'ttl': '1h',
                'accept_password_lockout': True, 'dynamic_key_type': 'ed25519'}
        answer = root.post(f'ssh/roles/{name}', role)
        assert answer.status == 204, answer
    shared.admin, shared.target, shared.place = admin, target, place
    return shared


@pytest.fixture
def ready(site, router):
    """The device after its first start."""
    router.box.reset()
    run_export(site, router, 'rsc')
    router.add_user('sallyport-rest', 'rest-api,read,write,policy', 'rest-secret')
    router.add_user('bob')
    return router


def run_export(site, router, kind):
    script = cli.good(cli.run(site, 'target', 'export', f'-format={kind}', 'core-1'))
    (router.box.files / f'core-1.{kind}').write_text(script)
    router.console(f'/import file-name=core-1.{kind}')
    return script


def lease(site, name):
    answer = site.api().put(f'ssh/creds/{name}', {'target': name})
    assert answer.status == 200, answer
    return answer.json


def logs_in(router, place, key, user='bob'):
    path = place / 'leased'
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(key)
    done = subprocess.run(['ssh', '-F', '/dev/null', '-i', str(path), '-p', str(router.port), '-oStrictHostKeyChecking=no',
                           '-oUserKnownHostsFile=/dev/null', '-oIdentitiesOnly=yes', '-oIdentityAgent=none', '-oBatchMode=yes',
                           f'{user}@127.0.0.1', ':put in'], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
    return done.stdout.strip() == 'in'


@pytest.mark.parametrize('kind', ['rsc', 'alter'])
def test_the_export_makes_a_device_ready_and_may_run_again(site, router, kind):
    router.box.reset()
    script = run_export(site, router, kind)
    assert len(script.encode()) <= 4000 and '\r' not in script
    assert re.match(r'(#.*\n)*:delay ', script)
    assert router.keys() == [('sallyport', '')] and router.file_names() == [f'core-1.{kind}']
    assert ':if' in script and run_export(site, router, kind) != script  # another password
    assert router.keys() == [('sallyport', '')]
    assert router.console(':put [/ip ssh get strong-crypto]') == 'true\n'
    assert site.api().post('ssh/targets/core-1/test').data['state'] == 'ok'


@pytest.mark.parametrize('name', ['core-1', 'core-rest'])
def test_a_lease_is_a_key_on_the_device_until_it_is_revoked(site, ready, name):
    made = lease(site, name)
    (user, comment), = ready.keys('bob')
    assert TAG.fullmatch(comment) and made['lease_id'].endswith(comment.rpartition(':')[2])
    assert logs_in(ready, site.place, made['data']['key'])
    assert site.api().put('sys/leases/revoke', {'lease_id': made['lease_id'], 'sync': True}).status == 204
    assert ready.keys('bob') == [] and not logs_in(ready, site.place, made['data']['key'])


def test_the_trap_is_refused_unless_it_is_accepted(site, ready):
    root = site.api()
    assert root.post('ssh/roles/core-1', {'accept_password_lockout': False, **{
        'key_type': 'dynamic', 'default_user': 'bob', 'cidr_list': '127.0.0.0/8', 'targets': 'core-1', 'dynamic_key_type': 'ed25519'}}).status == 204
    answer = root.put('ssh/creds/core-1', {'target': 'core-1'})
    assert answer.status == 500 and 'failed to add public key' in answer.body and 'bob has no key yet' in answer.body
    assert ready.keys('bob') == []
    assert root.post('ssh/targets/core-1', {**site.target, 'accept_password_lockout': True}).status == 204
    assert lease(site, 'core-1') and ready.keys('bob') != []
    assert root.put('sys/leases/revoke-prefix/ssh/creds/core-1').status in (202, 204)
    wait_for(lambda: ready.keys('bob') == [], 'the key is gone')


def doctor(site, name):
    answer = site.api().post(f'ssh/targets/{name}/doctor')
    assert answer.status == 200, answer
    return {row['check']: row for row in answer.data['checks']}


@pytest.mark.parametrize('name, user', [('core-1', 'sallyport'), ('core-rest', 'sallyport-rest')])
def test_the_doctor_reads_settings_and_names_policies(site, ready, name, user):
    ready.console('/ip ssh set strong-crypto=no forwarding-enabled=both')
    ready.console('/ip service set telnet disabled=no')
    ready.console(f'/user group set {user} policy=!write')
    rows = doctor(site, name)
    assert rows['version']['state'] == 'ok' and '7.16.2' in rows['version']['seen']
    assert rows['strong-crypto']['fix'] == '/ip ssh set strong-crypto=yes'
    assert rows['forwarding-enabled']['state'] == 'warn' and 'both' in rows['forwarding-enabled']['seen']
    assert rows['services']['state'] == 'warn' and 'telnet' in rows['services']['seen']
    assert rows['policies']['state'] == 'bad' and 'lacks write' in rows['policies']['seen']
    ready.console(f'/user group set {user} policy=write,test')
    ready.console('/ip ssh set strong-crypto=yes forwarding-enabled=no')
    ready.console('/ip service set telnet disabled=yes')
    rows = doctor(site, name)
    for check in ('strong-crypto', 'forwarding-enabled', 'host-key', 'services', 'policies', 'profile'):
        assert rows[check]['state'] == 'ok', rows[check]
    ready.console(f'/user group set {user} policy=!test')
    assert 'lacks test' in doctor(site, name)['policies']['seen']


def test_a_device_that_was_wiped_gives_its_lease_up_when_it_is_back(site, ready):
    made = lease(site, 'core-1')
    ready.wipe()
    assert site.api().post('ssh/targets/core-1/test').data['state'] == 'host_key_changed'
    answer = site.api().put('sys/leases/revoke', {'lease_id': made['lease_id'], 'sync': True})
    assert answer.status == 500 and 'is not the pinned' in answer.body, answer
    run_export(site, ready, 'rsc')
    assert site.api().post('ssh/targets/core-1/repin', {'host_keys': [ready.host_key]}).status == 200
    site.api().put('sys/leases/revoke', {'lease_id': made['lease_id'], 'sync': True})
    wait_for(lambda: site.api().put('sys/leases/lookup', {'lease_id': made['lease_id']}).status == 400, 'the lease is gone')


def test_the_servers_ca_is_imported_as_the_page_says(site, ready):
    """The steps of docs/routeros.md, on the CA that tls-init makes."""
    (site.place / 'tls').mkdir()
    cli.good(cli.run(site, 'operator', 'tls-init', f'-dir={site.place / "tls"}'))
    ca = (site.place / 'tls' / 'ca.crt').read_text()
    assert ca and 'PRIVATE KEY' not in ca
    step, = [line.strip() for line in (ROOT / 'docs' / 'routeros.md').read_text().splitlines() if '/certificate import' in line]
    (ready.box.files / 'ca.crt').write_text(ca)
    said = ready.console(step)
    assert 'certificates-imported: 1' in said and 'private-keys-imported: 0' in said
    assert ready.console('/certificate print terse').count('trusted=yes') == 1


def test_a_leased_key_becomes_the_devices_own_as_the_page_says(site, ready):
    key = lease(site, 'core-1')['data']['key']
    words = ['-F', '/dev/null', '-i', str(site.admin.path), '-oStrictHostKeyChecking=no', '-oUserKnownHostsFile=/dev/null',
             '-oIdentitiesOnly=yes', '-oIdentityAgent=none', '-oBatchMode=yes']
    file = site.place / 'leased'
    step, = [line.strip() for line in (ROOT / 'docs' / 'routeros.md').read_text().splitlines() if 'ssh-keys private import' in line]
    for user, says in (('sallyport', ''), ('bob', 'not enough permissions (9)\n')):
        file.unlink(missing_ok=True)
        file.touch(mode=0o600)
        file.write_text(key)
        subprocess.run(['sftp', *words, '-P', str(ready.port), '-b', '-', 'sallyport@127.0.0.1'], input=f'put {file} leased\nchmod 644 leased\n',
                       text=True, capture_output=True, timeout=PATIENCE_S, check=True)
        done = subprocess.run(['ssh', *words, '-p', str(ready.port), 'sallyport@127.0.0.1', step.replace('user=netops', f'user={user}')],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.stdout.replace('\r', '') == says and done.returncode == (1 if says else 0), done
    assert [row['user'] for row in ready.box.state['user/ssh-keys/private']] == ['sallyport']


def test_the_least_group_of_the_page_is_enough(site, ready):
    """docs/routeros.md says which policies are needed: with just these a key comes on and off."""
    page = pathlib.Path(ROOT / 'docs' / 'routeros.md').read_text()
    for name, user, profile in (('core-1', 'sallyport', 'routeros'), ('core-rest', 'sallyport-rest', 'routeros-rest')):
        policies, = re.findall(rf'\| `{profile}` \| `([a-z,-]+)` \|', page)
        others = ','.join(f'!{one}' for one in ('test', 'sensitive', 'reboot', 'local', 'web', 'winbox') if one not in policies)
        ready.console(f'/user group set {user} policy={policies},{others}')
        made = lease(site, name)
        assert site.api().put('sys/leases/revoke', {'lease_id': made['lease_id'], 'sync': True}).status == 204
    assert ready.keys('bob') == []
