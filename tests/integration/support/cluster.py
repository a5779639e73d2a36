"""A stand-in for a cluster's API, and tokens as its service accounts have them."""
import json

from .standin import Standin
from .tokens import Key, claims

REVIEWS = '/apis/authentication.k8s.io/v1/tokenreviews'
CLUSTER_KEY = Key('RS256', kid='cluster')
REVIEWER = CLUSTER_KEY.sign({'sub': 'system:serviceaccount:vault:reviewer'})


def pod_token(name='web', space='prod', uid='u-1', key=CLUSTER_KEY, **more):
    """Of the newer form, bound to a pod."""
    return key.sign(claims(aud=['https://kubernetes.default.svc'], iss='https://kubernetes.default.svc', sub=f'system:serviceaccount:{space}:{name}',
                           **{'kubernetes.io': {'namespace': space, 'serviceaccount': {'name': name, 'uid': uid}, **more.pop('bound', {})}}, **more))


def secret_token(name='web', space='prod', uid='u-1'):
    """Of the older form, kept in a secret, without an end."""
    old = 'kubernetes.io/serviceaccount/'
    return CLUSTER_KEY.sign({
        'iss': 'kubernetes/serviceaccount', 'sub': f'system:serviceaccount:{space}:{name}', f'{old}namespace': space,
        f'{old}secret.name': f'{name}-token-x', f'{old}service-account.name': name, f'{old}service-account.uid': uid})


class Cluster(Standin):
    """Knows which tokens are good; answers the reviewer alone, or any token in turn where reviewers is None."""

    def __init__(self, tls):
        super().__init__(tls=tls)
        self.accounts, self.reviewers, self.audiences, self.answer = {}, {REVIEWER}, None, None
        self.body = self.review

    def review(self, path, headers, sent):
        if self.answer is not None:
            return self.answer
        asked_by = headers.get('Authorization', '').removeprefix('Bearer ')
        asked = json.loads(sent)
        if path != REVIEWS or (asked['kind'], asked['apiVersion']) != ('TokenReview', 'authentication.k8s.io/v1'):
            return 404, {}
        if asked_by not in (self.reviewers if self.reviewers is not None else self.accounts):
            return 401, {'kind': 'Status', 'message': 'Unauthorized'}
        known = self.accounts.get(asked['spec']['token'])
        if not known:
            return 201, {**asked, 'status': {'error': 'invalid bearer token'}}
        space, name, uid = known
        status = {'authenticated': True, 'user': {'username': f'system:serviceaccount:{space}:{name}', 'uid': uid, 'groups': ['x']}}
        if self.audiences is not None:
            status['audiences'] = self.audiences
        return 201, {**asked, 'status': status}

    def knows(self, token, space='prod', name='web', uid='u-1'):
        self.accounts[token] = (space, name, uid)
        return token
