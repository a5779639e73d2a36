"""The cost of many live leases: memory, start, an operation, and their end."""
import contextlib
import math
import sqlite3
import statistics
import time

import measure

FEW = 1000
ROUNDS = 5
CONNECTIONS = 64
# A role of its own, so that these leases end while the others live.
FILL = measure.Load('fill', 'PUT', '/v1/ssh/creds/brief', True, '{"ip":"10.1.2.3"}')
PAST_FILLING_S = 90


def fill(client, n, seconds=2.0):
    """At least n leases of the role brief; how many a second came."""
    done, began = 0, time.monotonic()
    while done < n:
        done += client.run(FILL, CONNECTIONS, seconds)['n']
    return done, done / (time.monotonic() - began)


def costs(client, seconds):
    """{load name: median server CPU in us and rate} of each operation."""
    rounds = {load.name: [] for load in measure.LOADS[1:]}
    for _ in range(ROUNDS):
        for load in measure.LOADS[1:]:
            rounds[load.name].append(client.run(load, CONNECTIONS, seconds))
    return {name: {what: statistics.median(one[what] for one in runs) for what in ('server_us', 'rate', 'p50_us')}
            for name, runs in rounds.items()}


def start_ms(server):
    """From exec to the first request served unsealed, after an orderly stop."""
    server.stop()
    began = time.monotonic()
    server.start(unseal=False)
    while server.api(None).get('sys/health').status != 200:
        time.sleep(0.001)
    return (time.monotonic() - began) * 1000


def first_due_s(server):
    """When the next of all leases ends, in seconds since 1970."""
    with contextlib.closing(sqlite3.connect(f'file:{server.store}?mode=ro', uri=True)) as store:
        return store.execute('SELECT min(due) FROM due').fetchone()[0] or math.inf


def rows(server, client, n, seconds):
    """Markdown; the server is new, with a role otp and unsealed by a file."""
    server.write_role('brief', ttl='1h')
    fill(client, FEW, 0.05)
    few = costs(client, seconds)
    few_start = start_ms(server)
    _, rate = fill(client, min(n, 20000))
    ttl_s = int(n / rate * 1.3 + len(few) * ROUNDS * seconds + PAST_FILLING_S)
    server.write_role('brief', ttl=f'{ttl_s}s')
    filled, rate = fill(client, n)
    last_due_s = time.time() + ttl_s
    many = costs(client, seconds)
    memory = measure.rss_mib(server.process.pid)
    many_start = start_ms(server)
    yield f'{filled:,} live leases, made at {rate:,.0f}/s; RSS {memory:.0f} MiB, store file' \
          f' {server.store.stat().st_size / filled:,.0f} bytes a lease.'
    yield f'Start to serving unsealed: {few_start:.0f} ms with {FEW:,}, {many_start:.0f} ms with all.'
    yield ''
    yield f'| | server CPU us each, {FEW:,} leases | all | ratio | p50 us, {FEW:,} leases | all | ratio |'
    yield '|---|---:|---:|---:|---:|---:|---:|'
    for name, one in few.items():
        other = many[name]
        yield f'| {name} | {one["server_us"]:,.0f} | {other["server_us"]:,.0f} |' \
              f' {other["server_us"] / one["server_us"]:.2f} | {one["p50_us"]:,.0f} | {other["p50_us"]:,.0f} |' \
              f' {other["p50_us"] / one["p50_us"]:.2f} |'
    yield ''
    yield from ending(server, client, last_due_s, seconds)


def ending(server, client, last_due_s, seconds):
    """What verify is like while all of them end."""
    calm = verifies(client, seconds)
    while time.time() < first_due_s(server) < last_due_s:
        time.sleep(0.2)
    began, late_s, slices = time.time(), 0, []
    while first_due_s(server) <= last_due_s and time.time() < last_due_s + 600:
        slices.append(verifies(client, seconds))
        late_s = max(late_s, time.time() - first_due_s(server))
    p50, p99 = (statistics.median(one[what] for one in slices) for what in ('p50_us', 'p99_us'))
    yield f'All of them ended within {time.time() - began:.0f} s, the latest {late_s:.1f} s after it was due. Verify' \
          f' before: p50 {calm["p50_us"]:,.0f} us, p99 {calm["p99_us"]:,.0f} us; meanwhile: p50 {p50:,.0f} us, p99' \
          f' {p99:,.0f} us.'


def verifies(client, seconds):
    client.run(measure.ISSUE, CONNECTIONS, seconds)
    return client.run(measure.VERIFY, CONNECTIONS, seconds)
