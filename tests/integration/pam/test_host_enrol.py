"""M-11: a host gets its certificate by a token that is good once; sshd takes it, or all is as it was."""
import base64
import os

import pytest

from support.figures import figure
from support.keys import SshKey
from support.server import wait_for
from support.standin import Standin
from support.target import Authority, Target


@pytest.fixture
def authority(public_path):
    return Authority(public_path)


@pytest.fixture
def server(authority):
    with Standin(body=authority) as server:
        yield server


@pytest.fixture
def target(public_path, server):
    one = Target(public_path, server.address)
    yield one
    one.stop()


def user_of(authority, directory, name='user'):
    key = SshKey(directory, name)
    cert = directory / f'{name}-cert.pub'
    cert.write_text(authority.certify(key.public, name='ubuntu', host=False))
    return key.path, cert


def test_from_nothing_to_a_login(target, authority, public_path):
    user = user_of(authority, public_path)
    assert not target.lets_in(*user)
    other = target.conf.parent / '90-admin.conf'
    other.write_text('# mine\nPrintMotd no\n')
    before = other.read_bytes(), target.settings['sshd_config'].read_bytes()
    done = target.enrol('good')
    assert done.returncode == 0, done
    assert 'good' not in done.stderr and 'secret' not in done.stdout
    assert target.lets_in(*user, trusted=authority.ca.public)
    assert not target.lets_in(*user, trusted=SshKey(public_path, 'stranger').public)
    assert (other.read_bytes(), target.settings['sshd_config'].read_bytes()) == before
    assert oct(target.secret.stat().st_mode & 0o7777) == '0o640'
    assert authority.reports == [{'host': 'web1.example.com', 'host_secret': target.secret.read_text().strip(), 'krl_version': 5,
                                  'last_error': '', 'retry_count': 0}]
    assert not list(target.directory.rglob('*.sallyport-*')) and not (target.state / 'journal').exists()
    code, said = target.status()
    assert (code, said['state'], said['host'], said['krl_version']) == (0, 'good', 'web1.example.com', 5)


# What sshd takes when asked and does not do, or what it says no to: each is seen at another step.
FAULTS = {
    'broken line of another file': ('30-admin.conf', 'NoSuchWord yes\n'),
    'another CA first': ('10-admin.conf', 'TrustedUserCAKeys /dev/null\n'),
    'another list first': ('10-admin.conf', 'RevokedKeys /dev/null\n'),
    'no certificates of hosts': ('10-admin.conf', 'HostKeyAlgorithms ssh-ed25519\n'),
}


@pytest.mark.parametrize('fault', FAULTS)
def test_what_sshd_refuses_is_rolled_back(target, authority, public_path, fault):
    name, text = FAULTS[fault]
    other = target.conf.parent / name
    before = target.files()
    other.write_text(text)
    done = target.enrol('good')
    assert done.returncode == 1, done
    other.unlink()
    assert target.files() == before
    assert not list(target.directory.rglob('*.sallyport-*'))
    user = user_of(authority, public_path)
    wait_for(lambda: 'Permission denied' in target.login(*user).stderr, 'sshd serves, and trusts no CA')
    # A token that sshd's own words have kept from being used is still good; else the key will do.
    again = target.enrol('good') if 'broken' in fault else target.renew()
    assert again.returncode == 0, again
    assert target.lets_in(*user, trusted=authority.ca.public)


def test_an_sshd_that_lets_nobody_begin_a_login_is_rolled_back(target, authority):
    """Its configuration is good, and it shows the certificate."""
    before = target.files()
    other = target.conf.parent / '10-admin.conf'
    other.write_text('MaxAuthTries 0\n')
    done = target.enrol('good')
    other.unlink()
    assert done.returncode == 1 and 'Too many authentication failures' in done.stderr, done
    assert target.files() == before
    assert not list(target.directory.rglob('*known_hosts'))


BAD_ANSWERS = {
    'no object': 'text', 'a list': ['x'], 'no certificate': {'signed_key': ''}, 'not a text': {'signed_key': 7},
    'no secret': {'host_secret': ''}, 'a secret of two lines': {'host_secret': 'a\nb'}, 'a control byte in the name': {'host': 'a\x1b[31m'},
    'a huge name': {'host': 'h' * 5000}, 'no time': {'renew_after': None}, 'a negative time': {'renew_after': -1},
    'a time beyond all': {'renew_after': 2**62}, 'CA keys with options': {'trusted_user_ca_keys': 'command="x" ssh-ed25519 AAAA\n'},
    'CA keys of control bytes': {'trusted_user_ca_keys': '\x00\x01\n'}, 'ten megabytes': b'x' * 10_000_000,
}


def forged(line):
    """The certificate with another signature."""
    kind, blob = line.split()[:2]
    raw = bytearray(base64.b64decode(blob))
    raw[-1] ^= 1
    return f'{kind} {base64.b64encode(raw).decode()}\n'


def test_hostile_answers_change_nothing(target, authority, public_path):
    before, wrong = target.files(), []
    public = (target.dir / 'host_key.pub').read_text()
    stranger = SshKey(public_path, 'stranger').public
    answers = {**BAD_ANSWERS,
               'for another key': {'signed_key': authority.certify(stranger)},
               'of a user': {'signed_key': authority.certify(public, host=False)},
               'forged': {'signed_key': forged(authority.certify(public))},
               'past its end': {'signed_key': authority.certify(public, validity='-2h:-1h')},
               'not in force yet': {'signed_key': authority.certify(public, validity='+1h:+2h')},
               'a refusal': (400, {'errors': ['x' * 5000]}), 'a fault': (500, b'\0' * 100)}
    for name, answer in answers.items():
        authority.said = {'enrol': {**authority.issue(public), **answer} if isinstance(answer, dict) else answer}
        done = target.enrol('good')
        if done.returncode != 1 or target.files() != before or '\x1b' in done.stderr or (target.state / 'host.json').exists():
            wrong.append((name, done))
    lists = {'nothing': b'', 'text': b'x', 'ten megabytes': b'x' * 10_000_000, 'cut': authority.empty_krl.read_bytes()[:-1],
             'a redirect': (302, b''), 'no list yet': (404, {'errors': []})}
    for name, answer in lists.items():
        authority.said = {'krl': answer}
        done = target.enrol('good')
        if done.returncode != 1 or target.files() != before:
            wrong.append((name, done))
    figure('M-11', len(answers) + len(lists), len(wrong), 'answers of a hostile server')
    assert wrong == []
    authority.said = {}
    assert target.enrol('good').returncode == 0


def test_no_token_in_words_and_none_is_spent_in_vain(target, authority):
    for words, what in (((), 'say -token-file'), (('-token-file=/nowhere',), '/nowhere'), (('-token=good',), 'Usage'),
                        (('-token-file=-', 'good'), 'Usage')):
        done = target.run('enrol', *words, input='')
        assert done.returncode == 1 and what in done.stdout + done.stderr, done
    assert target.enrol('bad').returncode == 1 and not target.cert.exists()
    done = target.enrol('good', '-host=web2.example.com')
    assert done.returncode == 1 and 'web1.example.com' in done.stderr and not target.cert.exists()
    os.rename(target.key, f'{target.key}.away')
    done = target.enrol('good')
    os.rename(f'{target.key}.away', target.key)
    assert done.returncode == 1 and 'host_key' in done.stderr
