"""How long after a write do its subscribers have it, beside NATS JetStream?

    python -m bench.relay.latency [--rate 200] [--seconds 2] [--rounds 5] [--pg-bin DIR]

A writer commits a sink of one document so many times a second, each in a transaction of its own;
for JetStream it publishes a message of the same size to a stream stored in files, which is answered
and delivered without waiting for the disk. So Khala is measured twice: on a server that does not
wait for it either (fsync = off), and on one as in production. The subscribers are connections of
their own, the same for both peers, spread over two processes. Latency runs from the COMMIT, or the
publish, being sent to the message in the client's hands; all clocks are the machine's. Beside it
stand the time until the COMMIT is answered, and the latency from the begin of the writing
transaction.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import psycopg

from bench.compare import nats_server as nats_peer
from bench.support.databases import migrated_server
from bench.support.journal import TOPIC
from bench.support.load import PAYLOAD
from bench.support.options import bench_parser, parse_options
from bench.support.processes import subscribers
from bench.support.relay_process import relaying
from bench.support.results import save, show, spread

_SUBSCRIBERS = (1, 100)
_PROCESSES = 2
_TARGETS = {"p50": 1.5, "p99": 2.0}
# Quantiles of the latency; of the time until the commit is answered; of the latency from the begin.
_COLUMNS = ("p50", "p99", "commit p50", "commit p99", "begin p50", "begin p99")
# What an update has on the wire beside its payload.
_ENVELOPE = "x" * 200
# The way of JetStream first: it answers, and delivers, before anything is on disk.
_PEERS = ("JetStream", "Khala, no fsync", "Khala")
_FSYNC = {"Khala, no fsync": "off", "Khala": "on"}


@dataclass(frozen=True)
class Write:
    """When a write was begun, its commit asked for, and that answered; in nanoseconds."""

    begun: int
    committing: int
    committed: int


Sent = dict[int, Write]


def quantile(values: list[float], share: float) -> float:
    """The value that so large a share is not above."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


class Khala:
    """Writes to a database."""

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    async def write(self) -> tuple[int, Write]:
        """Watermark of the document written, and its times."""
        version = time.time_ns()
        begun = time.monotonic_ns()
        async with self._connection.cursor() as cursor:
            await cursor.execute("BEGIN")
            await cursor.execute(
                "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb)",
                (TOPIC, f"run/{version % 100}", version, PAYLOAD),
                prepare=True,
            )
            row = await cursor.fetchone()
            committing = time.monotonic_ns()
            await cursor.execute("COMMIT")
        assert row is not None
        return int(row[0]), Write(begun, committing, time.monotonic_ns())


class Nats:
    """Publishes to a stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._message = (_ENVELOPE + PAYLOAD).encode()

    async def write(self) -> tuple[int, Write]:
        """Number of the message published, and its times."""
        begun = time.monotonic_ns()
        told = await self._stream.publish(TOPIC, self._message)
        return int(told.seq), Write(begun, begun, time.monotonic_ns())


async def wait_for_disk(connection: psycopg.AsyncConnection[Any], fsync: str) -> None:
    """Whether commits do. A session's synchronous_commit does not say so: a sink insists on it."""
    await connection.execute(f"ALTER SYSTEM SET fsync = {fsync}")
    await connection.execute("SELECT pg_reload_conf()")
    while True:
        # Read again by the server process between two statements, once it has been told.
        row = await (await connection.execute("SHOW fsync")).fetchone()
        if row == (fsync,):
            return


async def steadily(
    write: Callable[[], Awaitable[tuple[int, Write]]], rate: float, count: int
) -> Sent:
    """So many writes, as evenly as one connection can."""
    sent: Sent = {}
    due = time.monotonic()
    for _ in range(count):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        number, sent_write = await write()
        sent[number] = sent_write
        due = max(due + 1 / rate, time.monotonic())
    return sent


