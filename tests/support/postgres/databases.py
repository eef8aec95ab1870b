"""Fresh migrated databases, cloned from a template that is migrated once per server."""

import itertools
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from pytest_postgresql.janitor import DatabaseJanitor

from khala_pg.migration.migrate import migrate
from khala_pg.postgres.server import SUPERUSER, PostgresServer
from support.postgres.verifiers import quick_verifier

TEMPLATE = "khala_template"
_MIXED_TEMPLATE = "khala_mixed_template"
ROLES = {
    "runtime": ["khala_runtime"],
    "relay": ["khala_relay"],
    "dba": ["khala_dba"],
    "publisher": ["khala_publisher"],
    "lightning": ["khala_relay", "lightning_ops", "lightning_owner_api"],
}
"""Logins, and the roles that each is a member of."""
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One database of a test and how to log in to it, as the superuser or in one of the roles."""

    server: PostgresServer
    name: str
    passwords: dict[str, str]

    @property
    def dsn(self) -> str:
        """Logs in as the superuser, who may do what khala_owner may."""
        return self.server.dsn(self.name)

    @property
    def runtime_dsn(self) -> str:
        return self.dsn_as("runtime")

    @property
    def relay_dsn(self) -> str:
        return self.dsn_as("relay")

    @property
    def dba_dsn(self) -> str:
        return self.dsn_as("dba")

    def dsn_as(self, role: str) -> str:
        """Logs in as a login of ROLES, which has no other right."""
        login = _login(role)
        return self.server.dsn(self.name, login, self.passwords[login])

    def connect(self, role: str | None = None) -> psycopg.Connection[Any]:
        """A connection in autocommit mode, as the superuser or in a role."""
        return psycopg.connect(self.dsn if role is None else self.dsn_as(role), autocommit=True)


@dataclass(frozen=True)
class Template:
    """A server's migrated template database, and the passwords of its login roles."""

    server: PostgresServer
    passwords: dict[str, str]


def make_template(server: PostgresServer) -> Template:
    """Migrates the templates and creates the logins."""
    _janitor(server, TEMPLATE).init()
    migrate(server.dsn(TEMPLATE))
    _janitor(server, _MIXED_TEMPLATE, template_dbname=TEMPLATE).init()
    take_public_documents(server.dsn(_MIXED_TEMPLATE))
    passwords = {_login(role): secrets.token_urlsafe(12) for role in ROLES}
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        for role, groups in ROLES.items():
            login = _login(role)
            connection.execute(
                sql.SQL("CREATE ROLE {} LOGIN PASSWORD {} IN ROLE {}").format(
                    sql.Identifier(login),
                    sql.Literal(quick_verifier(passwords[login])),
                    sql.SQL(", ").join(map(sql.Identifier, groups)),
                )
            )
    return Template(server, passwords)


def take_public_documents(dsn: str) -> None:
    """Makes the topics of a new database mixed: a test may write public documents to them."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("UPDATE runtime.sync_topics SET ownership = 'mixed'")


@contextmanager
def cloned(template: Template, *, as_seeded: bool = False) -> Iterator[Database]:
    """A database of its own, gone afterwards together with every connection to it.

    Its topics are mixed, unless it is to be as every new installation is.
    """
    database = Database(template.server, f"khala_test_{next(_numbers)}", template.passwords)
    of = TEMPLATE if as_seeded else _MIXED_TEMPLATE
    with _janitor(template.server, database.name, template_dbname=of):
        yield database


@contextmanager
def empty(server: PostgresServer) -> Iterator[Database]:
    """A database without anything of Khala in it; it has no logins for the roles."""
    database = Database(server, f"khala_empty_{next(_numbers)}", {})
    with _janitor(server, database.name):
        yield database


def _login(role: str) -> str:
    return f"khala_test_{role}"


def _janitor(
    server: PostgresServer, name: str, *, template_dbname: str | None = None
) -> DatabaseJanitor:
    conninfo = psycopg.conninfo.conninfo_to_dict(server.dsn())
    return DatabaseJanitor(
        user=SUPERUSER,
        host=str(conninfo["host"]),
        port=server.port,
        password=str(conninfo["password"]),
        dbname=name,
        template_dbname=template_dbname or "template0",
    )
