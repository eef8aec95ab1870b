"""Every number of /metrics against what was done to a real relay and database."""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from support.postgres.databases import Database
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    RUNS,
    RunningRelay,
    ready_relay,
    running_relay,
    writer,
)
from support.relay.scraping import scrape
from support.trials.waiting import until


@asynccontextmanager
async def measured_relay(database: Database, /, **limits: Any) -> AsyncIterator[RunningRelay]:
    """A relay that is ready and has a port for its metrics."""
    async with running_relay(database, **{"metrics_port": 0, **limits}) as running:
        await ready_relay(running)
        yield running


async def test_what_sockets_do_is_counted(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database) as running,
        writer(newest_database) as runtime,
    ):
        await runtime.sink_many(5)
        with pytest.raises(InvalidStatus):
            async with connect(running.url("nonsense")):
                pass
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.updates_until(5)
            await peer.ask_in_vain("sync:subscribe", {"topics": ["runtime.secret"]})
            await peer.ask_in_vain("sync:subscribe", {"topics": []})
            await peer.reply_to(await peer.send("heartbeat", {}, topic="phoenix"))
            await peer.ask("sync:heartbeat", {})
            watermark = await runtime.sink("live")
            await peer.updates_until(watermark)
            during = await scrape(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, resume_after={NOTES: 5})
            await peer.updates_until(6)

        async def all_closed() -> bool:
            return (await scrape(running)).value("khala_connections_active") == 0

        await until(all_closed, "both sockets have ended", PATIENCE_S)
        after = await scrape(running)

    assert during.value("khala_connections_active") == 1
    assert during.value("khala_subscriptions", state="live") == 1
    assert during.value("khala_subscription_lag_events", topic=NOTES) == 0
    assert during.value("khala_feed_lag_events", topic=NOTES) == 0
    assert during.value("khala_reconnects_total") == 0
    assert during.value("khala_heartbeats_total", sender="client") == 2
    assert during.value("khala_updates_sent_total", path="replay") == 5
    assert during.value("khala_updates_sent_total", path="live") == 1
    assert during.value("khala_update_bytes_sent_total", path="live") > 50
    assert during.value("khala_feed_pages_total") == 1
    assert during.value("khala_catch_up_duration_seconds_count") == 1
    assert during.value("khala_handshakes_refused_total", status="403") == 1
    assert during.value("khala_subscribes_total", code="ok") == 1
    assert during.value("khala_subscribes_total", code="forbidden_topic") == 1
    assert during.value("khala_subscribes_total", code="bad_subscription") == 1
    assert during.value("khala_listening") == during.value("khala_ready") == 1
    assert during.value("khala_listen_connects_total") == 1
    assert after.value("khala_connections_opened_total") == 2
    assert after.value("khala_connections_closed_total", reason="client") == 2
    assert after.value("khala_reconnects_total") == 1
    assert after.value("khala_replay_pages_total") >= 2
    assert after.value("khala_slow_consumer_episodes_total") == 0


async def test_connections_that_open_no_socket_are_counted(newest_database: Database) -> None:
    async with measured_relay(
        newest_database, max_connections_per_ip=0, max_pending_handshakes_per_ip=1
    ) as running:
        where = running.addresses.ws.removeprefix("ws://").partition("/")[0].split(":")

        async def failed(reason: str) -> bool:
            seen = await scrape(running)
            return seen.value("khala_handshakes_failed_total", reason=reason) == 1

        before = await scrape(running)
        _, first = await asyncio.open_connection(*where)
        reader, second = await asyncio.open_connection(*where)
        assert await reader.read() == b""
        await until(lambda: failed("too_many"), "the second was too many", PATIENCE_S)
        first.close()
        await until(lambda: failed("no_request"), "the first has asked nothing", PATIENCE_S)
        second.close()
    # Both were there before: a rate misses the step from nothing to 1.
    for reason in ("no_request", "too_many"):
        assert before.samples["khala_handshakes_failed_total", frozenset({("reason", reason)})] == 0


