"""Replay of a journal of a million rows to wire text, beside COPY.

    python -m bench.sql.replay [--rows 1000000] [--rounds 5] [--pg-bin DIR]

The peer is `COPY … TO STDOUT` of the same rows, which reads them and writes their text, and nothing
else. Replay gets pages of 200 from the relay's own `Pages`, one page ahead, as its pager does for a
socket that keeps up; each comes as the message that is written to it. Both are drained as fast as
they come. With `--slice` a round replays
that many rows of the million, from another place each time, and COPY writes the same ones.
"""

import asyncio
import time
from dataclasses import replace
from typing import Any

import psycopg

from bench.support.databases import migrated_server
from bench.support.journal import TOPIC, fill
from bench.support.options import bench_parser, parse_options
from bench.support.results import save, show, spread
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.lanes import JSON
from khala_pg.relay.delivery.pages import Pages, Wanted
from khala_pg.relay.process import memory
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay_connection

_TARGET = 0.75


async def replay(pages: Pages, epoch: str, page_updates: int, after: int, rows: int) -> float:
    """Rows a second, from after the watermark, until so many were sent."""
    started = time.perf_counter()
    wanted = Wanted(JSON, TOPIC, after, "org-a", page_updates, epoch, compact=False)
    position = after
    while position < after + rows:
        page = await pages.get(wanted, 0, lambda: True)
        assert page is not None
        assert len(page.message)
        position = page.next_watermark
        wanted = replace(wanted, after=position)
        if position < after + rows:
            await pages.expect(wanted, 0, lambda: True)
    return (position - after) / (time.perf_counter() - started)


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
    settings = RelaySettings(dsn)
    # As a relay does when it starts.
    memory.keep_freed()
    database = Database(settings, lambda terms: None)
    async with (
        await psycopg.AsyncConnection.connect(dsn, autocommit=True) as connection,
        asyncio.TaskGroup() as tasks,
    ):
        await database.open()
        epoch, _ = await database.call(relay_connection.terms)
        pages = Pages(settings, database, lambda: None, tasks.create_task)
        for turn in range(rounds + 1):
            after = (turn * sliced) % (rows - sliced + 1)
            copied = await copy(connection, after, sliced)
            replayed = await replay(pages, epoch, settings.max_batch_updates, after, sliced)
            if turn:
                found["COPY"].append(copied)
                found["replay"].append(replayed)
        await database.close()
    return found


def main() -> None:
    parser = bench_parser(__doc__, rounds=5)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--slice", type=int, help="rows of one round; all of them when not given")
    options = parse_options(parser, rows=20_000, slice=10_000, rounds=1)
    sliced = options.slice or options.rows
    with migrated_server(options.pg_bin) as server:
        version = server.major
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            fill(connection, options.rows)
        found = asyncio.run(measure(server.dsn(), options.rows, sliced, options.rounds))
    ratio = spread([r / c for r, c in zip(found["replay"], found["COPY"], strict=True)])
    table = show(
        f"Replay of {sliced:,} of {options.rows:,} rows, PostgreSQL {version}; target {_TARGET}",
        ["", "rows per second", "min", "max"],
        [
            [name, *(f"{spread(values)[what]:,.0f}" for what in ("median", "min", "max"))]
            for name, values in found.items()
        ]
        + [["replay / COPY", *(f"{ratio[what]:.2f}" for what in ("median", "min", "max"))]],
    )
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
        [table],
    )


if __name__ == "__main__":
    main()
