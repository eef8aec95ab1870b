"""Machine of a drill: `khala dev` with database, relay and page, and what can be broken there.

`khala dev` starts again what dies, as a supervisor does.
"""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from khala_pg.resources import web_dir
from support.programs.dev_process import Dev, running
from support.trials.waiting import until


@dataclass(frozen=True)
class Machine:
    """A running `khala dev`, and the environment in which commands find it."""

    dev: Dev
    home: Path
    environment: dict[str, str]

    @property
    def database(self) -> str:
        return str(self.dev.ready["database"])

    @property
    def metrics(self) -> str:
        """Address of the relay's metrics, without scheme and path."""
        return str(self.dev.ready["metrics"]).removeprefix("http://").removesuffix("/metrics")

    async def kill_relay(self) -> None:
        """SIGKILL; returns when its successor serves."""
        await self._kill("relay", signal.SIGKILL)

    async def kill_database(self) -> None:
        """An immediate shutdown, as a crash; returns when it is back and the relay serves."""
        await self._kill("postgres", signal.SIGQUIT)
        await until(lambda: asyncio.to_thread(self.dev.has_database), "the database is back", 120)
        await until(lambda: asyncio.to_thread(self.dev.is_ready), "the relay serves", 120)

    async def _kill(self, word: str, number: signal.Signals) -> None:
        before = self.dev.child(word)
        assert before, f"khala dev has no child {word}"
        os.kill(before, number)
        await until(lambda: self.dev.child(word) not in {0, before}, f"{word} is back", 120)
        await until(lambda: asyncio.to_thread(self.dev.is_ready), "the relay serves", 120)


@contextmanager
def machine(**variables: str) -> Iterator[Machine]:
    """A machine of its own, gone afterwards."""
    # Not mkdtemp's own mode: as root, PostgreSQL runs as an account that must get in.
    home = Path(tempfile.mkdtemp(prefix="khala-drill-"))
    home.chmod(0o755)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KHALA_", "OA_", "PG", "PYTHONDONTWRITE"))
        or name == "KHALA_CHROMIUM"
    }
    programs = str(Path(sys.executable).parent)
    environment |= {
        # The commands of this checkout; Node may stand there, and must not hide another one.
        "PATH": f"{programs}:{os.environ['PATH']}",
        "KHALA_DEV_FILE": str(home / "dev.json"),
        **variables,
    }
    page = web_dir()
    arguments = ["--ws-port=0", "--http-port=0", "--metrics-port=0"]
    arguments += [] if page is None else [f"--web-dir={page}"]
    try:
        with running(home, *arguments) as dev:
            yield Machine(dev, home, environment)
    finally:
        shutil.rmtree(home, ignore_errors=True)
