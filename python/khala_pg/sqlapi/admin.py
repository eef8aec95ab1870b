"""Calls of administrators: topics, access, retention. Role khala_dba.

Synchronous, unlike its neighbours. Durations are in seconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from khala_pg.auth.api_keys import ApiKeyText


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic's settings and where its journal begins and ends.

    json_schema: set, checked or None: what khala.set_topic_schema has set.
    """

    topic: str
    enum_name: str | None
    read_model: str
    payload_mode: str
    inline_limit_bytes: int
    retention_horizon_s: float
    ownership: str
    writes: str
    json_schema: str | None
    head_watermark: int
    retention_floor: int


@dataclass(frozen=True, slots=True)
class TopicSchema:
    """JSON Schema of a topic's documents. source: schema, which was set, or table."""

    topic: str
    source: str
    json_schema: dict[str, Any]
    is_checked: bool


@dataclass(frozen=True, slots=True)
class Purge:
    """Result of one call of khala.retain for one topic; `more`: another call would delete more."""

    topic: str
    deleted: int
    retention_floor: int
    more: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """What khala.forget did; `watermark` is None when there was no document to delete."""

    watermark: int | None
    journal_rows: int
    staged_writes: int


@dataclass(frozen=True, slots=True)
class ArchivedPage:
    """What khala.archive_runs did with a page; `last_id` is None when no run was left."""

    runs: int
    events: int
    last_id: str | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key without its secret."""

    key_id: str
    label: str
    subject: str | None
    org_id: str | None
    scopes: list[str]
    tokens_per_minute: int
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Flag:
    """Lane of a surface; with the lane khala, the share in percent and the people it is for."""

    surface: str
    lane: str
    percent: float
    people: list[str]


@dataclass(frozen=True, slots=True)
class Revocation:
    """A revocation in force. issued_until: None for tokens that are still to be issued, too."""

    number: int
    kind: str
    value: str
    issued_until: datetime | None
    revoked_at: datetime
    revoked_by: str
    reason: str | None


def topics(connection: Connection[Any]) -> Sequence[Topic]:
    with connection.cursor(row_factory=class_row(Topic), binary=True) as cursor:
        return cursor.execute(
            "SELECT t.topic, t.enum_name, t.read_model, t.payload_mode, t.inline_limit_bytes,"
            " date_part('epoch', t.retention_horizon) AS retention_horizon_s, t.ownership,"
            " t.writes, CASE WHEN t.checked_schema IS NOT NULL THEN 'checked'"
            " WHEN t.json_schema IS NOT NULL THEN 'set' END AS json_schema,"
            " s.head_watermark, s.retention_floor"
            " FROM runtime.sync_topics AS t JOIN khala.topic_stats AS s USING (topic)"
            " ORDER BY t.topic"
        ).fetchall()


def register_topic(connection: Connection[Any], topic: str, **settings: str | int | None) -> None:
    """Add a topic; again with the same settings changes nothing.

    settings: further arguments of khala.register_topic; None leaves one at its default.
    """
    _call_with_settings(connection, "register_topic", topic, settings)


def set_topic(connection: Connection[Any], topic: str, **settings: str | int | None) -> None:
    """Change settings of a topic: arguments of khala.set_topic; None leaves one as it is."""
    _call_with_settings(connection, "set_topic", topic, settings)


def set_topic_schema(
    connection: Connection[Any], topic: str, schema: str | None, *, check: bool = False
) -> None:
    """Set the JSON Schema of a topic, as JSON; None removes it. check: have writes match it."""
    connection.execute("SELECT khala.set_topic_schema(%s, %s::json, %s)", (topic, schema, check))


def topic_schemas(
    connection: Connection[Any], topics: Sequence[str] | None = None
) -> Sequence[TopicSchema]:
    """Schemas of these topics, or of all, by topic; topics without one are left out."""
    with connection.cursor(row_factory=class_row(TopicSchema)) as cursor:
        return cursor.execute(
            "SELECT s.topic, s.source, s.schema AS json_schema, s.is_checked"
            " FROM khala.topic_schemas(%s) AS s",
            (None if topics is None else list(topics),),
        ).fetchall()


def _call_with_settings(
    connection: Connection[Any], function: str, topic: str, settings: Mapping[str, str | int | None]
) -> None:
    given = {name: value for name, value in settings.items() if value is not None}
    casts = {
        "retention_horizon": "::interval",
        "inline_limit_bytes": "::integer",
        "max_staged_writes": "::integer",
    }
    arguments = ", ".join(f"p_{name} => %({name})s{casts.get(name, '')}" for name in given)
    # The names are this package's own; only values come from outside.
    query = f"SELECT khala.{function}(%(topic)s{', ' if given else ''}{arguments})"
    connection.execute(query.encode(), {**given, "topic": topic})


def remove_topic(connection: Connection[Any], topic: str) -> tuple[int, int]:
    """Remove a topic; the number of documents and of journal rows that went with it."""
    row = connection.execute(
        "SELECT documents, journal_rows FROM khala.remove_topic(%s)", (topic,)
    ).fetchone()
    if row is None:
        raise RuntimeError("khala.remove_topic returned no row")
    return row[0], row[1]


def set_topic_writes(connection: Connection[Any], topic: str, writes: str) -> int:
    """Have a topic's writes be direct or grouped; how many staged writes that sequenced."""
    row = connection.execute("SELECT khala.set_topic_writes(%s, %s)", (topic, writes)).fetchone()
    return 0 if row is None else int(row[0])


