"""The commands of the documents, run as they stand there."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from khala_pg.postgres.server import PostgresServer

DOCS = Path(__file__).resolve().parents[3] / "docs"


def blocks(document: str, heading: str) -> list[tuple[str, str]]:
    """The code blocks below a heading of a document, each with its language."""
    text = (DOCS / document).read_text("utf-8")
    sections = re.split(r"^#+ (.+)$", text, flags=re.MULTILINE)
    section = sections[sections.index(heading) + 1]
    found = re.findall(r"^```(\w+)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    assert found, f"{document} has no commands below {heading}"
    return found


def run_shell(
    commands: str, server: PostgresServer, directory: Path, variables: Mapping[str, str]
) -> str:
    """Runs commands with `khala` and the programs of a server; the first that fails raises."""
    programs = (Path(sys.executable).parent, server.installation.bin_dir, "/usr/bin", "/bin")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("KHALA_", "PG"))}
    done = subprocess.run(
        ["/bin/bash", "-euo", "pipefail", "-c", commands],
        cwd=directory,
        env={**inherited, "PATH": os.pathsep.join(map(str, programs)), **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def run_sql(statements: str, server: PostgresServer, dsn: str, directory: Path) -> str:
    """Runs statements, and commands of psql among them."""
    (directory / "documented.sql").write_text(statements)
    command = 'psql --quiet -v ON_ERROR_STOP=1 --file=documented.sql "$DATABASE"'
    return run_shell(command, server, directory, {"DATABASE": dsn})
