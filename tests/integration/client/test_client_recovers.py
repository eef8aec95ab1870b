"""A client loses its relay, its database, its place or its token, and ends with what is there."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from khala_pg.auth import keyring as keys
from khala_pg.client import (
    Backoff,
    Change,
    ConnectionState,
    Endpoint,
    KhalaClient,
    SqliteStore,
    Start,
    Status,
)
from khala_pg.postgres.free_ports import free_port
from support.postgres.databases import Database
from support.relay.client_relay import (
    ORG,
    RUNS,
    SOON,
    RelayUnderTest,
    contents,
    heartbeats,
    relay_process,
    running_relay,
    sink,
)
from support.trials.waiting import until

EARLIEST = Start(snapshot=False)


def purge(database: Database) -> None:
    with database.connect("dba") as connection:
        connection.execute("SELECT khala.retain(p_horizon => '0', p_batch => 1000000)")


@contextlib.asynccontextmanager
async def writing(database: Database, documents: int = 7) -> AsyncIterator[dict[str, Any]]:
    """Writes versions as fast as one connection does, until the context ends."""
    written: dict[str, Any] = {}
    stop = asyncio.Event()

    def one(n: int) -> None:
        key, payload = f"d{n % documents}", {"n": n}
        sink(database, key, n, payload)
        written[key] = payload

    async def write() -> None:
        n = 0
        while not stop.is_set():
            n += 1
            await asyncio.to_thread(one, n)

    async with asyncio.TaskGroup() as group:
        group.create_task(write())
        try:
            yield written
        finally:
            stop.set()


async def test_a_killed_relay_is_survived(newest_database: Database, tmp_path: Path) -> None:
    port, http_port = free_port(), free_port()
    keyring = keys.generate()
    log: list[Status] = []
    seen: list[int] = []

    def relay() -> Any:
        return relay_process(
            newest_database.relay_dsn, keyring, tmp_path, ws_port=port, http_port=http_port
        )

    def endpoint() -> Endpoint:
        at = RelayUnderTest(
            f"ws://127.0.0.1:{port}/socket/websocket", f"http://127.0.0.1:{http_port}", keyring
        )
        return at.endpoint()

    async with KhalaClient(
        endpoint, [RUNS], start=EARLIEST, backoff=SOON, on_status=log.append, compact=False
    ) as client:

        async def listen() -> None:
            async for change in client.changes():
                if change.document is not None:
                    seen.append(change.document.watermark)  # noqa: PERF401 - looked at meanwhile

        async with asyncio.TaskGroup() as group:
            listening = group.create_task(listen())
            async with writing(newest_database) as written:
                for _ in range(3):
                    with relay() as (_, process):
                        reached = len(seen)
                        await until(lambda at=reached: len(seen) > at + 20, "updates flow")
                        process.kill()
                    await until(
                        lambda: client.status.state is not ConnectionState.CONNECTED, "it is lost"
                    )
            with relay():
                await until(lambda: contents(client) == written, "it ends with what is there")
            listening.cancel()
    assert seen == list(range(1, len(seen) + 1))


async def test_a_restarted_database_is_survived(own_database: Database) -> None:
    sink(own_database, "d", 1, {"n": 1})
    async with (
        running_relay(own_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client,
    ):
        await client.caught_up()
        await asyncio.to_thread(own_database.server.stop, "immediate")
        await asyncio.to_thread(own_database.server.start)
        sink(own_database, "d", 2, {"n": 2})
        await until(lambda: contents(client) == {"d": {"n": 2}}, "updates flow again")


async def test_a_snapshot_that_is_refused_is_told_at_once(own_database: Database) -> None:
    async with running_relay(own_database.relay_dsn, database_timeout_s=0.5) as relay:
        async with KhalaClient(relay.endpoint, [RUNS], backoff=SOON) as client:
            await client.caught_up()
        await asyncio.to_thread(own_database.server.stop, "immediate")
        # The waits between tries are long, as they are by default.
        async with KhalaClient(relay.endpoint, [RUNS], backoff=Backoff(30, 30)) as client:
            await until(lambda: client.status.error is not None, "it says why", 5)
            assert client.status.state is ConnectionState.CONNECTED
            assert "database cannot be reached" in str(client.status.error)


async def test_a_stored_place_is_gone_on_from(newest_database: Database, tmp_path: Path) -> None:
    sink(newest_database, "a", 1, {"n": 1})
    sink(newest_database, "b", 1, {"n": 1})
    async with running_relay(newest_database.relay_dsn) as relay:
        store = SqliteStore(tmp_path / "state")
        async with KhalaClient(relay.endpoint, [RUNS], store=store, backoff=SOON) as client:
            await client.caught_up()
        sink(newest_database, "b", 2, {"n": 2})
        changes: list[Change] = []
        store = SqliteStore(tmp_path / "state")
        async with KhalaClient(relay.endpoint, [RUNS], store=store, backoff=SOON) as client:
            assert contents(client) == {"a": {"n": 1}, "b": {"n": 1}}
            async for change in client.changes():
                changes.append(change)
                break
            await client.caught_up()
        assert [(c.doc_key, c.document.doc_version) for c in changes if c.document] == [("b", 2)]


async def test_what_was_not_dealt_with_comes_again(
    newest_database: Database, tmp_path: Path
) -> None:
    for n in range(10):
        sink(newest_database, f"d{n}", 1, {"n": n})
    seen: list[str] = []

    async def listen(client: KhalaClient, until_seen: int) -> None:
        """Stops while the change at hand is not dealt with."""
        async for change in client.changes():
            seen.append(change.doc_key)
            if len(set(seen)) == until_seen:
                raise InterruptedError

    async with running_relay(newest_database.relay_dsn) as relay:
        for until_seen in (4, 10):
            store = SqliteStore(tmp_path / "state")
            with pytest.raises(InterruptedError):
                async with KhalaClient(
                    relay.endpoint, [RUNS], store=store, start=EARLIEST, backoff=SOON
                ) as client:
                    await listen(client, until_seen)
    # All ten came as one batch, which was not saved before all of it was dealt with.
    assert seen == [f"d{n}" for n in range(4)] + [f"d{n}" for n in range(10)]


async def test_a_stale_place_is_left_for_a_snapshot(
    newest_database: Database, tmp_path: Path
) -> None:
    for key in "abc":
        sink(newest_database, key, 1, {"n": 1})
    async with running_relay(newest_database.relay_dsn) as relay:
        store = SqliteStore(tmp_path / "state")
        async with KhalaClient(relay.endpoint, [RUNS], store=store, backoff=SOON) as client:
            await client.caught_up()
        sink(newest_database, "a", 2, None)
        sink(newest_database, "b", 2, {"n": 2})
        purge(newest_database)
        store = SqliteStore(tmp_path / "state")
        async with KhalaClient(relay.endpoint, [RUNS], store=store, backoff=SOON) as client:
            await client.caught_up()
            assert contents(client) == {"b": {"n": 2}, "c": {"n": 1}}
            sink(newest_database, "d", 1, {"n": 1})
            await until(lambda: "d" in contents(client), "it goes on from the snapshot")
        stored = await SqliteStore(tmp_path / "state").load([RUNS])
        # What was seen last may not have been stored before the client was closed.
        assert {d.doc_key for d in stored.documents} - {"d"} == {"b", "c"}


async def test_a_purge_overtakes_a_client_that_catches_up(newest_database: Database) -> None:
    with newest_database.connect("runtime") as connection:
        for batch in range(20):
            connection.execute(
                "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key', 'd' || n,"
                " 'doc_version', %s::int, 'org_id', %s::text, 'payload',"
                " jsonb_build_object('n', n, 'v', %s::int, 'fill', repeat('x', 4096)))))"
                " FROM generate_series(1, 300) AS n",
                (RUNS, batch, ORG, batch),
            )
    log: list[Status] = []
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(
            relay.endpoint,
            [RUNS],
            start=EARLIEST,
            backoff=SOON,
            on_status=log.append,
            # So that there is much to catch up with.
            compact=False,
        ) as client,
    ):
        purged = False
        async for _ in client.changes():
            if not purged:
                purged = True
                await asyncio.to_thread(purge, newest_database)
            if len(contents(client)) == 300 and all(
                payload["v"] == 19 for payload in contents(client).values()
            ):
                break
        await client.caught_up()
    phases = {status.topics[RUNS].phase for status in log}
    assert "recovering" in phases


async def test_another_epoch_is_noticed_live_and_after(
    newest_database: Database, tmp_path: Path
) -> None:
    sink(newest_database, "a", 1, {"n": 1})
    log: list[Status] = []
    async with running_relay(newest_database.relay_dsn) as relay:
        async with KhalaClient(
            relay.endpoint,
            [RUNS],
            store=SqliteStore(tmp_path / "state"),
            backoff=SOON,
            on_status=log.append,
        ) as client:
            await client.caught_up()
            log.clear()
            with newest_database.connect() as connection:
                connection.execute("SELECT khala.new_epoch('test')")
                # History took another course: what the client knows never happened.
                connection.execute("UPDATE runtime.sync_documents SET doc_key = 'other'")
            await until(lambda: contents(client) == {"other": {"n": 1}}, "it resynchronises")
            await client.caught_up()
        with newest_database.connect() as connection:
            connection.execute("SELECT khala.new_epoch('again')")
            connection.execute("UPDATE runtime.sync_documents SET doc_key = 'third'")
        async with KhalaClient(
            relay.endpoint, [RUNS], store=SqliteStore(tmp_path / "state"), backoff=SOON
        ) as client:
            await client.caught_up()
            assert contents(client) == {"third": {"n": 1}}


async def test_a_slow_listener_slows_the_socket(newest_database: Database) -> None:
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], start=EARLIEST, backoff=SOON) as client,
    ):
        with newest_database.connect("runtime") as connection:
            for batch in range(60):
                connection.execute(
                    "SELECT khala.sink_batch(%s, jsonb_agg(jsonb_build_object('doc_key',"
                    " 'd' || n, 'doc_version', 1, 'org_id', %s::text, 'payload',"
                    " jsonb_build_object('fill', repeat('x', 8192)))))"
                    " FROM generate_series(%s::int, %s::int) AS n",
                    (RUNS, ORG, batch * 100, batch * 100 + 99),
                )
        seen = 0
        async for _ in client.changes():
            seen += 1
            if seen == 1:
                # Held for several heartbeats of the relay, that another client counts: neither side
                # takes the silence for death.
                await heartbeats(relay, 3)
                assert (client.status.topics[RUNS].watermark or 0) <= 400
                assert len(contents(client)) <= 400
            if seen == 6000:
                break
        await client.caught_up()
        assert len(contents(client)) == 6000
