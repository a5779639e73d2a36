#!/usr/bin/python3 -B
"""Project Wycheproof's vectors, on the primitives that Sallyport uses."""
import json

import suite

VECTORS = "tests/vectors/wycheproof/vectors.tar.xz"


def read_all():
    """{set: its tests, each with the members of its group}."""
    with suite.unpacked(VECTORS) as folder:
        groups = {path.stem: json.loads(path.read_text())["testGroups"]
                  for path in folder.glob("*.json")}
    return {name: [{**group, **test} for group in all_of for test in
                   group["tests"]] for name, all_of in groups.items()}


def fields(*texts):
    return "".join(f"{text}:" for text in texts).encode()


def sealed(test):
    return test["ct"] + test["tag"]


def aead(test):
    return fields(test["key"], test["iv"], test["aad"], sealed(test))


def plain(test):
    return fields(test["key"], test["iv"], test["aad"], test["msg"])


def mac(test):
    return fields(test["key"], test["msg"])


def signature(test):
    return fields(test["publicKey"]["pk"], test["msg"], test["sig"])


def agrees_on_text(test, good, out):
    return good == (test["result"] == "valid") and \
        (not good or out == test["msg"])


def agrees_on_sealed(test, good, out):
    """A nonce of another length is refused; what cannot be opened differs."""
    return (good and out == sealed(test)) == (test["result"] == "valid")


def agrees_on_tag(test, good, out):
    tag = out[:len(test["tag"])] if good else None
    return (tag == test["tag"]) == (test["result"] == "valid")


def agrees(test, good, _):
    return good == (test["result"] == "valid")


def has_our_key(test):
    """The audit log's keys have 32 bytes."""
    return test["keySize"] == 256


def check(name, n, what, question, verdict, chosen=lambda _: True):
    tests = [test for test in SETS[name] if chosen(test)]
    answers = suite.ask([(what, question(test)) for test in tests])
    wrong = [test["tcId"] for test, answer in zip(tests, answers)
             if not verdict(test, *answer)]
    suite.figure("Wycheproof", len(tests), len(wrong), f"{name}: {what}")
    if len(tests) != n:
        return f"{len(tests)} tests instead of {n}"
    return f"wrong verdict on {wrong}" if wrong else ""


SETS = read_all()
suite.report([
    ("xchacha20_poly1305_opens_what_it_must",
     check("xchacha20_poly1305_test", 315, "open", aead, agrees_on_text)),
    ("xchacha20_poly1305_seals_as_it_must",
     check("xchacha20_poly1305_test", 315, "seal", plain, agrees_on_sealed)),
    ("ed25519_verifies_what_it_must",
     check("ed25519_test", 151, "ed25519", signature, agrees)),
    ("hmac_sha256_gives_the_tag",
     check("hmac_sha256_test", 174, "hmac", mac, agrees_on_tag)),
    ("the_audit_logs_hash_is_hmac_sha256",
     check("hmac_sha256_test", 162, "hasher", mac, agrees_on_tag,
           has_our_key)),
])
