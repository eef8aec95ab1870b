"""Writers of one topic, grouped and direct, beside plain INSERTs.

    python -m bench.sql.grouped [--rounds 5] [--seconds 2] [--rate 2000] [--quick]

Writers of a direct topic commit one after the other; those of a grouped topic stage, and
khala.sequence moves what they staged into the topic. 8 and 32 clients write the same payload as
fast as they can, in turns. A speed is that of the whole way: documents over the time until the last
of them is in the journal, without a relay, where a process of the bench calls khala.sequence; or at
a subscriber, with a relay live, which calls it itself.

Then `--rate` writes a second by 8 clients: milliseconds from the begin of the writing statement,
its commit included, to the message in a client's hands.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.support.databases import migrated_server
from bench.support.delivery import ORG, Delivery, heads_of, listened_to
from bench.support.load import PAYLOAD, run_pgbench, scripts
from bench.support.options import bench_parser, parse_options
from bench.support.processes import subscribers
from bench.support.relay_process import relaying
from bench.support.results import (
    Shown,
    quantile,
    ratio_text,
    ratios,
    save,
    show,
    spread,
)
from khala_pg.postgres.server import PostgresServer

_TOPICS = {"direct": "bench.direct", "grouped": "bench.grouped"}
_CLIENTS = (8, 32)
_AT_RATE_CLIENTS = 8
_SLOW_POLL_S = 5.0
_PATIENCE_S = 60.0
# Writers that have to wait because too much is staged are not measured here.
_MOST_STAGED = 1_000_000
_TARGETS = {"of direct": 3.0, "of INSERT": 0.5}
_TARGET_P99_MS = 50.0
_GIVEN = {"payload": PAYLOAD}
_DRAW = "\\set version :version + 1\n\\set key random(1, 200)\n"
_KEY = "'doc/' || :client_id || '/' || :key"
_SINK = "SELECT * FROM khala.sink('{topic}', " + _KEY + ", :version, {payload}, '" + ORG + "');"
# The time of the statement, in seconds since 1970.
_STAMPED = ":payload::jsonb || jsonb_build_object('at', date_part('epoch', clock_timestamp()))"
_SCRIPTS = {
    "plain INSERT": _DRAW
    + f"INSERT INTO plain (doc_key, doc_version, payload) VALUES ({_KEY}, :version, :payload);",
    **{
        name: _DRAW + _SINK.format(topic=topic, payload=":payload")
        for name, topic in _TOPICS.items()
    },
    **{
        f"{name}, stamped": _DRAW + _SINK.format(topic=topic, payload=_STAMPED)
        for name, topic in _TOPICS.items()
    },
}

Speeds = dict[tuple[str, int], list[float]]
# Of each round.
Delays = dict[str, list[tuple[list[float], float]]]


def prepare(dsn: str) -> None:
    """Both topics, and the peer's table."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for writes, topic in _TOPICS.items():
            connection.execute(
                "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => %s)",
                [topic, writes],
            )
        connection.execute(
            "SELECT khala.set_topic(%s, p_max_staged_writes => %s)",
            [_TOPICS["grouped"], _MOST_STAGED],
        )
        connection.execute(
            "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
            " doc_key text NOT NULL, doc_version bigint NOT NULL, payload jsonb NOT NULL)"
        )


@contextmanager
def sequencing(dsn: str) -> Iterator[None]:
    """Calls khala.sequence, as a relay does, in a thread of its own."""
    ended = threading.Event()

    def run() -> None:
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not ended.is_set():
                row = connection.execute(
                    "SELECT sequenced FROM khala.sequence(%s)", [_TOPICS["grouped"]], prepare=True
                ).fetchone()
                if row is None or not row[0]:
                    ended.wait(0.001)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def await_head(dsn: str, topic: str, head: int) -> None:
    """Returns when the topic has that watermark. Raises RuntimeError when it takes too long."""
    deadline = time.monotonic() + _PATIENCE_S
    while heads_of(dsn, [topic])[topic] < head:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{topic} has not come to {head}: does anything sequence it?")
        time.sleep(0.005)  # between looks


def measure(
    server: PostgresServer,
    files: Mapping[str, Path],
    delivery: Delivery | None,
    rounds: int,
    seconds: int,
) -> Speeds:
    """Documents a second on the whole way, one figure a round; a first round warms up."""
    found: Speeds = defaultdict(list)
    dsn = server.dsn()
    for turn in range(rounds + 1):
        for clients in _CLIENTS if turn else _CLIENTS[:1]:
            for name in ("plain INSERT", *_TOPICS):
                topic = _TOPICS.get(name)
                before = heads_of(dsn, [topic])[topic] if topic else 0
                started = time.monotonic()
                load = run_pgbench(server, files[name], clients, seconds, _GIVEN)
                speed = load.per_second
                if topic:
                    if delivery:
                        delivery.wait_for(load.transactions)
                    else:
                        await_head(dsn, topic, before + load.transactions)
                    speed = load.transactions / (time.monotonic() - started)
                if turn:
                    found[name, clients].append(speed)
    return found


