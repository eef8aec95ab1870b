"""Latency from COMMIT to the client, beside the least that it can be and NATS JetStream.

    python -m bench.relay.latency [--rate 200] [--seconds 2] [--rounds 5] [--subscribers 1 100]

A writer commits a sink of one document so many times a second, each in a transaction of its own,
which waits for the disk. Latency runs from the COMMIT being sent to the message in the client's
hands; all clocks are the machine's. The peers take turns with it:

- `bare`: the same transactions in a database of its own, each with a notification. A process that
  LISTENs sends what it is notified of to its sockets, and asks the database nothing.
- `JetStream`: a message of the same size to a stream stored in files, which is answered and
  delivered before anything is on the disk.

The subscribers are connections of their own, the same for all, spread over two processes.
"""

import argparse
import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from bench.compare import nats_server
from bench.support.databases import migrated_server, new_database
from bench.support.journal import TOPIC
from bench.support.load import PAYLOAD
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child, bare_listener, subscribers
from bench.support.relay_process import relaying
from bench.support.results import quantile, ratio_text, ratios, save, show, spread

_PROCESSES = 2
_CHANNEL = "bench"
_QUANTILES = ("p50", "p99")
# Of the bare server's, with one subscriber.
_TARGETS = {"p50": 1.3, "p99": 2.0}
# What an update has on the wire beside its payload.
_ENVELOPE = "x" * 200
_OURS, _BARE, _JETSTREAM = "Khala", "bare", "JetStream"
_SINK = "SELECT watermark FROM khala.sink(%s, %s, %s, %s::jsonb)"


@dataclass(frozen=True)
class Write:
    """When a commit was sent, and when it was answered; in nanoseconds."""

    committing: int
    committed: int


Sent = dict[int, Write]
Writing = Callable[[], Awaitable[tuple[int, Write]]]


@dataclass
class Found:
    """A peer's rounds: quantiles of the latency, and of the time until COMMIT is answered."""

    latency_ms: dict[str, list[float]] = field(default_factory=lambda: {q: [] for q in _QUANTILES})
    commit_ms: dict[str, list[float]] = field(default_factory=lambda: {q: [] for q in _QUANTILES})

    def note(self, sent: Sent, arrivals: list[list[list[int]]]) -> None:
        """Adds a round, over every message to every subscriber."""
        latencies: list[float] = []
        for each in arrivals:
            numbers = [number for number, _ in each]
            if numbers != sorted(sent):
                raise RuntimeError(f"sent {len(sent)} messages, got {len(numbers)}: not the same")
            latencies += [(at - sent[number].committing) / 1e6 for number, at in each]
        answers = [(each.committed - each.committing) / 1e6 for each in sent.values()]
        for name in _QUANTILES:
            share = int(name[1:]) / 100
            self.latency_ms[name].append(quantile(latencies, share))
            self.commit_ms[name].append(quantile(answers, share))


class Sinking:
    """Sinks into a database, with a notification of one's own where a channel is given."""

    def __init__(self, connection: psycopg.AsyncConnection[Any], channel: str | None) -> None:
        self._connection = connection
        self._channel = channel

    async def __call__(self) -> tuple[int, Write]:
        version = time.time_ns()
        async with self._connection.cursor() as cursor:
            await cursor.execute("BEGIN")
            await cursor.execute(
                _SINK, (TOPIC, f"run/{version % 100}", version, PAYLOAD), prepare=True
            )
            row = await cursor.fetchone()
            assert row is not None
            if self._channel is not None:
                await cursor.execute(
                    "SELECT pg_notify(%s, %s)", (self._channel, str(row[0])), prepare=True
                )
            committing = time.monotonic_ns()
            await cursor.execute("COMMIT")
        return int(row[0]), Write(committing, time.monotonic_ns())


