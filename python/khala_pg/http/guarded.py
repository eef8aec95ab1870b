"""An HTTP connection that is counted, and that says its request in time or is cut off."""

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol

from khala_pg.http.room import Room


class Counter(Protocol):
    """Counts connections by the address that they come from."""

    def enter(self, peer: str) -> bool:
        """Whether a connection that was made may stay."""

    def leave(self, peer: str) -> None:
        """It is gone."""


def guarded(head_timeout_s: float, connections: Counter | Room) -> type[H11Protocol]:
    """A protocol for uvicorn that waits that long for a request's head, in seconds.

    uvicorn counts idle time from the last byte: one byte now and then would hold a connection for
    ever. It does not bound how many connections say nothing either.
    """
    room = connections if isinstance(connections, Room) else None
    counter = None if isinstance(connections, Room) else connections

    class GuardedProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None
        _peer = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_head()
            name = transport.get_extra_info("peername")
            self._peer = str(name[0]) if name else ""
            if room is not None:
                room.enter(transport)
            if counter is not None and not counter.enter(self._peer):
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            if room is not None:
                room.leave(self.transport)
            if counter is not None:
                counter.leave(self._peer)
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and self._is_between_requests():
                self._expect_head()
            super().data_received(data)
            if not self._is_between_requests():
                self._cancel()
                if room is not None:
                    room.ask(self.transport)

        def on_response_complete(self) -> None:
            # It may begin with a request that has come meanwhile.
            super().on_response_complete()
            if room is not None and self._is_between_requests():
                room.rest(self.transport)

        def _is_between_requests(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _expect_head(self) -> None:
            self._deadline = self.loop.call_later(head_timeout_s, self._cut)

        def _cut(self) -> None:
            self._deadline = None
            if self._is_between_requests():
                self.transport.abort()

        def _cancel(self, *_: Any) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

    return GuardedProtocol
