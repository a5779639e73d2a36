"""Every route that the server declares, from its own OpenAPI document."""
import dataclasses
import re

VERBS = {'get': 'GET', 'post': 'POST', 'delete': 'DELETE'}
CAPTURE = re.compile(r'\{([^}]*)\}')


@dataclasses.dataclass(frozen=True)
class Route:
    """One operation. template has its names in braces; fields are those of a body or, without one, of the query."""
    method: str
    template: str
    fields: dict = dataclasses.field(compare=False)
    flags: frozenset = frozenset()
    is_old: bool = False

    def __str__(self):
        return f'{self.method} {self.template}'

    @property
    def captures(self):
        return CAPTURE.findall(self.template)

    @property
    def is_open(self):
        return 'unauthenticated' in self.flags

    @property
    def is_bare(self):
        return 'bare' in self.flags

    @property
    def has_envelope(self):
        return not {'bare', 'raw'} & self.flags

    @property
    def is_audited(self):
        return 'unaudited' not in self.flags

    def path(self, names=None, usual='route-walk'):
        """Its path with the captured names filled in."""
        return CAPTURE.sub(lambda found: (names or {}).get(found.group(1), usual), self.template)

    @property
    def secrets(self):
        return [name for name, schema in self.fields.items() if schema.get('format') == 'password']


def of_operation(template, verb, operation):
    """One operation of the document: a GET may stand for a read, a list or both."""
    parameters = {one['name']: one for one in operation.get('parameters', [])}
    schema = operation.get('requestBody', {}).get('content', {}).get('application/json', {}).get('schema', {})
    flags, is_old = frozenset(operation.get('x-sallyport-flags', [])), operation.get('deprecated', False)
    lists = parameters.pop('list', None)
    fields = schema.get('properties') or {name: one['schema'] for name, one in parameters.items()}
    found = []
    if lists is None or not lists.get('required'):
        found.append(Route(VERBS[verb], template, fields, flags, is_old))
    if lists is not None:
        found.append(Route('LIST', template, fields, flags, is_old))
    return found


# The auth methods, each at its usual path.
METHODS = ('userpass', 'approle', 'jwt', 'cert', 'kubernetes', 'ssh')


def enable_methods(server):
    """What of them is not there yet."""
    there = server.api().get('sys/auth').data
    for kind in METHODS:
        if f'{kind}/' not in there:
            server.mount_auth(kind)


def all_routes(server, mounts=('sys', 'auth/token', 'cubbyhole', 'identity', 'ssh', *(f'auth/{kind}' for kind in METHODS))):
    """Each operation of these mounts."""
    enable_methods(server)
    found = []
    for path, item in server.api().get('sys/internal/specs/openapi').json['paths'].items():
        if not path.lstrip('/').startswith(tuple(one + '/' for one in mounts)):
            continue
        for verb in VERBS:
            if verb in item:
                found += of_operation(path.lstrip('/'), verb, item[verb])
    return found
