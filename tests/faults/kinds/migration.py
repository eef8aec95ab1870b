"""The next version of the schema and of the hot functions arrives, and is taken back again."""

import asyncio
import shutil
import time
from pathlib import Path

from faults.world import World
from khala_pg.migration.migrate import migrate, read_plan, revert
from khala_pg.resources import db_dir
from support.function_files import function_file

_HOT = ("sink", "write_document", "write_documents", "replay", "replay_feed", "arm", "open_cursor")
_SCRIPTS = {
    "deploy": "ALTER TABLE runtime.sync_stream_events ADD COLUMN next_version text;\n\nCOMMIT;",
    "revert": "ALTER TABLE runtime.sync_stream_events DROP COLUMN next_version;\n\nCOMMIT;",
    "verify": "SELECT next_version FROM runtime.sync_stream_events WHERE FALSE;\n\nROLLBACK;",
}


async def inject(world: World) -> float:
    following = await asyncio.to_thread(_next_version, world.scratch / "db")
    last = read_plan(db_dir())[-1].name
    for _ in range(world.rng.randint(1, 2)):
        changes = await asyncio.to_thread(migrate, world.database.dsn, directory=following)
        assert changes.changes == ("next_version",)
        assert len(changes.functions.changed) == len(_HOT)
        await world.last(0.2, 0.6)
        await asyncio.to_thread(revert, world.database.dsn, to=last, directory=following)
        assert await asyncio.to_thread(_load_this_version, world)
    return time.monotonic()


def _load_this_version(world: World) -> bool:
    return len(migrate(world.database.dsn).functions.changed) == len(_HOT)


def _next_version(directory: Path) -> Path:
    """A copy of db/ with one more change, and other bodies of the hot functions."""
    shutil.copytree(db_dir(), directory)
    plan = directory / "sqitch.plan"
    last = read_plan(db_dir())[-1].name
    plan.write_text(
        f"{plan.read_text()}next_version [{last}] 2030-01-01T00:00:00Z A <a@example.org> # Next\n"
    )
    for folder, script in _SCRIPTS.items():
        (directory / folder / "next_version.sql").write_text(
            f"BEGIN;\n\nSET LOCAL ROLE khala_owner;\n\n{script}\n"
        )
    for name in _HOT:
        file = function_file(directory, name)
        head, dollars, body = file.read_text().partition("AS $$\n")
        assert dollars, f"{name} has its body elsewhere"
        file.write_text(f"{head}{dollars}-- The next version's.\n{body}")
    return directory
