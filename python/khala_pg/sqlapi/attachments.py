"""Calls of administrators about attached tables. Role khala_dba."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.rows import class_row

from khala_pg.errors import InTheWayError, UsageError


@dataclass(frozen=True, slots=True)
class Attachment:
    """A table whose rows are the documents of a topic.

    columns: None for all. rows_estimate: as the server last counted. drift: what changed since.
    """

    topic: str
    table_name: str
    key_columns: list[str]
    org_column: str | None
    columns: list[str] | None
    state: str
    backfilled_rows: int
    rows_estimate: int
    set_aside: int
    drift: list[str]
    attached_at: datetime
    attached_by: str


@dataclass(frozen=True, slots=True)
class Attachable:
    """A table of the login's that is not attached, and a column that may name the organisation."""

    table_name: str
    org_column: str | None


@dataclass(frozen=True, slots=True)
class RowSetAside:
    """A row that cannot be a document, and why."""

    topic: str
    row_key: str
    reason: str
    times: int
    first_at: datetime
    last_at: datetime


@contextmanager
def within_locks(connection: Connection[Any], table: str, lock_timeout_s: float) -> Iterator[None]:
    """Transaction that waits for each lock at most so long; 0: for ever. All who come later to the
    table wait behind it. Raises InTheWayError, with nothing changed, when it has waited in vain."""
    try:
        with connection.transaction():
            connection.execute(
                "SELECT set_config('lock_timeout', %s, TRUE)", (f"{lock_timeout_s * 1000:.0f}ms",)
            )
            yield
    except psycopg.errors.LockNotAvailable:
        raise InTheWayError(
            f"another transaction has held {table}, or its topic, for more than "
            f"{lock_timeout_s:g} s; nothing has changed",
            "Try again when it has ended, or wait longer with --lock-timeout: writers wait too "
            "meanwhile. To find it: SELECT pid, xact_start, query FROM pg_stat_activity "
            "WHERE state <> 'idle' ORDER BY xact_start;",
        ) from None


@dataclass(frozen=True, slots=True)
class _Named:
    """table_name: as khala.attachments has it, not quoted."""

    oid: int
    table_name: str


_NAMED = """
SELECT c.oid, n.nspname || '.' || c.relname AS table_name
FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
WHERE {}
"""


def _named(connection: Connection[Any], table: str) -> _Named | None:
    """The table of a name as SQL writes it, or else as khala.attachments has it."""
    with connection.cursor(row_factory=class_row(_Named)) as cursor:
        try:
            with connection.transaction():
                named = cursor.execute(
                    _NAMED.format("c.oid = pg_catalog.to_regclass(%s)"), (table,)
                ).fetchone()
        except (
            psycopg.errors.InvalidName,  # Such as public.Order Lines.
            psycopg.errors.SyntaxError,  # More dots than a name has.
            psycopg.errors.FeatureNotSupported,  # Of another database.
        ):
            named = None
        if named is not None:
            return named
        found = cursor.execute(
            _NAMED.format("n.nspname || '.' || c.relname = %s AND c.relkind IN ('r', 'p')"),
            (table,),
        ).fetchall()
    # With dots in the names of schemas or tables, two may read the same.
    return found[0] if len(found) == 1 else None


def attach(
    connection: Connection[Any],
    table: str,
    key: Sequence[str] | None,
    *,
    org: str | None = None,
    columns: Sequence[str] | None = None,
    topic: str | None = None,
    ownership: str | None = None,
    replace: bool = False,
    trust: bool = False,
    lock_timeout_s: float = 0,
) -> str:
    """Attach a table, or again after it has changed; its topic.

    lock_timeout_s: as `within_locks`.
    """
    found = _named(connection, table)
    if found is None:
        raise UsageError(
            f"there is no table {table}",
            "Name it with its schema, as SQL does: public.orders. Capitals need double quotes.",
        )
    with within_locks(connection, table, lock_timeout_s):
        row = connection.execute(
            "SELECT khala.attach(%s::oid::regclass, %s::text[], %s, %s::text[], %s, %s, %s, %s)",
            (
                found.oid,
                None if key is None else list(key),
                org,
                None if columns is None else list(columns),
                topic,
                ownership,
                replace,
                trust,
            ),
        ).fetchone()
    if row is None:
        raise RuntimeError("khala.attach returned no row")
    return str(row[0])


