"""The proxy that the fault suite puts between everybody: what it breaks stays broken."""

import asyncio
import contextlib
import random

from support.trials.waiting import until
from support.wire.tcp_proxy import TcpProxy


async def test_a_connection_that_was_reset_can_be_reset_again() -> None:
    async with TcpProxy(1, random.Random(1)) as proxy:
        # Held: the proxy has not turned to the other side yet.
        proxy.hold()
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        await until(lambda: proxy.reset() == 1, "the connection is there to be reset")
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        assert proxy.reset() == 0
        writer.close()
