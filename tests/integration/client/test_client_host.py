"""What the program supplies may fail or never answer: it is reported, and there is a way on.

typescript/khala-client/test/host.test.ts is the same story.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from khala_pg.client import (
    Commit,
    Endpoint,
    KhalaClient,
    MemoryStore,
    SqliteStore,
    Status,
    Stored,
    StoreError,
    TransportError,
)
from khala_pg.client.http_api import HttpApi
from support.postgres.databases import Database
from support.relay.client_relay import ORG, RUNS, SOON, contents, running_relay, sink
from support.trials.waiting import until


@pytest.mark.parametrize("fault", ["hangs", "raises"])
async def test_a_provider_is_asked_again(newest_database: Database, fault: str) -> None:
    calls = 0
    errors: list[Exception] = []
    async with running_relay(newest_database.relay_dsn) as relay:

        async def endpoint() -> Endpoint:
            nonlocal calls
            calls += 1
            if calls == 1 and fault == "hangs":
                await asyncio.Event().wait()
            if calls == 1:
                raise ConnectionError("no network")
            return relay.endpoint()

        def note(status: Status) -> None:
            if status.error is not None:
                errors.append(status.error)

        async with KhalaClient(
            endpoint, [RUNS], backoff=SOON, timeout=1.0, on_status=note
        ) as client:
            await client.caught_up()
    assert isinstance(errors[0], TransportError)
    expected = {"hangs": "no response in 1 s", "raises": "no network"}
    assert expected[fault] in str(errors[0])


async def test_a_callback_that_raises_stops_nothing(newest_database: Database) -> None:
    seen: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: seen.append(context.get("exception")))

    def fails(status: Status) -> None:
        raise RuntimeError("a fault of the program")

    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], backoff=SOON, on_status=fails) as client,
    ):
        await client.caught_up()
        sink(newest_database, "a", 1, {"n": 1})
        await until(lambda: contents(client) == {"a": {"n": 1}}, "the client goes on")
    assert seen
    assert {str(error) for error in seen} == {"a fault of the program"}


class Troubled(SqliteStore):
    """Store that fails, or does not respond, as long as a test wants."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.fault = ""

    async def commit(self, commit: Commit) -> None:
        if self.fault == "hangs":
            await asyncio.Event().wait()
        if self.fault == "raises":
            raise OSError("no space left on device")
        await super().commit(commit)


@pytest.mark.parametrize("fault", ["hangs", "raises"])
async def test_a_store_gets_everything_once_it_works_again(
    newest_database: Database, tmp_path: Path, fault: str
) -> None:
    sink(newest_database, "before", 1, {"n": 1})
    store = Troubled(tmp_path / "state")
    async with running_relay(newest_database.relay_dsn) as relay:
        async with KhalaClient(
            relay.endpoint, [RUNS], store=store, backoff=SOON, timeout=1.0
        ) as client:
            await client.caught_up()
            store.fault = fault
            sink(newest_database, "during", 1, {"n": 1})
            await until(lambda: isinstance(client.status.error, StoreError), "it is reported")
            sink(newest_database, "after", 1, {"n": 1})
            await until(lambda: len(contents(client)) == 3, "the client goes on")
            assert client.status.live
            store.fault = ""
        assert await saved(tmp_path / "state") == ({"before", "during", "after"}, 3)


async def saved(path: Path) -> tuple[set[str], int]:
    """The stored keys and watermark."""
    store = SqliteStore(path)
    found = await store.load([RUNS])
    await store.close()
    [cursor] = found.cursors
    return {document.doc_key for document in found.documents}, cursor.watermark


async def test_a_deleted_file_is_written_anew(newest_database: Database, tmp_path: Path) -> None:
    sink(newest_database, "before", 1, {"n": 1})
    path = tmp_path / "state"
    async with (
        running_relay(newest_database.relay_dsn) as relay,
        KhalaClient(relay.endpoint, [RUNS], store=SqliteStore(path), backoff=SOON) as client,
    ):
        await client.caught_up()
        for file in tmp_path.iterdir():
            file.unlink()
        sink(newest_database, "during", 1, {"n": 1})
        await until(lambda: isinstance(client.status.error, StoreError), "it is reported")
        # Nothing else is written: a heartbeat brings the next try.
        await until(path.exists, "it is tried again", 30)
    assert await saved(path) == ({"before", "during"}, 2)


async def test_a_store_that_does_not_load_ends_the_start(tmp_path: Path) -> None:
    class Silent(MemoryStore):
        async def load(self, topics: Sequence[str]) -> Stored:
            await asyncio.Event().wait()
            return Stored()

    client = KhalaClient(lambda: Endpoint("ws://h", "t"), [RUNS], store=Silent(), timeout=0.1)
    with pytest.raises(StoreError, match=r"loading from the store: no response in 0\.1 s"):
        await client.__aenter__()


async def test_a_response_that_comes_in_drops_is_given_up() -> None:
    ended = asyncio.Event()

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        try:
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        except ConnectionError:
            writer.close()
        finally:
            ended.set()

    async with (
        await asyncio.start_server(drip, "127.0.0.1", 0) as server,
        httpx.AsyncClient(timeout=5, trust_env=False) as http,
    ):
        port = server.sockets[0].getsockname()[1]
        api = HttpApi(http, f"http://127.0.0.1:{port}", lambda: "t", 0.5)
        with pytest.raises(TransportError, match=r"no response in 0\.5 s"):
            await api.document(RUNS, ORG)
        await ended.wait()
