"""What goes away under a relay: its listener, its database, the journal, the epoch."""

import asyncio
import random
from typing import Any

import psycopg

from support.postgres.databases import Database
from support.relay.relays import (
    NOTES,
    PATIENCE_S,
    RUNS,
    Writer,
    ready_relay,
    running_relay,
    unready_relay,
    watermarks,
    writer,
)
from support.trials.waiting import until
from support.wire.tcp_proxy import TcpProxy

NO_POLL: dict[str, Any] = {"slow_poll_interval_s": 600.0}


async def listeners(database: Database) -> list[int]:
    async with await psycopg.AsyncConnection.connect(database.dsn) as connection:
        rows = await connection.execute(
            "SELECT pid FROM pg_stat_activity"
            " WHERE application_name = 'khala relay listener' AND datname = current_database()"
        )
        return [pid for (pid,) in await rows.fetchall()]


async def test_wake_ups_come_back_after_the_listener_was_killed(database: Database) -> None:
    async with running_relay(database, **NO_POLL) as running, writer(database) as write:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            for number in range(1, 4):
                [pid] = await listeners(database)
                await write.connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
                await write.sink(f"d{number}")
                assert len((await peer.updates_until(number))[0]) == 1
                await ready_relay(running)


async def test_a_listener_that_hears_nothing_is_made_anew(newest_database: Database) -> None:
    parts = psycopg.conninfo.conninfo_to_dict(newest_database.relay_dsn)
    async with TcpProxy(int(parts["port"] or 0), random.Random(0)) as proxy:
        through = psycopg.conninfo.make_conninfo(
            newest_database.relay_dsn, host="127.0.0.1", port=proxy.port
        )
        limits: dict[str, Any] = {"probe_interval_s": 0.2, "probe_timeout_s": 0.5, **NO_POLL}
        async with (
            running_relay(newest_database, listener_database=through, **limits) as running,
            writer(newest_database) as write,
        ):
            await ready_relay(running)
            async with running.joined() as peer:
                await peer.subscribe(NOTES)
                await peer.event("sync:update_batch")
                proxy.hold()
                await write.sink("d1")
                # Nobody hears of it; the next probe finds that out.
                await until(lambda: proxy.accepted >= 2, "the listener is made anew", PATIENCE_S)
                proxy.release()
                await peer.updates_until(1)


async def test_a_slow_poll_finds_what_no_notification_told(newest_database: Database) -> None:
    # LISTEN in another database works and hears nothing of this one.
    elsewhere = newest_database.server.dsn("postgres")
    limits: dict[str, Any] = {"slow_poll_interval_s": 0.3, "probe_timeout_s": 600.0}
    async with (
        running_relay(newest_database, listener_database=elsewhere, **limits) as running,
        writer(newest_database) as write,
        running.open() as peer,
    ):

        async def has_joined() -> bool:
            reply = await peer.reply_to(await peer.send("phx_join", {}))
            return bool(reply["status"] == "ok")

        await until(has_joined, "the database is known", PATIENCE_S)
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")
        for number in range(1, 4):
            await write.sink(f"d{number}")
            await peer.updates_until(number)
        assert "heard" in (await running.relay.unready() or "")


async def test_sockets_outlive_a_restart_of_the_database(own_database: Database) -> None:
    limits: dict[str, Any] = {"heartbeat_interval_s": 0.2, "database_timeout_s": 1.0}
    async with running_relay(own_database, **limits) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            for round_ in (1, 2):
                await asyncio.to_thread(own_database.server.stop, "immediate")
                refused = await peer.ask_in_vain("sync:subscribe", {"topics": [RUNS]})
                assert refused["code"] == "internal"
                assert refused["retry_after_ms"] > 0
                await unready_relay(running)
                peer.frames.clear()
                await peer.event("sync:heartbeat")
                await asyncio.to_thread(own_database.server.start)
                async with writer(own_database) as write:
                    watermark = await write.sink(f"d{round_}")
                updates, _ = await peer.updates_until(watermark)
                assert [u["doc_key"] for u in updates] == [f"d{round_}"]
                await ready_relay(running)
            await peer.subscribe(RUNS)


async def test_a_relay_started_without_a_database_serves_when_it_comes(
    own_database: Database,
) -> None:
    await asyncio.to_thread(own_database.server.stop, "fast")
    async with (
        running_relay(own_database, database_timeout_s=1.0) as running,
        running.open() as peer,
    ):
        refused = await peer.ask_in_vain("phx_join", {})
        assert refused["code"] == "internal"
        assert refused["retry_after_ms"] > 0
        assert await running.relay.unready() is not None
        await asyncio.to_thread(own_database.server.start)
        await ready_relay(running)
        await peer.join()
        await peer.subscribe(NOTES)
        await peer.event("sync:update_batch")


async def test_a_purge_during_catch_up_is_told_and_never_a_gap(database: Database) -> None:
    async with running_relay(database) as running, writer(database) as write:
        await ready_relay(running)
        await write.sink_many(2000, text="x" * 5000)
        # One frame fits in what the client takes without reading; the rest waits in the journal.
        async with running.joined(max_queue=1) as peer:
            await peer.subscribe(NOTES, resume_after={NOTES: 0}, replay_batch_size=50)
            first = await peer.event("sync:update_batch")
            await write.purge()
            seen = [update["watermark"] for update in first["updates"]]
            while True:
                frame = await peer.next()
                if frame[3] == "sync:error":
                    break
                assert frame[3] == "sync:update_batch"
                seen += [update["watermark"] for update in frame[4]["updates"]]
            assert seen == list(range(1, len(seen) + 1))
            assert len(seen) < 2000
            error = frame[4]
            assert error["code"] == "stale_cursor"
            [stale] = error["stale_topics"]
            assert stale["reason"] == "below_floor"
            assert stale["resume_after"] == len(seen)
            assert stale["retention_floor"] == 2001
            assert (await peer.ask("sync:heartbeat", {}))["watermarks"] == []


