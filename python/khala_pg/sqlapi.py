"""The one module that names the functions of schema khala: each call once, typed.

Every function takes an open connection and runs one statement. Errors are psycopg's, which
khala_pg.errors turns into ours. Watermarks are integers from 0; an epoch names what they count in.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg import AsyncConnection
from psycopg.rows import class_row, scalar_row
from psycopg.types.json import Jsonb

from khala_pg.auth.revocations import Revocation

CHANNEL = "khala_sync"
REVOKED = "revoked:"
"""The payload that says that something was revoked; no topic has such a name."""
SUPPORTED_SCHEMA_VERSIONS = range(1, 2)

Connection = AsyncConnection[Any]
EntityKind = Literal["run", "codex_worker"]


@dataclass(frozen=True, slots=True)
class Cursor:
    """What the database says of one topic of a subscribe request.

    `name` is the name that the subscriber used, `topic` the topic's own. `resume_after` is None
    when no cursor was given. `reason` is below_floor, cursor_ahead or epoch_changed when `stale`.
    """

    name: str
    topic: str
    resume_after: int | None
    head_watermark: int
    retention_floor: int
    stale: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one topic for one organisation: the finished payload of an update_batch."""

    page: str
    next_watermark: int
    head_watermark: int
    complete: bool
    updates: int


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One update of a feed page and its audience.

    `org_id` None: everybody but `except_org_id`; otherwise exactly that organisation. The last four
    fields are the same on every row of a page.
    """

    watermark: int
    org_id: str | None
    except_org_id: str | None
    update_text: str
    page_tail: str
    next_watermark: int
    head_watermark: int
    complete: bool


@dataclass(frozen=True, slots=True)
class Armed:
    """The answer to arm: state is armed (sleep), moved (look now) or busy (look again shortly)."""

    topic: str
    head_watermark: int
    state: str


@dataclass(frozen=True, slots=True)
class SnapshotPage:
    """A page of a topic's read model as finished JSON text; `next_doc_key` is None on the last."""

    page: str
    next_doc_key: str | None
    watermark: int
    complete: bool


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Whom an API key speaks for, and the topics its tokens may be for."""

    subject: str
    org_id: str
    scopes: list[str]


@dataclass(frozen=True, slots=True)
class Appended:
    """An event's place in its history; outcome is appended, or duplicate when it was there."""

    seq: int
    outcome: str
    watermark: int | None


@dataclass(frozen=True, slots=True)
class Ingested:
    """What became of a batch: received = appended + duplicates; `projected` counts entities."""

    received: int
    appended: int
    duplicates: int
    projected: int


async def _scalar(connection: Connection, query: str, *values: Any) -> Any:
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchone()


async def schema_version(connection: Connection) -> int:
    """The version of the SQL API in this database."""
    return int(await _scalar(connection, "SELECT khala.schema_version()"))


async def ensure_epoch(connection: Connection) -> str:
    """The epoch in force; a new one when the database was restored, copied or promoted since."""
    return str(await _scalar(connection, "SELECT khala.ensure_epoch()"))


async def check_cursors(
    connection: Connection,
    topics: Sequence[str],
    resume_after: Any,
    epoch: str | None,
    scopes: Sequence[str] | None,
) -> list[Cursor]:
    """Judge a subscribe request; `resume_after` is the subscriber's JSON, parsed, or None."""
    async with connection.cursor(row_factory=class_row(Cursor)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.check_cursors(%s, %s, %s, %s)",
            (
                list(topics),
                None if resume_after is None else Jsonb(resume_after),
                epoch,
                None if scopes is None else list(scopes),
            ),
        )
        return await cursor.fetchall()


async def replay(
    connection: Connection,
    topic: str,
    after: int | None,
    org_id: str | None,
    max_updates: int,
    max_bytes: int,
    epoch: str | None,
) -> Page:
    """One page of `topic` as `org_id` may see it, after `after` (None: from the earliest)."""
    async with connection.cursor(row_factory=class_row(Page)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.replay(%s, %s, %s, %s, %s, %s)",
            (topic, after, org_id, max_updates, max_bytes, epoch),
            prepare=True,
        )
        page = await cursor.fetchone()
    if page is None:
        raise RuntimeError("khala.replay returned no row")
    return page


async def replay_feed(
    connection: Connection,
    topic: str,
    after: int,
    max_updates: int,
    max_bytes: int,
    epoch: str | None,
) -> list[FeedRow]:
    """One page of `topic` with the audience of every update; empty when `after` is the head."""
    async with connection.cursor(row_factory=class_row(FeedRow)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.replay_feed(%s, %s, %s, %s, %s)",
            (topic, after, max_updates, max_bytes, epoch),
            prepare=True,
        )
        return await cursor.fetchall()


