#!/usr/bin/python3
"""Check a client-side journal against what a server may do.

    check_history.py JOURNAL [AUDIT-FILE…]

The journal has a JSON object a line: {"n", "intent", "key", …} before a request
is sent, {"n", "status", …} after its answer; a crash leaves intents without an
answer. Each key has one owner at a time, but OTPs may be raced for.

- register: what is read is the last answered write, or an unanswered one
  behind it; what a read has shown is settled. A "make" names its key in its
  answer, and is that key's first write.
- OTP: at most one 200 in its life; none to a verify that was sent after a
  revoke or a verify was answered; refused only where something may have ended it.
- audit: each answered request has its request line and its response line.

Prints counts and anomalies; exit status 1 where there is one.
"""
import collections
import json
import sys

ABSENT = None


def read_journal(path):
    """Operations in the order of their intents; times are line numbers."""
    ops = {}
    with open(path) as lines:
        for at, line in enumerate(lines):
            one = json.loads(line)
            if 'intent' in one:
                ops[one['n']] = dict(one, sent=at, answered=None, status=None)
            else:
                ops[one['n']].update(one, answered=at)
    return sorted(ops.values(), key=lambda op: op['sent'])


def succeeded(op):
    return op['status'] is not None and op['status'] < 300


def check_register(key, ops):
    """Writes carry `value`, None for a delete; reads what they found in `got`, which a 5xx does not tell."""
    may_be = {ABSENT}
    for op in ops:
        if op['intent'] == 'write':
            if succeeded(op):
                may_be = {op['value']}
            elif op['status'] is None or op['status'] >= 500:
                may_be.add(op['value'])
        elif op['status'] is not None and op['status'] < 500:
            if op['got'] not in may_be:
                yield f'{key}: read {op["got"]!r}, may be {sorted(map(str, may_be))}'
            may_be = {op['got']}


def check_otp(key, ops):
    verifies = [op for op in ops if op['intent'] == 'verify']
    won = [op for op in verifies if op['status'] == 200]
    ends = [op['answered'] for op in ops if op['intent'] in ('revoke', 'verify') and succeeded(op)]
    if len(won) > 1:
        yield f'{key}: accepted {len(won)} times'
    for op in won:
        if any(end < op['sent'] for end in ends):
            yield f'{key}: accepted after its end was answered'
    for op in verifies:
        # 429: a password whose row is gone counts as a miss, and misses have a limit for each source.
        refused = op['status'] in (400, 429)
        if op['status'] not in (None, 200) and not refused and op['status'] < 500:
            yield f'{key}: verify answered {op["status"]}'
        ended_by = [one for one in ops if one is not op and one['sent'] < op['answered']] if op['answered'] else [1]
        if refused and not ended_by and not op.get('may_expire'):
            yield f'{key}: refused though nothing had ended it'


def line_key(operation, path, data):
    """What an answered request and its lines have in common."""
    told = ('otp', 'lease_id', 'token', 'default_user', 'policy')
    return ' '.join([operation, path, *(data[name] for name in told if name in (data or {}))])


def read_entries(paths):
    """Request and response lines; what is torn is for audit verify to judge."""
    for path in paths:
        with open(path, 'rb') as lines:
            for line in lines:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if entry['type'] in ('request', 'response'):
                    yield entry


def check_audit(ops, paths):
    seen = {'request': collections.Counter(), 'response': collections.Counter()}
    for entry in read_entries(paths):
        request = entry['request']
        seen[entry['type']][line_key(request['operation'], request['path'], request.get('data'))] += 1
    wanted = collections.Counter(op['line'] for op in ops if op['answered'] is not None and 'line' in op)
    for kind, found in seen.items():
        for key, n in wanted.items():
            if found[key] < n:
                yield f'{kind} lines of "{key}": {found[key]} of {n}'


def route(line):
    """Operation and path of a line key."""
    return ' '.join(line.split(' ', 2)[:2])


def check_changes(ops, probed, paths):
    """
    A change that nobody saw answered, but which stands in the store, has its
    response line too, if only as one of the recovered, which name their route.
    """
    told = collections.Counter(
        f'{entry["request"]["operation"]} {entry["request"]["path"]}'
        for entry in read_entries(paths) if entry['type'] == 'response')
    wanted = collections.Counter(route(op['line']) for op in ops if op['answered'] is not None)
    shown = {op['key']: op['got'] for op in probed if op['intent'] == 'read'}
    for key, of_key in by_key(ops).items():
        last = of_key[-1]
        if last['status'] is None and last['intent'] == 'write' and key in shown:
            before = [op['value'] for op in of_key if op['intent'] == 'write' and succeeded(op)]
            if shown[key] == last['value'] and before[-1:] != [last['value']] and (before or last['value']):
                wanted[route(last['line'])] += 1
    for one, n in wanted.items():
        if told[one] < n:
            yield f'response and recovered lines of {one}: {told[one]} for {n} answers and changes'


def by_key(ops):
    keys = collections.defaultdict(list)
    for op in ops:
        if op['intent'] == 'make':
            if succeeded(op):
                keys[op['got']].append(dict(op, intent='write'))
        elif op['intent'] not in ('ask', 'other'):
            keys[op['key']].append(op)
    return keys


def check_ops(ops, audit_files):
    anomalies = []
    for key, of_key in by_key(ops).items():
        judge = check_otp if of_key[0]['intent'] in ('verify', 'revoke') else check_register
        anomalies += judge(key, of_key)
    if audit_files:
        anomalies += check_audit(ops, audit_files)
    return anomalies


def check(journal, audit_files):
    ops = read_journal(journal)
    return ops, check_ops(ops, audit_files)


def main(journal, *audit_files):
    ops, anomalies = check(journal, audit_files)
    answered = sum(op['answered'] is not None for op in ops)
    print(f'{len(ops)} operations, {answered} answered, {len(anomalies)} anomalies')
    for one in anomalies[:50]:
        print(one)
    return 1 if anomalies else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))
