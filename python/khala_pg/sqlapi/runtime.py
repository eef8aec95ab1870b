"""Calls of runtimes: events appended, summaries rebuilt. Role khala_runtime."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from khala_pg.sqlapi.calls import Connection, row, rows, scalar

EntityKind = Literal["run", "codex_worker"]


@dataclass(frozen=True, slots=True)
class Appended:
    """An event's place in its history; outcome is appended, or duplicate when it was there."""

    seq: int
    outcome: str
    watermark: int | None


@dataclass(frozen=True, slots=True)
class WorkerRequest:
    """A request to a codex worker. action: request, or stop with a reason."""

    seq: int
    action: str
    request: Any
    reason: str | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """Result of a batch: received = appended + duplicates; `projected` counts entities."""

    received: int
    appended: int
    duplicates: int
    projected: int


async def append_run_event(
    connection: Connection,
    run_id: str,
    event_type: str,
    payload: Any,
    org_id: str | None,
    seq: int | None,
    occurred_at: datetime | None,
) -> Appended:
    """Append one event to a run's history, at `seq` when given, and project its summary."""
    query = "SELECT seq, outcome, watermark FROM khala.append_run_event(%s, %s, %s, %s, %s, %s)"
    values = (run_id, event_type, Jsonb(payload), org_id, seq, occurred_at)
    return await row(connection, Appended, query, *values)


async def append_codex_worker_event(
    connection: Connection, worker_id: str, event_type: str, payload: Any, org_id: str | None
) -> None:
    """Append the next event to a codex worker's history, and project its summary."""
    query = "SELECT khala.append_codex_worker_event(%s, %s, %s, %s)"
    await connection.execute(query, (worker_id, event_type, Jsonb(payload), org_id))


async def codex_worker_requests(connection: Connection, worker_id: str) -> list[WorkerRequest]:
    """Requests that a codex worker has not acknowledged, in their order."""
    query = "SELECT seq, action, request, reason FROM khala.codex_worker_requests(%s)"
    async with connection.cursor(row_factory=class_row(WorkerRequest)) as cursor:
        await cursor.execute(query, (worker_id,))
        return await cursor.fetchall()


async def acknowledge_codex_worker_request(
    connection: Connection, worker_id: str, seq: int, outcome: str, response: Any
) -> None:
    """Acknowledge a request. outcome: done or refused; response: a JSON object."""
    query = "SELECT khala.acknowledge_codex_worker_request(%s, %s, %s, %s)"
    await connection.execute(query, (worker_id, seq, outcome, Jsonb(response)))


async def ingest_events(connection: Connection, events: str) -> Ingested:
    """Append the events of a JSON array, given as text: all of them or none, each at most once."""
    query = "SELECT received, appended, duplicates, projected FROM khala.ingest_events(%s::jsonb)"
    return await row(connection, Ingested, query, events)


async def count_entities(connection: Connection, kind: EntityKind) -> int:
    return int(await scalar(connection, "SELECT khala.count_entities(%s)", kind))


async def rebuild_projection(connection: Connection, kind: EntityKind, entity_id: str) -> None:
    """Drop the summary of one entity and build it again from history."""
    await connection.execute("SELECT khala.rebuild_projection(%s, %s)", (kind, entity_id))


async def rebuild_projections(
    connection: Connection, kind: EntityKind, after_id: str | None, limit: int
) -> list[str]:
    """Rebuild a page of summaries; the ids done, in order, and none after the last entity."""
    query = "SELECT id FROM khala.rebuild_projections(%s, %s, %s)"
    return await rows(connection, str, query, kind, after_id, limit)
