"""An HTTP connection that says its request in time, or is cut off."""

import asyncio
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol


def guarded(head_timeout_s: float) -> type[H11Protocol]:
    """A protocol for uvicorn that waits that long for a request's head, in seconds.

    uvicorn counts idle time from the last byte: one byte now and then would hold a connection for
    ever.
    """

    class GuardedProtocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._cancel()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._deadline is None and self._is_between_requests():
                self._expect_head()
            super().data_received(data)
            if not self._is_between_requests():
                self._cancel()

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
