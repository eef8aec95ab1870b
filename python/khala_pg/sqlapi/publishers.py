"""Calls of administrators about publishers. Role khala_dba."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class PublisherTopic:
    """A row of khala.publisher_stats: a publisher, one of its topics and how far that is.

    topic and what depends on it are None for a publisher without topics. Members whose names end in
    _at_s are seconds since 1970.
    """

    publisher: str
    kind: str
    url: str
    state: str
    worker_pid: int | None
    topic: str | None
    target: str | None
    delete_target: str | None
    cursor_watermark: int | None
    head_watermark: int | None
    unread: int | None
    waiting: int
    in_flight: int
    retrying: int
    oldest_age_s: float
    set_aside: int
    delivered: int | None
    failed: int | None
    refused: int | None
    resyncs: int | None
    resync_reason: str | None
    resynced_at_s: float | None
    overtaken: int | None
    last_delivery_at_s: float | None
    last_error_at_s: float | None
    last_error: str | None

    @property
    def left(self) -> int:
        """Updates that are neither delivered nor set aside."""
        return (self.unread or 0) + self.waiting + self.in_flight


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
    names = PublisherTopic.__dataclass_fields__
    rows = [] if found is None else found[0]
    return [
        PublisherTopic(**{name: value for name, value in row.items() if name in names})
        for row in rows
    ]


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
