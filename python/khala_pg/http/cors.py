"""CORS for the origins that khala_pg.http.edge lets through: the same that may open sockets."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from khala_pg.http import errors
from khala_pg.http.edge import OTHER_ORIGIN, Origins


class Cors:
    """Middleware that has Starlette's respond to the origins that may come."""

    def __init__(self, app: ASGIApp, origins: Origins) -> None:
        self._app = app
        self._origins = origins
        self._let_through = CORSMiddleware(
            app,
            # Whatever comes so far.
            allow_origin_regex=".*",
            # What a path does not take is refused there, with the methods that it takes.
            allow_methods=["*"],
            allow_headers=["Authorization", "If-None-Match", "Idempotency-Key", "X-Request-Id"],
            expose_headers=["ETag", "Retry-After", "X-Request-Id"],
            max_age=600,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        if self._origins.allows(headers.get("Origin"), headers.get("Host")):
            await self._let_through(scope, receive, send)
        elif scope["method"] == "OPTIONS" and "Access-Control-Request-Method" in headers:
            response = errors.answer("forbidden_origin", OTHER_ORIGIN)
            await response(scope, receive, send)
        else:
            await self._app(scope, receive, _varying(send))


def _varying(send: Send) -> Send:
    """Says that the response to another origin is another one."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).add_vary_header("Origin")
        await send(message)

    return sending
