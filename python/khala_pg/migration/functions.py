"""Loads db/functions.sql into a database that may already have other bodies of the functions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from khala_pg.migration.sqitch_files import expand
from khala_pg.migration.yoyo_backend import ADVISORY_LOCK

# What a function file says: definition, comment and grants. A change of any of them counts.
_FINGERPRINTS = """
SELECT p.oid::regprocedure::text,
       md5(concat_ws(
           E'\\n',
           pg_get_functiondef(p.oid),
           obj_description(p.oid, 'pg_proc'),
           (SELECT string_agg(a.item::text, ',' ORDER BY a.item::text)
            FROM unnest(p.proacl) AS a (item))
       ))
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('khala', 'khala_internal') AND p.prokind IN ('f', 'p')
"""


@dataclass(frozen=True)
class FunctionChanges:
    """Signatures of the functions that loading added or changed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


def load_functions(
    connection: psycopg.Connection[Any], directory: Path, *, keep: bool = True
) -> FunctionChanges:
    """Loads every function of `directory`/functions.sql in one transaction; says what changed.

    When nothing changed, or with keep=False, the transaction is rolled back: the catalog stays
    as it was. Sessions go on meanwhile; each uses the new body from its next call.
    """
    source = expand(directory / "functions.sql").encode()
    with connection.transaction() as transaction:
        connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        before = _fingerprints(connection)
        connection.execute(source)
        connection.execute("RESET ROLE")
        connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        after = _fingerprints(connection)
        changes = FunctionChanges(
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(sorted(s for s in before.keys() & after.keys() if before[s] != after[s])),
        )
        if not changes or not keep:
            raise psycopg.Rollback(transaction)
    return changes


def _fingerprints(connection: psycopg.Connection[Any]) -> dict[str, str]:
    return dict(connection.execute(_FINGERPRINTS).fetchall())
