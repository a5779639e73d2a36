"""S3-2: the shape of every 200."""
from support.routes import all_routes

KEYS = ['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth']
BARE = {'sys/health', 'sys/leader', 'sys/seal-status', 'sys/init', 'sys/unseal', 'sys/internal/specs/openapi'}
ENDS = {'sys/seal', 'auth/token/revoke-self', 'sys/storage/backup'}


def test_all_eight_keys_on_every_200(server):
    seen = 0
    for route in all_routes(server):
        method = route.method
        path = route.path().replace('roles/route-walk', 'roles/otp').replace('creds/route-walk', 'creds/otp')
        path = path.replace('mounts/route-walk', 'mounts/ssh').replace('acl/route-walk', 'acl/default')
        path = path.replace('policy/route-walk', 'policy/default')
        if path in ENDS or method == 'DELETE':
            continue
        body = {'ip': '10.0.0.1', 'paths': ['a'], 'otp': 'verify-echo-request', 'ttl': '1h'} if method == 'POST' else None
        got = server.api().call(method, path, body)
        if got.status != 200 or not route.has_envelope or path in BARE:
            continue
        seen += 1
        assert list(got.json)[:8] == KEYS, (method, path)
        for key, kind in (('request_id', str), ('lease_id', str), ('renewable', bool), ('lease_duration', int)):
            assert isinstance(got.json[key], kind), (path, key)
        if len(got.json) > 8:
            assert list(got.json)[8:] == [key for key in got.json['data']], path
    assert seen > 20
