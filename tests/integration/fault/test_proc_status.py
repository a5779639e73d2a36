"""What /proc shows of the processes (reliability R35, the part of stage 1)."""
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


def properties(pid):
    """What is good of a process, and whether it is so."""
    proc = f'/proc/{pid}'
    with open(f'{proc}/status') as file:
        status = dict(line.rstrip('\n').split(':\t', 1) for line in file if ':\t' in line)
    with open(f'{proc}/limits') as file:
        core = next(line for line in file if line.startswith('Max core file size'))
    with open(f'{proc}/smaps') as file:
        flags = [line.split() for line in file if line.startswith('VmFlags')]
    return {
        'runs as nobody': status['Uid'].split()[0] == str(NOBODY),
        'not dumpable': os.stat(f'{proc}/environ').st_uid == 0,  # root's, as of every such process
        'no new privileges': status['NoNewPrivs'] == '1',
        'no core': core.split()[4:6] == ['0', '0'],
        'locked memory': any('lo' in one for one in flags) and int(status['VmLck'].split()[0]) > 0,
        'locked memory is in no dump': all('dd' in one for one in flags if 'lo' in one),
        'nobody traces it': status['TracerPid'] == '0',
        'no capabilities': int(status['CapEff'], 16) == 0,
    }


@pytest.mark.skipif(os.geteuid() != 0, reason='only root can become another user')
def test_the_processes_show_nothing():
    """Not dumpable, no core, no new privileges, locked memory: the server and its keeper."""
    server = NobodysServer()
    try:
        server.start()
        good = {(name, what): so for name, pid in (('server', server.process.pid), ('keeper', server.keeper))
                for what, so in properties(pid).items()}
        figure('R35', len(good), list(good.values()).count(False), 'properties of the processes')
        assert all(good.values()), good
    finally:
        server.clean()
