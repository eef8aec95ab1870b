"""Calls that cannot work: told in words with what to do, exit status 2, never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.auth import keyring_file
from support.postgres.databases import Database
from support.programs.runs import KHALA, khala_text

WRONG, FAILED, NOT_STARTED = 2, 1, 125


def khala(*arguments: str, cwd: Path | None = None, stdout: int | None = None) -> tuple[int, str]:
    """The exit status and what was said on standard error. stdout: None for a pipe."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("KHALA_")}
    if stdout is None:
        done = khala_text(*arguments, cwd=cwd, env=env)
    else:
        done = subprocess.run(
            [KHALA, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            cwd=cwd,
            env=env,
        )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["migrate"],
        ["stats"],
        ["topics"],
        ["topics", "add", "a.b"],
        ["retain"],
        ["reproject", "--all"],
        ["ingest", "-"],
        ["revoke", "--sub", "ann"],
        ["key", "list"],
        ["doctor"],
    ],
    ids=" ".join,
)
def test_a_connection_string_that_is_none(command: Sequence[str]) -> None:
    status, said = khala(*command, "--database", "garbage")
    assert status == WRONG
    assert "not a connection string" in said


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["topics", "add", "x.y", "--horizon", "nonsense"], 'interval: "nonsense"'),
        (["retain", "--horizon", "abc"], "Write an interval as"),
        (["topics", "add", "x.z", "--inline-limit", "99999999999"], "integer out of range"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_values_that_the_database_cannot_read(
    newest_database: Database, command: Sequence[str], says: str
) -> None:
    status, said = khala(*command, "--database", newest_database.dba_dsn)
    assert status == WRONG
    assert says in said
    assert "migrate" not in said


def test_a_database_without_khala_is_to_be_migrated(empty_database: Database) -> None:
    for command in (["stats"], ["topics"], ["topics", "add", "a.b"], ["retain"]):
        status, said = khala(*command, "--database", empty_database.dsn)
        assert (status, "khala migrate" in said) == (WRONG, True), said


# What some roles may do; who may do what several may is tried as nobody alone.
_BY_ROLE = [
    (["topics"], "khala_dba"),
    (["topics", "add", "a.b"], "khala_dba"),
    (["topics", "writes", "runtime.notifications", "grouped"], "khala_dba"),
    (["retain"], "khala_dba"),
    (["forget", "runtime.notifications", "a", "--yes"], "khala_dba"),
    (["types", "--lang", "ts"], "khala_dba"),
    (["archive", "--older-than", "1 day"], "khala_dba"),
    (["stats"], "khala_dba"),
    (["top", "--once"], "khala_dba"),
    (["key", "list"], "khala_dba"),
    (["key", "create", "l", "--org", "a", "--topic", "t.t"], "khala_dba"),
    (["key", "revoke", "12345678"], "khala_dba"),
    (["revoke", "--sub", "ann"], "khala_dba"),
    (["sequence"], "khala_dba"),
    (["reproject", "--all"], "khala_runtime"),
    (["ingest", "--org", "a", "EVENTS"], "khala_runtime"),
    (["relay", "--keyring", "KEYRING", "--ws-port", "0", "--http-port", "0"], "khala_relay"),
]
_BY_SEVERAL = {"sequence", "reproject"}


@pytest.mark.parametrize(
    ("command", "role", "login"),
    [
        pytest.param(command, role, login, id=f"{' '.join(command[:2])} as {login}")
        for command, role in _BY_ROLE
        for login in ("nobody", "another")
        if login == "nobody" or command[0] not in _BY_SEVERAL
    ],
)
def test_the_missing_role_is_named_with_its_grant(
    newest_database: Database, tmp_path: Path, command: list[str], role: str, login: str
) -> None:
    keyring_file.save(keys.generate(), tmp_path / "keyring.json")
    line = {"entity": "run", "id": "r", "seq": 1, "type": "run.started", "payload": {}}
    (tmp_path / "events").write_text(json.dumps(line) + "\n")
    files = {"KEYRING": str(tmp_path / "keyring.json"), "EVENTS": str(tmp_path / "events")}
    name = "khala_test_runtime" if role == "khala_dba" else "khala_test_dba"
    dsn = newest_database.runtime_dsn if role == "khala_dba" else newest_database.dba_dsn
    if login == "nobody":
        name = "Khala's nobody"
        with newest_database.connect() as connection:
            connection.execute('DROP ROLE IF EXISTS "Khala\'s nobody"')
            connection.execute("CREATE ROLE \"Khala's nobody\" LOGIN PASSWORD 'x'")
        dsn = newest_database.server.dsn(newest_database.name, name, "x")
    status, said = khala(*(files.get(word, word) for word in command), "--database", dsn)
    words = " ".join(said.split())
    assert status == WRONG, said
    assert f"{name} is not a member of {role}" in words
    assert f'GRANT {role} TO "{name}";' in words


def test_khala_run_names_the_missing_role_too(newest_database: Database, tmp_path: Path) -> None:
    database = ("--database", newest_database.dba_dsn, "--flush", "20")
    status, said = khala("run", "--org", "a", *database, "--", "true", cwd=tmp_path)
    assert status == 0, said
    assert 'GRANT khala_runtime TO "khala_test_dba";' in " ".join(said.split())


def test_output_that_cannot_be_written(newest_database: Database) -> None:
    with Path("/dev/full").open("wb") as full:
        for command in ("topics", "stats"):
            status, said = khala(
                command, "--database", newest_database.dba_dsn, stdout=full.fileno()
            )
            assert (status, "No space left" in said) == (FAILED, True), said


@pytest.mark.parametrize("command", [["ingest", "--org", "acme", "-"], ["migrate", "--revert"]])
def test_input_that_is_closed(command: Sequence[str]) -> None:
    words = [KHALA, *command, "--database", "dbname=x"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", *words], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (WRONG, "")
    assert "standard input is closed" in done.stderr
    assert "Traceback" not in done.stderr


def test_no_setting_at_all(tmp_path: Path) -> None:
    status, said = khala("stats", cwd=tmp_path)
    assert (status, "KHALA_DATABASE_URL" in said) == (WRONG, True)


@pytest.mark.parametrize(
    "options",
    [[], ["--database", "garbage"], ["--id", ""], ["--heartbeat", "0"], ["--no-such-option"]],
    ids=" ".join,
)
def test_khala_run_that_does_not_start_its_command(tmp_path: Path, options: list[str]) -> None:
    if options == ["--id", ""]:
        options = ["--database", "host=localhost", *options]
    mark = tmp_path / "started"
    status, said = khala("run", *options, "--", "touch", str(mark), cwd=tmp_path)
    assert status == NOT_STARTED, said
    assert said
    assert not mark.exists()


def test_what_is_written_belongs_to_somebody(tmp_path: Path) -> None:
    elsewhere = ("--database", "host=127.0.0.1 port=1")
    mark = tmp_path / "started"
    status, said = khala("run", *elsewhere, "--", "touch", str(mark), cwd=tmp_path)
    assert (status, "--org" in said, mark.exists()) == (NOT_STARTED, True, False)


def test_a_token_for_an_enum_name(tmp_path: Path) -> None:
    ring = tmp_path / "keyring.json"
    keyring_file.save(keys.generate(), ring)
    arguments = ["--org", "acme", "--topic", "SYNC_TOPIC_RUNTIME_NOTIFICATIONS"]
    status, said = khala("token", *arguments, "--keyring", str(ring))
    assert (status, "runtime.run_summaries" in said) == (WRONG, True)
    status, said = khala("key", "create", "label", *arguments, "--database", "host=localhost")
    assert (status, "runtime.run_summaries" in said) == (WRONG, True)


def test_a_khala_dev_that_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    state = {"database": "postgresql:///dev", "pid": gone.pid}
    for directory in (tmp_path / ".khala", tmp_path / "elsewhere"):
        directory.mkdir()
        (directory / "dev.json").write_text(json.dumps(state))
    status, said = khala("stats", cwd=tmp_path)
    assert status == WRONG
    assert f"khala dev (process {gone.pid}) is not running" in said
    assert f"`khala dev` in {tmp_path}" in said
    status, said = khala("run", "--", "true", cwd=tmp_path)
    assert (status, "is not running" in said) == (NOT_STARTED, True)
    # Whoever says where the database is does not need khala dev.
    status, said = khala("stats", "--database", "garbage", cwd=tmp_path)
    assert "not a connection string" in said


def test_a_data_directory_that_cannot_be_one(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for place in ("/dev/null/x", str(file)):
        status, said = khala("dev", "--data-dir", place)
        assert (status, "--data-dir" in said) == (WRONG, True), said
