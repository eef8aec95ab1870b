"""`khala_pg.migration.migrate` on empty, half migrated, foreign and newer databases."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from khala_pg.migration.migrate import migrate, revert, status, verify
from khala_pg.migration.sqitch_files import MigrationError, read_plan
from khala_pg.postgres.server import PostgresServer
from khala_pg.resources import db_dir
from support.postgres.databases import Database
from support.schema.schema_dump import COMMITTED, current_dump, dump_schema
from support.trials.waiting import wait_until

NAMES = tuple(change.name for change in read_plan(db_dir()))


@pytest.fixture
def changed_files(tmp_path: Path) -> Path:
    """A copy of db/ that a test may change."""
    copy = tmp_path / "db"
    shutil.copytree(db_dir(), copy)
    return copy


def test_revert_leaves_nothing(empty_database: Database) -> None:
    before = dump_schema(empty_database.server, empty_database.dsn)
    assert migrate(empty_database.dsn).changes == NAMES
    assert verify(empty_database.dsn) == NAMES
    assert revert(empty_database.dsn).changes == NAMES[::-1]
    with empty_database.connect() as connection:
        schemas = connection.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'"
        ).fetchall()
    assert schemas == [("public",)]
    assert dump_schema(empty_database.server, empty_database.dsn) == before
    assert migrate(empty_database.dsn).changes == NAMES


def test_revert_of_topics_that_are_in_use(empty_database: Database) -> None:
    topics = ("runtime.notifications", "tests.grouped")
    dsn = empty_database.dsn
    migrate(dsn)
    with empty_database.connect() as connection:
        connection.execute("SELECT khala.register_topic('tests.grouped', p_writes => 'grouped')")
        for topic in topics:
            connection.execute("SELECT khala.sink(%s, 'k', 7, '{}', 'org')", [topic])
        connection.execute("SELECT khala.sequence('tests.grouped')")
        connection.execute("SELECT khala.sink('tests.grouped', 'staged', 7, '{}', 'org')")
    assert revert(dsn, to="functions").changes == NAMES[-1:]
    migrate(dsn)
    verify(dsn)
    with empty_database.connect() as connection:
        connection.execute("SELECT khala.register_topic('tests.grouped', p_writes => 'grouped')")
        assert connection.execute("SELECT * FROM khala.sequence('tests.grouped')").fetchall() == [
            (0, "done")
        ]
        connection.execute("SELECT khala.set_topic_writes('tests.grouped', 'direct')")
        for topic in topics:
            assert connection.execute(
                "SELECT * FROM khala.sink(%s, 'k', 1, '{}', 'org')", [topic]
            ).fetchall() == [(1, "applied")]
        connection.execute("SELECT khala.set_topic_writes('tests.grouped', 'grouped')")
    assert revert(dsn).changes == NAMES[::-1]


def test_revert_takes_the_roles_along(own_server: PostgresServer) -> None:
    query = "SELECT rolname FROM pg_roles WHERE rolname LIKE 'khala%' ORDER BY 1"
    with psycopg.connect(own_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE one")
        connection.execute("CREATE DATABASE two")
        migrate(own_server.dsn("one"))
        migrate(own_server.dsn("two"))
        revert(own_server.dsn("one"))
        assert len(connection.execute(query).fetchall()) == 5  # the other database needs them
        revert(own_server.dsn("two"))
        assert connection.execute(query).fetchall() == []


def test_committed_dump_is_current(newest_database: Database) -> None:
    now = current_dump(newest_database.server, newest_database.dsn)
    assert COMMITTED.read_text(encoding="utf-8") == now, "the schema changed: run `make schema`"


def test_every_form_of_connection_string(empty_database: Database) -> None:
    server, name = empty_database.server, empty_database.name
    assert migrate(server.socket_dsn(name)).changes == NAMES
    keywords = make_conninfo(server.dsn(name), application_name="it's a test")
    assert "://" not in keywords
    assert status(keywords).up_to_date


def test_part_of_the_plan_and_then_the_rest(empty_database: Database) -> None:
    dsn = empty_database.dsn
    assert migrate(dsn, to="sync_tables").changes == ("roles", "sync_tables")
    assert status(dsn).pending == NAMES[2:]
    assert migrate(dsn).changes == NAMES[2:]
    assert revert(dsn, to="sync_tables").changes == NAMES[:1:-1]
    assert status(dsn).applied == ("roles", "sync_tables")
    with pytest.raises(MigrationError, match="no change nonsense"):
        migrate(dsn, to="nonsense")


def test_a_rebuild_does_not_wait_for_a_migration_that_waits_for_it(
    empty_database: Database, changed_files: Path
) -> None:
    dsn = empty_database.dsn
    migrate(dsn)
    with (changed_files / "sqitch.plan").open("a") as plan:
        plan.write("locking [seed] 2030-01-01T00:00:00Z A <a@example.org> # Locks\n")
    for kind in ("deploy", "revert", "verify"):
        (changed_files / kind / "locking.sql").write_text(
            "LOCK TABLE runtime.sync_topics, runtime.sync_topic_sequences;"
        )
    rebuild = "SELECT id, outcome FROM khala.rebuild_projections('run')"
    queued = "SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = %s"
    with (
        ThreadPoolExecutor(2) as pool,
        empty_database.connect() as writer,
        empty_database.connect() as blocker,
        empty_database.connect() as other,
    ):
        other.execute("SELECT khala.append_run_event('r', 'run.started', p_org_id => 'acme')")

        def waiting(mode: str) -> None:
            wait_until(lambda: other.execute(queued, [mode]).fetchone() == (1,), f"{mode} waits")

        with blocker.transaction():
            # What a rebuild comes to when it has its topic's row.
            blocker.execute("LOCK TABLE runtime.projection_checkpoints")
            rebuilt = pool.submit(lambda: writer.execute(rebuild).fetchall())
            waiting("AccessShareLock")
            change = pool.submit(migrate, dsn, directory=changed_files)
            waiting("AccessExclusiveLock")
        assert rebuilt.result() == [("r", "rewritten")]
        assert change.result().changes == ("locking",)


def test_an_owner_without_superuser_can_migrate(own_server: PostgresServer) -> None:
    with psycopg.connect(own_server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE ROLE customer LOGIN CREATEROLE PASSWORD 'pw'")
        connection.execute("CREATE DATABASE theirs OWNER customer")
    dsn = own_server.dsn("theirs", "customer", "pw")
    assert migrate(dsn).changes == NAMES
    assert status(dsn).up_to_date
    assert verify(dsn) == NAMES
    assert revert(dsn).changes == NAMES[::-1]


def test_any_login_of_the_owning_role_can_migrate_next(
    server: PostgresServer, empty_database: Database, changed_files: Path
) -> None:
    """Nothing belongs to the login that migrated first."""
    first, second = (f"{empty_database.name}_{number}" for number in (1, 2))
    edited = changed_files / "functions" / "api" / "topics" / "schema_version.sql"
    edited.write_text(edited.read_text().replace("SELECT 1;", "SELECT 1 + 0;"))
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        for login in (first, second):
            admin.execute(f"CREATE ROLE {login} LOGIN CREATEROLE PASSWORD 'pw'".encode())
        admin.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {first}".encode())
        if admin.execute("SELECT to_regrole('khala_owner') IS NOT NULL").fetchone() == (True,):
            admin.execute(f"GRANT khala_owner TO {first} WITH ADMIN OPTION".encode())
    try:
        migrate(server.dsn(empty_database.name, first, "pw"))
        with empty_database.connect() as connection:
            connection.execute(f"ALTER DATABASE {empty_database.name} OWNER TO {second}".encode())
            connection.execute(f"GRANT khala_owner TO {second} WITH ADMIN OPTION".encode())
            connection.execute(f"DROP OWNED BY {first}".encode())
            connection.execute(f"DROP ROLE {first}".encode())
        dsn = server.dsn(empty_database.name, second, "pw")
        assert status(dsn).up_to_date
        assert verify(dsn) == NAMES
        assert migrate(dsn, directory=changed_files).functions.changed == (
            "khala.schema_version()",
        )
        assert revert(dsn).changes == NAMES[::-1]
    finally:
        with empty_database.connect() as connection:
            connection.execute(
                f"ALTER DATABASE {empty_database.name} OWNER TO CURRENT_USER".encode()
            )
            for login in (first, second):
                if connection.execute("SELECT to_regrole(%s)", [login]).fetchone() != (None,):
                    connection.execute(f"DROP OWNED BY {login}".encode())
                    connection.execute(f"DROP ROLE {login}".encode())


def test_a_failing_change_leaves_those_before_it(
    empty_database: Database, changed_files: Path
) -> None:
    dsn = empty_database.dsn
    broken = changed_files / "deploy" / "access.sql"
    text = broken.read_text()
    broken.write_text(text.replace("COMMIT;", "CREATE TABLE runtime.half (a int); SELECT 1 / 0;"))
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(dsn, directory=changed_files)
    with empty_database.connect() as connection:
        half = connection.execute("SELECT to_regclass('runtime.half')").fetchone()
    assert half == (None,)
    before = NAMES[: NAMES.index("access")]
    assert status(dsn).applied == before
    broken.write_text(text)
    assert migrate(dsn, directory=changed_files).changes == NAMES[len(before) :]


def test_migrations_at_the_same_time(empty_database: Database) -> None:
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: migrate(empty_database.dsn), range(4)))
    assert sorted(len(outcome.changes) for outcome in outcomes) == [0, 0, 0, len(NAMES)]
    assert status(empty_database.dsn).up_to_date


def test_a_newer_schema_is_refused(database: Database, changed_files: Path) -> None:
    newer = changed_files / "sqitch.plan"
    plan = newer.read_text()
    newer.write_text(plan + "later [seed] 2030-01-01T00:00:00Z A <a@example.org> # More\n")
    for kind, text in (("deploy", "SELECT 1;"), ("revert", "SELECT 1;"), ("verify", "SELECT 1;")):
        (changed_files / kind / "later.sql").write_text(text)
    assert migrate(database.dsn, directory=changed_files).changes == ("later",)
    for refused in (migrate, revert, status):
        with pytest.raises(MigrationError, match="does not know: later"):
            refused(database.dsn)


def test_a_newer_version_number_is_refused(database: Database) -> None:
    with database.connect() as connection:
        connection.execute(
            "CREATE OR REPLACE FUNCTION khala.schema_version() RETURNS integer LANGUAGE sql "
            "IMMUTABLE AS 'SELECT 999'"
        )
    with pytest.raises(MigrationError, match="version 999"):
        migrate(database.dsn)


def test_another_encoding_is_refused(server: PostgresServer) -> None:
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0")
        try:
            with pytest.raises(MigrationError, match=r"is LATIN1; Khala needs UTF8"):
                migrate(server.dsn("latin"))
        finally:
            connection.execute("DROP DATABASE latin")


SABOTAGE = {
    "roles": [
        "REVOKE USAGE ON SCHEMA khala FROM khala_relay",
        "ALTER SCHEMA runtime OWNER TO CURRENT_USER",
    ],
    "sync_tables": [
        "DROP TABLE runtime.sync_topic_retention CASCADE",
        "DROP TABLE runtime.sync_epochs CASCADE",
    ],
    "runtime_tables": [
        "DROP TABLE runtime.runs CASCADE",
        "DROP TABLE runtime.codex_worker_events CASCADE",
    ],
    "access": ["GRANT SELECT ON runtime.api_keys TO khala_dba"],
    "flags": ["ALTER TABLE runtime.flags OWNER TO CURRENT_USER", "DROP TABLE runtime.flags"],
    "parity": [
        "ALTER TABLE runtime.parity_samples OWNER TO CURRENT_USER",
        "DROP TABLE runtime.parity_mismatches",
    ],
    "functions": [
        "GRANT EXECUTE ON FUNCTION khala.schema_version() TO PUBLIC",
        "REVOKE EXECUTE ON FUNCTION khala.schema_version() FROM khala_relay",
        "ALTER FUNCTION khala.sink_batch(text, jsonb) SECURITY INVOKER",
        "DROP VIEW khala.topic_stats CASCADE",
        "REVOKE SELECT ON khala.sink_stats FROM khala_dba",
        "ALTER TABLE runtime.sync_stream_events ALTER COLUMN traceparent DROP DEFAULT",
    ],
    "seed": [
        "DELETE FROM runtime.sync_topic_sequences WHERE topic = 'runtime.run_summaries';"
        "DELETE FROM runtime.sync_topic_retention WHERE topic = 'runtime.run_summaries';"
        "DELETE FROM runtime.sync_topics WHERE topic = 'runtime.run_summaries'",
        "DELETE FROM runtime.sync_epochs",
    ],
}


@pytest.mark.parametrize(
    ("change", "statement"), [(name, one) for name, all_ in SABOTAGE.items() for one in all_]
)
def test_verify_notices_what_is_missing(
    newest_database: Database, change: str, statement: str
) -> None:
    with newest_database.connect() as connection:
        connection.execute(statement)
    with pytest.raises(MigrationError, match=f"change {change} is not"):
        verify(newest_database.dsn)


@pytest.mark.slow
def test_verify_notices_any_missing_function_or_trigger(newest_database: Database) -> None:
    functions = (
        "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace "
        "IN ('khala'::regnamespace, 'khala_internal'::regnamespace, 'lightning'::regnamespace)"
    )
    triggers = (
        "SELECT tgname, tgrelid::regclass::text FROM pg_trigger "
        "WHERE tgfoid = 'khala_internal.sync_topic_sequences_wake()'::regprocedure"
    )
    scripts = {change.name: change.verify_sql().encode() for change in read_plan(db_dir())}
    with newest_database.connect() as connection:
        drops = [
            ("functions", f"DROP FUNCTION {name} CASCADE")
            for (name,) in connection.execute(functions).fetchall()
        ]
        drops += [
            ("functions", f"DROP TRIGGER {name} ON {table}")
            for name, table in connection.execute(triggers).fetchall()
        ]
        unnoticed = [
            drop for change, drop in drops if not _notices(connection, drop, scripts[change])
        ]
    assert len(drops) > 15
    assert unnoticed == []


def _notices(connection: psycopg.Connection[Any], drop: str, script: bytes) -> bool:
    """Whether the script fails after the drop; both are rolled back."""
    with connection.transaction(force_rollback=True):
        connection.execute(drop.encode())
        try:
            connection.execute(script)
        except psycopg.Error:
            return True
    return False
