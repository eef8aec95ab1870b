"""Every pgTAP file of db/tests, each a test of its own, on the oldest and the newest server."""

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pytest_pgtap.pgtap import Runner
from tap.line import Bail, Diagnostic, Plan, Result
from tap.parser import Parser

from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres import pgtap
from support.postgres.databases import Template, cloned, empty
from support.programs.missing import skip_without

FILES = sorted((db_dir() / "tests").rglob("*.sql"))


@dataclass(frozen=True)
class TapDatabase:
    """A migrated database with pgTAP.

    dsn: how the tests log in; as_extension: whether pgTAP is an extension or plain functions.
    """

    dsn: str
    as_extension: bool


@pytest.fixture(scope="module")
def tap_database(
    server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[TapDatabase]:
    """One database for all files: each rolls back what it did."""
    with cloned(template_of(server), as_seeded=True) as database:
        yield TapDatabase(database.dsn, installed(server, database.dsn))


@pytest.fixture(scope="module")
def owned_database(
    server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[TapDatabase]:
    """One database that a role without superuser owns and has migrated."""
    template_of(server)  # Khala's roles are the server's, and there by then.
    name, password = f"khala_pgtap_{secrets.token_hex(4)}", secrets.token_hex(8)
    role = sql.Identifier(name)
    with empty(server) as database, psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(
            sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(
                role, sql.Literal(password)
            )
        )
        admin.execute(
            sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database.name), role)
        )
        admin.execute(
            sql.SQL(
                "GRANT khala_owner, khala_runtime, khala_relay, khala_dba TO {} WITH ADMIN OPTION"
            ).format(role)
        )
        as_extension = installed(server, database.dsn)
        dsn = server.dsn(database.name, name, password)
        migrate(dsn)
        yield TapDatabase(dsn, as_extension)


def installed(server: PostgresServer, dsn: str) -> bool:
    try:
        return pgtap.install(server, dsn)
    except pgtap.PgTapMissingError as missing:
        skip_without(str(missing))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file(tap_database: TapDatabase, file: Path) -> None:
    run(tap_database, file)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_file_by_an_owner_without_superuser(owned_database: TapDatabase, file: Path) -> None:
    run(owned_database, file)


def run(tap_database: TapDatabase, file: Path) -> None:
    source = pgtap.source_of(file, tap_database.as_extension)
    with psycopg.connect(tap_database.dsn, autocommit=True) as connection:
        # The file begins and ends its transaction itself.
        lines = Runner._collectrows(
            connection.cursor(row_factory=psycopg.rows.scalar_row).execute(source.encode())
        )
        problems = judge(lines)
        assert not problems, "\n".join(problems)
        state = connection.info.transaction_status
        assert state == psycopg.pq.TransactionStatus.IDLE, "the file must end with ROLLBACK;"


def judge(lines: list[object]) -> list[str]:
    """What is wrong with a TAP report: failures with their diagnostics, or a plan not kept."""
    planned: int | None = None
    ran = 0
    problems: list[str] = []
    failing = False
    # Other values are a file's own calls: the parser takes a number such as 12.5 for a plan.
    for line in Parser().parse_text("\n".join(one for one in lines if isinstance(one, str))):
        match line:
            case Plan():
                planned = line.expected_tests
            case Bail():
                problems.append(f"bailed out: {line.reason}")
            case Result():
                ran += 1
                failing = not line.ok and not line.todo
                if failing:
                    problems.append(f"not ok {line.number} {line.description}")
            case Diagnostic() if failing:
                problems.append(f"    {line.text}")
    if planned is None:
        problems.append("no plan")
    elif planned != ran:
        problems.append(f"planned {planned} tests and ran {ran}")
    return problems


def test_judge_reports_what_is_wrong() -> None:
    assert judge(["1..1", 12.5, None, "ok 1 - fine"]) == []
    assert judge(["1..2", "ok 1 - fine"]) == ["planned 2 tests and ran 1"]
    assert judge(["ok 1 - fine"]) == ["no plan"]
    assert "not ok 1" in judge(["1..1", "not ok 1 - bad\n# because"])[0]


@pytest.mark.slow
def test_pg_prove_alone_runs_them(
    oldest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> None:
    """What a DBA does: pg_prove against a database that has the schema and pgTAP."""
    if shutil.which("pg_prove") is None:
        skip_without("no pg_prove (apt-get install libtap-parser-sourcehandler-pgtap-perl)")
    with cloned(template_of(oldest_server), as_seeded=True) as database:
        try:
            if not pgtap.install(oldest_server, database.dsn):
                skip_without("pgTAP is not an extension of this server (postgresql-15-pgtap)")
        except pgtap.PgTapMissingError as missing:
            skip_without(str(missing))
        where = conninfo_to_dict(database.dsn)
        said = subprocess.run(
            [
                *("pg_prove", "--host", str(where["host"]), "--port", str(where["port"])),
                *("--username", str(where["user"]), "--dbname", database.name),
                *("--recurse", "--ext", ".sql", str(db_dir() / "tests")),
            ],
            env={**os.environ, "PGPASSWORD": str(where["password"])},
            capture_output=True,
            text=True,
            check=False,
        )
    assert said.returncode == 0, said.stdout + said.stderr
    assert "Result: PASS" in said.stdout
