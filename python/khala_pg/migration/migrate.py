"""Brings a database's schema up to date, or back to nothing: yoyo over the files of the plan.

One set of files serves sqitch and this module; both leave the same schema. Function bodies are
not migrations: after the plan, `migrate` loads db/functions.sql and keeps it if anything differs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg

from khala_pg.conninfo import PRIMARY
from khala_pg.errors import UnavailableError, from_psycopg
from khala_pg.migration.functions import FunctionChanges, load_functions
from khala_pg.migration.schema_version import schema_version_of, shipped_schema_version
from khala_pg.migration.schemas import PRESENT, check_complete
from khala_pg.migration.sqitch_files import Change, MigrationError, read_plan
from khala_pg.migration.yoyo_backend import KhalaBackend, migration_list
from khala_pg.resources import db_dir

OLDEST_SERVER = 150000
_NO_FUNCTIONS = FunctionChanges((), ())


@dataclass(frozen=True)
class Status:
    """State of a database.

    applied: changes in the database, oldest first; pending: changes still to come;
    functions: what loading db/functions.sql would change now (nothing while changes are pending);
    by_sqitch: whether sqitch, not this module, deployed the schema.
    on_standby: whether the server is a standby, where functions cannot be compared.
    """

    applied: tuple[str, ...]
    pending: tuple[str, ...]
    functions: FunctionChanges
    by_sqitch: bool
    on_standby: bool = False

    @property
    def up_to_date(self) -> bool:
        return not self.pending and not self.functions


@dataclass(frozen=True)
class Outcome:
    """Outcome of a migration: changes applied or reverted in order, and functions loaded."""

    changes: tuple[str, ...]
    functions: FunctionChanges = _NO_FUNCTIONS


def migrate(conninfo: str, *, to: str | None = None, directory: Path | None = None) -> Outcome:
    """Applies the pending changes, up to and including `to`; if none is left, loads the functions.

    conninfo: any connection string that libpq takes. directory: where the SQL is (ours if None).
    Each change is one transaction: after an error the changes before it stay, and it can be run
    again. Raises MigrationError when the database is not UTF8, is too old, has changes that this
    version does not know, or is kept by sqitch; psycopg.Error when a statement fails.
    """
    directory = directory or db_dir()
    plan = read_plan(directory)
    wanted = _up_to(plan, to)
    with _backend(conninfo) as backend, backend.lock():
        known = _state(backend, plan, directory)
        if known.by_sqitch:
            if known.pending:
                raise MigrationError(
                    "sqitch deployed this database and has not deployed "
                    + ", ".join(known.pending),
                    hint="run `sqitch deploy` for these; khala migrate then loads the functions",
                )
            return Outcome((), load_functions(backend.connection, directory))
        backend.create_bookkeeping()
        if known.applied:
            backend.give_bookkeeping()
        pending = backend.to_apply(migration_list(wanted))
        backend.apply_migrations(pending)
        names = tuple(migration.id for migration in pending)
        # Bodies may need what the last change makes: with `to`, those of before go on until then.
        functions = _NO_FUNCTIONS
        if len(known.applied) + len(names) == len(plan):
            functions = load_functions(backend.connection, directory)
        return Outcome(names, functions)


def revert(conninfo: str, *, to: str | None = None, directory: Path | None = None) -> Outcome:
    """Undoes the applied changes, newest first, down to but without `to`; all of them if None.

    This drops data. When nothing is left, the bookkeeping goes as well. Raises as `migrate`.
    """
    directory = directory or db_dir()
    plan = read_plan(directory)
    kept = {change.name for change in _up_to(plan, to)} if to is not None else set()
    with _backend(conninfo) as backend, backend.lock():
        known = _state(backend, plan, directory)
        if known.by_sqitch:
            raise MigrationError(
                "sqitch deployed this database", hint="use `sqitch revert` to take it back"
            )
        if not known.applied:
            return Outcome(())
        doomed = backend.to_rollback(migration_list(plan)).filter(lambda m: m.id not in kept)
        backend.rollback_migrations(doomed)
        if not backend.applied_ids():
            backend.drop_bookkeeping()
        return Outcome(tuple(migration.id for migration in doomed))


def status(conninfo: str, *, directory: Path | None = None) -> Status:
    """The applied and the pending changes; writes nothing. Raises as `migrate`."""
    directory = directory or db_dir()
    plan = read_plan(directory)
    with _backend(conninfo, changes=False) as backend:
        known = replace(_state(backend, plan, directory), on_standby=_is_standby(backend))
        if known.pending or known.on_standby:
            return known
        with backend.lock():
            functions = load_functions(backend.connection, directory, keep=False)
        return replace(known, functions=functions)


def verify(conninfo: str, *, directory: Path | None = None) -> tuple[str, ...]:
    """Runs the verify script of every applied change; returns their names.

    Raises MigrationError naming the first change whose claim does not hold.
    """
    directory = directory or db_dir()
    plan = read_plan(directory)
    with _backend(conninfo, changes=False) as backend:
        applied = _state(backend, plan, directory).applied
        if not applied:
            raise MigrationError(
                "the database has no Khala schema", hint="Run `khala migrate` on it."
            )
        connection = backend.connection
        for change in plan:
            if change.name not in applied:
                continue
            try:
                with connection.transaction() as transaction:
                    connection.execute("SET LOCAL search_path TO DEFAULT")
                    connection.execute(change.verify_sql().encode())
                    raise psycopg.Rollback(transaction)
            except psycopg.Error as failed:
                known = from_psycopg(failed)
                if isinstance(known, UnavailableError):
                    raise known from failed
                raise MigrationError(
                    f"change {change.name} is not what it should be: {failed}",
                    hint="Run `khala migrate`, which loads functions and their grants anew; what "
                    "else is missing was removed by hand, or a backup left it out "
                    "(--no-privileges, --exclude-table).",
                ) from failed
    return applied


@contextmanager
def _backend(conninfo: str, *, changes: bool = True) -> Iterator[KhalaBackend]:
    backend = KhalaBackend(conninfo)
    try:
        _check_server(backend)
        if changes and _is_standby(backend):
            raise MigrationError(
                "this server is a standby, where nothing can be changed",
                hint=f"Migrate the primary, which this server follows. {PRIMARY}",
            )
        yield backend
    except psycopg.errors.InsufficientPrivilege as refused:
        user = backend.login
        raise MigrationError(
            f"{user} may not do this: {refused.diag.message_primary}",
            hint="Migrate as a superuser, or as a role with CREATEROLE that owns the database. On "
            "PostgreSQL 16 or newer, when another role made Khala's roles for another database of "
            f"the server, or another one migrated: GRANT khala_owner TO {user} WITH ADMIN OPTION."
            if changes
            else f"Connect as a superuser, or: GRANT khala_owner TO {user}.",
        ) from refused
    finally:
        backend.connection.close()


def _is_standby(backend: KhalaBackend) -> bool:
    found = backend.connection.execute("SELECT pg_catalog.pg_is_in_recovery()").fetchone()
    return bool(found == (True,))


def _check_server(backend: KhalaBackend) -> None:
    info = backend.connection.info
    if info.server_version < OLDEST_SERVER:
        raise MigrationError(
            f"this is PostgreSQL {info.server_version // 10000}; Khala needs 15 or newer"
        )
    encoding = info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise MigrationError(
            f"the encoding of database {backend.database} is {encoding}; Khala needs UTF8",
            hint=f"CREATE DATABASE {backend.database} ENCODING 'UTF8' TEMPLATE template0",
        )


def _state(backend: KhalaBackend, plan: tuple[Change, ...], directory: Path) -> Status:
    """Applied and pending changes. Raises MigrationError for a schema newer than this version, and
    for a part of one."""
    applied = backend.applied_ids()
    by_sqitch = False
    if not applied:
        applied = _deployed_by_sqitch(backend)
        by_sqitch = bool(applied)
    present = [name for (name,) in backend.connection.execute(PRESENT).fetchall()]
    check_complete(present, expected=bool(applied))
    names = [change.name for change in plan]
    unknown = [name for name in applied if name not in names]
    if unknown:
        raise MigrationError(
            f"the database has changes that this version does not know: {', '.join(unknown)}",
            hint="it was migrated by a newer khala-pg: upgrade this one",
        )
    _refuse_newer_functions(backend, directory)
    pending = tuple(name for name in names if name not in applied)
    return Status(applied, pending, _NO_FUNCTIONS, by_sqitch)


def _refuse_newer_functions(backend: KhalaBackend, directory: Path) -> None:
    found = schema_version_of(backend.connection)
    ours = shipped_schema_version(directory)
    if found is not None and found > ours:
        raise MigrationError(
            f"the database's schema is version {found}; this khala-pg knows up to {ours}",
            hint="it was migrated by a newer khala-pg: upgrade this one",
        )


def _deployed_by_sqitch(backend: KhalaBackend) -> tuple[str, ...]:
    there = backend.connection.execute(
        "SELECT pg_catalog.to_regclass('sqitch.changes') IS NOT NULL"
    ).fetchone()
    if there is None or not there[0]:
        return ()
    rows = backend.connection.execute(
        "SELECT change FROM sqitch.changes WHERE project = 'khala' ORDER BY committed_at"
    )
    return tuple(name for (name,) in rows.fetchall())


def _up_to(plan: tuple[Change, ...], last: str | None) -> tuple[Change, ...]:
    if last is None:
        return plan
    names = [change.name for change in plan]
    if last not in names:
        raise MigrationError(f"no change {last}; the plan has {', '.join(names)}")
    return plan[: names.index(last) + 1]
