"""L64: the module has no handler, and nobody's signals disturb a login."""
import os
import signal
import subprocess

import pytest

from support.figures import figure
from support.host import UUID, YES, programs, settings
from support.patience import PATIENCE_S
from support.server import wait_for
from support.standin import Silent, Standin

SILENT = '#!/bin/sh\nexit 0\n'


def test_a_storm_of_signals(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('storm', '20*auth', password=UUID)
        figure('L64', host.facts['alarms'], len(host.left()) + (got != [('20*auth', 'SUCCESS')]), 'signals')
        assert got == [('20*auth', 'SUCCESS')] and host.facts['alarms'] > 20 and host.left() == {}


def test_a_host_that_blocks_every_signal(host):
    """The helper does not: it would outlive its deadline."""
    with Standin(200, YES) as server, Silent() as silent:
        host.write_config(settings(server.address))
        assert host.run('block', '5*auth', password=UUID) == [('5*auth', 'SUCCESS')]
        assert host.left() == {}
        host.write_config(settings(silent.address))
        assert host.run('block', 'auth', password=UUID, words=('dev', 'timeout=1')) == [('auth', 'AUTHINFO_UNAVAIL')]
        assert host.left() == {}
    wait_for(lambda: str(host.helper) not in programs(), 'the helper ends')


@pytest.mark.parametrize('changes', [(), ('block',), ('storm',)])
def test_a_helper_that_reads_nothing_sends_no_sigpipe(host, tmp_path, changes):
    host.write_config(settings('http://127.0.0.1:1'))
    program = tmp_path / 'other-helper'
    for text in (SILENT, None):
        program.write_text(text) if text else program.unlink()
        if text:
            program.chmod(0o755)
        assert host.run(*changes, '20*auth', password=UUID, helper=program) == [('20*auth', 'AUTHINFO_UNAVAIL')]
        assert host.left() == {} and host.facts['signals'] == 0


@pytest.mark.parametrize('number', [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_the_helper_ends_with_its_host(host, number):
    with Silent() as server:
        host.write_config(settings(server.address, timeout_seconds=100))
        (host.directory / 'service').write_text('auth required ' + host.line(('dev', 'timeout=100')) + '\n')
        with subprocess.Popen([host.program, host.directory, 'nobody', 'auth'], stdin=subprocess.PIPE,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
            running.stdin.write(UUID.encode())
            running.stdin.close()
            wait_for(lambda: str(host.helper) in programs(), 'the helper asks')
            os.kill(running.pid, number)
            running.wait(PATIENCE_S)
        wait_for(lambda: str(host.helper) not in programs(), 'the helper ends')
