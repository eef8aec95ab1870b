"""How many connections a port holds that is for a few programs of one's own."""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

from khala_pg.http.timed_protocol import TimedProtocol


class Room:
    """At most so many connections. A new one takes the place of the one idle longest, if need be:
    whoever scrapes keeps its connection, and forgets some that it never closes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._busy: set[asyncio.Transport] = set()
        # In the order in which they became idle.
        self._idle: dict[asyncio.Transport, None] = {}

    def enter(self, transport: asyncio.Transport) -> None:
        """A connection was made; it is aborted when all others are busy."""
        if len(self._busy) + len(self._idle) >= self._most:
            if not self._idle:
                transport.abort()
                return
            oldest = next(iter(self._idle))
            del self._idle[oldest]
            # What it has been sent and has not read goes as well.
            oldest.abort()
        self._idle[transport] = None

    def ask(self, transport: asyncio.Transport) -> None:
        """A request has come."""
        if transport in self._idle:
            del self._idle[transport]
            self._busy.add(transport)

    def rest(self, transport: asyncio.Transport) -> None:
        """It has been answered."""
        if transport in self._busy:
            self._busy.remove(transport)
            self._idle[transport] = None

    def leave(self, transport: asyncio.Transport) -> None:
        """The connection is gone."""
        self._busy.discard(transport)
        self._idle.pop(transport, None)


def roomed(timeout_s: float, room: Room) -> type[H11Protocol]:
    """A protocol that waits so long for a request's head, and whose connections one room holds."""

    class RoomedProtocol(TimedProtocol):
        head_timeout_s = timeout_s

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            room.enter(transport)

        def connection_lost(self, exc: Exception | None) -> None:
            room.leave(self.transport)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if not self.is_between_requests():
                room.ask(self.transport)

        def on_response_complete(self) -> None:
            # It may begin with a request that has come meanwhile.
            super().on_response_complete()
            if self.is_between_requests():
                room.rest(self.transport)

    return RoomedProtocol
