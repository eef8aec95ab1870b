"""One way for every call of an API: its response, its line in the log, its metrics.

What a caller sends is logged nowhere: it may hold a secret or a preimage.
"""

import logging
import math
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Concatenate, ParamSpec

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from khala_pg import strict_json
from khala_pg.auth.issuer import IssuerError
from khala_pg.errors import (
    BadValueError,
    InTheWayError,
    KhalaError,
    RefusedError,
    UnavailableError,
    from_psycopg,
)
from khala_pg.http.bodies import BodyError, read_body
from khala_pg.http.errors import NO_STORE
from khala_pg.sqlapi.calls import Connection

Arguments = ParamSpec("Arguments")
Connect = Callable[[], AbstractAsyncContextManager[Connection]]
"""Lends a connection in autocommit mode."""
Note = Callable[[str, str, float], None]
"""Takes function, code and duration in seconds of a call."""

MAX_BODY_BYTES = 256 * 1024
UNKNOWN = "unknown"
"""The function of a call that was refused before it was known that there is one."""

_REFUSALS = {
    "KH001": (HTTPStatus.NOT_FOUND, "not_found"),
    "KH004": (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large"),
    "KH005": (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_arguments"),
    "KH007": (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_arguments"),
    "KH020": (HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_arguments"),
    "KH021": (HTTPStatus.CONFLICT, "conflict"),
    "KH022": (HTTPStatus.NOT_FOUND, "unsupported_function"),
    "KH023": (HTTPStatus.NOT_FOUND, "not_found"),
    "KH024": (HTTPStatus.FORBIDDEN, "forbidden_organisation"),
    "KH025": (HTTPStatus.FORBIDDEN, "forbidden_organisation"),
}
_OF_FUNCTIONS = {code for _, code in _REFUSALS.values()} - {"unsupported_function"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")
# JSON that is nested more deeply than the server's stack allows.
_TOO_COMPLEX = "54"


class CallError(Exception):
    """Refusal of a call: status, code and message of the response, and further fields."""

    def __init__(self, status: HTTPStatus, code: str, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details
        self.function = UNKNOWN


@dataclass(frozen=True, slots=True)
class Done:
    """Result of a call: the function that was called, and the JSON text that it returned."""

    function: str
    content: str


@dataclass
class Calls:
    """Calls of one API of a server.

    name: of the logger. note: called for each; retry_after_s: said when the database is away.
    """

    name: str
    _connect: Connect
    _note: Note
    _retry_after_s: float

    def __post_init__(self) -> None:
        self._logger = logging.getLogger(self.name)

    async def answer(self, request: Request, work: Callable[[], Awaitable[Done]]) -> Response:
        """The response to a request, whose work raises CallError and IssuerError."""
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4())
        started = time.perf_counter()
        function, code, status = UNKNOWN, "internal", HTTPStatus.INTERNAL_SERVER_ERROR
        try:
            try:
                done = await work()
            except IssuerError as error:
                raise CallError(error.status, error.code, str(error), **error.details) from None
            except BodyError as error:
                raise CallError(error.status, error.code, str(error)) from None
            except UnavailableError as error:
                raise self._unavailable(str(error)) from None
            function, code, status = done.function, "ok", HTTPStatus.OK
            response = Response(done.content, media_type="application/json", headers=NO_STORE)
        except CallError as error:
            function, code, status = error.function, error.code, error.status
            response = _refuse(error)
        finally:
            duration_s = time.perf_counter() - started
            self._note(function, code, duration_s)
            fields = {
                "function": function,
                "code": code,
                "status": int(status),
                "request_id": request_id,
                "ms": round(duration_s * 1000, 1),
            }
            words = " ".join(f"{name}={value}" for name, value in fields.items())
            self._logger.info("a call was answered: %s", words, extra={"fields": fields})
        response.headers["X-Request-Id"] = request_id
        return response

    async def run(
        self,
        function: str,
        call: Callable[Concatenate[Connection, Arguments], Awaitable[str]],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Done:
        """Makes one call of sqlapi. Raises CallError."""
        try:
            async with self._connect() as connection:
                return Done(function, await call(connection, *args, **kwargs))
        except PoolTimeout:
            raise self._unavailable("the database cannot be reached: try again") from None
        except psycopg.Error as error:
            refusal = self._refusal(error)
            if refusal.code in _OF_FUNCTIONS:
                refusal.function = function
            raise refusal from None

    def _refusal(self, error: psycopg.Error) -> CallError:
        match known := from_psycopg(error):
            case RefusedError() if known.sqlstate in _REFUSALS:
                status, code = _REFUSALS[known.sqlstate]
                return CallError(status, code, str(known), hint=known.hint)
            case BadValueError():
                return invalid("args", "Use values that PostgreSQL can store as JSON.")
            case InTheWayError():
                return self._unavailable("another call was in the way: try again")
            case UnavailableError():
                # What the driver says may name hosts and users.
                return self._unavailable("the database cannot be reached: try again")
            case KhalaError():
                self._logger.error(
                    "the functions of this API cannot be called: %s %s", known, known.hint
                )
                return self._unavailable(
                    "this server may not call the functions of this API: see its log"
                )
        if (error.sqlstate or "").startswith(_TOO_COMPLEX):
            return invalid("args", "Nest less deeply.")
        # Its words may quote what was sent.
        self._logger.error("a call failed with SQLSTATE %s", error.sqlstate)
        message = "a fault of this server; its log names the SQLSTATE"
        return CallError(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", message)

    def _unavailable(self, message: str) -> CallError:
        retry_after_ms = round(self._retry_after_s * 1000)
        return CallError(
            HTTPStatus.SERVICE_UNAVAILABLE, "internal", message, retry_after_ms=retry_after_ms
        )


def invalid(field: str, hint: str, reason: str = "invalid") -> CallError:
    """The refusal of a field, in the words of the SQL functions."""
    status = HTTPStatus.UNPROCESSABLE_ENTITY
    return CallError(status, "invalid_arguments", f"{reason}_{field}", hint=hint)


async def read_object(request: Request, *, may_be_empty: bool = False) -> dict[str, Any]:
    """The JSON object that is the request's body. Raises BodyError and CallError."""
    content = await read_body(request, MAX_BODY_BYTES)
    if may_be_empty and not content:
        return {}
    try:
        document = strict_json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise invalid("body", "Send a JSON object: each key once, and numbers within a double.")
    return document


def json_text(field: str, value: Any) -> str:
    """A value as PostgreSQL reads it. Raises CallError for NUL characters, which it has not.

    PostgreSQL would quote what stands before one in its log.
    """
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str() as text if "\x00" in text:
                raise invalid(field, "Leave out NUL characters.")
            case dict() as members:
                waiting += [*members, *members.values()]
            case list() as items:
                waiting += items
    try:
        return strict_json.dumps(value)
    except RecursionError:
        raise invalid(field, "Nest less deeply.") from None


def page_size(request: Request, default: int) -> int:
    """The query's `limit`. Raises CallError; the function that is called knows the range."""
    size = request.query_params.get("limit")
    return default if size is None else whole("limit", size)


def whole(field: str, text: str) -> int:
    """A whole number in a query. Raises CallError."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 9):
        raise invalid(field, "Use a whole number, such as 100.")
    return int(text)


def _refuse(error: CallError) -> JSONResponse:
    headers = dict(NO_STORE)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_ms" in error.details:
        headers["Retry-After"] = str(max(1, math.ceil(error.details["retry_after_ms"] / 1000)))
    details: Mapping[str, Any] = {name: value for name, value in error.details.items() if value}
    body = {"error": {"code": error.code, "message": str(error), **details}}
    return JSONResponse(body, error.status, headers)
