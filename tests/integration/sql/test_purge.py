"""Retention beside writers, replays and another retention: the floor and the rows agree."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.postgres.sessions import SINK, sessions
from support.trials.seeds import stream

TOPIC = "runtime.run_summaries"
STALE = "KH002"
# Everything that is there when it is called; the horizon is not what these tests are about.
PURGE = "SELECT deleted, retention_floor, more FROM khala.retain(%s, now() + '1 day', '0', %s)"
REPLAY = "SELECT page, next_watermark, complete FROM khala.replay(%s, %s, NULL, %s)"


def _fill(connection: psycopg.Connection[tuple[object, ...]], rows: int) -> None:
    documents = [
        {"doc_key": f"doc {number % 50}", "doc_version": number, "payload": {"n": number}}
        for number in range(rows)
    ]
    for start in range(0, rows, 50):
        batch = json.dumps(documents[start : start + 50])
        connection.execute("SELECT khala.sink_batch(%s, %s::jsonb)", [TOPIC, batch])


def test_a_reader_that_a_purge_overtakes_is_told_and_never_skips(
    database: Database, seed: int
) -> None:
    """Readers page through a journal that is written at one end and purged at the other."""
    written = threading.Event()
    with database.connect() as connection:
        _fill(connection, 600)

    def read(reader: int) -> int:
        rng = stream(seed, f"reader {reader}")
        stale = 0
        with database.connect("relay") as connection:
            while True:
                last = written.is_set()
                after, complete = None, False
                try:
                    while not complete:
                        row = connection.execute(
                            REPLAY, [TOPIC, after, rng.randint(1, 30)]
                        ).fetchone()
                        assert row is not None
                        page, end, complete = row
                        given = [u["watermark"] for u in json.loads(page)["updates"]]
                        start = given[0] if after is None and given else (after or 0) + 1
                        assert given == list(range(start, end + 1)) or not given
                        assert given or after is None or end == after
                        after = end
                except psycopg.Error as error:
                    if error.sqlstate != STALE:
                        raise
                    stale += 1
                if last:
                    return stale

    def write() -> None:
        with database.connect("runtime") as connection:
            for version in range(1000, 1400):
                connection.execute(SINK, [TOPIC, f"doc {version % 50}", version, "{}", None])

    def purge() -> int:
        rng = stream(seed, "purge")
        deleted = 0
        with database.connect("dba") as connection:
            while not written.is_set():
                row = connection.execute(PURGE, [TOPIC, rng.randint(1, 40)]).fetchone()
                deleted += row[0] if row is not None else 0
        return deleted

    with ThreadPoolExecutor(7) as threads:
        readers = [threads.submit(read, reader) for reader in range(4)]
        purges = [threads.submit(purge) for _ in range(2)]
        try:
            threads.submit(write).result()
        finally:
            written.set()
        deleted = sum(purge.result() for purge in purges)
        told = sum(reader.result() for reader in readers)
    with database.connect() as connection:
        state = check_topic(connection, TOPIC)
    assert state.head == 1000
    assert state.floor == deleted + 1
    print(f"readers were told {told} times that their cursor is stale")


def test_a_replay_in_flight_still_has_its_rows(database: Database) -> None:
    """The check and the read share one snapshot: what the check allowed is there to be read."""
    with sessions(database, 2) as (reader, purger):
        _fill(reader.connection, 100)
        reader.commit()
        reader.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        [(first, cursor, _)] = reader.run(REPLAY, TOPIC, 0, 10)
        assert purger.run(PURGE, TOPIC, 10000) == [(100, 101, False)]
        purger.commit()
        [(second, _, complete)] = reader.run(REPLAY, TOPIC, cursor, 1000)
        given = [u["watermark"] for page in (first, second) for u in json.loads(page)["updates"]]
        assert given == list(range(1, 101))
        assert complete
        reader.commit()
        with pytest.raises(psycopg.Error) as refused:
            reader.run(REPLAY, TOPIC, cursor, 1000)
        assert refused.value.sqlstate == STALE


def test_a_purge_that_is_not_committed_shows_neither_floor_nor_deletion(database: Database) -> None:
    with sessions(database, 2) as (reader, purger):
        _fill(reader.connection, 20)
        reader.commit()
        purger.run(PURGE, TOPIC, 10000)
        [(page, _, complete)] = reader.run(REPLAY, TOPIC, 0, 100)
        assert len(json.loads(page)["updates"]) == 20
        assert complete
        purger.rollback()
        reader.commit()
        [(page, _, _)] = reader.run(REPLAY, TOPIC, 0, 100)
        assert len(json.loads(page)["updates"]) == 20


def test_two_purges_at_once_leave_the_topic_to_the_first(database: Database) -> None:
    with sessions(database, 2, "dba") as (first, second):
        with database.connect() as connection:
            _fill(connection, 30)
        assert first.run(PURGE, TOPIC, 10) == [(10, 11, True)]
        second.run("SET LOCAL lock_timeout = '5s'")
        assert second.run(PURGE, TOPIC, 10) == []
        second.commit()
        first.commit()
        assert second.run(PURGE, TOPIC, 10) == [(10, 21, True)]
        second.commit()
        assert first.run(PURGE, TOPIC, 10) == [(10, 31, False)]
        first.commit()
    with database.connect() as connection:
        state = check_topic(connection, TOPIC)
        assert (state.floor, state.head) == (31, 30)
        stats = connection.execute(
            "SELECT purges, purged_events FROM runtime.sync_topic_retention WHERE topic = %s",
            [TOPIC],
        ).fetchone()
        assert stats == (3, 30)


def test_a_purge_waits_for_no_writer_and_takes_none_of_its_rows(database: Database) -> None:
    with sessions(database, 2) as (writer, purger):
        _fill(writer.connection, 10)
        writer.commit()
        assert writer.sink(TOPIC, "uncommitted", 1) == (11, "applied")
        purger.run("SET LOCAL lock_timeout = '5s'")
        assert purger.run(PURGE, TOPIC, 10000) == [(10, 11, False)]
        purger.commit()
        writer.commit()
    with database.connect() as connection:
        state = check_topic(connection, TOPIC)
        assert (state.floor, state.head) == (11, 11)


def test_a_topic_purged_empty_keeps_its_head(database: Database) -> None:
    with database.connect() as connection:
        _fill(connection, 20)
        assert connection.execute(PURGE, [TOPIC, 10000]).fetchone() == (20, 21, False)
        state = check_topic(connection, TOPIC)
        assert (state.floor, state.head) == (21, 20)
        assert connection.execute(PURGE, [TOPIC, 10000]).fetchone() == (0, 21, False)

        at_head = connection.execute(REPLAY, [TOPIC, 20, 10]).fetchone()
        assert at_head is not None
        assert json.loads(at_head[0])["updates"] == []
        assert at_head[1:] == (20, True)
        from_nothing = connection.execute(REPLAY, [TOPIC, None, 10]).fetchone()
        assert from_nothing is not None
        assert from_nothing[1:] == (20, True)
        for below in (0, 19):
            with pytest.raises(psycopg.Error) as refused:
                connection.execute(REPLAY, [TOPIC, below, 10])
            assert refused.value.sqlstate == STALE
            judged = connection.execute(
                "SELECT stale, reason, retention_floor FROM khala.check_cursors(%s, %s::jsonb)",
                [[TOPIC], json.dumps({TOPIC: below})],
            ).fetchone()
            assert judged == (True, "below_floor", 21)
        connection.execute(SINK, [TOPIC, "new", 1, "{}", None])
        after = connection.execute(REPLAY, [TOPIC, 20, 10]).fetchone()
        assert after is not None
        assert [u["watermark"] for u in json.loads(after[0])["updates"]] == [21]


def test_a_clock_that_jumps_back_and_forth_never_tears_the_journal(
    database: Database, seed: int
) -> None:
    """The rows' times need not grow with their watermarks."""
    rng = stream(seed, "clock")
    with database.connect() as connection:
        _fill(connection, 200)
        for watermark in range(1, 201):
            connection.execute(
                "UPDATE runtime.sync_stream_events SET inserted_at = '2026-01-01'::timestamptz"
                " + %s * interval '1 hour' WHERE topic = %s AND watermark = %s",
                [rng.randint(-500, 500), TOPIC, watermark],
            )
        floor = 1
        for hours in [-1000, *rng.sample(range(-500, 500), 10), 1000]:
            connection.execute(
                "SELECT khala.retain("
                "%s, '2026-01-01'::timestamptz + %s * interval '1 hour', '0', 7)",
                [TOPIC, hours],
            )
            state = check_topic(connection, TOPIC)
            assert state.floor >= floor, "the floor went back"
            assert state.head == 200
            floor = state.floor


def test_a_young_row_before_old_ones_keeps_them(database: Database) -> None:
    """The clock was an hour ahead for one row: the rows after it wait for it, none is torn out."""
    with database.connect() as connection:
        _fill(connection, 10)
        connection.execute("UPDATE runtime.sync_stream_events SET inserted_at = '2026-01-01'")
        connection.execute(
            "UPDATE runtime.sync_stream_events SET inserted_at = '2026-02-01' WHERE watermark = 4"
        )
        purge = "SELECT deleted, retention_floor FROM khala.retain(%s, '2026-01-15', '1 day')"
        assert connection.execute(purge, [TOPIC]).fetchone() == (3, 4)
        assert check_topic(connection, TOPIC).floor == 4
