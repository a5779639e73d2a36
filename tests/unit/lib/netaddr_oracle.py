#!/usr/bin/python3 -B
"""Addresses and blocks against Python's ipaddress (reliability.md L50)."""
import ipaddress
import random

import suite

N = suite.count("CIDR_PAIRS", 10000, 1000000)
BATCH = 10000
RNG = random.Random(20261121)


def random_v4():
    text = str(ipaddress.IPv4Address(RNG.getrandbits(32)))
    return RNG.choice([text, text, "10.0.0.1", "127.0.0.1", "0.0.0.0"])


def random_v6():
    number = RNG.getrandbits(128)
    for _ in range(RNG.randint(0, 6)):
        number &= ~(0xffff << 16 * RNG.randrange(8))
    address = ipaddress.IPv6Address(number)
    return RNG.choice([str(address), address.exploded,
                       str(address).upper(), f"::ffff:{random_v4()}",
                       f"::{random_v4()}"])


def spoiled(text):
    """Now and then a byte is put in, taken out or changed."""
    if RNG.random() < 0.6:
        return text
    text = list(text)
    for _ in range(RNG.randint(1, 2)):
        at = RNG.randrange(len(text) + 1)
        text[at:at + RNG.randint(0, 1)] = RNG.choices(
            "0123456789abf.:/% g-+x", k=RNG.randint(0, 1))
    return "".join(text)


def random_address():
    return spoiled(RNG.choice([random_v4, random_v6])())


def random_block():
    text = RNG.choice([random_v4, random_v6])()
    top = 128 if ":" in text else 32
    prefix = RNG.choice([RNG.randint(0, top), RNG.randint(0, top + 3)])
    return spoiled(f"{text}/{RNG.choice(['', '', '', '0', '+'])}{prefix}")


def folded(address):
    mapped = getattr(address, "ipv4_mapped", None)
    return mapped if mapped is not None else address


def read_address(text):
    if "%" in text or "/" in text:
        return None
    try:
        return folded(ipaddress.ip_address(text))
    except ValueError:
        return None


def read_block(text):
    base, slash, prefix = text.partition("/")
    if slash == "" or not prefix.isascii() or not prefix.isdigit():
        return None
    if prefix != str(int(prefix)) or "%" in base:
        return None
    try:
        address = ipaddress.ip_address(base)
        block = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    if folded(address) is address:
        return block
    if block.prefixlen < 96:
        return None
    return ipaddress.ip_network(
        f"{folded(address)}/{block.prefixlen - 96}", strict=False)


def batches():
    """Sizes that add up to N: the probe gets so many at once."""
    return [min(BATCH, N - start) for start in range(0, N, BATCH)]


def check_texts(what, make, read):
    faults, n_good = [], 0
    for n in batches():
        texts = [make() for _ in range(n)]
        answers = suite.ask([(what, text.encode()) for text in texts])
        for text, (good, out) in zip(texts, answers):
            want = read(text)
            if good != (want is not None) or (good and out != str(want)):
                faults.append(f"{text!r}: we say {good} {out!r}, "
                              f"Python {want}")
            n_good += good
    suite.figure("L50", N, len(faults), f"texts read as {what}")
    if faults:
        return faults[0]
    return "" if N / 3 < n_good < N else f"{n_good} good of {N}"


def near(block):
    """An address in the block, just outside it, or anywhere."""
    first, last = int(block[0]), int(block[-1])
    number = RNG.choice([first, last, first - 1, last + 1,
                         RNG.randint(first, last),
                         RNG.getrandbits(block.max_prefixlen)])
    number %= 1 << block.max_prefixlen
    return (ipaddress.IPv4Address if block.version == 4
            else ipaddress.IPv6Address)(number)


def random_pair():
    block = None
    while block is None:
        block = read_block(random_block())
    address = near(block)
    text = str(address)
    if address.version == 4 and RNG.random() < 0.3:
        text = f"::ffff:{text}"
    elif RNG.random() < 0.1:
        text = random_v4()
    return block, text


def check_membership():
    faults, seen = [], set()
    for n in batches():
        pairs = [random_pair() for _ in range(n)]
        answers = suite.ask([("in", f"{block} {text}".encode())
                             for block, text in pairs])
        for (block, text), (good, out) in zip(pairs, answers):
            want = folded(ipaddress.ip_address(text)) in block
            if not good or (out == "yes") != want:
                faults.append(f"{text} in {block}: we say {out!r}, "
                              f"Python {want}")
            seen.add(want)
    suite.figure("L50", N, len(faults), "pairs of block and address")
    if faults:
        return faults[0]
    return "" if len(seen) == 2 else "one-sided pairs"


suite.report([
    ("addresses_are_read_as_python_does",
     check_texts("addr", random_address, read_address)),
    ("blocks_are_read_as_python_does",
     check_texts("cidr", random_block, read_block)),
    ("membership_is_that_of_python", check_membership()),
])
