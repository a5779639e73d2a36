"""Each table of this folder against a server of its own; README.md says how to read them."""
import pathlib

import pytest

from support.cases import Run, read
from support.figures import figure
from support.server import Server

TABLES = sorted(one for one in pathlib.Path(__file__).parent.glob('*.md') if one.name != 'README.md')
FEWEST = 600


@pytest.mark.parametrize('path', TABLES, ids=lambda path: path.stem)
def test_the_server_answers_as_its_specification_says(path):
    is_new = '\nServer: new\n' in path.read_text()
    one = Server(dev=False).start(unseal=False) if is_new else Server().start()
    try:
        run = Run(one, read(path))
    finally:
        one.clean()
    figure('conformance', run.tries, len(run.wrong), 'cases of core-api and ssh-engine')
    assert run.wrong == [], '\n' + '\n'.join(run.wrong)


def test_there_are_enough_cases():
    assert sum(not case.is_given for path in TABLES for case in read(path)) >= FEWEST


WRONG = '''
# Nothing of this is so
    GET sys/health -> 503
    GET sys/health -> 200 body: {"sealed":true}
    GET sys/health -> 200 body = {"sealed":false}
    GET sys/health -> 200 cluster_id: "<base62>"
    GET sys/health -> 200 no version
    GET sys/health -> 200 no body
    GET sys/health -> 200 []
    GET sys/health -> 200 [Cache-Control: private]
    GET sys/health -> 200 server_time_utc: "<at most 5>"
    GET sys/health -> 200 keep nothing as kept
    GET sys/health -> 200 nonsense
    nobody: GET sys/mounts -> 400 "missing client tokens"
    nobody: GET sys/mounts -> 400 wrapped "missing client token"
    nobody: GET sys/mounts -> 400 starting "client token"
    given GET nowhere/x
    sys/health -> 200
'''


def test_a_wrong_case_is_seen(shared, tmp_path):
    path = tmp_path / 'wrong.md'
    path.write_text(WRONG)
    run = Run(shared, read(path))
    lines = [number for number, line in enumerate(WRONG.splitlines(), 1) if line.startswith('    ')]
    assert [int(one.split(',')[0].removeprefix('line ')) for one in run.wrong] == lines
