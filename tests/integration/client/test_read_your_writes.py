"""A client waits for what was written: by watermark, by version, or for all that there is.

typescript/khala-client/test/waits.test.ts is the same story.
"""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from khala_pg import sink as write
from khala_pg.auth import keyring as keys
from khala_pg.client import ClientError, KhalaClient, SqliteStore, Topic
from khala_pg.postgres.free_ports import free_port
from support.postgres.databases import Database
from support.relay.client_relay import (
    NOTES,
    ORG,
    RUNS,
    SOON,
    RelayUnderTest,
    contents,
    relay_process,
    running_relay,
    sink,
)
from support.trials.seeds import choose_seed, stream

PATIENCE_S = 60.0


async def test_by_watermark_and_version(database: Database) -> None:
    async with (
        running_relay(database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS, NOTES], backoff=SOON) as client,
        await psycopg.AsyncConnection.connect(database.runtime_dsn) as connection,
    ):
        # Before anything is live: the wait is for the subscription too.
        first = await write(connection, RUNS, "d", {"n": 1}, org_id=ORG)
        await connection.commit()
        await client.wait_for(RUNS, first.watermark, timeout=PATIENCE_S)
        assert contents(client) == {"d": {"n": 1}}
        for n in range(2, 30):
            sunk = await write(connection, RUNS, "d", {"n": n}, org_id=ORG)
            await connection.commit()
            await client.wait_for(RUNS, sunk.watermark, timeout=PATIENCE_S)
            assert contents(client) == {"d": {"n": n}}
            assert client.documents(RUNS)["d"].doc_version == n

        again = await write(connection, RUNS, "d", {"n": 29}, org_id=ORG, version=29)
        await connection.commit()
        assert again.outcome == "duplicate"
        async with asyncio.timeout(0):  # at once: without a turn of the loop
            await client.wait_for(RUNS, again.watermark)

        sink(database, "e", 7, {"n": 7})
        found = await client.wait_for_version(RUNS, "e", 5, timeout=PATIENCE_S)
        assert (found.doc_version, found.payload) == (7, {"n": 7})
        sink(database, "e", 8, None)
        assert (await client.wait_for_version(RUNS, "e", 8, timeout=PATIENCE_S)).deleted


async def test_what_is_not_there_is_waited_for(newest_database: Database) -> None:
    async with running_relay(newest_database.relay_dsn) as relay:
        async with KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client:
            await client.caught_up()
            with pytest.raises(TimeoutError):
                await client.wait_for(RUNS, 1, timeout=0.5)
            with pytest.raises(TimeoutError):
                await client.wait_for_version(RUNS, "d", 1, timeout=0.1)
            with pytest.raises(ValueError, match="not among this client's topics"):
                await client.wait_for(NOTES, 1)
            waiting = asyncio.create_task(client.wait_for(RUNS, 1))
            await asyncio.sleep(0)
        with pytest.raises(ClientError, match="the client is closed"):
            await waiting


