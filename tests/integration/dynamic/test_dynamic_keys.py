"""Keys that are put on a host for a lease, and come off again with it (S2-11 to S2-14, S2-17 to S2-21, S2-23)."""
import json
import re
import subprocess

import pytest
from support.linux_host import ADMIN, ask, issue, leases, revoke, write_role
from support.server import wait_for

FAILED = 'failed to add public key to authorized_keys file in target: '


def fingerprint(line):
    key = ' '.join(line.split()[-3:-1])
    done = subprocess.run(['ssh-keygen', '-lf', '-'], input=key, capture_output=True, text=True, check=True)
    return done.stdout.split()[1]


def test_key_logs_in_until_it_is_revoked(dynamic, host):
    before = b'# mine\r\nssh-ed25519 AAAA hand-made\n\n# no end of the line'
    path = host.write_authorized('alice', before, 0o644)
    got = issue(dynamic)
    data = got['data']
    assert set(data) == {'key', 'key_type', 'username', 'ip', 'port'}
    assert data['key_type'] == 'dynamic' and data['username'] == 'alice' and data['ip'] == '127.0.0.1'
    assert data['port'] == host.port and got['renewable'] and got['lease_duration'] == 2764800
    assert re.fullmatch('ssh/creds/dyn/[0-9A-Za-z]{24}', got['lease_id'])
    cluster = dynamic.api().get('sys/health').json['cluster_id']
    tag = f'sallyport:{cluster[:8]}:' + got['lease_id'].rpartition('/')[2]
    assert tag in got['warnings'][0]
    assert host.lets_in('alice', data['key'])
    line = host.ours('alice')[0]
    assert line.endswith(tag) and re.match(r'expiry-time="\d{12}Z" ssh-ed25519 ', line)
    assert fingerprint(line) in host.log.read_text(errors='replace'), 'sshd says which lease it was (S2-14)'
    assert path.read_bytes().endswith(before) and path.stat().st_mode & 0o777 == 0o644
    assert revoke(dynamic, got).status == 204
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o644
    assert (path.stat().st_uid, path.stat().st_gid) == host.ids('alice')
    assert not host.lets_in('alice', data['key'])
    assert leases(dynamic) == []


@pytest.mark.parametrize('bits', [None, 1024, 4096])
def test_rsa_keys_are_pkcs1_of_the_right_size(dynamic, host, bits):
    write_role(dynamic, host, 'rsa', dynamic_key_type='', **({'key_bits': bits} if bits else {}))
    got = issue(dynamic, 'rsa')
    assert got['data']['key'].startswith('-----BEGIN RSA PRIVATE KEY-----\n')
    assert got['data']['key'].endswith('-----END RSA PRIVATE KEY-----\n')
    done = subprocess.run(['openssl', 'rsa', '-text', '-noout'], input=got['data']['key'], capture_output=True, text=True, check=True)
    assert f'({4096 if bits == 4096 else 2048} bit' in done.stdout
    assert host.lets_in('alice', got['data']['key'])
    assert revoke(dynamic, got).status == 204 and host.ours('alice') == []


def test_private_half_is_in_the_answer_alone(dynamic, host):
    dynamic.enable_audit('canary', 'canary.log')
    got = issue(dynamic)
    body = got['data']['key'].splitlines()[2]
    found = [path for path in dynamic.directory.rglob('*') if path.is_file() and body.encode() in path.read_bytes()]
    assert found == []
    assert body.encode() not in host.log.read_bytes()
    assert revoke(dynamic, got).status == 204
    assert dynamic.api().delete('sys/audit/canary').status == 204


def test_options_and_the_address_of_the_caller_stand_before_the_key(dynamic, host):
    write_role(dynamic, host, 'bound', key_option_specs='no-pty,command="echo \\"forced\\" $SSH_ORIGINAL_COMMAND"',
               bind_source_address=True, expiry_time=False)
    got = issue(dynamic, 'bound')
    line = host.ours('alice')[0]
    assert line.startswith('no-pty,command="echo \\"forced\\" $SSH_ORIGINAL_COMMAND",from="127.0.0.1" ssh-ed25519 ')
    assert host.login('alice', got['data']['key'], 'hello').stdout == 'forced hello\n'
    assert revoke(dynamic, got).status == 204


def test_renewal_moves_the_end_on_the_host_first(dynamic, host):
    write_role(dynamic, host, 'short', ttl='1h', max_ttl='3h')
    got = issue(dynamic, 'short')
    before = host.ours('alice')[0]
    renewed = dynamic.api().put('sys/leases/renew', {'lease_id': got['lease_id'], 'increment': 7200})
    assert renewed.status == 200 and renewed.json['data'] is None and 6000 < renewed.json['lease_duration'] <= 7200
    after = host.ours('alice')
    assert len(after) == 1 and after[0] > before and after[0].split(' ', 1)[1] == before.split(' ', 1)[1]
    assert host.lets_in('alice', got['data']['key'])
    host.allow_sudo(None)
    refused = dynamic.api().put('sys/leases/renew', {'lease_id': got['lease_id'], 'increment': 7300})
    host.allow_sudo('broad')
    assert refused.status == 500 and 'failed to renew the key in target: ' in refused.errors[0]
    assert host.ours('alice') == after
    capped = dynamic.api().put('sys/leases/renew', {'lease_id': got['lease_id'], 'increment': 18000})
    assert capped.status == 200 and 'exceeded the effective max_ttl' in capped.json['warnings'][0]
    assert revoke(dynamic, got).status == 204 and host.ours('alice') == []


