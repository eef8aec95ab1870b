"""An HTTP connection that is counted, and cut off when it does not send its request in time."""

import asyncio
from http import HTTPStatus
from typing import Protocol

import h11
from starlette.responses import Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from khala_pg.http import errors
from khala_pg.http.bounded import Refused


class Counter(Protocol):
    """Counts connections by the address that they come from."""

    def enter(self, peer: str) -> bool:
        """Whether a connection that was made may stay."""

    def leave(self, peer: str) -> None:
        """Ends a connection, whether it was let in or not."""


class CountedProtocol(H11Protocol):
    """A protocol for uvicorn with a time limit for the head of a request.

    uvicorn counts idle time from the last byte, so that one byte now and then would hold a
    connection for ever; and it does not bound how many connections send nothing.
    """

    head_timeout_s: float
    counter: Counter
    refused: Refused
    _peer = ""
    _deadline: asyncio.TimerHandle | None = None

    def send_400_response(self, msg: str) -> None:
        """Refuses what h11 could not read as a request, or would not for its size."""
        max_bytes = self.config.h11_max_incomplete_event_size
        if max_bytes is not None and len(self.conn.trailing_data[0]) > max_bytes:
            response: Response = errors.head_too_large(max_bytes)
            code = "payload_too_large"
        else:
            code = "bad_handshake"
            response = errors.answer(code, "this is no HTTP request")
        status = HTTPStatus(response.status_code)
        self.refused(self._peer, status, code)
        # The body of a request may be unreadable after the response has begun, or ended.
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            head = h11.Response(
                status_code=status,
                reason=status.phrase.encode(),
                headers=[*response.raw_headers, (b"connection", b"close")],
            )
            for event in (head, h11.Data(data=bytes(response.body)), h11.EndOfMessage()):
                self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._expect_head()
        name = transport.get_extra_info("peername")
        self._peer = str(name[0]) if name else ""
        if not self.counter.enter(self._peer):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._cancel()
        self.counter.leave(self._peer)
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
        self._deadline = self.loop.call_later(self.head_timeout_s, self._cut)

    def _cut(self) -> None:
        self._deadline = None
        if self._is_between_requests():
            self.transport.abort()

    def _cancel(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def counted(timeout_s: float, counter: Counter, refused: Refused) -> type[H11Protocol]:
    """The protocol of one port; uvicorn wants a class."""
    shared = {
        "head_timeout_s": timeout_s,
        "counter": counter,
        # Not a method, which it would become.
        "refused": staticmethod(refused),
    }
    return type("CountedProtocol", (CountedProtocol,), shared)
