"""The wire, request by request, on real sockets and a real database."""

import json
from typing import Any

import pytest

from support.postgres.databases import Database
from support.relay.relays import (
    CHANNEL,
    NOTES,
    NOTES_ENUM,
    RUNS,
    Peer,
    ready_relay,
    running_relay,
    watermarks,
    writer,
)


async def test_subscribe_replays_then_goes_live(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        for number in range(1, 6):
            await write.sink(f"d{number}")
        async with running.open() as peer:
            joined = await peer.join()
            assert joined["allowed_topics"] == [NOTES, RUNS, "runtime.codex_worker_summaries"]
            assert joined["limits"]["max_batch_updates"] == 200
            assert joined["heartbeat_interval_ms"] == 15000
            subscribed = await peer.subscribe(NOTES, resume_after={NOTES: 2}, request_id="r1")
            assert subscribed["subscription_id"] == joined["subscription_id"]
            assert subscribed["epoch"] == joined["epoch"]
            assert subscribed["topics"] == [NOTES]
            assert subscribed["request_id"] == "r1"
            assert watermarks(subscribed, "current_watermarks") == {NOTES: 2}
            assert watermarks(subscribed, "head_watermarks") == {NOTES: 5}
            assert peer.frames == []
            batch = await peer.event("sync:update_batch")
            assert [update["doc_key"] for update in batch["updates"]] == ["d3", "d4", "d5"]
            assert batch["replay_complete"] is True
            assert watermarks(batch, "covered_watermarks") == {NOTES: 5}
            await write.sink("d6", payload={"live": "ü"})
            batch = await peer.event("sync:update_batch")
            [update] = batch["updates"]
            assert update["topic"] == NOTES
            assert update["watermark"] == 6
            assert update["payload"] == {"live": "ü"}
            assert update["hydration_required"] is False
            heartbeat = await peer.ask("sync:heartbeat", {})
            assert heartbeat["watermarks"] == [{"topic": NOTES, "watermark": 6}]
            pushed = await peer.event("sync:heartbeat")
            assert pushed["watermarks"] == [{"topic": NOTES, "watermark": 6}]


async def test_nothing_missing_is_told_by_an_empty_page(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink("d1")
        async with running.joined() as peer:
            await peer.subscribe(NOTES, RUNS, resume_after=[{"topic": NOTES, "watermark": "1"}])
            for _ in range(2):
                batch = await peer.event("sync:update_batch")
                assert batch["updates"] == []
                assert batch["replay_complete"] is True


async def test_without_a_cursor_replay_begins_at_the_earliest(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink_many(3)
        await write.purge()
        await write.sink("d9")
        async with running.joined() as peer:
            subscribed = await peer.subscribe(NOTES)
            assert watermarks(subscribed, "current_watermarks") == {NOTES: 3}
            updates, _ = await peer.updates_until(4)
            assert [update["watermark"] for update in updates] == [4]


async def test_replay_comes_in_pages_of_the_size_asked_for(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink_many(25)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, resume_after={NOTES: 0}, replay_batch_size=10)
            updates, batches = await peer.updates_until(25)
            assert [update["watermark"] for update in updates] == list(range(1, 26))
            assert [len(batch["updates"]) for batch in batches] == [10, 10, 5]
            assert [batch["replay_complete"] for batch in batches] == [False, False, True]


async def test_each_organisation_sees_its_own_and_the_public_documents(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink("public")
        await write.sink("a", org="org-a")
        await write.sink("b", org="org-b")
        async with (
            running.joined(running.token("org-a")) as a,
            running.joined(running.token("org-b")) as b,
        ):
            for peer in (a, b):
                await peer.subscribe(NOTES, resume_after={NOTES: 0})
            assert [u["doc_key"] for u in (await a.updates_until(3))[0]] == ["public", "a"]
            assert [u["doc_key"] for u in (await b.updates_until(3))[0]] == ["public", "b"]
            await write.sink("a2", org="org-a")
            await write.sink("b2", org="org-b")
            await write.sink("public2")
            assert [u["doc_key"] for u in (await a.updates_until(6))[0]] == ["a2", "public2"]
            assert [u["doc_key"] for u in (await b.updates_until(6))[0]] == ["b2", "public2"]


async def test_either_name_of_a_topic_may_be_used(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink("d1")
        async with running.joined() as by_enum, running.joined() as by_name:
            subscribed = await by_enum.subscribe(NOTES_ENUM, resume_after={NOTES: 0})
            assert subscribed["topics"] == [NOTES_ENUM]
            await by_name.subscribe(NOTES, resume_after={NOTES_ENUM: 0})
            await by_enum.updates_until(1, NOTES_ENUM)
            await by_name.updates_until(1)
            await write.sink("d2")
            [update] = (await by_enum.updates_until(2, NOTES_ENUM))[0]
            assert (update["topic"], update["doc_key"]) == (NOTES_ENUM, "d2")
            [update] = (await by_name.updates_until(2))[0]
            assert update["topic"] == NOTES
            # The other name means the same topic: it replaces the subscription.
            await by_name.subscribe(NOTES_ENUM, resume_after={NOTES: 2})
            heartbeat = await by_name.ask("sync:heartbeat", {})
            assert [entry["topic"] for entry in heartbeat["watermarks"]] == [NOTES_ENUM]


async def test_subscribing_again_restarts_at_the_cursor(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink_many(3)
        async with running.joined() as peer:
            for start in (0, 1, 0):
                await peer.subscribe(NOTES, resume_after={NOTES: start})
                updates, _ = await peer.updates_until(3)
                assert [u["watermark"] for u in updates] == list(range(start + 1, 4))
            await write.sink("d4")
            assert len((await peer.updates_until(4))[0]) == 1


async def test_leave_and_rejoin(database: Database) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            old_ref = peer.join_ref
            second = await peer.join()
            assert await peer.next() == [old_ref, old_ref, CHANNEL, "phx_close", {}]
            await write.sink("d1")
            heartbeat = await peer.ask("sync:heartbeat", {})
            assert heartbeat == {"subscription_id": second["subscription_id"], "watermarks": []}
            await peer.event("sync:heartbeat")
            await peer.subscribe(NOTES, resume_after={NOTES: 0})
            assert len((await peer.updates_until(1))[0]) == 1
            reply = await peer.reply_to(await peer.send("phx_leave", {}))
            assert reply["status"] == "ok"
            assert (await peer.next())[3] == "phx_close"
            assert (await peer.ask_in_vain("sync:heartbeat", {})) == {"reason": "unmatched topic"}
            assert peer.frames == []


@pytest.mark.parametrize(
    ("payload", "code"),
    [
        ({"topics": []}, "bad_subscription"),
        ({"topics": ["no.such"]}, "forbidden_topic"),
        ({"topics": [NOTES, "no.such"]}, "forbidden_topic"),
        ({"topics": ["runtime.codex_worker_summaries"]}, "forbidden_topic"),
        ({"topics": [NOTES], "resume_after": {NOTES: -1}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": {NOTES: 1.5}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": {NOTES: None}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": {NOTES: "one"}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": {NOTES: 10**30}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": {RUNS: 0}}, "bad_subscription"),
        ({"topics": [NOTES], "resume_after": [NOTES]}, "bad_subscription"),
        ({"topics": [NOTES], "x": "y" * 300_000}, "payload_too_large"),
    ],
)
async def test_a_faulty_subscribe_changes_nothing(
    newest_database: Database, payload: dict[str, Any], code: str
) -> None:
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined(running.token(scopes=(NOTES, RUNS))) as peer:
            await peer.subscribe(RUNS)
            await peer.event("sync:update_batch")
            refused = await peer.ask_in_vain("sync:subscribe", payload)
            assert refused["code"] == code
            if code == "forbidden_topic":
                named = [topic for topic in payload["topics"] if topic != NOTES]
                assert refused["forbidden_topics"] == named
            heartbeat = await peer.ask("sync:heartbeat", {})
            assert heartbeat["watermarks"] == [{"topic": RUNS, "watermark": 0}]
            await write.sink("r1", topic=RUNS)
            await peer.updates_until(1, RUNS)


@pytest.mark.parametrize(
    ("cursor", "epoch", "reason"),
    [(1, None, "below_floor"), (99, None, "cursor_ahead"), (3, "another", "epoch_changed")],
)
async def test_a_stale_cursor_is_pushed_then_answered(
    database: Database, cursor: int, epoch: str | None, reason: str
) -> None:
    async with writer(database) as write, running_relay(database) as running:
        await ready_relay(running)
        await write.sink_many(3)
        await write.purge()
        await write.sink("d4", version=7)
        async with running.joined() as peer:
            more = {"epoch": epoch} if epoch else {}
            refused = await peer.ask_in_vain(
                "sync:subscribe", {"topics": [NOTES], "resume_after": {NOTES: cursor}, **more}
            )
            assert refused["code"] == "stale_cursor"
            assert refused["full_resync_required"] is True
            assert refused["stale_topics"] == [
                {
                    "topic": NOTES,
                    "resume_after": cursor,
                    "retention_floor": 4,
                    "head_watermark": 4,
                    "reason": reason,
                }
            ]
            [push] = peer.frames
            assert push == [peer.join_ref, None, CHANNEL, "sync:error", refused]
            assert (await peer.ask("sync:heartbeat", {}))["watermarks"] == []


async def raw(peer: Peer, text: str) -> list[Any]:
    await peer.socket.send(text)
    return await peer.next()


async def test_bad_frames_are_told_and_a_few_close(newest_database: Database) -> None:
    async with running_relay(newest_database, max_bad_frames=3) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            for text in ("nonsense", '["1","2"]', '["1","1","sync:v1","sync:subscribe",NaN]'):
                frame = await raw(peer, text)
                assert frame[3] == "sync:error"
                assert frame[4]["code"] == "bad_frame"
            await peer.subscribe(NOTES)
            await peer.event("sync:update_batch")
            await peer.socket.send(b"\0binary")
            code, frames = await peer.closed()
            assert code == 1002
            assert [frame[4]["code"] for frame in frames] == ["bad_frame"]


async def test_a_frame_over_the_limit_closes_with_1009(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer, running.joined() as other:
            await peer.socket.send("x" * (20 * 1024 * 1024))
            assert (await peer.closed())[0] == 1009
            await other.subscribe(NOTES)


async def test_invalid_utf8_closes_with_1007(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.socket.send(b"\xff\xfe", text=True)
            assert (await peer.closed())[0] == 1007


async def test_null_references_are_tolerated(newest_database: Database) -> None:
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.open() as peer:
            frame = await raw(peer, json.dumps([None, "7", CHANNEL, "phx_join", {}]))
            assert frame[:2] == ["7", "7"]
            frame = await raw(
                peer, json.dumps([None, "8", CHANNEL, "sync:subscribe", {"topics": [NOTES]}])
            )
            assert frame[:4] == [None, "8", CHANNEL, "phx_reply"]
            assert frame[4]["status"] == "ok"