async def test_what_the_database_says_is_shown(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database) as running,
        writer(newest_database) as runtime,
    ):
        await runtime.sink_many(3)
        await runtime.purge()
        await runtime.sink("one more")
        for version, payload in ((5, "{}"), (5, "{}"), (5, '{"n":1}'), (4, "{}"), (3, "{}")):
            await runtime.connection.execute(
                "SELECT khala.sink(%s, 'again', %s, %s)", (RUNS, version, payload)
            )
        await runtime.connection.execute(
            "INSERT INTO runtime.projection_checkpoints (projection, entity_id, last_seq,"
            " drift_count, projection_version, summary_hash)"
            " VALUES ('run', 'r', 1, 4, 1, sha256('x'))"
        )
        with newest_database.connect() as owner:
            # A row that can be no document: its key is empty.
            owner.execute("CREATE TABLE public.orders (id text PRIMARY KEY)")
            owner.execute("INSERT INTO public.orders VALUES ('')")
            owner.execute("SELECT khala.attach('public.orders', '{id}', p_ownership => 'public')")

        async def set_aside() -> bool:
            shown = await scrape(running)
            return shown.value("khala_topic_set_aside_rows", topic="public.orders") == 1

        await until(set_aside, "the row was looked at", PATIENCE_S)
        seen = await scrape(running)
    assert seen.value("khala_database_up") == 1
    assert seen.value("khala_topic_head_watermark", topic=NOTES) == 4
    assert seen.value("khala_topic_retention_floor", topic=NOTES) == 4
    assert seen.value("khala_topic_journal_events", topic=NOTES) == 1
    assert seen.value("khala_topic_purged_events_total", topic=NOTES) == 3
    assert seen.value("khala_topic_purges_total", topic=NOTES) == 1
    assert seen.value("khala_topic_last_purge_timestamp_seconds", topic=NOTES) > 1.5e9
    assert seen.value("khala_topic_oldest_event_age_seconds", topic=NOTES) > 0
    assert seen.value("khala_topic_retention_overdue_seconds", topic=NOTES) < 0
    assert seen.value("khala_topic_retention_horizon_seconds", topic=RUNS) > 0
    assert ("khala_topic_set_aside_rows", frozenset({("topic", RUNS)})) not in seen.samples
    assert seen.value("khala_projection_drift", projection="run") == 4
    assert seen.value("khala_relays_listening") == 1
    assert seen.value("khala_topic_head_watermark", topic=RUNS) == 2
    assert seen.value("khala_sinks_total", outcome="duplicate") == 1
    assert seen.value("khala_sinks_total", outcome="rewritten") == 1
    assert seen.value("khala_sinks_total", outcome="stale_version") == 2
    assert seen.value("khala_allocation_waiting_writers") == 0


async def test_relays_are_counted_whatever_they_call_themselves(newest_database: Database) -> None:
    named = psycopg.conninfo.make_conninfo(newest_database.relay_dsn, application_name="mine")
    async with measured_relay(newest_database, database=named) as running:
        assert (await scrape(running)).value("khala_relays_listening") == 1


async def test_lag_is_measured_by_the_clock_of_the_database(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")
        # Seen 200 s after its row was written: the transaction took that long to commit.
        async with runtime.connection.transaction():
            await runtime.sink("late")
            await runtime.connection.execute(
                "UPDATE runtime.sync_stream_events"
                " SET inserted_at = inserted_at - interval '200 seconds'"
            )
        await peer.updates_until(1)

        async def is_measured() -> bool:
            seen = await scrape(running)
            return seen.value("khala_delivery_lag_seconds_count", topic=NOTES) == 1

        await until(is_measured, "the delivery was measured", PATIENCE_S)
        total = (await scrape(running)).value("khala_delivery_lag_seconds_sum", topic=NOTES)
    # Less the time that the question about its age took.
    assert 200 - PATIENCE_S < total < 200 + PATIENCE_S


async def test_a_wake_up_that_was_lost_is_noticed(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database, slow_poll_interval_s=0.2) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")

        # From here on nobody is notified.
        await runtime.connection.execute(
            "ALTER TABLE runtime.sync_topic_sequences DISABLE TRIGGER USER"
        )
        versions = itertools.count(1)

        async def is_noticed() -> bool:
            # One that is written while the relay looks anyway is none that it had to be told of.
            await peer.updates_until(await runtime.sink("silent", version=next(versions)))
            return (await scrape(running)).value("khala_lost_wakeups_total") > 0

        await until(is_noticed, "a poll found what no notification told of", PATIENCE_S)


async def test_writers_that_wait_for_a_topic_are_seen(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database) as running,
        writer(newest_database) as first,
        writer(newest_database) as second,
    ):
        async with first.connection.transaction():
            await first.sink("holds the row")
            waiting = asyncio.create_task(second.sink("waits for it"))

            async def is_seen() -> bool:
                seen = await scrape(running)
                return (
                    seen.value("khala_allocation_waiting_writers") == 1
                    and seen.value("khala_allocation_longest_wait_seconds") > 0
                )

            await until(is_seen, "the waiting writer is seen", PATIENCE_S)
        await waiting
        seen = await scrape(running)
    assert seen.value("khala_allocation_waiting_writers") == 0


async def test_a_slow_consumer_is_counted(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database, max_write_buffer_bytes=1024) as running,
        writer(newest_database) as runtime,
        running.joined(max_queue=1) as peer,
    ):
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")
        peer.socket.transport.pause_reading()

        async def is_slow() -> bool:
            await runtime.sink_many(20, version=next(versions), text="x" * 100_000)
            return (await scrape(running)).value("khala_subscriptions", state="slow") == 1

        versions = iter(range(1, 1000))
        await until(is_slow, "the subscription is off the feed", PATIENCE_S)
        assert (await scrape(running)).value("khala_slow_consumer_episodes_total") == 1
        assert (await scrape(running)).value("khala_unsent_bytes") > 1024
        peer.socket.transport.resume_reading()


