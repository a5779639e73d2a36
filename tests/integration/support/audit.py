"""Reading audit files."""
import json


def lines(path):
    """Every whole line of an audit file as an object."""
    text = path.read_text()
    return [json.loads(one) for one in text.split('\n') if one.strip()]


def entries(path, kind=None, request_path=None):
    """Request and response lines, of one kind or path."""
    found = []
    for one in lines(path):
        if one.get('type') not in ('request', 'response') or (kind and one['type'] != kind):
            continue
        if request_path and one['request']['path'] != request_path:
            continue
        found.append(one)
    return found
