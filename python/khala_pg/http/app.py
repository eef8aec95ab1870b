"""Snapshots, documents and flags for the holder of a token (`GET /api/sync/…`), and health.

Names may stand in the query instead: as a path, `..` and the like do not survive URL parsers and
proxies, percent-encoded or not.
"""

from collections.abc import Awaitable, Callable, Sequence

from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from khala_pg.auth.claims import Claims
from khala_pg.http import errors
from khala_pg.http.bounded import Refused, bounded
from khala_pg.http.calls import Connect
from khala_pg.http.cors import Cors
from khala_pg.http.edge import Origins, Proxies
from khala_pg.http.operations import routes_of
from khala_pg.http.paths import OwnPath, handlers
from khala_pg.http.secured import secured
from khala_pg.http.sync import openapi
from khala_pg.http.sync.documents import Documents
from khala_pg.http.sync.operations import (
    DOCUMENT,
    FLAGS,
    LEGACY_TOKEN,
    SINGLE_DOCUMENTS,
    SNAPSHOTS,
    TOKENS,
)
from khala_pg.http.tokens import TokenEndpoint
from khala_pg.http.web import page_routes
from khala_pg.relay.settings import RelaySettings

_HEALTH, _READY = "/healthz", "/readyz"

Ready = Callable[[], Awaitable[str | None]]
"""None when the relay can serve; otherwise why not."""


class _AnyText(StringConvertor):
    # Starlette's `path` stops at a line feed, which a document key may hold.
    regex = r"(?s:.+)"


register_url_convertor("anytext", _AnyText())


def create_app(
    connect: Connect,
    verify: Callable[[str], Awaitable[Claims]],
    ready: Ready,
    settings: RelaySettings,
    tokens: TokenEndpoint | None = None,
    refused: Refused = lambda address, status, code: None,
    others: Sequence[BaseRoute] = (),
) -> Starlette:
    """The ASGI application.

    verify: checks a token, raises TokenError, and UnavailableError as long as it cannot know.
    tokens: issues tokens; None when they come from elsewhere.
    refused: called for each request over a bound.
    others: routes of further APIs.
    """
    documents = Documents(connect, verify, settings)
    page = [] if settings.web_dir is None else page_routes(settings.web_dir)

    return application(
        [
            OwnPath(DOCUMENT, _openapi),
            *_reading_routes(documents),
            *([] if tokens is None else _token_routes(tokens)),
            *others,
        ],
        page,
        ready,
        settings,
        refused,
        "there is nothing here: GET /api/sync/snapshot?topic=… "
        "or /api/sync/documents?topic=…&doc_key=… or /api/sync/flags, POST /api/sync/token",
    )


def application(
    routes: Sequence[BaseRoute],
    page: Sequence[BaseRoute],
    ready: Ready,
    settings: RelaySettings,
    refused: Refused,
    nothing_here: str,
) -> Starlette:
    """An application with health and the bounds of every port.

    page: routes that come last. nothing_here: the message for an unknown path.
    """

    async def readyz(request: Request) -> Response:
        reason = await ready()
        if reason is None:
            return PlainTextResponse("ready\n", headers=errors.NO_STORE)
        return errors.unavailable(reason, settings.retry_after_s)

    secure = (
        [Middleware(secured, Proxies(settings.trusted_proxies), (_HEALTH, _READY))]
        if settings.require_tls
        else []
    )
    return Starlette(
        routes=[
            *routes,
            OwnPath(_HEALTH, _healthz),
            OwnPath(_READY, readyz),
            *page,
        ],
        middleware=[
            Middleware(Cors, origins=Origins(settings.origins, settings.host)),
            *secure,
            # Inside, or a page of an allowed origin could not read why it is refused.
            Middleware(
                bounded,
                max_head_bytes=settings.max_head_bytes,
                max_requests=settings.max_connections,
                retry_after_s=settings.retry_after_s,
                refused=refused,
            ),
        ],
        exception_handlers=handlers(nothing_here),
    )


def _reading_routes(documents: Documents) -> list[OwnPath]:
    async def snapshot(request: Request, name: str) -> Response:
        return await documents.snapshot(request)

    async def document(request: Request, name: str) -> Response:
        return await documents.document(request)

    async def flags(request: Request, name: str) -> Response:
        return await documents.flags(request)

    return [
        *routes_of(SNAPSHOTS, snapshot, {"topic": "anytext"}),
        *routes_of(SINGLE_DOCUMENTS, document, {"doc_key": "anytext"}),
        *routes_of([FLAGS], flags),
    ]


def _token_routes(tokens: TokenEndpoint) -> list[OwnPath]:
    async def answer(request: Request, name: str) -> Response:
        if request.url.path == LEGACY_TOKEN:
            return await tokens.answer_legacy(request)
        return await tokens.answer(request)

    return routes_of(TOKENS, answer)


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi.document())


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n", headers=errors.NO_STORE)
