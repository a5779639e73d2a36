"""The table of requests that others read in two ways, sent to the running service (reliability.md L70).

Behind each stands one more request, the canary. Where the table says that the bytes are whole requests it must be
answered, as itself; behind a refusal it must not: what a refused request leaves on the wire is nobody's request.
"""
import pathlib
import re

import pytest

from support import raw
from support.figures import figure

VECTORS = pathlib.Path(__file__).resolve().parents[2] / 'vectors' / 'http'
CANARY = b'GET /v1/sys/leader HTTP/1.1\r\nHost: canary\r\nConnection: close\r\n\r\n'
FAULTS = [b'malformed request', b'request too large', b'unsupported protocol', b'request timeout']
LETTERS = {'r': b'\r', 'n': b'\n', 't': b'\t', '\\': b'\\'}


def unescape(text):
    out, i = b'', 0
    while i < len(text):
        repeat = re.match(r'\{([^}]*)\*(\d+)\}', text[i:])
        if repeat:
            out += unescape(repeat[1]) * int(repeat[2])
            i += repeat.end()
        elif text[i] != '\\':
            out += text[i].encode()
            i += 1
        elif text[i + 1] == 'x':
            out += bytes.fromhex(text[i + 2:i + 4])
            i += 4
        else:
            out += LETTERS[text[i + 1]]
            i += 2
    return out


def rows(name):
    for line in (VECTORS / name).read_text().splitlines():
        if not line.startswith('#'):
            case, verdicts, text = line.split('\t')
            if not case.endswith('past-cap'):  # the service's cap is another
                yield case, verdicts.split(' | '), unescape(text)


def read_answers(got, verdicts):
    """[(status, body)] of a stream of answers; 100 Continue left out."""
    answers = []
    while got:
        head, _, got = got.partition(b'\r\n\r\n')
        status = int(head.split(b' ')[1])
        if status == 100:
            continue
        is_head = len(answers) < len(verdicts) and 'HEAD' in verdicts[len(answers)]
        length = 0 if is_head else int(re.search(rb'(?i)\r\ncontent-length: (\d+)', head)[1])
        assert len(got) >= length, 'an answer is cut short'
        answers.append((status, got[:length]))
        got = got[length:]
    return answers


def fault_of(verdict, answer):
    """What is wrong with an answer; nothing where it is as the table says."""
    status, body = answer
    refused = any(text in body for text in FAULTS) or status in (413, 414, 431)
    if verdict.isdigit():
        return '' if status == int(verdict) and refused else f'{answer} for {verdict}'
    return f'{answer} for {verdict}' if refused else ''


def check(server, verdicts, data):
    waits = not verdicts or verdicts[-1] == 'more' or not data
    whole = verdicts[:-1] if waits else verdicts
    closes = any('close' in one or one.isdigit() for one in whole)
    got = raw.exchange(server, data if waits else data + CANARY, closes=waits)
    answers = read_answers(got, whole)
    if closes:  # nothing is answered behind the one that ends the connection
        last = next(i for i, one in enumerate(whole) if 'close' in one or one.isdigit())
        whole = whole[:last + 1]
    elif not waits:
        whole = whole + ['canary']
    if len(answers) != len(whole):
        return f'{len(answers)} answers for {whole}: {answers}'
    if whole and whole[-1] == 'canary':
        whole.pop()
        if answers.pop()[0] != 200:
            return 'the canary was taken for something else'
    return next((fault for fault in map(fault_of, whole, answers) if fault), '')


@pytest.mark.parametrize('name', ['requests.txt', 'pipelines.txt'])
def test_each_request_gets_its_only_verdict(shared, name):
    cases = list(rows(name))
    wrong = {case: fault for case, verdicts, data in cases if (fault := check(shared, verdicts, data))}
    figure('L70', len(cases), len(wrong), f'{name} to the running service')
    assert not wrong
    assert len(cases) >= 40
