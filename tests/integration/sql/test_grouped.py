"""Grouped topics: what is staged is sequenced once, in order, whoever is at work beside it."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.postgres.sessions import SINK, Session, sessions
from support.trials.seeds import stream

TOPIC = "tests.grouped"
SEQUENCE = "SELECT sequenced, state FROM khala.sequence(%s, %s, %s)"
SWITCH = "SELECT khala.set_topic_writes(%s, %s)"
PURGE = "SELECT deleted FROM khala.retain(%s, now() + '1 day', '0', %s)"
_JOURNAL = """
SELECT e.doc_key, e.doc_version FROM runtime.sync_stream_events AS e
WHERE e.topic = %s ORDER BY e.watermark
"""
_SENTINEL = "that was all"


@pytest.fixture
def grouped(database: Database) -> Database:
    with database.connect("dba") as connection:
        connection.execute(
            "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => 'grouped')",
            [TOPIC],
        )
    return database


@pytest.fixture
def writers(grouped: Database) -> Iterator[list[Session]]:
    with sessions(grouped, 2, "runtime") as made:
        yield made


@pytest.fixture
def relay(grouped: Database) -> Iterator[psycopg.Connection[Any]]:
    with grouped.connect("relay") as connection:
        connection.execute("LISTEN khala_sync")
        yield connection


def sequence(
    connection: psycopg.Connection[Any], *, limit: int = 500, sleep: bool = True
) -> tuple[int, str]:
    row = connection.execute(SEQUENCE, [TOPIC, limit, sleep]).fetchone()
    assert row is not None
    return row[0], row[1]


def heard(connection: psycopg.Connection[Any]) -> list[str]:
    """Payloads of all notifications committed since the last call: they come in commit order."""
    connection.execute("SELECT pg_notify('khala_sync', %s)", [_SENTINEL])
    payloads: list[str] = []
    for notification in connection.notifies(timeout=30):
        if notification.payload == _SENTINEL:
            return payloads
        payloads.append(notification.payload)
    raise AssertionError("the session did not hear itself")


def journal(database: Database) -> list[tuple[str, int]]:
    with database.connect() as connection:
        check_topic(connection, TOPIC)
        return [(key, version) for key, version in connection.execute(_JOURNAL, [TOPIC])]


def check_order(rows: list[tuple[str, int]]) -> None:
    """Each document's versions grow."""
    by_key: dict[str, list[int]] = {}
    for key, version in rows:
        by_key.setdefault(key, []).append(version)
    for key, versions in by_key.items():
        assert all(a < b for a, b in pairwise(versions)), (key, versions)


