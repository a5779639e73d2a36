#!/usr/bin/python3 -B
"""Project Wycheproof's vectors, on the primitives that Sallyport uses."""
import base64
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


# Verdicts of ours that are stricter or laxer than the vectors', with reasons.
OTHERWISE = {
    # The key says that it is for another algorithm than the token's
    # (PS256 and PS384), or for "ES521", which does not exist.
    ("json_web_signature_test", 346), ("json_web_signature_test", 347),
    ("json_web_signature_test", 350), ("json_web_signature_test", 351),
    # A modulus made by a chip with a known weakness: keys come from whom the
    # administrator trusts.
    ("json_web_key_test", 7),
}


def jwks(test):
    keys = test.get("public") or test["private"]
    return keys if "keys" in keys else {"keys": [keys]}


def token(test):
    jws = test["jws"]
    return jws if isinstance(jws, str) else json.dumps(jws)


def signed(test):
    return fields(json.dumps(jwks(test)).encode().hex(),
                  token(test).encode().hex())


def payload(test):
    part = token(test).split(".")[1]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)).hex()


def agrees_on_token(name):
    """Shared keys and their algorithms are refused, whatever is signed."""
    def verdict(test, good, out):
        is_ours = '"oct"' not in json.dumps(jwks(test))
        must = test["result"] == "valid" and is_ours
        if (name, test["tcId"]) in OTHERWISE:
            must = not must
        return good == must and (not good or out == payload(test))
    return verdict


def check_tokens(name, n):
    return check(name, n, "jws", signed, agrees_on_token(name))


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
    ("tokens_are_taken_and_refused_as_they_must",
     check_tokens("json_web_signature_test", 401)),
    ("tokens_under_bad_keys_are_refused",
     check_tokens("json_web_key_test", 26)),
])
