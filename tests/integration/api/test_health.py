"""health and leader: what load balancers ask."""
import pytest

from support.server import Server


@pytest.fixture(scope='module')
def states(shared):
    sealed = Server(dev=False).start()
    assert sealed.api().put('sys/seal').status == 204
    new = Server(dev=False).start(unseal=False)
    yield {'active': shared, 'sealed': sealed, 'new': new}
    sealed.clean()
    new.clean()


@pytest.mark.parametrize('state, query, status', [
    ('active', '', 200), ('sealed', '', 503), ('new', '', 501),
    ('active', 'activecode=204', 204), ('active', 'activecode=299', 299), ('active', 'sealedcode=200', 200),
    ('active', 'standbyok=true', 200), ('active', 'perfstandbyok=true&standbyok=true', 200),
    ('sealed', 'sealedcode=200', 200), ('sealed', 'activecode=201', 503), ('sealed', 'uninitcode=200', 503),
    ('new', 'uninitcode=200', 200), ('new', 'sealedcode=200', 501),
    ('active', 'standbycode=473', 200), ('active', 'drsecondarycode=1', 400),
    ('active', 'activecode=x', 400), ('sealed', 'sealedcode=20x', 400), ('active', 'sealedcode=x', 400),
    ('active', 'performancestandbycode=abc', 400)])
def test_the_code_that_was_asked_for(states, state, query, status):
    """core-api 2.3."""
    plain = states[state].api(None)
    got = plain.get(f'sys/health?{query}')
    assert got.status == status
    if status == 400:
        assert got.json == {'errors': []}
    head = plain.call('HEAD', f'sys/health?{query}')
    assert (head.status, head.body) == (status, '')


def test_the_body_of_health(states):
    got = states['active'].api(None).get('sys/health').json
    assert {k: got[k] for k in ('initialized', 'sealed', 'standby', 'performance_standby',
                                'replication_performance_mode', 'replication_dr_mode', 'version')} == {
        'initialized': True, 'sealed': False, 'standby': False, 'performance_standby': False,
        'replication_performance_mode': 'disabled', 'replication_dr_mode': 'disabled', 'version': '1.8.0'}
    assert isinstance(got['server_time_utc'], int)
    assert got['cluster_name'] and len(got['cluster_id']) == 36
    assert got['sallyport_version']


@pytest.mark.parametrize('token', ['junk', 'root'])
def test_a_token_does_not_matter(states, token):
    for one in states.values():
        assert one.api(token).get('sys/seal-status').status == 200
        assert one.api(token).get('sys/health').status in (200, 501, 503)


def test_leader(states):
    """core-api 2.4: 200 even when sealed."""
    for one in states.values():
        got = one.api(None).get('sys/leader')
        assert (got.status, got.json) == (200, {
            'ha_enabled': False, 'is_self': False, 'active_time': '0001-01-01T00:00:00Z', 'leader_address': '',
            'leader_cluster_address': '', 'performance_standby': False, 'performance_standby_last_remote_wal': 0})


@pytest.mark.parametrize('path', ['sys/health', 'sys/seal-status', 'sys/leader', 'sys/unseal', 'sys/init'])
def test_other_methods_on_the_bare_endpoints(shared, path):
    """core-api 2.2."""
    got = shared.api().delete(path)
    assert (got.status, got.json) == (405, {'errors': []})