async def test_what_is_not_ours_to_see_is_behind_us(newest_database: Database) -> None:
    # The server's own heartbeats come too late for this.
    async with (
        running_relay(newest_database.relay_dsn, heartbeat_interval_s=300.0) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        watermark = sink(newest_database, "theirs", 1, {"n": 1}, org="org-b")
        await client.wait_for(RUNS, watermark, timeout=PATIENCE_S)
        assert contents(client) == {}
        for n in range(2, 12):
            sink(newest_database, "ours", n, {"n": n})
            sink(newest_database, "theirs", n, {"n": n}, org="org-b")
            await client.sync(timeout=PATIENCE_S)
            assert contents(client) == {"ours": {"n": n}}
            assert client.status.live


async def test_a_part_of_a_topic(newest_database: Database) -> None:
    """What is outside of the part is behind us as well, and stays outside when sync asks anew."""
    mine = Topic(RUNS, prefix="mine/")
    async with (
        running_relay(newest_database.relay_dsn, heartbeat_interval_s=300.0) as relay,
        KhalaClient(relay.endpoint, [mine], backoff=SOON) as client,
    ):
        expected: dict[str, Any] = {}
        for n in range(5):
            expected[f"mine/{n}"] = {"n": n}
            sink(newest_database, f"mine/{n}", 1, {"n": n})
            outside = sink(newest_database, f"yours/{n}", 1, {"n": n})
            await client.wait_for(RUNS, outside, timeout=PATIENCE_S)
            assert contents(client) == expected
            sink(newest_database, f"yours/{n}", 2, {"n": n})
            await client.sync(timeout=PATIENCE_S)
            assert contents(client) == expected
        assert client.status.error is None


async def test_sync_of_an_empty_topic_and_in_each_state(newest_database: Database) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS, NOTES], backoff=SOON) as client,
    ):
        # While it connects, and again and again at the same moment.
        await asyncio.gather(*(client.sync(timeout=PATIENCE_S) for _ in range(5)))
        sink(newest_database, "d", 1, {"n": 1})
        sink(newest_database, "n", 1, {"n": 2}, topic=NOTES)
        await asyncio.gather(*(client.sync(timeout=PATIENCE_S) for _ in range(5)))
        assert (contents(client), contents(client, NOTES)) == ({"d": {"n": 1}}, {"n": {"n": 2}})


