"""Subscriptions to a part of a topic: what is refused, and what happens while others write, purge
and narrow."""

import asyncio
from typing import Any

import httpx

from support.postgres.databases import Database
from support.relay.relays import NOTES, NOTES_ENUM, RUNS, ready_relay, running_relay, writer


async def test_a_malformed_filter_is_refused_and_named(newest_database: Database) -> None:
    field = f'filters["{NOTES}"]'
    async with running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            cases: list[tuple[Any, str]] = [
                ([], "filters"),
                ("x", "filters"),
                ({NOTES: "x"}, field),
                ({NOTES: {}}, field),
                ({NOTES: {"keys": []}}, f"{field}.keys"),
                ({NOTES: {"keys": ["a", 1]}}, f"{field}.keys"),
                ({NOTES: {"keys": ["x"] * 1001}}, f"{field}.keys"),
                ({NOTES: {"prefix": 1}}, f"{field}.prefix"),
                ({NOTES: {"prefix": "a", "keys": ["a"]}}, field),
                ({NOTES: {"prefix": "a\0"}}, "filters"),
                ({RUNS: {"prefix": "a"}}, "filters"),
                ({NOTES: {"prefix": "a"}, f" {NOTES}": {"prefix": "b"}}, "filters"),
                ({NOTES: {"prefix": "a"}, NOTES_ENUM: {"prefix": "a"}}, "filters"),
            ]
            for filters, named in cases:
                request = {"topics": [NOTES], "filters": filters}
                refusal = await peer.ask_in_vain("sync:subscribe", request)
                assert refusal["code"] == "bad_subscription", filters
                assert refusal["message"].startswith(named), refusal
            refusal = await peer.ask_in_vain("sync:subscribe", {"topics": [f"{NOTES}/a/"]})
            assert refusal["code"] == "bad_subscription"
            assert "has no /" in refusal["message"]
            # By the other name, and with null for what is not there, it is taken.
            await peer.subscribe(NOTES, filters={f" {NOTES_ENUM} ": {"prefix": "a"}})
            await peer.subscribe(NOTES, filters=None)
            # Six characters, of which none is NUL.
            await peer.subscribe(NOTES, filters={NOTES: {"keys": [r"\u0000"]}})


async def test_a_malformed_part_over_http_is_refused_and_named(newest_database: Database) -> None:
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        headers = {"Authorization": f"Bearer {running.token(scopes=(f'{NOTES}/a/',))}"}
        base = running.addresses.http or ""
        async with httpx.AsyncClient(base_url=base, headers=headers, trust_env=False) as http:
            cases: list[tuple[list[tuple[str, str]], str, str]] = [
                ([("key", "a/1"), ("prefix", "a/")], "bad_subscription", "key and prefix"),
                ([("prefix", "a/"), ("prefix", "b/")], "bad_subscription", "the URL has 'pre"),
                ([("limit", "1"), ("limit", "2")], "bad_subscription", "the URL has 'lim"),
                ([("key", "")], "bad_subscription", f'filters["{NOTES}"].keys'),
                ([("key", "a/1")] * 1001, "bad_subscription", f'filters["{NOTES}"].keys'),
                ([("prefix", "x" * 513)], "bad_subscription", f'filters["{NOTES}"].prefix'),
                ([("prefix", "a/\0")], "bad_subscription", "names have no NUL"),
                ([("order", "oldest")], "bad_subscription", "order is"),
                ([("order", "newest"), ("after_doc_key", "a/1")], "bad_subscription", "the newest"),
                ([("key", "b/1")], "forbidden_topic", "the filter reaches beyond"),
                ([("prefix", "")], "forbidden_topic", "the filter reaches beyond"),
            ]
            for query, code, message in cases:
                response = await http.get("/api/sync/snapshot", params=[("topic", NOTES), *query])
                assert response.json()["code"] == code, response.text
                assert response.json()["message"].startswith(message), response.text
            response = await http.get(f"/api/sync/snapshot/{NOTES}/a/")
            assert "has no /" in response.json()["message"]


async def test_another_filter_is_another_subscription(newest_database: Database) -> None:
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)
        async with running.joined() as peer:
            await peer.subscribe(NOTES, filters={NOTES: {"prefix": "a"}})
            await write.sink("a1")
            updates, _ = await peer.updates_until(1)
            assert [update["doc_key"] for update in updates] == ["a1"]
            await peer.subscribe(NOTES, filters={NOTES: {"keys": ["b1"]}}, resume_after={NOTES: 0})
            await write.sink("a2")
            await write.sink("b1")
            updates, _ = await peer.updates_until(3)
            assert [update["doc_key"] for update in updates] == ["b1"]


