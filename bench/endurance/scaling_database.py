"""Cost of calls to the database, as its journal, its topics or its payloads grow.

Processor time of the backend, in microseconds a call. Sizes take turns in every round.
"""

import hashlib
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg

from bench.endurance.growth import OPERATIONS
from bench.support.databases import install
from bench.support.journal import TOPIC
from khala_pg.postgres.server import PostgresServer

Costs = dict[str, dict[int, list[float]]]
"""Of each operation, at each size, the rounds."""

Call = Callable[[psycopg.Connection[Any], random.Random, int], Any]

SMALL = json.dumps({"status": "running", "done": 17, "of": 812, "note": "x" * 50})
_PAGE = 200
_ROWS_PER_TOPIC = 250
_CHUNK = 10_000
_TIMES = 20


def rows(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """Journals of so many rows, all of one topic."""

    def feed(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT FROM khala.replay_feed(%s, %s)", [TOPIC, size - 1])

    def arm(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.arm(%s, %s)", [TOPIC, size])

    def telemetry(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.telemetry()")

    def retain(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.retain(%s, now(), '1 day')", [TOPIC])

    calls: dict[str, Call] = {
        **OPERATIONS,
        "live page of the newest": feed,
        "arm": arm,
        "telemetry": telemetry,
        "retain, nothing to purge": retain,
    }
    with _databases(server, sizes) as connections:
        for size, connection in connections.items():
            _fill(connection, size)
        return _take_turns(calls, connections, rounds)


def topics(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """So many topics beside the three there are, each with some rows; every call takes any one."""
    versions = iter(range(1_000_000, 100_000_000))

    def sink(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute(
            "SELECT khala.sink(%s, %s, %s, %s)",
            [topic_of(rng.randrange(size)), f"d{rng.randrange(100)}", next(versions), SMALL],
        )

    def page(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.replay(%s, 0, 'org-a')", [topic_of(rng.randrange(size))])

    def feed(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute(
            "SELECT FROM khala.replay_feed(%s, %s)",
            [topic_of(rng.randrange(size)), _ROWS_PER_TOPIC - 1],
        )

    def arm(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.arm(%s, 0)", [topic_of(rng.randrange(size))])

    def check(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute(
            "SELECT khala.check_cursors(ARRAY[%s], NULL)", [topic_of(rng.randrange(size))]
        )

    def telemetry(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.telemetry()")

    def retain(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.retain(NULL, now(), '1 day')")

    with _databases(server, sizes) as connections:
        for size, connection in connections.items():
            make_topics(connection, size)
        return _take_turns(
            {
                "sink": sink,
                "replay page": page,
                "live page of the newest": feed,
                "arm": arm,
                "cursor check": check,
                "telemetry, all topics": telemetry,
                "retain, all topics": retain,
            },
            connections,
            rounds,
        )


def payload(server: PostgresServer, sizes: Sequence[int], rounds: int) -> Costs:
    """Payloads of so many bytes, a topic for each size."""
    texts = {size: payload_of(size) for size in sizes}
    versions = iter(range(2, 100_000_000))

    def sink(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute(
            "SELECT khala.sink(%s, 'd', %s, %s)", [f"bench.p{size}", next(versions), texts[size]]
        )

    def insert(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("INSERT INTO plain (payload) VALUES (%s)", [texts[size]])

    def page(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.replay(%s, 0, 'org-a', 1)", [f"bench.p{size}"])

    def binary(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.replay_binary(%s, 0, 'org-a', 1)", [f"bench.p{size}"])

    def hydrate(connection: psycopg.Connection[Any], rng: random.Random, size: int) -> None:
        connection.execute("SELECT khala.hydrate(%s, 'first', 'org-a')", [f"bench.p{size}"])

    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE TABLE plain (id bigserial PRIMARY KEY, payload jsonb)")
        for size, text in texts.items():
            connection.execute(
                "SELECT khala.register_topic(%s, p_ownership => 'mixed')", [f"bench.p{size}"]
            )
            connection.execute("SELECT khala.sink(%s, 'first', 1, %s)", [f"bench.p{size}", text])
        return _take_turns(
            {
                "INSERT, for comparison": insert,
                "sink": sink,
                "replay page of one": page,
                "binary page of one": binary,
                "hydrate": hydrate,
            },
            dict.fromkeys(sizes, connection),
            rounds,
        )


def _fill(connection: psycopg.Connection[Any], rows: int) -> None:
    """Makes the journal of TOPIC so many rows long, writing each page once.

    With wal_level = minimal nothing but the pages is written, frozen from the start, which makes
    10^7 rows a matter of a minute or two.
    """
    row = connection.execute("SELECT khala.canonical_json(%s::jsonb)", [SMALL]).fetchone()
    assert row is not None
    content = f"{len(row[0])}\t\\\\x{hashlib.sha256(row[0].encode()).hexdigest()}\t{row[0]}\t\\N\n"
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE runtime.sync_stream_events")
        with cursor.copy(
            "COPY runtime.sync_stream_events (topic, watermark, doc_key, doc_version,"
            " payload_bytes, payload_hash, payload, traceparent) FROM STDIN (FREEZE)"
        ) as copy:
            for first in range(1, rows + 1, _CHUNK):
                numbers = range(first, min(first + _CHUNK, rows + 1))
                copy.write(
                    "".join(f"{TOPIC}\t{i}\trun/{i % 1000}\t{i}\t{content}" for i in numbers)
                )
        cursor.execute(
            "UPDATE runtime.sync_topic_sequences SET head_watermark = %s WHERE topic = %s",
            [rows, TOPIC],
        )
    connection.execute("ANALYZE runtime.sync_stream_events")


def make_topics(connection: psycopg.Connection[Any], count: int) -> None:
    """Registers so many topics and fills their journals."""
    # In one transaction: there is one wait for the disk, and not one for each.
    with connection.transaction():
        for number in range(count):
            connection.execute(
                "SELECT khala.register_topic(%s, p_ownership => 'mixed')", [topic_of(number)]
            )
        connection.execute(
            "INSERT INTO runtime.sync_stream_events"
            " (topic, watermark, doc_key, doc_version, payload_bytes, payload_hash, payload)"
            " SELECT t.topic, s.i, 'd' || s.i %% 100, s.i, octet_length(p.payload),"
            "  sha256(convert_to(p.payload, 'UTF8')), p.payload"
            " FROM (SELECT khala.canonical_json(%s::jsonb) AS payload) AS p,"
            "  runtime.sync_topics AS t, generate_series(1, %s) AS s (i)"
            " WHERE t.topic LIKE 'bench.%%'",
            [SMALL, _ROWS_PER_TOPIC],
        )
        connection.execute(
            "UPDATE runtime.sync_topic_sequences SET head_watermark = %s"
            " WHERE topic LIKE 'bench.%%'",
            [_ROWS_PER_TOPIC],
        )
    connection.execute("VACUUM (ANALYZE)")


def payload_of(size: int) -> str:
    """JSON of so many bytes that does not compress to nothing, with an object for each 100."""
    lines: list[dict[str, Any]] = []
    number = 0
    while len(json.dumps({"lines": lines}, separators=(",", ":"))) < size - 120:
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        lines.append({"n": number, "level": "info", "text": digest})
        number += 1
    rest = size - len(json.dumps({"lines": lines, "pad": ""}, separators=(",", ":")))
    return json.dumps({"lines": lines, "pad": "x" * max(0, rest)}, separators=(",", ":"))


def topic_of(number: int) -> str:
    """The name of one of the topics that make_topics registers."""
    return f"bench.t{number}"


@contextmanager
def _databases(
    server: PostgresServer, sizes: Sequence[int]
) -> Iterator[Mapping[int, psycopg.Connection[Any]]]:
    with ExitStack() as stack:
        connections = {}
        for size in sizes:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(f"CREATE DATABASE of_{size}")
            install(server.dsn(f"of_{size}"))
            connections[size] = stack.enter_context(
                psycopg.connect(server.dsn(f"of_{size}"), autocommit=True)
            )
        yield connections


def _take_turns(
    calls: Mapping[str, Call], connections: Mapping[int, psycopg.Connection[Any]], rounds: int
) -> Costs:
    rng = random.Random(1)
    found: Costs = {name: {size: [] for size in connections} for name in calls}
    # The first turn warms up.
    for turn in range(rounds + 1):
        for name, call in calls.items():
            for size, connection in connections.items():
                cost = _cost_of(connection, call, rng, size)
                if turn:
                    found[name][size].append(cost)
    return found


def _cost_of(
    connection: psycopg.Connection[Any], call: Call, rng: random.Random, size: int
) -> float:
    """Microseconds of the backend for one call."""
    backend = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(backend.read_text().split()[0])
    for _ in range(_TIMES):
        call(connection, rng, size)
    return (int(backend.read_text().split()[0]) - before) / 1000 / _TIMES
