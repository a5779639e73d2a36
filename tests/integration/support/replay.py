"""Requests of clients that cannot be had, as tables of steps.

A step is (request, body, status, wanted, kept). body is the JSON value that is sent, NOTHING for no body. wanted names
members of the answer, by dotted path, with their value, their type, or a test of them; the string in kept maps names to
members that later steps have as @name, in any text of theirs. A request may end in headers: 'GET a/b X-Vault-Wrap-TTL: 60'.
"""
import json
import re

NOTHING = object()


def fill(value, known):
    """value with each @name in its texts replaced; text that is @name alone becomes the value itself."""
    if isinstance(value, dict):
        return {fill(name, known): fill(one, known) for name, one in value.items()}
    if isinstance(value, list):
        return [fill(one, known) for one in value]
    if isinstance(value, str):
        if value[:1] == '@' and value[1:] in known:
            return known[value[1:]]
        return re.sub(r'@(\w+)', lambda found: str(known.get(found[1], found[0])), value)
    return value


def member(answer, path):
    """The member at a dotted path."""
    for name in path.split('.'):
        answer = answer[name]
    return answer


def fits(value, wanted):
    """A type counts as Go's decoders count it: no true for a number."""
    if isinstance(wanted, type):
        return type(value) is wanted
    if callable(wanted):
        return wanted(value)
    return type(value) is type(wanted) and value == wanted


class Client:
    """Sends what that client sends with each request, under a token."""

    def __init__(self, server, headers, known):
        self.api, self.headers, self.known = server.api(None), headers, known

    def send(self, request, body):
        verb, path, *header = fill(request, self.known).split(' ', 2)
        headers = dict(self.headers)
        for line in header:
            name, _, value = line.partition(': ')
            headers[name] = value
        headers.setdefault('X-Vault-Token', self.known['token'])
        if not headers['X-Vault-Token'] or headers['X-Vault-Token'] == 'none':
            del headers['X-Vault-Token']
        raw = None if body is NOTHING else json.dumps(fill(body, self.known)).encode()
        return self.api.call(verb, path, raw=raw, headers=headers)

    def play(self, steps):
        """All steps in order; the first wrong one ends it."""
        for request, body, status, wanted, *kept in steps:
            got = self.send(request, body)
            assert got.status == status, (request, body, got)
            if status in (202, 204) and not wanted:
                assert got.body == '', (request, got)
            if status >= 400:
                assert list(got.json) == ['errors'], (request, got)
            for path, value in (wanted or {}).items():
                value = fill(value, self.known) if not callable(value) else value
                found = member(got.json, path)
                assert fits(found, value), (request, path, found, value)
            for pair in kept:
                for name, path in pair.items():
                    self.known[name] = member(got.json, path)
