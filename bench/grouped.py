"""What would an opt-in grouped mode give the writers of a hot topic?

    python bench/grouped.py [--rounds 5] [--seconds 2] [--pg-bin DIR]

A prototype, which the product does not have. Writers of a topic commit one after the other, because
the watermark's row is locked until the commit has reached the disk. Here they INSERT into a staging
table instead, where commits share the disk, and one drainer at a time moves what is committed into
the topic by khala.sink_batch. Beside it a sink that commits without waiting and then waits for the
disk outside the lock (PostgreSQL 17 or newer); bench/README.md says why that is not safe as it is.
"""

import argparse
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from harness import migrated_server, save, show, spread
from khala_pg.postgres_server import PostgresServer
from load import PAYLOAD, scripts, transactions_per_second

_TOPIC = "bench.hot"
_CLIENTS = (1, 8, 32)
_IDLE_S = 0.002
_DRAW = "\\set version :version + 1\n\\set key random(1, 200)\n"
_KEY = "'doc/' || :client_id || '/' || :key"
_SINK = f"SELECT * FROM khala.sink('{_TOPIC}', {_KEY}, :version, :payload);"
_SCRIPTS = {
    "plain INSERT": _DRAW
    + f"INSERT INTO plain (doc_key, doc_version, payload) VALUES ({_KEY}, :version, :payload);",
    "sink": _DRAW + _SINK,
    "grouped": _DRAW
    + f"INSERT INTO staged (doc_key, doc_version, payload) VALUES ({_KEY}, :version, :payload);",
    "flushed later": _DRAW
    + "SET synchronous_commit = off;\n"
    + _SINK
    + "\nSELECT pg_logical_emit_message(FALSE, '', '', TRUE);",
}
_STAGE = """
    CREATE TABLE plain (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        doc_key text NOT NULL, doc_version bigint NOT NULL, payload jsonb NOT NULL
    );
    CREATE TABLE staged (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        doc_key text NOT NULL, doc_version bigint NOT NULL, payload jsonb NOT NULL,
        staged_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    -- When each document that it moved had been staged.
    CREATE FUNCTION drain(p_topic text, p_limit integer) RETURNS double precision[] LANGUAGE plpgsql
    AS $$
    DECLARE
        v_documents jsonb;
        v_times double precision[];
    BEGIN
        IF NOT pg_try_advisory_xact_lock(hashtextextended('drain ' || p_topic, 0)) THEN
            RETURN NULL;
        END IF;
        WITH taken AS (
            DELETE FROM staged AS s
            WHERE s.id IN (SELECT t.id FROM staged AS t ORDER BY t.id LIMIT p_limit)
            RETURNING s.*
        )
        SELECT
            jsonb_agg(
                jsonb_build_object(
                    'doc_key', t.doc_key, 'doc_version', t.doc_version, 'payload', t.payload
                )
                ORDER BY t.id
            ),
            array_agg(date_part('epoch', t.staged_at))
        INTO v_documents, v_times
        FROM taken AS t;
        IF v_documents IS NOT NULL THEN
            PERFORM khala.sink_batch(p_topic, v_documents);
        END IF;
        RETURN v_times;
    END
    $$;
"""


@dataclass(frozen=True)
class Drained:
    """What a round of the grouped mode did."""

    staged_per_second: float
    journal_per_second: float
    delays_s: list[float]


def drain(dsn: str, ended: threading.Event) -> list[float]:
    """Moves what is staged until nothing is left and nobody writes; how long each waited."""
    delays: list[float] = []
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            last = ended.is_set()
            row = connection.execute("SELECT drain(%s, 500)", [_TOPIC], prepare=True).fetchone()
            assert row is not None
            if row[0]:
                now = time.time()
                delays += [now - staged_at for staged_at in row[0]]
            elif last:
                return delays
            else:
                ended.wait(_IDLE_S)


