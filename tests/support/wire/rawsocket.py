"""A WebSocket client that says whatever it likes, byte by byte."""

import asyncio
import base64
import os
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

TEXT, CONT, BINARY, CLOSE, PING = 1, 0, 2, 8, 9


def frame(opcode: int, data: bytes = b"", *, fin: bool = True, rsv1: bool = False) -> bytes:
    """One masked frame."""
    first = (0x80 if fin else 0) | (0x40 if rsv1 else 0) | opcode
    if len(data) < 126:
        size = bytes([0x80 | len(data)])
    elif len(data) < 2**16:
        size = b"\xfe" + struct.pack("!H", len(data))
    else:
        size = b"\xff" + struct.pack("!Q", len(data))
    # A mask of noughts leaves the data as they are.
    return bytes([first]) + size + bytes(4) + data


@dataclass
class RawSocket:
    """A connection on which the handshake is done."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    head: bytes

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def close_code(self, timeout_s: float = 20) -> int | None:
        """Reads until the end; the code of the close frame, None when there was none."""
        code = None
        async with asyncio.timeout(timeout_s):
            try:
                while True:
                    first, size = await self.reader.readexactly(2)
                    length = size & 127
                    if length == 126:
                        [length] = struct.unpack("!H", await self.reader.readexactly(2))
                    elif length == 127:
                        [length] = struct.unpack("!Q", await self.reader.readexactly(8))
                    data = await self.reader.readexactly(length)
                    if first & 15 == CLOSE and code is None:
                        [code] = struct.unpack("!H", data[:2])
                        self.writer.close()
            except (asyncio.IncompleteReadError, ConnectionError):
                return code


@asynccontextmanager
async def raw_socket(url: str, extensions: str | None = None) -> AsyncIterator[RawSocket]:
    """Opens a socket at a ws:// URL by hand."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    key = base64.b64encode(os.urandom(16)).decode()
    more = f"Sec-WebSocket-Extensions: {extensions}\r\n" if extensions else ""
    writer.write(
        f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n{more}"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head, head
        yield RawSocket(reader, writer, head)
    finally:
        writer.transport.abort()
