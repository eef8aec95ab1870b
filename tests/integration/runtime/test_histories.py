"""Histories under concurrency, and what a projection costs."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg

from support.postgres.consistency import check_topic
from support.postgres.databases import Database

WRITERS = 16
RUNS = "runtime.run_summaries"


def together(writers: int, work: Callable[[int], None]) -> None:
    """Run `work(number)` in so many threads at once; the first error is raised."""
    failures: list[BaseException] = []
    gate = threading.Barrier(writers)

    def one(number: int) -> None:
        try:
            gate.wait()
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def one_row(database: Database, query: str) -> Any:
    with database.connect() as connection:
        return connection.execute(query).fetchone()


def test_writers_of_one_run_leave_no_hole(database: Database) -> None:
    def append(_: int) -> None:
        with database.connect("runtime") as connection:
            for _ in range(20):
                connection.execute("SELECT khala.append_run_event('r', 'run.heartbeat')")

    together(WRITERS, append)
    total = WRITERS * 20
    assert one_row(
        database,
        "SELECT count(*), min(seq), max(seq), (SELECT latest_seq FROM runtime.runs)"
        " FROM runtime.run_events",
    ) == (total, 1, total, total)
    with database.connect() as connection:
        state = check_topic(connection, RUNS)
        assert state.head == total


def test_one_number_is_given_to_one_writer(database: Database) -> None:
    outcomes: list[str] = []

    def append(_: int) -> None:
        with database.connect("runtime") as connection:
            for seq in range(1, 21):
                row: Any = connection.execute(
                    "SELECT outcome FROM khala.append_run_event("
                    "'r', 'run.progress', jsonb_build_object('lines', %s), p_seq => %s)",
                    (seq, seq),
                ).fetchone()
                outcomes.append(row[0])

    together(8, append)
    assert outcomes.count("appended") == 20
    assert outcomes.count("duplicate") == 7 * 20
    assert one_row(database, "SELECT count(*), max(seq) FROM runtime.run_events") == (20, 20)


def test_overlapping_batches_never_wait_for_each_other_in_a_ring(database: Database) -> None:
    def ingest(number: int) -> None:
        with database.connect("runtime") as connection:
            for seq in range(1, 11):
                # Every batch has all runs and workers, new ones among them, in another order.
                connection.execute(
                    "SELECT khala.ingest_events(jsonb_agg(jsonb_build_object("
                    "'entity', k.kind, 'id', 'e' || n, 'seq', s, 'type', 'x')"
                    " ORDER BY md5(n::text || k.kind || %s), s))"
                    " FROM generate_series(1, 30) AS n, generate_series(1, %s) AS s,"
                    " unnest(ARRAY['run', 'codex_worker']) AS k (kind)",
                    (str(number), seq),
                )

    together(6, ingest)
    assert one_row(
        database, "SELECT count(*), min(latest_seq), max(latest_seq) FROM runtime.entities"
    ) == (60, 10, 10)
    assert one_row(database, "SELECT count(*) FROM runtime.entity_events") == (600,)
    with database.connect() as connection:
        check_topic(connection, RUNS)


def test_appends_beside_batches_of_the_same_entities(database: Database) -> None:
    def work(number: int) -> None:
        with database.connect("runtime") as connection:
            for seq in range(1, 21):
                if number % 2:
                    connection.execute(
                        "SELECT khala.append_run_event(%s, 'x', p_seq => %s)",
                        (f"r{(seq - 1) % 5}", (seq - 1) // 5 + 1),
                    )
                else:
                    connection.execute(
                        "SELECT khala.ingest_events(jsonb_agg(jsonb_build_object("
                        "'entity', 'run', 'id', 'r' || n, 'seq', s, 'type', 'x') ORDER BY s))"
                        " FROM generate_series(4, 0, -1) AS n, generate_series(1, %s) AS s",
                        ((seq - 1) // 5 + 1,),
                    )

    together(8, work)
    assert one_row(
        database,
        "SELECT count(*) FROM runtime.runs AS r WHERE r.latest_seq <> ("
        "SELECT count(*) FROM runtime.run_events AS e WHERE e.id = r.id)",
    ) == (0,)


def touched(connection: psycopg.Connection[Any], run_id: str) -> int:
    """Pages that summarizing a run looks at, with the plans made already."""
    query = "SELECT * FROM khala_internal.summarize_entities('run', ARRAY[%s])"
    connection.execute(query, (run_id,))
    row: Any = connection.execute(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + query, (run_id,)
    ).fetchone()
    plan = row[0][0]["Plan"]
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def test_a_projection_costs_the_same_after_a_long_history(database: Database) -> None:
    with database.connect() as connection:
        for run_id, length in (("short", 10), ("long", 30_000)):
            for first in range(1, length + 1, 10_000):
                connection.execute(
                    "SELECT khala.ingest_events(jsonb_agg(jsonb_build_object("
                    "'entity', 'run', 'id', %s::text, 'seq', s,"
                    " 'type', CASE s WHEN 1 THEN 'run.started' ELSE 'run.progress' END,"
                    " 'payload', jsonb_build_object('lines', s))))"
                    " FROM generate_series(%s::int, %s::int) AS s",
                    (run_id, first, min(first + 9_999, length)),
                )
        connection.execute("ANALYZE runtime.run_events")
        short, long = touched(connection, "short"), touched(connection, "long")
        assert long <= short + 30, (short, long)
        assert long < 150
