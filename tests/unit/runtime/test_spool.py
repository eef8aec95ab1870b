"""The file for events that the database did not take."""

import json
from datetime import UTC, datetime
from pathlib import Path

from khala_pg.runtime import spool
from khala_pg.runtime.ingest import check_line
from khala_pg.runtime.outbox import Event

EVENT = Event(2, "run.finished", {"exit_code": 0}, datetime(2026, 1, 1, tzinfo=UTC))


def test_lines_are_what_ingest_takes(tmp_path: Path) -> None:
    path = spool.write(tmp_path / "new", [EVENT, EVENT], "a/../b c", "org")
    assert path.parent == tmp_path / "new"
    assert path.stat().st_mode & 0o777 == 0o600
    lines = path.read_bytes().splitlines()
    assert len(lines) == 2
    assert check_line(1, lines[0], None) is not None
    assert json.loads(lines[0]) == {
        "entity": "run",
        "id": "a/../b c",
        "seq": 2,
        "type": "run.finished",
        "payload": {"exit_code": 0},
        "occurred_at": "2026-01-01T00:00:00.000000+00:00",
        "org_id": "org",
    }


def test_never_over_another_file(tmp_path: Path) -> None:
    assert spool.write(tmp_path, [EVENT], "a", "o") != spool.write(tmp_path, [EVENT], "a", "o")


def test_directory_is_the_named_one_or_the_users() -> None:
    assert spool.spool_directory({"KHALA_SPOOL_DIR": "/x"}) == Path("/x")
    assert spool.spool_directory({"XDG_STATE_HOME": "/s"}) == Path("/s/khala/spool")
    assert spool.spool_directory({}) == Path.home() / ".local/state/khala/spool"
