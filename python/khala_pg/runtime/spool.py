"""Events that the database did not take: a JSON-lines file that `khala ingest` loads."""

import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from khala_pg.runtime.outbox import Event


def spool_directory(environment: Mapping[str, str]) -> Path:
    """The directory of spool files: KHALA_SPOOL_DIR, else khala/spool in the state directory.

    A user without a home, as containers have them, gets the directory for temporary files.
    """
    named = environment.get("KHALA_SPOOL_DIR")
    if named:
        return Path(named)
    state = environment.get("XDG_STATE_HOME")
    if state:
        return Path(state) / "khala" / "spool"
    try:
        return Path.home() / ".local" / "state" / "khala" / "spool"
    except RuntimeError:
        return Path(tempfile.gettempdir())


def ingestible(event: Event, run_id: str, org_id: str) -> dict[str, Any]:
    """The event as `khala.ingest_events` takes it."""
    return {
        "entity": "run",
        "id": run_id,
        "seq": event.seq,
        "type": event.type,
        "payload": dict(event.payload),
        "occurred_at": event.occurred_at.isoformat(timespec="microseconds"),
        "org_id": org_id,
    }


def write(directory: Path, events: Sequence[Event], run_id: str, org_id: str) -> Path:
    """Write `events` to a file that only this user can read; its path.

    If `directory` cannot be written to, it goes where temporary files do. Raises OSError when that
    fails too.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        return _write(directory, events, run_id, org_id)
    except OSError:
        return _write(Path(tempfile.gettempdir()), events, run_id, org_id)


def _write(directory: Path, events: Sequence[Event], run_id: str, org_id: str) -> Path:
    # A name per call, and never over an earlier file: two runs may have been given one id.
    descriptor, name = tempfile.mkstemp(
        prefix=f"run-{quote(run_id, safe='')[:100]}-", suffix=".jsonl", dir=directory
    )
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        for event in events:
            file.write(json.dumps(ingestible(event, run_id, org_id), ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
