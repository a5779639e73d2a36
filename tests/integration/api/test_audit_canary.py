"""L28: what a caller sends or gets as a secret stands in no audit line and no log."""
import json

import pytest

from support.figures import figure
from support.good import AT_START, ENDS, World, prepare
from support.routes import all_routes
from support.server import Server

# Whose values are names of the answer's members, and those are never hashed.
KEYS = {'paths'}


def marked(fields, markers):
    """A body with a marker of its own in each field."""
    body = {}
    for name, schema in fields.items():
        if name in KEYS:
            continue
        marker = f'canary{len(markers)}{name.replace("_", "")}zq'
        markers.append(marker)
        body[name] = {'array': [marker], 'object': {'k': marker}}.get(schema['type'], marker)
    return body


def made_by(got, route):
    """The secrets of an answer. Ids of identity/, accessors of mounts and enrolments are none: paths have them in clear."""
    if route.template.startswith(('identity/', 'sys/auth/', 'sys/mounts/')):
        return []
    told = got.json or {}
    auth, data = told.get('auth') or {}, told.get('data') or {}
    secrets = [auth.get('client_token'), auth.get('accessor'), data.get('key'), data.get('id'), data.get('enrolment_token'),
               data.get('host_secret'), None if route.template.startswith('ssh/enrol/tokens') else data.get('accessor')]
    # A lease id is told in clear (core-api 7.2).
    return [one for one in secrets if isinstance(one, str) and len(one) > 8 and '/' not in one]


@pytest.fixture(scope='module')
def told():
    """What a whole pass sent and got as secrets, and all that was written of it."""
    server = Server(dev=False).start().mount_ssh(default_lease_ttl='24h')
    try:
        server.write_role()
        server.enable_audit()
        server.enable_audit('second', 'second.log', log_raw=False)
        world, fields, secrets = World(server), [], [server.token, *server.keys]
        for route in all_routes(server):
            if str(route) in ENDS | AT_START:
                continue
            method, path, data, token = prepare(route, world)
            body = marked(route.fields, fields) if method == 'POST' else None
            for caller in (token, f'canarytoken{len(fields)}zq', None):
                world.api.call(method, path, body, token=caller)
            # Each secret field alone, in a body that is good but for it: past binding, into the handler.
            for name in route.secrets:
                marker = f'canarysecret{len(secrets)}zq'
                secrets.append(marker)
                for value in (marker, marker * 20, [marker], {'k': marker}):
                    if method == 'POST':
                        got = world.api.call(method, path, {**(data or {}), name: value}, token=token)
                        secrets += made_by(got, route) if got.status == 200 else []
            method, path, data, token = prepare(route, world)
            got = world.api.call(method, path, data, token=token)
            secrets += [token, *made_by(got, route)]
            secrets += [str(data[one]) for one in route.secrets if data and one in data]
        raw = 'canaryrawbodyzq'
        for text in (raw, f'"{raw}"', f'{{"otp":"{raw}', f'otp={raw}%zz'):
            world.api.call('PUT', 'ssh/verify', raw=text)
        server.stop()
        files = [*server.audit_directory.glob('*'), server.log]
        yield fields, sorted(set(secrets) | {raw}), {one.name: one.read_text(errors='replace') for one in files}
    finally:
        server.clean()


def test_no_secret_is_in_any_line_or_log(told):
    fields, secrets, texts = told
    assert len(texts) >= 3 and len(fields) > 60 and len(secrets) > 30
    assert '"type":"response"' in texts['audit.log']
    found = [(one, name) for one in (*secrets, *fields, 'canarytoken') for name, text in texts.items() if one in text]
    figure('L28', len(fields) + len(secrets), len(found), 'markers')
    print(f'{len(fields)} fields, {len(secrets)} secrets, {sum(map(len, texts.values()))} bytes: {len(found)} found')
    assert found == []


def test_hashes_stand_in_their_place(told):
    """So that the test above looks at lines that would hold them."""
    lines = [json.loads(one) for one in told[2]['audit.log'].splitlines()]
    sent = [one['request']['data'] for one in lines if one.get('request', {}).get('path') == 'ssh/verify'
            and one['type'] == 'request' and 'data' in one['request']]
    assert sent and all(str(value).startswith('hmac-sha256:') for one in sent for value in one.values()
                        if isinstance(value, str))
