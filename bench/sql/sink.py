"""What does a sink cost beside a plain INSERT of the same payload?

    python -m bench.sql.sink [--rounds 5] [--seconds 1] [--only TEXT] [--pg-bin DIR]

Within a round the cases take turns, so that a ratio compares neighbours in time. A relay with a
subscriber is live on all topics during every round, and has delivered every update at the end. The
second table has the wake-up in its four ways, 8 clients on 8 topics. `--only` measures the cases
that have this text in their names, beside their peer, and leaves the second table out.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import psycopg

from bench.support.delivery import listened_to
from bench.support.harness import migrated_server, save, show, spread
from bench.support.load import PAYLOAD, array, scripts, transactions_per_second
from khala_pg.postgres.server import PostgresServer

_TOPICS = [f"bench.t{number}" for number in range(8)]
_CLIENTS = (1, 8, 32)
_BATCH = 100
_VERSION = "1234567890123456"
# Each client has documents of its own: none is turned away for an older version.
_KEY = "'doc/' || :client_id || '/' || :key"
_DRAW = "\\set version :version + 1\n\\set key random(1, 200)\n"
_SCRIPTS = {
    "plain INSERT": _DRAW
    + f"INSERT INTO plain (doc_key, doc_version, payload) VALUES ({_KEY}, :version, :payload);",
    "sink, 8 topics": _DRAW
    + "\\set topic random(0, 7)\n"
    + f"SELECT * FROM khala.sink('bench.t' || :topic, {_KEY}, :version, :payload);",
    "sink, hot topic": _DRAW + f"SELECT * FROM khala.sink('bench.t0', {_KEY}, :version, :payload);",
    "UPDATE of one row": "UPDATE one_row SET n = n + 1;",
    "broker-like, 8 topics": "\\set topic random(0, 7)\n"
    + "SELECT broker_publish('bench.t' || :topic, :payload);",
    "broker-like, hot topic": "SELECT broker_publish('bench.t0', :payload);",
    "batch: multi-row INSERT": "\\set version :version + 1\n"
    + "INSERT INTO plain (doc_key, doc_version, payload)"
    + " SELECT replace(r.doc_key, '@', :client_id::text), :version, r.payload::jsonb"
    + " FROM unnest(:keys::text[], :payloads::text[]) AS r (doc_key, payload);",
    "batch: sink_batch": "\\set version :version + 1\n"
    + "SELECT count(*) FROM khala.sink_batch('bench.t0', "
    + f"replace(replace(:documents, '{_VERSION}', :version::text), '@', :client_id::text)::jsonb);",
}
_KEYS = [f"doc/@/{number}" for number in range(_BATCH)]
_DOCUMENTS = [
    {"doc_key": key, "doc_version": int(_VERSION), "payload": json.loads(PAYLOAD)} for key in _KEYS
]
# What a script is given.
_VARIABLES = {
    "batch: multi-row INSERT": {
        "keys": array(_KEYS),
        "payloads": array([PAYLOAD] * _BATCH),
    },
    "batch: sink_batch": {"documents": json.dumps(_DOCUMENTS, separators=(",", ":"))},
}
_TARGETS = {
    ("sink, 8 topics", 1): 0.55,
    ("sink, 8 topics", 8): 0.40,
    ("sink, 8 topics", 32): 0.35,
    ("sink, hot topic", 1): 0.55,
    ("sink, hot topic", 8): 0.30,
    ("sink, hot topic", 32): 0.25,
    ("batch: sink_batch", 1): 0.60,
}
_SINGLE = ("plain INSERT", "sink, 8 topics", "sink, hot topic", "UPDATE of one row")
_CASES = [
    *((name, clients) for clients in _CLIENTS for name in _SINGLE),
    ("broker-like, 8 topics", 8),
    ("broker-like, hot topic", 8),
    ("batch: multi-row INSERT", 1),
    ("batch: sink_batch", 1),
]
# The shape of a message broker's stream in Postgres: a lock of the stream, its counter and history.
# It keeps no documents, and neither checks nor hashes what it is given.
_BROKER = """
    CREATE TABLE broker_streams (stream text PRIMARY KEY, last_offset bigint NOT NULL)
    WITH (fillfactor = 10);
    CREATE TABLE broker_history (
        stream text NOT NULL, at_offset bigint NOT NULL, payload jsonb NOT NULL,
        published_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (stream, at_offset)
    );
    CREATE FUNCTION broker_publish(p_stream text, p_payload jsonb) RETURNS bigint LANGUAGE plpgsql
    AS $$
    DECLARE
        v_offset bigint;
    BEGIN
        PERFORM pg_advisory_xact_lock(hashtextextended(p_stream, 0));
        INSERT INTO broker_streams AS s (stream, last_offset) VALUES (p_stream, 1)
        ON CONFLICT (stream) DO UPDATE SET last_offset = s.last_offset + 1
        RETURNING s.last_offset INTO v_offset;
        INSERT INTO broker_history (stream, at_offset, payload)
        VALUES (p_stream, v_offset, p_payload);
        RETURN v_offset;
    END
    $$;
"""
_TRIGGER = """
    DROP TRIGGER sync_topic_sequences_wake ON runtime.sync_topic_sequences;
    CREATE TRIGGER sync_topic_sequences_wake
    AFTER UPDATE ON runtime.sync_topic_sequences FOR EACH ROW
    WHEN (new.head_watermark > old.head_watermark)
    EXECUTE FUNCTION khala_internal.sync_topic_sequences_wake();
