"""Every route that the server declares, from its own OpenAPI document."""
import re

METHODS = {'get': 'GET', 'post': 'POST', 'delete': 'DELETE'}


def all_routes(server):
    """(method, path with names filled in) of each operation; lists as LIST."""
    found = []
    document = server.api().get('sys/internal/specs/openapi').json
    for path, item in document['paths'].items():
        filled = re.sub(r'\{[^}]*\}', 'route-walk', path.lstrip('/'))
        for method, operation in item.items():
            if method not in METHODS:
                continue
            lists = any(one.get('name') == 'list' for one in operation.get('parameters', []))
            found.append((METHODS[method], filled, lists))
    return found, document
