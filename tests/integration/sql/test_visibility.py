"""Regressions that bit other sync engines: rows that a cursor walks past for good."""

import json
from typing import Any

import psycopg
import pytest

from support.postgres.consistency import apply, check_topic, replay_all, visible
from support.postgres.databases import Database
from support.postgres.sessions import SINK, sessions
from support.trials.seeds import stream

TOPIC = "runtime.run_summaries"


def _read(connection: psycopg.Connection[Any], after: int) -> tuple[list[int], int]:
    """Watermarks of all rows after a cursor, and the cursor to go on from."""
    row = connection.execute(
        "SELECT page, next_watermark FROM khala.replay(%s, %s, NULL)", [TOPIC, after]
    ).fetchone()
    assert row is not None
    return [update["watermark"] for update in json.loads(row[0])["updates"]], row[1]


def test_writers_that_commit_in_the_opposite_order_of_their_start(database: Database) -> None:
    """The transaction that began first, and has the older id, may well write last."""
    with (
        sessions(database, 2, "runtime") as (early, late),
        database.connect("relay") as reader,
    ):
        [(early_id,)] = early.run("SELECT pg_current_xact_id()::text::bigint")
        [(late_id,)] = late.run("SELECT pg_current_xact_id()::text::bigint")
        assert early_id < late_id
        assert late.sink(TOPIC, "late", 1) == (1, "applied")
        assert _read(reader, 0) == ([], 0)
        late.commit()
        assert _read(reader, 0) == ([1], 1)
        assert early.sink(TOPIC, "early", 1) == (2, "applied")
        assert _read(reader, 1) == ([], 1)
        early.commit()
        assert _read(reader, 1) == ([2], 2)


def test_a_writer_that_has_a_watermark_cannot_be_overtaken(database: Database) -> None:
    with (
        sessions(database, 2, "runtime") as (first, second),
        database.connect("relay") as reader,
    ):
        first.sink(TOPIC, "first", 1)
        waiting = second.start(SINK, TOPIC, "second", 1, "{}", None)
        assert _read(reader, 0) == ([], 0)
        first.commit()
        assert waiting.result() == [(2, "applied")]
        assert _read(reader, 0) == ([1], 1)
        second.commit()
        assert _read(reader, 1) == ([2], 2)


def test_a_writer_that_rolls_back_leaves_its_watermark_to_the_next(database: Database) -> None:
    with sessions(database, 2, "runtime") as (first, second):
        first.sink(TOPIC, "first", 1)
        waiting = second.start(SINK, TOPIC, "second", 1, "{}", None)
        first.rollback()
        assert waiting.result() == [(1, "applied")]
        second.commit()
    with database.connect() as connection:
        assert check_topic(connection, TOPIC).head == 1


def test_writers_of_different_topics_do_not_wait_for_each_other(database: Database) -> None:
    with sessions(database, 2, "runtime") as (first, second):
        first.sink(TOPIC, "doc", 1)
        second.run("SET LOCAL lock_timeout = '5s'")
        assert second.sink("runtime.codex_worker_summaries", "doc", 1) == (1, "applied")
        second.commit()


@pytest.mark.parametrize("page", [1, 2, 3, 200])
def test_rows_that_share_a_timestamp_are_all_read(database: Database, page: int) -> None:
    with database.connect() as connection:
        for number in range(25):
            connection.execute(SINK, [TOPIC, f"doc {number % 10}", number, "{}", None])
        connection.execute("UPDATE runtime.sync_stream_events SET inserted_at = '2026-01-01'")
        model, watermarks = replay_all(connection, TOPIC, None, max_updates=page)
        assert watermarks == list(range(1, 26))
        assert model == visible(connection, TOPIC, None)


