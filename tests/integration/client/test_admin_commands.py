"""khala topics, stats and retain as a member of khala_dba runs them."""

import json
import subprocess
from typing import Any

import psycopg
import pytest
from psycopg.errors import Diagnostic

from support.postgres.databases import Database
from support.postgres.sessions import sessions
from support.programs.runs import KHALA, khala_text
from support.trials.waiting import wait_until

NOTES = "runtime.notifications"


def khala(*arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    done = khala_text(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, dict[str, Any]]:
    return {line["topic"]: line for line in map(json.loads, done.stdout.splitlines())}


def sink(database: Database, topic: str, count: int) -> None:
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object("
            "'doc_key', 'd' || n, 'doc_version', 1, 'payload', jsonb_build_object('n', n))))"
            " FROM generate_series(1, %s) AS n",
            (topic, count),
        )


def test_topics_are_listed_and_added(newest_database: Database) -> None:
    dsn = newest_database.dba_dsn
    seeded = lines(khala("topics", "--database", dsn, "--json"))
    assert set(seeded) == {
        "runtime.run_summaries",
        "runtime.codex_worker_summaries",
        "runtime.notifications",
        "lightning.paywalls",
        "lightning.deployments",
        "lightning.settlements",
        "lightning.security",
    }
    add = ["topics", "--database", dsn, "add", "shop.orders"]
    options = [
        "--mode",
        "pointer",
        "--horizon",
        "2 days",
        "--ownership",
        "public",
        "--inline-limit",
        "1000",
    ]
    for _ in range(2):
        assert "shop.orders" in khala(*add, *options).stdout
    added = lines(khala("topics", "--database", dsn, "--json"))["shop.orders"]
    assert added["payload_mode"] == "pointer"
    assert added["retention_horizon_s"] == 2 * 86400
    assert added["ownership"] == "public"
    assert added["inline_limit_bytes"] == 1000
    assert added["writes"] == "direct"
    refused = khala(*add, code=1).stderr
    assert "registered with other settings" in refused
    assert json.loads(refused.partition("DETAIL: ")[2])["payload_mode"] == "pointer"
    khala("topics", "--database", dsn, "writes", "shop.orders", "grouped")
    grouped = lines(khala("topics", "--database", dsn, "--json"))["shop.orders"]
    assert grouped["writes"] == "grouped"
    assert "shop.orders" in khala("topics", "--database", dsn).stdout


def test_a_topic_is_changed_and_removed(newest_database: Database) -> None:
    dsn = newest_database.dba_dsn
    topics = ["topics", "--database", dsn]
    khala(*topics, "add", "shop.orders", "--ownership", "mixed")
    said = khala(*topics, "set", "shop.orders", "--horizon", "2 days", "--inline-limit", "1000")
    assert said.stdout == "topic shop.orders is changed\n"
    changed = lines(khala(*topics, "--json"))["shop.orders"]
    assert changed["retention_horizon_s"] == 2 * 86400
    assert changed["inline_limit_bytes"] == 1000
    assert changed["ownership"] == "mixed"
    refused = khala(*topics, "set", "shop.orders", "--inline-limit", "16777217", code=1).stderr
    assert "p_inline_limit_bytes is 16777217" in refused
    assert "Pass --mode" in khala(*topics, "set", "shop.orders", code=2).stderr
    sink(newest_database, "shop.orders", 1)
    # Standard input says neither yes nor no.
    khala(*topics, "remove", "shop.orders", code=1)
    assert "shop.orders" in lines(khala(*topics, "--json"))
    removed = khala(*topics, "remove", "shop.orders", "--yes").stdout
    assert removed == "topic shop.orders is removed, with 1 document and 1 row of its journal\n"
    assert "shop.orders" not in lines(khala(*topics, "--json"))
    assert "not known" in khala(*topics, "remove", "shop.orders", "--yes", code=1).stderr
    notices: list[Diagnostic] = []
    with newest_database.connect() as connection:
        connection.add_notice_handler(notices.append)
        connection.execute("SELECT khala.register_topic('shop.baskets')")
        connection.execute("SELECT khala.remove_topic('shop.baskets')")
    assert notices == []


@pytest.mark.parametrize("name", ["Shop", "shop orders", "x" * 300])
def test_an_unusable_topic_is_refused_with_a_hint(newest_database: Database, name: str) -> None:
    said = khala("topics", "--database", newest_database.dba_dsn, "add", name, code=1).stderr
    assert "p_topic is '" in said
    assert "lower-case words" in said


def test_stats_show_the_journal(newest_database: Database) -> None:
    sink(newest_database, "runtime.notifications", 30)
    found = lines(khala("stats", "--database", newest_database.dba_dsn, "--json"))
    notifications = found["runtime.notifications"]
    assert notifications["head_watermark"] == 30
    assert notifications["rows"] == 30
    assert notifications["writes_per_minute"] == 30
    assert found["runtime.run_summaries"]["rows"] == 0
    assert "runtime.notifications" in khala("stats", "--database", newest_database.dba_dsn).stdout


def test_retain_purges_in_batches_and_shows_floors(newest_database: Database) -> None:
    dsn = newest_database.dba_dsn
    sink(newest_database, "runtime.notifications", 105)
    sink(newest_database, "runtime.run_summaries", 7)
    assert "0 rows purged" in khala("retain", "--database", dsn).stdout
    purged = lines(khala("retain", "--database", dsn, "--horizon", "0", "--batch", "10", "--json"))
    assert purged["runtime.notifications"]["deleted"] == 105
    assert purged["runtime.notifications"]["retention_floor"] == 106
    assert purged["runtime.run_summaries"]["retention_floor"] == 8
    one = khala("retain", "runtime.notifications", "--database", dsn)
    assert one.stdout.splitlines() == ["runtime.notifications: 0 rows purged, floor 106"]
    assert "not known" in khala("retain", "no.such", "--database", dsn, code=1).stderr


def test_retain_says_what_it_left_to_another_purge(newest_database: Database) -> None:
    topic = "runtime.notifications"
    sink(newest_database, topic, 105)
    command = [KHALA, "retain", topic, "--database", newest_database.dba_dsn, "--horizon", "0"]
    held = f"SELECT 1 FROM runtime.sync_topic_retention WHERE topic = '{topic}' FOR UPDATE"
    with sessions(newest_database, 2) as (other, blocker), newest_database.connect() as observer:
        blocker.run("LOCK TABLE runtime.sync_stream_events IN SHARE MODE")
        with subprocess.Popen([*command, "--batch", "1"], stdout=subprocess.PIPE, text=True) as run:
            waits = "SELECT FROM pg_locks WHERE NOT granted AND mode = 'RowExclusiveLock'"
            wait_until(lambda: observer.execute(waits).rowcount == 1, "the first batch waits")
            taking = other.start(held)
            blocker.rollback()
            assert taking.result() == [(1,)]
            said, _ = run.communicate(timeout=60)
        assert run.returncode == 0
        assert said.strip().endswith(", the rest left to another purge")


def test_a_lock_that_is_not_to_be_had_in_time_is_told_as_such(newest_database: Database) -> None:
    sink(newest_database, "runtime.notifications", 3)
    dsn = f"{newest_database.dba_dsn}?options=-c%20lock_timeout%3D50ms"
    with newest_database.connect() as other, other.transaction():
        other.execute("LOCK TABLE runtime.sync_stream_events IN SHARE MODE")
        said = khala("retain", "--database", dsn, "--horizon", "0", code=1).stderr
    assert "another transaction is in the way: canceling statement due to lock timeout" in said
    assert "Traceback" not in said


def test_a_revocation_is_recorded_shown_and_listed(newest_database: Database) -> None:
    at = ("--database", newest_database.dba_dsn)
    key = khala("key", "create", "shop", "--org", "acme", "--topic", NOTES, "--subject", "ann", *at)
    key_id = key.stdout.split("_")[1]
    said = khala("revoke", "--sub", "ann", "--reason", "lost", *at).stdout
    assert "recorded as revocation 1: subject 'ann', tokens issued until now" in said
    assert f"1 API key makes such tokens: {key_id}" in said
    nobody = khala("revoke", "--org", "acmee", "--for-ever", *at).stdout
    assert "recorded as revocation 2" in nobody
    assert "check the spelling" in nobody
    listed = [
        json.loads(line) for line in khala("revoke", "list", *at, "--json").stdout.splitlines()
    ]
    assert [(each["kind"], each["value"], each["reason"]) for each in listed] == [
        ("sub", "ann", "lost"),
        ("org", "acmee", None),
    ]
    assert listed[1]["issued_until"] is None
    assert "acmee" in khala("revoke", "list", *at).stdout
    assert "is taken back" in khala("revoke", "--org", "acmee", "--lift", *at).stdout
    assert "there was no revocation" in khala("revoke", "--org", "no", "--lift", *at).stdout
    assert "acmee" not in khala("revoke", "list", *at).stdout
    key = khala("key", "create", "service", "--any-org", "--topic", NOTES, *at)
    key_id = key.stdout.split("_")[1]
    for whom in (("--sub", "bob"), ("--org", "acmee")):
        said = khala("revoke", *whom, *at).stdout
        assert "no API key makes" not in said
        assert f": {key_id}; if nobody was disconnected, check the spelling" in said


def test_a_topic_is_grouped_and_sequenced(newest_database: Database) -> None:
    dsn = newest_database.dba_dsn
    grouped = ("tests.cli_grouped", "--writes", "grouped", "--ownership", "public")
    khala("topics", "add", *grouped, "--database", dsn)
    sink(newest_database, "tests.cli_grouped", 5)
    listed = lines(khala("topics", "--database", dsn, "--json"))
    assert listed["tests.cli_grouped"]["writes"] == "grouped"
    assert listed["runtime.notifications"]["writes"] == "direct"
    assert "tests.cli_grouped: 5 writes" in khala("sequence", "--database", dsn).stdout
    sink(newest_database, "tests.cli_grouped", 3)
    done = khala("topics", "writes", "tests.cli_grouped", "direct", "--database", dsn)
    assert "are direct, 3 staged writes sequenced" in done.stdout
    refused = khala("sequence", "tests.nowhere", "--database", dsn, code=1)
    assert "not known" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_sequence_that_waits_says_for_what(newest_database: Database) -> None:
    dsn = newest_database.dba_dsn
    topic = "tests.cli_held"
    khala("topics", "add", topic, "--writes", "grouped", "--ownership", "public", "--database", dsn)
    sink(newest_database, topic, 2)
    command = ("sequence", topic, "--wait", "1", "--database", dsn)
    with newest_database.connect() as holder:
        with holder.transaction():
            holder.execute("SELECT khala.sequence(%s)", [topic])
            said = khala(*command, code=1).stderr
            assert f"waiting for the transaction of process {holder.info.backend_pid}\n" in said
            assert "--wait" in said
            raise psycopg.Rollback
        with holder.transaction():
            holder.execute("SELECT FROM runtime.sync_topic_sequences FOR UPDATE")
            assert "runtime.sync_topic_sequences" in khala(*command, code=1).stderr
        assert "2 writes" in khala(*command).stdout
        holder.execute("SELECT khala.sink(%s, 'd1', 2, '{}')", [topic])
        with holder.transaction():
            holder.execute("SELECT FROM runtime.sync_documents FOR UPDATE")
            assert "has locked a document" in khala(*command, code=1).stderr
    assert "1 write" in khala(*command).stdout
