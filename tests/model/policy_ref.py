"""Policies decided slowly and plainly, straight from spec/core-api.md 4.2.

A rule is a dict: path (as written), caps (list of names), allowed, denied
(dict of name to list), required (list), min_wrap, max_wrap (seconds, 0: none).
Nothing is prepared: each question looks at every rule of every policy (only
what a pattern's text means is remembered). This is what server/core/acl.c is
compared with.
"""
import functools
import re


def pattern_of(rule):
    return read_pattern(rule["path"])


@functools.cache
def read_pattern(text):
    """(text without leading '/' and trailing '*', whether it had the '*')."""
    if text.startswith("/"):
        text = text[1:]
    if text.endswith("*"):
        return text[:-1], True
    return text, False


def has_plus(text):
    return "+" in text.split("/")


@functools.cache
def regex_of(text, glob):
    parts = ["[^/]*" if part == "+" else re.escape(part)
             for part in text.split("/")]
    return re.compile("/".join(parts) + (".*" if glob else ""), re.DOTALL)


def fold(text):
    return "".join(c.lower() if "A" <= c <= "Z" else c for c in text)


def matches(rule, path):
    """Bytewise; a denial also covers the ASCII case variants (L03)."""
    text, glob = pattern_of(rule)
    if "deny" in rule["caps"]:
        text, path = fold(text), fold(path)
    return regex_of(text, glob).fullmatch(path) is not None


def is_exact(rule):
    text, glob = pattern_of(rule)
    return not glob and not has_plus(text)


def rank(rule):
    """Of rules that are not exact: a greater tuple is the better rule."""
    text, glob = pattern_of(rule)
    segments = text.split("/")
    first = len(text)
    if has_plus(text):
        before = segments[:segments.index("+")]
        first = len("/".join(before)) + (1 if before else 0)
    return (first, not glob, -segments.count("+"), len(text), fold(text),
            "deny" in rule["caps"])


def choose(rules, path, is_list):
    """The rule whose pattern decides, or None."""
    tries = [path]
    if is_list and path.endswith("/"):
        tries.append(path[:-1])
    for text in tries:
        exact = [r for r in rules if is_exact(r) and matches(r, text)]
        denials = [r for r in exact if "deny" in r["caps"]]
        if exact:
            return (denials or exact)[0]
    others = [r for r in rules if not is_exact(r) and matches(r, path)]
    return max(others, key=rank) if others else None


def joined(rules, chosen):
    """The rules that have the chosen one's pattern."""
    return [r for r in rules if pattern_of(r) == pattern_of(chosen)]


def capabilities(policies, path, is_list=True):
    rules = [rule for policy in policies for rule in policy]
    chosen = choose(rules, path, is_list)
    if chosen is None:
        return {"deny"}
    caps = set()
    for rule in joined(rules, chosen):
        caps.update(rule["caps"])
    return {"deny"} if "deny" in caps or not caps else caps


def merged_map(same, key):
    """Union by lower-cased name; an empty list means any value and wins."""
    result = {}
    for rule in same:
        for name, values in rule[key].items():
            result.setdefault(name.lower(), []).append(values)
    return {name: [] if [] in lists else sum(lists, [])
            for name, lists in result.items()}


def listed(value, values):
    if not values:
        return True
    for item in values:
        if isinstance(item, str) and isinstance(value, str):
            if glob_matches(item, value):
                return True
        elif isinstance(item, bool) and isinstance(value, bool):
            if item == value:
                return True
    return False


def glob_matches(item, value):
    if len(item) < 2:
        return item == value
    if item.startswith("*") and item.endswith("*"):
        return item[1:-1] in value
    if item.startswith("*"):
        return value.endswith(item[1:])
    if item.endswith("*"):
        return value.startswith(item[:-1])
    return item == value


def parameters_pass(same, data):
    names = {name.lower() for name in data}
    for rule in same:
        if any(name.lower() not in names for name in rule["required"]):
            return False
    if not data:
        return True
    denied = merged_map(same, "denied")
    allowed = merged_map(same, "allowed")
    if "*" in denied:
        return False
    for name, value in data.items():
        if name.lower() in denied and listed(value, denied[name.lower()]):
            return False
    for name, value in data.items() if allowed else ():
        if name.lower() in allowed:
            if not listed(value, allowed[name.lower()]):
                return False
        elif "*" not in allowed:
            return False
    return True


def wrapping_passes(same, ttl):
    shortest = [r["min_wrap"] for r in same if r["min_wrap"]]
    longest = [r["max_wrap"] for r in same if r["max_wrap"]]
    if (shortest or longest) and ttl == 0:
        return False
    if shortest and ttl < min(shortest):
        return False
    return not longest or ttl <= min(longest)


def decide(policies, path, op, sudo, data, wrap):
    """Whether the request is allowed. data None: there was none."""
    caps = capabilities(policies, path, op == "list")
    if op not in caps or (sudo and "sudo" not in caps):
        return False
    rules = [rule for policy in policies for rule in policy]
    same = joined(rules, choose(rules, path, op == "list"))
    if not wrapping_passes(same, wrap):
        return False
    if op in ("create", "read", "update"):
        return parameters_pass(same, data or {})
    return True
