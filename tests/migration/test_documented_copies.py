"""Backups, moves and a replaced login, by the commands of the documents."""

import secrets
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from khala_pg.client import Backoff, KhalaClient, SqliteStore, Start
from khala_pg.migration.migrate import migrate, status, verify
from khala_pg.postgres.server import PostgresServer
from support.documents.documents import blocks, run_shell, run_sql
from support.postgres.consistency import visible
from support.postgres.databases import Database, Template, cloned, make_template
from support.postgres.servers import SETTINGS, Servers
from support.postgres.sessions import SINK
from support.relay.relay_process import relay_process
from support.trials.waiting import until

BACKUP, MOVE, UPGRADE = "howto/backup-and-restore.md", "howto/move.md", "howto/upgrade.md"
TOPIC, GROUPED, ORG = "runtime.run_summaries", "shop.clicks", "red"
PATIENCE_S = 60.0


@pytest.fixture
def new_server(server: PostgresServer, servers: Servers) -> Iterator[PostgresServer]:
    """A server of each version, that has never had Khala."""
    home = servers.new_home("new")
    settings = {**SETTINGS, "wal_level": "replica"}
    bin_dir = server.installation.bin_dir
    with PostgresServer(home, pg_bin=bin_dir, settings=settings) as running:
        yield running
    shutil.rmtree(home)


def shell(document: str, heading: str, number: int) -> str:
    """One of the blocks of shell commands below a heading."""
    return [text for language, text in blocks(document, heading) if language == "sh"][number]


def statements(document: str, heading: str) -> list[str]:
    """The blocks of SQL below a heading."""
    return [text for language, text in blocks(document, heading) if language == "sql"]


def fill(database: Database) -> None:
    """Documents, an own topic whose writes are grouped, staged writes, and a revocation."""
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.register_topic(%s, p_ownership => 'mixed', p_writes => 'grouped')",
            [GROUPED],
        )
        for number in range(3):
            connection.execute(SINK, [TOPIC, f"k{number}", 1, '{"n": 1}', ORG])
            connection.execute(SINK, [GROUPED, f"k{number}", 1, '{"n": 1}', ORG])
        connection.execute("SELECT khala.sequence(%s)", [GROUPED])
        connection.execute(SINK, [GROUPED, "staged", 1, "{}", ORG])
        connection.execute("SELECT khala.append_run_event('r', 'run.started', '{}', %s)", [ORG])
        connection.execute("SELECT khala.revoke('sub', s) FROM unnest(ARRAY['ann', 'bob']) AS s")


def check_works(dsn: str) -> None:
    """What was filled is there, and each kind of write goes on behind it."""
    with psycopg.connect(dsn, autocommit=True) as connection:

        def value(query: str, *values: object) -> object:
            row = connection.execute(query, values).fetchone()
            assert row is not None
            return row[0]

        value("SELECT khala.ensure_epoch()")
        assert value("SELECT khala.revoke('sub', 'eve')") == 3
        assert value("SELECT watermark FROM khala.sink(%s, 'k0', 2, '{}', %s)", TOPIC, ORG) == 5
        connection.execute(SINK, [GROUPED, "staged", 2, "{}", ORG])
        assert value("SELECT sequenced FROM khala.sequence(%s)", GROUPED) == 2
        assert value("SELECT seq FROM khala.append_run_event('r', 'run.progress')") == 2
        version = "SELECT doc_version FROM runtime.sync_documents WHERE topic = %s AND doc_key = %s"
        assert value(version, GROUPED, "staged") == 2


