"""L01: no spelling of a path reaches a handler around the policy."""
import itertools
import json

from support import audit
from support.figures import figure
from support.raw import exchange

DOTS = ['..', '%2e%2e', '.%2e', '%2e.', '%2E%2E', '%2e%2E', '..%00', '%252e%252e', '..;', '%c0%ae%c0%ae', '..%20', '\\..']
SEPARATORS = ['/', '%2f', '%2F', '//', '\\', '%5c', '/./', '%2f%2f', '/%2e/']
# From below a path that the policy allows to one that it denies.
TARGETS = ['sys/mounts', 'ssh/roles/otp', 'sys/policies/acl/default']


def spellings():
    for dots, one, two in itertools.product(DOTS, SEPARATORS, SEPARATORS):
        yield f'/v1/open/a{one}{dots}{two}'.replace(' ', '%20')


def test_400_spellings_reach_no_handler(server):
    path = server.enable_audit()
    token = server.token_with('path "open/*" { capabilities = ["create", "read", "update", "delete", "list"] }')
    before = len(audit.lines(path))
    tried = 0
    for target in TARGETS:
        for way in spellings():
            tried += 1
            head = f'GET {way}{target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Vault-Token: {token}\r\n\r\n'
            answer = exchange(server, head)
            status = int(answer.split()[1])
            assert status in (301, 400, 403, 404), (way, answer)
            if status == 301:
                location = answer.partition(b'Location: ')[2].split(b'\r\n')[0]
                assert location.startswith(b'/v1/'), answer
    assert tried >= 400
    reached = [one for one in audit.entries(path)[before:]
               if not one['request']['path'].startswith('open/') or '..' in one['request']['path'].split('/')]
    figure('L01', tried, len(reached), 'spellings')
    assert reached == [], json.dumps(reached[0])
