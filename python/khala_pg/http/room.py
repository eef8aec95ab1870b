"""How many connections a port holds that is for a few programs of one's own."""

import asyncio


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