async def arm(connection: Connection, topics: Sequence[str], seen: Sequence[int]) -> list[Armed]:
    """Ask to be notified at the next write to `topics`, of which `seen` has been delivered."""
    async with connection.cursor(row_factory=class_row(Armed)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.arm(%s::text[], %s::bigint[])",
            (list(topics), list(seen)),
            prepare=True,
        )
        return await cursor.fetchall()


async def snapshot(
    connection: Connection,
    topic: str,
    org_id: str | None,
    after_doc_key: str | None,
    limit: int,
    watermark: int | None,
    max_bytes: int,
) -> SnapshotPage:
    """One page of the read model; pass the first page's watermark for all pages after it."""
    async with connection.cursor(row_factory=class_row(SnapshotPage)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.snapshot(%s, %s, %s, %s, %s, %s)",
            (topic, org_id, after_doc_key, limit, watermark, max_bytes),
        )
        page = await cursor.fetchone()
    if page is None:
        raise RuntimeError("khala.snapshot returned no row")
    return page


async def hydrate(
    connection: Connection, topic: str, doc_key: str, org_id: str | None
) -> str | None:
    """The document as finished JSON text; None when there is none that `org_id` may see."""
    text = await _scalar(connection, "SELECT khala.hydrate(%s, %s, %s)", topic, doc_key, org_id)
    return None if text is None else str(text)


async def revocations(connection: Connection, seen: int) -> list[Revocation]:
    """Revocations whose number is above `seen`, in the order of their numbers."""
    async with connection.cursor(row_factory=class_row(Revocation)) as cursor:
        await cursor.execute("SELECT * FROM khala.revocations(%s)", (seen,), prepare=True)
        return await cursor.fetchall()


async def authenticate_api_key(
    connection: Connection, key_id: str, secret_hash: bytes
) -> KeyHolder | None:
    """Whom an API key speaks for; None when it is not good."""
    async with connection.cursor(row_factory=class_row(KeyHolder)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.authenticate_api_key(%s, %s)", (key_id, secret_hash)
        )
        return await cursor.fetchone()


async def notify(connection: Connection, payload: str) -> None:
    """Send a notification on the wake-up channel; listeners use it to prove that they hear."""
    await connection.execute("SELECT pg_catalog.pg_notify(%s, %s)", (CHANNEL, payload))


async def listen(connection: Connection) -> None:
    """Listen on the wake-up channel; the connection must be in autocommit mode."""
    await connection.execute(f"LISTEN {CHANNEL}")


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
    async with connection.cursor(row_factory=class_row(Appended)) as cursor:
        await cursor.execute(
            "SELECT * FROM khala.append_run_event(%s, %s, %s, %s, %s, %s)",
            (run_id, event_type, Jsonb(payload), org_id, seq, occurred_at),
        )
        appended = await cursor.fetchone()
    if appended is None:
        raise RuntimeError("khala.append_run_event returned no row")
    return appended


async def ingest_events(connection: Connection, events: str) -> Ingested:
    """Append the events of a JSON array, given as text: all of them or none, each at most once."""
    async with connection.cursor(row_factory=class_row(Ingested)) as cursor:
        await cursor.execute("SELECT * FROM khala.ingest_events(%s::jsonb)", (events,))
        ingested = await cursor.fetchone()
    if ingested is None:
        raise RuntimeError("khala.ingest_events returned no row")
    return ingested


async def count_entities(connection: Connection, kind: EntityKind) -> int:
    """How many entities of `kind` there are."""
    return int(await _scalar(connection, "SELECT khala.count_entities(%s)", kind))


async def rebuild_projection(connection: Connection, kind: EntityKind, entity_id: str) -> None:
    """Drop the summary of one entity and build it again from history."""
    await connection.execute("SELECT khala.rebuild_projection(%s, %s)", (kind, entity_id))


async def rebuild_projections(
    connection: Connection, kind: EntityKind, after_id: str | None, limit: int
) -> list[str]:
    """Rebuild a page of summaries; the ids done, in order, and none after the last entity."""
    async with connection.cursor(row_factory=scalar_row) as cursor:
        await cursor.execute(
            "SELECT id FROM khala.rebuild_projections(%s, %s, %s)", (kind, after_id, limit)
        )
        return [str(entity_id) for entity_id in await cursor.fetchall()]
