"""Cost of an update on the binary lane, beside the JSON lane.

    python -m bench.relay.lanes [--rounds 7] [--pg-bin DIR]

Pages of 200 updates on both lanes: bytes on the wire, and processor time for each update in the
database (the page is read and written), in the relay (fetched, put into a frame, encoded), and in
the Python client (frame read, payloads parsed, hashes verified).
"""

import asyncio
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from bench.sql.canonical import summary
from bench.support.databases import migrated_server
from bench.support.options import bench_parser, parse_options
from bench.support.results import save, show, spread
from khala_pg.client import binary, wire
from khala_pg.client.documents import Update
from khala_pg.client.resolver import _verified
from khala_pg.relay.delivery.lanes import JSON, PROTOBUF, Lane
from khala_pg.sqlapi import relay as sqlapi

_UPDATES = 200
_PAGES = 5
_TOPIC = "runtime.run_summaries"
_SIZES = {"100 bytes": 100, "summary, 1.5 KiB": 1536, "summary, 4 KiB": 4096}
_FIGURES = {
    "bytes": "bytes",
    "database_us": "database",
    "relay_us": "relay",
    "client_us": "Python client",
}
_FUNCTIONS = {"json": "replay", "protobuf": "replay_binary"}


def payload(size: int) -> dict[str, Any]:
    """A document of about this size."""
    small = {"status": "running", "done": 17, "of": 812, "ratio": 0.25, "note": "x" * 32}
    return summary(size) if size > 1000 else small


def in_database(connection: psycopg.Connection[Any], function: str) -> float:
    """Microseconds of the backend for each update."""
    file = Path(f"/proc/{connection.info.backend_pid}/schedstat")
    before = int(file.read_text().split()[0])
    connection.execute(
        f"SELECT sum(octet_length(p.page)) FROM generate_series(1, {_PAGES}) AS s (i),"
        f" LATERAL khala.{function}(%s, s.i - s.i, 'org-a', {_UPDATES}) AS p",
        (_TOPIC,),
    ).fetchall()
    return (int(file.read_text().split()[0]) - before) / 1e3 / _PAGES / _UPDATES


async def page_of(connection: psycopg.AsyncConnection[Any], lane: Lane) -> sqlapi.Page:
    """The page that everything is measured with."""
    return await sqlapi.replay(
        connection, lane.encoding, _TOPIC, 0, "org-a", _UPDATES, 1 << 24, None, compact=False
    )


async def in_relay(connection: psycopg.AsyncConnection[Any], lane: Lane) -> float:
    """Microseconds of the relay for each update."""
    before = time.process_time_ns()
    for _ in range(_PAGES):
        page = await page_of(connection, lane)
        lane.page_message(page.page, _UPDATES).data_for("1")
    return (time.process_time_ns() - before) / 1e3 / _PAGES / _UPDATES


def in_client(message: str | bytes) -> float:
    """Microseconds of the client for each update."""
    before = time.process_time_ns()
    for _ in range(_PAGES):
        assert all(_verified(update) is not None for update in updates_of(message))
    return (time.process_time_ns() - before) / 1e3 / _PAGES / _UPDATES


def updates_of(message: str | bytes) -> Sequence[Update]:
    """What a client reads in a message of either lane."""
    if isinstance(message, bytes):
        return binary.batch(binary.frame(message).data or b"").updates
    return wire.batch(wire.frame(message).payload).updates


async def measure(dsn: str, rounds: int) -> dict[str, list[float]]:
    """All figures of both lanes, a number a round; the lanes take turns."""
    found: dict[str, list[float]] = {}
    with psycopg.connect(dsn, autocommit=True) as backend:
        async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
            lanes: tuple[Lane, ...] = (JSON, PROTOBUF)
            for turn in range(rounds + 1):
                for lane in lanes:
                    page = await page_of(connection, lane)
                    message = lane.page_message(page.page, _UPDATES).data_for("1")
                    figures = {
                        "bytes": len(message) / _UPDATES,
                        "database_us": in_database(backend, _FUNCTIONS[lane.encoding]),
                        "relay_us": await in_relay(connection, lane),
                        "client_us": in_client(message if lane is PROTOBUF else message.decode()),
                    }
                    # The first turn warms up.
                    for name, value in figures.items() if turn else ():
                        found.setdefault(f"{lane.encoding}_{name}", []).append(value)
    return found


def compared(figures: dict[str, list[float]]) -> dict[str, Any]:
    """By figure both lanes and what the binary one has of the other, round by round."""
    return {
        what: {
            "json": spread(figures[f"json_{what}"]),
            "protobuf": spread(figures[f"protobuf_{what}"]),
            "ratio": spread(
                [
                    binary / text
                    for text, binary in zip(
                        figures[f"json_{what}"], figures[f"protobuf_{what}"], strict=True
                    )
                ]
            ),
        }
        for what in _FIGURES
    }


def main() -> None:
    parser = bench_parser(__doc__, rounds=7)
    options = parse_options(parser, rounds=1)
    results: dict[str, Any] = {}
    with migrated_server(options.pg_bin) as server:
        version = server.major
        for name, size in _SIZES.items():
            with psycopg.connect(server.dsn(), autocommit=True) as connection:
                connection.execute("TRUNCATE runtime.sync_stream_events, runtime.sync_documents")
                connection.execute("UPDATE runtime.sync_topic_sequences SET head_watermark = 0")
                connection.execute(
                    "SELECT count(*) FROM generate_series(1, %s) AS s (i), LATERAL khala.sink("
                    "%s, 'run/' || s.i, 1795428930000000 + s.i,"
                    " %s::jsonb || jsonb_build_object('i', s.i), 'org-a')",
                    (_UPDATES, _TOPIC, json.dumps(payload(size))),
                )
                connection.execute("VACUUM ANALYZE runtime.sync_stream_events")
            results[name] = compared(asyncio.run(measure(server.dsn(), options.rounds)))
    table = show(
        f"One update on both lanes, PostgreSQL {version}: bytes, and processor microseconds",
        ["payload", "", "JSON", "protobuf", "ratio", "min", "max"],
        [
            [
                name,
                label,
                *(f"{each[what][lane]['median']:.1f}" for lane in ("json", "protobuf")),
                *(f"{each[what]['ratio'][which]:.2f}" for which in ("median", "min", "max")),
            ]
            for name, each in results.items()
            for what, label in _FIGURES.items()
        ],
    )
    save(
        f"lanes-pg{version}",
        {"postgresql": version, "updates": _UPDATES, "payloads": results},
        [table],
    )


if __name__ == "__main__":
    main()