@pytest.mark.parametrize("file", ["app.dump", "khala.dump", "app.sql", "in place"])
@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "owner"])
def test_backup_and_restore_on_the_same_server(
    database: Database, tmp_path: Path, is_superuser: bool, file: str
) -> None:
    fill(database)
    server, target, login = database.server, f"{database.name}_target", f"{database.name}_owner"
    password = secrets.token_hex(8)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {login} LOGIN PASSWORD '{password}'".encode())
        admin.execute(f"CREATE DATABASE {target}".encode())
        if not is_superuser:
            admin.execute(f"GRANT khala_owner TO {login}".encode())
            for name in (target, database.name):
                admin.execute(f"ALTER DATABASE {name} OWNER TO {login}".encode())

    def dsn(name: str) -> str:
        return server.dsn(name) if is_superuser else server.dsn(name, login, password)

    run = partial(
        run_shell,
        server=server,
        directory=tmp_path,
        variables={"SOURCE": dsn(database.name), "TARGET": dsn(target)},
    )
    for number in (0, 1):
        run(shell(BACKUP, "Back up", number))
    restore = shell(BACKUP, "Restore", 0)
    if file == "app.sql":
        run(shell(BACKUP, "Restore", 1) + "\n" + restore.partition("\n")[2])
    else:
        run(restore.replace("app.dump", file.replace("in place", "app.dump")))
    if file == "in place":
        [drop] = statements(BACKUP, "Restore")
        run_sql(drop, server, dsn(target), tmp_path)
        run(restore)
    assert verify(server.dsn(target))
    check_works(server.dsn(target))
    [again] = statements(BACKUP, "Clients after a restore")
    run_sql(again, server, server.dsn(target), tmp_path)
    with psycopg.connect(server.dsn(), autocommit=True) as admin:
        admin.execute(f"DROP DATABASE {target}".encode())
        if not is_superuser:
            admin.execute(f"ALTER DATABASE {database.name} OWNER TO CURRENT_USER".encode())
        admin.execute(f"DROP OWNED BY {login}".encode())
        admin.execute(f"DROP ROLE {login}".encode())


