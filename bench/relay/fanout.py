"""Fan-out of an update to 500 sockets, beside websockets.broadcast.

    python -m bench.relay.fanout [--sockets 500] [--frames 100] [--wakes 20]
        [--rounds 7] [--pg-bin DIR]

A transaction commits `--frames` updates, and a relay that reads them one by one
(`max_batch_updates` is 1) gives each to every socket: one query and one frame of 700 bytes at a
time. The peers are servers without a database that send a constant text of the same length as
often, to the same kind of clients. All take turns. Counted are frames a second, until the clients
have got all of them, and processor time of the serving process. Beside that, what a wake-up costs:
the updates are committed one at a time, each when the one before has come to all.
"""

import itertools
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import psycopg

from bench.support import processes
from bench.support.databases import migrated_server, new_database
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.relay_clients import TOPIC, head, open_all, opening, serving, sink_batch, writer
from bench.support.results import save, show, spread
from khala_pg.postgres.server import PostgresServer

FRAME_BYTES = 700
_TARGET = 1.4


def document(number: int, version: int, filler: int) -> dict[str, Any]:
    """A document whose update is as long in every round."""
    return {
        "doc_key": f"d{number:04}",
        "doc_version": 1_000_000_000 + version,
        "payload": {"text": "x" * filler},
    }


class Contestant(Protocol):
    """Something that sends frames to the clients of its own crowd."""

    crowd: Child

    def cpu_s(self) -> float: ...

    def send(self, frames: int) -> None:
        """Frames as fast as it can."""

    def send_one(self) -> None:
        """One frame, after a wake-up."""


@dataclass
class Relay:
    """A relay, whose database is written to."""

    process: Child
    crowd: Child
    connection: psycopg.Connection[Any]
    filler: int = 0
    versions: Iterator[int] = field(default_factory=lambda: itertools.count(2))

    def cpu_s(self) -> float:
        return self.process.cpu_s()

    def send(self, frames: int) -> None:
        sink_batch(self.connection, [self._document(n) for n in range(frames)])

    def send_one(self) -> None:
        sink_batch(self.connection, [self._document(0)])

    def _document(self, number: int) -> dict[str, Any]:
        return document(number, next(self.versions), self.filler)


@dataclass
class Peer:
    """A server of bare_servers.py."""

    process: Child
    crowd: Child
    text: str

    def cpu_s(self) -> float:
        return self.process.cpu_s()

    def send(self, frames: int) -> None:
        self.process.ask(do="send", text=self.text, frames=frames)

    def send_one(self) -> None:
        self.send(1)


@dataclass
class Found:
    """What the rounds of one contestant gave."""

    per_second: list[float] = field(default_factory=list)
    burst_us: list[float] = field(default_factory=list)
    wake_us: list[float] = field(default_factory=list)


@contextmanager
def contestants(
    server: PostgresServer, sockets: int, loops: list[str]
) -> Iterator[dict[str, Contestant]]:
    """All of them, with their clients connected."""
    with ExitStack() as stack:
        found: dict[str, Contestant] = {}
        for loop in loops:
            # Its own: relays of one database all send what is written.
            dsn = new_database(server, loop)
            relay = stack.enter_context(serving(dsn, f"--event-loop={loop}", max_batch_updates=1))
            crowd = stack.enter_context(processes.crowd())
            connection = stack.enter_context(writer(dsn))
            # From here on all watermarks have as many digits.
            sink_batch(connection, [document(n, 1, 0) for n in range(1000)])
            steps = relay.steps("org-a", head(dsn))
            open_all(crowd, relay.host, relay.port, steps, sockets)
            found[f"relay, {loop}"] = _fitted(Relay(relay.process, crowd, connection), sockets)
        text = '{"doc_key":"' + "x" * (FRAME_BYTES - 4 - 14) + '"}'
        for kind in ("websockets", "prepared", "picows"):
            for loop in loops:
                peer = stack.enter_context(processes.peer(kind, f"--loop={loop}"))
                crowd = stack.enter_context(processes.crowd())
                steps = [(opening("/"), " 101 ")]
                open_all(crowd, "127.0.0.1", peer.hello["port"], steps, sockets)
                found[f"{kind}, {loop}"] = Peer(peer, crowd, text)
        yield found


