"""Calls of monitoring: roles khala_relay and khala_dba."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from khala_pg.errors import UsageError
from khala_pg.sqlapi.calls import Connection, rows, scalar


@dataclass(frozen=True, slots=True)
class TopicTelemetry:
    """One topic, as khala.topic_stats and khala.retention_stats have it; durations in seconds.

    last_purge_at_s: since 1970. set_aside_rows: None for a topic without an attached table.
    """

    topic: str
    head_watermark: int
    retention_floor: int
    rows: int
    bytes: int
    oldest_age_s: float | None
    writes_per_minute: float
    armed: bool
    staged_writes: int
    staged_age_s: float | None
    retention_horizon_s: float
    overdue_s: float | None
    last_purge_at_s: float | None
    purges: int
    purged_events: int
    set_aside_rows: int | None


@dataclass(frozen=True, slots=True)
class ParityTelemetry:
    """Comparisons with the legacy backend.

    cycles: by outcome. documents: {topic, reason, documents}. The others are of the last hour, None
    when nothing was compared; last_cycle_age_s is of the last complete cycle.
    """

    cycles: Mapping[str, int]
    documents: Sequence[Mapping[str, Any]]
    mismatch_rate: float | None
    max_drift: float | None
    p95_drift: float | None
    last_cycle_age_s: float | None


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
class Telemetry:
    """All topics, and the database they are in.

    sinks: how many were rewritten, a duplicate or of a stale_version; empty on a standby.
    drift: how often a projection gave another summary for the same history.
    waiting_writers, longest_wait_s: who waits for a topic's row now.
    listeners: relays that are connected.
    notification_queue_usage: from 0 to 1.
    """

    topics: Sequence[TopicTelemetry]
    sinks: Mapping[str, int]
    drift: Mapping[str, int]
    parity: ParityTelemetry
    publishers: Sequence[PublisherTopic]
    waiting_writers: int
    longest_wait_s: float
    listeners: int
    notification_queue_usage: float


@dataclass(frozen=True, slots=True)
class WriteTrace:
    """Events that were written in one trace; age_s: seconds since the first of them was."""

    traceparent: str
    first_watermark: int
    last_watermark: int
    updates: int
    age_s: float


async def telemetry(connection: Connection) -> Telemetry:
    """The database's telemetry, for a scrape."""
    return parse_telemetry(await scalar(connection, TELEMETRY))


async def event_age(connection: Connection, topic: str, watermark: int) -> float | None:
    """Seconds since an event was written; None when the journal does not have it."""
    age = await scalar(connection, "SELECT khala.event_age(%s, %s)", topic, watermark)
    return None if age is None else float(age)


async def traces(
    connection: Connection, topic: str, after: int, until: int, limit: int
) -> list[WriteTrace]:
    """The traces that events after one watermark, up to another, were written in."""
    query = (
        "SELECT traceparent, first_watermark, last_watermark, updates, age_s"
        " FROM khala.traces(%s, %s, %s, %s)"
    )
    return await rows(connection, WriteTrace, query, topic, after, until, limit)


TELEMETRY = "SELECT khala.telemetry()"


def parse_telemetry(found: Mapping[str, Any]) -> Telemetry:
    """The result of khala.telemetry(); members that a later schema adds are left out.

    Raises UsageError when an earlier one does not have everything.
    """
    values = _wanted(Telemetry, found)
    topics = [TopicTelemetry(**_wanted(TopicTelemetry, each)) for each in values.pop("topics")]
    parity = ParityTelemetry(**_wanted(ParityTelemetry, values.pop("parity")))
    publishers = [publisher_topic(each) for each in values.pop("publishers")]
    return Telemetry(topics=topics, parity=parity, publishers=publishers, **values)


def publisher_topic(row: Mapping[str, Any]) -> PublisherTopic:
    """A row of khala.publisher_stats as JSON."""
    return PublisherTopic(**_wanted(PublisherTopic, row))


def _wanted(
    kind: type[Telemetry | TopicTelemetry | ParityTelemetry | PublisherTopic],
    found: Mapping[str, Any],
) -> dict[str, Any]:
    names = [field.name for field in fields(kind)]
    for name in names:
        if name not in found:
            raise UsageError(
                f"the database has an older Khala schema: it does not have {name}",
                "Run `khala migrate` on it.",
            )
    return {name: found[name] for name in names}
