"""A socket that can be written to without a task, and that knows how much of it is unsent."""

import socket
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State

from khala_pg.auth.claims import Claims

_FORGOTTEN = Request("", Headers())
_MOST_KEPT_WIRES = 4


class SharedMessage:
    """One message for many sockets: encoded once, and its WebSocket frame built, or compressed,
    once for all that joined with the same reference and compress alike.

    Every frame carries its socket's reference: there are clients that drop a push with null. That
    costs 0.1 µs a socket where all joined alike, as our clients do, and 2 µs where all differ, as
    those of clients that count on when they reconnect may. A frame for each of those is not kept.
    """

    __slots__ = ("_body", "_head", "_opcode", "_wires", "updates")

    def __init__(
        self, opcode: Opcode, head: Callable[[str | None], bytes], body: bytes, updates: int = 0
    ) -> None:
        """head: what stands before the body, for a join_ref. updates: how many it carries."""
        self.updates = updates
        self._opcode, self._head, self._body = opcode, head, body
        self._wires: dict[tuple[str | None, int], bytes] = {}

    def __len__(self) -> int:
        """The bytes of the body."""
        return len(self._body)

    def wire_for(self, join_ref: str | None, extensions: Sequence[Extension] = ()) -> bytes:
        """The frame for a socket that joined with that reference."""
        match extensions:
            case [] | ():
                window = 0
            case [PerMessageDeflate(local_no_context_takeover=True) as deflate]:
                # Nothing that went before has a part in it.
                window = deflate.local_max_window_bits
            case _:
                return self._framed(join_ref, extensions)
        key = (join_ref, window)
        wire = self._wires.get(key)
        if wire is None:
            wire = self._framed(join_ref, extensions)
            if len(self._wires) < _MOST_KEPT_WIRES:
                self._wires[key] = wire
        return wire

    def data_for(self, join_ref: str | None) -> bytes:
        """Content of that frame."""
        return self._head(join_ref) + self._body

    def _framed(self, join_ref: str | None, extensions: Sequence[Extension]) -> bytes:
        data = self.data_for(join_ref)
        if not extensions:
            return _head(self._opcode, len(data)) + data
        return Frame(self._opcode, data).serialize(mask=False, extensions=extensions)


def _head(opcode: Opcode, length: int) -> bytes:
    if length < 126:
        return bytes((0x80 | opcode, length))
    if length < 65536:
        return bytes((0x80 | opcode, 126)) + length.to_bytes(2, "big")
    return bytes((0x80 | opcode, 127)) + length.to_bytes(8, "big")


class RelayConnection(ServerConnection):
    """A server connection with synchronous writes.

    `send` would need a task for each socket; here the caller bounds what is unsent instead, by
    looking at `unsent_bytes` before it writes and at `drained` before it fetches more.
    """

    # Not in the instance's dict: beyond thirty attributes that takes a kilobyte more.
    __slots__ = (
        "claims",
        "dropped_for",
        "encoding",
        "last_received_at",
        "sent_bytes",
        "sent_updates",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.claims: Claims | None = None
        """Claims that the socket was opened with; set before it opens."""
        self.encoding = "json"
        """The form in which it wants updates, one of lanes.LANES; set before it opens."""
        self.sent_bytes = 0
        self.sent_updates = 0
        self.dropped_for: str | None = None
        """Why the keepalive dropped it, if it did: idle or unread."""
        self.last_received_at = 0.0
        """When anything came in last, by the loop's clock: the only sign of life that counts."""

    def forget_opening(self) -> None:
        """Lets go of the opening request, which is a tenth of an idle socket's memory."""
        # Not None, which would make the next frame an opening request.
        self.request = _FORGOTTEN
        self.response = None

    def limit_kernel_buffer(self, max_bytes: int) -> None:
        """Keeps what the kernel has not sent small, so that a slow reader shows early."""
        sock = self.transport.get_extra_info("socket")
        option = getattr(socket, "TCP_NOTSENT_LOWAT", None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, max_bytes)

    def data_received(self, data: bytes) -> None:
        self.last_received_at = self.loop.time()
        super().data_received(data)

    @property
    def is_open(self) -> bool:
        """Whether messages can still be written."""
        return self.protocol.state is State.OPEN

    @property
    def unsent_bytes(self) -> int:
        """Bytes that this process holds for the socket."""
        return self.transport.get_write_buffer_size()

    def write(self, message: str | bytes, updates: int = 0) -> None:
        """Writes a text or binary message; a socket that is closing takes none.

        updates: how many it carries.
        """
        if not self.is_open:
            return
        if isinstance(message, bytes):
            data = message
            self.protocol.send_binary(data)
        else:
            data = message.encode()
            self.protocol.send_text(data)
        self.sent_bytes += len(data)
        self.sent_updates += updates
        self.send_data()

    def write_shared(self, message: SharedMessage, join_ref: str | None) -> None:
        """Writes a message that other sockets get as well; a closing socket takes none."""
        protocol = self.protocol
        if protocol.state is not State.OPEN:
            return
        wire = message.wire_for(join_ref, protocol.extensions)
        self.sent_bytes += len(wire)
        self.sent_updates += message.updates
        self.transport.write(wire)

    async def send(self, message: Any, *, text: bool | None = None) -> None:
        """Sends a message as one frame; raises TypeError for a message in fragments.

        What is written straight to the transport would come between them.
        """
        if not isinstance(message, str | bytes | bytearray | memoryview):
            raise TypeError("a message in fragments cannot be sent here")
        await super().send(message, text=text)

    def write_ping(self) -> None:
        """Asks for a sign of life."""
        if self.is_open:
            self.protocol.send_ping(b"khala")
            self.send_data()

    def start_close(self, code: int, reason: str) -> None:
        """Sends the close frame; the end of the connection follows when the client responds."""
        if self.is_open:
            self.protocol.send_close(code, reason)
            self.send_data()

    def abort(self) -> None:
        """Drops the connection and whatever is unsent."""
        # asyncio's transport does not stand an abort after its end.
        if not self.connection_lost_waiter.done():
            self.transport.abort()

    async def drained(self) -> None:
        """Returns when little enough is unsent, or the connection is gone."""
        try:
            await self.drain()
        except OSError:
            # The connection broke while it was waited for; reading shows it.
            return


class HasConnection(Protocol):
    """One of those that a message is for."""

    @property
    def connection(self) -> RelayConnection: ...

    @property
    def join_ref(self) -> str | None: ...


Reader = TypeVar("Reader", bound=HasConnection)


def broadcast(
    readers: Iterable[Reader], message: SharedMessage, max_unsent_bytes: int
) -> list[Reader]:
    """Writes a message to the socket of each; closing sockets take none.

    max_unsent_bytes: a socket with more than that unsent is not written to. No less than what a
    socket is paused at.

    Returns those whose socket was too full.
    """
    full = []
    updates = message.updates
    # Most readers joined with one reference: its frame is not looked up again for each.
    join_ref, wire = None, b""
    for reader in readers:
        connection = reader.connection
        protocol = connection.protocol
        # What is not paused holds less than that, and how much need not be looked up.
        if connection.paused and connection.unsent_bytes > max_unsent_bytes:
            full.append(reader)
        elif protocol.extensions:
            connection.write_shared(message, reader.join_ref)
        elif protocol.state is State.OPEN:
            if reader.join_ref != join_ref or not wire:
                join_ref = reader.join_ref
                wire = message.wire_for(join_ref)
            connection.sent_bytes += len(wire)
            connection.sent_updates += updates
            connection.transport.write(wire)
    return full
