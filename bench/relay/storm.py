"""How long does it take until 2,000 clients that come back at once have what they missed?

    python -m bench.relay.storm [--clients 2000] [--events 1000] [--rounds 5] [--apart]
        [--pg-bin DIR]

Every client opens a socket, joins, and resumes `--events` events below the head. The peer is a
bare server of `websockets` to which as many clients connect and which sends each the very messages
that a client of the relay got, with no database behind it. Both in turns; counted is the time from
the first opening request to the last event at the last client.

Shapes: `together`, all at the same watermark in one organisation, as after a relay or its network
failed; `orgs`, at the same watermark in 20 organisations; `scattered`, each at a watermark of its
own.

Meanwhile a writer sinks to another topic, with 5 ms between sinks: its p99 during the storm
against that before it, and against that during the peer's. With `--apart` the database and the
writer have the last core to themselves, as where relays run on machines of their own: what is left
is what the relay asks of the database.
"""

import asyncio
import json
import os
import statistics
import threading
import time
from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

import psycopg
from websockets.asyncio.client import connect

from bench.support import processes
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.relay_clients import TOPIC, Serving, ask, head, opening, serving, writer
from bench.support.results import save, show, spread

_TARGET = 2.0
_OTHER_TOPIC = "runtime.run_summaries"
_MOST = 500
_QUIET_S = 3.0
# Often enough to be seen, and not so often that the writer itself takes a core.
_PAUSE_S = 0.005
_PAYLOAD = {"text": "x" * 500}


