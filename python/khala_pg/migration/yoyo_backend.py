"""yoyo as our migration runner: changes of the sqitch plan, on a psycopg connection of our own.

Where yoyo is stricter or looser than we need: it parses connection strings itself (no Unix
sockets, no keyword form), so the connection comes from psycopg; it commits a migration before it
notes that it did, so both happen here in one transaction; it locks with a row that a killed
process leaves behind, so the lock here is a transaction's. Nothing is kept in a session: behind a
pooler in transaction mode it would stay with a server connection that others use next.
"""

import contextlib
import socket
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql
from yoyo.backends.core.postgresql import PostgresqlPsycopgBackend
from yoyo.migrations import Migration, MigrationList, StepCollector, default_migration_table

from khala_pg.connections import connect
from khala_pg.migration.schemas import BOOKKEEPING_SCHEMA
from khala_pg.migration.sqitch_files import Change

# Any number will do as long as it is the same everywhere; this is "khala" in ASCII.
ADVISORY_LOCK = 0x6B68616C61
# The transaction that holds the lock does nothing else, however long a migration takes.
_LET_IT_IDLE = """
SELECT pg_catalog.set_config(s.name, '0', true)
FROM (VALUES ('idle_in_transaction_session_timeout'), ('transaction_timeout')) AS s (name)
WHERE pg_catalog.current_setting(s.name, true) IS NOT NULL
"""


class KhalaBackend(PostgresqlPsycopgBackend):  # type: ignore[misc]
    """A yoyo backend on one autocommit connection, its tables in a schema of their own."""

    has_transactional_ddl = True
    _is_locked: bool = False

    def __init__(self, conninfo: str) -> None:
        super().__init__(conninfo, default_migration_table)

    def connect(self, dburi: str) -> psycopg.Connection[Any]:
        self.schema = BOOKKEEPING_SCHEMA
        connection = connect(dburi)
        # Behind a pooler they may be other ones than the connection string names.
        [(self.login, self.database)] = connection.execute(
            "SELECT session_user, pg_catalog.current_database()"
        ).fetchall()
        return connection

    def init_connection(self, connection: psycopg.Connection[Any]) -> None:
        """Nothing: yoyo would set the search path of the session."""

    def begin(self) -> None:
        super().begin()
        _search_bookkeeping(self.connection)

    def execute(self, sql: str, params: Mapping[str, Any] | None = None) -> psycopg.Cursor[Any]:
        """A statement of yoyo's own, which names tables without their schema."""
        with contextlib.nullcontext() if self._in_transaction else self.transaction():
            cursor: psycopg.Cursor[Any] = super().execute(sql, params)
        return cursor

    def list_tables(self, **_: object) -> list[str]:
        rows = self.connection.execute(
            "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = %s",
            (BOOKKEEPING_SCHEMA,),
        )
        return [name for (name,) in rows]

    @contextlib.contextmanager
    def lock(self, timeout: float = 10) -> Iterator[None]:
        """Keeps other migrations out; `timeout` is not used: the second waits."""
        if self._is_locked:
            yield
            return
        with connect(self.uri) as keeper, keeper.transaction():
            keeper.execute(_LET_IT_IDLE)
            keeper.execute("SELECT pg_catalog.pg_advisory_xact_lock(%s)", (ADVISORY_LOCK,))
            self._is_locked = True
            try:
                yield
            finally:
                self._is_locked = False

    def has_bookkeeping(self) -> bool:
        """Whether yoyo's tables are there, in the version that the installed yoyo writes."""
        return self.migration_table in self.list_tables()

    def create_bookkeeping(self) -> None:
        """Makes the schema and yoyo's tables when they are not there. Call with the lock held."""
        if not self.has_bookkeeping():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {self.quote_identifier(BOOKKEEPING_SCHEMA)}")
        self.ensure_internal_schema_updated()

    def give_bookkeeping(self, owner: str = "khala_owner") -> None:
        """Makes a role own yoyo's tables. As khala_owner's, like all else, they are open to every
        login that may migrate; a revert takes them back before it drops that role."""
        foreign = self.connection.execute(
            "SELECT c.relname FROM pg_catalog.pg_class AS c"
            " WHERE c.relnamespace = %s::regnamespace AND c.relkind = 'r'"
            " AND pg_catalog.pg_get_userbyid(c.relowner) <> %s ORDER BY c.relname",
            (BOOKKEEPING_SCHEMA, owner),
        ).fetchall()
        if not foreign:
            return
        schema, role = sql.Identifier(BOOKKEEPING_SCHEMA), sql.Identifier(owner)
        self.connection.execute(sql.SQL("ALTER SCHEMA {} OWNER TO {}").format(schema, role))
        for (name,) in foreign:
            self.connection.execute(
                sql.SQL("ALTER TABLE {}.{} OWNER TO {}").format(schema, sql.Identifier(name), role)
            )

    def drop_bookkeeping(self) -> None:
        """Removes every trace of yoyo from the database."""
        self.execute(f"DROP SCHEMA {self.quote_identifier(BOOKKEEPING_SCHEMA)} CASCADE")
        self._internal_schema_updated = False

    def applied_ids(self) -> tuple[str, ...]:
        """The names of the changes that were applied, oldest first."""
        if not self.has_bookkeeping():
            return ()
        # With the schema's name: without it, a role that may not use the schema finds no table.
        table = f"{self.quote_identifier(BOOKKEEPING_SCHEMA)}.{self.migration_table_quoted}"
        rows = self.execute(
            f"SELECT migration_id FROM {table} ORDER BY applied_at_utc"  # noqa: S608 - a constant
        )
        return tuple(name for (name,) in rows.fetchall())

    def get_log_data(
        self, migration: Migration | None = None, operation: str = "apply"
    ) -> dict[str, object]:
        # yoyo asks the resolver for this host's full name, which takes seconds without a network,
        # and the system for the account's name, which an account without an entry does not have.
        return {
            "id": str(uuid.uuid4()),
            "migration_id": migration.id if migration else None,
            "migration_hash": migration.hash if migration else None,
            "username": self.login,
            "hostname": socket.gethostname(),
            "created_at_utc": datetime.now(UTC).replace(tzinfo=None),
            "operation": operation,
        }

    def apply_one(self, migration: Migration, force: bool = False, mark: bool = True) -> None:
        with self.transaction():
            migration.process_steps(self, "apply", force=force)
            self.log_migration(migration, "apply")
            if mark:
                self.mark_one(migration, log=False)
            if _is_first(migration):
                self.give_bookkeeping()

    def rollback_one(self, migration: Migration, force: bool = False) -> None:
        with self.transaction():
            if _is_first(migration):
                self.give_bookkeeping(self.login)
            migration.process_steps(self, "rollback", force=force)
            self.log_migration(migration, "rollback")
            self.unmark_one(migration, log=False)


