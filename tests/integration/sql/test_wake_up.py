"""The wake-up: one notification when a relay sleeps, none otherwise, and never one too few.

Notifications arrive in commit order, so a session that hears its own sentinel has heard everything
that was committed before it; nothing here waits for time to pass.
"""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from support.postgres.databases import Database
from support.postgres.sessions import SINK, Session, sessions

TOPIC = "runtime.run_summaries"
OTHER = "runtime.codex_worker_summaries"
ARM = "SELECT head_watermark, state FROM khala.arm(%s, %s)"
_SENTINEL = "that was all"


class Listener:
    """A session that listens as a relay does."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        connection.execute("LISTEN khala_sync")

    def heard(self) -> list[str]:
        """Payloads of all notifications committed since the last call."""
        self.connection.execute("SELECT pg_notify('khala_sync', %s)", [_SENTINEL])
        payloads: list[str] = []
        for notification in self.connection.notifies(timeout=30):
            if notification.payload == _SENTINEL:
                return payloads
            payloads.append(notification.payload)
        raise AssertionError("the session did not hear itself")

    def arm(self, seen: int, topic: str = TOPIC) -> tuple[int, str]:
        row = self.connection.execute(ARM, [topic, seen]).fetchone()
        assert row is not None
        return row[0], row[1]


@pytest.fixture
def relay(database: Database) -> Iterator[Listener]:
    with database.connect("relay") as connection:
        yield Listener(connection)


@pytest.fixture
def writers(database: Database) -> Iterator[list[Session]]:
    with sessions(database, 2, "runtime") as made:
        yield made


def test_nobody_asked_to_be_woken(relay: Listener, writers: list[Session]) -> None:
    writers[0].sink(TOPIC, "doc", 1)
    writers[0].commit()
    assert relay.heard() == []


def test_one_notification_for_a_transaction_and_none_for_the_next(
    relay: Listener, writers: list[Session]
) -> None:
    assert relay.arm(0) == (0, "armed")
    for version in range(5):
        writers[0].sink(TOPIC, "doc", version)
    writers[0].run(
        "SELECT khala.sink_batch(%s, %s::jsonb)",
        TOPIC,
        '[{"doc_key": "a", "doc_version": 1, "payload": {}},'
        ' {"doc_key": "a", "doc_version": 2, "payload": {}}]',
    )
    writers[0].commit()
    assert relay.heard() == [TOPIC]
    writers[0].sink(TOPIC, "doc", 9)
    writers[0].commit()
    assert relay.heard() == []


def test_one_notification_for_each_armed_topic(relay: Listener, writers: list[Session]) -> None:
    assert relay.arm(0) == (0, "armed")
    assert relay.arm(0, OTHER) == (0, "armed")
    for topic in (OTHER, TOPIC, OTHER, TOPIC):
        writers[0].sink(topic, topic, 1)
    writers[0].commit()
    assert sorted(relay.heard()) == sorted([TOPIC, OTHER])


def test_a_write_that_changes_nothing_leaves_the_relay_asleep(
    relay: Listener, writers: list[Session]
) -> None:
    writers[0].sink(TOPIC, "doc", 1)
    writers[0].commit()
    assert relay.arm(1) == (1, "armed")
    assert writers[0].sink(TOPIC, "doc", 1) == (None, "duplicate")
    writers[0].commit()
    assert relay.heard() == []
    writers[0].sink(TOPIC, "doc", 2)
    writers[0].commit()
    assert relay.heard() == [TOPIC]


def test_a_writer_between_allocation_and_commit_cannot_be_slept_through(
    relay: Listener, writers: list[Session]
) -> None:
    """The relay that arms now would not be told of it: it must learn that somebody is writing."""
    writers[0].sink(TOPIC, "doc", 1)
    assert relay.arm(0) == (0, "busy")
    assert relay.arm(0) == (0, "busy")
    writers[0].commit()
    assert relay.heard() == []
    assert relay.arm(0) == (1, "moved")
    assert relay.arm(1) == (1, "armed")
    writers[0].sink(TOPIC, "doc", 2)
    writers[0].commit()
    assert relay.heard() == [TOPIC]


def test_a_writer_that_waits_for_the_arming_relay_sees_the_flag(
    database: Database, relay: Listener, writers: list[Session]
) -> None:
    """Arming holds the row to its commit: the writer that comes in between reads it afterwards."""
    with sessions(database, 1, "relay") as (arming,):
        assert arming.run(ARM, TOPIC, 0) == [(0, "armed")]
        waiting = writers[0].start(SINK, TOPIC, "doc", 1, "{}", None)
        arming.commit()
        assert waiting.result() == [(1, "applied")]
        assert relay.heard() == []
        writers[0].commit()
        assert relay.heard() == [TOPIC]


def test_an_arming_that_is_rolled_back_promised_nothing(
    database: Database, relay: Listener, writers: list[Session]
) -> None:
    with sessions(database, 1, "relay") as (arming,):
        arming.run(ARM, TOPIC, 0)
        waiting = writers[0].start(SINK, TOPIC, "doc", 1, "{}", None)
        arming.rollback()
        waiting.result()
        writers[0].commit()
        assert relay.heard() == []
        assert relay.arm(0) == (1, "moved")


def test_a_writer_queued_behind_another_is_not_missed(
    relay: Listener, writers: list[Session]
) -> None:
    """The first writer disarms and notifies; the second finds nothing armed, and need not.

    The relay that was woken by the first cannot sleep before it has seen the second.
    """
    first, second = writers
    assert relay.arm(0) == (0, "armed")
    first.sink(TOPIC, "first", 1)
    waiting = second.start(SINK, TOPIC, "second", 1, "{}", None)
    first.commit()
    assert waiting.result() == [(2, "applied")]
    assert relay.heard() == [TOPIC]
    assert relay.arm(1) == (1, "busy")
    second.commit()
    assert relay.heard() == []
    assert relay.arm(1) == (2, "moved")


def test_a_writer_that_rolls_back_leaves_the_topic_armed(
    relay: Listener, writers: list[Session]
) -> None:
    assert relay.arm(0) == (0, "armed")
    writers[0].sink(TOPIC, "doc", 1)
    writers[0].rollback()
    assert relay.heard() == []
    writers[0].sink(TOPIC, "doc", 1)
    writers[0].commit()
    assert relay.heard() == [TOPIC]


def test_a_queued_writer_notifies_when_the_one_before_it_rolls_back(
    relay: Listener, writers: list[Session]
) -> None:
    first, second = writers
    assert relay.arm(0) == (0, "armed")
    first.sink(TOPIC, "first", 1)
    waiting = second.start(SINK, TOPIC, "second", 1, "{}", None)
    first.rollback()
    assert waiting.result() == [(1, "applied")]
    second.commit()
    assert relay.heard() == [TOPIC]


def test_a_savepoint_takes_its_notification_back_with_its_write(
    relay: Listener, writers: list[Session]
) -> None:
    writer = writers[0]
    assert relay.arm(0) == (0, "armed")
    writer.run("SAVEPOINT attempt")
    writer.sink(TOPIC, "doc", 1)
    writer.run("ROLLBACK TO attempt")
    writer.commit()
    assert relay.heard() == []
    writer.run("SAVEPOINT attempt")
    writer.sink(TOPIC, "doc", 1)
    writer.run("ROLLBACK TO attempt")
    writer.sink(TOPIC, "doc", 2)
    writer.commit()
    assert relay.heard() == [TOPIC]


def test_a_write_outside_a_savepoint_that_fails_still_notifies(
    relay: Listener, writers: list[Session]
) -> None:
    writer = writers[0]
    assert relay.arm(0) == (0, "armed")
    writer.sink(TOPIC, "doc", 1)
    writer.run("SAVEPOINT attempt")
    writer.sink(TOPIC, "doc", 2)
    writer.run("ROLLBACK TO attempt")
    writer.commit()
    assert relay.heard() == [TOPIC]


def test_arming_between_a_savepoint_and_the_commit_around_it(
    relay: Listener, writers: list[Session]
) -> None:
    """A savepoint that is rolled back releases the row while its transaction goes on."""
    writer = writers[0]
    writer.run("SAVEPOINT attempt")
    writer.sink(TOPIC, "doc", 1)
    writer.run("ROLLBACK TO attempt")
    assert relay.arm(0) == (0, "armed")
    writer.sink(TOPIC, "doc", 1)
    writer.commit()
    assert relay.heard() == [TOPIC]


def test_a_count_put_right_to_nothing_wakes_at_most_once(
    relay: Listener, writers: list[Session]
) -> None:
    """A writer that finds nothing left to write disarms all the same: the relay looks, no more."""
    first, second = writers
    first.sink(TOPIC, "doc", 1)
    waiting = second.start(SINK, TOPIC, "doc", 1, "{}", None)
    first.commit()
    assert waiting.result() == [(None, "duplicate")]
    assert relay.arm(1) == (1, "busy")
    second.commit()
    assert relay.arm(1) == (1, "armed")
    first.sink(TOPIC, "doc", 2)
    first.commit()
    assert relay.heard() == [TOPIC]


def test_two_relays_both_hear_every_wake_up(
    database: Database, relay: Listener, writers: list[Session]
) -> None:
    with database.connect("relay") as connection:
        second = Listener(connection)
        assert relay.arm(0) == (0, "armed")
        assert second.arm(0) == (0, "armed")
        writers[0].sink(TOPIC, "doc", 1)
        writers[0].commit()
        # Each also hears the other's sentinel; only topics count.
        assert TOPIC in relay.heard()
        assert TOPIC in second.heard()


def test_a_relay_that_lags_does_not_put_the_other_to_sleep(
    database: Database, relay: Listener, writers: list[Session]
) -> None:
    """Arming is per topic, not per relay: the one that has not seen the head is told to look."""
    writers[0].sink(TOPIC, "doc", 1)
    writers[0].commit()
    with database.connect("relay") as connection:
        second = Listener(connection)
        assert relay.arm(1) == (1, "armed")
        assert second.arm(0) == (1, "moved")
        writers[0].sink(TOPIC, "doc", 2)
        writers[0].commit()
        assert TOPIC in relay.heard()
        assert second.arm(1) == (2, "moved")


def test_a_writer_that_fires_no_ordinary_trigger_wakes_too(
    database: Database, relay: Listener
) -> None:
    assert relay.arm(0) == (0, "armed")
    with database.connect() as writer:
        writer.execute("SET session_replication_role = replica")
        writer.execute(SINK, (TOPIC, "doc", 1, "{}", None))
    assert relay.heard() == [TOPIC]
