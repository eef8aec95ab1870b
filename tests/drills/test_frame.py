"""The frame of the drills: runbook, gates, commands, report."""

import asyncio
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from drills import codex, runbook
from drills.course import Course, GateNotMetError, Reading
from drills.report import write
from drills.runbook import Gate
from drills.shell import CommandFailedError, Service, run, running
from support.trials.waiting import until

PAGE = """
# A cutover

| gate | query | allowed |
| --- | --- | --- |
| lag (s) | `max(lag{a="b"}) or vector(0)` | ≤ 2 |
| up | `min(up)` | ≥ 1 |

## Prepare

```sh
khala doctor
khala flags
```

```sh service publisher
khala publish
```

Text, and what is no command:

```sql
SELECT 1;
```

## Roll back

```sh
khala flags set web --lane legacy
```
"""


def test_a_runbook_is_read(tmp_path: Path) -> None:
    file = tmp_path / "runbook.md"
    file.write_text(PAGE)
    found = runbook.read(file)
    assert found.headings == ["Prepare", "Roll back"]
    assert [(block.commands, block.service) for block in found.under("Prepare")] == [
        ("khala doctor\nkhala flags", None),
        ("khala publish", "publisher"),
    ]
    assert [(gate.query, gate.allowed) for gate in found.gates] == [
        ('max(lag{a="b"}) or vector(0)', "≤ 2"),
        ("min(up)", "≥ 1"),
    ]
    with pytest.raises(KeyError):
        found.under("Nothing")


@pytest.mark.parametrize(
    ("relation", "found", "is_met"),
    [
        *(("≤", 2.0, True), ("≤", 2.1, False), ("≥", 2.0, True), ("≥", 1.9, False)),
        *(("=", 2.0, True), ("=", 2.1, False), ("≤", None, False), ("=", None, False)),
    ],
)
def test_a_gate_without_a_value_is_never_met(
    relation: str, found: float | None, is_met: bool
) -> None:
    assert Gate("g", "q", relation, 2.0).is_met(found) is is_met


def test_the_drill_runs_every_command_of_the_runbook() -> None:
    found = runbook.read(codex.RUNBOOK)
    assert list(found.headings) == list(codex.HEADINGS)
    assert [block.service for block in found.blocks if block.service] == [
        *("publisher", "canary", "parity")
    ]
    section = codex.RUNBOOK.read_text("utf-8").partition("## Gates")[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")]
    assert len(found.gates) == len(rows) - 2


async def test_commands_stop_at_the_first_that_fails() -> None:
    course = Course("test")
    async with course.step("commands") as step:
        assert (
            await run(step, "echo one\necho $VALUE", {**os.environ, "VALUE": "two"}) == "one\ntwo"
        )
        with pytest.raises(CommandFailedError, match="exit status 3: before"):
            await run(step, "echo before\n(exit 3)\necho after", os.environ)
    assert step.outputs == ["one\ntwo", "before"]


async def test_a_service_ends_with_its_children(tmp_path: Path) -> None:
    child = tmp_path / "child"
    command = f"bash -c 'sleep 600 & echo $! > {child}; wait'"
    async with running(Service("s", command, os.environ, tmp_path / "log")) as service:
        await until(lambda: child.exists() and child.read_text().strip() != "", "it runs")
        assert service.is_running
    pid = int(child.read_text())
    await until(lambda: not Path(f"/proc/{pid}/cmdline").exists() or _is_over(pid), "it is over")


def _is_over(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


async def test_the_report_says_what_happened(tmp_path: Path) -> None:
    course = Course("A drill")
    course.facts["machine"] = "one | alone"
    async with course.step("Begin") as step:
        await run(step, "echo postgresql://a:$WORD@h/d; seq 40", {**os.environ, "WORD": "secret"})
        course.note("noted")
        step.pictures.append(("A picture", tmp_path / "pictures/1.png"))

    async def stop() -> None:
        async with course.step("Gate") as step:
            step.gates.append(Reading("lag", None, "≤ 2", is_met=False))
            raise GateNotMetError("lag: nothing (≤ 2)")

    with pytest.raises(GateNotMetError):
        await stop()
    await asyncio.to_thread(write, course, tmp_path / "report.md", "It was stopped.")
    text = (tmp_path / "report.md").read_text()
    assert "**It was stopped.**" in text
    assert "secret" not in text
    assert "one \\| alone" in text
    assert "\n… 11 more lines\n" in text
    assert "- noted" in text
    assert "![A picture](pictures/1.png)" in text
    assert "| lag | nothing | ≤ 2 | **no** |" in text
    assert "**GateNotMetError: lag: nothing (≤ 2)**" in text


def test_a_clone_without_the_commit_of_both_modes_is_told(tmp_path: Path) -> None:
    script = tmp_path / "scripts/drill_lightning.sh"
    script.parent.mkdir()
    shutil.copy(codex.ROOT / "scripts/drill_lightning.sh", script)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    done = subprocess.run([script], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is not in this clone" in done.stderr
    assert "git fetch --unshallow" in done.stderr
