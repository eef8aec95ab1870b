"""How topics end, on real sockets and a real database."""

import pytest

from support.postgres.databases import Database
from support.relay.relays import (
    CHANNEL,
    NOTES,
    NOTES_ENUM,
    RUNS,
    ready_relay,
    running_relay,
    writer,
)


async def test_no_update_follows_the_answer_to_unsubscribe(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, RUNS)
            await peer.event("sync:update_batch")
            await peer.event("sync:update_batch")
            response = await peer.ask("sync:unsubscribe", {"topics": [NOTES, "no.such"]})
            assert response["topics"] == [RUNS]
            await write.sink("d1")
            await write.sink("r1", topic=RUNS)
            updates, _ = await peer.updates_until(1, RUNS)
            assert [update["doc_key"] for update in updates] == ["r1"]
            assert peer.frames == []


@pytest.mark.parametrize(("name", "other"), [(NOTES, NOTES_ENUM), (NOTES_ENUM, NOTES)])
async def test_unsubscribe_by_the_other_name(
    newest_database: Database, name: str, other: str
) -> None:
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(name, RUNS)
            await peer.event("sync:update_batch")
            await peer.event("sync:update_batch")
            response = await peer.ask("sync:unsubscribe", {"topics": [other, "no.such"]})
            assert response["topics"] == [RUNS]
            await write.sink("d1")
            await write.sink("r1", topic=RUNS)
            updates, _ = await peer.updates_until(1, RUNS)
            assert [update["doc_key"] for update in updates] == ["r1"]
            assert peer.frames == []


async def test_unsubscribe_by_any_name_while_the_database_is_away(own_database: Database) -> None:
    async with running_relay(own_database, database_timeout_s=2.0) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES_ENUM, RUNS)
            own_database.server.stop()
            response = await peer.ask("sync:unsubscribe", {"topics": [NOTES]})
            assert response["topics"] == [RUNS]
            enum_name = "SYNC_TOPIC_RUNTIME_RUN_SUMMARIES"
            response = await peer.ask("sync:unsubscribe", {"topics": [enum_name]})
            assert response["topics"] == []


async def test_a_join_with_the_reference_of_the_one_before_stays(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            for _ in range(2):
                await peer.socket.send(f'["{peer.join_ref}","9","{CHANNEL}","phx_join",{{}}]')
                assert (await peer.reply_to("9"))["status"] == "ok"
            await peer.ask("sync:heartbeat", {})
            assert [frame for frame in peer.frames if frame[3] == "phx_close"] == []


async def test_a_topic_that_is_gone_is_named_when_it_ends(newest_database: Database) -> None:
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        await write.connection.execute(
            "SELECT khala.register_topic('shop.orders', p_ownership => 'mixed')"
        )
        token = running.token(scopes=("shop.orders", RUNS))
        async with running.joined(token) as peer:
            await peer.subscribe("shop.orders", RUNS)
            await peer.event("sync:update_batch")
            await peer.event("sync:update_batch")
            await write.connection.execute("SELECT khala.remove_topic('shop.orders')")
            error = await peer.event("sync:error")
            assert error["code"] == "forbidden_topic"
            assert error["topics"] == error["forbidden_topics"] == ["shop.orders"]
            assert "unknown_topics" not in error
            heartbeat = await peer.ask("sync:heartbeat", {})
            assert [entry["topic"] for entry in heartbeat["watermarks"]] == [RUNS]


async def test_a_topic_that_is_removed_and_registered_again_goes_on_for_nobody(
    newest_database: Database,
) -> None:
    """Neither for a subscriber at the head, which may not notice the time between, nor for one
    that comes back with its cursor."""
    register = "SELECT khala.register_topic('shop.orders', p_ownership => 'mixed')"
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        await write.connection.execute(register)
        await write.sink("old", topic="shop.orders")
        token = running.token(scopes=("shop.orders", RUNS))
        async with running.joined(token) as peer:
            await peer.subscribe("shop.orders")
            await peer.updates_until(1, "shop.orders")
            async with write.connection.transaction():
                await write.connection.execute("SELECT khala.remove_topic('shop.orders')")
                await write.connection.execute(register)
            error = await peer.event("sync:error")
            assert error["code"] == "stale_cursor"
            [entry] = error["stale_topics"]
            assert (entry["resume_after"], entry["reason"]) == (1, "below_floor")
            refused = await peer.ask_in_vain(
                "sync:subscribe", {"topics": ["shop.orders"], "resume_after": {"shop.orders": 1}}
            )
            assert refused["code"] == "stale_cursor"
            await write.sink("new", topic="shop.orders")
            await peer.subscribe("shop.orders", resume_after={"shop.orders": 2})
            updates, _ = await peer.updates_until(3, "shop.orders")
            assert [update["doc_key"] for update in updates] == ["new"]