@pytest.mark.parametrize("is_superuser", [True, False], ids=["superuser", "owner"])
def test_restore_on_a_new_server(
    database: Database, new_server: PostgresServer, tmp_path: Path, is_superuser: bool
) -> None:
    fill(database)
    with psycopg.connect(new_server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE ROLE app_owner LOGIN CREATEROLE PASSWORD 'pw'")
        admin.execute("CREATE DATABASE app OWNER app_owner")
    target = new_server.dsn("app") if is_superuser else new_server.dsn("app", "app_owner", "pw")
    run = partial(
        run_shell,
        server=new_server,
        directory=tmp_path,
        variables={"SOURCE": database.dsn, "TARGET": target},
    )
    run(shell(BACKUP, "Back up", 0))
    run(shell(BACKUP, "Create the roles on another server", 0))
    run(shell(BACKUP, "Restore", 0))
    check_works(new_server.dsn("app"))


def test_a_login_that_migrated_is_replaced(new_server: PostgresServer, tmp_path: Path) -> None:
    with psycopg.connect(new_server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE ROLE old_migrator LOGIN CREATEROLE PASSWORD 'pw'")
        admin.execute("CREATE DATABASE app OWNER old_migrator")
    old = new_server.dsn("app", "old_migrator", "pw")
    migrate(old)
    with psycopg.connect(old, autocommit=True) as connection:
        # By who has the admin option: the old login.
        connection.execute("CREATE ROLE relay_login LOGIN PASSWORD 'pw' IN ROLE khala_relay")
    for block in statements(UPGRADE, "Replace the login"):
        run_sql(block, new_server, new_server.dsn("app"), tmp_path)
    new = new_server.dsn("app", "new_migrator", "secret")
    assert status(new).up_to_date
    with psycopg.connect(new_server.dsn("app"), autocommit=True) as connection:
        assert connection.execute("SELECT to_regrole('old_migrator')").fetchone() == (None,)
        connection.execute("DROP FUNCTION khala.schema_version()")
    assert migrate(new).functions.added == ("khala.schema_version()",)
    with psycopg.connect(new_server.dsn("app", "relay_login", "pw")) as connection:
        assert connection.execute("SELECT khala.ensure_epoch() IS NOT NULL").fetchone() == (True,)


@pytest.fixture
def source(oldest_server: PostgresServer, servers: Servers) -> Iterator[Database]:
    """A migrated database on an oldest server of the test's own."""
    home = servers.new_home("source")
    bin_dir = oldest_server.installation.bin_dir
    with PostgresServer(home, pg_bin=bin_dir, settings=SETTINGS) as running:
        template = make_template(running)
        with cloned(template) as database:
            yield database
    shutil.rmtree(home)


async def test_move_by_logical_replication(
    source: Database,
    own_server: PostgresServer,
    template_of: Callable[[PostgresServer], Template],
    tmp_path: Path,
) -> None:
    """From the oldest version to the newest; a client follows from before to after."""
    fill(source)
    target = Database(own_server, "moved", template_of(own_server).passwords)
    with psycopg.connect(own_server.dsn(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE moved")
    run = partial(
        run_shell,
        server=source.server,
        directory=tmp_path,
        variables={"SOURCE": source.dsn, "TARGET": target.dsn},
    )
    run(shell(MOVE, "1. Prepare the source", 0))
    source.server.restart()
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        with source.connect("runtime") as connection:
            while not stop.is_set():
                number = len(written)
                for topic in (TOPIC, GROUPED):
                    connection.execute(SINK, [topic, f"k{number % 50}", number, "{}", ORG])
                written.append(number)
                stop.wait(0.01)

    writer = threading.Thread(target=write)
    with relay_process(source.relay_dsn, tmp_path) as relay:
        async with KhalaClient(
            lambda: relay.endpoint(ORG),
            [TOPIC],
            store=SqliteStore(tmp_path / "store.sqlite"),
            start=Start(snapshot=False),
            backoff=Backoff(base=0.02, cap=0.2),
        ) as client:

            def has_all(database: Database) -> bool:
                with database.connect() as connection:
                    model = visible(connection, TOPIC, ORG)
                documents = client.documents(TOPIC)
                return {k: (d.doc_version, d.payload) for k, d in documents.items()} == model

            writer.start()
            try:
                await until(lambda: len(written) > 100, "writes", PATIENCE_S)
                run(shell(MOVE, "2. Copy the schema", 0))
                run(shell(MOVE, "3. Copy the rows", 0))
                with source.connect() as connection:
                    connection.execute("SELECT lightning.set_global_pause('{\"active\": true}')")
                so_far = len(written)
                await until(lambda: len(written) > so_far + 50, "writes go on", PATIENCE_S)
            finally:
                stop.set()
                writer.join()
            relay.terminate()
            run(shell(MOVE, "4. Switch", 0))
            with source.connect("runtime") as connection, pytest.raises(psycopg.Error) as refused:
                connection.execute(SINK, [TOPIC, "late", 1, "{}", ORG])
            assert refused.value.sqlstate == "42501"
            may_use = "SELECT has_schema_privilege('lightning_ops', 'lightning', 'USAGE')"
            with source.connect() as connection:
                assert connection.execute(may_use).fetchone() == (False,)
            with source.connect() as before, target.connect() as after:
                for topic in (TOPIC, GROUPED):
                    assert visible(before, topic, ORG) == visible(after, topic, ORG)
            run(shell(MOVE, "4. Switch", 1))
            paused = "SELECT global_pause FROM lightning.security_global"
            with target.connect() as connection:
                assert connection.execute(paused).fetchall() == [(True,)]
            relay._environment["KHALA_DATABASE_URL"] = target.relay_dsn
            relay.start()
            with target.connect("runtime") as connection, target.connect() as admin:
                for topic in (TOPIC, GROUPED):
                    connection.execute(SINK, [topic, "after", None, "{}", ORG])
                await until(partial(has_all, target), "the client has it", PATIENCE_S)
                assert "after" in client.documents(TOPIC)
                await until(
                    lambda: "after" in visible(admin, GROUPED, ORG),
                    "the grouped topic goes on",
                    PATIENCE_S,
                )
                assert admin.execute("SELECT khala.revoke('sub', 'eve')").fetchone() == (3,)
