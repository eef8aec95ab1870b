"""Settings that sessions are given from outside, which connections of this package do not heed."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from psycopg import sql

import khala_pg
from khala_pg.connections import connect, connect_async
from khala_pg.sqlapi.relay import revocations
from support.postgres.databases import Database
from support.postgres.pooler import pooled

KHALA = str(Path(sys.executable).with_name("khala"))

HOSTILE = {
    "client_encoding": "LATIN1",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "standard_conforming_strings": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "search_path": "pg_temp",
}
_STATED = {
    "client_encoding": "UTF8",
    "DateStyle": "ISO, YMD",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
}
_READ = sql.SQL(", ").join(
    sql.SQL("current_setting({})").format(sql.Literal(name)) for name in _STATED
)


def set_for_everybody(database: Database, settings: Mapping[str, str]) -> None:
    """Gives every session of the database these settings."""
    with database.connect() as connection:
        for name, value in settings.items():
            connection.execute(
                sql.SQL("ALTER DATABASE {} SET {} = {}").format(
                    sql.Identifier(database.name), sql.Identifier(name), sql.Literal(value)
                )
                # A list of names is no string.
                if name != "search_path"
                else sql.SQL("ALTER DATABASE {} SET search_path = {}").format(
                    sql.Identifier(database.name), sql.SQL(value)
                )
            )


def test_only_one_module_opens_connections() -> None:
    package = Path(khala_pg.__file__).parent
    opening = re.compile(
        r"psycopg\.connect|\bConnection(\[\w+\])?\.connect|from psycopg import .*\bconnect\b"
    )
    assert [
        str(module.relative_to(package))
        for module in sorted(package.rglob("*.py"))
        if opening.search(module.read_text())
    ] == ["connections.py"]


def test_a_connection_has_what_it_states(database: Database) -> None:
    set_for_everybody(database, HOSTILE)

    async def stated_async() -> tuple[object, ...] | None:
        async with await connect_async(database.dsn) as connection:
            return await (await connection.execute(sql.SQL("SELECT ") + _READ)).fetchone()

    with connect(database.dsn) as connection:
        assert connection.execute(sql.SQL("SELECT ") + _READ).fetchone() == (*_STATED.values(),)
    assert asyncio.run(stated_async()) == (*_STATED.values(),)


def test_a_pooler_keeps_it_for_each_of_its_clients(newest_database: Database) -> None:
    set_for_everybody(newest_database, HOSTILE)
    with pooled(newest_database) as dsn, connect(dsn) as ours, newest_database.connect():
        for encoding in ("LATIN1", "UTF8"):
            # Another client has the only server connection for itself, with settings of its own.
            other = subprocess.run(
                [
                    "psql",
                    "--dbname",
                    dsn,
                    "-Atc",
                    "SHOW client_encoding",
                    "-c",
                    "SET TimeZone = 'Asia/Tokyo'",
                ],
                env={"PGCLIENTENCODING": encoding, "PATH": "/usr/bin:/bin"},
                capture_output=True,
                text=True,
                check=True,
            )
            assert other.stdout.splitlines()[0] == encoding
            assert ours.execute(sql.SQL("SELECT ") + _READ).fetchone() == (*_STATED.values(),)


def test_numbers_arrive_with_all_their_digits(database: Database) -> None:
    set_for_everybody(database, HOSTILE)
    with database.connect() as connection:
        connection.execute("SELECT khala.revoke('sub', 'é', '2030-01-02 03:04:05.678901+00')")

    async def read() -> list[object]:
        async with await connect_async(database.relay_dsn) as connection:
            return [(each.value, each.issued_until) for each in await revocations(connection, 0)]

    assert asyncio.run(read()) == [("é", 1893553445.678901)]


@pytest.mark.parametrize(
    "command",
    [
        ("stats",),
        ("stats", "--json"),
        ("key", "list"),
        ("key", "list", "--json"),
        ("topics",),
        ("topics", "--json"),
        ("retain", "--json"),
        ("doctor",),
        ("migrate", "--status"),
    ],
    ids=" ".join,
)
def test_commands_run_under_any_settings(
    newest_database: Database, command: tuple[str, ...]
) -> None:
    def run(options: str) -> str:
        done = subprocess.run(
            [KHALA, *command, "--database", newest_database.dsn],
            env={
                "PATH": "/usr/bin:/bin",
                "LC_ALL": "C.UTF-8",
                "COLUMNS": "200",
                "PGOPTIONS": options,
                "PGCLIENTENCODING": "LATIN1" if options else "UTF8",
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        return re.sub(r"\d+ (rows|sessions)|[\d.]+%?", "#", done.stdout)

    with newest_database.connect() as connection:
        connection.execute(
            "SELECT khala.create_api_key('key00001', sha256('x'), 'café', 's', 'o',"
            " ARRAY['runtime.run_summaries'], '2030-01-02 03:04:05+00')"
        )
    options = " ".join(
        f"-c {name}={value.replace(' ', '')}"
        for name, value in HOSTILE.items()
        if name != "client_encoding"
    )
    assert run(options) == run("")