def test_rows_that_share_a_timestamp_are_purged_together_or_not_at_all(database: Database) -> None:
    with database.connect() as connection:
        for number in range(25):
            connection.execute(SINK, [TOPIC, f"doc {number % 10}", number, "{}", None])
        connection.execute("UPDATE runtime.sync_stream_events SET inserted_at = '2026-01-01'")
        purge = "SELECT deleted FROM khala.retain(%s, '2026-01-02', %s)"
        assert connection.execute(purge, [TOPIC, "1 day"]).fetchone() == (0,)
        assert connection.execute(purge, [TOPIC, "23 hours"]).fetchone() == (25,)


@pytest.mark.parametrize("limits", [{"max_updates": 1}, {"max_updates": 3}, {"max_bytes": 700}])
def test_a_document_that_straddles_page_boundaries_ends_at_its_last_version(
    database: Database, limits: dict[str, int]
) -> None:
    with database.connect() as connection:
        for version in range(20):
            connection.execute(SINK, [TOPIC, "busy", version, f'{{"n": {version}}}', None])
            connection.execute(SINK, [TOPIC, f"other {version}", 1, "{}", None])
        model, watermarks = replay_all(connection, TOPIC, None, **limits)
        assert watermarks == list(range(1, 41))
        assert model["busy"] == (19, {"n": 19})
        assert model == visible(connection, TOPIC, None)


def test_a_document_that_is_written_between_the_pages_of_a_reader(
    database: Database, seed: int
) -> None:
    """A page that was read says nothing about later ones: what moves on is met again further on."""
    rng = stream(seed, "writer")
    with database.connect() as connection:
        for number in range(30):
            connection.execute(SINK, [TOPIC, f"doc {number}", 1, "{}", None])
        model: dict[str, tuple[int, Any]] = {}
        after, version, pages, complete = 0, 1, 0, False
        while not complete:
            row = connection.execute(
                "SELECT page, next_watermark, complete FROM khala.replay(%s, %s, NULL, 4)",
                [TOPIC, after],
            ).fetchone()
            assert row is not None
            page, after, complete = row
            pages += 1
            for update in json.loads(page)["updates"]:
                apply(model, update)
            if pages < 12:
                for _ in range(2):
                    version += 1
                    key = f"doc {rng.randrange(30)}"
                    connection.execute(SINK, [TOPIC, key, version, f'{{"n": {version}}}', None])
        assert model == visible(connection, TOPIC, None)


def test_a_snapshot_read_in_pages_while_documents_change_misses_nothing(
    database: Database, seed: int
) -> None:
    """Snapshot, then replay from its watermark: the read model, whatever was written meanwhile."""
    rng = stream(seed, "writer")
    with database.connect() as connection:
        for number in range(40):
            connection.execute(
                SINK, [TOPIC, f"doc {number:02}", 1, "{}", rng.choice([None, "red"])]
            )
        model: dict[str, tuple[int, Any]] = {}
        key, watermark, complete, version = None, None, False, 1
        while not complete:
            row = connection.execute(
                "SELECT page, next_doc_key, watermark, complete"
                " FROM khala.snapshot(%s, 'red', %s, 5, %s)",
                [TOPIC, key, watermark],
            ).fetchone()
            assert row is not None
            page, key, watermark, complete = row
            for document in json.loads(page)["documents"]:
                apply(model, document)
            for _ in range(4):
                version += 1
                name = f"doc {rng.randrange(50):02}"
                if rng.random() < 0.3:
                    connection.execute(
                        "SELECT khala.sink_delete(%s, %s, %s)", [TOPIC, name, version]
                    )
                else:
                    org = rng.choice([None, "red", "blue"])
                    connection.execute(SINK, [TOPIC, name, version, "{}", org])
        after = watermark
        complete = False
        while not complete:
            row = connection.execute(
                "SELECT page, next_watermark, complete FROM khala.replay(%s, %s, 'red', 3)",
                [TOPIC, after],
            ).fetchone()
            assert row is not None
            page, after, complete = row
            for update in json.loads(page)["updates"]:
                if update["doc_key"] in model or not update.get("deleted"):
                    apply(model, update)
        assert model == visible(connection, TOPIC, "red")
