"""JSON as strict readers take it: RFC 8259 section 4 leaves open what a name that is there twice means."""
import json


def members_once(pairs):
    members = dict(pairs)
    assert len(members) == len(pairs), f'twice in one object: {sorted(name for name, _ in pairs)}'
    return members


def strict_json(text):
    return json.loads(text, object_pairs_hook=members_once)
