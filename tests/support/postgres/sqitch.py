"""The real sqitch, for tests."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from khala_pg.resources import db_dir

needs_sqitch = pytest.mark.skipif(
    shutil.which("sqitch") is None or shutil.which("psql") is None,
    reason="sqitch is not installed (apt-get install sqitch libdbd-pg-perl)",
)


def sqitch(command: str, dsn: str, *arguments: str, directory: Path | None = None) -> str:
    """Runs sqitch on the files of `directory` (db/ if None) and returns what it printed."""
    run = subprocess.run(
        [
            "sqitch",
            "--chdir",
            str(directory or db_dir()),
            command,
            *arguments,
            dsn.replace("postgresql", "db:pg"),
        ],
        env={
            **os.environ,
            "SQITCH_FULLNAME": "Test",
            "SQITCH_EMAIL": "test@example.org",
            "LC_ALL": "C.UTF-8",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout
