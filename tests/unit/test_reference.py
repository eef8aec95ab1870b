"""The reference documents say what the code says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

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


SURFACES = {
    "web": "typescript/web",
    "mobile": "typescript/mobile",
    "desktop": "python/khala_pg/desktop",
}


@pytest.mark.parametrize("surface", SURFACES)
def test_surfaces_their_topics_flags_and_variables(surface: str) -> None:
    [row] = [
        row for row in rows("sync/SURFACES.md", "surface") if SURFACES[surface] in names(row[0])
    ]
    place = ROOT / SURFACES[surface]
    code = place / "src"
    text = source_text(code, place / ".env") if code.is_dir() else source_text(place)
    assert set(re.findall(r"khala flags set (\w+)", row[4])) == set(
        re.findall(r'^(?:const )?SURFACE = "(\w+)"', text, re.MULTILINE)
    )
    variable = r"\b(?:VITE|EXPO_PUBLIC|OA_DESKTOP)_[A-Z_]+"
    assert set(re.findall(variable, row[4])) == set(re.findall(variable, text))
    seeded = set(re.findall(r"register_topic\(\s*'([^']+)'", seed()))
    # Those of the Lightning view are made of the names of its sections.
    sections = re.search(r"SECTIONS = \[(.*?)\]", text)
    lightning = (
        {f"lightning.{each}" for each in re.findall(r"\w+", sections[1])} if sections else set()
    )
    named = {topic for topic in seeded if f'"{topic}"' in text}
    assert set(names(row[1])) == named | lightning


def test_surfaces_name_every_topic_that_is_seeded() -> None:
    page = (DOCS / "sync/SURFACES.md").read_text("utf-8")
    assert [
        each for each in re.findall(r"register_topic\(\s*'([^']+)'", seed()) if each not in page
    ] == []


def seed() -> str:
    return (ROOT / "db/deploy/seed.sql").read_text("utf-8")


def source_text(*places: Path) -> str:
    """The code below these places, and the files among them."""
    files = [
        file
        for place in places
        for file in ([place] if place.is_file() else sorted(place.rglob("*")))
        if file.suffix in {".py", ".ts", ".tsx"} or file.name == ".env"
    ]
    return "\n".join(file.read_text("utf-8") for file in files)


@pytest.mark.parametrize("name", ["limits_doc.py", "http_doc.py"])
def test_what_a_script_writes_is_up_to_date(name: str) -> None:
    script = ROOT / "scripts" / name
    checked = subprocess.run(
        [sys.executable, script, "--check"], capture_output=True, text=True, timeout=120
    )
    assert checked.returncode == 0, checked.stderr


def test_every_fault() -> None:
    kinds = {file.stem for file in (ROOT / "tests/faults/kinds").glob("[a-z]*.py")}
    assert {names(row[0])[0] for row in rows("explanation/reliability.md", "fault")} == kinds
