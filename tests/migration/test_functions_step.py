"""Loading changed function bodies: what differs is loaded, what does not is left alone."""

import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from khala_pg.migration.migrate import migrate, status
from khala_pg.resources import db_dir
from support.postgres.databases import Database
from support.postgres.dumps import dump, restore_as
from support.schema.function_files import function_file, function_files
from support.schema.next_version import CHANGE, HOT, next_version

CATALOG = (
    "SELECT oid, xmin, ctid FROM pg_proc WHERE pronamespace::regnamespace::text "
    "IN ('khala', 'khala_internal', 'lightning') ORDER BY 1"
)


@pytest.fixture
def changed_files(tmp_path: Path) -> Path:
    """A copy of db/ that a test may change."""
    copy = tmp_path / "db"
    shutil.copytree(db_dir(), copy)
    return copy


def edit(directory: Path, name: str, old: str, new: str) -> None:
    """Replaces one piece of a function's file, which must be there."""
    file = function_file(directory, name)
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_nothing_changed_leaves_the_catalog_alone(database: Database) -> None:
    with database.connect() as connection:
        before = connection.execute(CATALOG).fetchall()
        assert not migrate(database.dsn).functions
        assert status(database.dsn).up_to_date
        assert connection.execute(CATALOG).fetchall() == before


def test_a_changed_body_is_loaded_and_named(database: Database, changed_files: Path) -> None:
    edit(changed_files, "schema_version", "SELECT 1;", "SELECT 1 + 0;")
    found = status(database.dsn, directory=changed_files)
    assert found.functions.changed == ("khala.schema_version()",)
    assert not found.up_to_date
    with database.connect() as connection:
        before = [oid for oid, _, _ in connection.execute(CATALOG)]
        outcome = migrate(database.dsn, directory=changed_files)
        assert outcome.functions.changed == ("khala.schema_version()",)
        assert outcome.functions.added == ()
        body = connection.execute(
            "SELECT prosrc FROM pg_proc WHERE oid = 'khala.schema_version()'::regprocedure"
        ).fetchone()
        assert body is not None
        assert "1 + 0" in body[0]
        assert [oid for oid, _, _ in connection.execute(CATALOG)] == before
    assert status(database.dsn, directory=changed_files).up_to_date


def test_a_changed_comment_or_grant_counts(database: Database, changed_files: Path) -> None:
    edit(changed_files, "current_epoch", "Current epoch.", "The current epoch.")
    assert migrate(database.dsn, directory=changed_files).functions.changed == (
        "khala.current_epoch()",
    )
    with database.connect() as connection:
        connection.execute("GRANT EXECUTE ON FUNCTION khala.schema_version() TO PUBLIC")
    assert migrate(database.dsn, directory=changed_files).functions.changed == (
        "khala.schema_version()",
    )


def test_a_function_that_was_dropped_comes_back(database: Database) -> None:
    with database.connect() as connection:
        connection.execute("DROP FUNCTION khala.schema_version()")
    assert migrate(database.dsn).functions.added == ("khala.schema_version()",)


def test_bodies_wait_for_the_changes_that_they_may_need(
    empty_database: Database, tmp_path: Path
) -> None:
    """Otherwise calls fail from a partial upgrade on."""
    dsn = empty_database.dsn
    migrate(dsn)
    following = next_version(tmp_path / "db")
    with (following / "sqitch.plan").open("a") as plan:
        plan.write(f"last [{CHANGE}] 2030-01-02T00:00:00Z A <a@example.org> # Last\n")
    for kind in ("deploy", "revert", "verify"):
        (following / kind / "last.sql").write_text("SELECT 1;")
    part = migrate(dsn, to=CHANGE, directory=following)
    assert part.changes == (CHANGE,)
    assert not part.functions
    rest = migrate(dsn, directory=following)
    assert len(rest.functions.changed) == len(HOT)


def test_a_view_counts_as_well(database: Database, changed_files: Path) -> None:
    view = changed_files / "views" / "sink_stats.sql"
    view.write_text(view.read_text().replace("Sinks by outcome", "All sinks by outcome"))
    assert migrate(database.dsn, directory=changed_files).functions.changed == ("khala.sink_stats",)
    with database.connect() as connection:
        connection.execute("DROP VIEW khala.sink_stats")
    assert migrate(database.dsn).functions.added == ("khala.sink_stats",)


