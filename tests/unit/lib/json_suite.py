#!/usr/bin/python3 -B
"""JSON: the cases of JSONTestSuite, and mutants judged by Python's reader."""
import json
import random

import suite

SEEDS = ['{"a":[1,2.5,-3e2,null,true,"x\\u00e9\\n"],"b":{"c":{}}}', '[]',
         '"\\ud83d\\ude00"', ' [ 1 , "a" ] ', '-0', '{"":0,"a b":[[],[{}]]}']
ALPHABET = '{}[]:,"\\0129.eE+-tfnu \t\n\x00\x1f\u00e9/d8'
MUTANTS = suite.count("JSON_MUTANTS", 10000, 1000000)
BATCH = 10000


def expected_of(name, exceptions, free):
    if name.startswith("y_"):
        return name not in exceptions
    return free[name] if name.startswith("i_") else False


# How many there are of each kind: what must be read, refused, and is free.
KINDS = [("y_", 95, "must be accepted"), ("n_", 188, "must be refused"),
         ("i_", 35, "free, ours pinned")]


def check_cases():
    exceptions = suite.listed("tests/vectors/json/exceptions.txt")
    free = dict(line.split() for line in
                suite.listed("tests/vectors/json/free.txt"))
    free = {name: word == "accepted" for name, word in free.items()}
    with suite.unpacked("tests/vectors/json/test_parsing.tar.xz") as folder:
        paths = sorted(folder.glob("**/*.json"))
        texts = [path.read_bytes() for path in paths]
    answers = suite.ask([("json", text) for text in texts])
    names = [path.name for path in paths]
    wrong = [name for name, (good, _) in zip(names, answers)
             if good != expected_of(name, exceptions, free)]
    for start, n, what in KINDS:
        n_found = sum(name.startswith(start) for name in names)
        n_wrong = sum(name.startswith(start) for name in wrong)
        suite.figure("JSONTestSuite", n_found, n_wrong, what)
        if n_found != n:
            return f"{n_found} cases instead of {n}"
    return f"wrong verdict: {wrong}" if wrong else ""


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


def differences(texts):
    """[fault], and how many of the texts were valid."""
    answers = suite.ask([("json", text.encode()) for text in texts])
    faults, n_good = [], 0
    for text, (good, out) in zip(texts, answers):
        want, value = python_reads(text)
        if good != want or (good and json.loads(out) != value):
            faults.append(f"{text!r}: we say {good} {out!r}, Python {want}")
        n_good += good
    return faults, n_good


def check_mutants():
    rng = random.Random(20261121)
    faults, n_good = [], 0
    for start in range(0, MUTANTS, BATCH):
        n = min(BATCH, MUTANTS - start)
        new, good = differences([mutant(rng) for _ in range(n)])
        faults += new
        n_good += good
    suite.figure("JSONTestSuite", MUTANTS, len(faults),
                 "mutants judged by Python")
    if faults:
        return faults[0]
    return "" if n_good > MUTANTS / 20 else f"only {n_good} were valid"


suite.report([
    ("cases_get_the_verdict_of_their_name", check_cases()),
    ("accepted_cases_keep_their_value", check_accepted_values()),
    ("mutants_get_the_verdict_of_python", check_mutants()),
])
