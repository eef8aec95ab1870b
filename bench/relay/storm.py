"""A storm of clients that come back at once, and what a writer notices of it.

    python -m bench.relay.storm [--clients 2000] [--events 1000] [--rounds 5] [--apart]
        [--shape together|snapshot|orgs|scattered]

Shapes: `together`, all resume `--events` events below the head, in one organisation, as after a
relay or its network failed; `snapshot`, the epoch has changed, so each reads a snapshot of as many
documents by HTTP and subscribes from its watermark; `orgs`, as `together` in 20 organisations;
`scattered`, each at a watermark of its own. The first two, if none is named.

The peer is a bare server of `websockets` and uvicorn with no database behind it: as many clients
connect to it, and it sends each the very messages and pages that a client of the relay got. Both in
turns; counted is the time from the first request to the last client that has everything.

Meanwhile a writer sinks to another topic, with 5 ms between sinks: its p99 during the storm
against that before it, and against that during the peer's. With `--apart` the database and the
writer have the last core to themselves, as where relays run on machines of their own: what is left
is what the relay asks of the database.
"""

import json
import os
import threading
import time
from collections.abc import Sequence, Set
from dataclasses import dataclass, field
from typing import Any

from bench.relay.storm_shapes import Storm, fill, storm_of
from bench.support import processes
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.relay_clients import Serving, serving, writer
from bench.support.results import quantile, ratio_text, ratios, save, show, spread

_TARGET = 2.0
_SHAPES = ("together", "snapshot", "orgs", "scattered")
_OTHER_TOPIC = "runtime.run_summaries"
_MOST = 500
_QUIET_S = 3.0
# Often enough to be seen, and not so often that the writer itself takes a core.
_PAUSE_S = 0.005
_LEAST_SINKS = 20
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
            while not self._stop.wait(_PAUSE_S) or len(self.took_s) < _LEAST_SINKS:
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
        return quantile(self.took_s, 0.99) * 1e3


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


def run(storm: Storm, groups: Sequence[list[Any]], crowd: Child, host: str, port: int) -> float:
    """Seconds until all clients have everything."""
    crowd.ask(do="count")
    started = time.monotonic()
    ended = crowd.ask(do="open", host=host, port=port, groups=groups, most=_MOST)
    if storm.markers:
        ended = crowd.ask(do="await", markers=storm.markers)
    crowd.ask(do="close")
    return float(ended["at"]) - started


def measure(dsn: str, relay: Serving, storm: Storm, cores: Set[int], found: Found | None) -> None:
    """One round of one shape. cores: where servers of sockets and clients run."""
    with Sinking(dsn) as quiet:
        time.sleep(_QUIET_S)  # the time that the storm's is held against
    read, cpu_s = relay.metric("khala_replay_reads_total"), relay.process.cpu_s()
    with processes.crowd() as crowd, Sinking(dsn) as during:
        crowd.keep_to(cores)
        seconds = run(storm, storm.groups, crowd, relay.host, relay.port)
    cpu_s = relay.process.cpu_s() - cpu_s
    read = relay.metric("khala_replay_reads_total") - read
    with processes.bare_pages(storm.pages, storm.responses) as server:
        server.keep_to(cores)
        peer_cpu_s = server.cpu_s()
        groups = storm.bare_groups(server.hello.get("http", 0))
        with processes.crowd() as crowd, Sinking(dsn) as beside:
            crowd.keep_to(cores)
            alone = run(storm, groups, crowd, "127.0.0.1", server.hello["port"])
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
    parser.add_argument("--shape", action="append", choices=_SHAPES)
    parser.add_argument("--apart", action="store_true")
    parser.add_argument("--event-loop", default="auto")
    options = parse_options(parser, clients=50, events=200, rounds=1)
    shapes = options.shape or _SHAPES[:2]
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
            fill(connection, options.events, options.clients)
        loop = f"--event-loop={options.event_loop}"
        with serving(dsn, "--http-port=0", loop) as relay:
            relay.process.keep_to(cores)
            for turn in range(options.rounds + 1):
                for shape, found in results.items():
                    storm = storm_of(shape, dsn, relay, options.clients, options.events)
                    # The first round warms up.
                    measure(dsn, relay, storm, cores, found if turn else None)
    rows, saved = [], {}
    for shape, found in results.items():
        ratio = ratios(found.seconds, found.peer_seconds)
        p99 = ratios(found.storm_ms, found.quiet_ms)
        beside = ratios(found.peer_ms, found.quiet_ms)
        rows.append(
            [
                shape,
                f"{spread(found.seconds)['median']:.2f}",
                ratio_text(ratio),
                f"{spread(found.cpu_s)['median']:.2f}",
                f"{ratios(found.cpu_s, found.peer_cpu_s)['median']:.2f}",
                ratio_text(p99),
                f"{beside['median']:.2f}",
                f"{_TARGET:.1f}, {_TARGET:.1f}",
            ]
        )
        saved[shape] = {
            **vars(found),
            "ratio": ratio,
            "writer_p99_to_quiet": p99,
            "writer_p99_beside_peer_to_quiet": beside,
        }
    table = show(
        f"{options.clients:,} clients, {options.events:,} events or documents each, PostgreSQL"
        f" {version}{', the database on a core of its own' if options.apart else ''}",
        [
            "",
            "seconds",
            "of bare",
            "CPU s",
            "of bare",
            "writer p99 of quiet",
            "beside bare",
            "targets, of bare and of quiet",
        ],
        rows,
    )
    content = {"postgresql": version, "clients": options.clients, "events": options.events}
    save(
        f"storm-pg{version}{'-apart' if options.apart else ''}",
        {**content, "shapes": saved, "target": _TARGET},
        [table],
    )


if __name__ == "__main__":
    main()
