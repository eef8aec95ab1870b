"""Running the khala command as a user does, and reading what it recorded."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from psycopg.rows import dict_row

from support.postgres.databases import Database

KHALA = str(Path(sys.executable).with_name("khala"))
# Nothing answers here: the port is reserved and never listened on.
NO_DATABASE = "host=127.0.0.1 port=1 dbname=none user=none"


def environment(database: str, spool: Path | None = None) -> dict[str, str]:
    """The environment of a khala command that finds `database`."""
    extra = {} if spool is None else {"KHALA_SPOOL_DIR": str(spool)}
    return {**os.environ, "KHALA_DATABASE_URL": database, "KHALA_ORG": "dev", **extra}


def khala(
    *arguments: str,
    env: Mapping[str, str],
    stdin: bytes | None = None,
    cwd: Path | None = None,
    timeout: float = 60,
) -> subprocess.CompletedProcess[bytes]:
    """Run khala to its end; nothing is checked."""
    return subprocess.run(
        [KHALA, *arguments],
        env=dict(env),
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        cwd=cwd,
        check=False,
        timeout=timeout,
    )


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
