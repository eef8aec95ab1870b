"""A client and a real relay: bootstrap, live updates, tombstones, pointers, organisations."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from khala_pg.client import Change, KhalaClient, Start
from support.postgres.databases import Database
from support.relay.client_relay import NOTES, ORG, RUNS, SOON, running_relay, sink
from support.trials.waiting import until


def has(client: KhalaClient, expected: dict[str, Any], topic: str = RUNS) -> Callable[[], bool]:
    return lambda: {k: d.payload for k, d in client.documents(topic).items()} == expected


@pytest.mark.parametrize("snapshot", [True, False])
async def test_what_was_and_what_comes(database: Database, snapshot: bool) -> None:
    for n in range(5):
        sink(database, f"d{n}", 1, {"n": n})
    sink(database, "d0", 2, None)
    sink(database, "d1", 2, {"n": "again"})
    async with (
        running_relay(database.relay_dsn) as relay,
        KhalaClient(
            relay.endpoint, [RUNS, NOTES], start=Start(snapshot=snapshot), backoff=SOON
        ) as client,
    ):
        await client.caught_up()
        expected: dict[str, Any] = {"d1": {"n": "again"}, "d2": {"n": 2}, "d3": {"n": 3}}
        expected["d4"] = {"n": 4}
        assert has(client, expected)()
        sink(database, "d9", 1, {"text": "naïve \U0001f600", "big": 10**20, "f": 1e-7})
        sink(database, "d2", 2, None)
        sink(database, "note", 1, {"to": "all"}, topic=NOTES, org=None)
        del expected["d2"]
        expected["d9"] = {"text": "naïve \U0001f600", "big": 10**20, "f": 1e-7}
        await until(has(client, expected), "the live updates arrive")
        await until(has(client, {"note": {"to": "all"}}, NOTES), "both topics are followed")
        assert client.status.live


async def test_changes_come_in_order_with_what_was_before(newest_database: Database) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        seen: list[Change] = []

        async def listen() -> None:
            async for change in client.changes():
                seen.append(change)
                if len(seen) == 40:
                    return

        async with asyncio.TaskGroup() as group:
            group.create_task(listen())
            await client.caught_up()
            for n in range(1, 41):
                await asyncio.to_thread(sink, newest_database, "d", n, {"n": n})
    assert [c.document.watermark for c in seen if c.document] == list(range(1, 41))
    assert [c.previous.doc_version if c.previous else 0 for c in seen] == list(range(40))


async def test_a_large_payload_is_fetched_behind_its_pointer(database: Database) -> None:
    large = {"text": "x" * 300 * 1024, "n": 1}
    sink(database, "large", 1, large)
    async with (
        running_relay(database.relay_dsn) as relay,
        KhalaClient(
            relay.endpoint, [RUNS], start=Start(snapshot=False), backoff=SOON
        ) as from_journal,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as from_snapshot,
    ):
        for client in (from_journal, from_snapshot):
            await client.caught_up()
            assert has(client, {"large": large})()
        larger = {**large, "n": 2}
        sink(database, "large", 2, larger)
        sink(database, "odd key/with ?#%20\n..", 1, large)
        expected = {"large": larger, "odd key/with ?#%20\n..": large}
        for client in (from_journal, from_snapshot):
            await until(has(client, expected), "live pointers are followed")


async def test_a_pointer_to_what_is_gone_is_no_obstacle(newest_database: Database) -> None:
    large = {"text": "x" * 300 * 1024}
    for n in range(3):
        sink(newest_database, f"large{n}", 1, large)
        sink(newest_database, f"large{n}", 2, None)
    sink(newest_database, "small", 1, {})
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], start=Start(snapshot=False), backoff=SOON) as client,
    ):
        await client.caught_up()
        assert has(client, {"small": {}})()


async def test_documents_of_others_stay_theirs(newest_database: Database) -> None:
    sink(newest_database, "ours", 1, {"a": 1})
    sink(newest_database, "theirs", 1, {"b": 1}, org="org-b")
    sink(newest_database, "everybody's", 1, {"c": 1}, org=None)
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        assert has(client, {"ours": {"a": 1}, "everybody's": {"c": 1}})()
        head = sink(newest_database, "theirs", 2, {"b": 2}, org="org-b")
        # Nothing is sent, yet the cursor keeps moving.
        await until(
            lambda: client.status.topics[RUNS].watermark == head, "the watermark follows the head"
        )
        # A document that changes hands disappears here and appears there.
        sink(newest_database, "ours", 2, {"a": 2}, org="org-b")
        await until(has(client, {"everybody's": {"c": 1}}), "it is gone")


async def test_either_name_of_a_topic(newest_database: Database) -> None:
    sink(newest_database, "d", 1, {"n": 1})
    name = "SYNC_TOPIC_RUNTIME_RUN_SUMMARIES"
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [name], backoff=SOON) as client,
    ):
        await client.caught_up()
        sink(newest_database, "d", 2, {"n": 2})
        await until(has(client, {"d": {"n": 2}}, name), "updates come under the name used")


async def test_a_snapshot_of_many_pages(newest_database: Database) -> None:
    with newest_database.connect("runtime") as connection:
        connection.execute(
            "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key', 'd' || n,"
            " 'doc_version', 1, 'org_id', %s::text, 'payload', jsonb_build_object('n', n))))"
            " FROM generate_series(1, 1234) AS n",
            (RUNS, ORG),
        )
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        assert has(client, {f"d{n}": {"n": n} for n in range(1, 1235)})()
