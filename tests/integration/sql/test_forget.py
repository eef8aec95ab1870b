"""`khala.forget` beside writers, in other isolation levels, and of attached tables."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

import psycopg
import pytest

from support.postgres.databases import Database
from support.relay.relays import NOTES
from support.trials.waiting import wait_until

KEYS = 5


@contextmanager
def writing(database: Database, topic: str) -> Iterator[None]:
    """Writers of the documents k0 to k4, all the time."""
    stop = threading.Event()

    def write() -> None:
        with database.connect() as connection:
            version = 0
            while not stop.is_set():
                version += 1
                connection.execute(
                    "SELECT khala.sink(%s, %s, NULL, jsonb_build_object('secret', %s::int))",
                    (topic, f"k{version % KEYS}", version),
                )

    threads = [threading.Thread(target=write) for _ in range(2)]
    for each in threads:
        each.start()
    try:
        yield
    finally:
        stop.set()
        for each in threads:
            each.join()


@pytest.mark.parametrize("writes", ["direct", "grouped"])
def test_beside_writers(database: Database, writes: str) -> None:
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.register_topic('forgotten', p_ownership => 'public', p_writes => %s)",
            (writes,),
        )

        def head() -> int:
            if writes == "grouped":
                connection.execute("SELECT khala.sequence('forgotten')")
            row = connection.execute(
                "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = 'forgotten'"
            ).fetchone()
            assert row is not None
            return int(row[0])

        def is_there(wanted: int) -> bool:
            return head() >= wanted and (
                connection.execute(
                    "SELECT FROM runtime.sync_documents"
                    " WHERE topic = 'forgotten' AND doc_key = 'k3' AND NOT deleted"
                ).fetchall()
                != []
            )

        with writing(database, "forgotten"):
            for wanted in (20, 40, 60):
                wait_until(partial(is_there, wanted), "versions, and the document again")
                found = connection.execute(
                    "SELECT watermark FROM khala.forget('forgotten', 'k3')"
                ).fetchone()
                assert found is not None
                assert found[0] is not None
                left = connection.execute(
                    "SELECT count(*) FROM runtime.sync_stream_events WHERE topic = 'forgotten'"
                    " AND doc_key = 'k3' AND watermark <= %s AND payload IS NOT NULL",
                    found,
                ).fetchone()
                assert left == (0,)
        wait_until(lambda: head() >= 60, "all is sequenced")
        rows = connection.execute(
            "SELECT watermark FROM runtime.sync_stream_events WHERE topic = 'forgotten' ORDER BY 1"
        ).fetchall()
        assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
        # Versions of a document rise, whatever was forgotten of it.
        [falling] = connection.execute(
            "SELECT count(*) FROM (SELECT doc_version <= lag(doc_version) OVER"
            " (PARTITION BY doc_key ORDER BY watermark) AS falls"
            " FROM runtime.sync_stream_events WHERE topic = 'forgotten') AS v WHERE falls"
        ).fetchall()
        assert falling == (0,)


@pytest.mark.parametrize("level", ["repeatable read", "serializable"])
def test_a_snapshot_that_may_be_old_is_refused(database: Database, level: str) -> None:
    with database.connect("dba") as connection:
        connection.execute(
            "SELECT set_config('default_transaction_isolation', %s, false)", (level,)
        )
        with pytest.raises(psycopg.Error) as refused:
            connection.execute("SELECT khala.forget(%s, 'k')", (NOTES,))
    assert refused.value.sqlstate == "KH007"


def test_a_document_of_an_attached_table_waits_for_its_row(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("CREATE TABLE public.people (id int PRIMARY KEY, name text)")
        connection.execute("INSERT INTO public.people VALUES (7, 'Ann')")
        connection.execute(
            "SELECT khala.attach('public.people', ARRAY['id'], p_ownership => 'public')"
        )

        def sequence() -> bool:
            row = connection.execute("SELECT state FROM khala.sequence('public.people')").fetchone()
            return row == ("done",)

        wait_until(sequence, "the row is a document")
        for change in ("SELECT", "DELETE FROM public.people"):
            connection.execute(change.encode())
            with pytest.raises(psycopg.Error) as refused:
                connection.execute("SELECT khala.forget('public.people', '7')")
            assert refused.value.sqlstate == "KH008"
        wait_until(sequence, "the deletion is sequenced")
        done = connection.execute("SELECT * FROM khala.forget('public.people', '7')").fetchone()
        assert done == (None, 1, 0)
        left = connection.execute(
            "SELECT count(*) FROM runtime.sync_stream_events WHERE payload LIKE '%Ann%'"
        ).fetchone()
        assert left == (0,)
