"""A next version of db/ for tests: one change more, and other bodies of the hot functions."""

import shutil
from pathlib import Path

from khala_pg.migration.sqitch_files import read_plan
from khala_pg.resources import db_dir
from support.schema.function_files import function_file

CHANGE = "next_version"
HOT = ("sink", "write_documents", "replay", "replay_feed", "arm", "open_cursor")
_SCRIPTS = {
    "deploy": (
        "ALTER TABLE runtime.sync_stream_events ADD COLUMN next_version text;\n\n"
        f"\\ir ../functions_{CHANGE}.sql\n\nCOMMIT;"
    ),
    "revert": (
        "DROP VIEW khala.next_version;\n"
        "ALTER TABLE runtime.sync_stream_events DROP COLUMN next_version;\n\nCOMMIT;"
    ),
    "verify": "SELECT count FROM khala.next_version WHERE FALSE;\n\nROLLBACK;",
}
_VIEW = """SET LOCAL ROLE khala_owner;

CREATE OR REPLACE VIEW khala.next_version AS
SELECT pg_catalog.count(e.next_version) AS count FROM runtime.sync_stream_events AS e;
GRANT SELECT ON khala.next_version TO khala_dba;
"""


def next_version(directory: Path) -> Path:
    """Makes `directory` a copy of db/ with the change CHANGE and new bodies of HOT.

    The change adds a column, and a view that needs it, which is therefore loaded by the change's
    own list and not by functions.sql.
    """
    shutil.copytree(db_dir(), directory)
    plan = directory / "sqitch.plan"
    last = read_plan(db_dir())[-1].name
    plan.write_text(
        f"{plan.read_text()}{CHANGE} [{last}] 2030-01-01T00:00:00Z A <a@example.org> # Next\n"
    )
    for folder, script in _SCRIPTS.items():
        (directory / folder / f"{CHANGE}.sql").write_text(
            f"BEGIN;\n\nSET LOCAL ROLE khala_owner;\n\n{script}\n"
        )
    (directory / f"functions_{CHANGE}.sql").write_text(_VIEW)
    for name in HOT:
        file = function_file(directory, name)
        head, dollars, body = file.read_text().partition("AS $$\n")
        assert dollars, f"{name} has its body elsewhere"
        file.write_text(f"{head}{dollars}-- The next version's.\n{body}")
    return directory
