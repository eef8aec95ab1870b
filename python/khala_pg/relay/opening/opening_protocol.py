"""Protocol of a socket whose opening request is bounded as a whole, and refused in JSON."""

import re
from collections.abc import Generator
from http import HTTPStatus

from websockets.exceptions import SecurityError
from websockets.http11 import MAX_NUM_HEADERS as MAX_HEADERS
from websockets.http11 import Request, Response
from websockets.protocol import Protocol, State
from websockets.server import ServerProtocol
from websockets.streams import StreamReader

from khala_pg.relay.opening import handshake, responses
from khala_pg.relay.opening.handshake import HandshakeError

_REQUEST_LINE = re.compile(rb"([A-Z]+) \S+ HTTP/1\.[01]\r\n")


class OpeningProtocol(ServerProtocol):
    """A protocol that makes JSON of what websockets would refuse in plain text.

    websockets bounds each line of a request (8 KiB, less than a token may have), not their sum.
    """

    refusal: HandshakeError | None
    """The refusal of a request that could not be read."""

    reader: "_HeadReader"
    _max_head_bytes: int

    @classmethod
    def take_over(cls, protocol: ServerProtocol, max_head_bytes: int) -> None:
        """Makes this class of a protocol that has read nothing yet.

        websockets makes the protocol of a connection itself, and starts to read at once.
        """
        protocol.__class__ = cls
        assert isinstance(protocol, cls)
        protocol.refusal = None
        protocol._max_head_bytes = max_head_bytes
        protocol.reader = _HeadReader(max_head_bytes)
        protocol.parser = protocol.parse()
        next(protocol.parser)

    def reject(self, status: HTTPStatus | int, text: str) -> Response:
        """The response to a request that websockets does not accept."""
        code = "internal" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "bad_handshake"
        return responses.refuse(HandshakeError(HTTPStatus(status), code, text.strip()))

    def parse(self) -> Generator[None]:
        if self.state is State.CONNECTING:
            try:
                request = yield from Request.parse(self.reader.read_line)
            except EOFError as error:
                self.handshake_exc = error
                self.send_eof()
                self.parser = self.discard()
                next(self.parser)
                yield
            except Exception as error:
                self.handshake_exc = error
                self.refusal = self._unreadable(error)
                self.send_response(responses.refuse(self.refusal))
                yield
            else:
                self.events.append(request)
        yield from Protocol.parse(self)

    def _unreadable(self, error: Exception) -> HandshakeError:
        if isinstance(error, SecurityError):
            return HandshakeError(
                HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
                "payload_too_large",
                f"the request's line and headers have more than {self._max_head_bytes} bytes, or "
                f"more than {MAX_HEADERS} headers: send less, such as a shorter token",
            )
        method = _REQUEST_LINE.fullmatch(self.reader.first_line)
        if method is not None and method[1] != b"GET":
            return handshake.method_not_allowed(("GET",))
        return HandshakeError(
            HTTPStatus.BAD_REQUEST, "bad_handshake", "this is no HTTP request without a body"
        )


class _HeadReader(StreamReader):
    """Reader that bounds all lines together. Frames are not read by lines."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._left = max_bytes
        self.first_line = b""

    def read_line(
        self, m: int, too_long_exc_type: type[Exception] = RuntimeError
    ) -> Generator[None, None, bytearray]:
        line = yield from super().read_line(self._left, too_long_exc_type)
        self._left -= len(line)
        self.first_line = self.first_line or bytes(line)
        return line
