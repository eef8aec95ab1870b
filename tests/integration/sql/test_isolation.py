"""Writers at the stricter isolation levels, and transactions with several sinks."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.postgres.sessions import SINK, sessions
from support.trials.seeds import stream

TOPIC = "runtime.run_summaries"
SERIALIZATION_FAILURE = "40001"
STRICT = ["REPEATABLE READ", "SERIALIZABLE"]


@pytest.mark.parametrize("level", STRICT)
def test_a_snapshot_older_than_the_last_write_is_refused_for_a_retry(
    database: Database, level: str
) -> None:
    with sessions(database, 2, "runtime") as (strict, other):
        strict.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        strict.run("SELECT 1")
        other.sink(TOPIC, "other", 1)
        other.commit()
        with pytest.raises(psycopg.errors.SerializationFailure) as refused:
            strict.sink(TOPIC, "strict", 1)
        assert refused.value.sqlstate == SERIALIZATION_FAILURE
        strict.rollback()
        strict.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        assert strict.sink(TOPIC, "strict", 1) == (2, "applied")
        strict.commit()
    with database.connect() as connection:
        assert check_topic(connection, TOPIC).head == 2


@pytest.mark.parametrize("level", STRICT)
def test_a_writer_that_waits_for_one_that_commits_is_refused_for_a_retry(
    database: Database, level: str
) -> None:
    with sessions(database, 2, "runtime") as (first, strict):
        first.sink(TOPIC, "first", 1)
        strict.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        waiting = strict.start(SINK, TOPIC, "strict", 1, "{}", None)
        first.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            waiting.result()
        strict.rollback()
    with database.connect() as connection:
        assert check_topic(connection, TOPIC).head == 1


@pytest.mark.parametrize("level", STRICT)
@pytest.mark.parametrize("call", ["khala.revoke('sub', 'ann')", "khala.new_epoch()"])
def test_a_number_that_follows_the_rows_is_refused_for_a_retry(
    database: Database, level: str, call: str
) -> None:
    with sessions(database, 2, "dba") as (first, strict):
        first.run(f"SELECT {call}")
        strict.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        waiting = strict.start(f"SELECT {call}")
        first.commit()
        with pytest.raises(psycopg.errors.SerializationFailure):
            waiting.result()
        strict.rollback()
        strict.run(f"SET TRANSACTION ISOLATION LEVEL {level}")
        strict.run(f"SELECT {call}")
        strict.commit()


@pytest.mark.parametrize("level", ["READ COMMITTED", *STRICT])
def test_many_writers_with_retries_lose_nothing(database: Database, level: str, seed: int) -> None:
    """Each writer's documents are all there, in journal and read model, whatever was retried."""
    rounds = 12

    def write(writer: int) -> int:
        rng = stream(seed, f"writer {writer}")
        retries = 0
        with psycopg.connect(database.runtime_dsn) as connection:
            for version in range(rounds):
                keys = [f"{writer}", *rng.sample(["x", "y", "z"], 2)]
                while True:
                    try:
                        connection.execute(f"SET TRANSACTION ISOLATION LEVEL {level}")
                        for key in keys:
                            connection.execute(
                                SINK, [TOPIC, key, version, f'{{"w": {writer}}}', None]
                            )
                        connection.commit()
                        break
                    except psycopg.errors.SerializationFailure:
                        connection.rollback()
                        retries += 1
        return retries

    with ThreadPoolExecutor(6) as threads:
        retries = sum(threads.map(write, range(6)))
    print(f"{level}: {retries} retries")
    with database.connect() as connection:
        check_topic(connection, TOPIC)
        rows = connection.execute(
            "SELECT doc_key, doc_version FROM runtime.sync_documents"
            " WHERE topic = %s AND doc_key ~ '^[0-9]+$'",
            [TOPIC],
        ).fetchall()
        assert sorted(rows) == sorted((str(writer), rounds - 1) for writer in range(6))


def test_sinks_of_one_topic_in_any_order_never_deadlock(database: Database, seed: int) -> None:
    """The topic's row is locked before any document's: whoever has it has everything."""
    keys = ["a", "b", "c", "d"]

    def write(writer: int) -> None:
        rng = stream(seed, f"writer {writer}")
        with psycopg.connect(database.runtime_dsn) as connection:
            for version in range(1, 26):
                for key in rng.sample(keys, len(keys)):
                    connection.execute(SINK, [TOPIC, key, version, f'{{"w": {writer}}}', None])
                connection.commit()

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(write, range(8)))
    with database.connect() as connection:
        check_topic(connection, TOPIC)


def test_topics_locked_in_opposite_order_end_in_a_clean_error(database: Database) -> None:
    """The one order a caller must keep is that of topics; Postgres says so and nothing is lost."""
    other = "runtime.codex_worker_summaries"
    with sessions(database, 2, "runtime") as (first, second):
        first.sink(TOPIC, "doc", 1)
        second.sink(other, "doc", 1)
        waiting = first.start(SINK, other, "doc", 2, "{}", None)
        # Which of the two is refused is Postgres's choice.
        refused = 0
        for attempt in (lambda: second.sink(TOPIC, "doc", 2), waiting.result):
            try:
                attempt()
            except psycopg.errors.DeadlockDetected:
                refused += 1
        assert refused == 1
        for session in (second, first):
            session.rollback()
    with database.connect() as connection:
        assert check_topic(connection, TOPIC).head == 0
        assert check_topic(connection, other).head == 0
