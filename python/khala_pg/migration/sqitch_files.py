"""Reads sqitch's plan and the SQL files beside it, without sqitch and without psql."""

import re
from dataclasses import dataclass
from pathlib import Path

from khala_pg.errors import KhalaError

_CHANGE = re.compile(r"^(?P<name>[^\s@\[#%]+)(?:\s+\[(?P<requires>[^\]]*)\])?(?:\s+.*)?$")
_INCLUDE = re.compile(r"^\s*\\ir\s+(?P<path>\S+)\s*$")
_META_COMMAND = re.compile(r"^\s*\\(?!\.)\S")
_TRANSACTION = re.compile(r"^\s*(BEGIN|COMMIT|ROLLBACK)\s*;\s*$", re.IGNORECASE)


class MigrationError(KhalaError):
    """The schema cannot be migrated, reverted or verified; nothing was left half done."""


@dataclass(frozen=True)
class Change:
    """One line of the plan: what it is called, what it needs, and where its files are."""

    name: str
    requires: tuple[str, ...]
    note: str
    directory: Path

    def deploy_sql(self) -> str:
        """The statements that make the change, to be run in one transaction."""
        return expand(self.directory / "deploy" / f"{self.name}.sql")

    def revert_sql(self) -> str:
        """The statements that undo the change, to be run in one transaction."""
        return expand(self.directory / "revert" / f"{self.name}.sql")

    def verify_sql(self) -> str:
        """The statements that fail when the change is not there; nothing of them is kept."""
        return expand(self.directory / "verify" / f"{self.name}.sql")


def read_plan(directory: Path) -> tuple[Change, ...]:
    """The changes of `directory`/sqitch.plan, in order.

    Raises MigrationError when a change stands twice (sqitch's rework) or needs one that does not
    stand before it.
    """
    changes: dict[str, Change] = {}
    for number, line in enumerate((directory / "sqitch.plan").read_text().splitlines(), start=1):
        text, _, note = line.partition("#")
        if not text.strip() or text.startswith(("%", "@")):
            continue
        match = _CHANGE.match(text.strip())
        if match is None:
            raise MigrationError(f"sqitch.plan line {number} is not a change: {line}")
        name, requires = match["name"], tuple((match["requires"] or "").split())
        if name in changes:
            raise MigrationError(
                f"sqitch.plan line {number} reworks {name}: function bodies change in db/functions,"
                " everything else in a change of its own"
            )
        for needed in requires:
            if needed not in changes:
                raise MigrationError(f"{name} needs {needed}, which does not stand before it")
        changes[name] = Change(name, requires, note.strip(), directory)
    return tuple(changes.values())


def expand(path: Path) -> str:
    r"""The SQL of a psql script: `\ir` resolved; BEGIN, COMMIT and ROLLBACK lines left out.

    The caller runs it in a transaction of its own. Raises MigrationError for a missing file and
    for any other command of psql.
    """
    try:
        source = path.read_text(encoding="utf-8")
    except FileNotFoundError as missing:
        raise MigrationError(f"{path} is missing") from missing
    lines = []
    for number, line in enumerate(source.splitlines(), start=1):
        include = _INCLUDE.match(line)
        if include is not None:
            lines.append(expand(path.parent / include["path"]))
        elif _META_COMMAND.match(line):
            raise MigrationError(
                rf"{path.name} line {number}: of psql's commands only \ir is known"
            )
        elif not _TRANSACTION.match(line):
            lines.append(line)
    return "\n".join(lines) + "\n"