async def test_a_purge_between_the_reply_and_the_first_page_is_told(database: Database) -> None:
    """Without a cursor too: the reply says where it begins, and a client stores that."""
    limits: dict[str, Any] = {"pool_size": 3, "database_timeout_s": 60.0}
    async with (
        running_relay(database, **limits) as running,
        writer(database) as write,
        writer(database) as look,
    ):
        await ready_relay(running)
        await write.sink("n1")
        await write.sink_many(3, topic=RUNS)
        async with running.joined() as first, running.joined() as second:
            async with write.connection.transaction():
                await write.connection.execute("LOCK TABLE runtime.sync_stream_events")
                # Its page is read by the one connection that reads pages, which has to wait.
                await first.subscribe(NOTES)
                await until(lambda: is_locked_out(look), "the first page waits", PATIENCE_S)
                subscribed = await second.subscribe(RUNS)
                assert watermarks(subscribed, "current_watermarks") == {RUNS: 0}
                await write.purge(RUNS)
            await first.updates_until(1)
            frame = await second.next()
            assert frame[3] == "sync:error", frame
            assert frame[4]["code"] == "stale_cursor"
            [stale] = frame[4]["stale_topics"]
            assert stale["reason"] == "below_floor"
            assert stale["resume_after"] == 0
            assert stale["retention_floor"] == 4
            subscribed = await second.subscribe(RUNS)
            assert watermarks(subscribed, "current_watermarks") == {RUNS: 3}
            assert (await second.updates_until(3, RUNS))[0] == []


async def is_locked_out(look: Writer) -> bool:
    """Whether a relay waits for a lock."""
    waiting = await look.connection.execute(
        "SELECT FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name LIKE 'khala relay%' AND wait_event_type = 'Lock'"
    )
    return waiting.rowcount > 0


async def test_a_purge_past_a_live_feed_that_was_cut_off(own_database: Database) -> None:
    async with running_relay(own_database, database_timeout_s=1.0) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            async with writer(own_database) as write:
                # The relay may not look until all is done.
                await write.connection.execute("REVOKE khala_relay FROM khala_test_relay")
                await write.connection.execute("ALTER ROLE khala_test_relay NOLOGIN")
            await asyncio.to_thread(own_database.server.stop, "fast")
            await asyncio.to_thread(own_database.server.start)
            async with writer(own_database) as write:
                await write.sink_many(5)
                await write.purge()
                await write.connection.execute("GRANT khala_relay TO khala_test_relay")
                await write.connection.execute("ALTER ROLE khala_test_relay LOGIN")
            error = await peer.event("sync:error")
            assert error["code"] == "stale_cursor"
            assert error["stale_topics"][0]["reason"] == "below_floor"
            assert error["stale_topics"][0]["resume_after"] == 0


async def test_a_new_epoch_makes_every_subscriber_resync(database: Database) -> None:
    async with (
        running_relay(database, slow_poll_interval_s=0.3) as running,
        writer(database) as write,
    ):
        await ready_relay(running)
        await write.sink("d1")
        async with running.joined() as one, running.joined(running.token("org-b")) as two:
            old = (await one.subscribe(NOTES, RUNS))["epoch"]
            await two.subscribe(NOTES)
            await one.event("sync:update_batch")
            await one.event("sync:update_batch")
            await two.event("sync:update_batch")
            await write.connection.execute("SELECT khala.new_epoch('test')")
            for peer, topics in ((one, {NOTES, RUNS}), (two, {NOTES})):
                told = set()
                for _ in topics:
                    error = await peer.event("sync:error")
                    assert error["code"] == "stale_cursor"
                    [stale] = error["stale_topics"]
                    assert stale["reason"] == "epoch_changed"
                    told.add(stale["topic"])
                assert told == topics
                assert (await peer.ask("sync:heartbeat", {}))["watermarks"] == []
            subscribed = await one.subscribe(NOTES, resume_after={NOTES: 1})
            assert subscribed["epoch"] != old
            await one.join()
            refused = await one.ask_in_vain(
                "sync:subscribe", {"topics": [NOTES], "resume_after": {NOTES: 1}, "epoch": old}
            )
            assert refused["stale_topics"][0]["reason"] == "epoch_changed"


async def test_two_relays_both_hear_every_wake_up(database: Database) -> None:
    async with (
        running_relay(database, **NO_POLL) as first,
        running_relay(database, first.keyring, **NO_POLL) as second,
        writer(database) as write,
    ):
        await ready_relay(first)
        await ready_relay(second)
        async with first.joined() as one, second.joined() as two:
            for peer in (one, two):
                await peer.subscribe(NOTES)
                await peer.event("sync:update_batch")
            for number in range(1, 30):
                await write.sink(f"d{number}")
                for peer in (one, two):
                    await peer.updates_until(number)


async def test_a_topic_without_readers_is_not_looked_at(newest_database: Database) -> None:
    async with running_relay(newest_database, **NO_POLL) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await until(lambda: running.relay.feed_count == 1, "the feed has begun")
            await peer.ask("sync:unsubscribe", {"topics": [NOTES]})
            assert running.relay.feed_count == 0
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
        await until(lambda: running.relay.feed_count == 0, "the feed has ended")
