"""Calls of a publisher's worker. Role khala_publisher."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from khala_pg.sqlapi.calls import Connection, row, scalar


@dataclass(frozen=True, slots=True)
class Opened:
    """Whether this session is the publisher's worker (state open) or another is (busy)."""

    state: str
    kind: str
    url: str


@dataclass(frozen=True, slots=True)
class Update:
    """An update to deliver. attempts: tries before this one. id: the same at each try. payload:
    None for a tombstone, and for a version that is not stored any more."""

    topic: str
    doc_key: str
    watermark: int
    doc_version: int
    deleted: bool
    org_id: str | None
    target: str
    attempts: int
    written_at: str
    id: str
    payload: Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed updates, and what comes next.

    state: more, idle, armed, busy, down or paused: see khala.publisher_next. wait_s: seconds until
    the next update is due; None when there is none.
    """

    state: str
    wait_s: float | None
    updates: list[Update]


async def open_publisher(connection: Connection, publisher: str) -> Opened:
    """Make this session the publisher's worker, if no other session is."""
    query = "SELECT state, kind, url FROM khala.open_publisher(%s)"
    return await row(connection, Opened, query, publisher)


async def publisher_next(
    connection: Connection,
    publisher: str,
    limit: int,
    sleep: bool,
    lease_s: float,
    results: Sequence[dict[str, Any]],
) -> Batch:
    """End claims with these results, if any, and claim updates. `sleep`: ask for a notification if
    there are none. lease_s: how long one may be under way."""
    cursor = await connection.execute(
        "SELECT state, wait_s::float8, updates::text FROM khala.publisher_next("
        "%s, %s, %s, pg_catalog.make_interval(secs => %s), %s::jsonb)",
        (publisher, limit, sleep, lease_s, json.dumps(results) if results else None),
        binary=True,
    )
    [(state, wait_s, updates)] = await cursor.fetchall()
    return Batch(state, wait_s, [Update(**each) for each in json.loads(updates)])


async def publisher_report(
    connection: Connection, publisher: str, results: Sequence[dict[str, Any]]
) -> None:
    """End claims: see khala.publisher_report."""
    await connection.execute(
        "SELECT khala.publisher_report(%s, %s::jsonb)", (publisher, json.dumps(results))
    )


async def publisher_rows(connection: Connection, publisher: str) -> list[dict[str, Any]]:
    """The publisher's rows of khala.publisher_stats."""
    found = await scalar(connection, "SELECT khala.list_publishers(%s)", publisher)
    return list(found)


async def set_parameters(connection: Connection, statement_timeout_ms: int) -> None:
    """Set the parameters of a worker's connection, which is kept."""
    await connection.execute(
        "SELECT pg_catalog.set_config('idle_session_timeout', '0', false),"
        " pg_catalog.set_config('default_transaction_isolation', 'read committed', false),"
        " pg_catalog.set_config('statement_timeout', %s, false)",
        (str(statement_timeout_ms),),
    )
