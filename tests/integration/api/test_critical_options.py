"""Sticky critical options survive whatever a caller sends (reliability L49, gaps G-6)."""
import json
import subprocess

import pytest

from support.ca import Ca, read
from support.figures import count, figure
from support.keys import SshKey
from support.server import Server

STICKY = {'force-command': '/bin/date', 'source-address': '10.0.0.0/8', 'verify-required': '', 'mine@example.com': 'x'}
ATTEMPTS = 25


@pytest.fixture(scope='module')
def ca(tmp_path_factory):
    one = Ca(Server().start().mount_ssh())
    one.key = SshKey(tmp_path_factory.mktemp('keys'), 'user')
    yield one
    one.server.clean()


def attempts(name):
    """Bodies that might drop or change this option."""
    other, bare = '/bin/sh', name
    yield from ({name: other}, {name: ''}, {name: None}, {name: []}, {name: {}}, {name: False}, {name: 0})
    yield from ({'a': ''}, {'a': '', name: other}, {name.upper(): other}, {f' {bare}': other}, {f'{bare} ': other},
                {f'{bare}\0': other}, {f'{bare}\t': other}, {f'x,{bare}': other}, {'': other})
    yield from ([{name: other}], [{'a': ''}, {name: ''}], [f'{name}={other}'], ['a='], [], {})
    yield from (f'{{"a":"","{name}":"{other}"}}', f'{{"{name}":"{other}","{name}":""}}', {'source-address': '0.0.0.0/0', 'z': ''},
                {'z' * 200: 'z' * 200})


@pytest.mark.parametrize('name', STICKY)
def test_a_sticky_option_stays(ca, name):
    for members in ({'default_critical_options': {name: STICKY[name]}}, {'forced_critical_options': {name: STICKY[name]}}):
        if '@' in name and 'default_critical_options' in members:
            continue
        ca.role('sticky', **members)
        tried = failures = 0
        for options in list(attempts(name))[:count('STICKY', ATTEMPTS, 60)]:
            body = {'public_key': ca.key.public, 'critical_options': options}
            raw = json.dumps(body)
            if isinstance(options, str):
                raw = raw.replace(json.dumps(options), options)
            answer = ca.server.api().call('POST', 'ssh/sign/sticky', raw=raw)
            assert answer.status in (200, 400), answer
            tried += 1
            failures += answer.status == 200 and not holds(ca, answer, name)
        figure('L49', tried, failures, f'requests against {name}')
        assert tried >= ATTEMPTS and failures == 0


def holds(ca, answer, name):
    path = ca.key.path.with_name('tried-cert.pub')
    path.write_text(answer.data['signed_key'])
    try:
        found = {line.split(' ')[0]: line.partition(' ')[2] for line in read(path)['Critical Options']}
    except subprocess.CalledProcessError:
        return False  # a value that ssh-keygen cannot read is not the role's
    return name in found and (found[name] == STICKY[name] or 'UNKNOWN' in found[name])


def test_others_are_replaced_as_at_the_peers(ca):
    ca.role('plain', default_critical_options={'some@example.com': 'a'})
    signed = ca.sign('plain', ca.key, critical_options={'other@example.com': 'b'})
    assert [line.split()[0] for line in signed.read()['Critical Options']] == ['other@example.com']
