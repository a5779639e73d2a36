"""R61, R63: what a login leaves behind in the process that asked: nothing. And two handles know nothing of each other."""
import shutil

import pytest

from support.figures import count, figure
from support.host import UUID, YES, programs, settings
from support.server import wait_for
from support.standin import Standin

CALLS = count('PAM_CALLS', 100, 100000)


def kinds(host, server):
    """Services by what happens in them, each to be called often, and what it answers."""
    (host.directory / 'down.hcl').write_text(settings('http://127.0.0.1:1'))
    (host.directory / 'wrong.hcl').write_text('vault_addr = 7\n')
    silent = host.directory / 'silent-helper'
    silent.write_text('#!/bin/sh\nexit 0\n')
    silent.chmod(0o755)
    host.write_config(settings(server.address))

    def config(name):
        return ('dev', f'config={host.directory}/{name}')
    return {
        'yes': (host.line(), 'SUCCESS'),
        'down': (host.line(config('down.hcl')), 'AUTHINFO_UNAVAIL'),
        'wrong': (host.line(config('wrong.hcl')), 'AUTHINFO_UNAVAIL'),
        'absent': (host.line(config('absent.hcl')), 'AUTHINFO_UNAVAIL'),
        'no-helper': (host.line(helper='/none'), 'AUTHINFO_UNAVAIL'),
        'silent': (host.line(helper=silent), 'AUTHINFO_UNAVAIL'),
        'no-option': (host.line(('bogus',)), 'AUTHINFO_UNAVAIL'),
    }


def call_often(host, server, n, *changes, password=UUID):
    rows = kinds(host, server)
    words = [word for name in rows for word in (f'service={name}', f'{n}*auth')]
    got = host.run(*changes, *words, password=password, timeout_s=600 + n,
                   services={name: f'auth required {line}\n' for name, (line, _) in rows.items()})
    assert [code for _, code in got] == [code for _, code in rows.values()]


def test_nothing_is_left_after_many_calls(host):
    with Standin(200, YES) as server:
        each = max(1, CALLS // 7)
        call_often(host, server, each)
        left = {**host.left(), **{name: host.facts[name] for name in ('signals',) if host.facts[name]}}
        figure('R61', 7 * each, len(left), 'calls')
        figure('R63', 7 * each, host.facts['threads'] - 1, 'calls')
        assert left == {} and host.facts['threads'] == 1
        assert len(server.requests) == each
    wait_for(lambda: not any(one.startswith(str(host.directory)) for one in programs()), 'every helper ends')


@pytest.mark.parametrize('password', ['x', '', UUID + 'x'])
def test_nothing_is_left_of_passwords_that_are_none(host, password):
    host.write_config(settings('http://127.0.0.1:1'))
    assert host.run('10*auth', password=password) == [('10*auth', 'AUTH_ERR')]
    assert host.left() == {} and (host.facts['threads'], host.facts['signals']) == (1, 0)


@pytest.mark.skipif(not shutil.which('valgrind'), reason='valgrind is missing')
def test_nothing_is_left_under_valgrind(host):
    """No byte lost, none read that nobody wrote, no descriptor open."""
    host.under = ('valgrind', '--quiet', '--error-exitcode=9', '--leak-check=full', '--errors-for-leak-kinds=definite')
    n = count('PAM_VALGRIND_CALLS', 1, 50)
    with Standin(200, YES) as server:
        call_often(host, server, n)
        assert host.left() == {} and host.facts['threads'] == 1
        if n > 1:
            host.run('several', password=UUID)
            assert host.facts['let_in'] == 8


@pytest.mark.parametrize('change', ['ignore', 'reaper'])
def test_hosts_that_reap_every_child(host, change):
    with Standin(200, YES) as server:
        call_often(host, server, 5, change)
        left = host.left()
        left.pop('reaped', None)
        assert left == {} and host.facts['signals'] == 0


def test_a_child_of_the_host_is_the_hosts(host):
    """Its end is signalled once, and its status is there to be had, while the module waits for a child of its own."""
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        assert host.run('child', '5*auth', password=UUID) == [('5*auth', 'SUCCESS')]
        assert host.left() == {} and (host.facts['signals'], host.facts['own_child']) == (1, 77)


def test_two_handles_side_by_side(host):
    with Standin(200, YES) as server:
        host.write_config(settings(server.address))
        got = host.run('auth', 'other', 'acct', 'null', 'auth', 'acct', 'other', 'acct', password=UUID)
        assert got[1:] == [('acct', 'PERM_DENIED'), ('auth', 'AUTH_ERR'), ('acct', 'PERM_DENIED'), ('acct', 'SUCCESS')]
        assert got[0] == ('auth', 'SUCCESS') and host.left() == {}