async def test_many_wait_at_once(newest_database: Database) -> None:
    """However many they are, they stay below the limit for the requests of a socket."""
    async with (
        running_relay(
            newest_database.relay_dsn,
            heartbeat_interval_s=300.0,
            max_request_burst=10,
            max_requests_per_second=10.0,
        ) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        waiting = [
            asyncio.create_task(client.wait_for(RUNS, 1, timeout=PATIENCE_S)) for _ in range(300)
        ]
        await asyncio.gather(*(client.sync(timeout=PATIENCE_S) for _ in range(300)))
        assert not any(each.done() for each in waiting)
        sink(newest_database, "theirs", 1, {}, org="org-b")
        await asyncio.gather(*waiting)
        assert client.status.error is None


async def test_a_stale_cursor(newest_database: Database, tmp_path: Path) -> None:
    store = tmp_path / "state.khala"
    async with running_relay(newest_database.relay_dsn) as relay:

        def client() -> KhalaClient:
            return KhalaClient(relay.endpoint, [RUNS], store=SqliteStore(store), backoff=SOON)

        first = sink(newest_database, "d1", 1, {"n": 1})
        async with client() as follower:
            await follower.wait_for(RUNS, first, timeout=PATIENCE_S)
        last = sink(newest_database, "d1", 2, {"n": 2})
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.retain(p_horizon => '0', p_batch => 1000000)")
        async with client() as follower:
            await follower.wait_for(RUNS, last, timeout=PATIENCE_S)
            assert contents(follower) == {"d1": {"n": 2}}


async def test_a_watermark_of_another_epoch(newest_database: Database, tmp_path: Path) -> None:
    """The stored cursor is above the watermark that is waited for, and says nothing about it."""
    store = tmp_path / "state.khala"
    async with running_relay(newest_database.relay_dsn) as relay:

        def client() -> KhalaClient:
            return KhalaClient(relay.endpoint, [RUNS], store=SqliteStore(store), backoff=SOON)

        for n in range(1, 8):
            sink(newest_database, f"d{n}", 1, {"n": n})
        async with client() as follower:
            await follower.wait_for(RUNS, 7, timeout=PATIENCE_S)
        with newest_database.connect() as connection:
            for statement in (
                "SELECT khala.new_epoch()",
                "DELETE FROM runtime.sync_stream_events WHERE watermark > 5",
                "DELETE FROM runtime.sync_documents WHERE watermark > 5",
                "UPDATE runtime.sync_topic_sequences SET head_watermark = 5 WHERE topic = %s",
            ):
                connection.execute(statement, (RUNS,) if "%s" in statement else None)
        again = sink(newest_database, "d6", 1, {"n": "again"})
        assert again == 6
        async with client() as follower:
            assert contents(follower)["d6"] == {"n": 6}
            await follower.wait_for(RUNS, again, timeout=PATIENCE_S)
            assert contents(follower)["d6"] == {"n": "again"}
            assert "d7" not in contents(follower)


async def test_a_listener_has_dealt_with_it(newest_database: Database) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        dealt_with: list[str] = []

        async def listen() -> None:
            async for change in client.changes():
                await asyncio.sleep(0.05)
                dealt_with.append(change.doc_key)

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            await client.caught_up()
            for n in range(5):
                watermark = sink(newest_database, f"d{n}", 1, {"n": n})
                await client.wait_for(RUNS, watermark, timeout=PATIENCE_S)
                assert dealt_with[-1] == f"d{n}"
            listening.cancel()


async def test_the_relay_is_killed_again_and_again(
    newest_database: Database, tmp_path: Path
) -> None:
    """A wait ends exactly when the document is here, whatever the relay does meanwhile, and
    although the journal is purged while there is none."""
    seed = choose_seed()
    port, http_port, keyring = free_port(), free_port(), keys.generate()
    at = RelayUnderTest(
        f"ws://127.0.0.1:{port}/socket/websocket", f"http://127.0.0.1:{http_port}", keyring
    )
    is_over = asyncio.Event()
    kills = 0

    async def relays() -> None:
        """A relay for a moment, killed, and the next one; from the sixth on it stays."""
        nonlocal kills
        chance = stream(seed, "relays")
        while not is_over.is_set():
            with relay_process(
                newest_database.relay_dsn, keyring, tmp_path, ws_port=port, http_port=http_port
            ) as (_, process):
                with suppress(TimeoutError):
                    async with asyncio.timeout(chance.uniform(0.1, 2.0) if kills < 5 else None):
                        await is_over.wait()
                process.kill()
                kills += 1
            if chance.random() < 0.5:
                await asyncio.to_thread(purge)

    def purge() -> None:
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.retain(p_horizon => '0', p_batch => 1000000)")

    def client(store: Path) -> KhalaClient:
        return KhalaClient(at.endpoint, [RUNS], store=SqliteStore(store), backoff=SOON)

    async def writer(name: str, follower: KhalaClient) -> None:
        chance = stream(seed, name)
        written: dict[str, Any] = {}
        connection = await psycopg.AsyncConnection.connect(newest_database.runtime_dsn)
        async with connection:
            while kills < 5 or len(written) < 3:
                key = f"{name}/{chance.randrange(5)}"
                payload = {"n": chance.random()}
                sunk = await write(connection, RUNS, key, payload, org_id=ORG)
                if chance.random() < 0.2:
                    await connection.rollback()
                    continue
                waiting = asyncio.create_task(follower.wait_for(RUNS, sunk.watermark))
                # Not committed, and so not to be seen, however long it is waited for.
                await asyncio.sleep(chance.uniform(0, 0.02))
                assert not waiting.done()
                assert contents(follower).get(key) == written.get(key)
                await connection.commit()
                await asyncio.wait_for(waiting, PATIENCE_S)
                written[key] = payload
                assert follower.documents(RUNS)[key].watermark == sunk.watermark
                assert contents(follower)[key] == payload
        assert {k: v for k, v in contents(follower).items() if k.startswith(name)} == written

    async with (
        client(tmp_path / "one") as first,
        client(tmp_path / "two") as second,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(relays())
        async with asyncio.TaskGroup() as writers:
            for name, follower in (("a", first), ("b", first), ("c", second)):
                writers.create_task(writer(name, follower))
        for follower in (first, second):
            await follower.sync(timeout=PATIENCE_S)
        assert contents(first) == contents(second)
        is_over.set()
    for store, follower in (("one", first), ("two", second)):
        stored = SqliteStore(tmp_path / store)
        found = await stored.load([RUNS])
        await stored.close()
        kept = {each.doc_key: each.payload for each in found.documents if not each.deleted}
        assert kept == contents(follower)