class Sinking:
    """A writer in a thread of its own, and how long each of its sinks took."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._stop = threading.Event()
        self.took_s: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        payload = json.dumps(_PAYLOAD)
        with writer(self._dsn) as connection:
            version = time.time_ns()
            while not self._stop.wait(_PAUSE_S):
                version += 1
                started = time.perf_counter()
                connection.execute(
                    "SELECT khala.sink(%s, 'd', %s, %s::jsonb)",
                    [_OTHER_TOPIC, version, payload],
                    prepare=True,
                )
                self.took_s.append(time.perf_counter() - started)

    def __enter__(self) -> "Sinking":
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()

    def p99_ms(self) -> float:
        """Of all so far."""
        return statistics.quantiles(self.took_s, n=100)[98] * 1e3


@dataclass
class Found:
    """What the rounds of one shape gave."""

    seconds: list[float] = field(default_factory=list)
    peer_seconds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)
    peer_cpu_s: list[float] = field(default_factory=list)
    quiet_ms: list[float] = field(default_factory=list)
    storm_ms: list[float] = field(default_factory=list)
    peer_ms: list[float] = field(default_factory=list)
    pages: list[float] = field(default_factory=list)


def fill(connection: psycopg.Connection[Any], events: int) -> None:
    """A journal of so many events that every organisation sees."""
    for begin in range(0, events, 1000):
        connection.execute(
            "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key', 'd' || n,"
            " 'doc_version', 1, 'payload', %s::jsonb)))"
            " FROM generate_series(%s::integer + 1, %s::integer) AS n",
            [TOPIC, json.dumps(_PAYLOAD), begin, min(begin + 1000, events)],
        )


async def messages(relay: Serving, org: str, after: int, until: int) -> list[str]:
    """The batches that a client gets that resumes."""
    found: list[str] = []
    async with connect(relay.url(org), max_size=None, compression=None) as socket:
        await ask(socket, "phx_join", {})
        await ask(socket, "sync:subscribe", {"topics": [TOPIC], "resume_after": {TOPIC: after}})
        covered = after
        while covered < until:
            text = str(await socket.recv())
            found.append(text)
            [entry] = json.loads(text)[4]["covered_watermarks"]
            covered = int(entry["watermark"])
    return found


def storm(crowd: Child, host: str, port: int, groups: list[tuple[list[Any], int, int]]) -> float:
    """Seconds until all clients have their events. groups: steps, clients, events of each."""
    crowd.ask(do="count")
    started = time.monotonic()
    crowd.ask(do="open", host=host, port=port, groups=groups, most=_MOST)
    got = crowd.ask(do="await", markers=sum(clients * events for _, clients, events in groups))
    crowd.ask(do="close")
    return float(got["at"]) - started


def groups_of(
    shape: str, relay: Serving, top: int, clients: int, events: int
) -> list[tuple[list[Any], int, int]]:
    """Who comes back, and from where."""
    match shape:
        case "together":
            return [(relay.steps("org-0", top - events), clients, events)]
        case "orgs":
            each = clients // 20
            return [(relay.steps(f"org-{n}", top - events), each, events) for n in range(20)]
    return [(relay.steps("org-0", top - events - n), 1, events + n) for n in range(clients)]


def measure(
    dsn: str,
    relay: Serving,
    shape: str,
    top: int,
    clients: int,
    events: int,
    cores: Set[int],
    found: Found | None,
) -> None:
    """One round of one shape. cores: where servers of sockets and clients run."""
    groups = groups_of(shape, relay, top, clients, events)
    mean = sum(count * each for _, count, each in groups) // clients
    pages = asyncio.run(messages(relay, "org-0", top - mean, top))
    with Sinking(dsn) as quiet:
        time.sleep(_QUIET_S)  # the time that the storm's is held against
    read, cpu_s = relay.metric("khala_replay_reads_total"), relay.process.cpu_s()
    with processes.crowd() as crowd, Sinking(dsn) as during:
        crowd.keep_to(cores)
        seconds = storm(crowd, relay.host, relay.port, groups)
    cpu_s = relay.process.cpu_s() - cpu_s
    read = relay.metric("khala_replay_reads_total") - read
    with processes.bare_pages(pages) as server:
        steps = [(opening("/"), " 101 "), ("resume", '"updates":[')]
        server.keep_to(cores)
        peer_cpu_s = server.cpu_s()
        with processes.crowd() as crowd, Sinking(dsn) as beside:
            crowd.keep_to(cores)
            alone = storm(crowd, "127.0.0.1", server.hello["port"], [(steps, clients, mean)])
        peer_cpu_s = server.cpu_s() - peer_cpu_s
    if found is None:
        return
    found.seconds.append(seconds)
    found.peer_seconds.append(alone)
    found.cpu_s.append(cpu_s)
    found.peer_cpu_s.append(peer_cpu_s)
    found.quiet_ms.append(quiet.p99_ms())
    found.storm_ms.append(during.p99_ms())
    found.peer_ms.append(beside.p99_ms())
    found.pages.append(read)


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--clients", type=int, default=2000)
    parser.add_argument("--events", type=int, default=1000)
    parser.add_argument("--shape", action="append", choices=("together", "orgs", "scattered"))
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--event-loop", default="auto")
    options = parse_options(parser, clients=50, events=200, rounds=1)
    shapes = options.shape or ["together", "orgs", "scattered"]
    results = {shape: Found() for shape in shapes}
    processes.require(files=options.clients, ports=options.clients)
    cores = os.sched_getaffinity(0)
    if options.apart:
        if len(cores) < 2:
            parser.error("--apart needs two cores")
        # The server inherits it.
        os.sched_setaffinity(0, {max(cores)})
        cores = cores - {max(cores)}
    with migrated_server(options.pg_bin) as server:
        version, dsn = server.major, server.dsn()
        with writer(dsn) as connection:
            fill(connection, options.events + options.clients)
        top = head(dsn)
        with serving(dsn, f"--event-loop={options.event_loop}") as relay:
            relay.process.keep_to(cores)
            for turn in range(options.rounds + 1):
                for shape, found in results.items():
                    # The first round warms up.
                    measure(
                        dsn,
                        relay,
                        shape,
                        top,
                        options.clients,
                        options.events,
                        cores,
                        found if turn else None,
                    )
    rows, saved = [], {}
    for shape, found in results.items():
        ratio = spread([a / b for a, b in zip(found.seconds, found.peer_seconds, strict=True)])
        p99 = spread([a / b for a, b in zip(found.storm_ms, found.quiet_ms, strict=True)])
        beside = spread([a / b for a, b in zip(found.peer_ms, found.quiet_ms, strict=True)])
        rows.append(
            [
                shape,
                f"{spread(found.seconds)['median']:.2f}",
                f"{spread(found.peer_seconds)['median']:.2f}",
                *(f"{ratio[what]:.2f}" for what in ("median", "min", "max")),
                f"{spread(found.cpu_s)['median']:.2f}",
                f"{spread(found.peer_cpu_s)['median']:.2f}",
                f"{p99['median']:.2f}",
                f"{beside['median']:.2f}",
            ]
        )
        saved[shape] = {
            "seconds": spread(found.seconds),
            "peer_seconds": spread(found.peer_seconds),
            "ratio": ratio,
            "cpu_s": spread(found.cpu_s),
            "peer_cpu_s": spread(found.peer_cpu_s),
            "writer_quiet_p99_ms": spread(found.quiet_ms),
            "writer_p99_to_quiet": p99,
            "writer_p99_beside_peer_to_quiet": beside,
            "pages": spread(found.pages),
        }
    table = show(
        f"{options.clients:,} clients resume {options.events:,} events each",
        [
            "",
            "relay, s",
            "peer, s",
            "ratio",
            "min",
            "max",
            "CPU, s",
            "peer's",
            "writer p99 / quiet",
            "beside peer",
        ],
        rows,
    )
    print(f"to reach: at most {_TARGET:.1f}, of both")
    save(
        f"storm-pg{version}{'-apart' if options.apart else ''}",
        {
            "postgresql": version,
            "clients": options.clients,
            "events": options.events,
            "shapes": saved,
            "target": _TARGET,
        },
        [table],
    )


if __name__ == "__main__":
    main()
