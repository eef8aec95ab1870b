"""The schemas that belong together: a copy with only some of them is of no use."""

from collections.abc import Iterable

from khala_pg.migration.sqitch_files import MigrationError

BOOKKEEPING_SCHEMA = "khala_migration"
# Roles of every kind may read this catalogue.
PRESENT = (
    "SELECT n.nspname FROM pg_catalog.pg_namespace AS n"
    " WHERE n.nspname IN ('khala', 'khala_internal', 'runtime', 'lightning')"
)
_SCHEMAS = ("khala", "khala_internal", "runtime", "lightning")


def check_complete(present: Iterable[str], *, expected: bool | None = None) -> None:
    """Raises MigrationError when some of Khala's schemas are there and others are not.

    present: those that are there; expected: whether changes are noted as applied, None if unknown.
    """
    there = set(present)
    found = [name for name in _SCHEMAS if name in there]
    missing = [name for name in _SCHEMAS if name not in found]
    if expected is False and found:
        missing.append(BOOKKEEPING_SCHEMA)
    if missing and (found or expected):
        having = f"has {_listed(found)} but not " if found else "does not have "
        raise MigrationError(
            f"the database {having}{_listed(missing)}: a part of a backup was restored, or the name"
            " is taken",
            hint="Restore all of them together: pg_dump "
            + " ".join(f"--schema={name}" for name in (*_SCHEMAS, BOOKKEEPING_SCHEMA))
            + " (with sqitch, --schema=sqitch instead of the last).",
        )


def _listed(names: list[str]) -> str:
    kind = "schema" if len(names) == 1 else "schemas"
    return f"{kind} {', '.join(names)}"
