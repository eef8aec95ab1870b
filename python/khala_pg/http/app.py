"""Snapshots, documents and flags for the holder of a token (`GET /api/sync/…`), and health.

Names may stand in the query instead: as a path, `..` and the like do not survive URL parsers and
proxies, percent-encoded or not.

The bodies come finished from the database and are not parsed here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from starlette.applications import Starlette
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute

from khala_pg import strict_json
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.errors import BadValueError, UnavailableError, from_psycopg
from khala_pg.http import errors
from khala_pg.http.bounded import Refused, bounded
from khala_pg.http.cors import Cors
from khala_pg.http.edge import Origins
from khala_pg.http.operations import routes_of
from khala_pg.http.paths import OwnPath, handlers
from khala_pg.http.snapshots import Body, SharedSnapshots, Wanted
from khala_pg.http.sync import openapi
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
from khala_pg.sqlapi import relay as sqlapi
from khala_pg.sqlapi import relay_connection
from khala_pg.sqlapi.calls import Connection

Connect = Callable[[], AbstractAsyncContextManager[Connection]]
"""Lends a connection in autocommit mode: a pool's `connection` method."""

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
    documents = _Documents(connect, verify, settings)
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

    return Starlette(
        routes=[
            *routes,
            OwnPath("/healthz", _healthz),
            OwnPath("/readyz", readyz),
            *page,
        ],
        middleware=[
            Middleware(Cors, origins=Origins(settings.origins, settings.host)),
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


@dataclass
class _Documents:
    _connect: Connect
    _verify: Callable[[str], Awaitable[Claims]]
    _settings: RelaySettings

    def __post_init__(self) -> None:
        self._snapshots = SharedSnapshots(
            self._read_snapshot,
            self._read_epoch,
            self._settings.max_shared_page_age_s,
            self._settings.max_shared_page_bytes,
        )

    async def snapshot(self, request: Request) -> Response:
        after = request.query_params.get("after_doc_key")
        try:
            topic = _name(request, "topic")
            watermark = _whole(request, "watermark", least=0)
            limit = _whole(request, "limit", least=1) or self._settings.max_snapshot_documents
            narrowed = _filter(request)
            newest = _is_newest(request)
        except ValueError as error:
            return errors.answer("bad_subscription", str(error))
        limit = min(limit, self._settings.max_snapshot_documents)

        async def ask(claims: Claims) -> Body:
            return await self._snapshots.get(
                Wanted(
                    topic,
                    claims.org_id,
                    tuple(claims.scopes),
                    after,
                    limit,
                    watermark,
                    None if narrowed is None else strict_json.dumps(narrowed),
                    newest,
                )
            )

        names = [topic, after or "", *request.query_params.getlist("key")]
        return await self._answer(request, [*names, request.query_params.get("prefix", "")], ask)

    async def document(self, request: Request) -> Response:
        try:
            topic, doc_key = _name(request, "topic"), _name(request, "doc_key")
        except ValueError as error:
            return errors.answer("bad_subscription", str(error))

        async def ask(claims: Claims) -> Body | None:
            async with self._allowed(topic, claims.scopes) as (connection, epoch, subset):
                found = await sqlapi.hydrate(connection, topic, doc_key, claims.org_id, subset)
            return None if found is None else Body(found, epoch)

        return await self._answer(request, (topic, doc_key), ask)

    async def flags(self, request: Request) -> Response:
        async def ask(claims: Claims) -> Body:
            async with self._connect() as connection:
                return Body(await sqlapi.flags_of(connection, claims.subject))

        return await self._answer(request, (), ask)

    async def _read_snapshot(self, wanted: Wanted) -> Body:
        narrowed = None if wanted.filter is None else strict_json.loads(wanted.filter)
        allowed = self._allowed(wanted.topic, wanted.scopes, narrowed)
        async with allowed as (connection, epoch, subset):
            page = await sqlapi.snapshot(
                connection,
                wanted.topic,
                wanted.org_id,
                wanted.after_doc_key,
                wanted.limit,
                wanted.watermark,
                self._settings.max_snapshot_bytes,
                subset,
                wanted.newest,
            )
        return Body(page, epoch)

    async def _read_epoch(self) -> str:
        async with self._connect() as connection:
            epoch, _ = await relay_connection.terms(connection)
        return epoch

    @asynccontextmanager
    async def _allowed(
        self, topic: str, scopes: Sequence[str], narrowed: dict[str, Any] | None = None
    ) -> AsyncIterator[tuple[Connection, str, str | None]]:
        """A connection, the epoch in force, and the subset of the topic's keys that scopes and
        filter leave."""
        async with self._connect() as connection:
            # Scopes are judged where the subscribe request's are, and refused alike; and an
            # epoch begins, if the database was restored, before the response needs one.
            filters = None if narrowed is None else {topic: narrowed}
            epoch, [cursor] = await sqlapi.judge(connection, [topic], None, None, scopes, filters)
            yield connection, epoch, cursor.subset

    async def _answer(
        self,
        request: Request,
        names: Sequence[str],
        ask: Callable[[Claims], Awaitable[Body | None]],
    ) -> Response:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            return errors.answer("unauthorized", "no token: send Authorization: Bearer <token>")
        try:
            claims = await self._verify(token.strip())
        except TokenError as error:
            return errors.answer("unauthorized", str(error))
        except UnavailableError as error:
            return errors.unavailable(str(error), self._settings.retry_after_s)
        if any("\x00" in name for name in names):
            return errors.answer("bad_subscription", "names have no NUL character")
        try:
            body = await ask(claims)
        except psycopg.Error as error:
            ours = from_psycopg(error)
            if ours is None or isinstance(ours, BadValueError):
                raise
            return errors.from_khala(ours, self._settings.retry_after_s)
        if body is None:
            return errors.answer("not_found", "there is no such document that you may see")
        return _json(request, body)


def _reading_routes(documents: _Documents) -> list[OwnPath]:
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


def _json(request: Request, body: Body) -> Response:
    headers = {**errors.NO_STORE, "ETag": body.etag, "Vary": "Authorization"}
    asked = {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
    if body.etag in asked:
        return Response(status_code=304, headers=headers)
    return Response(body.content, media_type="application/json", headers=headers)


def _name(request: Request, name: str) -> str:
    """A name in the path or among the query parameters. Raises ValueError."""
    found: str | None = request.path_params.get(name, request.query_params.get(name))
    if found is None:
        raise ValueError(f"{name} is missing: add ?{name}=…, percent-encoded")
    return found


def _filter(request: Request) -> dict[str, Any] | None:
    """What narrows a snapshot, as in a subscribe request. Raises ValueError."""
    keys, prefix = request.query_params.getlist("key"), request.query_params.get("prefix")
    if keys and prefix is not None:
        raise ValueError("key and prefix exclude each other: send one of them")
    if keys:
        return {"keys": keys}
    return None if prefix is None else {"prefix": prefix}


def _is_newest(request: Request) -> bool:
    """Whether the documents that changed last are wanted. Raises ValueError."""
    order = request.query_params.get("order", "key")
    if order not in ("key", "newest"):
        raise ValueError("order is key, the default, or newest")
    return order == "newest"


def _whole(request: Request, name: str, *, least: int) -> int | None:
    """A whole number among the query parameters; None if it is not there. Raises ValueError."""
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19):
        raise ValueError(f"{name} is a whole number from {least}")
    if not least <= int(text) < 2**63:
        raise ValueError(f"{name} is from {least} to {2**63 - 1}")
    return int(text)


async def _healthz(request: Request) -> Response:
    return PlainTextResponse("ok\n", headers=errors.NO_STORE)