_ATTACHABLE = """
SELECT pg_catalog.format('%%I.%%I', n.nspname, c.relname) AS table_name,
    o.attname::text AS org_column
FROM pg_catalog.pg_class AS c
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_index AS i ON i.indrelid = c.oid AND i.indisprimary
LEFT JOIN LATERAL (
    SELECT a.attname FROM pg_catalog.pg_attribute AS a
    WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        AND a.attname::text
            ~* '^(org|organi[sz]ation|tenant|account|team|workspace|company)(_?id)?$'
    ORDER BY a.attnum LIMIT 1
) AS o ON true
WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
    AND pg_catalog.pg_has_role(c.relowner, 'USAGE')
    AND n.nspname !~ '^(pg_.*|information_schema|khala.*|runtime|lightning)$'
    AND NOT EXISTS (
        SELECT FROM khala.attachments AS t
        -- Not quoted: no name that to_regclass takes.
        WHERE t.table_name = n.nspname || '.' || c.relname
    )
ORDER BY o.attname IS NULL, c.reltuples DESC, table_name
LIMIT %s
"""


def attachable(connection: Connection[Any], limit: int) -> Sequence[Attachable]:
    """Tables to suggest to a new user: those with an organisation first, then the largest."""
    with connection.cursor(row_factory=class_row(Attachable), binary=True) as cursor:
        return cursor.execute(_ATTACHABLE, (limit,)).fetchall()


def some_organisation(connection: Connection[Any], table: str, column: str) -> str | None:
    """The organisation of a row of an attached table; None when no row has one."""
    named = _named(connection, table)
    if named is None:
        return None  # Dropped in this moment.
    query = connection.execute(
        "SELECT pg_catalog.format('SELECT t.%%I::text FROM %%s AS t WHERE t.%%I IS NOT NULL"
        " LIMIT 1', %(column)s::text, %(oid)s::oid::regclass, %(column)s::text)",
        {"column": column, "oid": named.oid},
    ).fetchone()
    assert query is not None
    row = connection.execute(str(query[0]).encode()).fetchone()
    return None if row is None else str(row[0])


def attached(connection: Connection[Any], name: str) -> Attachment | None:
    """What is attached by that name: of its topic, or of the table, as SQL or a list writes it."""
    named = _named(connection, name)
    names = {name} if named is None else {name, named.table_name}
    found = attachments(connection)
    return next((each for each in found if names & {each.topic, each.table_name}), None)


def detach(
    connection: Connection[Any], topic: str, table: str, *, lock_timeout_s: float = 0
) -> int:
    """Detach the table of a topic; the number of changes that were sequenced before.

    lock_timeout_s: as `within_locks`.
    """
    with within_locks(connection, table, lock_timeout_s):
        row = connection.execute("SELECT khala.detach(%s)", (topic,)).fetchone()
    return 0 if row is None else int(row[0])


def attachments(connection: Connection[Any], topic: str | None = None) -> Sequence[Attachment]:
    """Attached tables, by topic."""
    with connection.cursor(row_factory=class_row(Attachment), binary=True) as cursor:
        return cursor.execute(
            "SELECT a.topic, a.table_name, a.key_columns, a.org_column, a.columns, a.state,"
            " a.backfilled_rows, a.rows_estimate, a.set_aside, a.drift, a.attached_at,"
            " a.attached_by FROM khala.attachments AS a"
            " WHERE %s::text IS NULL OR a.topic = %s ORDER BY a.topic",
            (topic, topic),
        ).fetchall()


def rows_set_aside(
    connection: Connection[Any], topic: str | None, limit: int
) -> Sequence[RowSetAside]:
    """Rows that cannot be documents, newest first."""
    with connection.cursor(row_factory=class_row(RowSetAside), binary=True) as cursor:
        return cursor.execute(
            "SELECT * FROM khala.list_rows_set_aside(%s, %s)", (topic, limit)
        ).fetchall()
