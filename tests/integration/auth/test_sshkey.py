"""auth/ssh: log in with a key or a certificate that signs a challenge (design.md 9)."""
import base64
import threading

import pytest

from support.figures import count, figure
from support.keys import SshKey, armor, dearmor
from support.server import Server

REFUSED = 'invalid role, nonce or signature'
NO_SIGNATURE = "'signature' is no SSH signature of a known type"
KINDS = [('ed25519', None), ('ecdsa', 256), ('ecdsa', 384), ('ecdsa', 521), ('rsa', 2048), ('rsa', 3072)]


@pytest.fixture(scope='module')
def server():
    one = Server(dev=False).start()
    one.enable_audit()
    for path in ('ssh', 'other'):
        assert one.api().post(f'sys/auth/{path}', {'type': 'ssh'}).status == 204
    yield one
    one.clean()


@pytest.fixture(scope='module')
def keys(tmp_path_factory):
    """key('a') is made at its first use."""
    directory, made = tmp_path_factory.mktemp('keys'), {}

    def key(name, kind='ed25519', bits=None):
        if name not in made:
            made[name] = SshKey(directory, name, kind, bits)
        return made[name]
    return key


class Login:
    """The method at one path, and its ways."""

    def __init__(self, server, path='ssh'):
        self.server, self.path, self.root, self.api = server, f'auth/{path}', server.api(), server.api(None)

    def role(self, name, **fields):
        got = self.root.post(f'{self.path}/role/{name}', fields)
        assert got.status == 204, got
        return name

    def challenge(self, key):
        got = self.api.post(f'{self.path}/challenge', {'public_key': key.public})
        assert got.status == 200, got
        return got.data

    def send(self, role, nonce, signature):
        return self.api.post(f'{self.path}/login', {'role': role, 'nonce': nonce, 'signature': signature})

    def try_it(self, role, key):
        asked = self.challenge(key)
        return self.send(role, asked['nonce'], key.sign(asked['namespace'], asked['message']))


@pytest.fixture(scope='module')
def ssh(server):
    return Login(server)


def refused(answer, text=REFUSED):
    assert (answer.status, answer.errors) == (400, [text]), answer


# ---- keys -----------------------------------------------------------------

@pytest.mark.parametrize('kind, bits', KINDS)
@pytest.mark.parametrize('hashed', ['sha256', 'sha512'])
def test_every_kind_of_key_logs_in(server, ssh, keys, kind, bits, hashed):
    key = keys(f'{kind}{bits}', kind, bits)
    role = ssh.role(f'r-{kind}{bits}'.lower(), public_keys=[key.public], token_policies=['web'], token_ttl='10m')
    asked = ssh.challenge(key)
    assert set(asked) == {'nonce', 'message', 'namespace', 'mount_accessor', 'ttl'}
    accessor = server.api().get('sys/auth').data['ssh/']['accessor']
    assert asked['message'] == asked['nonce'] + accessor and asked['ttl'] == 60
    assert asked['namespace'] == 'sallyport-login@' + server.api().get('sys/health').json['cluster_id']
    got = ssh.send(role, asked['nonce'], key.sign(asked['namespace'], asked['message'], hashed))
    assert got.status == 200, got
    auth = got.json['auth']
    assert auth['metadata'] == {'role': role, 'fingerprint': key.fingerprint}
    assert (auth['policies'], auth['lease_duration']) == (['default', 'web'], 600)
    alias, = server.api().get(f'identity/entity/id/{auth["entity_id"]}').data['aliases']
    assert (alias['name'], alias['mount_type']) == (key.fingerprint, 'ssh')
    refused(ssh.send(role, asked['nonce'], key.sign(asked['namespace'], asked['message'], hashed)))


