"""Tables of calls and what each is answered: the spec, readable as a list."""


def run(api, cases):
    """Each case is (method, path, body, status, holds); holds is None, errors[0], a part of `data`, or a predicate of the
    answer. In order, all of them; the wrong ones are told together."""
    wrong = []
    for method, path, body, status, holds in cases:
        got = api.call(method, path, body)
        if got.status != status or not fits(got, holds):
            wrong.append(f'{method} {path} {body}: {got}, not {status} {holds!r}')
    assert wrong == [], '\n'.join(wrong)


def fits(got, holds):
    if holds is None:
        return True
    if isinstance(holds, str):
        return got.json == {'errors': [holds]}
    if isinstance(holds, dict):
        return got.data is not None and holds.items() <= got.data.items()
    return holds(got)


def wrapped(text):
    """How the peer words what it did not expect."""
    return f'1 error occurred:\n\t* {text}\n\n'


def empty(got):
    """404 as a list without entries and a record that is not there have it."""
    return got.json == {'errors': []}
