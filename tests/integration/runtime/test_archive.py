"""Ended runs go into the archive whole, beside writers: none is in both places or in neither."""

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.programs.runs import environment, khala_text
from support.trials.seeds import choose_seed

TOPIC = "runtime.run_summaries"
RUNS = [f"r{nth:02}" for nth in range(12)]
_MOST_EVENTS = 12
# What a writer may be told beside a caller that archives; it knows then that nothing was written.
_GIVES_WAY = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


def write_runs(database: Database, seed: int, written: dict[str, int], mine: list[str]) -> None:
    """Appends to runs of its own until each is archived or long enough."""
    chance = random.Random(seed)
    left = list(mine)
    with psycopg.connect(database.runtime_dsn, autocommit=True) as connection:
        while left:
            run = chance.choice(left)
            seq = written.get(run, 0) + 1
            last = seq >= _MOST_EVENTS
            ends = last or chance.random() < 0.3
            kind = "run.finished" if ends else chance.choice(["run.started", "run.progress"])
            try:
                if chance.random() < 0.5:
                    connection.execute(
                        "SELECT khala.append_run_event(%s, %s, p_seq => %s, p_org_id => 'acme')",
                        (run, kind, seq),
                    )
                else:
                    connection.execute(
                        "SELECT khala.ingest_events(jsonb_build_array(jsonb_build_object('entity',"
                        " 'run', 'id', %s::text, 'seq', %s::int, 'type', %s::text, 'org_id',"
                        " 'acme')))",
                        (run, seq, kind),
                    )
            except _GIVES_WAY:
                continue
            except psycopg.Error as error:
                if error.sqlstate != "KH009":
                    raise
                left.remove(run)
                continue
            written[run] = seq
            if last:
                left.remove(run)


@pytest.fixture
def seed() -> int:
    return choose_seed()


def test_beside_writers_no_event_is_lost(newest_database: Database, seed: int) -> None:
    written: dict[str, int] = {}
    halves = [RUNS[::2], RUNS[1::2]]
    with newest_database.connect() as connection:
        with ThreadPoolExecutor() as pool:
            writers = [
                pool.submit(write_runs, newest_database, seed + nth, written, half)
                for nth, half in enumerate(halves)
            ]
            while not all(writer.done() for writer in writers):
                archive(connection)
            for writer in writers:
                writer.result()
        archive(connection)
        check_topic(connection, TOPIC)
        live = histories(connection, "SELECT id, seq FROM runtime.run_events")
        archived = histories(connection, "SELECT run_id, seq FROM runtime.archived_run_events")
        assert live.keys() & archived.keys() == set()
        assert {run: len(events) for run, events in (live | archived).items()} == written
        for run, events in (live | archived).items():
            assert events == list(range(1, written[run] + 1)), run
        assert archived, "nothing was archived"
        documents = connection.execute(
            "SELECT split_part(d.doc_key, ':', 2), d.deleted FROM runtime.sync_documents AS d"
            " WHERE d.topic = %s",
            (TOPIC,),
        ).fetchall()
        assert dict(documents) == {run: run in archived for run in written}


def test_a_late_event_that_waited_begins_no_second_history(newest_database: Database) -> None:
    event = "SELECT khala.append_run_event('r', 'run.finished', p_seq => 1, p_org_id => 'acme')"
    with sessions(newest_database, 2) as [archiving, late], newest_database.connect() as watching:
        watching.execute(event)
        archiving.run("SELECT khala.archive_runs(clock_timestamp())")
        waiting = late.start(event)
        archiving.commit()
        with pytest.raises(psycopg.Error, match="run 'r' was archived"):
            waiting.result()
        late.rollback()
        assert histories(watching, "SELECT id, seq FROM runtime.run_events") == {}


def archive(connection: psycopg.Connection[Any]) -> None:
    after = None
    while True:
        try:
            row = connection.execute(
                "SELECT last_id FROM khala.archive_runs(clock_timestamp(), %s, 5)", (after,)
            ).fetchone()
        except psycopg.errors.LockNotAvailable:
            continue
        assert row is not None
        [after] = row
        if after is None:
            return


def histories(connection: psycopg.Connection[Any], query: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for run, seq in connection.execute(f"{query} ORDER BY 1, 2".encode()):
        found.setdefault(run, []).append(seq)
    return found


def test_the_command(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        for run in ("a", "b", "c"):
            connection.execute(
                "SELECT khala.append_run_event(%s, 'run.started', p_org_id => 'acme')", (run,)
            )
        for run in ("a", "c"):
            connection.execute("SELECT khala.append_run_event(%s, 'run.finished')", (run,))
    for none in ("1 hour", "3000 years", "infinity"):
        assert khala(newest_database, none) == "0 runs archived, with 0 events\n"
    assert khala(newest_database, "0", "--dry-run", "--batch", "1") == (
        "2 runs would be archived, with 4 events\n"
    )
    assert khala(newest_database, "0", "--batch", "1") == "2 runs archived, with 4 events\n"
    assert khala(newest_database, "0") == "0 runs archived, with 0 events\n"
    assert "interval" in khala(newest_database, "soon", status=2)


def khala(database: Database, older_than: str, *words: str, status: int = 0) -> str:
    done = khala_text("archive", "--older-than", older_than, *words, env=environment(database.dsn))
    assert done.returncode == status, done
    return done.stdout if status == 0 else done.stderr
