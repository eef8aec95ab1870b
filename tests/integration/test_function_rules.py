"""Rules that hold for every function, those of the next change included."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg.rows import class_row

from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres.databases import Database, Template, cloned
from support.programs.missing import skip_without
from support.schema.function_files import function_files

FILES = function_files(db_dir())

CATALOG = """
SELECT p.proname AS name,
       p.oid::regprocedure::text AS signature,
       obj_description(p.oid, 'pg_proc') AS comment,
       coalesce(p.proconfig, '{}') AS settings,
       has_function_privilege('public', p.oid, 'EXECUTE') AS public_may_execute,
       pg_get_userbyid(p.proowner) AS owner,
       coalesce(p.proargnames, '{}') AS arguments,
       p.pronargs AS inputs,
       p.prosrc AS body,
       p.prosqlbody IS NOT NULL AS bound,
       p.prorettype IN ('void'::regtype, 'trigger'::regtype) AS returns_nothing
FROM pg_proc AS p
WHERE p.pronamespace::regnamespace::text IN ('khala', 'khala_internal', 'lightning')
ORDER BY p.proname
"""


@dataclass(frozen=True)
class Function:
    """A row of the catalog."""

    name: str
    signature: str
    comment: str | None
    settings: list[str]
    public_may_execute: bool
    owner: str
    arguments: list[str]
    inputs: int
    body: str
    bound: bool
    returns_nothing: bool


@pytest.fixture(scope="module")
def database_of_functions(
    newest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    with cloned(template_of(newest_server)) as database:
        yield database


@pytest.fixture(scope="module")
def functions(database_of_functions: Database) -> list[Function]:
    with database_of_functions.connect() as connection:
        found = connection.cursor(row_factory=class_row(Function)).execute(CATALOG).fetchall()
    assert len(found) > 20
    return found


def failing(functions: list[Function], holds: Callable[[Function], bool]) -> list[str]:
    return [function.signature for function in functions if not holds(function)]


def test_comment_says_what_arguments_result_and_errors(functions: list[Function]) -> None:
    def holds(function: Function) -> bool:
        comment = function.comment or ""
        return (
            (function.inputs == 0 or re.search(r"Arguments?:", comment) is not None)
            and (function.returns_nothing or "Result:" in comment)
            and "Errors:" in comment
        )

    assert failing(functions, holds) == []


def test_search_path_is_fixed(functions: list[Function]) -> None:
    # A bound body (RETURN …, BEGIN ATOMIC …) found its names when it was created.
    def holds(function: Function) -> bool:
        return function.bound or "search_path=pg_catalog, pg_temp" in function.settings

    assert failing(functions, holds) == []


def test_nothing_is_executable_by_everybody(functions: list[Function]) -> None:
    assert failing(functions, lambda f: not f.public_may_execute) == []


def test_khala_owner_owns_all(functions: list[Function]) -> None:
    assert failing(functions, lambda f: f.owner == "khala_owner") == []


def test_arguments_are_named(functions: list[Function]) -> None:
    def holds(function: Function) -> bool:
        inputs = function.arguments[: function.inputs]
        return len(inputs) == function.inputs and all(n.startswith("p_") for n in inputs)

    assert failing(functions, holds) == []


def schema_of(file: Path) -> str:
    folders = file.relative_to(db_dir()).parts
    if "api" not in folders:
        return "khala_internal"
    return "lightning" if "lightning" in folders else "khala"


def test_each_stands_in_a_file_of_its_name(functions: list[Function]) -> None:
    assert sorted({f.name for f in functions}) == sorted({p.stem for p in FILES})
    for file in FILES:
        schema = schema_of(file)
        made = re.findall(r"CREATE OR REPLACE FUNCTION (\w+\.\w+)", file.read_text())
        assert set(made) == {f"{schema}.{file.stem}"}


def test_each_file_begins_with_its_purpose() -> None:
    without = [file.name for file in FILES if not file.read_text().startswith("-- ")]
    assert without == []


def test_each_is_loaded_by_functions_sql() -> None:
    loaded = re.findall(r"^\\ir (\S+)$", (db_dir() / "functions.sql").read_text(), re.MULTILINE)
    files = [db_dir() / "session.sql", *FILES, *(db_dir() / "views").glob("*.sql")]
    assert sorted(loaded) == sorted(str(file.relative_to(db_dir())) for file in files)


def test_each_view_stands_in_a_file_of_its_name(database_of_functions: Database) -> None:
    with database_of_functions.connect() as connection:
        views = connection.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = 'khala'::regnamespace"
        ).fetchall()
    files = sorted((db_dir() / "views").glob("*.sql"))
    assert sorted(name for (name,) in views) == [file.stem for file in files]
    for file in files:
        assert f"CREATE OR REPLACE VIEW khala.{file.stem} AS" in file.read_text()
    tested = {file.stem for file in (db_dir() / "tests").rglob("*.sql")}
    assert [file.stem for file in files if file.stem not in tested] == []


def test_each_has_a_pgtap_file(functions: list[Function]) -> None:
    tested = {file.stem for file in (db_dir() / "tests").rglob("*.sql")}
    assert sorted({f.name for f in functions} - tested) == []


def test_no_function_hides_an_error(functions: list[Function]) -> None:
    assert failing(functions, lambda f: "WHEN OTHERS" not in f.body.upper()) == []


def test_the_relay_has_no_table(database_of_functions: Database) -> None:
    with database_of_functions.connect() as connection:
        reachable = connection.execute(
            "SELECT c.oid::regclass::text, p.privilege "
            "FROM pg_class AS c, "
            "     unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) AS p (privilege) "
            "WHERE c.relnamespace IN ('runtime'::regnamespace, 'khala'::regnamespace) "
            "AND c.relkind IN ('r', 'p', 'v', 'm') "
            "AND has_table_privilege('khala_relay', c.oid, p.privilege)"
        ).fetchall()
    assert reachable == []


def test_plpgsql_check_finds_nothing(
    oldest_server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> None:
    query = """
    SELECT f.oid::regprocedure::text || ' line ' || coalesce(c.lineno::text, '?') || ': '
           || c.level || ' ' || c.message
    FROM (
        SELECT p.oid,
               coalesce((SELECT t.tgrelid FROM pg_trigger AS t
                         WHERE t.tgfoid = p.oid
                         ORDER BY t.tgparentid, t.tgname LIMIT 1), 0) AS relation
        FROM pg_proc AS p
        JOIN pg_language AS l ON l.oid = p.prolang AND l.lanname = 'plpgsql'
        WHERE p.pronamespace IN (
            'khala'::regnamespace, 'khala_internal'::regnamespace, 'lightning'::regnamespace
        )
    ) AS f
    CROSS JOIN LATERAL plpgsql_check_function_tb(
        f.oid, f.relation::regclass,
        other_warnings := true, extra_warnings := true, security_warnings := true
    ) AS c
    """
    with cloned(template_of(oldest_server)) as database, database.connect() as connection:
        try:
            connection.execute("CREATE EXTENSION plpgsql_check")
        except psycopg.errors.FeatureNotSupported:
            skip_without("no plpgsql_check (apt-get install postgresql-15-plpgsql-check)")
        # A trigger function is checked with a table of its trigger.
        connection.execute("CREATE TABLE public.attached (id bigint PRIMARY KEY)")
        connection.execute(
            "SELECT khala.attach('public.attached', '{id}', p_ownership => 'public')"
        )
        # Statements on a table of the application are made from the catalog, and quoted there.
        generated = re.compile(
            r"attach(ed)?\w*\(.*not sanitized|continue_backfill\(.*not sanitized"
        )
        found = [row[0] for row in connection.execute(query)]
        assert [finding for finding in found if not generated.search(finding)] == []