@pytest.mark.parametrize("restores", [1, 2])
def test_a_dump_and_restore_is_not_a_change(
    empty_database: Database, changed_files: Path, tmp_path: Path, restores: int
) -> None:
    """The server prints what it reads from its own print with other parentheses."""
    edit(
        changed_files,
        "stale_reason",
        "WHEN p_after > p_head_watermark THEN",
        "WHEN p_after BETWEEN 0 AND p_head_watermark AND p_after < 0 THEN 'never'\n"
        "    WHEN p_after > p_head_watermark THEN",
    )
    view = changed_files / "views" / "sink_stats.sql"
    text = view.read_text()
    view.write_text(
        text.replace(";\n", "\nWHERE 1 BETWEEN 0 AND 2 AND pg_catalog.now() > '-infinity';\n", 1)
    )
    server, name = empty_database.server, empty_database.name
    migrate(empty_database.dsn, directory=changed_files)
    for number in range(restores):
        dump(replace(empty_database, name=name), tmp_path / "backup")
        name = f"{empty_database.name}_restored_{number}"
        restore_as(server, name, {}, tmp_path / "backup")
    assert status(server.dsn(name), directory=changed_files).up_to_date
    # What does differ is still noticed.
    assert status(server.dsn(name)).functions.changed == (
        "khala.sink_stats",
        "khala_internal.stale_reason(bigint,bigint,bigint,text,text)",
    )


def test_a_broken_body_changes_nothing(database: Database, changed_files: Path) -> None:
    edit(changed_files, "schema_version", "SELECT 1;", "SELECT 1 + 0;")
    edit(changed_files, "retain", "BEGIN", "BEGIN BEGIN")
    with database.connect() as connection:
        before = connection.execute(CATALOG).fetchall()
        with pytest.raises(psycopg.errors.SyntaxError):
            migrate(database.dsn, directory=changed_files)
        assert connection.execute(CATALOG).fetchall() == before


def test_sessions_go_on_during_an_upgrade(database: Database, changed_files: Path) -> None:
    """Prepared sinks and replays of running sessions see no error while bodies are replaced."""
    stop = threading.Event()
    failures: list[BaseException] = []
    done = [0, 0]

    def work(slot: int, role: str, call: Callable[[psycopg.Connection[Any], int], None]) -> None:
        try:
            with database.connect(role) as connection:
                while not stop.is_set():
                    done[slot] += 1
                    call(connection, done[slot])
        except BaseException as failure:
            failures.append(failure)

    def sink(connection: psycopg.Connection[Any], number: int) -> None:
        row = connection.execute(
            "SELECT outcome FROM khala.sink('runtime.notifications', %s, %s, %s, 'acme')",
            ("doc", number, f'{{"n": {number}}}'),
            prepare=True,
        ).fetchone()
        assert row == ("applied",)

    def replay(connection: psycopg.Connection[Any], number: int) -> None:
        row = connection.execute(
            "SELECT next_watermark FROM khala.replay('runtime.notifications', 0, NULL, %s)",
            (number % 50 + 1,),
            prepare=True,
        ).fetchone()
        assert row is not None

    threads = [
        threading.Thread(target=work, args=(0, "runtime", sink)),
        threading.Thread(target=work, args=(1, "relay", replay)),
    ]
    for thread in threads:
        thread.start()
    try:
        text = (changed_files / "functions.sql").read_text()
        for round_ in range(8):
            for file in function_files(changed_files):
                source = file.read_text()
                if "LANGUAGE plpgsql" in source:
                    file.write_text(source.replace("\nBEGIN\n", f"\nBEGIN\n    -- {round_}\n", 1))
            (changed_files / "functions.sql").write_text(text)
            seen = list(done)
            assert migrate(database.dsn, directory=changed_files).functions.changed
            while not failures and any(now <= then for now, then in zip(done, seen, strict=True)):
                stop.wait(0.01)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert min(done) > 8
