"""Frames written straight to transports, on real sockets: among whatever else is sent to them."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import Opcode

from khala_pg.relay.connection import RelayConnection, SharedMessage, broadcast
from khala_pg.relay.opening.ports import Certificate
from khala_pg.relay.process.event_loops import loop_factory
from support.http.certificates import make_certificate
from support.trials.waiting import until

MAX_UNSENT = 1 << 20
LARGE = "large " * 200_000


@dataclass(frozen=True)
class Reader:
    connection: RelayConnection
    join_ref: str | None = "1"


@asynccontextmanager
async def server(
    tls: ssl.SSLContext | None = None, *, compresses: bool = False
) -> AsyncIterator[tuple[str, list[Reader]]]:
    """Where sockets are served, and those that are open."""
    readers: list[Reader] = []

    async def handle(connection: ServerConnection) -> None:
        assert isinstance(connection, RelayConnection)
        readers.append(Reader(connection))
        await connection.wait_closed()

    deflate = ServerPerMessageDeflateFactory(server_no_context_takeover=True)
    async with serve(
        handle,
        "127.0.0.1",
        0,
        ssl=tls,
        compression=None,
        extensions=[deflate] if compresses else None,
        create_connection=RelayConnection,
        ping_interval=None,
    ) as serving:
        port = next(iter(serving.sockets)).getsockname()[1]
        yield f"ws{'s' if tls else ''}://127.0.0.1:{port}", readers


@asynccontextmanager
async def client(url: str, readers: list[Reader], **more: Any) -> AsyncIterator[ClientConnection]:
    """A socket that the server knows of."""
    before = len(readers)
    async with connect(url, proxy=None, max_size=None, **more) as socket:
        await until(lambda: len(readers) > before, "the socket is served", 20)
        yield socket


def text(number: int) -> SharedMessage:
    return SharedMessage(Opcode.TEXT, lambda _: b"update ", str(number).encode(), 1)


def on_each_loop(work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
    with asyncio.Runner(loop_factory=loop_factory(name)) as runner:
        runner.run(work())


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
@pytest.mark.parametrize("kind", ["plain", "tls", "deflate"])
def test_broadcasts_among_large_messages_and_pings(loop: str, kind: str, tmp_path: Path) -> None:
    made = make_certificate(tmp_path)

    async def work() -> None:
        given = Certificate.given(made.certificate, made.key)
        tls = given.context if given is not None and kind == "tls" else None
        async with server(tls, compresses=kind == "deflate") as (url, readers):
            more: dict[str, Any] = {"ssl": made.trusting()} if tls else {}
            if kind != "deflate":
                more["compression"] = None
            async with client(url, readers, **more) as one, client(url, readers, **more) as two:
                extensions = readers[0].connection.protocol.extensions
                assert bool(extensions) == (kind == "deflate")
                sending = asyncio.create_task(readers[0].connection.send(LARGE))
                for number in range(100):
                    # The client reads nothing yet, so the large message is still on its way.
                    assert broadcast(readers, text(number), len(LARGE) * 2) == []
                    readers[0].connection.write_ping()
                    await asyncio.sleep(0)
                for socket, has_large in ((one, True), (two, False)):
                    got = [await socket.recv() for _ in range(100 + has_large)]
                    assert [each for each in got if each != LARGE] == [
                        f"update {number}" for number in range(100)
                    ]
                    assert (LARGE in got) == has_large
                await sending
                for reader in readers:
                    assert reader.connection.sent_updates == 100

    on_each_loop(work, loop)


async def test_a_message_in_fragments_is_refused() -> None:
    async with server() as (url, readers), client(url, readers, compression=None) as socket:
        with pytest.raises(TypeError):
            await readers[0].connection.send(["one ", "two"])
        broadcast(readers, text(1), MAX_UNSENT)
        assert await socket.recv() == "update 1"


async def test_a_socket_that_closes_gets_nothing_and_the_others_everything() -> None:
    async with (
        server() as (url, readers),
        client(url, readers) as closing,
        client(url, readers) as open_,
    ):
        readers[0].connection.start_close(1012, "over")
        assert broadcast(readers, text(1), MAX_UNSENT) == []
        assert readers[0].connection.sent_updates == 0
        assert await open_.recv() == "update 1"
        await closing.wait_closed()
        # The close frame was the last one.
        assert closing.close_code == 1012
        await readers[0].connection.wait_closed()
        broadcast(readers, text(2), MAX_UNSENT)
        assert await open_.recv() == "update 2"


async def test_sockets_that_break_off_stop_nobody() -> None:
    async with (
        server() as (url, readers),
        client(url, readers) as open_,
        client(url, readers) as half,
        client(url, readers) as gone,
    ):
        # One says that it sends no more, one is gone without a word.
        half.transport.write_eof()
        gone.transport.abort()
        for number in range(20):
            assert broadcast(readers, text(number), MAX_UNSENT) == []
            await asyncio.sleep(0)
        for number in range(20):
            assert await open_.recv() == f"update {number}"
        await readers[1].connection.wait_closed()
        await readers[2].connection.wait_closed()
        assert broadcast(readers, text(20), MAX_UNSENT) == []
        assert await open_.recv() == "update 20"


async def test_a_socket_that_is_full_is_named_and_gets_nothing() -> None:
    message = SharedMessage(Opcode.BINARY, lambda _: b"", b"x" * (1 << 20), 1)
    async with server() as (url, readers), client(url, readers) as slow:
        taken = 0
        while broadcast(readers, message, MAX_UNSENT) == []:
            taken += 1
            await asyncio.sleep(0)
        assert broadcast(readers, message, MAX_UNSENT) == readers
        assert readers[0].connection.unsent_bytes <= MAX_UNSENT + len(message.wire_for("1"))
        for _ in range(taken):
            assert len(await slow.recv()) == 1 << 20
        await until(lambda: readers[0].connection.unsent_bytes == 0, "it has taken all", 20)
        assert broadcast(readers, text(1), MAX_UNSENT) == []
        assert await slow.recv() == "update 1"
