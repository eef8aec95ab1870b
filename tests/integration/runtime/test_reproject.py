"""`khala reproject`: summaries from history again, beside live writers."""

import subprocess
import threading
from typing import Any

import psycopg

from support.postgres.consistency import check_topic
from support.postgres.databases import Database
from support.programs.runs import KHALA, environment, khala, summary


def fill(database: Database, runs: int, workers: int) -> None:
    with database.connect("runtime") as connection:
        connection.execute(
            "SELECT khala.append_run_event('r' || n, 'run.started', '{\"title\": \"t\"}')"
            " FROM generate_series(1, %s) AS n",
            (runs,),
        )
        connection.execute(
            "SELECT khala.append_codex_worker_event('w' || n, 'worker.idle')"
            " FROM generate_series(1, %s) AS n",
            (workers,),
        )


def spoil(database: Database) -> None:
    """Make every summary wrong, behind the projector's back."""
    with database.connect() as connection:
        connection.execute("UPDATE runtime.sync_documents SET payload = '{\"wrong\": true}'")


def wrong(database: Database) -> int:
    with database.connect() as connection:
        row: Any = connection.execute(
            "SELECT count(*) FROM runtime.sync_documents WHERE payload ? 'wrong'"
        ).fetchone()
    return int(row[0])


def test_one_run_and_one_worker(database: Database) -> None:
    fill(database, 2, 2)
    spoil(database)
    env = environment(database.runtime_dsn)
    assert khala("reproject", "--run", "r1", env=env).stdout == b"1 summary rebuilt\n"
    assert khala("reproject", "--worker", "w2", env=env).stdout == b"1 summary rebuilt\n"
    assert summary(database, "r1")["title"] == "t"
    assert summary(database, "w2", "codex_worker")["status"] == "running"
    assert wrong(database) == 2


def test_all_of_them(database: Database) -> None:
    fill(database, 120, 30)
    spoil(database)
    done = khala("reproject", "--all", env=environment(database.dba_dsn))
    assert done.stdout == b"150 summaries rebuilt\n"
    assert wrong(database) == 0
    with database.connect() as connection:
        for topic in ("runtime.run_summaries", "runtime.codex_worker_summaries"):
            check_topic(connection, topic)


def test_what_it_refuses(newest_database: Database) -> None:
    env = environment(newest_database.runtime_dsn)
    unknown = khala("reproject", "--run", "none", env=env)
    assert (unknown.returncode, b"run 'none' is not known" in unknown.stderr) == (1, True)
    for arguments in ([], ["--all", "--run", "r"]):
        unclear = khala("reproject", *arguments, env=env)
        assert unclear.returncode == 2
        assert b"Pass one of --run, --worker and --all." in unclear.stderr


def test_beside_live_writers_no_reader_misses_a_summary(newest_database: Database) -> None:
    runs = 200
    fill(newest_database, runs, 0)
    done = threading.Event()
    failures: list[str] = []
    appended = [0, 0]

    def append(writer: int) -> None:
        with newest_database.connect("runtime") as connection:
            while not done.is_set():
                number = (appended[writer] * 7 + writer) % runs + 1
                try:
                    connection.execute(
                        "SELECT khala.append_run_event(%s, 'run.heartbeat')", (f"r{number}",)
                    )
                except psycopg.Error as error:
                    failures.append(str(error))
                    return
                appended[writer] += 1

    def read() -> None:
        with newest_database.connect() as connection:
            while not done.is_set():
                row: Any = connection.execute(
                    "SELECT count(*) FROM runtime.sync_run_summaries"
                ).fetchone()
                if row[0] != runs:
                    failures.append(f"{row[0]} summaries")
                    return

    threads = [threading.Thread(target=append, args=(n,)) for n in range(2)]
    threads.append(threading.Thread(target=read))
    for thread in threads:
        thread.start()
    try:
        both = [
            subprocess.Popen(
                [KHALA, "reproject", "--all"],
                env=environment(newest_database.runtime_dsn),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            for _ in range(2)
        ]
        for process in both:
            output, error = process.communicate(timeout=60)
            assert output == b"200 summaries rebuilt\n", error
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert min(appended) > 0
    with newest_database.connect() as connection:
        check_topic(connection, "runtime.run_summaries")
        row: Any = connection.execute(
            "SELECT count(*) FROM runtime.runs AS r JOIN runtime.sync_run_summaries AS d"
            " ON d.doc_key = 'runtime/run_summary:' || r.id AND d.doc_version = r.latest_seq"
        ).fetchone()
        assert row == (runs,)