def grouped_topics(connection: Connection[Any]) -> Sequence[str]:
    return [topic for (topic,) in connection.execute("SELECT khala.grouped_topics()")]


def sequence(connection: Connection[Any], topic: str) -> tuple[int, str]:
    """Sequence a batch of staged writes; how many, and the state: see sqlapi.relay.Sequenced."""
    with _read_committed(connection):
        row = connection.execute(
            "SELECT sequenced, state FROM khala.sequence(%s)", (topic,)
        ).fetchone()
    if row is None:
        raise RuntimeError("khala.sequence returned no row")
    return row[0], row[1]


def moment_before(connection: Connection[Any], interval: str) -> str:
    """The moment that lies so far back, by the clock of the server, as it writes it.

    Python has none before the year 1.
    """
    row = connection.execute(
        "SELECT (clock_timestamp() - %s::interval)::text", (interval,)
    ).fetchone()
    if row is None:
        raise RuntimeError("the server has no time")
    return str(row[0])


def count_runs(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT khala.count_entities('run')").fetchone()
    return 0 if row is None else int(row[0])


def archive_runs(
    connection: Connection[Any],
    before: str,
    after_id: str | None,
    limit: int,
    *,
    dry_run: bool,
) -> ArchivedPage:
    """Archive the ended ones of a page of runs, or count them. before: as moment_before has it."""
    with (
        _read_committed(connection),
        connection.cursor(row_factory=class_row(ArchivedPage)) as cursor,
    ):
        return cursor.execute(
            "SELECT runs, events, last_id FROM khala.archive_runs(%s::timestamptz, %s, %s, %s)",
            (before, after_id, limit, dry_run),
        ).fetchall()[0]


@contextmanager
def _read_committed(connection: Connection[Any]) -> Iterator[None]:
    """Transaction of calls that must see what is committed now, whatever the role's default is."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
        yield


def topic_holders(connection: Connection[Any], topic: str) -> Sequence[int]:
    """Process ids of the sessions that keep others from writing to a topic or sequencing it."""
    return [pid for (pid,) in connection.execute("SELECT khala.topic_holders(%s)", (topic,))]


def revoke(
    connection: Connection[Any], kind: str, value: str, issued_until: str | None, reason: str | None
) -> int:
    """Revoke tokens by jti, sub or org; the revocation's number.

    issued_until: those issued up to then, as SQL writes a moment, infinity included; None for now.
    """
    row = connection.execute(
        "SELECT khala.revoke(%s, %s, %s::timestamptz, %s)", (kind, value, issued_until, reason)
    ).fetchone()
    if row is None:
        raise RuntimeError("khala.revoke returned no row")
    return int(row[0])


def revocations(connection: Connection[Any]) -> Sequence[Revocation]:
    """The revocations in force, oldest first."""
    with connection.cursor(row_factory=class_row(Revocation)) as cursor:
        return cursor.execute(
            "SELECT r.number, r.kind, r.value,"
            # Python has no moment called infinity.
            " nullif(r.issued_until, 'infinity') AS issued_until,"
            " r.revoked_at, r.revoked_by, r.reason FROM khala.list_revocations() AS r"
        ).fetchall()


def create_api_key(
    connection: Connection[Any],
    key: ApiKeyText,
    label: str,
    subject: str | None,
    org_id: str | None,
    scopes: Sequence[str],
    lifetime: str | None,
    tokens_per_minute: int | None = None,
) -> None:
    """Store an API key.

    subject, org_id: of its tokens, None: those that each request names. lifetime: an interval as
    SQL writes it, None for no end. tokens_per_minute: the database's default when None.
    """
    more = [] if tokens_per_minute is None else [tokens_per_minute]
    connection.execute(
        "SELECT khala.create_api_key(%s, %s, %s, %s, %s, %s, now() + %s::interval"
        f"{', %s' * len(more)})",
        (key.key_id, key.secret_hash, label, subject, org_id, list(scopes), lifetime, *more),
    )


def api_keys(connection: Connection[Any]) -> Sequence[ApiKey]:
    """All API keys, oldest first."""
    with connection.cursor(row_factory=class_row(ApiKey), binary=True) as cursor:
        return cursor.execute(
            "SELECT k.key_id, k.label, k.subject, k.org_id, k.scopes, k.tokens_per_minute,"
            " k.created_at, k.created_by,"
            # Python has no moment called infinity, and none is what it means.
            " nullif(k.expires_at, 'infinity') AS expires_at, k.last_used_at, k.revoked_at"
            " FROM khala.list_api_keys() AS k"
        ).fetchall()


def revoke_api_key(connection: Connection[Any], key_id: str) -> bool:
    """End an API key; whether there is one."""
    row = connection.execute("SELECT khala.revoke_api_key(%s)", (key_id,)).fetchone()
    return row is not None and bool(row[0])


def flags(connection: Connection[Any]) -> Sequence[Flag]:
    """All flags, by surface."""
    with connection.cursor(row_factory=class_row(Flag), binary=True) as cursor:
        return cursor.execute(
            "SELECT f.surface, f.lane, f.percent::float8 AS percent, f.people"
            " FROM khala.list_flags() AS f"
        ).fetchall()


def set_flag(
    connection: Connection[Any],
    surface: str,
    lane: str | None,
    percent: float | None,
    people: Sequence[str] | None,
) -> Flag:
    """Create or change a flag; None leaves a setting as it is."""
    with connection.cursor(row_factory=class_row(Flag), binary=True) as cursor:
        flag = cursor.execute(
            "SELECT f.surface, f.lane, f.percent::float8 AS percent, f.people"
            " FROM khala.set_flag(%s, %s, %s::float8::numeric, %s::text[]) AS f",
            (surface, lane, percent, None if people is None else list(people)),
        ).fetchone()
    if flag is None:
        raise RuntimeError("khala.set_flag returned no row")
    return flag


def remove_flag(connection: Connection[Any], surface: str) -> bool:
    """Remove a flag; whether the surface had one."""
    row = connection.execute("SELECT khala.remove_flag(%s)", (surface,)).fetchone()
    return bool(row and row[0])


def retain(
    connection: Connection[Any], topic: str | None, horizon: str | None, batch: int
) -> Sequence[Purge]:
    """Purge at most one batch of each topic, or of one. `horizon`: an interval as SQL writes it."""
    with connection.cursor(row_factory=class_row(Purge), binary=True) as cursor:
        return cursor.execute(
            "SELECT * FROM khala.retain(%s, now(), %s::interval, %s)", (topic, horizon, batch)
        ).fetchall()


def forget(connection: Connection[Any], topic: str, doc_key: str) -> Forgotten:
    """Delete a document and empty its versions in the journal."""
    with (
        _read_committed(connection),
        connection.cursor(row_factory=class_row(Forgotten), binary=True) as cursor,
    ):
        found = cursor.execute("SELECT * FROM khala.forget(%s, %s)", (topic, doc_key)).fetchone()
    if found is None:
        raise RuntimeError("khala.forget returned no row")
    return found


def set_lightning_operators(connection: Connection[Any], org_id: str) -> None:
    """Set the organisation that owns the control plane's documents that belong to no owner."""
    connection.execute("SELECT lightning.set_operators(%s)", (org_id,))
