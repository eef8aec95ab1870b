"""A later version is deployed under load, by `khala migrate` and by real sqitch."""

import shutil
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from khala_pg.migration.migrate import migrate, revert, verify
from khala_pg.migration.sqitch_files import read_plan
from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres.databases import Database, Template, empty
from support.postgres.sqitch import needs_sqitch, sqitch
from support.schema.next_version import CHANGE, HOT, next_version
from support.trials.waiting import wait_until

LAST = read_plan(db_dir())[-1].name
TOPIC = "runtime.notifications"


class Load:
    """Three writers and a reader that work until they are stopped."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stop = threading.Event()
        self.written = [0, 0, 0]
        self.read = 0
        self.failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._write, args=(place,)) for place in range(3)
        ] + [threading.Thread(target=self._follow)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def goes_on(self) -> None:
        """Returns when every thread has done something more, or one of them failed."""
        before = (*self.written, self.read)

        def moved() -> bool:
            now = (*self.written, self.read)
            return bool(self.failures) or all(n > b for n, b in zip(now, before, strict=True))

        wait_until(moved, "every writer and the reader go on")

    def _write(self, place: int) -> None:
        try:
            with self._database.connect("runtime") as connection:
                while not self._stop.is_set():
                    number = self.written[place] + 1
                    row = connection.execute(
                        "SELECT outcome FROM khala.sink(%s, %s, %s, %s, 'acme')",
                        (TOPIC, f"doc/{place}", number, f'{{"n": {number}}}'),
                        prepare=True,
                    ).fetchone()
                    assert row == ("applied",)
                    self.written[place] = number
        except BaseException as failure:
            self.failures.append(failure)

    def _follow(self) -> None:
        """Follows the journal and checks that no watermark is missing."""
        after = 0
        try:
            with self._database.connect("relay") as connection:
                while not self._stop.is_set():
                    row = connection.execute(
                        "SELECT next_watermark, updates FROM khala.replay(%s, %s, 'acme')",
                        (TOPIC, after),
                        prepare=True,
                    ).fetchone()
                    assert row is not None
                    assert row[0] == after + row[1]
                    after = row[0]
                    self.read += 1
        except BaseException as failure:
            self.failures.append(failure)


def by_yoyo(dsn: str, following: Path) -> None:
    outcome = migrate(dsn, directory=following)
    assert outcome.changes == (CHANGE,)
    assert len(outcome.functions.changed) == len(HOT)


def by_yoyo_back(dsn: str, following: Path) -> None:
    assert revert(dsn, to=LAST, directory=following).changes == (CHANGE,)
    assert len(migrate(dsn).functions.changed) == len(HOT)


def by_sqitch(dsn: str, following: Path) -> None:
    sqitch("deploy", dsn, "--verify", directory=following)
    _load(dsn, following)


def by_sqitch_back(dsn: str, following: Path) -> None:
    sqitch("revert", dsn, "--to-change", LAST, "-y", directory=following)
    _load(dsn, db_dir())


def _load(dsn: str, directory: Path) -> None:
    """What docs/howto/upgrade.md tells those who deploy with sqitch."""
    psql = shutil.which("psql")
    assert psql is not None
    subprocess.run(
        [psql, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-f", directory / "functions.sql", dsn],
        check=True,
        capture_output=True,
    )


def _deploy(dsn: str, tool: str) -> None:
    if tool == "yoyo":
        migrate(dsn)
    else:
        sqitch("deploy", dsn)


@pytest.mark.parametrize(
    ("tool", "forward", "back"),
    [
        ("yoyo", by_yoyo, by_yoyo_back),
        pytest.param("sqitch", by_sqitch, by_sqitch_back, marks=needs_sqitch),
    ],
)
def test_writers_and_readers_notice_nothing(
    server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path: Path,
    tool: str,
    forward: Callable[[str, Path], None],
    back: Callable[[str, Path], None],
) -> None:
    following = next_version(tmp_path / "db")
    with empty(server) as made:
        # The logins are the server's, so those of the template serve here as well.
        database = replace(made, passwords=template_of(server).passwords)
        _deploy(database.dsn, tool)
        with Load(database) as load:
            load.goes_on()
            for _ in range(2):
                forward(database.dsn, following)
                load.goes_on()
                with database.connect() as connection:
                    assert _next_bodies(connection) == len(HOT)
                back(database.dsn, following)
                load.goes_on()
        assert load.failures == []
        if tool == "yoyo":
            verify(database.dsn)


def test_a_new_database_gets_the_same_as_an_upgraded_one(
    server: PostgresServer, tmp_path: Path
) -> None:
    following = next_version(tmp_path / "db")
    with empty(server) as new, empty(server) as upgraded:
        migrate(new.dsn, directory=following)
        migrate(upgraded.dsn)
        migrate(upgraded.dsn, directory=following)
        assert _columns(new) == _columns(upgraded)


def _columns(database: Database) -> list[Any]:
    with database.connect() as connection:
        return connection.execute(
            "SELECT attrelid::regclass::text, attname FROM pg_attribute WHERE attnum > 0 "
            "AND attrelid IN ('runtime.sync_stream_events'::regclass, "
            "'khala.next_version'::regclass) ORDER BY 1, 2"
        ).fetchall()


def _next_bodies(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_proc WHERE prosrc LIKE '%The next version%' "
        "AND pronamespace::regnamespace::text IN ('khala', 'khala_internal', 'lightning')"
    ).fetchone()
    assert row is not None
    return int(row[0])
