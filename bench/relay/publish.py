"""Cost of a publisher: of following writers, of a backlog, and of a backend that is away.

    python -m bench.relay.publish [--rate 500] [--seconds 8] [--rounds 3] [--rows 1000000]

The backend answers each request after 20 ms. Following: writers sink that many documents a second,
each of their own, first without a publisher, then with one, then beside processes that take as much
of a core as the publisher, its session in Postgres and the backend did, and do nothing with it,
then with a publisher whose backend is away. Their latency is of each sink, and the processor time
is of the same seconds. What writers lose beside the processes that do nothing is lost to a machine
with few cores, and not to what a publisher does in Postgres.

Backlog: that many journal rows of a tenth as many documents, of which each is delivered once in its
latest version, and then documents with one version each. A rate is of what was delivered; the rows
that it stands for are told apart from it.
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import chain

import psycopg

from bench.support import processes
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.processes import Child
from bench.support.results import quantile, ratio_text, ratios, save, show, spread
from khala_pg.postgres.free_ports import free_port

_TOPIC = "runtime.run_summaries"
_DELAY_S = 0.02
_WRITERS = 4
_KINDS = {
    "without": "without",
    "with": "with a publisher",
    "beside": "beside as much idle work",
    "away": "backend away",
}
_PARTS = ("cpu", "server", "backend")
# A publisher's round: see khala_pg.publish.worker.
_ROUND_S = 0.04
_TARGETS = {"cpu": 0.15, "p99": 1.1, "drain": 2000}
_FILL = (
    "SELECT count(*) FROM khala.sink_batch(%s, (SELECT jsonb_agg(jsonb_build_object("
    "'doc_key', 'd' || (n %% %s::integer), 'payload', jsonb_build_object('latest_seq', n,"
    " 'text', repeat('x', 200)))) FROM generate_series(%s::integer, %s::integer) AS n))"
)
_KHALA = ["-c", "from khala_pg.cli.main import main; main()"]


@dataclass
class Load:
    """Sinks at a fixed rate, whatever each takes, and how long each took."""

    dsn: str
    rate: float
    seconds: float
    name: str
    latencies_s: list[float] = field(default_factory=list)

    def run(self) -> None:
        threads = [threading.Thread(target=self._write, args=(n,)) for n in range(_WRITERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _write(self, writer: int) -> None:
        apart_s = _WRITERS / self.rate
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            began = time.monotonic() + writer * apart_s / _WRITERS
            for number in range(int(self.seconds / apart_s)):
                time.sleep(max(0.0, began + number * apart_s - time.monotonic()))
                start = time.perf_counter()
                connection.execute(
                    "SELECT khala.sink(%s, %s, 1, jsonb_build_object('text', repeat('x', 200)))",
                    (_TOPIC, f"{self.name}-{writer}-{number}"),
                )
                self.latencies_s.append(time.perf_counter() - start)


@contextmanager
def publisher(dsn: str, url: str) -> Iterator[Child]:
    """`khala publish` as an operator starts it."""
    command = [sys.executable, *_KHALA, "publish", "--to", "convex", "--url", url]
    command += ["--topic", _TOPIC, "--json", "--log-level", "error"]
    environment = {"KHALA_DATABASE_URL": dsn, "KHALA_PUBLISH_ADMIN_KEY": "bench"}
    with Child(command, environment) as child:
        yield child


def backend() -> Child:
    return Child(processes.module("bench.support.bare_backend", str(_DELAY_S)))


def stats(dsn: str) -> tuple[int, int]:
    """Updates that are left, and those delivered."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        rows = connection.execute(
            "SELECT unread + waiting + in_flight, delivered FROM khala.publisher_stats"
            " WHERE topic = %s",
            (_TOPIC,),
        ).fetchall()
    return rows[0] if rows else (0, 0)


def drained(dsn: str, limit_s: float = 900.0) -> float:
    """Seconds until nothing is left."""
    began = time.monotonic()
    while stats(dsn)[0] > 0:
        if time.monotonic() - began > limit_s:
            raise RuntimeError(f"{stats(dsn)[0]} updates are left after {limit_s:g} s")
        time.sleep(0.05)
    return time.monotonic() - began


def session(dsn: str) -> int:
    """Process of the publisher's session in Postgres."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        query = "SELECT worker_pid FROM khala.publisher_stats WHERE topic = %s"
        [(pid,)] = connection.execute(query, (_TOPIC,)).fetchall()
        return int(pid)


def alone(dsn: str, options: argparse.Namespace, name: str) -> list[float]:
    """Writers' latency, of each sink."""
    load = Load(dsn, options.rate, options.seconds, name)
    load.run()
    return load.latencies_s


def beside(
    dsn: str, shares: dict[str, float], options: argparse.Namespace, name: str
) -> list[float]:
    """Writers' latency beside processes that take these shares of a core."""
    with ExitStack() as stack:
        for part in _PARTS:
            command = processes.module("bench.support.busy", str(shares[part]), str(_ROUND_S))
            stack.enter_context(Child(command))
        return alone(dsn, options, name)


def followed(
    dsn: str, url: str, legacy: Child, options: argparse.Namespace, name: str
) -> tuple[list[float], dict[str, float]]:
    """Writers' latency, and what a publisher did and took meanwhile."""
    with publisher(dsn, url) as running:
        pids = dict(zip(_PARTS, (running.pid, session(dsn), legacy.pid), strict=True))
        before, began = stats(dsn)[1], time.monotonic()
        spent_s = {part: -processes.cpu_s(pid) for part, pid in pids.items()}
        latencies = alone(dsn, options, name)
        took_s = time.monotonic() - began
        for part, pid in pids.items():
            spent_s[part] += processes.cpu_s(pid)
        left, delivered = stats(dsn)
    return latencies, {
        **{part: each / took_s for part, each in spent_s.items()},
        "delivered_per_s": (delivered - before) / took_s,
        "left": left,
    }


