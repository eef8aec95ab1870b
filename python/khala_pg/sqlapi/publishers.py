"""Calls of administrators about publishers. Role khala_dba."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row

from khala_pg.sqlapi.telemetry import PublisherTopic, publisher_topic


@dataclass(frozen=True, slots=True)
class SetAside:
    """An update that was refused for good."""

    publisher: str
    topic: str
    doc_key: str
    watermark: int
    doc_version: int
    deleted: bool
    attempts: int
    reason: str
    set_aside_at: datetime


def publishers(connection: Connection[Any], publisher: str | None = None) -> list[PublisherTopic]:
    """Publishers and their topics; roles khala_dba and khala_publisher."""
    found = connection.execute("SELECT khala.list_publishers(%s)", (publisher,)).fetchone()
    return [] if found is None else [publisher_topic(row) for row in found[0]]


def set_publisher(
    connection: Connection[Any],
    publisher: str,
    kind: str | None = None,
    url: str | None = None,
    paused: bool | None = None,
) -> None:
    """Create or change a publisher; None leaves a setting as it is."""
    connection.execute("SELECT khala.set_publisher(%s, %s, %s, %s)", (publisher, kind, url, paused))


def set_publisher_topic(
    connection: Connection[Any],
    publisher: str,
    topic: str,
    target: str | None = None,
    delete_target: str | None = None,
) -> None:
    """Add a topic to a publisher, or change where its documents go; None leaves a target."""
    connection.execute(
        "SELECT khala.set_publisher_topic(%s, %s, %s, %s)",
        (publisher, topic, target, delete_target),
    )


def remove_publisher(
    connection: Connection[Any], publisher: str, topic: str | None
) -> tuple[int, int]:
    """Remove a publisher or one of its topics; how many updates were queued and set aside."""
    row = connection.execute(
        "SELECT undelivered, set_aside FROM khala.remove_publisher(%s, %s)", (publisher, topic)
    ).fetchone()
    if row is None:
        raise RuntimeError("khala.remove_publisher returned no row")
    return row[0], row[1]


def set_aside(connection: Connection[Any], publisher: str | None, limit: int) -> Sequence[SetAside]:
    """Updates that were set aside, newest first."""
    with connection.cursor(row_factory=class_row(SetAside)) as cursor:
        return cursor.execute(
            "SELECT * FROM khala.list_set_aside(%s, %s)", (publisher, limit)
        ).fetchall()


def retry_set_aside(
    connection: Connection[Any], publisher: str, topic: str | None, doc_key: str | None
) -> int:
    """Queue updates once more that were set aside; how many."""
    row = connection.execute(
        "SELECT khala.retry_set_aside(%s, %s, %s)", (publisher, topic, doc_key)
    ).fetchone()
    return 0 if row is None else int(row[0])
