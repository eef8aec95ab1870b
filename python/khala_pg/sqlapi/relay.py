"""Calls of relays: cursors, pages, sequencing, revocations. Role khala_relay."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from khala_pg.auth.revocations import Revocation
from khala_pg.sqlapi.calls import (
    TRUE,
    Connection,
    integer,
    raw_rows,
    row,
    rows,
    scalar,
)

# By encoding. All parts of each stand here.
_REPLAY = {
    encoding: "SELECT page, next_watermark, head_watermark, complete, updates"  # noqa: S608
    f" FROM khala.{function}($1::text, $2::bigint, $3::text, $4::integer, $5::integer, $6::text,"
    " $7::boolean, $8::jsonb)"
    for encoding, function in (("json", "replay"), ("protobuf", "replay_binary"))
}


@dataclass(frozen=True, slots=True)
class Cursor:
    """Judgement on one topic of a subscribe request.

    `name` is the name that the subscriber used, `topic` and `enum_name` those that the topic has.
    `resume_after` is None when no cursor was given. `reason` is below_floor, cursor_ahead or
    epoch_changed when `stale`. `subset` is what filter and scopes leave of its keys, for the calls
    that read the topic; None: all of them.
    """

    name: str
    topic: str
    enum_name: str | None
    resume_after: int | None
    head_watermark: int
    retention_floor: int
    stale: bool
    reason: str | None
    subset: str | None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of one topic for one organisation: the finished payload of an update_batch."""

    page: bytes
    next_watermark: int
    head_watermark: int
    complete: bool
    updates: int


