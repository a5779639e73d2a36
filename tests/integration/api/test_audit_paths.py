"""L31: an audit file lies only below a directory that the configuration names, and runs nothing."""
import os
import stat

import pytest

from support.figures import figure
from support.server import Server


@pytest.fixture(scope='module')
def strict():
    one = Server(dev=False).start()
    yield one
    one.clean()


def enable(server, path, **options):
    return server.api().put('sys/audit/x', {'type': 'file', 'options': {'file_path': str(path), **options}})


def outside_paths(server):
    """Spellings of places that are not below the directory, and of what is no file."""
    inside, outside = server.audit_directory, server.directory / 'elsewhere'
    outside.mkdir()
    (inside / 'link').symlink_to(outside)
    (inside / 'file-link').symlink_to(outside / 'target.log')
    (inside / 'deep').mkdir()
    (inside / 'deep' / 'up').symlink_to('../..')
    (inside / 'self').symlink_to('.')
    os.mkfifo(inside / 'fifo')
    (inside / 'script').write_text('#!/bin/sh\n')
    (inside / 'script').chmod(0o755)
    (inside / 'text').write_text('something else\n')
    os.link(server.store, inside / 'hard')
    return [outside / 'x.log', inside / '..' / 'elsewhere' / 'x.log', inside / 'link' / 'x.log', inside / 'file-link',
            f'{inside}-not/x.log', 'relative.log', './relative.log', f'{inside}/../elsewhere/../elsewhere/y.log', inside,
            f'{inside}/', f'{inside}/.', f'{inside}/..', server.store, inside / 'hard', '/dev/null', '/dev/full', '/proc/self/fd/1',
            inside / 'deep' / 'up' / 'elsewhere' / 'x.log', inside / 'fifo', inside / 'script', inside / 'text', '',
            f'/{inside}/../..{outside}/x.log', '/etc/cron.d/x', '~/x.log', f'{inside}\0.log', f'{inside}/none/x.log',
            f'{inside}/' + 'x' * 300, f'file://{inside}/x.log', f' {inside}/x.log']


def tree(directory):
    return {path: path.lstat().st_size for path in directory.rglob('*') if path.name not in ('server.log', 'store.db-wal')}


def test_no_file_outside_of_the_directories(strict):
    paths = outside_paths(strict)
    before = tree(strict.directory)
    answers = [(path, enable(strict, path)) for path in paths]
    wrong = [one for one in answers if one[1].status != 400]
    strict.api().delete('sys/audit/x')
    figure('L31', len(paths), len(wrong), 'paths')
    assert wrong == []
    assert tree(strict.directory) == before


@pytest.mark.parametrize('options', [{'prefix': '#!/bin/sh\n'}, {'prefix': 'x'}, {'format': 'jsonx'}, {'log_raw': 'maybe'},
                                     {'mode': 'x'}, {'mode': '99'}])
def test_no_option_makes_something_else_of_it(strict, options):
    path = strict.audit_directory / 'options.log'
    assert enable(strict, path, **options).status == 400
    assert not path.exists()


@pytest.mark.parametrize('mode', ['4777', '0777', '2755', '0666', '0755', '1777', '0100', '0600', '0640', '0000'])
def test_the_mode_is_masked(strict, mode):
    """To 0640 at most: none can run it, others cannot read it, none but the server writes it."""
    path = strict.audit_directory / f'mode-{mode}.log'
    got = enable(strict, path, mode=mode)
    assert got.status in (204, 400)
    if got.status == 204:
        assert stat.S_IMODE(path.stat().st_mode) & ~0o640 == 0
        assert strict.api().delete('sys/audit/x').status == 204
    else:
        assert not path.exists()


def test_two_devices_do_not_share_a_file(strict):
    path = strict.audit_directory / 'once.log'
    assert enable(strict, path).status == 204
    got = strict.api().put('sys/audit/y', {'type': 'file', 'options': {'file_path': str(path)}})
    assert got.status == 400
    assert strict.api().delete('sys/audit/x').status == 204
