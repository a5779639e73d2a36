"""sshd asks at each login which principals an account takes; an outage is bridged as long as the server said, and no longer."""
import json
import time

import pytest

from support.figures import figure
from support.keys import SshKey
from support.places import public_directory
from support.standin import Standin
from support.target import Authority, Target

WORDS = ('-user=ubuntu', '-serial=255', '-key-id=id', '-fingerprint=SHA256:x', '-ca-fingerprint=SHA256:y')


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='module')
def server(authority):
    with Standin(body=authority) as server:
        yield server


@pytest.fixture(scope='module')
def target(tmp_path_factory, server):
    with public_directory() as path:
        one = Target(path, server.address)
        try:
            if not one.has_namespace:
                pytest.skip('sshd starts no program that lies where others may write')
            assert one.enrol('good', '-principals').returncode == 0
            yield one
        finally:
            one.stop()


@pytest.fixture
def asked(target, authority, server):
    """The words that sshd would print names for; no answer is kept yet."""
    authority.said, authority.principals = {}, ['ubuntu']
    target.configure(vault_addr=server.address)
    for path in target.cache.iterdir():
        path.unlink()

    def ask(*words):
        done = target.inside('setpriv', '--reuid=sallyport-helper', '--regid=sallyport-helper', '--clear-groups', target.program,
                             'principals', '-dev', f'-config={target.config}', *(words or WORDS))
        assert done.returncode in (0, 1), done
        return done.stdout
    return ask


def down(target):
    target.configure(vault_addr='http://127.0.0.1:9')


def kept(target, **changes):
    """The one answer that is kept; changed before it is looked at again."""
    path, = target.cache.iterdir()
    found = json.loads(path.read_text())
    if changes:
        path.write_text(json.dumps({**found, **changes}))
    return found


def test_a_login_by_what_the_server_says(target, authority, asked, server, public_path):
    key = SshKey(public_path, 'user')
    cert = public_path / 'user-cert.pub'
    cert.write_text(authority.certify(key.public, name='ci', host=False))
    del server.requests[:]
    assert not target.lets_in(key.path, cert)  # the account takes "ubuntu"
    sent = json.loads([sent for _, path, _, sent in server.requests if 'principals' in path][-1])
    assert sent == {'host_secret': target.secret.read_text().strip(), 'username': 'ubuntu',
                    'serial_number': f'{authority.serial:x}', 'key_id': f'id{authority.serial}', 'fingerprint': key.fingerprint,
                    'ca_fingerprint': authority.ca.fingerprint}
    authority.principals = ['deploy', 'ci']
    assert target.lets_in(key.path, cert)
    down(target)
    assert target.lets_in(key.path, cert)
    assert not target.lets_in(key.path, cert, user='ops')  # which nobody has asked for
    kept(target, asked_s=int(time.time()) - 3601)
    assert not target.lets_in(key.path, cert)
    assert 'syslog: ' in target.log.read_text() and 'principals: user "ubuntu"' in target.log.read_text()
    target.configure(vault_addr=server.address)
    authority.principals = []
    assert not target.lets_in(key.path, cert)


def test_an_outage_is_bridged_as_long_as_was_said(target, authority, asked):
    authority.said = {'principals': {'principals': ['a', 'b'], 'valid_for': 100}}
    assert asked() == 'a\nb\n'
    now, wrong = int(time.time()), []
    rows = [({'asked_s': now - 10}, 'a\nb\n'), ({'asked_s': now - 101}, ''), ({'asked_s': now + 1000}, ''), ({'asked_s': -1}, ''),
            ({'asked_s': 0, 'valid_for_s': 2**60}, ''), ({'asked_s': now - 10, 'key': '0' * 64}, ''), ({'principals': 7}, ''), ({'principals': ['a', 'b c']}, ''),
            ({'asked_s': 'now'}, '')]
    first = kept(target)
    for outage in ((503, {'errors': ['sealed']}), (500, b'x'), (429, {'errors': []})):
        authority.said = {'principals': outage}
        for changes, said in rows:
            kept(target, **{**first, **changes})
            if asked() != said:
                wrong.append((outage, changes))
    kept(target, **first)
    other = asked('-user=root', *WORDS[1:]), asked(*WORDS[:1], '-serial=256', *WORDS[2:])
    figure('M-11', 3 * len(rows) + 2, len(wrong) + sum(map(bool, other)), 'answers during an outage')
    assert wrong == [] and other == ('', '')


def test_a_no_is_not_bridged(target, authority, asked):
    for no in ((400, {'errors': ['invalid host or host secret']}), (403, {'errors': []}), (404, {'errors': []}),
               {'principals': [], 'valid_for': 100}, {'principals': ['a b'], 'valid_for': 100}):
        authority.said = {}
        assert asked() == 'ubuntu\n'
        authority.said = {'principals': no}
        assert asked() == ''
        assert list(target.cache.iterdir()) == []
        authority.said = {'principals': (503, {'errors': []})}
        assert asked() == '', no


def test_hostile_answers_print_nothing(target, authority, asked):
    lists = [['a\nb'], ['a b'], ['a\x00'], ['a\x1b[31m'], ['#a'], ['a,b'], ['*'], ['"a"'], [''], ['é'], ['good', 'from="x" bad'],
             ['a' * 5000], [7], [['a']], [None], {'a': 'b'}, 'a', 7, None, ['a'] * 5000]
    answers = [{'principals': one, 'valid_for': 60} for one in lists]
    answers += [{'principals': ['a'], 'valid_for': -1}, {}, [], b'', b'{', b'x' * 10_000_000, (302, b''), (204, b''),
                (200, {'errors': [], 'principals': ['a']})]
    wrong = []
    for answer in answers:
        authority.said = {'principals': answer}
        if asked() != '':
            wrong.append(answer)
    authority.said = {}
    for words in (WORDS[1:], (*WORDS[:1], '-serial=x', *WORDS[2:]), (*WORDS, 'word'), (*WORDS, '-other')):
        if '\nubuntu\n' in '\n' + asked(*words):
            wrong.append(words)
    figure('M-11', len(answers) + 4, len(wrong), 'hostile answers to a login')
    assert wrong == []


def test_a_cache_that_others_may_write_is_none(target, authority, asked):
    assert asked() == 'ubuntu\n'
    authority.said = {'principals': (503, {'errors': []})}
    assert asked() == 'ubuntu\n'
    target.cache.chmod(0o777)
    try:
        assert asked() == ''
    finally:
        target.cache.chmod(0o700)
    entry, = target.cache.iterdir()
    entry.chmod(0o666)
    assert asked() == ''
