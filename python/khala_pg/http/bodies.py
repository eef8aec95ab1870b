"""Bodies of requests: of bounded size, and there in time."""

import asyncio
from http import HTTPStatus

from starlette.requests import ClientDisconnect, Request

TIMEOUT_S = 5.0


class BodyError(Exception):
    """A body that is too large or too late, with the status and the code of the response."""

    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


async def read_body(request: Request, max_bytes: int) -> bytes:
    """The body of a request. Raises BodyError."""
    content = bytearray()
    try:
        async with asyncio.timeout(TIMEOUT_S):
            async for piece in request.stream():
                content += piece
                if len(content) > max_bytes:
                    raise BodyError(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        "payload_too_large",
                        f"the body of this request has at most {max_bytes} bytes",
                    )
    except (TimeoutError, ClientDisconnect):
        raise BodyError(
            HTTPStatus.REQUEST_TIMEOUT, "invalid_request", "the body did not come in time"
        ) from None
    return bytes(content)