def test_a_signature_may_be_base64_too(ssh, keys):
    key = keys('plain')
    role = ssh.role('base64', public_keys=[key.public])
    asked = ssh.challenge(key)
    blob = dearmor(key.sign(asked['namespace'], asked['message']))
    assert ssh.send(role, asked['nonce'], base64.b64encode(blob).decode()).status == 200


def test_what_does_not_fit_is_refused_alike(server, ssh, keys):
    mine, hers = keys('mine'), keys('hers')
    ssh.role('mine', public_keys=[mine.public])
    ssh.role('hers', public_keys=[hers.public])
    other = Login(server, 'other')
    other.role('mine', public_keys=[mine.public])

    def tries():
        asked = ssh.challenge(mine)
        name, message, nonce = asked['namespace'], asked['message'], asked['nonce']
        good = mine.sign(name, message)
        yield 'a role that is not there', ssh.send('nobody', nonce, good)
        yield "another's role", ssh.send('hers', nonce, good)
        yield 'another namespace', ssh.send('mine', nonce, mine.sign('file', message))
        yield 'a namespace of another server', ssh.send('mine', nonce, mine.sign(name[:-1] + 'x', message))
        yield 'without the accessor', ssh.send('mine', nonce, mine.sign(name, nonce))
        yield 'more behind it', ssh.send('mine', nonce, mine.sign(name, message + '\n'))
        yield 'another key, the nonce not for it', ssh.send('hers', nonce, hers.sign(name, message))
        yield 'another mount', other.send('mine', nonce, good)
        yield 'a nonce of another mount', ssh.send(
            'mine', other.challenge(mine)['nonce'], mine.sign(name, other.challenge(mine)['message']))
        yield 'no nonce of ours', ssh.send('mine', 'x' * 100, mine.sign(name, 'x' * 100 + asked['mount_accessor']))
        for at in (0, 5, 24, 25, 30, 40, len(nonce) - 1):
            changed = nonce[:at] + ('a' if nonce[at] != 'a' else 'b') + nonce[at + 1:]
            yield f'a nonce changed at {at}', ssh.send('mine', changed, mine.sign(name, changed + asked['mount_accessor']))
        yield None, ssh.send('mine', nonce, good)

    for what, answer in tries():
        if what is None:
            assert answer.status == 200, 'it was good all the time'
        else:
            assert (answer.status, answer.errors) == (400, [REFUSED]), what


def test_signatures_that_are_none_are_told_so(ssh, keys):
    key = keys('mine')
    ssh.role('mine', public_keys=[key.public])
    asked = ssh.challenge(key)
    good = dearmor(key.sign(asked['namespace'], asked['message']))
    bad = {'': 'missing signature', 'x': NO_SIGNATURE, '-----BEGIN SSH SIGNATURE-----': NO_SIGNATURE}
    for blob in (good[:-1], good + b'\0', b'X' + good[1:], good[:6] + b'\0\0\0\2' + good[10:], good[:200]):
        bad[armor(blob)] = NO_SIGNATURE
    for text, why in bad.items():
        got = ssh.send('mine', asked['nonce'], text)
        assert (got.status, got.errors) == (400, [why]), text
    assert ssh.send('mine', asked['nonce'], armor(good)).status == 200


