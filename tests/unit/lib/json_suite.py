#!/usr/bin/python3 -B
"""JSON: the cases of JSONTestSuite, and mutants judged by Python's reader."""
import json
import random

import suite

SEEDS = ['{"a":[1,2.5,-3e2,null,true,"x\\u00e9\\n"],"b":{"c":{}}}', '[]',
         '"\\ud83d\\ude00"', ' [ 1 , "a" ] ', '-0', '{"":0,"a b":[[],[{}]]}']
ALPHABET = '{}[]:,"\\0129.eE+-tfnu \t\n\x00\x1f\u00e9/d8'
MUTANTS = 10000


def expected_of(name, exceptions, free):
    if name.startswith("y_"):
        return name not in exceptions
    return free[name] if name.startswith("i_") else False


def check_cases():
    exceptions = suite.listed("tests/vectors/json/exceptions.txt")
    free = dict(line.split() for line in
                suite.listed("tests/vectors/json/free.txt"))
    free = {name: word == "accepted" for name, word in free.items()}
    with suite.unpacked("tests/vectors/json/test_parsing.tar.xz") as folder:
        paths = sorted(folder.glob("**/*.json"))
        texts = [path.read_bytes() for path in paths]
    answers = suite.ask([("json", text) for text in texts])
    wrong = [path.name for path, (good, _) in zip(paths, answers)
             if good != expected_of(path.name, exceptions, free)]
    fault = f"wrong verdict: {wrong}" if wrong else ""
    return fault or ("" if len(paths) > 300 else "cases are missing")


def check_accepted_values():
    """What was accepted means what Python takes it for."""
    with suite.unpacked("tests/vectors/json/test_parsing.tar.xz") as folder:
        texts = [path.read_bytes() for path in sorted(folder.glob("**/y_*"))]
    answers = suite.ask([("json", text) for text in texts])
    wrong = [text for text, (good, out) in zip(texts, answers)
             if good and json.loads(text) != json.loads(out)]
    return f"other value: {wrong}" if wrong else ""


def mutant(rng):
    text = list(rng.choice(SEEDS))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        text[at:at + rng.randint(0, 2)] = rng.choices(
            ALPHABET, k=rng.randint(0, 2))
    return "".join(text)


def refuse_constant(name):
    raise ValueError(name)


def object_of(pairs):
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names) or any("\0" in n for n in names):
        raise ValueError("names")
    return dict(pairs)


def integer_of(text):
    if not -2**63 <= int(text) < 2**63:
        raise ValueError("range")
    return int(text)


def real_of(text):
    if float(text) in (float("inf"), float("-inf")):
        raise ValueError("range")
    return float(text)


def python_reads(text):
    """Python's verdict and value, our own stricter rules included."""
    try:
        value = json.loads(text, parse_constant=refuse_constant,
                           object_pairs_hook=object_of,
                           parse_int=integer_of, parse_float=real_of)
        json.dumps(value, ensure_ascii=False).encode()  # lone surrogates
    except (ValueError, RecursionError):
        return False, None
    return True, value


def check_mutants():
    rng = random.Random(20261121)
    texts = [mutant(rng) for _ in range(MUTANTS)]
    answers = suite.ask([("json", text.encode()) for text in texts])
    n_good = 0
    for text, (good, out) in zip(texts, answers):
        want, value = python_reads(text)
        if good != want or (good and json.loads(out) != value):
            return f"{text!r}: we say {good} {out!r}, Python {want}"
        n_good += good
    return "" if n_good > MUTANTS / 20 else f"only {n_good} were valid"


suite.report([
    ("cases_get_the_verdict_of_their_name", check_cases()),
    ("accepted_cases_keep_their_value", check_accepted_values()),
    ("mutants_get_the_verdict_of_python", check_mutants()),
])
