"""The kubernetes auth method against a stand-in for the cluster's API, which checks who asks it."""
import json

import pytest

from support.cluster import CLUSTER_KEY, REVIEWER, REVIEWS, Cluster, pod_token, secret_token
from support.pki import Cert
from support.standin import Certificate
from support.tokens import Key, claims

DENIED = 'permission denied'
NO_API = 'the Kubernetes API could not be asked, try again'


@pytest.fixture(scope='module')
def tls(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp('cluster'))


@pytest.fixture
def cluster(tls):
    with Cluster(tls) as one:
        yield one


def roots(tls):
    with open(tls.ca, encoding='ascii') as file:
        return file.read()


@pytest.fixture
def mount(method, cluster, tls):
    one = method('kubernetes')
    one.fields = {'kubernetes_host': cluster.address, 'kubernetes_ca_cert': roots(tls), 'token_reviewer_jwt': REVIEWER}
    one.write('config', **one.fields)
    one.write('role/web', bound_service_account_names='web', bound_service_account_namespaces='prod,test', token_policies='pods')
    return one


def log_in(mount, token, role='web'):
    return mount.login(role=role, jwt=token)


def refused(answer, status, text):
    assert (answer.status, answer.errors) == (status, [text]), answer


# ---- logins -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize('make_token, secret', [(pod_token, ''), (secret_token, 'web-token-x')], ids=['pod', 'secret'])
def test_a_confirmed_account_logs_in(mount, cluster, make_token, secret):
    auth = log_in(mount, cluster.knows(make_token()), 'WEB').json['auth']
    assert auth['policies'] == ['default', 'pods']
    assert auth['metadata'] == {'role': 'web', 'service_account_name': 'web', 'service_account_namespace': 'prod',
                                'service_account_secret_name': secret, 'service_account_uid': 'u-1'}
    seen = mount.server.api(auth['client_token']).get('auth/token/lookup-self').data
    assert seen['display_name'] == f'{mount.path[len("auth/"):]}-prod-web'
    assert [one[:2] for one in cluster.requests] == [('POST', REVIEWS)]


def test_no_login_gives_root(mount, cluster):
    mount.write('role/web', token_policies='Root')
    refused(log_in(mount, cluster.knows(pod_token())), 400, 'auth methods cannot create root tokens')


def test_the_cluster_is_asked_at_each_login(mount, cluster):
    token = cluster.knows(pod_token())
    assert log_in(mount, token).status == 200
    cluster.accounts.clear()
    refused(log_in(mount, token), 403, DENIED)


def test_a_token_that_the_cluster_does_not_know_is_refused(mount, cluster):
    refused(log_in(mount, pod_token(key=Key('RS256'))), 403, DENIED)


@pytest.mark.parametrize('known', [('prod', 'web', 'u-2'), ('prod', 'db', 'u-1'), ('test', 'web', 'u-1'), ('prod', 'web', '')])
def test_the_cluster_must_confirm_what_the_token_says(mount, cluster, known):
    token = pod_token()
    cluster.knows(token, *known)
    refused(log_in(mount, token), 403, DENIED)


def test_the_reviewers_token_is_the_one_that_asks(mount, cluster):
    token = cluster.knows(pod_token())
    cluster.reviewers = {'another'}
    refused(log_in(mount, token), 403, DENIED)
    # Without one, the token asks about itself.
    mount.write('config', **{**mount.fields, 'token_reviewer_jwt': ''})
    cluster.reviewers = None
    assert log_in(mount, token).status == 200


def test_a_reviewers_token_may_come_with_the_end_of_its_line(mount, cluster):
    """As a file has it."""
    token = cluster.knows(pod_token())
    mount.write('config', **{**mount.fields, 'token_reviewer_jwt': f'{REVIEWER}\r\n'})
    assert log_in(mount, token).status == 200
    for odd in (f'{REVIEWER}\nX: y', f'{REVIEWER} x', f'{REVIEWER}\0', 'ä'):
        refused(mount.api.post(f'{mount.path}/config', {**mount.fields, 'token_reviewer_jwt': odd}), 400,
                'token_reviewer_jwt is no token: it holds a blank, a line end or another byte that none has')


NOT_BOUND = [('web', 'dev', 'namespace not authorized'), ('db', 'prod', 'service account name not authorized'),
             ('we', 'prod', 'service account name not authorized'), ('WEB', 'prod', 'service account name not authorized')]


@pytest.mark.parametrize('name, space, text', NOT_BOUND)
def test_accounts_that_are_not_bound_are_refused_unasked(mount, cluster, name, space, text):
    token = cluster.knows(pod_token(name, space), space, name)
    refused(log_in(mount, token), 403, text)
    assert cluster.requests == []


def test_stars_bind_any(mount, cluster):
    mount.write('role/any', bound_service_account_names='*', bound_service_account_namespaces='*')
    assert log_in(mount, cluster.knows(pod_token('x', 'y'), 'y', 'x'), 'any').status == 200


def test_an_audience_is_asked_for_and_checked(mount, cluster):
    mount.write('role/aud', bound_service_account_names='web', bound_service_account_namespaces='prod', audience='vault')
    plain, meant = cluster.knows(pod_token()), cluster.knows(CLUSTER_KEY.sign(claims(
        aud=['vault'], **{'kubernetes.io': {'namespace': 'prod', 'serviceaccount': {'name': 'web', 'uid': 'u-1'}}})))
    assert log_in(mount, plain, 'aud').status == 400
    assert log_in(mount, meant, 'aud').status == 200
    assert json.loads(cluster.requests[-1][3])['spec'] == {'token': meant, 'audiences': ['vault']}
    cluster.audiences = ['vault']
    assert log_in(mount, meant, 'aud').status == 200
    cluster.audiences = ['another']
    refused(log_in(mount, meant, 'aud'), 403, DENIED)


