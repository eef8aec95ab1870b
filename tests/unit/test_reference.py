"""The reference documents say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

from khala_pg.cli.main import COMMANDS
from khala_pg.errors import WIRE_CODES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def rows(document: str, first: str) -> list[list[str]]:
    """Cells of the table whose head begins with this cell."""
    text = (DOCS / document).read_text("utf-8")
    table = text.partition(f"\n| {first} |")[2].partition("\n\n")[0].splitlines()[2:]
    assert table, f"{document} has no table that begins with {first}"
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def names(cell: str) -> list[str]:
    """Every name that a cell sets as code."""
    return re.findall(r"`([^`]+)`", cell)


def test_sqlstates_and_their_codes() -> None:
    told = {names(row[0])[0]: names(row[3])[0] for row in rows("reference/errors.md", "SQLSTATE")}
    assert told == WIRE_CODES


def test_every_function_and_the_roles_that_may_call_it() -> None:
    granted: dict[str, set[str]] = {}
    for file in (ROOT / "db/functions/api").rglob("*.sql"):
        for function, roles in re.findall(
            r"GRANT\s+EXECUTE\s+ON\s+FUNCTION\s+khala\.(\w+).*?\sTO\s+([\w,\s]+);",
            file.read_text("utf-8"),
            re.DOTALL,
        ):
            granted.setdefault(function, set()).update(roles.replace(",", " ").split())
    told: dict[str, set[str]] = {}
    for row in rows("reference/errors.md", "roles"):
        for function in names(row[1]):
            told.setdefault(function, set()).update(names(row[0]))
    assert told == granted


def test_every_command() -> None:
    assert [names(row[0])[0] for row in rows("reference/commands.md", "command")] == [
        f"khala {name}" for name in COMMANDS
    ]


def test_limits_are_those_of_the_settings() -> None:
    script = ROOT / "scripts" / "limits_doc.py"
    checked = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stderr


def test_every_fault() -> None:
    kinds = {file.stem for file in (ROOT / "tests/faults/kinds").glob("[a-z]*.py")}
    assert {names(row[0])[0] for row in rows("explanation/reliability.md", "fault")} == kinds