def test_no_bit_of_a_signature_is_for_show(ssh, keys):
    """Each byte of it changed: none logs in."""
    key = keys('mine')
    ssh.role('mine', public_keys=[key.public])
    asked = ssh.challenge(key)
    good = dearmor(key.sign(asked['namespace'], asked['message']))
    step = max(1, len(good) // count('SSH_FLIPS', 60, 10000))
    for at in range(0, len(good), step):
        changed = good[:at] + bytes([good[at] ^ 0x01]) + good[at + 1:]
        assert ssh.send('mine', asked['nonce'], armor(changed)).status == 400, at
    assert ssh.send('mine', asked['nonce'], armor(good)).status == 200


def test_one_nonce_gives_one_token(ssh, keys):
    """Of racing logins with one signature one wins."""
    key = keys('racer')
    role = ssh.role('racer', public_keys=[key.public])
    rounds, many = count('SSH_NONCE_RACES', 3, 200), 0
    for _ in range(rounds):
        asked = ssh.challenge(key)
        signature = key.sign(asked['namespace'], asked['message'])
        won = []
        threads = [threading.Thread(target=lambda: won.append(ssh.send(role, asked['nonce'], signature).status))
                   for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert set(won) == {200, 400}
        many += won.count(200) != 1
    figure('SSH', rounds, many, 'nonces under 16 racing logins')
    assert many == 0


def test_a_used_nonce_stays_used_over_a_kill(server, keys):
    ssh, key = Login(server), keys('killed')
    role = ssh.role('killed', public_keys=[key.public])
    asked = ssh.challenge(key)
    signature = key.sign(asked['namespace'], asked['message'])
    assert ssh.send(role, asked['nonce'], signature).status == 200
    server.restart(kill=True)
    refused(ssh.send(role, asked['nonce'], signature))
    again = ssh.challenge(key)
    server.restart()
    assert ssh.send(role, again['nonce'], key.sign(again['namespace'], again['message'])).status == 200


# ---- roles ----------------------------------------------------------------

def test_weak_keys_and_certificates_are_no_keys_of_a_role(ssh, keys):
    weak = keys('weak', 'rsa', 1024)
    assert ssh.root.post('auth/ssh/role/weak', {'public_keys': [weak.public]}).status == 400
    certificate = keys('ca').certify(keys('mine'), 'ann', 'norole')
    assert ssh.root.post('auth/ssh/role/weak', {'public_keys': [certificate.public]}).status == 400
    for text in ('ssh-ed25519', 'x', weak.public):
        got = ssh.api.post('auth/ssh/challenge', {'public_key': text})
        assert (got.status, got.errors) == (400, ["'public_key' is no public key or certificate of a known type"])


def test_a_role_is_read_changed_and_deleted(ssh, keys):
    key = keys('mine')
    ssh.role('Shown', public_keys=[key.public], token_policies=['a'])
    shown = ssh.root.get('auth/ssh/role/shown').data
    assert shown['public_keys'] == [' '.join(key.public.split()[:2])]
    assert (shown['ca_public_keys'], shown['principals'], shown['token_policies']) == ([], [], ['a'])
    ssh.role('shown', token_policies=['b'])
    assert ssh.root.get('auth/ssh/role/shown').data['public_keys'] == shown['public_keys']
    token = ssh.try_it('shown', key).json['auth']['client_token']
    assert ssh.server.api(token).post('auth/token/renew-self', {}).status == 200
    ssh.role('shown', public_keys=[keys('hers').public])
    refused(ssh.try_it('shown', key))
    assert ssh.root.delete('auth/ssh/role/shown').status == 204
    refused(ssh.try_it('shown', keys('hers')))
    got = ssh.server.api(token).post('auth/token/renew-self', {})
    assert (got.status, got.errors) == (400, ['role no longer exists, not renewing'])


def test_a_role_may_bind_addresses(ssh, keys):
    ssh.role('bound', public_keys=[keys('mine').public], token_bound_cidrs=['10.0.0.0/8'])
    got = ssh.try_it('bound', keys('mine'))
    assert (got.status, got.errors) == (403, ['permission denied'])


# ---- certificates ---------------------------------------------------------

@pytest.mark.parametrize('kind, bits, algorithm', [
    ('ed25519', None, None), ('ecdsa', 256, None), ('ecdsa', 521, None), ('rsa', 3072, 'rsa-sha2-256'), ('rsa', 3072, 'rsa-sha2-512')])


def test_a_certificate_logs_in(server, ssh, keys, kind, bits, algorithm):
    ca, key = keys(f'ca-{kind}{bits}', kind, bits), keys('ann', 'ecdsa', 384)
    role = ssh.role('certified', ca_public_keys=[keys('ca').public, ca.public], principals=['ann', 'bob'], token_ttl='5m')
    got = ssh.try_it(role, ca.certify(key, 'zoe,bob,ann', f'good-{kind}-{bits}-{algorithm}', algorithm=algorithm))
    assert got.status == 200, got
    auth = got.json['auth']
    assert auth['metadata'] == {'role': role, 'fingerprint': key.fingerprint, 'principal': 'bob', 'serial': '7',
                                'key_id': f'id-good-{kind}-{bits}-{algorithm}', 'ca': ca.fingerprint}
    alias, = server.api().get(f'identity/entity/id/{auth["entity_id"]}').data['aliases']
    assert (alias['name'], alias['metadata']) == (f'{ca.fingerprint}/bob', {'principal': 'bob'})
    # The key alone is not what the role asks for.
    refused(ssh.try_it(role, key))


BAD = {
    'of a host': {'host': True},
    'expired': {'validity': '-2h:-1h'},
    'not yet valid': {'validity': '+1h:+2h'},
    'with no principal': {'principals': ''},
    'with another principal': {'principals': 'zoe'},
    'with a longer principal': {'principals': 'ann2'},
    'with its principal in capitals': {'principals': 'Ann'},
    'with a forced command': {'options': ['force-command=/bin/true']},
    'with an option that nobody knows': {'options': ['critical:odd@example.com']},
    'that wants its user verified': {'options': ['verify-required']},
    'for other addresses': {'options': ['source-address=10.0.0.0/8,192.0.2.1']},
}


@pytest.mark.parametrize('what', BAD)
def test_a_certificate_is_refused(ssh, keys, what):
    role = ssh.role('strict', ca_public_keys=[keys('ca').public], principals=['ann'])
    fields = {'principals': 'ann', **BAD[what]}
    refused(ssh.try_it(role, keys('ca').certify(keys('mine'), name='bad-' + what.replace(' ', '-'), **fields)))


def test_another_ca_is_refused(ssh, keys):
    role = ssh.role('strict', ca_public_keys=[keys('ca').public], principals=['ann'])
    refused(ssh.try_it(role, keys('false-ca').certify(keys('mine'), 'ann', 'false')))


def test_a_token_is_no_wider_than_its_certificate(server, ssh, keys):
    role = ssh.role('narrow', ca_public_keys=[keys('ca').public], principals=['ann'], token_ttl='10h',
                    token_bound_cidrs=['127.0.0.0/8', '10.0.0.0/8'])
    certificate = keys('ca').certify(keys('mine'), 'ann', 'narrow', validity='-1m:+1h', options=['source-address=127.0.0.0/16,::1'])
    got = ssh.try_it(role, certificate)
    assert got.status == 200, got
    shown = server.api().post('auth/token/lookup', {'token': got.json['auth']['client_token']}).data
    assert shown['bound_cidrs'] == ['127.0.0.0/16']
    assert 0 < shown['explicit_max_ttl'] <= 3600 and shown['ttl'] <= 3600
    ssh.role('narrow', token_bound_cidrs=['10.0.0.0/8'])
    refused(ssh.try_it(role, certificate))


def test_two_cas_name_two_people(ssh, keys):
    role = ssh.role('two', ca_public_keys=[keys('ca').public, keys('ca2').public], principals=['ann'])
    one, other = (ssh.try_it(role, keys(ca).certify(keys('mine'), 'ann', f'two-{ca}')).json['auth']['entity_id'] for ca in ('ca', 'ca2'))
    assert one != other


def test_the_log_says_why_and_the_answer_does_not(server, ssh, keys):
    role = ssh.role('why', ca_public_keys=[keys('ca').public], principals=['ann'])
    refused(ssh.try_it(role, keys('ca').certify(keys('mine'), 'ann', 'late', validity='-2h:-1h')))
    assert 'the certificate has expired' in server.log_text()
