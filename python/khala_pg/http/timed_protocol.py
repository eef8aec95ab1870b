"""An HTTP connection that is counted, and that says its request in time or is cut off."""

import asyncio
from typing import Any, Protocol

from uvicorn.protocols.http.h11_impl import H11Protocol


class Counter(Protocol):
    """Counts connections by the address that they come from."""

    def enter(self, peer: str) -> bool:
        """Whether a connection that was made may stay."""

    def leave(self, peer: str) -> None:
        """It is gone."""


class TimedProtocol(H11Protocol):
    """A protocol for uvicorn that waits `head_timeout_s` seconds for a request's head.

    uvicorn counts idle time from the last byte: one byte now and then would hold a connection for
    ever. It does not bound how many connections say nothing either: whoever derives from this does.
    """

    head_timeout_s: float
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None and self.is_between_requests():
            self._expect_head()
        super().data_received(data)
        if not self.is_between_requests():
            self._cancel()

    def is_between_requests(self) -> bool:
        """Whether no request is being answered."""
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._deadline = self.loop.call_later(self.head_timeout_s, self._cut)

    def _cut(self) -> None:
        self._deadline = None
        if self.is_between_requests():
            self.transport.abort()

    def _cancel(self, *_: Any) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def counted(timeout_s: float, connections: Counter) -> type[H11Protocol]:
    """A protocol that waits so long for a request's head, and that one counter counts."""

    class CountedProtocol(TimedProtocol):
        head_timeout_s = timeout_s
        _peer = ""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            name = transport.get_extra_info("peername")
            self._peer = str(name[0]) if name else ""
            if not connections.enter(self._peer):
                transport.abort()

        def connection_lost(self, exc: Exception | None) -> None:
            connections.leave(self._peer)
            super().connection_lost(exc)

    return CountedProtocol