def latencies(
    server: PostgresServer,
    files: Mapping[str, Path],
    rate: float,
    rounds: int,
    seconds: int,
) -> Delays:
    """Milliseconds from the writing statement's begin to the client, and writes a second."""
    found: Delays = defaultdict(list)
    dsn = server.dsn()
    with ExitStack() as stack:
        relay = stack.enter_context(relaying(dsn))
        clients = {
            name: stack.enter_context(subscribers("khala", relay.url(ORG, [topic]), topic))
            for name, topic in _TOPICS.items()
        }
        for client in clients.values():
            client.ask(do="follow", subscribers=1)
        for turn in range(rounds + 1):
            for name, client in clients.items():
                load = run_pgbench(
                    server,
                    files[f"{name}, stamped"],
                    _AT_RATE_CLIENTS,
                    seconds,
                    _GIVEN,
                    rate=rate,
                )
                [arrivals] = client.ask(do="collect", count=load.transactions)["arrivals"]
                if turn:
                    delays = delays_ms(dsn, _TOPICS[name], arrivals)
                    found[name].append((delays, load.per_second))
    return found


def delays_ms(dsn: str, topic: str, arrivals: Sequence[Sequence[int]]) -> list[float]:
    """How long after its statement each watermark came; arrivals by the monotonic clock."""
    offset_ns = time.time_ns() - time.monotonic_ns()
    numbers = [number for number, _ in arrivals]
    with psycopg.connect(dsn) as connection:
        stamps: dict[int, float] = dict(
            connection.execute(
                "SELECT e.watermark, (e.payload::jsonb ->> 'at')::float8"
                " FROM runtime.sync_stream_events AS e"
                " WHERE e.topic = %s AND e.watermark BETWEEN %s AND %s",
                [topic, min(numbers), max(numbers)],
            ).fetchall()
        )
    return [(at + offset_ns) / 1e6 - stamps[number] * 1e3 for number, at in arrivals]


def show_speeds(where: str, version: int, speeds: Speeds) -> tuple[list[dict[str, Any]], Shown]:
    """What is saved, and the table."""
    rows: list[dict[str, Any]] = []
    for (name, clients), values in speeds.items():
        of = {}
        if name != "plain INSERT":
            of["of INSERT"] = ratios(values, speeds["plain INSERT", clients])
        if name == "grouped":
            of["of direct"] = ratios(values, speeds["direct", clients])
        rows.append({"case": name, "clients": clients, "per_second": spread(values), "of": of})
    table = show(
        f"One topic, documents a second until they are {where}, PostgreSQL {version}",
        ["", "clients", "a second", *(f"{each}, target {n}" for each, n in _TARGETS.items())],
        [
            [
                row["case"],
                str(row["clients"]),
                f"{row['per_second']['median']:,.0f}",
                *(ratio_text(row["of"][each]) if each in row["of"] else "" for each in _TARGETS),
            ]
            for row in rows
        ],
    )
    return rows, table


def show_latencies(rate: float, version: int, found: Delays) -> tuple[dict[str, Any], Shown]:
    """What is saved, and the table."""
    figures = {
        name: {
            f"p{share}": [quantile(values, share / 100) for values, _ in rounds]
            for share in (50, 99)
        }
        for name, rounds in found.items()
    }
    speeds = {name: [speed for _, speed in rounds] for name, rounds in found.items()}
    table = show(
        f"Statement to client, ms, at {rate:g} writes a second by {_AT_RATE_CLIENTS} clients,"
        f" PostgreSQL {version}",
        ["", "a second", "p50", "p99", "min", "max", "p99 of direct", "target, p99"],
        [
            [
                name,
                f"{spread(speeds[name])['median']:,.0f}",
                f"{spread(each['p50'])['median']:.1f}",
                *(f"{spread(each['p99'])[what]:.1f}" for what in ("median", "min", "max")),
                ratio_text(ratios(each["p99"], figures["direct"]["p99"])),
                f"{_TARGET_P99_MS:g}" if name == "grouped" else "",
            ]
            for name, each in figures.items()
        ],
    )
    return figures, table


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each case in each round")
    parser.add_argument("--rate", type=float, default=2000, help="writes a second")
    options = parse_options(parser, rounds=1, seconds=1)
    with migrated_server(options.pg_bin) as server, scripts(_SCRIPTS) as files:
        version, dsn = server.major, server.dsn()
        prepare(dsn)
        with sequencing(dsn):
            journal = measure(server, files, None, options.rounds, options.seconds)
        with listened_to(dsn, [*_TOPICS.values()], _SLOW_POLL_S) as delivery:
            delivered = measure(server, files, delivery, options.rounds, options.seconds)
        delays = latencies(server, files, options.rate, options.rounds, options.seconds)
    in_journal, first = show_speeds("in the journal", version, journal)
    at_client, second = show_speeds("at a client", version, delivered)
    milliseconds, third = show_latencies(options.rate, version, delays)
    content = {"postgresql": version, "in_journal": in_journal, "delivered": at_client}
    save(
        f"grouped-pg{version}",
        {**content, "rate": options.rate, "latency_ms": milliseconds},
        [first, second, third],
    )


if __name__ == "__main__":
    main()
