"""A router as the SSH client: a lease's private key is put on it, and both halves go again (R-12; docs/routeros.md)."""
import pytest

from support import cli
from support.figures import figure
from support.keys import SshKey
from support.linux_host import ADMIN, LinuxHost, leases, prepare, revoke, write_role
from support.routeros_box import POLICIES
from support.routeros_standin import RouterOS
from support.server import wait_for

MENU = 'user/ssh-keys/private'


@pytest.fixture(scope='module')
def router():
    with RouterOS() as one:
        yield one


@pytest.fixture(scope='module')
def host():
    one = LinuxHost()
    yield one
    one.stop()


@pytest.fixture(scope='module')
def site(shared, host, router, tmp_path_factory):
    key = SshKey(tmp_path_factory.mktemp('router'), 'router', 'rsa')
    prepare(shared, host, deliver_to=['router', 'plain', 'unpinned', 'keyless', 'gone'])
    api = shared.api()
    assert api.post('ssh/keys/router', {'key': key.path.read_text()}).status == 204
    shared.record = {'host': '127.0.0.1', 'port': router.port, 'user': 'sallyport', 'key': 'router', 'profile': 'routeros',
                     'host_keys': [router.host_key]}
    for name, more in (('router', {}), ('other', {}), ('plain', {'profile': 'linux'}), ('unpinned', {'host_keys': [], 'host_key_policy': 'off'}),
                       ('keyless', {'key': ''})):
        made = api.post(f'ssh/targets/{name}', {**shared.record, **more})
        assert made.status == 204, made
    shared.router_key = key
    return shared


@pytest.fixture
def ready(site, router, host):
    router.box.reset()
    router.add_user('sallyport')
    router.add_user('carol')
    router.add_key('sallyport', site.router_key.public)
    yield router
    assert host.ours('alice') == [] and leases(site) == []


def deliver(site, role='dyn', **more):
    return site.api().post(f'ssh/creds/{role}', {'ip': '127.0.0.1', 'deliver': 'router', **more})


def private_keys(router):
    return [(row['user'], row['key-owner']) for row in router.box.state[MENU]]


@pytest.mark.parametrize('kind', ['rsa', 'ed25519'])
def test_the_router_alone_has_the_key_until_the_lease_ends(site, ready, host, kind):
    write_role(site, host, 'both', dynamic_key_type=kind, deliver_to='router')
    made = deliver(site, 'both')
    assert made.status == 200 and (made.data['deliver'], made.data['deliver_user']) == ('router', 'sallyport')
    assert 'key' not in made.data and 'PRIVATE' not in made.body
    row, = ready.box.state[MENU]
    assert row['user'] == 'sallyport' and made.json['lease_id'].rpartition('/')[2] in row['key-owner']
    assert ready.file_names() == [] and host.lets_in('alice', row['key'])
    assert not any(line in site.log_text() for line in row['key'].splitlines()[1:-1])
    assert revoke(site, made.json).status == 204
    wrong = [private_keys(ready), ready.file_names(), host.ours('alice')] != [[], [], []] or host.lets_in('alice', row['key'])
    figure('R-12', 1, int(wrong), 'keys that a router had for a lease')
    assert not wrong


def test_another_users_key_needs_full_rights_and_the_refusal_is_told(site, ready, host):
    refused = deliver(site, deliver_user='carol')
    assert refused.status == 500 and refused.errors == [
        '1 error occurred:\n\t* failed to deliver the private key: import the key: not enough permissions (9), status 1\n\n'], refused
    assert ready.file_names() == [] and private_keys(ready) == []
    wait_for(lambda: leases(site) == [] and host.ours('alice') == [], 'the public half is taken back')
    ready.console('/user group add name=all policy=' + ','.join(POLICIES))
    ready.console('/user set sallyport group=all')
    made = deliver(site, deliver_user='carol')
    assert made.status == 200 and [user for user, _ in private_keys(ready)] == ['carol']
    assert revoke(site, made.json).status == 204 and private_keys(ready) == []


def test_keys_of_others_on_the_router_stay(site, ready, tmp_path):
    (ready.box.files / 'theirs').write_text(SshKey(tmp_path, 'theirs').path.read_text())
    ready.console('/user ssh-keys private import user=carol private-key-file=theirs')
    made, second = deliver(site), deliver(site)
    assert revoke(site, made.json).status == 204
    assert private_keys(ready) == [('carol', 'theirs'), ('sallyport', 'sallyport-' + second.json['lease_id'].rpartition('/')[2])]
    assert revoke(site, second.json).status == 204 and private_keys(ready) == [('carol', 'theirs')]


def test_a_router_that_is_away_holds_up_no_end_of_a_lease(site, ready, host):
    made = deliver(site)
    assert site.api().post('ssh/targets/router', {**site.record, 'port': 1}).status == 204
    try:
        assert revoke(site, made.json).status == 204 and host.ours('alice') == []
        assert 'left on its device' in site.log_text()
        refused = deliver(site)
    finally:
        assert site.api().post('ssh/targets/router', site.record).status == 204
    assert refused.status == 500 and 'failed to deliver the private key' in refused.errors[0]
    wait_for(lambda: leases(site) == [], 'the public half is taken back')


@pytest.mark.parametrize('sent, says', [
    ({'deliver': 'other'}, 'target "other" is not among the role\'s deliver_to'),
    ({'deliver': 'gone'}, 'target "gone" not found'),
    ({'deliver': 'plain'}, 'profile "linux" of target "plain" takes no private keys'),
    ({'deliver': 'unpinned'}, 'target "unpinned" has no host key pinned'),
    ({'deliver': 'keyless'}, 'target "keyless" has no key of its own'),
    ({'deliver_user': 'a" ; /user add'}, 'Username is not valid for dynamic type')])
def test_what_cannot_be_delivered_is_refused_before_anything_is_made(site, ready, sent, says):
    refused = deliver(site, **sent)
    assert refused.status == 400 and refused.errors[0].startswith(says), refused
    explained = deliver(site, **sent, explain=True).data
    assert (explained['allowed'], explained['first_false']) == (False, 'target')


def test_roles_that_do_not_deliver_refuse(site, ready, host):
    write_role(site, host, 'none')
    assert deliver(site, 'none').errors == ['target "router" is not among the role\'s deliver_to']
    write_role(site, host, 'bound', deliver_to='router', bind_source_address=True)
    assert 'bind_source_address' in deliver(site, 'bound').errors[0]
    site.write_role('pass')
    assert site.api().post('ssh/creds/pass', {'ip': '10.1.2.3', 'deliver': 'router'}).errors == ['only roles of type dynamic deliver keys']


def test_the_pages_commands_do_it(site, ready, host):
    """docs/routeros.md, by `sallyport write`."""
    done = cli.good(cli.run(site, 'write', 'ssh/creds/dyn', 'ip=127.0.0.1', 'deliver=router'))
    assert 'PRIVATE' not in done and 'deliver_user' in done and len(private_keys(ready)) == 1
    assert host.entry(ADMIN) and len(host.ours('alice')) == 1
    assert site.api().put('sys/leases/revoke-prefix/ssh/creds/dyn', {'sync': True}).status == 204
    assert private_keys(ready) == []
