"""A gate that is not met stops a drill: a mismatch is planted before the first stage."""

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest

from support.programs.missing import skip_without

TESTS = Path(__file__).resolve().parents[1]


@pytest.mark.slow
async def test_a_planted_mismatch_stops_the_drill(tmp_path: Path) -> None:
    if shutil.which("prometheus") is None:
        skip_without("no prometheus (apt-get install prometheus)")
    report = tmp_path / "report.md"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "drills", "codex", "--plant-mismatch"),
        *("--window-s=10", "--patience-s=15", f"--report={report}"),
        cwd=TESTS,
        env=os.environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output = (await process.communicate())[0].decode()
    assert process.returncode == 1, output
    text = report.read_text("utf-8")
    assert "**The drill was stopped: a gate was not met: " in text, text
    assert "| parity: share of mismatches | " in text
    assert "Stage 1" not in text, "no stage begins after that"
