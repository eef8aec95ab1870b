"""Loads functions and views into a database that may already have other bodies of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import class_row

from khala_pg.migration.sqitch_files import expand, read_plan

# What a function file says: definition, and comment and grants. A change of any of them counts.
_FOUND = """
SELECT p.oid::regprocedure::text AS name,
       pg_get_functiondef(p.oid) AS definition,
       concat_ws(
           E'\\n',
           obj_description(p.oid, 'pg_proc'),
           (SELECT string_agg(a.item::text, ',' ORDER BY a.item::text)
            FROM unnest(p.proacl) AS a (item))
       ) AS remarks,
       p.prosqlbody IS NOT NULL AS is_parsed
FROM pg_proc AS p
JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE n.nspname IN ('khala', 'khala_internal', 'lightning') AND p.prokind IN ('f', 'p')
UNION ALL
SELECT c.oid::regclass::text,
       concat('CREATE OR REPLACE VIEW ', c.oid::regclass, ' AS ', pg_get_viewdef(c.oid)),
       concat_ws(E'\\n', obj_description(c.oid, 'pg_class'), c.relacl),
       TRUE
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


@dataclass(frozen=True)
class _Found:
    """A function or view in the catalogue.

    remarks: its comment and grants; is_parsed: whether the server keeps what it has made of the
    definition, not its text.
    """

    name: str
    definition: str
    remarks: str
    is_parsed: bool


def load_functions(
    connection: psycopg.Connection[Any], directory: Path, *, keep: bool = True
) -> FunctionChanges:
    """Loads the functions and views of `directory` in one transaction; returns what changed.

    functions.sql lists them. A view, or a function with a bound body, that needs a later change's
    table cannot be made by the change `functions` on a new database; it stands in
    functions_<change>.sql, which that change's deploy file includes.
    When nothing changed, or with keep=False, the transaction is rolled back: the catalog stays
    as it was. Sessions go on meanwhile; each uses the new body from its next call. Call it with the
    migration's lock held.
    """
    lists = [directory / f"functions_{change.name}.sql" for change in read_plan(directory)]
    source = "".join(
        expand(file) + "RESET ROLE;\n"
        for file in (directory / "functions.sql", *lists)
        if file == directory / "functions.sql" or file.exists()
    ).encode()
    with connection.transaction() as transaction:
        connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        before = _found(connection)
        connection.execute(source)
        connection.execute("SET LOCAL search_path TO pg_catalog, pg_temp")
        after = _found(connection)
        changes = FunctionChanges(
            added=tuple(sorted(after.keys() - before.keys())),
            changed=tuple(
                sorted(
                    name
                    for name in before.keys() & after.keys()
                    if not _are_same(connection, before[name], after[name])
                )
            ),
        )
        if not changes or not keep:
            raise psycopg.Rollback(transaction)
    return changes


def _found(connection: psycopg.Connection[Any]) -> dict[str, _Found]:
    with connection.cursor(row_factory=class_row(_Found)) as cursor:
        return {found.name: found for found in cursor.execute(_FOUND)}


def _are_same(connection: psycopg.Connection[Any], before: _Found, after: _Found) -> bool:
    """Whether two definitions are one, however the server prints them.

    From its own print of a view, or of a body that is bound at creation, which is what a dump
    holds, the server makes something that it prints with other parentheses.
    """
    if before == after:
        return True
    if before.remarks != after.remarks or not (before.is_parsed and after.is_parsed):
        return False
    reprinted = _reprinted(connection, before)
    return reprinted is not None and reprinted == _reprinted(connection, after)


def _reprinted(connection: psycopg.Connection[Any], found: _Found) -> str | None:
    """The definition after a dump and a restore; None when it can no longer be made."""
    with connection.transaction(force_rollback=True):
        connection.execute("SET LOCAL ROLE khala_owner")
        try:
            connection.execute(found.definition.encode())
        except psycopg.Error:
            return None
        query = f"SELECT f.definition FROM ({_FOUND}) AS f WHERE f.name = %s"  # noqa: S608
        row = connection.execute(query.encode(), (found.name,)).fetchone()
    return None if row is None else str(row[0])
