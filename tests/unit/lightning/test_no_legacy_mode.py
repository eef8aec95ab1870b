"""The Lightning lane has left the legacy backend: nothing of it comes back."""

import json
import os
import subprocess
import sys
from pathlib import Path

from khala_pg.lightning.operations.configuration import MODES

ROOT = Path(__file__).resolve().parents[3]
LANE = (
    *(ROOT / "python/khala_pg/lightning").rglob("*.py"),
    *(ROOT / "python/khala_pg/cli/lightning").rglob("*.py"),
    *(ROOT / "db/functions").rglob("lightning/**/*.sql"),
    *(ROOT / "proto/openagents/lightning").rglob("*.proto"),
    *(ROOT / "docs").rglob("*lightning*.md"),
    ROOT / "db/deploy/lightning_tables.sql",
    ROOT / "docs/howto/sell-routes.md",
    ROOT / "scripts/demo_lightning.py",
)
# What happened stays as it was written.
REPORTS = ROOT / "docs/sync/status"
WORDS = ("convex", "legacy")


def test_no_file_of_the_lane_knows_the_legacy_backend() -> None:
    read = [file for file in LANE if not file.is_relative_to(REPORTS)]
    assert len(read) > 100
    found = [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()}"
        for file in read
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        if any(word in line.lower() for word in WORDS)
    ]
    assert found == []


def test_no_mode_and_no_setting_leads_there() -> None:
    assert MODES == ("mock", "api")
    url = "http://127.0.0.1:1"
    settings = {"CONTROL_PLANE_MODE": "convex", "CONVEX_URL": url, "SECRET": "0123456789abcdef"}
    environment = {f"OA_LIGHTNING_OPS_{name}": value for name, value in settings.items()}
    done = subprocess.run(
        [Path(sys.executable).with_name("khala"), "lightning", "compile", "--json"],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["error"]["code"] == "invalid_mode"


def test_the_programs_import_no_client_of_it() -> None:
    program = (
        "import sys; import khala_pg.cli.lightning, khala_pg.lightning.operations.opening;"
        " sys.exit('convex' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
