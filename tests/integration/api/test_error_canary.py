"""L32: an error says little of what was sent, and nothing of a secret or of the inside."""
import json
import re

import pytest

from support.figures import figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server

MARK = 'CaNaRy'
SHOWN_MAX = 64
# What would tell of the machine, the store or the code.
INSIDE = re.compile(r'/tmp/|/var/|/etc/|sqlite|SELECT|\.c:\d|0x[0-9a-f]{8}|errno|127\.0\.0\.1|No such file', re.I)


def shown(text):
    """How many bytes of the longest piece of a value made of MARKs stand in text."""
    return max((len(one) for one in re.findall(r'[CaNRy]{3,}', text)), default=0)


@pytest.fixture(scope='module')
def walked():
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    server.write_role()
    world = World(server)
    server.kept = server.api().kept()
    # What a call makes is made first: some of these answer well.
    yield server, [(one, prepare(one, world)) for one in all_routes(server) if str(one) not in ENDS | AT_START]
    server.clean()


def values(schema, length):
    """Values that no field of this kind takes, or that name nothing; all of them long."""
    text = (MARK * (length // len(MARK) + 1))[:length]
    found = [text, [text], {text: text}, text.encode().hex(), text + '\0']
    return found + [{'k': [text]}] if schema['type'] == 'object' else found


def told(server, method, path, token, body=None, headers=None):
    got = server.kept.call(method, path, body, headers=headers, token=token)
    return got.status, ' '.join(got.errors) if got.status >= 400 and got.body else ''


def test_no_error_shows_over_64_bytes_of_a_field(walked):
    server, routes = walked
    tries, wrong = 0, []
    for route, (method, path, data, token) in routes:
        if method != 'POST':
            continue
        for name, schema in route.fields.items():
            for length in (60, 64, 200, 5000):
                for value in values(schema, length):
                    caller = None if route.is_open else server.token
                    if str(route).endswith('-self'):
                        continue  # its caller may go with it
                    status, text = told(server, method, path, caller, {**(data or {}), name: value})
                    tries += 1
                    if shown(text) > SHOWN_MAX or len(text) > 500 or status >= 500 or INSIDE.search(text):
                        wrong.append((str(route), name, status, text[:300]))
                    if name in route.secrets and shown(text):
                        wrong.append((str(route), name, 'a secret', text[:300]))
    figure('L32', tries, len(wrong), 'values')
    print(f'{tries} values: {len(wrong)} wrong')
    assert tries > 500
    assert wrong == []


def test_no_error_shows_over_64_bytes_of_a_path_or_header(walked):
    server, routes = walked
    wrong, tries = [], 0
    for route, _ in routes:
        for length in (60, 200, 3000):
            name = (MARK * (length // len(MARK) + 1))[:length]
            for path in {route.path(usual=name), f'{route.path()}/{name}', f'{name}/{route.path()}', f'{route.path()}?{name}={name}'}:
                for headers in ({}, {'X-Vault-Wrap-TTL': name}, {'X-Vault-Policy-Override': name}, {'X-Vault-Namespace': name}):
                    method, token = ('GET' if route.method == 'POST' else route.method), server.token
                    if method == 'DELETE' and not headers:
                        continue  # of what is not there: 204
                    status, text = told(server, method, path, token, headers=headers)
                    tries += 1
                    if shown(text) > SHOWN_MAX or status >= 500 or INSIDE.search(text.replace(path, '')):
                        wrong.append((method, path[:100], list(headers), status, text[:300]))
    figure('L32', tries, len(wrong), 'paths and headers')
    print(f'{tries} paths and headers: {len(wrong)} wrong')
    assert wrong == []


def test_no_error_shows_over_64_bytes_of_a_name_in_the_path_of_a_write(walked):
    server, routes = walked
    wrong, tries = [], 0
    name = (MARK * 34)[:200]
    for route, (method, _, data, _) in routes:
        if method != 'POST' or not route.captures:
            continue
        status, text = told(server, method, route.path(usual=name), server.token, data)
        tries += 1
        # 502: the machine of a target that a row before made is not there, and is named.
        if shown(text) > SHOWN_MAX or (status != 502 and (status >= 500 or INSIDE.search(text))):
            wrong.append((str(route), status, text[:300]))
    figure('L32', tries, len(wrong), 'names in paths of writes')
    assert tries > 40
    assert wrong == []


def test_no_error_shows_over_64_bytes_of_what_lies_deeper(walked):
    server, _ = walked
    for length in (100, 3000):
        text = (MARK * (length // len(MARK) + 1))[:length]
        policies = [f'path "{text}" {{ x = 1 }}', f'path "a" {{ {text} = 1 }}', f'path "a" {{ capabilities = ["{text}"] }}',
                    f'path "a" {{ policy = "{text}" }}', f'{text} = 1', f'path "a" {{ min_wrapping_ttl = "{text}" }}', text,
                    f'path "{text}+*" {{ capabilities = ["read"] }}', f'path "a" {{ "{text}" }}']
        calls = [('sys/policies/acl/x', {'policy': one}) for one in policies]
        calls += [('sys/audit/x', {'type': 'file', 'options': {name: text}}) for name in ('file_path', 'mode', 'log_raw', 'format')]
        calls += [('sys/audit/x', {'type': 'file', 'options': {'file_path': str(server.audit_directory / 'x'), name: text}})
                  for name in ('mode', 'log_raw', 'format', 'prefix', 'hmac_accessor')]
        calls += [('sys/mounts/x', {'type': 'ssh', 'config': {name: text}})
                  for name in ('default_lease_ttl', 'max_lease_ttl', 'listing_visibility')]
        answers = [(path, body, *told(server, 'POST', path, server.token, body)) for path, body in calls]
        wrong = [one for one in answers if one[2] != 400 or shown(one[3]) > SHOWN_MAX]
        figure('L32', len(calls), len(wrong), 'deeper values')
        assert wrong == []


def test_a_token_is_never_shown(walked):
    server, routes = walked
    wrong = []
    for route, (method, path, data, _) in routes:
        for token in (MARK * 4, 'hvs.' + MARK * 4):
            got = server.api().call(method, path, json.loads(json.dumps(data)), token=token)
            if MARK in got.body or any(MARK in value for value in got.headers.values()):
                wrong.append((str(route), got))
    assert wrong == []