@dataclass(frozen=True, slots=True)
class Sequenced:
    """The number of staged writes dealt with, and the state: more (go on), done (look again), busy
    (look again shortly), armed (sleep) or direct (the topic is not grouped)."""

    writes: int
    state: str


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Holder of an API key, the topics that its tokens may be for, and how many they may be."""

    subject: str
    org_id: str
    scopes: list[str]
    tokens_per_minute: int


async def judge(
    connection: Connection,
    topics: Sequence[str],
    resume_after: Any,
    epoch: str | None,
    scopes: Sequence[str] | None,
    filters: Any = None,
) -> tuple[str, list[Cursor]]:
    """Judge a subscribe request: the epoch in force, begun if there is none, and the cursors in it.

    resume_after, filters: the subscriber's JSON, parsed, or None.
    """
    arguments = (
        list(topics),
        None if resume_after is None else Jsonb(resume_after),
        epoch,
        None if scopes is None else list(scopes),
        None if filters is None else Jsonb(filters),
    )
    while True:
        found = await connection.execute(
            "SELECT ensured.epoch, judged.epoch, c.name, c.topic, c.enum_name, c.resume_after,"
            " c.head_watermark, c.retention_floor, c.stale, c.reason, c.subset::text"
            " FROM khala.ensure_epoch() AS ensured (epoch),"
            " khala.current_epoch() AS judged (epoch),"
            " khala.check_cursors(%s, %s, %s, %s, %s) AS c",
            arguments,
            prepare=True,
        )
        judgements = await found.fetchall()
        ensured, judged = judgements[0][:2]
        # A new epoch is not seen by the statement that makes it, nor by one that had begun.
        if ensured == judged:
            return ensured, [Cursor(*each[2:]) for each in judgements]


async def replay(
    connection: Connection,
    encoding: str,
    topic: str,
    after: int,
    org_id: str | None,
    max_updates: int,
    max_bytes: int,
    epoch: str | None,
    compact: bool,
    subset: str | None = None,
) -> Page:
    """One page of `topic` as `org_id` may see it, after `after`.

    encoding: json or protobuf.
    compact: whether versions may be left out that a later one has replaced.
    subset: of its keys, from `judge`.
    """
    [(page, until, head, complete, updates)] = await raw_rows(
        connection,
        _REPLAY[encoding],
        topic,
        after,
        org_id,
        max_updates,
        max_bytes,
        epoch,
        compact,
        subset,
    )
    return Page(page or b"", integer(until), integer(head), complete == TRUE, integer(updates))


async def grouped_topics(connection: Connection) -> set[str]:
    """The topics whose staged writes have to be sequenced."""
    cursor = await connection.execute("SELECT topic FROM khala.grouped_topics() AS g (topic)")
    return {topic for (topic,) in await cursor.fetchall()}


async def sequence(connection: Connection, topic: str, limit: int, sleep: bool) -> Sequenced:
    """Give a batch of staged writes their watermarks; `sleep`: ask for a notification if there are
    none."""
    query = "SELECT sequenced, state FROM khala.sequence(%s, %s, %s)"
    return await row(connection, Sequenced, query, topic, limit, sleep)


async def mark_lost_runs(connection: Connection, after_s: float) -> int:
    """Mark runs as lost whose heartbeats stopped that long ago; how many were."""
    query = "SELECT khala.mark_lost_runs(pg_catalog.make_interval(secs => %s))"
    return int(await scalar(connection, query, after_s))


async def mark_stale_workers(connection: Connection) -> int:
    """Mark codex workers whose heartbeats are stale; how many were."""
    return int(await scalar(connection, "SELECT khala.mark_stale_workers()"))


async def snapshot(
    connection: Connection,
    topic: str,
    org_id: str | None,
    after_doc_key: str | None,
    limit: int,
    watermark: int | None,
    max_bytes: int,
    subset: str | None = None,
    newest: bool = False,
) -> bytes:
    """One page of the read model as JSON; the first page's watermark is for all pages after it.

    subset: of its keys, from `judge`. newest: the documents that changed last, which are one page.
    """
    query = (
        "SELECT page FROM khala.snapshot($1::text, $2::text, $3::text, $4::integer, $5::bigint,"
        " $6::integer, $7::jsonb, $8::boolean)"
    )
    values = (topic, org_id, after_doc_key, limit, watermark, max_bytes, subset, newest)
    [(page,)] = await raw_rows(connection, query, *values)
    return page or b""


async def hydrate(
    connection: Connection, topic: str, doc_key: str, org_id: str | None, subset: str | None = None
) -> bytes | None:
    """The document as finished JSON; None when there is none that `org_id` may see in the subset of
    the keys."""
    query = "SELECT khala.hydrate($1::text, $2::text, $3::text, $4::jsonb)"
    [(document,)] = await raw_rows(connection, query, topic, doc_key, org_id, subset)
    return document


async def flags_of(connection: Connection, subject: str) -> bytes:
    """The lane of each surface for a subject, as finished JSON."""
    # Its text: the binary format of a jsonb begins with a version.
    [(flags,)] = await raw_rows(connection, "SELECT khala.flags_of($1::text)::text", subject)
    return flags or b""


async def revocations(connection: Connection, seen: int) -> list[Revocation]:
    """Revocations whose number is above `seen`, in the order of their numbers."""
    query = "SELECT number, kind, value, issued_until FROM khala.revocations(%s)"
    return await rows(connection, Revocation, query, seen)


async def authenticate_api_key(
    connection: Connection,
    key_id: str,
    secret_hash: bytes,
    subject: str | None,
    org_id: str | None,
) -> KeyHolder | None:
    """The holder of an API key for such a request; None when the key is not valid."""
    query = (
        "SELECT subject, org_id, scopes, tokens_per_minute"
        " FROM khala.authenticate_api_key(%s, %s, %s, %s)"
    )
    found = await rows(connection, KeyHolder, query, key_id, secret_hash, subject, org_id)
    return found[0] if found else None


async def scopes_beyond(
    connection: Connection, requested: Sequence[str], allowed: Sequence[str]
) -> list[str]:
    """The requested scopes that the allowed ones do not cover, by either name of a topic."""
    query = "SELECT khala.scopes_beyond(%s, %s)"
    return list(await scalar(connection, query, list(requested), list(allowed)))


async def subsets_beyond(
    connection: Connection, subsets: Mapping[str, str | None], scopes: Sequence[str]
) -> list[str]:
    """The topics whose subscribed subset, JSON as `judge` gave it, the scopes do not allow."""
    members = (f"{json.dumps(topic)}: {subset or 'null'}" for topic, subset in subsets.items())
    query = "SELECT khala.subsets_beyond(%s, %s)"
    return list(await scalar(connection, query, f"{{{', '.join(members)}}}", list(scopes)))
