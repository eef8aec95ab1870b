"""How fast does a journal of a million rows become wire text?

    python bench/replay.py [--rows 1000000] [--rounds 5] [--pg-bin DIR]

The peer is `COPY … TO STDOUT` of the same rows, which reads them and writes their text, and nothing
else. Replay asks for pages of 200 over one connection, as a relay does, and finishes each as the
message that a relay sends. Both are drained as fast as they come. With `--slice` a round replays
that many rows of the million, from another place each time, and COPY writes the same ones.
"""

import argparse
import asyncio
import time
from typing import Any

import psycopg

from harness import migrated_server, save, show, spread
from journal import TOPIC, fill
from khala_pg import sqlapi
from khala_pg.relay import memory
from khala_pg.relay.lanes import JSON

_PAGE_UPDATES = 200
_PAGE_BYTES = 2 * 1024 * 1024
_TARGET = 0.60


async def replay(connection: psycopg.AsyncConnection[Any], after: int, rows: int) -> float:
    """Rows a second, from after the watermark, until so many were sent."""
    started, position, sent = time.perf_counter(), after, 0
    while sent < rows:
        page = await JSON.replay(
            connection, TOPIC, position, "org-a", _PAGE_UPDATES, _PAGE_BYTES, None
        )
        assert str(JSON.page_message(page.page)).encode()
        position = page.next_watermark
        sent = position - after
    return sent / (time.perf_counter() - started)


async def copy(connection: psycopg.AsyncConnection[Any], after: int, rows: int) -> float:
    """Rows a second that COPY gives of the same range."""
    started, size = time.perf_counter(), 0
    async with (
        connection.cursor() as cursor,
        cursor.copy(
            "COPY (SELECT watermark, doc_key, doc_version, payload_hash, deleted, payload"
            " FROM runtime.sync_stream_events WHERE topic = %s AND watermark > %s"
            " AND watermark <= %s ORDER BY watermark) TO STDOUT",
            [TOPIC, after, after + rows],
        ) as stream,
    ):
        async for block in stream:
            size += len(block)
    assert size > rows
    return rows / (time.perf_counter() - started)


async def measure(dsn: str, rows: int, sliced: int, rounds: int) -> dict[str, list[float]]:
    """Figures of both, taking turns; a first round warms up."""
    found: dict[str, list[float]] = {"COPY": [], "replay": []}
    async with await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection:
        # As a relay does when it starts and at every connect.
        memory.keep_freed()
        await sqlapi.keep_memory(connection, memory.KEPT_BYTES)
        for turn in range(rounds + 1):
            after = (turn * sliced) % (rows - sliced + 1)
            copied = await copy(connection, after, sliced)
            replayed = await replay(connection, after, sliced)
            if turn:
                found["COPY"].append(copied)
                found["replay"].append(replayed)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, help="rows of one round; all of them when not given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--pg-bin")
    options = parser.parse_args()
    sliced = options.slice or options.rows
    with migrated_server(options.pg_bin) as server:
        version = server.major
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            fill(connection, options.rows)
        found = asyncio.run(measure(server.dsn(), options.rows, sliced, options.rounds))
    ratio = spread([r / c for r, c in zip(found["replay"], found["COPY"], strict=True)])
    show(
        f"Replay of {sliced:,} of {options.rows:,} rows, PostgreSQL {version}",
        ["", "rows per second", "min", "max"],
        [
            [name, *(f"{spread(values)[what]:,.0f}" for what in ("median", "min", "max"))]
            for name, values in found.items()
        ]
        + [["replay / COPY", *(f"{ratio[what]:.2f}" for what in ("median", "min", "max"))]],
    )
    print(f"to reach: {_TARGET:.2f}")
    save(
        f"replay-pg{version}",
        {
            "postgresql": version,
            "rows": options.rows,
            "slice": sliced,
            "per_second": {name: spread(values) for name, values in found.items()},
            "ratio": ratio,
            "target": _TARGET,
        },
    )


if __name__ == "__main__":
    main()