def note(found: dict[str, list[float]], sent: Sent, arrivals: list[list[list[int]]]) -> None:
    """Adds a round's quantiles, in milliseconds, over every message to every subscriber."""
    commits: list[float] = []
    writes: list[float] = []
    for each in arrivals:
        numbers = [number for number, _ in each]
        if numbers != sorted(sent):
            raise RuntimeError(f"sent {len(sent)} messages, got {len(numbers)}: not the same ones")
        commits += [(at - sent[number].committing) / 1e6 for number, at in each]
        writes += [(at - sent[number].begun) / 1e6 for number, at in each]
    answers = [(each.committed - each.committing) / 1e6 for each in sent.values()]
    for name, values in (("", commits), ("commit ", answers), ("begin ", writes)):
        for share in (50, 99):
            found.setdefault(f"{name}p{share}", []).append(quantile(values, share / 100))


async def measure(
    dsn: str,
    urls: dict[str, str],
    count: int,
    options: argparse.Namespace,
) -> dict[str, dict[str, list[float]]]:
    """Quantiles of each round for so many subscribers, the peers taking turns."""
    import nats
    from nats.js.api import StorageType

    found: dict[str, dict[str, list[float]]] = {peer: {} for peer in _PEERS}
    writes = round(options.rate * options.seconds)
    processes = min(_PROCESSES, count)
    with ExitStack() as stack:
        client = await nats.connect(urls["nats"])
        stream = client.jetstream()
        await stream.add_stream(name=f"KHALA{count}", subjects=[TOPIC], storage=StorageType.FILE)
        connection = await psycopg.AsyncConnection.connect(dsn, autocommit=True)
        groups = {
            peer: [stack.enter_context(subscribers(peer, url, TOPIC)) for _ in range(processes)]
            for peer, url in urls.items()
        }
        for group in groups.values():
            for place, each in enumerate(group):
                share = count // processes + (place < count % processes)
                each.ask(do="follow", subscribers=share)
        for turn in range(options.rounds + 1):
            for peer in _PEERS:
                if peer in _FSYNC:
                    await wait_for_disk(connection, _FSYNC[peer])
                    write, group = Khala(connection).write, groups["khala"]
                else:
                    write, group = Nats(stream).write, groups["nats"]
                sent = await steadily(write, options.rate, writes)
                for each in group:
                    each.tell(do="collect", count=writes)
                arrivals = [a for each in group for a in each.hear()["arrivals"]]
                # The first turn warms up.
                if turn:
                    note(found[peer], sent, arrivals)
        await connection.close()
        await stream.delete_stream(f"KHALA{count}")
        await client.close()
    return found


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--rate", type=float, default=200, help="writes a second")
    parser.add_argument("--seconds", type=float, default=2, help="of a round")
    parser.add_argument("--subscribers", type=int, nargs="+", default=_SUBSCRIBERS)
    options = parse_options(parser, rounds=1, seconds=1, subscribers=[1])
    nats_peer.require()
    results: dict[str, Any] = {}
    rows: list[list[str]] = []
    with (
        migrated_server(options.pg_bin) as server,
        nats_peer.jetstream() as nats_url,
        relaying(server.dsn()) as relay,
    ):
        version = server.major
        urls = {"nats": nats_url, "khala": relay.url("org-a", [TOPIC])}
        for count in options.subscribers:
            found = asyncio.run(measure(server.dsn(), urls, count, options))
            theirs = found["JetStream"]
            results[str(count)] = {}
            for peer in _PEERS:
                ratios = {
                    name: spread([k / j for k, j in zip(values, theirs[name], strict=True)])
                    for name, values in found[peer].items()
                }
                milliseconds = {name: spread(values) for name, values in found[peer].items()}
                results[str(count)][peer] = {"milliseconds": milliseconds, "ratio": ratios}
                rows.append(
                    [f"{count}, {peer}"]
                    + [f"{milliseconds[name]['median']:.2f}" for name in _COLUMNS]
                    + [
                        "{median:.1f} ({min:.1f} to {max:.1f})".format(**ratios[name])
                        for name in _TARGETS
                    ]
                )
    table = show(
        f"Milliseconds at {options.rate:g} writes a second, PostgreSQL {version}",
        ["subscribers, peer", *_COLUMNS, *(f"{name}, ratio" for name in _TARGETS)],
        rows,
    )
    print("ratios, at most: " + ", ".join(f"{name} {most}" for name, most in _TARGETS.items()))
    save(
        f"latency-pg{version}",
        {
            "postgresql": version,
            "rate": options.rate,
            "seconds": options.seconds,
            "subscribers": results,
            "targets": _TARGETS,
        },
        [table],
    )


if __name__ == "__main__":
    main()
