"""`list` and `delete` with K=V words: filters of the register, and how far `tidy` goes back."""
import json

import pytest

from support.ca import Ca
from support.cli import good, says
from support.keys import SshKey
from support.server import wait_for


@pytest.fixture(scope='module')
def signed(shared, tmp_path_factory):
    """Serial numbers of three certificates, by principal."""
    ca = Ca(shared)
    ca.role('ops')
    key = SshKey(tmp_path_factory.mktemp('filters'), 'mine').public
    made = [(name, ca.ask('ops', key, valid_principals=name, **more).data['serial_number'])
            for name, more in (('ubuntu', {}), ('ops', {}), ('ubuntu', {'ttl': '1s'}))]
    return {'ops': [made[1][1]], 'ubuntu': [made[0][1], made[2][1]], 'all': [serial for _, serial in made]}


def keys(done):
    return json.loads(good(done))


def test_words_are_filters(run, signed):
    assert keys(run('list', '-format=json', 'ssh/certs')) == signed['all']
    assert keys(run('list', '-format=json', 'ssh/certs', 'principal=ops')) == signed['ops']
    assert keys(run('list', '-format=json', 'ssh/certs', 'principal=ubuntu', 'role=ops')) == signed['ubuntu']
    assert good(run('list', 'ssh/certs', 'principal=ops')) == f'Keys\n----\n{signed["ops"][0]}\n'
    says(run('list', 'ssh/certs', 'principal=nobody'), 2, 'No value found at ssh/certs')


def test_a_list_that_stopped_says_how_to_go_on(run, signed):
    first = run('list', '-format=json', 'ssh/certs', 'limit=2')
    assert keys(first) == signed['all'][:2]
    assert first.stderr.strip() == f'There is more: go on with after={signed["all"][1]}'
    rest = run('list', '-format=json', 'ssh/certs', f'after={signed["all"][1]}')
    assert keys(rest) == signed['all'][2:] and rest.stderr == ''


def test_other_words_are_refused(run):
    says(run('list', 'ssh/certs', 'more'), 1, 'Too many arguments (expected 1, got 2)')
    says(run('list', 'ssh/certs', 'a=@/nowhere'), 1, 'Failed to parse K=V data: invalid key/value pair "a=@/nowhere": error reading file')
    says(run('list', 'ssh/certs', 'after=xyz'), 2, 'not a serial number')


def test_the_words_are_in_what_curl_would_send(run):
    shown = good(run('list', '-output-curl-string', 'ssh/certs', 'principal=a b'))
    assert 'ssh/certs?' in shown and 'principal=a%20b' in shown and 'list=true' in shown


def test_delete_takes_words_too(run, signed):
    """With three days' buffer, which is the default, nothing goes; with none what has ended."""
    ended = signed['ubuntu'][1]
    assert good(run('delete', 'ssh/tidy/certs')) == 'Success! Data deleted (if it existed) at: ssh/tidy/certs\n'
    assert keys(run('list', '-format=json', 'ssh/certs')) == signed['all']

    def gone():
        assert good(run('delete', 'ssh/tidy/certs', 'safety_buffer=0s')).startswith('Success!')
        return ended not in keys(run('list', '-format=json', 'ssh/certs'))
    wait_for(gone, 'what has ended is forgotten')
    assert keys(run('list', '-format=json', 'ssh/certs')) == signed['all'][:2]
    says(run('delete', 'ssh/tidy/certs', 'safety_buffer=soon'), 2, 'error converting input')