def test_expiry_takes_the_key_off(dynamic, host):
    write_role(dynamic, host, 'brief', ttl='2s')
    got = issue(dynamic, 'brief')
    wait_for(lambda: host.ours('alice') == [] and leases(dynamic, 'brief') == [], 'the key comes off by itself')
    assert not host.lets_in('alice', got['data']['key'])


def test_end_of_the_token_takes_the_key_off(dynamic, host):
    dynamic.api().put('sys/policies/acl/dyn', {'policy': 'path "ssh/creds/dyn" { capabilities = ["update"] }'})
    token = dynamic.api().post('auth/token/create', {'policies': ['dyn']}).json['auth']['client_token']
    answer = dynamic.api(token).post('ssh/creds/dyn', {'ip': '127.0.0.1'})
    assert answer.status == 200, answer
    assert dynamic.api().post('auth/token/revoke', {'token': token}).status == 204
    wait_for(lambda: host.ours('alice') == [] and leases(dynamic) == [], 'the key comes off')


def test_host_down_and_server_restarted_the_key_still_comes_off(dynamic, host):
    write_role(dynamic, host, 'away', ttl='3s')
    issue(dynamic, 'away')
    host.down()
    shown = {}

    def is_pending():
        keys = leases(dynamic, 'away')
        if keys:
            shown.update(dynamic.api().put('sys/leases/lookup', {'lease_id': 'ssh/creds/away/' + keys[0]}).data)
        return shown.get('state') == 'revoke_pending' and shown['attempts'] > 0
    wait_for(is_pending, 'the lease shows that it waits')
    assert 'connect' in shown['last_error'].lower()
    answer = ask(dynamic)
    assert answer.status == 500 and FAILED in answer.errors[0], answer
    assert leases(dynamic) == []
    dynamic.restart(kill=True)
    assert len(host.ours('alice')) == 1
    host.up()
    wait_for(lambda: host.ours('alice') == [] and leases(dynamic, 'away') == [], 'the key comes off')


def test_revoke_says_why_it_waits(dynamic, host):
    got = issue(dynamic)
    host.allow_sudo('password')
    answer = revoke(dynamic, got)
    assert answer.status == 500 and 'sudo wants a password' in answer.errors[0], answer
    assert len(host.ours('alice')) == 1
    host.allow_sudo('broad')
    wait_for(lambda: host.ours('alice') == [] and leases(dynamic) == [], 'the key comes off')


# ---- who the host is ---------------------------------------------------------

OTHER = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f'


def test_wrong_host_key_is_told_with_both_fingerprints(dynamic, host):
    write_role(dynamic, host, 'wrong', host_keys=[OTHER])
    answer = ask(dynamic, 'wrong')
    assert answer.status == 500, answer
    said = re.search('host key (SHA256:[^ ]{43}) of 127.0.0.1 is not the pinned (SHA256:.{43})', answer.errors[0])
    assert said and answer.errors[0].startswith('1 error occurred:\n\t* ' + FAILED)
    shown = subprocess.run(['ssh-keygen', '-lf', host.dir / 'host_key.pub'], capture_output=True, text=True, check=True)
    assert said[1] == shown.stdout.split()[1] and said[1] != said[2]
    assert host.ours('alice') == [] and leases(dynamic, 'wrong') == []


def test_unknown_host_key_is_refused_or_learned(dynamic, host):
    write_role(dynamic, host, 'none', host_keys=[])
    answer = ask(dynamic, 'none')
    assert answer.status == 500 and 'is not known: none is pinned' in answer.errors[0], answer
    assert host.ours('alice') == [] and leases(dynamic, 'none') == []
    write_role(dynamic, host, 'tofu', host_keys=[], host_key_policy='tofu')
    got = issue(dynamic, 'tofu')
    assert revoke(dynamic, got).status == 204 and host.ours('alice') == []
    assert revoke(dynamic, issue(dynamic, 'none')).status == 204, 'it is known now'


def test_fingerprint_pins_a_host(dynamic, host):
    shown = subprocess.run(['ssh-keygen', '-lf', host.dir / 'host_key.pub'], capture_output=True, text=True, check=True)
    write_role(dynamic, host, 'printed', host_keys=[shown.stdout.split()[1]])
    assert revoke(dynamic, issue(dynamic, 'printed')).status == 204


# ---- who puts it there -------------------------------------------------------

