"""`khala doctor` names what was broken on purpose, and says what to do."""

import pytest

from khala_pg.doctor.examine import Report, examine
from khala_pg.postgres import free_ports
from support.postgres.databases import Database
from support.postgres.dumps import make_standby
from support.postgres.pooler import pooled
from support.postgres.servers import Servers


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


def test_a_login_without_any_role_is_a_failure(own_database: Database) -> None:
    with own_database.connect() as connection:
        connection.execute("CREATE ROLE \"No body\" LOGIN PASSWORD 'x'")
    report = examine(own_database.server.dsn(own_database.name, "No body", "x"))
    assert report.worst == "fail"
    (roles,) = [finding for finding in report.findings if finding.check == "roles"]
    assert "No body has the privileges of none of" in roles.message
    assert 'GRANT khala_dba TO "No body"' in roles.advice


def test_publishers_that_lag_were_overtaken_or_have_updates_set_aside(
    newest_database: Database,
) -> None:
    with newest_database.connect() as connection:
        connection.execute("SELECT khala.set_publisher('hook', 'webhook', 'http://127.0.0.1:1')")
        for topic in ("runtime.run_summaries", "runtime.notifications"):
            connection.execute("SELECT khala.set_publisher_topic('hook', %s)", (topic,))
        connection.execute("SELECT khala.publisher_next('hook')")
        assert statuses(examine(newest_database.dsn))["publishers"] == "ok"
        connection.execute("SELECT khala.sink('runtime.run_summaries', 'r', 1, '{}', 'acme')")
        connection.execute("SELECT khala.sink('runtime.notifications', 'n', 1, '{}', 'acme')")
        connection.execute("SELECT khala.publisher_next('hook')")
        connection.execute(
            "UPDATE runtime.publisher_updates SET written_at = now() - CASE topic"
            " WHEN 'runtime.notifications' THEN interval '1 hour' ELSE interval '6 days' END"
        )
        connection.execute(
            "INSERT INTO runtime.publisher_set_aside"
            " VALUES ('hook', 'runtime.notifications', 'n', 1, 1, FALSE, 1, 'no')"
        )
        connection.execute(
            "UPDATE runtime.publisher_topics SET overtaken = 7"
            " WHERE topic = 'runtime.notifications'"
        )
    found = [each for each in examine(newest_database.dsn).findings if each.check == "publishers"]
    assert [each.status for each in found] == ["warn", "warn", "warn", "fail"]
    words = ("not delivered is 36", "1 updates were refused", "purged 7", "may purge it soon")
    for each, said in zip(found, words, strict=True):
        assert said in each.message, each


def test_a_standby_is_called_one(own_database: Database, servers: Servers) -> None:
    home = servers.new_home("standby") / "home"
    with make_standby(own_database.server, home) as standby:
        report = examine(standby.dsn(own_database.name))
    found = statuses(report)
    assert (found["server role"], found["listen"], found["schema"]) == ("fail", "fail", "ok")
    for finding in report.findings:
        assert "khala migrate" not in finding.advice, finding
        if finding.status == "fail":
            assert "target_session_attrs=read-write" in finding.advice, finding


def test_an_empty_database(empty_database: Database) -> None:
    report = examine(empty_database.dsn)
    assert report.worst == "fail"
    (schema,) = [finding for finding in report.findings if finding.check == "schema"]
    assert "khala migrate" in schema.advice
    # PostgreSQL's excerpt of the query is no help.
    assert not [finding for finding in report.findings if "LINE 1" in finding.message]


def test_nobody_there() -> None:
    report = examine(f"postgresql://x@127.0.0.1:{free_ports.free_port()}/x")
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
        ("DROP TABLE runtime.flags CASCADE", "schema", "fail"),
        ("DROP TABLE runtime.api_keys CASCADE", "schema", "fail"),
        ("ALTER TABLE runtime.sync_stream_events DROP COLUMN traceparent", "schema", "fail"),
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
    dsn = newest_database.relay_dsn + "?options=-cdefault_transaction_read_only%3Don"
    assert statuses(examine(dsn))["read-only"] == "fail"


def test_a_listener_on_another_database_hears_nothing(newest_database: Database) -> None:
    elsewhere = newest_database.server.dsn("postgres")
    report = examine(newest_database.dsn, listener_database=elsewhere)
    assert statuses(report)["listen"] == "fail"


def test_a_transaction_pooler_is_noticed(newest_database: Database) -> None:
    with pooled(newest_database) as pooled_dsn:
        (finding,) = [f for f in examine(pooled_dsn).findings if f.check == "listen"]
        # The listener past the pooler is all right, wherever the notification comes from.
        report = examine(pooled_dsn, listener_database=newest_database.dsn)
    assert finding.status in {"warn", "fail"}
    assert "pooler" in finding.message
    assert "--listener-database" in finding.advice
    assert statuses(report)["listen"] == "ok"
