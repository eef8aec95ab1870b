"""`khala migrate` and `khala doctor` as commands: what they print and their exit status."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from khala_pg.migration.schemas import PRESENT, check_complete
from khala_pg.migration.sqitch_files import MigrationError, read_plan
from khala_pg.postgres import free_ports
from khala_pg.resources import db_dir
from support.postgres.databases import Database
from support.postgres.dumps import make_standby
from support.postgres.servers import Servers
from support.programs.runs import khala_text

NAMES = [change.name for change in read_plan(db_dir())]


def khala(
    *arguments: str, cwd: Path, typed: str = "", **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("KHALA_")}
    said = khala_text(*arguments, env={**inherited, **environment}, stdin=typed, cwd=cwd)
    assert "Traceback" not in said.stderr, said.stderr
    return said


def test_from_nothing_to_everything_and_back(empty_database: Database, tmp_path: Path) -> None:
    def migrate(*arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        where = {"KHALA_DATABASE_URL": empty_database.dsn}
        return khala("migrate", *arguments, cwd=tmp_path, typed=typed, **where)

    said = migrate("--status")
    assert said.returncode == 1
    assert said.stdout.split() == [word for name in NAMES for word in ("pending", name)]

    said = migrate("--dry-run", "--to", "sync_tables")
    assert said.stdout.splitlines() == ["would apply  roles", "would apply  sync_tables"]

    said = migrate()
    assert said.returncode == 0
    assert said.stdout.splitlines() == [f"applied  {name}" for name in NAMES]
    assert migrate().stdout == "nothing to do: the schema is up to date\n"
    assert migrate("--status").returncode == 0
    assert migrate("--verify").stdout.splitlines() == [f"ok       {name}" for name in NAMES]

    with empty_database.connect() as connection:
        connection.execute("DROP FUNCTION khala.schema_version()")
    assert "would load   khala.schema_version() (new)" in migrate("--dry-run").stdout
    assert migrate("--verify").returncode == 1
    assert migrate().stdout == "loaded   khala.schema_version() (new)\n"

    said = migrate("--revert", typed="n\n")
    assert said.returncode == 1
    assert migrate("--status").returncode == 0
    said = migrate("--revert", "--dry-run")
    assert said.stdout.splitlines()[0] == f"would revert {NAMES[-1]}"
    said = migrate("--revert", "--to", "sync_tables", "--yes")
    assert said.stdout.splitlines() == [f"reverted {name}" for name in reversed(NAMES[2:])]
    assert migrate("--revert", "--yes").returncode == 0


def test_errors_say_what_to_do(empty_database: Database, tmp_path: Path) -> None:
    said = khala("migrate", cwd=tmp_path)
    assert said.returncode == 2
    assert "KHALA_DATABASE_URL" in said.stderr

    said = khala("migrate", "--status", "--revert", "--database", "x", cwd=tmp_path)
    assert "exclude each other" in said.stderr

    nobody = f"postgresql://x@127.0.0.1:{free_ports.free_port()}/x"
    said = khala("migrate", "--database", nobody, cwd=tmp_path)
    assert said.returncode == 1
    assert "cannot be reached" in said.stderr

    said = khala("migrate", "--to", "nonsense", "--database", empty_database.dsn, cwd=tmp_path)
    assert said.returncode == 1
    assert "no change nonsense" in said.stderr


def test_doctor_says_what_to_do(
    newest_database: Database, empty_database: Database, tmp_path: Path
) -> None:
    said = khala("doctor", "--database", empty_database.dsn, cwd=tmp_path)
    assert said.returncode == 1
    assert "FAIL schema" in said.stdout
    assert "→ Run `khala migrate`." in said.stdout
    said = khala("doctor", "--json", "--database", newest_database.dsn, cwd=tmp_path)
    assert said.returncode == 0
    assert json.loads(said.stdout)["ok"] is True


def test_whoever_may_not_migrate_is_told_who_may(empty_database: Database, tmp_path: Path) -> None:
    login = f"{empty_database.name}_nobody"
    with empty_database.connect() as connection:
        connection.execute(f"CREATE ROLE {login} LOGIN PASSWORD 'x'".encode())
    try:
        dsn = make_conninfo(empty_database.dsn, user=login, password="x")
        said = khala("migrate", "--database", dsn, cwd=tmp_path)
        assert said.returncode == 1
        told = " ".join(said.stderr.split())
        for word in ("superuser", "CREATEROLE", "owns the database", f"TO {login} WITH ADMIN"):
            assert word in told
    finally:
        with empty_database.connect() as connection:
            connection.execute(f"DROP ROLE {login}".encode())


def test_another_role_is_told_what_it_lacks(newest_database: Database, tmp_path: Path) -> None:
    for arguments, lacking in (
        ((), "GRANT khala_owner TO khala_test_dba WITH ADMIN OPTION"),
        (("--status",), "GRANT khala_owner TO khala_test_dba."),
        (("--verify",), "GRANT khala_owner TO khala_test_dba."),
    ):
        said = khala("migrate", *arguments, "--database", newest_database.dba_dsn, cwd=tmp_path)
        assert said.returncode == 1
        told = " ".join(said.stderr.split())
        assert "permission denied for schema khala_migration" in told
        assert lacking in told


def test_a_part_of_a_backup_is_noticed(database: Database, tmp_path: Path) -> None:
    """Whatever part it is, and by whatever meets it first."""
    schemas = ("khala", "khala_internal", "runtime", "lightning", "khala_migration")
    with database.connect() as connection:
        for missing in schemas:
            with connection.transaction(force_rollback=True):
                connection.execute(f"ALTER SCHEMA {missing} RENAME TO elsewhere".encode())
                present = [name for (name,) in connection.execute(PRESENT)]
                with pytest.raises(MigrationError, match=missing) as refused:
                    check_complete(present, expected=missing != "khala_migration")
                assert all(f"--schema={name}" in refused.value.hint for name in schemas)
        check_complete([])
        check_complete([], expected=False)
        connection.execute("ALTER SCHEMA khala_internal RENAME TO elsewhere")
    keyring = tmp_path / "keyring.json"
    assert khala("keyring", "new", str(keyring), cwd=tmp_path).returncode == 0
    for arguments in (
        ("migrate",),
        ("migrate", "--status"),
        ("doctor",),
        ("relay", "--keyring", str(keyring), "--ws-port=0", "--http-port=0", "--metrics-port=0"),
    ):
        said = khala(*arguments, cwd=tmp_path, KHALA_DATABASE_URL=database.dsn)
        assert said.returncode == 1, arguments
        told = " ".join((said.stdout + said.stderr).split())
        assert "but not schema khala_internal" in told
        assert "pg_dump --schema=khala --schema=khala_internal --schema=runtime" in told


def test_a_standby_says_what_it_has_and_changes_nothing(
    own_database: Database, servers: Servers, tmp_path: Path
) -> None:
    with make_standby(own_database.server, servers.new_home("standby") / "home") as standby:
        where = {"KHALA_DATABASE_URL": standby.dsn(own_database.name)}
        said = khala("migrate", "--status", cwd=tmp_path, **where)
        assert said.returncode == 0
        *applied, standby_line = said.stdout.splitlines()
        assert applied == [f"applied  {name}" for name in NAMES]
        assert standby_line.startswith("this server is a standby: migrate the primary")
        for refused in (["migrate"], ["migrate", "--revert", "--yes"]):
            said = khala(*refused, cwd=tmp_path, **where)
            assert said.returncode != 0
            assert "this server is a standby" in said.stderr
            assert "target_session_attrs=read-write" in said.stderr