class Publishing:
    """Publishes to a stream."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._message = (_ENVELOPE + PAYLOAD).encode()

    async def __call__(self) -> tuple[int, Write]:
        committing = time.monotonic_ns()
        stored = await self._stream.publish(TOPIC, self._message)
        return int(stored.seq), Write(committing, time.monotonic_ns())


async def steadily(write: Writing, rate: float, count: int) -> Sent:
    """So many writes, as evenly as one connection can."""
    sent: Sent = {}
    due = time.monotonic()
    for _ in range(count):
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        number, sent_write = await write()
        sent[number] = sent_write
        due = max(due + 1 / rate, time.monotonic())
    return sent


def followers(kind: str, url: str, count: int, stack: ExitStack) -> list[Child]:
    """Processes with so many live subscribers between them."""
    processes = min(_PROCESSES, count)
    group = [stack.enter_context(subscribers(kind, url, TOPIC)) for _ in range(processes)]
    for place, each in enumerate(group):
        each.ask(do="follow", subscribers=count // processes + (place < count % processes))
    return group


async def measure(
    dsns: dict[str, str], urls: dict[str, str], count: int, options: argparse.Namespace
) -> dict[str, Found]:
    """The rounds with so many subscribers, the peers taking turns."""
    import nats
    from nats.js.api import StorageType

    found = {peer: Found() for peer in urls}
    writes = round(options.rate * options.seconds)
    connect = psycopg.AsyncConnection.connect
    with ExitStack() as stack:
        client = await nats.connect(urls[_JETSTREAM])
        stream = client.jetstream()
        await stream.add_stream(name=f"KHALA{count}", subjects=[TOPIC], storage=StorageType.FILE)
        async with (
            await connect(dsns[_OURS], autocommit=True) as ours,
            await connect(dsns[_BARE], autocommit=True) as bare,
        ):
            kinds = {_OURS: "khala", _BARE: "bare", _JETSTREAM: "nats"}
            groups = {p: followers(kinds[p], url, count, stack) for p, url in urls.items()}
            writing: dict[str, Writing] = {
                _OURS: Sinking(ours, None),
                _BARE: Sinking(bare, _CHANNEL),
                _JETSTREAM: Publishing(stream),
            }
            for turn in range(options.rounds + 1):
                for peer, group in groups.items():
                    sent = await steadily(writing[peer], options.rate, writes)
                    for each in group:
                        each.tell(do="collect", count=writes)
                    arrivals = [a for each in group for a in each.hear()["arrivals"]]
                    # The first turn warms up.
                    if turn:
                        found[peer].note(sent, arrivals)
        await stream.delete_stream(f"KHALA{count}")
        await client.close()
    return found


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--rate", type=float, default=200, help="writes a second")
    parser.add_argument("--seconds", type=float, default=2, help="of a round")
    parser.add_argument("--subscribers", type=int, nargs="+", default=[1, 100])
    options = parse_options(parser, rounds=1, seconds=1, subscribers=[1])
    nats_server.require()
    results: dict[str, Any] = {}
    rows: list[list[str]] = []
    with migrated_server(options.pg_bin) as server, nats_server.jetstream() as nats_url:
        version = server.major
        dsns = {_OURS: server.dsn(), _BARE: new_database(server, "bare")}
        size = len(_ENVELOPE) + len(PAYLOAD)
        with relaying(server.dsn()) as relay, bare_listener(dsns[_BARE], _CHANNEL, size) as bare:
            urls = {
                _BARE: f"ws://127.0.0.1:{bare.hello['port']}",
                _OURS: relay.url("org-a", [TOPIC]),
                _JETSTREAM: nats_url,
            }
            for count in options.subscribers:
                found = asyncio.run(measure(dsns, urls, count, options))
                results[str(count)] = saved = {}
                for peer, each in found.items():
                    of = {
                        name: {
                            other: ratios(values, found[other].latency_ms[name])
                            for other in (_BARE, _JETSTREAM)
                        }
                        for name, values in each.latency_ms.items()
                    }
                    saved[peer] = {**vars(each), "of": of}
                    rows.append(
                        [
                            f"{count}, {peer}",
                            *(f"{spread(v)['median']:.2f}" for v in each.latency_ms.values()),
                            f"{spread(each.commit_ms['p50'])['median']:.2f}",
                            *("" if peer == _BARE else ratio_text(of[q][_BARE]) for q in of),
                            *(ratio_text(of[q][_JETSTREAM]) if peer == _OURS else "" for q in of),
                            ", ".join(f"{t}" for t in _TARGETS.values())
                            if (count, peer) == (1, _OURS)
                            else "",
                        ]
                    )
    table = show(
        f"COMMIT to client, ms, at {options.rate:g} writes a second, PostgreSQL {version}",
        [
            "subscribers",
            *_QUANTILES,
            "answered p50",
            *(f"{name} of bare" for name in _QUANTILES),
            *(f"{name} of JetStream" for name in _QUANTILES),
            "targets, of bare",
        ],
        rows,
    )
    content = {"postgresql": version, "rate": options.rate, "seconds": options.seconds}
    save(
        f"latency-pg{version}",
        {**content, "subscribers": results, "targets": _TARGETS},
        [table],
    )


if __name__ == "__main__":
    main()