"""
_SLOW_POLL_S = 5.0
# The wake-up's other ways: what is done to the trigger, and how often the relay looks.
_WAYS: Mapping[str, tuple[str, float | None]] = {
    "no relay": ("", None),
    "polling every 100 ms": (
        "ALTER TABLE runtime.sync_topic_sequences DISABLE TRIGGER sync_topic_sequences_wake",
        0.1,
    ),
    "a notification per write": (_TRIGGER, _SLOW_POLL_S),
}

Speeds = dict[tuple[str, int], list[float]]


def prepare(connection: psycopg.Connection[Any]) -> None:
    """Topics and the tables of the peers."""
    for topic in _TOPICS:
        connection.execute("SELECT khala.register_topic(%s)", [topic])
    connection.execute(
        "CREATE TABLE plain (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
        " doc_key text NOT NULL, doc_version bigint NOT NULL, payload jsonb NOT NULL)"
    )
    connection.execute("CREATE TABLE one_row (n bigint NOT NULL) WITH (fillfactor = 10)")
    connection.execute("INSERT INTO one_row VALUES (0)")
    connection.execute(_BROKER)


def measure(
    server: PostgresServer,
    files: Mapping[str, Path],
    cases: Sequence[tuple[str, int]],
    rounds: int,
    seconds: int,
) -> Speeds:
    """Transactions a second of each case, one figure a round; a first round warms up."""
    found: Speeds = defaultdict(list)
    for turn in range(rounds + 1):
        for name, clients in cases:
            given = _VARIABLES.get(name, {"payload": PAYLOAD})
            speed = transactions_per_second(
                server, files[name], clients, seconds if turn else 1, **given
            )
            if turn:
                found[name, clients].append(speed)
    return found


def peer_of(name: str) -> str:
    """What a case is compared with."""
    return "batch: multi-row INSERT" if name.startswith("batch") else "plain INSERT"


def chosen(text: str) -> list[tuple[str, int]]:
    """The cases with this text in their names, and their peers."""
    wanted = {(name, clients) for name, clients in _CASES if text in name}
    peers = {(peer_of(name), clients) for name, clients in wanted}
    return [case for case in _CASES if case in wanted | peers]


def ratios(speeds: Speeds, name: str, clients: int) -> dict[str, float]:
    """A case over its peer in the same round."""
    pairs = zip(speeds[name, clients], speeds[peer_of(name), clients], strict=True)
    return spread([case / plain for case, plain in pairs])


def rows_of(speeds: Speeds) -> list[dict[str, Any]]:
    """Each case as it is shown and saved."""
    return [
        {
            "case": name,
            "clients": clients,
            "per_second": spread(values),
            "ratio": ratios(speeds, name, clients),
            "target": _TARGETS.get((name, clients)),
        }
        for (name, clients), values in speeds.items()
    ]


def print_rows(title: str, rows: Sequence[Mapping[str, Any]], first: str) -> None:
    show(
        title,
        [first, "clients", "per second", "of plain", "min", "max", "to reach"],
        [
            [
                row[first],
                str(row["clients"]),
                f"{row['per_second']['median']:,.0f}",
                *(f"{row['ratio'][what]:.2f}" for what in ("median", "min", "max")),
                "" if row.get("target") is None else f"{row['target']:.2f}",
            ]
            for row in rows
        ],
    )


def wake_ups(
    server: PostgresServer, files: Mapping[str, Path], speeds: Speeds, rounds: int, seconds: int
) -> list[dict[str, Any]]:
    """The wake-up in its ways; as it is by default, it has been measured already."""
    peer, case = ("plain INSERT", 8), ("sink, 8 topics", 8)
    found = {"armed flag": speeds}
    for way, (statement, poll) in _WAYS.items():
        if statement:
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute(statement)
        with listened_to(server.dsn(), _TOPICS, poll) if poll else nullcontext():
            found[way] = measure(server, files, [peer, case], rounds, seconds)
    return [
        {
            "wake-up": way,
            "clients": 8,
            "per_second": spread(measured[case]),
            "ratio": ratios(measured, *case),
        }
        for way, measured in found.items()
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="of each case in each round")
    parser.add_argument("--only", default="", help="part of the names of the cases to measure")
    parser.add_argument("--pg-bin", help="directory of another PostgreSQL's programs")
    options = parser.parse_args()
    ways: list[dict[str, Any]] = []
    with migrated_server(options.pg_bin) as server, scripts(_SCRIPTS) as files:
        version = server.major
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            prepare(connection)
        with listened_to(server.dsn(), _TOPICS, _SLOW_POLL_S):
            speeds = measure(server, files, chosen(options.only), options.rounds, options.seconds)
        if not options.only:
            ways = wake_ups(server, files, speeds, options.rounds, options.seconds)
    rows = rows_of(speeds)
    print_rows(f"Sink, PostgreSQL {version}, {len(PAYLOAD)} bytes of payload", rows, "case")
    if ways:
        print_rows("Wake-up, 8 clients on 8 topics", ways, "wake-up")
    save(f"sink-pg{version}", {"postgresql": version, "cases": rows, "wake_up": ways})


if __name__ == "__main__":
    main()
