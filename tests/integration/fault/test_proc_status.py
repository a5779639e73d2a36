"""What /proc shows of the process (reliability R35, the part of stage 1)."""
import os

import pytest

from support.figures import figure
from support.server import Server


NOBODY = 65534


class NobodysServer(Server):
    """Run without rights, since the files of a process of root show nothing."""

    def words(self):
        for path in (self.directory, self.store.parent, self.audit_directory):
            os.chown(path, NOBODY, NOBODY)
        return ['setpriv', f'--reuid={NOBODY}', f'--regid={NOBODY}', '--clear-groups', *super().words()]


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')
def test_the_process_shows_nothing():
    """Not dumpable, no core, no new privileges, locked memory."""
    server = NobodysServer()
    try:
        server.start()
        proc = f'/proc/{server.process.pid}'
        with open(f'{proc}/status') as file:
            status = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
        with open(f'{proc}/limits') as file:
            core = next(line for line in file if line.startswith('Max core file size'))
        with open(f'{proc}/smaps') as file:
            flags = [line.split() for line in file if line.startswith('VmFlags')]
        good = {
            'runs as nobody': status['Uid'].split()[0] == str(NOBODY),
            'not dumpable': os.stat(f'{proc}/environ').st_uid == 0,  # root's, as of every such process
            'no new privileges': status['NoNewPrivs'] == '1',
            'no core': core.split()[4:6] == ['0', '0'],
            'locked memory': any('lo' in one for one in flags) and int(status['VmLck'].split()[0]) > 0,
            'locked memory is in no dump': all('dd' in one for one in flags if 'lo' in one),
            'nobody traces it': status['TracerPid'] == '0',
            'no capabilities': int(status['CapEff'], 16) == 0,
        }
        figure('R35', len(good), list(good.values()).count(False), 'properties of the process')
        assert all(good.values()), good
    finally:
        server.clean()
