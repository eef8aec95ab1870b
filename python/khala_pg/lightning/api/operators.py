"""`POST /api/internal/lightning-ops/control-plane/{query,mutation}`: the operators' API."""

import hmac
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.http.bodies import BodyError
from khala_pg.http.calls import (
    CallError,
    Calls,
    Done,
    invalid,
    json_text,
    read_object,
)
from khala_pg.http.credentials import require_pace
from khala_pg.http.rates import Buckets
from khala_pg.lightning.environment import SECRET
from khala_pg.sqlapi import lightning as sqlapi

MAX_NAME = 180


@dataclass
class Operators:
    """Operators' endpoints. secret: None refuses every call; pace: calls of the operators."""

    _calls: Calls
    _secret: str | None
    _pace: Buckets

    async def query(self, request: Request) -> Response:
        return await self._calls.answer(request, lambda: self._call(request, is_mutation=False))

    async def mutation(self, request: Request) -> Response:
        return await self._calls.answer(request, lambda: self._call(request, is_mutation=True))

    async def _call(self, request: Request, *, is_mutation: bool) -> Done:
        body = await self._authenticated(request)
        require_pace(self._pace.take("operators", time.monotonic()))
        function = body.get("functionName")
        if function is None or (isinstance(function, str) and not function.strip()):
            raise invalid("functionName", "Name the function.", "missing")
        if not isinstance(function, str) or len(function.strip()) > MAX_NAME:
            raise invalid("functionName", f"Pass a string of at most {MAX_NAME} characters.")
        function, args = function.strip(), body.get("args")
        if args is None:
            args = {}
        if isinstance(args, dict):
            args = {name: value for name, value in args.items() if name != "secret"}
        json_text("functionName", function)
        text = json_text("args", args)
        return await self._calls.run(function, sqlapi.call, function, text, is_mutation)

    async def _authenticated(self, request: Request) -> dict[str, Any]:
        """The body of a request that knows the secret; otherwise nothing of it is looked at."""
        if self._secret is None:
            raise CallError(
                HTTPStatus.INTERNAL_SERVER_ERROR,
                "ops_secret_unconfigured",
                f"this server has no {SECRET} in its environment: set it and start it again",
            )
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        is_known = scheme.lower() == "bearer" and self._is_secret(bearer.strip())
        try:
            body = await read_object(request)
        except (BodyError, CallError):
            if is_known:
                raise
            raise _unknown() from None
        args = body.get("args")
        given = args.get("secret") if isinstance(args, dict) else None
        if not (is_known or self._is_secret(given)):
            raise _unknown()
        return body

    def _is_secret(self, given: object) -> bool:
        if self._secret is None or not isinstance(given, str):
            return False
        return hmac.compare_digest(given.strip().encode(), self._secret.encode())


def _unknown() -> CallError:
    message = "send the operators' secret as args.secret, or as Authorization: Bearer <secret>"
    return CallError(HTTPStatus.UNAUTHORIZED, "invalid_ops_secret", message)
