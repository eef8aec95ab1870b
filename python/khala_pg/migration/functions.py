"""Loads functions and views into a database that may already have other bodies of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from khala_pg.migration.sqitch_files import expand, read_plan
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
UNION ALL
SELECT c.oid::regclass::text,
       md5(concat_ws(E'\\n', pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'), c.relacl))
FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE n.nspname = 'khala' AND c.relkind = 'v'
"""


@dataclass(frozen=True)
class FunctionChanges:
    """Signatures of functions, and names of views, that loading added or changed."""

    added: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.changed)


def load_functions(
    connection: psycopg.Connection[Any], directory: Path, *, keep: bool = True
) -> FunctionChanges:
    """Loads the functions and views of `directory` in one transaction; returns what changed.

    functions.sql lists them. A view, or a function with a bound body, that needs a later change's
    table cannot be made by the change `functions` on a new database; it stands in
    functions_<change>.sql, which that change's deploy file includes.
    When nothing changed, or with keep=False, the transaction is rolled back: the catalog stays
    as it was. Sessions go on meanwhile; each uses the new body from its next call.
    """
    lists = [directory / f"functions_{change.name}.sql" for change in read_plan(directory)]
    source = "".join(
        expand(file) + "RESET ROLE;\n"
        for file in (directory / "functions.sql", *lists)
        if file == directory / "functions.sql" or file.exists()
    ).encode()
    with connection.transaction() as transaction:
        connection.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
        connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        before = _fingerprints(connection)
        connection.execute(source)
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
