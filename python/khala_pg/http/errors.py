"""Errors as HTTP responses: `{"code", "message", …}`, the same codes as on the socket."""

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse

from khala_pg.errors import KhalaError, RefusedError, StaleCursorError, UnavailableError

NO_STORE = {"Cache-Control": "no-store"}

_STATUS = {
    "stale_cursor": HTTPStatus.CONFLICT,
    "payload_too_large": HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "unauthorized": HTTPStatus.UNAUTHORIZED,
    "forbidden_topic": HTTPStatus.FORBIDDEN,
    "bad_subscription": HTTPStatus.BAD_REQUEST,
    "forbidden_origin": HTTPStatus.FORBIDDEN,
    "insecure_transport": HTTPStatus.FORBIDDEN,
    "not_found": HTTPStatus.NOT_FOUND,
    "method_not_allowed": HTTPStatus.METHOD_NOT_ALLOWED,
    "rate_limited": HTTPStatus.TOO_MANY_REQUESTS,
    "bad_handshake": HTTPStatus.BAD_REQUEST,
    "internal": HTTPStatus.INTERNAL_SERVER_ERROR,
}


def answer(code: str, message: str, details: Mapping[str, Any] | None = None) -> JSONResponse:
    headers = dict(NO_STORE)
    if code == "unauthorized":
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'
    body = {"code": code, "message": message, **(details or {})}
    return JSONResponse(body, _STATUS[code], headers)


def head_too_large(max_bytes: int) -> JSONResponse:
    """431: the request's line and headers are too large."""
    message = f"the request's line and headers have more than {max_bytes} bytes: send less"
    body = {"code": "payload_too_large", "message": message}
    return JSONResponse(body, HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, NO_STORE)


def unavailable(message: str, retry_after_s: float, code: str = "internal") -> JSONResponse:
    """503: come back."""
    headers = {**NO_STORE, "Retry-After": str(max(1, math.ceil(retry_after_s)))}
    body = {
        "code": code,
        "message": message,
        "retry_after_ms": round(retry_after_s * 1000),
    }
    return JSONResponse(body, HTTPStatus.SERVICE_UNAVAILABLE, headers)


def from_khala(error: KhalaError, retry_after_s: float) -> JSONResponse:
    """The response for an error of a database call."""
    match error:
        case UnavailableError():
            # What the driver says may name hosts and users, which are nobody's business here.
            return unavailable("the database cannot be reached: try again", retry_after_s)
        case StaleCursorError():
            details = {"full_resync_required": True, "stale_topics": error.stale_topics}
            return answer("stale_cursor", str(error), details)
        case RefusedError():
            if error.wire_code == "forbidden_topic":
                details = {"forbidden_topics": error.forbidden_topics}
                return answer("forbidden_topic", str(error), details)
            return answer(error.wire_code, str(error))
    return answer("internal", "the database of this relay is not set up: see `khala doctor`")