async def test_silence_is_counted(newest_database: Database) -> None:
    async with measured_relay(newest_database, ping_interval_s=0.2, idle_timeout_s=0.5) as running:
        async with running.joined() as peer:
            peer.socket.transport.pause_reading()

            async def is_counted() -> bool:
                return (await scrape(running)).value("khala_heartbeat_timeouts_total") == 1

            await until(is_counted, "the silent socket was dropped", PATIENCE_S)
            peer.socket.transport.abort()

        async def is_closed() -> bool:
            seen = await scrape(running)
            return seen.value("khala_connections_closed_total", reason="idle") == 1

        await until(is_closed, "and its reason is told", PATIENCE_S)


async def test_http_requests_are_measured_by_endpoint(newest_database: Database) -> None:
    async with measured_relay(newest_database, http_port=0) as running:
        base = running.addresses.http
        async with httpx.AsyncClient(trust_env=False, timeout=20) as client:
            headers = {"Authorization": f"Bearer {running.token()}"}
            await client.get(f"{base}/api/sync/snapshot/{NOTES}", headers=headers)
            await client.get(f"{base}/api/sync/documents/{NOTES}/none", headers=headers)
            await client.get(f"{base}/made/up/by/a/client")
            assert (await client.get(f"{base}/metrics")).status_code == 404
        seen = await scrape(running)
    count = "khala_http_request_duration_seconds_count"
    assert seen.value(count, endpoint="snapshot", status="200") == 1
    assert seen.value(count, endpoint="document", status="404") == 1
    assert seen.value(count, endpoint="page", status="404") == 2


async def test_without_a_database_the_rest_is_told(own_database: Database) -> None:
    async with (
        measured_relay(own_database, database_timeout_s=1.0) as running,
        running.joined() as peer,
    ):
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")
        own_database.server.stop("immediate")

        async def is_down() -> bool:
            seen = await scrape(running)
            return seen.value("khala_database_up") == 0

        await until(is_down, "the outage is seen", PATIENCE_S)
        await peer.ask_in_vain("sync:subscribe", {"topics": [RUNS]})
        seen = await scrape(running)
        assert seen.value("khala_connections_active") == 1
        assert seen.value("khala_ready") == 0
        assert seen.value("khala_subscribes_total", code="internal") == 1
        assert "khala_topic_head_watermark" not in seen.names()
        own_database.server.start()

        async def is_up() -> bool:
            seen = await scrape(running)
            return seen.value("khala_database_up") == seen.value("khala_listening") == 1

        await until(is_up, "it is back", PATIENCE_S)
        assert (await scrape(running)).value("khala_listen_connects_total") == 2


async def test_a_page_that_is_refused_is_a_replay_error(newest_database: Database) -> None:
    async with (
        measured_relay(newest_database, slow_poll_interval_s=0.2) as running,
        writer(newest_database) as runtime,
        running.joined() as peer,
    ):
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")
        await runtime.connection.execute("SELECT khala.new_epoch('test')")
        assert (await peer.event("sync:error"))["code"] == "stale_cursor"
        assert (await scrape(running)).value("khala_replay_errors_total", code="stale_cursor") == 1


async def test_metrics_are_nowhere_unless_asked_for(newest_database: Database) -> None:
    async with measured_relay(newest_database, http_port=0, metrics_port=None) as running:
        assert running.addresses.metrics is None
        sockets = running.addresses.ws.replace("ws:", "http:").removesuffix("/socket/websocket")
        for base in (sockets, running.addresses.http):
            answer = await asyncio.to_thread(
                httpx.get, f"{base}/metrics", timeout=20, trust_env=False
            )
            assert answer.status_code == 404


def test_a_scrape_does_not_read_all_checkpoints(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        connection.execute(
            "INSERT INTO runtime.projection_checkpoints (projection, entity_id, last_seq,"
            " projection_version, summary_hash)"
            " SELECT 'run', 'r' || i, 1, 1, sha256('x') FROM generate_series(1, 20000) AS i"
        )
        connection.execute("ANALYZE runtime.projection_checkpoints")
        plan = connection.execute("EXPLAIN SELECT * FROM khala.projection_stats").fetchall()
    assert "projection_checkpoints_drift" in str(plan)


def test_the_relays_login_reads_telemetry_and_no_view(newest_database: Database) -> None:
    with newest_database.connect("relay") as connection:
        [found] = connection.execute("SELECT khala.telemetry() -> 'topics'").fetchone() or [None]
        assert {topic["topic"] for topic in found} >= {NOTES, RUNS}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("SELECT * FROM khala.topic_stats")
        assert json.dumps(found)
