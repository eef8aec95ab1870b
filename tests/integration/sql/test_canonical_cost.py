"""Canonical text of a summary costs little: processor time of the backend, which others do not add
to. bench/sql/canonical.py says more."""

import json
from pathlib import Path

from support.postgres.databases import Database

SIZE = 4096
MOST_MS = 1.0
TIMES = 200


def test_a_summary_of_4_kib_takes_no_more_than_a_millisecond(database: Database) -> None:
    summary = {
        "document_id": "runtime/run_summary:run-1",
        "owner": "org-a",
        "status": "running",
        "command": ["pytest", *(f"tests/unit/test_{n}.py" for n in range(20))],
        "progress": {"done": 17, "of": 812, "stages": {"build": 1, "test": 0.25}},
        "started_at": "2026-11-23T10:15:30.123456Z",
        "finished_at": None,
        "runtime_source": {"entity": "run", "id": "run-1", "seq": 182},
        "steps": [{"n": n, "name": f"naïve step {n}", "ms": n + 0.5} for n in range(12)],
    }
    summary["task"] = "t" * (SIZE - len(json.dumps(summary)))
    with database.connect("runtime") as connection:
        file = Path(f"/proc/{connection.info.backend_pid}/schedstat")
        query = (
            "SELECT sum(length(khala.canonical_json(%s::jsonb || jsonb_build_object('i', i))))"
            " FROM generate_series(1, %s) AS s (i)"
        )
        measured = []
        for _ in range(3):
            before = int(file.read_text().split()[0])
            connection.execute(query, (json.dumps(summary), TIMES)).fetchall()
            measured.append((int(file.read_text().split()[0]) - before) / 1e6 / TIMES)
    assert min(measured) <= MOST_MS, measured
