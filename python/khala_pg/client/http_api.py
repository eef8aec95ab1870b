"""The HTTP side of the server: snapshots, and documents behind pointers."""

from collections.abc import Callable, Sequence
from typing import Any

import httpx

from khala_pg import strict_json
from khala_pg.client import wire
from khala_pg.client.connection import retry_after_header
from khala_pg.client.documents import Update
from khala_pg.client.errors import (
    ProtocolError,
    RetryLaterError,
    TransportError,
    UnauthorizedError,
)
from khala_pg.concurrency.waiting import within


class HttpApi:
    """HTTP client that uses the current token for each request."""

    def __init__(
        self, http: httpx.AsyncClient, base_url: str, token: Callable[[], str], limit_s: float
    ) -> None:
        """limit_s: for a whole response."""
        self._http = http
        self._limit_s = limit_s
        self._base_url = base_url.rstrip("/")
        self._token = token

    async def snapshot_page(
        self,
        query: Sequence[tuple[str, str | int]],
        *,
        after_doc_key: str | None = None,
        watermark: int | None = None,
    ) -> wire.SnapshotPage:
        """One page of a topic. For pages after the first: the key and watermark of the one before.

        query: names the topic, and what narrows it.

        Raises UnauthorizedError, ForbiddenTopicError, StaleCursorError (begin again), ProtocolError
        or TransportError.
        """
        parameters = list(query)
        if after_doc_key is not None:
            parameters.append(("after_doc_key", after_doc_key))
        if watermark is not None:
            parameters.append(("watermark", watermark))
        response = await self._get("/api/sync/snapshot", parameters)
        if response.status_code != httpx.codes.OK:
            raise _error(response)
        return wire.snapshot_page(response.content)

    async def document(self, topic: str, doc_key: str) -> Update | None:
        """A document as it is now, with its payload; None if it is gone or not ours to see.

        Raises as snapshot_page does.
        """
        parameters: list[tuple[str, str | int]] = [("topic", topic), ("doc_key", doc_key)]
        response = await self._get("/api/sync/documents", parameters)
        if response.status_code == httpx.codes.NOT_FOUND and _body(response).get("code") == (
            "not_found"
        ):
            return None
        if response.status_code != httpx.codes.OK:
            raise _error(response)
        return wire.update(wire.parse(response.content))

    async def _get(self, path: str, parameters: Sequence[tuple[str, str | int]]) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self._token()}", "Accept": "application/json"}
        try:
            url = self._base_url + path
            request = self._http.get(url, params=tuple(parameters), headers=headers)
            return await within(request, self._limit_s, TransportError, f"GET {path}")
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise TransportError(f"GET {path} failed: {said}") from error


def _body(response: httpx.Response) -> dict[str, Any]:
    try:
        body = strict_json.loads(response.content)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _error(response: httpx.Response) -> Exception:
    body = _body(response)
    if "code" in body and "retry_after_ms" not in body and "Retry-After" in response.headers:
        wait = retry_after_header(response.headers["Retry-After"])
        return RetryLaterError(f"{body.get('message', '')} ({body['code']})", wait)
    if "code" in body:
        return wire.error(body)
    if response.status_code == httpx.codes.UNAUTHORIZED:
        return UnauthorizedError("the server refuses the token")
    if response.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
        return TransportError(f"the server responded {response.status_code}")
    return ProtocolError(f"the server responded {response.status_code} without saying why")
