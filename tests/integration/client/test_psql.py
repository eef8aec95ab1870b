"""`khala psql`: a session of psql where the other commands work."""

from pathlib import Path

import pytest

from khala_pg.cli.database import psql
from khala_pg.errors import UsageError
from support.postgres.databases import Database
from support.programs.runs import environment, khala


def test_it_opens_the_database_and_passes_arguments_on(newest_database: Database) -> None:
    env = environment(newest_database.dsn)
    query = "SELECT current_database(), :'greeting'"
    done = khala("psql", "-At", "-v", "greeting=hi", "-f", "-", env=env, stdin=query.encode())
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode().strip() == f"{newest_database.name}|hi"
    failed = khala("psql", "-c", "SELECT nonsense", "-v", "ON_ERROR_STOP=1", env=env)
    assert (failed.returncode, b'column "nonsense"' in failed.stderr) == (1, True)


def test_the_database_of_the_option_wins(newest_database: Database) -> None:
    env = environment("host=nowhere.invalid")
    arguments = ("--database", newest_database.dsn, "-Atc", "SELECT 1")
    done = khala("psql", *arguments, env=env)
    assert (done.returncode, done.stdout) == (0, b"1\n")


def test_the_password_is_not_among_the_arguments(newest_database: Database) -> None:
    env = environment(newest_database.dsn)
    done = khala("psql", "-Atc", r"\! cat /proc/$PPID/cmdline", env=env)
    assert f"dbname={newest_database.name}" in done.stdout.decode()
    assert "password" not in done.stdout.decode()


def test_a_secret_that_could_only_be_an_argument_is_refused(newest_database: Database) -> None:
    env = environment(f"{newest_database.dsn}?sslpassword=hidden")
    done = khala("psql", "-Atc", "SELECT 1", env=env)
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"psql takes sslpassword only as an argument" in done.stderr
    assert b"hidden" not in done.stderr


def test_a_psql_that_cannot_be_run_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "psql"
    broken.write_bytes(b"\0no program")
    broken.chmod(0o755)
    monkeypatch.setattr(psql, "embedded_bin_dir", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="psql cannot be run: Exec format error"):
        psql.command(database="dbname=x")


def test_without_the_embedded_one_it_is_that_of_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(psql, "embedded_bin_dir", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="no psql") as refused:
        psql.find_psql()
    assert "embedded" in refused.value.hint
    own = tmp_path / "psql"
    own.touch(0o755)
    assert psql.find_psql() == str(own)
