"""An unwrapped answer is neither lost to an audit line that could not be written nor
handed out twice (core-api 5.1, tests/model/otp.pml)."""
import errno

import pytest

from support.faults import Faults
from support.figures import count, figure
from support.server import Server

TRIES = count('UNWRAP_FAULTS', 3, 60)
INVALID = ['wrapping token is not valid or does not exist']
WAYS = {'body': lambda server, token: server.api().post('sys/wrapping/unwrap', {'token': token}),
        'own': lambda server, token: server.api(token).post('sys/wrapping/unwrap'),
        'cubbyhole': lambda server, token: server.api(token).get('cubbyhole/response'),
        'rewrap': lambda server, token: server.api().post('sys/wrapping/rewrap', {'token': token})}


@pytest.fixture(scope='module')
def faulty():
    server = Server()
    server.faults = Faults(server.directory)
    server.faults.prepare(server)
    server.start()
    server.path = server.enable_audit()
    yield server
    server.clean()


def wrap(server):
    """A wrapping token, once the device takes lines again."""
    while True:
        got = server.api().post('sys/wrapping/wrap', {'a': 'b'}, headers={'X-Vault-Wrap-TTL': '1h'})
        if got.status == 200:
            return got.json['wrap_info']['token']
        assert got.status == 500, got


@pytest.mark.parametrize('call', ['write', 'sync'])
@pytest.mark.parametrize('way', WAYS)
def test_a_line_that_fails_loses_nothing(faulty, way, call):
    """The request line (write) or the one of the answer (sync): 500, and the token is good again."""
    lost = 0
    for _ in range(TRIES):
        token = wrap(faulty)
        with faulty.faults.on(call, errno.EIO, faulty.path):
            got = WAYS[way](faulty, token)
            assert got.status == 500, got
            assert 'wrap_info' not in got.body and '"a"' not in got.body
        while True:
            got = WAYS[way](faulty, token)
            if got.status != 500:
                break
        lost += got.status != 200
        again = WAYS['body'](faulty, token)
        assert (again.status, again.errors) == (400, INVALID)
    figure('unwrap-kept', TRIES, lost, f'unwraps whose line failed: {way}, {call}')
    assert lost == 0
