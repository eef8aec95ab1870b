"""Routing of an application: each path is one route's, and other requests are refused in JSON."""

from collections.abc import Mapping
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from khala_pg.http import errors


class OwnPath(Route):
    """A route that no later one shares its path with: another method is refused here."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        match, child = super().matches(scope)
        return Match.FULL if match is Match.PARTIAL else match, child


def handlers(nothing_here: str) -> Mapping[Any, Any]:
    """The exception handlers of an application. nothing_here: the message for an unknown path."""

    async def not_found(request: Request, error: Exception) -> Response:
        return errors.answer("not_found", nothing_here)

    return {404: not_found, 405: _not_allowed, 500: _fault}


async def _not_allowed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    # Files have no Allow of their own.
    methods = (error.headers or {}).get("Allow", "GET, HEAD").split(", ")
    allow = ", ".join([*sorted(methods), "OPTIONS"])
    if request.method == "OPTIONS":
        return Response(status_code=204, headers={"Allow": allow})
    response = errors.answer("method_not_allowed", f"this path takes the methods {allow}")
    response.headers["Allow"] = allow
    return response


async def _fault(request: Request, error: Exception) -> Response:
    # Starlette raises it again after the response, so that the server logs it.
    return errors.answer("internal", "a fault of this relay; it is in its log")