def test_writers_do_not_wait_for_each_other(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    assert writers[0].sink(TOPIC, "a", 1) == (None, "staged")
    assert writers[1].sink(TOPIC, "b", 1) == (None, "staged")
    writers[1].commit()
    assert sequence(relay) == (1, "done")
    writers[0].commit()
    assert sequence(relay) == (1, "done")
    assert journal(grouped) == [("b", 1), ("a", 1)]


def test_what_was_rolled_back_is_not_waited_for(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    writers[0].sink(TOPIC, "a", 1)
    writers[1].sink(TOPIC, "b", 1)
    writers[0].rollback()
    writers[1].commit()
    assert sequence(relay) == (1, "done")
    assert sequence(relay) == (0, "armed")
    assert journal(grouped) == [("b", 1)]


def test_a_low_position_that_is_committed_late_is_found(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    """However many batches later: nothing is taken for settled while its writer lives."""
    writers[0].sink(TOPIC, "late", 1)
    for version in range(1, 21):
        writers[1].sink(TOPIC, "soon", version)
        writers[1].commit()
        assert sequence(relay, limit=1)[0] == 1
    writers[0].commit()
    assert sequence(relay) == (1, "done")
    assert sequence(relay) == (0, "armed")
    assert journal(grouped)[-1] == ("late", 1)


def test_a_sequencer_in_an_old_transaction_settles_nothing(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    """A transaction id from before a writer's does not prove that the writer has ended."""
    with grouped.connect() as old:
        old.autocommit = False
        old.execute("SELECT pg_current_xact_id()")
        writers[0].sink(TOPIC, "late", 1)
        writers[1].sink(TOPIC, "soon", 1)
        writers[1].commit()
        assert sequence(old, sleep=False) == (1, "done")
        old.commit()
    writers[1].sink(TOPIC, "soon", 2)
    writers[1].commit()
    assert sequence(relay) == (1, "done")
    writers[0].commit()
    assert sequence(relay) == (1, "done")
    assert journal(grouped) == [("soon", 1), ("soon", 2), ("late", 1)]


def test_an_old_transaction_of_somebody_else_does_not_keep_what_is_gone(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    """Only a transaction that has staged something here may still commit a low position."""
    batch = json.dumps(
        [{"doc_key": f"doc {n}", "doc_version": 1, "payload": {}} for n in range(3000)]
    )

    def settled_after_a_batch() -> int:
        writers[1].run("SELECT khala.sink_batch(%s, %s::jsonb)", TOPIC, batch)
        writers[1].commit()
        while sequence(relay, limit=3000, sleep=False)[0]:
            pass
        with grouped.connect() as connection:
            row = connection.execute("SELECT settled FROM runtime.sync_topic_staging").fetchone()
        assert row is not None
        return int(row[0])

    with sessions(grouped, 1) as [stranger]:
        stranger.run("SELECT pg_current_xact_id()")
        writers[0].sink(TOPIC, "late", 1)
        assert [settled_after_a_batch() for _ in range(5)] == [0] * 5
        writers[0].commit()
        assert [settled_after_a_batch() for _ in range(4)][-1] > 10_000
    assert sequence(relay) == (0, "armed")
    assert ("late", 1) in journal(grouped)


def test_a_relay_sleeps_only_when_no_writer_is_between_staging_and_commit(
    writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    writers[0].sink(TOPIC, "a", 1)
    assert sequence(relay) == (0, "busy")
    writers[0].commit()
    assert heard(relay) == []
    assert sequence(relay) == (1, "done")
    assert sequence(relay) == (0, "armed")
    writers[0].sink(TOPIC, "a", 2)
    writers[0].commit()
    assert heard(relay) == ["staged:" + TOPIC]


def test_a_writer_that_rolls_back_leaves_the_wake_up_to_the_next(
    writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    assert sequence(relay) == (0, "armed")
    writers[0].sink(TOPIC, "a", 1)
    writers[1].sink(TOPIC, "b", 1)
    writers[0].rollback()
    writers[1].commit()
    assert heard(relay) == ["staged:" + TOPIC]


def test_whoever_takes_what_a_sleeping_relay_waits_for_wakes_it(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    """It disarmed the topic and may die now: the other one must not sleep on."""
    assert sequence(relay) == (0, "armed")
    writers[0].sink(TOPIC, "a", 1)
    writers[0].commit()
    assert heard(relay) == ["staged:" + TOPIC]
    with grouped.connect("runtime") as other:
        assert sequence(other, sleep=False) == (1, "done")
    assert heard(relay) == ["staged:" + TOPIC]


def test_one_at_a_time(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    writers[0].sink(TOPIC, "a", 1)
    writers[0].commit()
    with grouped.connect("relay") as other:
        other.autocommit = False
        assert sequence(other) == (1, "done")
        assert sequence(relay) == (0, "busy")
        other.rollback()
    assert sequence(relay) == (1, "done")
    assert journal(grouped) == [("a", 1)]


def test_a_locked_topic_is_not_waited_for(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    writers[0].sink(TOPIC, "a", 1)
    writers[0].commit()
    with grouped.connect() as holder, holder.transaction():
        holder.execute(
            "SELECT FROM runtime.sync_topic_sequences WHERE topic = %s FOR UPDATE", [TOPIC]
        )
        assert sequence(relay) == (0, "busy")
    assert sequence(relay) == (1, "done")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_sequencer_must_see_what_is_committed_now(
    grouped: Database, writers: list[Session], level: str
) -> None:
    writers[0].sink(TOPIC, "a", 1)
    writers[0].commit()
    with grouped.connect("dba") as connection, connection.transaction():
        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
        with pytest.raises(psycopg.Error) as refused:
            sequence(connection)
        assert refused.value.sqlstate == "KH007"
    assert journal(grouped) == []


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_writer_with_an_old_snapshot_wakes_a_relay_that_slept_since(
    grouped: Database, relay: psycopg.Connection[Any], level: str
) -> None:
    with grouped.connect("runtime") as writer:
        with writer.transaction():
            writer.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            writer.execute("SELECT khala.schema_version()")
            assert sequence(relay) == (0, "armed")
            writer.execute(SINK, [TOPIC, "a", 1, "{}", None])
        assert heard(relay) == ["staged:" + TOPIC]
    assert sequence(relay) == (1, "done")


@pytest.mark.parametrize("level", ["REPEATABLE READ", "SERIALIZABLE"])
def test_a_writer_with_an_old_snapshot_does_not_stage_for_a_direct_topic(
    grouped: Database, level: str
) -> None:
    with grouped.connect("runtime") as writer, grouped.connect("dba") as dba:
        with writer.transaction():
            writer.execute(f"SET TRANSACTION ISOLATION LEVEL {level}".encode())
            writer.execute("SELECT khala.schema_version()")
            dba.execute(SWITCH, [TOPIC, "direct"])
            with pytest.raises(psycopg.errors.SerializationFailure), writer.transaction():
                writer.execute(SINK, [TOPIC, "a", 1, "{}", None])
        writer.execute(SINK, [TOPIC, "a", 1, "{}", None])
    assert journal(grouped) == [("a", 1)]


def test_many_writers_two_sequencers_and_a_purge(grouped: Database, seed: int) -> None:
    """Every committed write is in the journal once or behind a later version, each key in order."""
    written = threading.Event()
    last: dict[str, int] = {}

    def write(writer: int) -> None:
        rng = stream(seed, f"writer {writer}")
        with grouped.connect("runtime") as connection:
            connection.autocommit = False
            for version in range(1, 121):
                keys = sorted({f"{writer}/{rng.randrange(5)}" for _ in range(rng.randint(1, 3))})
                for key in keys:
                    if rng.random() < 0.5:
                        connection.execute(SINK, [TOPIC, key, version, "{}", None])
                    else:
                        document = {"doc_key": key, "doc_version": version, "payload": {}}
                        connection.execute(
                            "SELECT khala.sink_batch(%s, %s::jsonb)",
                            [TOPIC, json.dumps([document])],
                        )
                if rng.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    last.update(dict.fromkeys(keys, version))

    def work(name: str) -> int:
        rng = stream(seed, name)
        taken = 0
        with grouped.connect("relay") as connection:
            while True:
                ended = written.is_set()
                done, state = sequence(connection, limit=rng.randint(1, 40))
                taken += done
                if ended and state == "armed":
                    return taken

    def purge() -> None:
        with grouped.connect("dba") as connection:
            while not written.is_set():
                connection.execute(PURGE, [TOPIC, 20])

    with ThreadPoolExecutor(9) as threads:
        workers = [threads.submit(work, f"sequencer {n}") for n in range(2)]
        purging = threads.submit(purge)
        try:
            for done in [threads.submit(write, n) for n in range(6)]:
                done.result()
        finally:
            written.set()
        purging.result()
        for worker in workers:
            worker.result()
    check_order(journal(grouped))
    with grouped.connect() as connection:
        found = connection.execute(
            "SELECT doc_key, doc_version FROM runtime.sync_documents WHERE topic = %s", [TOPIC]
        ).fetchall()
        left = connection.execute("SELECT count(*) FROM runtime.sync_staged_writes").fetchone()
    assert dict(found) == last
    assert left == (0,)


def test_switched_to_and_fro_under_writers(grouped: Database, seed: int) -> None:
    """No write is lost, left behind or out of order, whichever way it goes."""
    written = threading.Event()

    def write(writer: int) -> int:
        with grouped.connect("runtime") as connection:
            for version in range(1, 201):
                connection.execute(SINK, [TOPIC, f"doc {writer}", version, "{}", None])
        return writer

    def work() -> None:
        with grouped.connect("relay") as connection:
            while not written.is_set():
                sequence(connection, limit=20)

    def switch() -> int:
        rng = stream(seed, "switch")
        switches = 0
        with grouped.connect("dba") as connection:
            while not written.is_set():
                connection.execute(SWITCH, [TOPIC, rng.choice(["direct", "grouped"])])
                switches += 1
            connection.execute(SWITCH, [TOPIC, "direct"])
        return switches

    with ThreadPoolExecutor(6) as threads:
        working, switching = threads.submit(work), threads.submit(switch)
        try:
            for done in [threads.submit(write, n) for n in range(4)]:
                done.result()
        finally:
            written.set()
        working.result()
        assert switching.result() > 0
    rows = journal(grouped)
    check_order(rows)
    # Each writer alone writes its document, in autocommit: every version is the next one.
    assert sorted(rows) == [(f"doc {n}", version) for n in range(4) for version in range(1, 201)]


def test_a_switch_waits_for_whoever_holds_the_topic(
    grouped: Database, writers: list[Session]
) -> None:
    """What a sequencer leaves for later, it must not leave behind."""
    writers[0].sink(TOPIC, "a", 1)
    writers[0].commit()
    with sessions(grouped, 1) as [holder], sessions(grouped, 1, "dba") as [dba]:
        holder.run("SELECT FROM runtime.sync_topic_sequences WHERE topic = %s FOR UPDATE", TOPIC)
        switched = dba.start(SWITCH, TOPIC, "direct")
        holder.commit()
        assert switched.result() == [(1,)]
        dba.commit()
    assert journal(grouped) == [("a", 1)]


def test_staging_is_bounded_and_room_comes_back(grouped: Database) -> None:
    with grouped.connect("dba") as dba, grouped.connect("runtime") as writer:
        dba.execute("SELECT khala.set_topic(%s, p_max_staged_writes => 10)", [TOPIC])
        for turn in range(5):
            for version in range(10):
                writer.execute(SINK, [TOPIC, f"doc {turn}/{version}", 1, "{}", None])
            for _ in range(20):
                with pytest.raises(psycopg.Error) as refused:
                    writer.execute(SINK, [TOPIC, "too many", 1, "{}", None])
                assert refused.value.sqlstate == "KH011"
                assert refused.value.diag.message_hint
            for _ in range(2):
                with grouped.connect("relay") as relay:
                    assert sequence(relay, limit=5, sleep=False)[0] == 5
    assert len(journal(grouped)) == 50


def test_what_was_rolled_back_takes_no_room_for_good(grouped: Database) -> None:
    """Where somebody sequences who never sleeps, and nothing is left to sequence."""
    with grouped.connect("dba") as dba, grouped.connect("runtime") as writer:
        dba.execute("SELECT khala.set_topic(%s, p_max_staged_writes => 10)", [TOPIC])
        for _ in range(3):
            with writer.transaction(force_rollback=True):
                for version in range(10):
                    writer.execute(SINK, [TOPIC, "a", version, "{}", None])
            with pytest.raises(psycopg.Error, match="no room"):
                writer.execute(SINK, [TOPIC, "a", 1, "{}", None])
            assert sequence(writer, sleep=False) == (0, "done")
        writer.execute(SINK, [TOPIC, "a", 1, "{}", None])
        assert sequence(writer, sleep=False) == (1, "done")
    assert journal(grouped) == [("a", 1)]


def test_settling_waits_for_no_writer_and_arms_nothing(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    with grouped.connect("runtime") as writer, writer.transaction(force_rollback=True):
        writer.execute(SINK, [TOPIC, "gone", 1, "{}", None])
    writers[0].sink(TOPIC, "a", 1)
    assert sequence(relay, sleep=False) == (0, "done")
    writers[0].commit()
    assert heard(relay) == []
    assert sequence(relay, sleep=False) == (1, "done")
    assert sequence(relay) == (0, "armed")
    assert sequence(relay, sleep=False) == (0, "done")
    writers[1].sink(TOPIC, "b", 1)
    writers[1].commit()
    assert heard(relay) == [f"staged:{TOPIC}"]


def test_a_batch_has_no_more_than_was_counted(grouped: Database, writers: list[Session]) -> None:
    """A writer with lower positions commits after the batch was chosen and before it is taken."""
    for n in range(50):
        writers[0].sink(TOPIC, f"late {n}", 1)
    writers[1].sink(TOPIC, "soon", 1)
    writers[1].commit()
    with sessions(grouped, 2) as [holder, sequencer]:
        without_lock_timeout(holder)
        holder.run("LOCK TABLE runtime.sync_topic_sequences IN EXCLUSIVE MODE")
        taken = sequencer.start(SEQUENCE, TOPIC, 10, False)
        writers[0].commit()
        holder.commit()
        assert taken.result() == [(1, "done")]
        sequencer.commit()
        assert sequencer.run(SEQUENCE, TOPIC, 10, False) == [(10, "more")]
        sequencer.commit()
    with grouped.connect("relay") as relay:
        while sequence(relay, sleep=False)[0]:
            pass
    assert sorted(journal(grouped)) == sorted([("soon", 1), *((f"late {n}", 1) for n in range(50))])


def without_lock_timeout(session: Session) -> None:
    """Lets a test hold the sequencer up for as long as a busy machine takes."""
    session.run("ALTER FUNCTION khala.sequence(text, integer, boolean) RESET lock_timeout")
    session.commit()


def test_a_document_that_somebody_locks_is_not_waited_for_long(
    grouped: Database, writers: list[Session], relay: psycopg.Connection[Any]
) -> None:
    """Whoever sequences many topics has the others to do."""
    for version in (1, 2):
        writers[0].sink(TOPIC, "a", version)
        writers[0].commit()
        if version == 1:
            assert sequence(relay) == (1, "done")
    with sessions(grouped, 1) as [holder]:
        holder.run("SELECT FROM runtime.sync_documents FOR UPDATE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            sequence(relay)
    assert sequence(relay) == (1, "done")
    assert journal(grouped) == [("a", 1), ("a", 2)]
