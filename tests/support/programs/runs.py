"""Running the khala command as a user does, and reading what it recorded."""

import atexit
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from support.postgres.databases import Database
from support.programs.forked_khala import INPUT_BYTES, ForkedKhala, start_forking

KHALA = str(Path(sys.executable).with_name("khala"))
# Nothing answers here: the port is reserved and never listened on.
NO_DATABASE = "host=127.0.0.1 port=1 dbname=none user=none"


def environment(database: str, spool: Path | None = None) -> dict[str, str]:
    """The environment of a khala command that finds `database`."""
    extra = {} if spool is None else {"KHALA_SPOOL_DIR": str(spool)}
    return {**os.environ, "KHALA_DATABASE_URL": database, "KHALA_ORG": "dev", **extra}


def khala(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run khala to its end; nothing is checked.

    In a fork of a process that has imported everything, which saves 0.4 s of processor time a call;
    unless the environment has something that a process reads once, at its start.
    """
    environment = dict(os.environ if env is None else env)
    if _read_once(environment) == _read_once(_AT_START) and len(stdin or b"") <= INPUT_BYTES:
        with _forking() as forked:
            return forked.run(arguments, environment, cwd or Path.cwd(), stdin, timeout)
    return subprocess.run(
        [KHALA, *arguments],
        env=environment,
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        check=False,
        timeout=timeout,
    )


def khala_text(
    *arguments: str,
    env: Mapping[str, str] | None = None,
    stdin: str | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[str]:
    """The same with text in the place of bytes, every end of a line a line feed."""
    given = None if stdin is None else stdin.encode()
    done = khala(*arguments, env=env, stdin=given, cwd=cwd, timeout=timeout)
    texts = [
        text.decode().replace("\r\n", "\n").replace("\r", "\n")
        for text in (done.stdout, done.stderr)
    ]
    return subprocess.CompletedProcess(done.args, done.returncode, *texts)


_READ_ONCE = (
    *("PYTHON", "LC_", "LANG", "TZ", "LD_", "MALLOC_", "PSYCOPG_"),
    # By Typer and Rich, when they are imported.
    *("TERMINAL_WIDTH", "FORCE_COLOR", "PY_COLORS", "GITHUB_ACTIONS", "_TYPER", "TYPER"),
)


def _read_once(environment: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(_READ_ONCE)}


_AT_START = dict(os.environ)
# Those that run nothing now; a test may run several at once, in threads.
_idle: list[ForkedKhala] = []


@contextmanager
def _forking() -> Iterator[ForkedKhala]:
    try:
        forked = _idle.pop()
    except IndexError:
        forked = start_forking(_AT_START)
        atexit.register(forked.end)
    # Not given back after an error: what it would say next belongs to this call.
    yield forked
    _idle.append(forked)


def events(database: Database, entity_id: str, kind: str = "run") -> list[dict[str, Any]]:
    """The history of an entity, in order."""
    with database.connect() as connection:
        return (
            connection.cursor(row_factory=dict_row)
            .execute(
                "SELECT seq, event_type, payload, occurred_at, recorded_at"
                " FROM runtime.entity_events WHERE kind = %s AND id = %s ORDER BY seq",
                (kind, entity_id),
            )
            .fetchall()
        )


def event_types(database: Database, run_id: str) -> list[str]:
    """The types of a run's events, in order."""
    return [event["event_type"] for event in events(database, run_id)]


def summary(database: Database, entity_id: str, kind: str = "run") -> dict[str, Any]:
    """The summary document of an entity; empty when there is none."""
    with database.connect() as connection:
        row = connection.execute(
            "SELECT payload FROM runtime.sync_documents WHERE doc_key = %s",
            (f"runtime/{kind}_summary:{entity_id}",),
        ).fetchone()
    return {} if row is None else dict(row[0])


def python(source: str) -> Sequence[str]:
    """A command that runs `source`."""
    return [sys.executable, "-u", "-c", source]