@pytest.mark.parametrize('how, why', [
    ('password', 'sudo wants a password: it needs NOPASSWD'), ('nothing', 'sudo'), (None, 'sudo')])
def test_sudo_that_refuses_is_a_named_error(dynamic, host, how, why):
    host.allow_sudo(how)
    answer = ask(dynamic)
    host.allow_sudo('broad')
    assert answer.status == 500 and FAILED + 'add the key: ' + why in answer.errors[0], answer
    assert host.ours('alice') == [] and leases(dynamic) == []


def test_narrow_sudo_runs_the_installed_script(dynamic, host):
    script = host.install_script()
    host.allow_sudo('narrow')
    got = issue(dynamic)
    assert host.lets_in('alice', got['data']['key'])
    assert revoke(dynamic, got).status == 204 and host.ours('alice') == []
    host.inside('umount', '-l', script).check_returncode()
    host.allow_sudo('broad')


def test_root_needs_no_sudo(dynamic, host):
    host.allow_sudo(None)
    host.change_user('root', home=host.dir / 'home' / 'root')
    host.home('root').mkdir()
    host.write_authorized('root', host.key.public + '\n')
    write_role(dynamic, host, 'root', admin_user='root')
    got = issue(dynamic, 'root')
    assert host.lets_in('alice', got['data']['key'])
    assert revoke(dynamic, got).status == 204 and host.ours('alice') == []
    other = issue(dynamic, 'root', username='root')
    assert host.lets_in('root', other['data']['key'])
    assert revoke(dynamic, other).status == 204
    assert host.authorized('root').read_text() == host.key.public + '\n'
    host.allow_sudo('broad')


def test_the_admin_may_be_the_user(dynamic, host):
    host.allow_sudo(None)
    got = issue(dynamic, username=ADMIN)
    assert host.lets_in(ADMIN, got['data']['key'])
    assert revoke(dynamic, got).status == 204
    assert host.authorized(ADMIN).read_text() == host.key.public + '\n'
    host.allow_sudo('broad')


SCRIPT = '''#!/bin/sh
set -e
printf '%s|' "$#" "$1" "$3" "$(cat "$2")" >>@LOG@
pwd >>@LOG@; echo "$0" >>@LOG@
case $1 in
install) (cat "$2"; echo) | sudo -n tee -a "$3" >/dev/null ;;
uninstall) sudo -n sed -i "\\\\|$(cut -d' ' -f2 "$2")|d" "$3" ;;
esac
'''


def test_install_script_gets_its_three_arguments(dynamic, host):
    log = host.dir / 'script.log'
    log.touch(mode=0o666)
    log.chmod(0o666)
    host.write_authorized('alice', '# first\n')
    write_role(dynamic, host, 'script', install_script=SCRIPT.replace('@LOG@', str(log)))
    got = issue(dynamic, 'script')
    assert host.lets_in('alice', got['data']['key'])
    line = host.ours('alice')[0]
    assert revoke(dynamic, got).status == 204
    assert host.authorized('alice').read_text() == '# first\n'
    said = log.read_text().splitlines()
    assert said[0].rpartition('|')[0] == f'3|install|{host.authorized("alice")}|{line}'
    assert said[2].rpartition('|')[0] == f'3|uninstall|{host.authorized("alice")}|{line}'
    assert not list(host.home(ADMIN).glob('.sallyport*')), 'it is removed afterwards'
    write_role(dynamic, host, 'script', install_script='#!/bin/sh\n[ "$1" != install ] || { echo no room; exit 7; }\n')
    answer = ask(dynamic, 'script')
    assert answer.status == 500 and 'ended with status 7' in answer.errors[0], answer
    wait_for(lambda: leases(dynamic, 'script') == [], 'it is asked to uninstall what may lie there')


def test_install_script_is_for_the_user_who_was_named(dynamic, host):
    write_role(dynamic, host, 'script', install_script='#!/bin/sh\necho "for $3"\nexit 7\n')
    answer = ask(dynamic, 'script', username='al.ce')
    assert answer.status == 500 and 'there is no user al.ce' in answer.errors[0], answer
    assert leases(dynamic, 'script') == []


def test_install_script_that_is_cut_short_may_have_done_it(dynamic, host):
    host.write_authorized('alice', '# first\n')
    write_role(dynamic, host, 'script', install_script=SCRIPT.replace('@LOG@', '/dev/null') + '[ "$1" != install ] || kill -TERM $PPID\n')
    answer = ask(dynamic, 'script')
    assert answer.status == 500 and 'status 66' in answer.errors[0], answer
    wait_for(lambda: leases(dynamic, 'script') == [], 'it is asked to uninstall what may lie there')
    assert host.authorized('alice').read_text() == '# first\n'


def test_lease_knows_no_private_half(dynamic, host):
    got = issue(dynamic)
    looked = dynamic.api().put('sys/leases/lookup', {'lease_id': got['lease_id']})
    assert 'PRIVATE' not in json.dumps(looked.json)
    assert revoke(dynamic, got).status == 204
