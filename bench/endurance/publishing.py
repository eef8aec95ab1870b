"""The legacy side of an endurance run: a stand-in in a process of its own, the publisher that
delivers to it, and the comparison of both sides in the end."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from bench.endurance.ledger import ViolationError
from bench.support.processes import Child

_TESTS = Path(__file__).resolve().parents[2] / "tests"
_KHALA = [sys.executable, "-c", "from khala_pg.cli.main import main; main()"]
_KINDS = {
    "runtime.run_summaries": "RunSummary",
    "runtime.codex_worker_summaries": "CodexWorkerSummary",
}
_ADD: LiteralString = "SELECT khala.set_publisher_topic('convex', %s, %s, %s)"
_LEFT: LiteralString = (
    "SELECT coalesce(sum(unread + waiting + in_flight), 0), coalesce(sum(set_aside), 0)"
    " FROM khala.publisher_stats"
)


@dataclass(frozen=True)
class Published:
    """A publisher and where it delivers to."""

    dsn: str
    url: str
    stand_in: Child
    environment: dict[str, str]

    def left(self) -> tuple[int, int]:
        """Updates that wait to be delivered, and that were set aside."""
        with psycopg.connect(self.dsn) as connection:
            row = connection.execute(_LEFT).fetchone()
        assert row is not None
        return int(row[0]), int(row[1])

    def compare(self) -> dict[str, int]:
        """Holds both sides against each other. Raises ViolationError."""
        done = subprocess.run(
            [*_KHALA, "parity", f"--url={self.url}", "--once", "--sample=1000", "--json"],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode != 0:
            raise ViolationError(f"khala parity: {done.stdout[-2000:]}{done.stderr[-1000:]}")
        cycle = json.loads(done.stdout.splitlines()[-1])
        state = self.stand_in.ask()
        if state["gone_back"]:
            raise ViolationError(f"versions of the legacy side went back: {state['gone_back']}")
        return {"published": state["upserts"], "compared": cycle["compared"]}


@contextmanager
def publishing(dsn: str) -> Iterator[Published]:
    """A publisher of both runtime topics that works."""
    command = [sys.executable, "-m", "support.legacy"]
    with Child(command, {"PYTHONPATH": str(_TESTS)}) as stand_in:
        url = stand_in.hello["url"]
        environment = {
            "KHALA_DATABASE_URL": dsn,
            "KHALA_PUBLISH_ADMIN_KEY": stand_in.hello["admin_key"],
        }
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT khala.set_publisher('convex', 'convex', %s)", [url])
            for topic, kind in _KINDS.items():
                connection.execute(_ADD, [topic, f"runtime:upsert{kind}", f"runtime:delete{kind}"])
        with Child([*_KHALA, "publish", "convex", "--json"], environment):
            yield Published(dsn, url, stand_in, environment)