class PlanMigration(Migration):  # type: ignore[misc]
    """A change of the plan as yoyo sees it: one step made of the deploy and the revert file."""

    def __init__(self, change: Change) -> None:
        path = change.directory / "deploy" / f"{change.name}.sql"
        super().__init__(change.name, str(path), str(change.directory))
        self.change = change
        self._depends: set[PlanMigration] = set()

    def load(self) -> None:
        if self.loaded:
            return
        collector = StepCollector(migration=self)
        collector.add_step(_run(self.change.deploy_sql), _run(self.change.revert_sql))
        self.steps = collector.create_steps(True)


def _is_first(migration: Migration) -> bool:
    """Whether the change makes the roles."""
    return isinstance(migration, PlanMigration) and not migration.change.requires


def migration_list(changes: tuple[Change, ...]) -> MigrationList:
    """The plan as yoyo's list, with its dependencies."""
    migrations: dict[str, PlanMigration] = {}
    for change in changes:
        migration = PlanMigration(change)
        migration._depends = {migrations[name] for name in change.requires}
        migrations[change.name] = migration
    return MigrationList(list(migrations.values()))


def _run(read: Callable[[], str]) -> Callable[[psycopg.Connection[Any]], None]:
    def run(connection: psycopg.Connection[Any]) -> None:
        # As under psql: the search path of the login. The files themselves may also change role
        # for the rest of the transaction, in which yoyo's own notes follow.
        connection.execute("SET LOCAL search_path TO DEFAULT")
        connection.execute(read().encode())
        connection.execute("RESET ROLE")
        _search_bookkeeping(connection)

    return run


def _search_bookkeeping(connection: psycopg.Connection[Any]) -> None:
    connection.execute(
        sql.SQL("SET LOCAL search_path TO {}").format(sql.Identifier(BOOKKEEPING_SCHEMA))
    )