def _fitted(relay: Relay, sockets: int) -> Relay:
    """The relay with payloads that make its frames as long as the peers'."""
    # The first comes behind the end of the replay, which is no part of it.
    for _ in range(2):
        relay.crowd.ask(do="count")
        relay.send_one()
        got = relay.crowd.ask(do="await", markers=sockets)
    relay.filler = FRAME_BYTES - round(got["bytes"] / sockets)
    return relay


def measure(each: Contestant, sockets: int, frames: int, wakes: int, found: Found | None) -> None:
    """One round: a burst, then wake-ups one after the other."""
    each.crowd.ask(do="count")
    cpu_s, started = each.cpu_s(), time.monotonic()
    each.crowd.tell(do="await", markers=frames * sockets)
    each.send(frames)
    got = each.crowd.hear()
    burst = frames * sockets / (got["at"] - started)
    burst_s = each.cpu_s() - cpu_s
    size = got["bytes"] / got["markers"]
    assert got["markers"] == frames * sockets, f"{got['markers']} frames came"
    assert abs(size - FRAME_BYTES) < 5, f"frames of {size:.0f} bytes"
    each.crowd.ask(do="count")
    cpu_s = each.cpu_s()
    for number in range(1, wakes + 1):
        each.crowd.tell(do="await", markers=number * sockets)
        each.send_one()
        each.crowd.hear()
    wake_s = each.cpu_s() - cpu_s
    if found is not None:
        found.per_second.append(burst)
        found.burst_us.append(burst_s * 1e6 / (frames * sockets))
        found.wake_us.append(wake_s * 1e6 / (max(1, wakes) * sockets))


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    parser.add_argument("--sockets", type=int, default=500)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--wakes", type=int, default=20)
    parser.add_argument("--loop", action="append", choices=("asyncio", "uvloop"))
    options = parse_options(parser, sockets=50, frames=20, wakes=2, rounds=1)
    loops = options.loop or ["asyncio", "uvloop"]
    with migrated_server(options.pg_bin) as server:
        version = server.major
        with contestants(server, options.sockets, loops) as everybody:
            results = {name: Found() for name in everybody}
            for turn in range(options.rounds + 1):
                for name, each in everybody.items():
                    # The first round warms up.
                    found = results[name] if turn else None
                    measure(each, options.sockets, options.frames, options.wakes, found)
    rows, saved = [], {}
    for name, found in results.items():
        peer = results[f"websockets, {name.split(', ')[1]}"]
        ratios = spread([a / b for a, b in zip(found.per_second, peer.per_second, strict=True)])
        cpu = spread([b / a for a, b in zip(found.burst_us, peer.burst_us, strict=True)])
        per_second, burst, wake = (
            spread(found.per_second),
            spread(found.burst_us),
            spread(found.wake_us),
        )
        rows.append(
            [
                name,
                f"{per_second['median']:,.0f}",
                *(f"{ratios[what]:.2f}" for what in ("median", "min", "max")),
                f"{burst['median']:.1f}",
                f"{cpu['median']:.2f}",
                f"{wake['median']:.1f}",
            ]
        )
        saved[name] = {
            "frames_per_second": per_second,
            "ratio": ratios,
            "cpu_us_per_frame": burst,
            "cpu_ratio": cpu,
            "cpu_us_per_frame_of_a_wake": wake,
        }
    table = show(
        f"{FRAME_BYTES} bytes to {options.sockets} sockets, PostgreSQL {version}; ratios are to"
        f" websockets.broadcast, target of the relay {_TARGET}",
        ["", "frames/s", "ratio", "min", "max", "CPU µs/frame", "CPU ratio", "…/frame of a wake"],
        rows,
    )
    save(
        f"fanout-pg{version}",
        {
            "postgresql": version,
            "topic": TOPIC,
            "sockets": options.sockets,
            "frames": options.frames,
            "contestants": saved,
            "target": _TARGET,
        },
        [table],
    )


if __name__ == "__main__":
    main()
