"""Watermarks: without holes, without duplicates, and visible in the order they were given out."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.trials.seeds import stream

TOPIC = "runtime.run_summaries"
WRITERS = 16
TRANSACTIONS = 60


def test_sixteen_writers_share_one_sequence_without_holes_or_duplicates(
    database: Database, seed: int
) -> None:
    def allocate(writer: int) -> list[range]:
        rng = stream(seed, f"writer {writer}")
        kept: list[range] = []
        with psycopg.connect(database.dsn) as connection:
            for _ in range(TRANSACTIONS):
                taken: list[range] = []
                for _ in range(rng.randint(1, 3)):
                    count = rng.randint(1, 5)
                    row = connection.execute(
                        "SELECT khala_internal.allocate_watermark(%s, %s)", [TOPIC, count]
                    ).fetchone()
                    assert row is not None
                    taken.append(range(row[0] - count + 1, row[0] + 1))
                if rng.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    kept += taken
        return kept

    with ThreadPoolExecutor(WRITERS) as threads:
        kept = list(threads.map(allocate, range(WRITERS)))

    for ranges in kept:
        assert [r.start for r in ranges] == sorted(r.start for r in ranges), "not monotonic"
    everything = sorted(watermark for ranges in kept for r in ranges for watermark in r)
    assert everything == list(range(1, len(everything) + 1))
    with database.connect() as connection:
        head = connection.execute(
            "SELECT head_watermark FROM runtime.sync_topic_sequences WHERE topic = %s", [TOPIC]
        ).fetchone()
    assert head == (len(everything),)


def test_a_reader_never_sees_a_hole_below_the_head(database: Database, seed: int) -> None:
    """Commit order is watermark order: in every snapshot the journal ends at the head."""
    ended = threading.Event()

    def write(writer: int) -> int:
        rng = stream(seed, f"writer {writer}")
        written = 0
        with psycopg.connect(database.runtime_dsn) as connection:
            for version in range(TRANSACTIONS):
                wanted = rng.randint(1, 3)
                for number in range(wanted):
                    connection.execute(
                        "SELECT khala.sink(%s, %s, %s, '{}')",
                        [TOPIC, f"{writer}/{number}", version],
                    )
                if rng.random() < 0.2:
                    connection.rollback()
                else:
                    connection.commit()
                    written += wanted
        return written

    def read(reader: int) -> int:
        looks = 0
        seen = 0
        with psycopg.connect(database.dsn, autocommit=True) as connection:
            while True:
                last = ended.is_set()
                row = connection.execute(
                    "SELECT s.head_watermark, j.rows, j.highest"
                    " FROM runtime.sync_topic_sequences AS s,"
                    " (SELECT count(*) AS rows, coalesce(max(watermark), 0) AS highest"
                    "  FROM runtime.sync_stream_events WHERE topic = %(topic)s) AS j"
                    " WHERE s.topic = %(topic)s",
                    {"topic": TOPIC},
                ).fetchone()
                assert row is not None
                head, rows, highest = row
                assert head == rows == highest, f"head {head}, {rows} rows up to {highest}"
                assert head >= seen, "the head went back"
                seen = head
                looks += 1
                if last:
                    return looks

    with ThreadPoolExecutor(WRITERS + 2) as threads:
        readers = [threads.submit(read, reader) for reader in range(2)]
        writers = [threads.submit(write, writer) for writer in range(WRITERS)]
        try:
            written = sum(writer.result() for writer in writers)
        finally:
            ended.set()
        assert all(reader.result() > 1 for reader in readers)
    with database.connect() as connection:
        assert check_topic(connection, TOPIC).head == written


def test_a_crash_between_allocation_and_commit_leaves_no_hole(
    database: Database, seed: int
) -> None:
    """A backend that is terminated gives its watermark back, like a rollback."""
    rng = random.Random(seed)
    with database.connect() as killer, database.connect() as checker:
        committed = 0
        for round_ in range(10):
            victim = psycopg.connect(database.runtime_dsn)
            victim.execute("SELECT khala.sink(%s, %s, %s, '{}')", [TOPIC, "doc", round_])
            if rng.random() < 0.5:
                victim.commit()
                committed += 1
            killer.execute("SELECT pg_terminate_backend(%s, 10000)", [victim.info.backend_pid])
            victim.close()
            assert check_topic(checker, TOPIC).head == committed


def test_a_write_waits_for_the_disk_even_where_the_caller_would_not(database: Database) -> None:
    """What was delivered must not be lost in a crash, for its watermark would run again."""
    with psycopg.connect(database.runtime_dsn) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.commit()
        connection.execute("SELECT khala.sink(%s, 'doc', 1, '{}')", [TOPIC])
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
        connection.commit()
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
        # What writes nothing does not wait.
        connection.execute("SELECT khala.sink(%s, 'doc', 1, '{}')", [TOPIC])
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
        connection.rollback()
        connection.execute("SET synchronous_commit = remote_apply")
        connection.execute("SELECT khala.sink(%s, 'doc', 2, '{}')", [TOPIC])
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)
