"""Tables of calls and what each is answered: the spec, readable as a list (conformance/README.md has the form)."""
import dataclasses
import json
import re

CASE = '    '
DEEPER = CASE + '  '
WRAPPED = '1 error occurred:\n\t* {}\n\n'

CALL = re.compile(r'(?:(?P<caller>\w+): )?(?P<method>[A-Z]+) (?P<path>\S+)(?P<headers>(?: \[[\w-]+: ?[^\]]*\])*)'
                  r'(?: (?P<body>[{`].*))? -> (?P<status>\d{3}|2xx)(?P<holds>.*)', re.DOTALL)
HEADER = re.compile(r'\[([\w-]+): ?([^\]]*)\]')
NUMBER = re.compile(r'<at most (\d+)>')
SHAPES = {'<uuid>': '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', '<base62>': '[0-9A-Za-z]{24}',
          '<token>': r'hv[sb]\.[0-9A-Za-z_-]{24,}', '<time>': r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z', '<text>': '.*'}
SHAPE = re.compile('|'.join(SHAPES))
ENVELOPE = ['request_id', 'lease_id', 'renewable', 'lease_duration', 'data', 'wrap_info', 'warnings', 'auth']
ABSENT = object()


@dataclasses.dataclass
class Case:
    section: str
    line: int
    text: str
    is_given: bool


def read(path):
    """The cases of a table."""
    cases, section = [], ''
    for number, line in enumerate(path.read_text(encoding='utf-8').splitlines(), 1):
        if line.startswith('#'):
            section = line.lstrip('# ')
        elif line.startswith(DEEPER) and cases:
            cases[-1].text += ' ' + line.strip()
        elif line.startswith(CASE):
            text = line.strip()
            cases.append(Case(section, number, text.removeprefix('given '), text.startswith('given ')))
    return cases


class Run:
    """A table on a server; `wrong` tells what was not as it says."""

    def __init__(self, server, cases):
        self.server, self.kept = server, {'root': server.token, 'nobody': None, 'junk': 'junk'}
        self.tries, self.wrong = 0, []
        for case in cases:
            self.tries += not case.is_given
            for what in self.faults(case):
                self.wrong.append(f'line {case.line}, {case.section}: {case.text}\n    {what}')

    def fill(self, text, in_json=False):
        def kept(found):
            value = str(self.kept[found[1]])
            return json.dumps(value)[1:-1] if in_json else value

        text = re.sub(r'\$\((.)\*(\d+)\)', lambda found: found[1] * int(found[2]), text)
        return re.sub(r'\$([a-z]\w*)', kept, text)

    def faults(self, case):
        call = CALL.fullmatch(case.text if ' -> ' in case.text else case.text + ' -> 2xx')
        if not call:
            return ['is no case']
        body = self.fill(call['body'] or '').strip('`')
        headers = {name: self.fill(value) for name, value in HEADER.findall(call['headers'])}
        token = self.kept[call['caller'] or 'root']
        got = self.server.api(token).call(call['method'], self.fill(call['path']), headers=headers,
                                          raw=body.encode() if call['body'] else None)
        if str(got.status) != call['status'] and (call['status'] != '2xx' or got.status >= 300):
            return [f'got {got}']
        return [f'{fault}: {got}' for fault in (*form_faults(got), *self.unheld(got, call['holds'].strip()))]

    def unheld(self, got, text):
        """What of the text the answer does not hold."""
        while text:
            for pattern, check in CHECKS:
                found = re.match(pattern, text)
                if found:
                    end, value = found.end(), None
                    if check.takes_json:
                        length = json.JSONDecoder().raw_decode(text[end:])[1]
                        value = json.loads(self.fill(text[end:end + length], in_json=True))
                        end += length
                    if not check(self, got, value, *found.groups()):
                        yield f'not {text[:end]}'
                    text = text[end:].strip()
                    break
            else:
                yield f'not understood: {text}'
                return


def form_faults(got):
    """What no answer may be like (core-api 1.6, 1.7)."""
    if 'Server' in got.headers or int(got.headers.get('Content-Length', 0)) != len(got.body.encode()):
        yield 'a header is wrong'
    kinds = ('application/json', 'text/plain') if got.status == 200 else ('application/json',)
    if (got.status, got.body) != (400, '') and (
            got.headers.get('Content-Type') not in kinds or got.headers.get('Cache-Control') != 'no-store'):
        yield 'no JSON, or to be stored'
    if got.body != '' and (got.body.endswith('\n\n') or not got.body.endswith('\n') and '"openapi"' not in got.body[:20]):
        yield 'does not end in one newline'
    keys = list(got.json or ())
    if keys[:1] == ['request_id'] and keys[:8] != ENVELOPE or 'errors' in keys[:1] and keys != ['errors']:
        yield 'other keys'


def at(got, path):
    """The value at data.keys.0 of an answer, or ABSENT."""
    value = got.json
    for name in path.split('.') if path != 'body' else ():
        if isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return ABSENT
    return value


def is_shape(wanted, value):
    """A text with <uuid> and the like in it, or a number that is new each time."""
    number = NUMBER.fullmatch(wanted)
    if number or wanted == '<number>':
        return type(value) is int and (not number or 1 <= value <= int(number[1]))
    if not isinstance(value, str):
        return False
    pattern, end = '', 0
    for found in SHAPE.finditer(wanted):
        pattern += re.escape(wanted[end:found.start()]) + SHAPES[found[0]]
        end = found.end()
    return re.fullmatch(pattern + re.escape(wanted[end:]), value, re.DOTALL) is not None


def fits(wanted, value, exact):
    if isinstance(wanted, str):
        return is_shape(wanted, value)
    if isinstance(wanted, dict) and isinstance(value, dict):
        return (not exact or wanted.keys() == value.keys()) and all(
            name in value and fits(one, value[name], exact) for name, one in wanted.items())
    if isinstance(wanted, list) and isinstance(value, list):
        return len(wanted) == len(value) and all(fits(one, other, exact) for one, other in zip(wanted, value))
    return type(wanted) is type(value) and wanted == value


def check(takes_json=False):
    def mark(function):
        function.takes_json = takes_json
        return function
    return mark


@check()
def has_no_body(run, got, value):
    return got.body == ''


@check()
def has_no_errors(run, got, value):
    return got.json == {'errors': []}


@check()
def has_header(run, got, value, name, wanted):
    return got.headers.get(name) == wanted


@check()
def keep(run, got, value, path, name):
    run.kept[name] = at(got, path)
    return run.kept[name] is not ABSENT


@check()
def is_absent(run, got, value, path):
    return at(got, path) is ABSENT


@check(takes_json=True)
def is_error(run, got, value, how):
    texts = (got.json or {}).get('errors')
    if how == 'starting ':
        return len(texts) == 1 and texts[0].startswith(value)
    return list(got.json) == ['errors'] and fits([WRAPPED.format(value) if how else value], texts, True)


@check(takes_json=True)
def is_raw(run, got, value):
    return got.headers.get('Content-Type') == 'text/plain' and got.body == value


@check(takes_json=True)
def is_value(run, got, value, path, how):
    return fits(value, at(got, path), how == ' =')


PLACE = r'([a-z_][\w./-]*)'
CHECKS = [(r'no body(?!\.)', has_no_body), (r'\[\]', has_no_errors), (r'\[([\w-]+): ([^\]]*)\]', has_header),
          (rf'keep {PLACE} as (\w+)', keep), (rf'no {PLACE}', is_absent), (r'raw (?=")', is_raw), (r'(wrapped |starting |)(?=")', is_error),
          (rf'{PLACE}( =|:) ', is_value)]
