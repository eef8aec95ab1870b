"""Responses to requests for snapshots, documents and flags by the holder of a token.

The bodies come finished from the database and are not parsed here.
"""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.responses import Response

from khala_pg import strict_json
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.errors import BadValueError, UnavailableError, from_psycopg
from khala_pg.http import errors
from khala_pg.http.calls import Connect
from khala_pg.http.snapshots import Body, SharedSnapshots, Wanted
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi
from khala_pg.sqlapi import relay_connection
from khala_pg.sqlapi.calls import Connection


@dataclass
class Documents:
    """Reads of one relay. connect: lends a connection. verify: checks a token."""

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
            _refuse_repeated(request)
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
            _refuse_repeated(request)
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


def _json(request: Request, body: Body) -> Response:
    headers = {**errors.NO_STORE, "ETag": body.etag, "Vary": "Authorization"}
    asked = {tag.strip() for tag in request.headers.get("If-None-Match", "").split(",")}
    if body.etag in asked:
        return Response(status_code=304, headers=headers)
    return Response(body.content, media_type="application/json", headers=headers)


def _refuse_repeated(request: Request) -> None:
    """Only `key` may be repeated: of others nobody knows which one is meant. Raises ValueError."""
    times = Counter(name for name, _ in request.query_params.multi_items() if name != "key")
    for name, count in times.items():
        if count > 1:
            raise ValueError(f"the URL has {name[:32]!r} twice: leave one out")


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
