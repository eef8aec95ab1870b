"""`khala doctor` names what was broken on purpose, and says what to do."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from khala_pg import ports
from khala_pg.doctor import Report, examine
from khala_pg.postgres_server import PostgresServer
from support.databases import Database


def statuses(report: Report) -> dict[str, str]:
    """The worst status of every check that was made."""
    order = ["ok", "warn", "fail"]
    worst: dict[str, str] = {}
    for finding in report.findings:
        known = worst.get(finding.check, "ok")
        worst[finding.check] = max(known, finding.status, key=order.index)
        assert finding.status == "ok" or finding.advice, finding
    return worst


def test_a_migrated_database_has_no_failure(database: Database) -> None:
    report = examine(database.dsn)
    failing = [finding for finding in report.findings if finding.status == "fail"]
    assert failing == []
    assert statuses(report)["listen"] == "ok"
    assert "every function current" in str(report.findings)


def test_a_login_with_few_rights_gets_a_report_too(newest_database: Database) -> None:
    report = examine(newest_database.relay_dsn)
    assert report.worst != "fail", report
    assert statuses(report)["schema"] == "ok"


def test_an_empty_database(empty_database: Database) -> None:
    report = examine(empty_database.dsn)
    assert report.worst == "fail"
    (schema,) = [finding for finding in report.findings if finding.check == "schema"]
    assert "khala migrate" in schema.advice


def test_nobody_there() -> None:
    report = examine(f"postgresql://x@127.0.0.1:{ports.free_port()}/x")
    assert [finding.check for finding in report.findings] == ["connection"]
    assert report.worst == "fail"


@pytest.mark.parametrize(
    ("statement", "check", "status"),
    [
        (
            "CREATE OR REPLACE FUNCTION khala.current_epoch() RETURNS text LANGUAGE sql STABLE "
            "AS 'SELECT ''x'''",
            "schema",
            "fail",
        ),
        (
            "CREATE OR REPLACE FUNCTION khala.schema_version() RETURNS integer LANGUAGE sql "
            "IMMUTABLE AS 'SELECT 999'",
            "schema",
            "fail",
        ),
        ("REVOKE USAGE ON SCHEMA khala FROM khala_relay", "grants", "fail"),
        ("GRANT EXECUTE ON FUNCTION khala.schema_version() TO PUBLIC", "grants", "fail"),
        ("UPDATE runtime.sync_epochs SET fingerprint = 'elsewhere'", "epoch", "warn"),
        ("DELETE FROM runtime.sync_epochs", "epoch", "fail"),
    ],
)
def test_what_was_broken_is_named(
    newest_database: Database, statement: str, check: str, status: str
) -> None:
    with newest_database.connect() as connection:
        connection.execute(statement)
    assert statuses(examine(newest_database.dsn))[check] == status


def test_settings_of_the_session_count(newest_database: Database) -> None:
    dsn = newest_database.dsn + "?options=-csynchronous_commit%3Doff"
    assert statuses(examine(dsn))["synchronous_commit"] == "warn"


def test_a_listener_on_another_database_hears_nothing(newest_database: Database) -> None:
    elsewhere = newest_database.server.dsn("postgres")
    report = examine(newest_database.dsn, listener_database=elsewhere)
    assert statuses(report)["listen"] == "fail"


@pytest.fixture
def pooled_dsn(newest_database: Database, tmp_path: Path) -> Iterator[str]:
    """The database through a real PgBouncer in transaction mode."""
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        pytest.skip("no pgbouncer (apt-get install pgbouncer)")
    server: PostgresServer = newest_database.server
    where = psycopg.conninfo.conninfo_to_dict(newest_database.dsn)
    port = ports.free_port()
    config = server.home.parent / f"pgbouncer-{port}.ini"
    config.write_text(
        "[databases]\n"
        f"* = host=127.0.0.1 port={server.port} user={where['user']} "
        f"password='{where['password']}'\n"
        "[pgbouncer]\n"
        f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\nignore_startup_parameters = extra_float_digits\n"
    )
    identity: dict[str, object] = {}
    if os.geteuid() == 0:
        account = pwd.getpwnam("nobody")
        identity = {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}
    process = subprocess.Popen(
        [program, str(config)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        **identity,  # type: ignore[call-overload]
    )
    dsn = f"postgresql://any@127.0.0.1:{port}/{newest_database.name}"
    try:
        while True:
            try:
                psycopg.connect(dsn, connect_timeout=5).close()
                break
            except psycopg.OperationalError:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(0.05)
        yield dsn
    finally:
        process.kill()
        process.communicate()
        config.unlink()


def test_a_transaction_pooler_is_noticed(newest_database: Database, pooled_dsn: str) -> None:
    (finding,) = [f for f in examine(pooled_dsn).findings if f.check == "listen"]
    assert finding.status in {"warn", "fail"}
    assert "pooler" in finding.message
    assert "--listener-database" in finding.advice
    # The listener past the pooler is all right, wherever the notification comes from.
    report = examine(pooled_dsn, listener_database=newest_database.dsn)
    assert statuses(report)["listen"] == "ok"
