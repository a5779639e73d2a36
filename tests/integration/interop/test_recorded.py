"""Requests as shipped clients send them, replayed byte by byte.

The clients that no registry here carries: hvac's ssh class, the vault command,
vault-ssh-helper. tests/vectors/clients/*.json has request line, headers, body
and what is answered; "@name" stands for what an earlier answer gave.
"""
import json

import pytest

from support.build import ROOT
from support.raw import ask
from support.server import Server

RECORDS = sorted((ROOT / 'tests' / 'vectors' / 'clients').glob('*.json'))


@pytest.fixture(scope='module')
def empty():
    one = Server().start()
    yield one
    one.clean()


def fill(text, known):
    for name in sorted(known, key=len, reverse=True):
        text = text.replace('@' + name, known[name])
    return text


def as_bytes(call, known):
    body = fill(call['body'], known).encode() if call['body'] is not None else None
    lines = [call['request'] + ' HTTP/1.1', 'Host: 127.0.0.1:8200']
    lines += [f'{name}: {fill(value, known)}' for name, value in call['headers'].items()]
    if body is not None:
        lines.append(f'Content-Length: {len(body)}')
    lines.append('Connection: close')
    return '\r\n'.join(lines).encode() + b'\r\n\r\n' + (body or b'')


def member(value, path):
    for name in path.split('.'):
        value = value[name]
    return value


@pytest.mark.parametrize('record', RECORDS, ids=lambda one: one.stem)
def test_a_recorded_client(empty, record):
    """C-1 to C-6, S2-29."""
    known = {'root': 'root'}
    for call in json.loads(record.read_text())['calls']:
        got = ask(empty, as_bytes(call, known))
        assert got.status == call['status'], (call['request'], got)
        if 'bytes' in call:
            assert got.body.decode() == call['bytes']
        found = json.loads(got.body) if got.body and got.headers['content-type'] == 'application/json' else None
        for key in ('data', 'errors'):
            if key in call:
                assert found[key] == call[key], (call['request'], got)
        for name, path in call.get('keep', {}).items():
            known[name] = member(found, path)
    empty.api().delete('sys/mounts/ssh')


def test_all_three_are_there():
    assert [one.stem for one in RECORDS] == ['hvac-ssh', 'vault-cli', 'vault-ssh-helper']
