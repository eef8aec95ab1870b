"""Every command says what it has to say, whatever standard output can write."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from support.postgres.databases import Database
from support.relay.relay_process import KHALA

ENCODINGS = ("ascii", "latin1")
NAME = "café → 試 🙂"


@pytest.fixture(params=ENCODINGS)
def environment(request: pytest.FixtureRequest, newest_database: Database) -> dict[str, str]:
    variables = {"KHALA_DATABASE_URL": newest_database.dsn, "PYTHONIOENCODING": request.param}
    return {**os.environ, **variables, "COLUMNS": "80"}


def said(environment: dict[str, str], *arguments: str) -> str:
    """What a command prints, on both streams."""
    done = subprocess.run(
        [*KHALA, *arguments], capture_output=True, env=environment, timeout=120, check=False
    )
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in err, err
    assert "UnicodeEncodeError" not in out + err
    assert done.returncode in (0, 1, 2), err
    return out + err


def test_commands_that_look(
    environment: dict[str, str], newest_database: Database, tmp_path: Path
) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            "SELECT khala.create_api_key('key00001', sha256('a'), %s, %s, 'o',"
            " ARRAY['runtime.notifications'])",
            (NAME, NAME),
        )
        connection.execute(
            "SELECT khala.sink('runtime.notifications', %s, 1, jsonb_build_object('a', %s::text))",
            (NAME, NAME),
        )
        connection.execute("SELECT khala.revoke('sub', %s)", (NAME,))
    for arguments in (
        ("doctor",),
        ("stats",),
        ("top", "--once"),
        ("key", "list"),
        ("keyring", "show", str(tmp_path / NAME)),
        ("nonsense →",),
        ("relay", "--help"),
    ):
        said(environment, *arguments)
    listed = json.loads(said(environment, "key", "list", "--json"))
    assert (listed["label"], listed["subject"]) == (NAME, NAME)
    assert json.loads(said(environment, "doctor", "--json"))["findings"]