def grouped(server: PostgresServer, script: Path, clients: int, seconds: int) -> Drained:
    """Writers that stage, and a drainer beside them until the journal has everything."""
    ended = threading.Event()
    started = time.monotonic()
    with ThreadPoolExecutor(1) as threads:
        drainer = threads.submit(drain, server.dsn(), ended)
        try:
            speed = transactions_per_second(server, script, clients, seconds, payload=PAYLOAD)
        finally:
            ended.set()
        delays = drainer.result()
    return Drained(speed, len(delays) / (time.monotonic() - started), delays)


def prepare(connection: psycopg.Connection[Any]) -> None:
    """The topic, the peer's table, the stage; an allocation that lets commits be asynchronous."""
    connection.execute("SELECT khala.register_topic(%s)", [_TOPIC])
    connection.execute(_STAGE)
    row = connection.execute(
        "SELECT pg_get_functiondef('khala.allocate_watermark'::regproc)"
    ).fetchone()
    assert row is not None
    guard = "current_setting('synchronous_commit') = 'off'"
    assert guard in row[0]
    connection.execute(row[0].replace(guard, "FALSE"))


def measure(
    server: PostgresServer, files: Mapping[str, Path], rounds: int, seconds: int
) -> tuple[dict[tuple[str, int], list[float]], dict[int, list[float]]]:
    """Writers' transactions a second, one figure a round; and how long staged documents waited."""
    speeds: dict[tuple[str, int], list[float]] = defaultdict(list)
    delays: dict[int, list[float]] = defaultdict(list)
    for turn in range(rounds + 1):
        for clients in _CLIENTS if turn else _CLIENTS[:2]:
            for name, script in files.items():
                if name == "grouped":
                    found = grouped(server, script, clients, seconds)
                    if turn:
                        speeds["grouped, staged", clients].append(found.staged_per_second)
                        speeds["grouped, in the journal", clients].append(found.journal_per_second)
                        delays[clients] += found.delays_s
                elif name != "flushed later" or server.major >= 17:
                    speed = transactions_per_second(
                        server, script, clients, seconds, payload=PAYLOAD
                    )
                    if turn:
                        speeds[name, clients].append(speed)
    return speeds, delays


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2, help="of each case in each round")
    parser.add_argument("--pg-bin", help="directory of another PostgreSQL's programs")
    options = parser.parse_args()
    with migrated_server(options.pg_bin) as server, scripts(_SCRIPTS) as files:
        version = server.major
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            prepare(connection)
        speeds, delays = measure(server, files, options.rounds, options.seconds)
    rows: list[dict[str, Any]] = []
    for (name, clients), values in speeds.items():
        plain = speeds["plain INSERT", clients]
        row: dict[str, Any] = {
            "case": name,
            "clients": clients,
            "per_second": spread(values),
            "ratio": spread([a / b for a, b in zip(values, plain, strict=True)]),
        }
        if name == "grouped, in the journal":
            hundredths = statistics.quantiles(delays[clients], n=100)
            row["delay_ms"] = {"p50": hundredths[49] * 1e3, "p99": hundredths[98] * 1e3}
        rows.append(row)
    show(
        f"A hot topic in groups, PostgreSQL {version}, {len(PAYLOAD)} bytes of payload",
        ["", "clients", "per second", "of plain", "min", "max", "delay ms, p50", "p99"],
        [
            [
                row["case"],
                str(row["clients"]),
                f"{row['per_second']['median']:,.0f}",
                *(f"{row['ratio'][what]:.2f}" for what in ("median", "min", "max")),
                *(f"{row['delay_ms'][p]:.0f}" if "delay_ms" in row else "" for p in ("p50", "p99")),
            ]
            for row in sorted(rows, key=lambda row: row["clients"])
        ],
    )
    save(f"grouped-pg{version}", {"postgresql": version, "cases": rows})


if __name__ == "__main__":
    main()
