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


def ssh_string(data):
    return len(data).to_bytes(4, "big") + data


def ssh_blob(*parts):
    return b"".join(ssh_string(part) for part in parts)


def ssh_question(key, test, algorithm, sig):
    return fields(key.hex(), test["msg"], ssh_blob(algorithm, sig).hex())


def ssh_ed25519(test):
    """The same vectors through SSH's forms."""
    name = b"ssh-ed25519"
    key = ssh_blob(name, bytes.fromhex(test["publicKey"]["pk"]))
    return ssh_question(key, test, name, bytes.fromhex(test["sig"]))


def der_integers(test):
    """r and s as DER's bytes, which are an mpint's; None: it is not DER."""
    def take(data, tag):
        if len(data) < 2 or data[0] != tag:
            return None, b""
        size, at = data[1], 2
        if size == 0x81 and len(data) > 2 and data[2] >= 0x80:
            size, at = data[2], 3
        inside = data[at:at + size]
        good = size < 0x80 or at == 3
        return (inside if good and len(inside) == size else None,
                data[at + size:])

    inside, rest = take(bytes.fromhex(test["sig"]), 0x30)
    if inside is None or rest:
        return None
    r, inside = take(inside, 2)
    s, rest = take(inside, 2)
    return (r, s) if r and s and not rest else None


def ssh_ecdsa(test):
    curve = {256: b"nistp256", 384: b"nistp384", 521: b"nistp521"}[
        test["publicKey"]["keySize"]]
    name = b"ecdsa-sha2-" + curve
    key = ssh_blob(name, curve,
                   bytes.fromhex(test["publicKey"]["uncompressed"]))
    return ssh_question(key, test, name, ssh_blob(*der_integers(test)))


def mpint(text):
    return bytes.fromhex(text)


def ssh_rsa(test):
    public = test["publicKey"]
    key = ssh_blob(b"ssh-rsa", mpint(public["publicExponent"]),
                   mpint(public["modulus"]))
    name = {"SHA-256": b"rsa-sha2-256", "SHA-512": b"rsa-sha2-512"}[
        test["sha"]]
    return ssh_question(key, test, name, bytes.fromhex(test["sig"]))


def agrees_on_rsa(test, good, _):
    return test["result"] == "acceptable" or \
        good == (test["result"] == "valid")


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


def check_rsa(bits, sha, n):
    return check(f"rsa_signature_{bits}_sha{sha}_test", n, "ssh", ssh_rsa,
                 agrees_on_rsa)


def check_ecdsa(name, n):
    """Without those that test the reading of DER: SSH has none."""
    return check(name, n, "ssh", ssh_ecdsa, agrees, der_integers)


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
    ("ed25519_verifies_what_it_must_as_ssh",
     check("ed25519_test", 151, "ssh", ssh_ed25519, agrees)),
    ("ecdsa_p256_verifies_what_it_must",
     check_ecdsa("ecdsa_secp256r1_sha256_test", 291)),
    ("ecdsa_p384_verifies_what_it_must",
     check_ecdsa("ecdsa_secp384r1_sha384_test", 311)),
    ("ecdsa_p521_verifies_what_it_must",
     check_ecdsa("ecdsa_secp521r1_sha512_test", 350)),
    ("rsa_2048_sha256_verifies_what_it_must", check_rsa(2048, 256, 259)),
    ("rsa_2048_sha512_verifies_what_it_must", check_rsa(2048, 512, 259)),
    ("rsa_3072_sha256_verifies_what_it_must", check_rsa(3072, 256, 259)),
    ("rsa_3072_sha512_verifies_what_it_must", check_rsa(3072, 512, 260)),
    ("rsa_4096_sha256_verifies_what_it_must", check_rsa(4096, 256, 258)),
    ("rsa_4096_sha512_verifies_what_it_must", check_rsa(4096, 512, 259)),
    ("tokens_are_taken_and_refused_as_they_must",
     check_tokens("json_web_signature_test", 401)),
    ("tokens_under_bad_keys_are_refused",
     check_tokens("json_web_key_test", 26)),
])