async def test_a_new_token_ends_what_it_no_longer_allows(newest_database: Database) -> None:
    async with writer(newest_database) as write, running_relay(newest_database) as running:
        await ready_relay(running)

        def token(*scopes: str) -> str:
            return running.token(scopes=scopes)

        async with running.joined(token(f"{NOTES}/a/", f"{NOTES}/b/", RUNS)) as peer:
            await peer.subscribe(NOTES, RUNS, filters={NOTES: {"prefix": "a/"}})
            narrower = token(f"{NOTES}/a/", f"{RUNS}/a/")
            response = await peer.ask("sync:refresh", {"token": narrower})
            assert response["allowed_topics"] == [f"{NOTES}/a/", f"{RUNS}/a/"]
            error = await peer.event("sync:error")
            assert (error["code"], error["forbidden_topics"]) == ("forbidden_topic", [RUNS])
            await write.sink("a/1")
            updates, _ = await peer.updates_until(1)
            assert [update["doc_key"] for update in updates] == ["a/1"]
            # What no filter narrows is what the scopes of its token allowed.
            await peer.subscribe(NOTES)
            await peer.ask("sync:refresh", {"token": token(NOTES)})
            await peer.ask("sync:refresh", {"token": token(f"{NOTES}/b/")})
            error = await peer.event("sync:error")
            assert error["forbidden_topics"] == [NOTES]


async def test_readers_of_new_lengths_come_while_others_write(newest_database: Database) -> None:
    """A page that is on its way when a reader comes lacks its marks, and may not count for it."""
    key = "a/long/key/of/this/document"
    async with (
        writer(newest_database) as write,
        running_relay(newest_database) as running,
        asyncio.timeout(60),
    ):
        await ready_relay(running)
        written = asyncio.Event()

        async def follow(length: int) -> list[int]:
            narrowed = {"keys": [key]} if length == 0 else {"prefix": key[:length]}
            async with running.joined() as peer:
                await peer.subscribe(NOTES, filters={NOTES: narrowed}, resume_after={NOTES: 0})
                await written.wait()
                while (await peer.ask("sync:heartbeat", {}))["watermarks"][0]["watermark"] < 300:
                    await peer.event("sync:heartbeat")
                return [
                    update["watermark"]
                    for frame in peer.frames
                    if frame[3] == "sync:update_batch"
                    for update in frame[4]["updates"]
                ]

        async def writing() -> None:
            for version in range(1, 151):
                await write.sink(key, version)
                await write.sink("b", version)
            written.set()

        async with asyncio.TaskGroup() as group:
            group.create_task(writing())
            followers = []
            for length in range(len(key)):
                followers.append(group.create_task(follow(length)))
                await asyncio.sleep(0)
        for follower in followers:
            assert follower.result() == list(range(1, 300, 2))


async def test_a_purge_overtakes_whoever_is_behind_with_a_part(newest_database: Database) -> None:
    async with (
        writer(newest_database) as write,
        running_relay(newest_database, max_batch_updates=1) as running,
    ):
        await ready_relay(running)
        for number in range(200):
            await write.sink(f"a/{number}", payload={"text": "x" * 100_000})
            await write.sink(f"b/{number}")
        async with running.joined() as peer:
            peer.socket.transport.pause_reading()
            request = {
                "topics": [NOTES],
                "resume_after": {NOTES: 0},
                "filters": {NOTES: {"prefix": "a/"}},
            }
            ref = await peer.send("sync:subscribe", request)
            await write.purge()
            peer.socket.transport.resume_reading()
            reply = await peer.reply_to(ref)
            if reply["status"] == "ok":
                error = await peer.event("sync:error")
            else:
                error = reply["response"]
            [stale] = error["stale_topics"]
            batches = [frame[4] for frame in peer.frames if frame[3] == "sync:update_batch"]
            keys = [update["doc_key"] for batch in batches for update in batch["updates"]]
            # Everything of the part up to where the purge overtook it, and nothing of the rest.
            assert keys == [f"a/{number}" for number in range(len(keys))]
            assert len(keys) < 200
            assert stale["reason"] == "below_floor"
            assert stale["resume_after"] == (
                batches[-1]["covered_watermarks"][0]["watermark"] if batches else 0
            )
