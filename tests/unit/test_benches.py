"""Benches: each says what it measures, is described and run, and its tables reach the README."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "bench" / "README.md").read_text("utf-8")
RUN = (ROOT / "scripts" / "bench.sh").read_text("utf-8")
BENCHES = {
    ".".join(file.relative_to(ROOT).with_suffix("").parts): file.read_text("utf-8")
    for file in sorted((ROOT / "bench").rglob("*.py"))
    if "bench_parser(__doc__" in file.read_text("utf-8")
}


def test_every_bench_is_described_and_run() -> None:
    assert BENCHES
    assert {name for name in BENCHES if f"`{name}`" not in README} == set()
    run = {f"bench.{name}" for name in re.findall(r"^run (\S+)", RUN, flags=re.MULTILINE)}
    assert run == BENCHES.keys()


@pytest.mark.parametrize("name", BENCHES)
def test_help_says_what_is_measured(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", name, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    [first, *_] = BENCHES[name].removeprefix('"""').splitlines()
    assert first in done.stdout
    assert f"python -m {name}" in done.stdout
    assert "--quick" in done.stdout


def test_every_result_has_its_place_in_the_readme() -> None:
    saved = {
        found
        for text in BENCHES.values()
        for found in re.findall(r'^    save\(\s*f?"([^"]+)"', text, flags=re.MULTILINE)
    }
    places = set(re.findall(r"<!-- ([a-z0-9-]+) -->", README)) - {"end"}
    patterns = [re.compile(re.sub(r"\{.*?\}", ".*", name)) for name in sorted(saved)]
    assert patterns
    assert [p.pattern for p in patterns if not any(map(p.fullmatch, places))] == []
    assert [place for place in places if not any(p.fullmatch(place) for p in patterns)] == []
