"""The screenshot of docs/howto/desktop.md, of a real window on a `khala dev` of its own."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from support.desktop.desktop_surface import surface, virtual_display
from support.programs.dev_process import running

PICTURE = Path(__file__).resolve().parents[3] / "docs" / "screenshots" / "desktop.png"
_RUNS: Sequence[tuple[str, str, str]] = (
    ("train-42", "Train the ranking model", "epoch 3 of 10"),
    ("build-7", "Build the release", "linking"),
    ("import-9", "Import orders of November", "41,200 of 90,000 rows"),
    ("lint-3", "Lint", ""),
)


def main() -> None:
    """Takes it."""
    with tempfile.TemporaryDirectory() as name, virtual_display() as display:
        directory = Path(name)
        with (
            running(directory / "dev") as dev,
            psycopg.connect(dev.ready["database"], autocommit=True) as connection,
        ):
            _fill(connection)
            environment = {
                "DISPLAY": display,
                "KHALA_DEV_FILE": str(directory / "dev" / "dev.json"),
            }
            with surface(environment, directory) as shown:
                shown.shows("the documents", connection="Live", lag="none", rows=10)
                _run(connection, "lint-3", "finished", exit_code=1, reason="2 files need a format")
                pause = Jsonb({"active": True, "reason": "The node is being moved."})
                connection.execute("SELECT lightning.set_global_pause(%s)", (pause,))
                shown.shows("the pause", lightning="paused: The node is being moved.")
                shown.ask("move", x=10, y=10, width=760, height=500)
                assert shown.ask("grab", path=str(PICTURE))
                shown.stop()
    print(PICTURE)


def _fill(connection: "psycopg.Connection[Any]") -> None:
    for number in range(6):
        _run(connection, f"test-{number}", "started", title=f"Tests, part {number + 1}")
        _run(connection, f"test-{number}", "finished", exit_code=0)
    for run, title, message in _RUNS:
        _run(connection, run, "started", title=title)
        _run(connection, run, "progress", message=message)
    for worker in ("paris", "oslo"):
        for event in ("started", "heartbeat"):
            connection.execute(
                "SELECT khala.append_codex_worker_event(%s, %s, '{}', 'dev')",
                (worker, f"worker.{event}"),
            )


def _run(connection: "psycopg.Connection[Any]", run: str, event: str, **payload: object) -> None:
    connection.execute(
        "SELECT khala.append_run_event(%s, %s, %s, 'dev')",
        (run, f"run.{event}", json.dumps(payload)),
    )


if __name__ == "__main__":
    main()
