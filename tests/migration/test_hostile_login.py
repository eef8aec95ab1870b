"""A login whose sessions have any settings makes the same schema as any other."""

from collections.abc import Iterator

import pytest
from psycopg import sql

from khala_pg.migration.migrate import migrate, revert, status, verify
from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, empty
from support.postgres.sqitch import needs_sqitch, sqitch
from support.schema.schema_dump import dump_schema

_LOGIN = "khala_test_hostile"
_SETTINGS = {
    "standard_conforming_strings": "off",
    "backslash_quote": "off",
    "escape_string_warning": "off",
    "client_encoding": "LATIN1",
    "DateStyle": "German, DMY",
    "IntervalStyle": "sql_standard",
    "TimeZone": "Asia/Kathmandu",
    "bytea_output": "escape",
    "extra_float_digits": "-15",
    "quote_all_identifiers": "on",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "check_function_bodies": "off",
    "default_transaction_isolation": "serializable",
    "session_replication_role": "replica",
    "plpgsql.extra_errors": "all",
    "plpgsql.variable_conflict": "use_column",
    "row_security": "off",
}
# In front of what the files name without a schema.
_IMPOSTORS = """
CREATE SCHEMA evil;
CREATE DOMAIN evil.text AS integer;
CREATE DOMAIN evil.jsonb AS integer;
CREATE DOMAIN evil.timestamptz AS integer;
CREATE FUNCTION evil.octet_length(pg_catalog.text) RETURNS integer LANGUAGE sql RETURN -1;
CREATE FUNCTION evil.abs(numeric) RETURNS numeric LANGUAGE sql RETURN -1;
CREATE FUNCTION evil.concat(integer, integer) RETURNS integer LANGUAGE sql RETURN -1;
CREATE TABLE evil.pg_roles (rolname pg_catalog.text)
"""


@pytest.fixture
def hostile(oldest_server: PostgresServer) -> Iterator[Database]:
    """An empty database, and a superuser for whom everything is otherwise."""
    with empty(oldest_server) as database:
        with database.connect() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN SUPERUSER PASSWORD 'p'").format(
                    sql.Identifier(_LOGIN)
                )
            )
            connection.execute(_IMPOSTORS)
            for name, value in _SETTINGS.items():
                connection.execute(
                    sql.SQL("ALTER ROLE {} SET {} = {}").format(
                        sql.Identifier(_LOGIN),
                        # The name of an extension's setting has two parts.
                        sql.Identifier(*name.split(".")),
                        sql.Literal(value),
                    )
                )
            connection.execute(
                sql.SQL("ALTER ROLE {} SET search_path = evil, pg_catalog").format(
                    sql.Identifier(_LOGIN)
                )
            )
        try:
            yield database
        finally:
            with database.connect() as connection:
                connection.execute("DROP SCHEMA evil CASCADE")
                for statement in ("REASSIGN OWNED BY {} TO CURRENT_USER", "DROP OWNED BY {}"):
                    connection.execute(sql.SQL(statement).format(sql.Identifier(_LOGIN)))
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(_LOGIN)))


@pytest.fixture
def ordinary_dump(oldest_server: PostgresServer) -> str:
    with empty(oldest_server) as database:
        migrate(database.dsn)
        return dump_schema(oldest_server, database.dsn)


def _dump(database: Database) -> str:
    """What stands in the database beside the impostors."""
    with database.connect() as connection:
        connection.execute("DROP SCHEMA evil CASCADE")
        made = dump_schema(database.server, database.dsn)
        connection.execute(_IMPOSTORS)
    return made


def _dsn(database: Database) -> str:
    return database.server.dsn(database.name, _LOGIN, "p")


def test_khala_migrate(hostile: Database, ordinary_dump: str) -> None:
    migrate(_dsn(hostile))
    assert _dump(hostile) == ordinary_dump
    assert status(_dsn(hostile)).up_to_date
    # A login like any other finds nothing to change either, and the other way round.
    assert status(hostile.dsn).up_to_date
    verify(_dsn(hostile))
    revert(_dsn(hostile))
    migrate(hostile.dsn)
    assert not migrate(_dsn(hostile)).functions


@needs_sqitch
def test_sqitch(hostile: Database, ordinary_dump: str) -> None:
    with hostile.connect() as connection:
        # Its own tables have whatever types it finds, and it rounds the version of them.
        for name in ("search_path", "extra_float_digits"):
            connection.execute(
                sql.SQL("ALTER ROLE {} RESET {}").format(
                    sql.Identifier(_LOGIN), sql.Identifier(name)
                )
            )
    sqitch("deploy", _dsn(hostile), "--verify")
    assert _dump(hostile) == ordinary_dump
    sqitch("verify", _dsn(hostile))
    assert status(hostile.dsn).up_to_date
    sqitch("revert", _dsn(hostile), "-y")