def fill(dsn: str, rows: int, documents: int) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        for first in range(1, rows + 1, 10_000):
            connection.execute(
                _FILL, (_TOPIC, documents, first, min(rows, first + 9_999)), prepare=True
            )
        connection.execute("VACUUM ANALYZE runtime.sync_stream_events, runtime.sync_documents")


def drain(dsn: str, rows: int, documents: int) -> dict[str, float]:
    """Seconds, deliveries and processor time for a backlog in the journal."""
    with backend() as legacy, publisher(dsn, f"http://127.0.0.1:{legacy.hello['port']}"):
        drained(dsn)
    fill(dsn, rows, documents)
    before = stats(dsn)[1]
    with backend() as legacy:
        began = time.monotonic()
        with publisher(dsn, f"http://127.0.0.1:{legacy.hello['port']}") as running:
            cpu_s = running.cpu_s()
            drained(dsn)
            took_s = time.monotonic() - began
            return {
                "rows_per_s": rows / took_s,
                "delivered": stats(dsn)[1] - before,
                "delivered_per_s": (stats(dsn)[1] - before) / took_s,
                "cpu": (running.cpu_s() - cpu_s) / took_s,
                "seconds": took_s,
            }


def main() -> None:
    parser = bench_parser(__doc__, rounds=3)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--documents", type=int, default=20_000, help="with one version each")
    options = parse_options(parser, rounds=1, seconds=2.0, rows=20_000, documents=2_000)
    with migrated_server(options.pg_bin) as server:
        dsn = server.dsn()
        latencies: dict[str, list[list[float]]] = {kind: [] for kind in _KINDS}
        found: dict[str, list[dict[str, float]]] = {"with": [], "away": []}
        away = f"http://127.0.0.1:{free_port()}"
        with backend() as legacy:
            url = f"http://127.0.0.1:{legacy.hello['port']}"
            with publisher(dsn, url):
                drained(dsn)
            for turn in range(options.rounds + 1):
                shares: dict[str, float] = {}
                for kind in _KINDS:
                    name = f"{turn}-{kind}"
                    match kind:
                        case "without":
                            taken = alone(dsn, options, name)
                        case "beside":
                            taken = beside(dsn, shares, options, name)
                        case _:
                            where = url if kind == "with" else away
                            taken, did = followed(dsn, where, legacy, options, name)
                            shares = shares or did
                            if turn:
                                found[kind].append(did)
                    with publisher(dsn, url):
                        drained(dsn)
                    if turn:
                        latencies[kind].append(taken)
        version = server.major
    drains = {}
    for name, rows, documents in (
        ("backlog", options.rows, options.rows // 10),
        ("single", options.documents, options.documents),
    ):
        with migrated_server(options.pg_bin) as server:
            drains[name] = {"rows": rows, **drain(server.dsn(), rows, documents)}
    each_round = {
        kind: [quantile(taken, 0.99) for taken in rounds] for kind, rounds in latencies.items()
    }
    together = {kind: list(chain.from_iterable(rounds)) for kind, rounds in latencies.items()}
    p99 = {kind: quantile(taken, 0.99) for kind, taken in together.items()}
    compared = {
        # Of some ten slow sinks each, rounds differ by more than what is measured: see the pool.
        kind: {
            **ratios(each_round[kind], each_round["without"]),
            "median": p99[kind] / p99["without"],
        }
        for kind in _KINDS
    }

    def middle(kind: str, what: str, form: str) -> str:
        values = [each[what] for each in found.get(kind, ())]
        return f"{spread(values)['median']:{form}}" if values else ""

    following = show(
        f"Following {options.rate:g} updates a second, backend of {_DELAY_S * 1e3:g} ms,"
        f" PostgreSQL {version}; targets: {_TARGETS['cpu']:.0%} of a core,"
        f" {_TARGETS['p99']} of the writers' p99",
        [
            "",
            "writers' p50 ms",
            "p99 ms",
            "of without (rounds)",
            "publisher, of a core",
            "its session",
            "backend",
            "delivered/s",
            "left at the end",
        ],
        [
            [
                title,
                f"{quantile(together[kind], 0.5) * 1e3:.2f}",
                f"{p99[kind] * 1e3:.2f}",
                ratio_text(compared[kind]) if kind != "without" else "",
                *(middle(kind, part, ".1%") for part in _PARTS),
                middle(kind, "delivered_per_s", ",.0f"),
                middle(kind, "left", ",.0f"),
            ]
            for kind, title in _KINDS.items()
        ],
    )
    backlog = show(
        f"A backlog, PostgreSQL {version}; target: {_TARGETS['drain']:,} a second",
        ["", "rows", "delivered", "rows/s", "delivered/s", "of a core", "seconds"],
        [
            [
                name,
                f"{each['rows']:,.0f}",
                f"{each['delivered']:,.0f}",
                f"{each['rows_per_s']:,.0f}",
                f"{each['delivered_per_s']:,.0f}",
                f"{each['cpu']:.0%}",
                f"{each['seconds']:.1f}",
            ]
            for name, each in (
                ("ten versions of each document", drains["backlog"]),
                ("one version of each document", drains["single"]),
            )
        ],
    )
    save(
        f"publish-pg{version}",
        {
            "postgresql": version,
            "cores": os.cpu_count(),
            "rate": options.rate,
            "following": found,
            "p99_ms": {
                kind: spread([each * 1e3 for each in p99s]) for kind, p99s in each_round.items()
            },
            "ratio": compared,
            "backlog": drains,
            "targets": _TARGETS,
        },
        [following, backlog],
    )


if __name__ == "__main__":
    main()
