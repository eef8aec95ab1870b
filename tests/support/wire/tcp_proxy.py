"""A TCP proxy in this event loop whose traffic can be held, slowed, cut and reset."""

import asyncio
import random
import socket
import struct
from contextlib import suppress
from typing import Self

_CHUNK = 16 * 1024


class TcpProxy:
    """Listens on a free port of 127.0.0.1 and passes everything on to a target port.

    What is set applies to the connections there are and to new ones:

    - delay_s: how long each chunk of bytes is under way, in either direction,
    - loss, retransmission_s: the chance that a chunk is lost on its way and sent again after that
      time, which doubles with each further loss: what TCP makes of lost packets,
    - `hold()`: nothing gets through and nothing is said about it, until `release()`.

    accepted: how many connections have come.
    """

    def __init__(self, target_port: int, rng: random.Random) -> None:
        self.target_port = target_port
        self.delay_s = 0.0
        self.loss = 0.0
        self.retransmission_s = 0.2
        self.accepted = 0
        self._rng = rng
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._served: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port to connect to."""
        assert self._server is not None, "the proxy was not started"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self._open.set()
        self.reset()
        for task in self._served:
            task.cancel()
        await asyncio.gather(*self._served, return_exceptions=True)
        await self._server.wait_closed()

    def hold(self) -> None:
        """A black hole from now on."""
        self._open.clear()

    def release(self) -> None:
        """Goes on with whatever was held."""
        self._open.set()

    def reset(self) -> int:
        """Ends every connection with a TCP reset to both sides; how many ends there were."""
        # One that its other side has ended meanwhile has no socket any more.
        writers = [writer for writer in self._writers if not writer.transport.is_closing()]
        for writer in writers:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        return len(writers)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._served.add(task)
        task.add_done_callback(self._served.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await self._open.wait()
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            # Nobody is there: the side that came is told so.
            self._writers.discard(writer)
            writer.transport.abort()
            return
        self._writers.add(far_writer)
        try:
            # The first side that ends ends both.
            ways = [
                asyncio.ensure_future(self._pass_on(reader, far_writer)),
                asyncio.ensure_future(self._pass_on(far_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            for each in (writer, far_writer):
                self._writers.discard(each)
                each.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._travel()
                writer.write(chunk)
                await writer.drain()

    async def _travel(self) -> None:
        await self._open.wait()
        under_way_s = self.delay_s
        again_s = self.retransmission_s
        while self.loss and self._rng.random() < self.loss:
            under_way_s += again_s
            again_s *= 2
        if under_way_s:
            await asyncio.sleep(under_way_s)  # the time on the wire is what this stands for
        await self._open.wait()
