"""Every function and view of the API means the same under whatever settings a session has."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import psycopg
import pytest
from psycopg.adapt import Loader
from psycopg.pq import TransactionStatus

from khala_pg.postgres.server import PostgresServer
from support.postgres.databases import Database, Template, cloned
from support.schema.api_examples import EFFECTS, EXAMPLES, SCENE
from support.schema.example_calls import Call
from support.schema.hostile_settings import HIJACKED, IMPOSTORS, Variant, variants

Outcome = tuple[Any, ...]
Outcomes = dict[tuple[str, int, bool], Outcome]

_ROLES = """
SELECT p.proname, a.grantee::regrole::text
FROM pg_proc AS p CROSS JOIN LATERAL aclexplode(p.proacl) AS a
WHERE p.pronamespace IN ('khala'::regnamespace, 'lightning'::regnamespace)
    AND a.grantee <> p.proowner
UNION ALL
SELECT c.relname, 'khala_dba' FROM pg_class AS c
WHERE c.relnamespace = 'khala'::regnamespace AND c.relkind = 'v'
"""
_BEFORE_EFFECTS = """
RESET ROLE;
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL max_parallel_workers_per_gather = 0
"""


class _Unread(Loader):
    """A value that a session prints as its settings say: only its binary form is compared."""

    def load(self, data: Any) -> None:
        return None


class _Printed(Loader):
    """A document as the server prints it, which is the same in every session."""

    def load(self, data: Any) -> str:
        assert self.connection is not None
        return bytes(data).decode(self.connection.info.encoding)


class _PrintedBinary(_Printed):
    format = psycopg.pq.Format.BINARY


@pytest.fixture(scope="module")
def database(
    server: PostgresServer, template_of: Callable[[PostgresServer], Template]
) -> Iterator[Database]:
    """One for all tests: every call is undone."""
    with cloned(template_of(server)) as made:
        yield made


@pytest.fixture(scope="module")
def roles(database: Database) -> dict[str, str]:
    """A role for each function and view, in a database with the scene and the impostors."""
    with database.connect() as connection:
        connection.execute(SCENE)
        connection.execute(IMPOSTORS)
        return dict(connection.execute(_ROLES).fetchall())


@contextmanager
def session(database: Database, variant: Variant) -> Iterator[psycopg.Connection[Any]]:
    with database.connect() as connection:
        for name in ("timestamptz", "interval", "float8"):
            connection.adapters.register_loader(name, _Unread)
        for loader in (_Printed, _PrintedBinary):
            for name in ("json", "jsonb"):
                connection.adapters.register_loader(name, loader)
        connection.execute("LOAD 'plpgsql'")
        if variant.prepare:
            connection.execute(variant.prepare.encode())
        for name, value in variant.settings.items():
            connection.execute("SELECT pg_catalog.set_config(%s, %s, false)", (name, value))
        yield connection


def outcome(connection: psycopg.Connection[Any], role: str, call: Call, binary: bool) -> Outcome:
    """Result of a call and what it left behind, which is then undone; or SQLSTATE and DETAIL."""
    try:
        connection.execute("BEGIN")
        connection.execute(f"SET LOCAL ROLE {role}".encode())
        cursor = connection.execute(call.statement.encode(), call.values, binary=binary)
        found = tuple(cursor.fetchall())
        if call.writes:
            connection.execute(_BEFORE_EFFECTS)
            for effect in EFFECTS:
                found += tuple(connection.execute(effect.encode(), binary=binary).fetchall())
        return found
    except UnicodeEncodeError:
        return ("22P05", None)
    except psycopg.Error as error:
        return (error.sqlstate, error.diag.message_detail)
    finally:
        while connection.info.transaction_status != TransactionStatus.IDLE:
            with suppress(psycopg.errors.QueryCanceled):
                connection.execute("ROLLBACK")


def _is_error(found: Outcome) -> bool:
    return bool(found) and isinstance(found[0], str)


def outcomes(database: Database, roles: Mapping[str, str], variant: Variant) -> Outcomes:
    """What each call comes to in one session, in the text and in the binary format."""
    with session(database, variant) as connection:
        return {
            (name, nth, binary): outcome(connection, roles[name], call, binary)
            for binary in (False, True)
            for name, calls in EXAMPLES.items()
            for nth, call in enumerate(calls)
            # What it leaves behind is compared once.
            if binary or not call.writes
        }


def test_each_function_and_view_has_an_example(roles: dict[str, str]) -> None:
    lacking = roles.keys() - EXAMPLES.keys()
    assert not lacking, "tests/support/schema/api_examples.py has no call of them"
    assert EXAMPLES.keys() == roles.keys()


def test_impostors_are_what_a_session_meets(database: Database, roles: dict[str, str]) -> None:
    with session(database, HIJACKED) as connection:
        for statement, error in (
            ("SELECT 1::bigint > 0::bigint", psycopg.errors.RaiseException),
            ("SELECT jsonb_typeof(pg_catalog.to_jsonb(1))", psycopg.errors.RaiseException),
            ("SELECT 'x'::text", psycopg.errors.InvalidTextRepresentation),
        ):
            with pytest.raises(error, match=r"hijacked|integer"):
                connection.execute(statement.encode())


@pytest.mark.slow
def test_settings_change_nothing(database: Database, roles: dict[str, str]) -> None:
    expected = outcomes(database, roles, Variant({}))
    assert {
        (name, nth): expected[name, nth, True][:1]
        for name, calls in EXAMPLES.items()
        for nth, call in enumerate(calls)
        if call.error is not None or _is_error(expected[name, nth, True])
    } == {
        (name, nth): (call.error,)
        for name, calls in EXAMPLES.items()
        for nth, call in enumerate(calls)
        if call.error is not None
    }

    def differing(variant: Variant) -> list[str]:
        found = outcomes(database, roles, variant)
        return [
            f"{variant.name}: call {nth} of {name} gave {str(result)[:200]},"
            f" not {str(expected[name, nth, binary])[:200]}"
            for (name, nth, binary), result in found.items()
            if result != expected[name, nth, binary]
            and not (result and variant.allows(name, result[0]))
        ]

    with database.connect() as connection:
        matrix = list(variants(connection))
    wrong = []
    for variant in matrix:
        if found := differing(variant):
            # Which of many settings it is.
            wrong += [line for each in variant.each() for line in differing(each)] or found
    assert wrong == []