def test_the_issuer_is_checked_where_it_is_asked_for(mount, cluster):
    pod, secret = cluster.knows(pod_token()), cluster.knows(secret_token())
    wrong = 'error validating token: invalid issuer (iss) claim'
    mount.write('config', **mount.fields, disable_iss_validation=False)
    refused(log_in(mount, pod), 400, wrong)
    assert log_in(mount, secret).status == 200
    mount.write('config', **mount.fields, disable_iss_validation=False, issuer='https://kubernetes.default.svc')
    assert log_in(mount, pod).status == 200
    refused(log_in(mount, secret), 400, wrong)


def test_configured_keys_must_have_signed(mount, cluster):
    mount.write('config', **mount.fields, pem_keys=[Key('RS256').pem])
    token = cluster.knows(pod_token())
    refused(log_in(mount, token), 400, 'no known key successfully validated the token signature')
    mount.write('config', **mount.fields, pem_keys=[CLUSTER_KEY.pem])
    assert log_in(mount, token).status == 200
    assert len(cluster.requests) == 1


def pod_claims(**members):
    return lambda: CLUSTER_KEY.sign(claims(**{'kubernetes.io': {'namespace': 'prod', **members}}))


# Made when they are tried: their times are those of the test.
BAD_TOKENS = [(lambda: 'x', 'malformed jwt: it has not three parts'),
              (lambda: CLUSTER_KEY.sign(b'[]'), 'the claims of the jwt are not strict JSON'),
              (lambda: CLUSTER_KEY.sign({}), 'the jwt is of no service account'),
              (pod_claims(), 'the jwt is of no service account'),
              (pod_claims(serviceaccount={'name': 'web\0x', 'uid': 'u'}), 'the jwt is of no service account'),
              (lambda: pod_token(exp=1), 'error validating token: invalid expiration time (exp) claim: token is expired')]


@pytest.mark.parametrize('make_token, text', BAD_TOKENS, ids=range(len(BAD_TOKENS)))
def test_a_bad_token_is_refused_unasked(mount, cluster, make_token, text):
    refused(log_in(mount, cluster.knows(make_token())), 400, text)
    assert cluster.requests == []


def test_what_is_missing_is_named(mount, method):
    refused(mount.login(jwt='x'), 400, 'missing role')
    refused(mount.login(role='web'), 400, 'missing jwt')
    refused(log_in(mount, 'x', 'absent'), 400, 'invalid role name "absent"')
    fresh = method('kubernetes')
    fresh.write('role/web', bound_service_account_names='web', bound_service_account_namespaces='prod')
    refused(log_in(fresh, pod_token()), 400, 'could not load backend configuration')


def test_addresses_are_bound(mount, cluster):
    mount.write('role/web', token_bound_cidrs='10.0.0.0/8')
    refused(log_in(mount, cluster.knows(pod_token())), 403, DENIED)
    assert cluster.requests == []


def test_a_token_is_renewed_by_the_role_as_it_is_now(mount, cluster):
    token = log_in(mount, cluster.knows(pod_token())).json['auth']['client_token']
    mount.write('role/web', token_ttl='20m')
    assert mount.server.api(token).post('auth/token/renew-self').json['auth']['lease_duration'] == 1200
    mount.api.delete(f'{mount.path}/role/web')
    refused(mount.server.api(token).post('auth/token/renew-self'), 400, 'role web does not exist during renewal')


# ---- a cluster that does not behave -----------------------------------------------------------------------------------


ANSWERS = [((500, {}), 502, NO_API), ((302, {}), 502, NO_API), ((403, {}), 403, DENIED), ((201, b'x'), 403, DENIED),
           ((201, b'[]'), 403, DENIED), ((201, {}), 403, DENIED), ((201, {'status': {'authenticated': 'true'}}), 403, DENIED),
           ((201, {'status': {'authenticated': True}}), 403, DENIED), ((201, b' ' * 100000), 502, NO_API),
           ((201, b'{"status":{"authenticated":false,"authenticated":true}}'), 403, DENIED)]


@pytest.mark.parametrize('answer, status, text', ANSWERS, ids=range(len(ANSWERS)))
def test_an_odd_answer_lets_nobody_in(mount, cluster, answer, status, text):
    cluster.answer = answer
    refused(log_in(mount, pod_token()), status, text)


def test_a_cluster_that_cannot_be_reached_or_trusted_lets_nobody_in(mount, cluster):
    token = cluster.knows(pod_token())
    mount.write('config', **{**mount.fields, 'kubernetes_host': 'https://127.0.0.1:1'})
    refused(log_in(mount, token), 502, NO_API)
    mount.write('config', **{**mount.fields, 'kubernetes_ca_cert': Cert('other', ca=True).pem})
    refused(log_in(mount, token), 502, NO_API)
    assert cluster.requests == []


# ---- configuration and roles ------------------------------------------------------------------------------------------


def test_the_reviewers_token_is_never_shown(mount, cluster, tls):
    data = mount.api.get(f'{mount.path}/config').data
    assert data == {'kubernetes_host': cluster.address, 'kubernetes_ca_cert': roots(tls), 'pem_keys': [], 'issuer': '',
                    'disable_iss_validation': True, 'disable_local_ca_jwt': False}
