"""How a client's connection ends."""

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from khala_pg.client.connection import open_connection
from khala_pg.client.errors import TransportError
from support.trials.waiting import until


async def test_the_end_of_a_connection_that_nobody_reads_is_heard() -> None:
    """The server's close comes after all that it had sent, which no buffer on the way can hold."""

    async def talk(socket: ServerConnection) -> None:
        try:
            while True:
                await socket.send("x" * 100_000)
        except ConnectionClosed:
            return

    async with serve(
        talk, "127.0.0.1", 0, subprotocols=[Subprotocol("phoenix")], compression=None
    ) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_connection(
            f"ws://127.0.0.1:{port}", "token", timeout=20, silence_limit=20, max_frame_bytes=2**20
        ) as connection:
            socket = connection._socket
            await until(lambda: socket.recv_messages.paused, "reading has stopped")
        assert socket.close_code == 1000


@pytest.mark.parametrize("body", ["", "not JSON", "[" * 100_000, "[]"])
async def test_a_refusal_with_any_body_is_a_refusal(body: str) -> None:
    def refuse(socket: ServerConnection, request: Request) -> Response:
        return socket.respond(502, body)

    async def never(socket: ServerConnection) -> None:
        raise AssertionError("it opened")

    async with serve(never, "127.0.0.1", 0, process_request=refuse) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(TransportError, match="502"):
            async with open_connection(
                f"ws://127.0.0.1:{port}", "t", timeout=20, silence_limit=20, max_frame_bytes=2**20
            ):
                raise AssertionError("it opened")
