"""Documents as the legacy backend holds them, read by its queries.

The encoding is that of the official client (PyPI `convex`). Its HTTP client opens a connection for
each call and waits for ever, so the requests are made here.
"""

import json
import struct
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx

from khala_pg import strict_json
from khala_pg.concurrency.waiting import within
from khala_pg.errors import KhalaError, UnavailableError, UsageError
from khala_pg.logs import one_line

QUERIES = {
    "runtime.run_summaries": "runtime:getRunSummary",
    "runtime.codex_worker_summaries": "runtime:getCodexWorkerSummary",
}
"""Query of each topic: from {document_id} to {document_id, summary}, or null."""

_MAX_SAID = 300


class LegacyError(KhalaError):
    """The legacy backend responded, and not with a document."""


class LegacyBackend:
    """Reader of the legacy backend."""

    def __init__(
        self, http: httpx.AsyncClient, url: str, headers: Mapping[str, str], limit_s: float
    ) -> None:
        """limit_s: for a whole response."""
        self._http = http
        self._url = url
        self._headers = headers
        self._limit_s = limit_s

    async def summary(self, topic: str, doc_key: str) -> Any:
        """The summary, as JSON has it; None when there is none.

        Raises UnavailableError, and LegacyError when the response is no document.
        """
        query = QUERIES[topic]
        body = {"path": query, "format": "convex_encoded_json", "args": {"document_id": doc_key}}
        try:
            request = self._http.post(f"{self._url}/api/query", json=body, headers=self._headers)
            response = await within(request, self._limit_s, UnavailableError, self._url)
        except httpx.HTTPError as error:
            said = str(error) or type(error).__name__
            raise UnavailableError(
                f"the legacy backend at {self._url} cannot be reached: {said}",
                "Check --url, and that it runs.",
            ) from error
        return _summary(query, doc_key, response)


@asynccontextmanager
async def legacy_backend(
    url: str, environment: Mapping[str, str], limit_s: float, connections: int
) -> AsyncIterator[LegacyBackend]:
    """The legacy backend at a URL, with the credential of the environment.

    Raises UsageError for what is no URL of a server, and without the extra `convex`.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(
            f"--url is {url!r}, which is no address of a legacy backend",
            "Pass its deployment URL, such as https://happy-animal-123.convex.cloud",
        )
    headers = _authorization(environment)
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
    async with httpx.AsyncClient(timeout=limit_s, limits=limits) as http:
        yield LegacyBackend(http, url.rstrip("/"), headers, limit_s)


def _authorization(environment: Mapping[str, str]) -> Mapping[str, str]:
    """The header of the publisher's credential; none without one, as queries may be public."""
    # Here, because it needs the extra, which the gates do without.
    from khala_pg.publish.convex import ADMIN_KEY, TOKEN, authorization

    if not (environment.get(ADMIN_KEY) or environment.get(TOKEN)):
        return {}
    return {"Authorization": authorization(environment)}


def _summary(query: str, doc_key: str, response: httpx.Response) -> Any:
    try:
        said = json.loads(response.content)
    except ValueError:
        said = None
    match response.status_code, said:
        case 200, {"status": "success", "value": None}:
            return None
        case 200, {"status": "success", "value": {"document_id": found, "summary": summary}} if (
            found == doc_key
        ):
            return _comparable(_plain(summary))
        case 200 | 560, {"status": "error", "errorMessage": str(message)}:
            raise LegacyError(f"{query} failed: {one_line(message[:_MAX_SAID])}")
        case 401 | 403, _:
            raise LegacyError(
                f"the legacy backend refuses the credential: {_said(said, response)}",
                "Set KHALA_PUBLISH_ADMIN_KEY or KHALA_PUBLISH_TOKEN in the environment.",
            )
        case 200, _:
            raise LegacyError(
                f"{query} returned something else than the document: {_said(said, response)}"
            )
    raise UnavailableError(
        f"the legacy backend responds with {response.status_code}: {_said(said, response)}"
    )


def _comparable(summary: Any) -> Any:
    """The summary, or a string, which equals no document, where PostgreSQL cannot read it as JSON:
    a character or a number that Khala cannot hold."""
    try:
        text = json.dumps(summary, ensure_ascii=False, allow_nan=False)
        text.encode()
    except ValueError:
        return "not JSON"
    return "not JSON" if strict_json.holds_nul(text) else summary


def _said(said: Any, response: httpx.Response) -> str:
    match said:
        case {"message": str(message)}:
            return one_line(message[:_MAX_SAID])
    return one_line(response.text[:_MAX_SAID])


def _plain(encoded: Any) -> Any:
    """The JSON that was published: an Int64 is a number, and bytes stay encoded, as no summary of
    Khala has any."""
    from convex.values import ConvexInt64, json_to_convex

    def plain(value: Any) -> Any:
        match value:
            case {"$integer": _}:
                decoded = json_to_convex(value)
                if not isinstance(decoded, ConvexInt64):
                    raise ValueError("an Int64 is an object of one member")
                return int(decoded.value)
            case dict():
                return {name: plain(each) for name, each in value.items()}
            case list():
                return [plain(each) for each in value]
        return value

    try:
        return plain(encoded)
    except (ValueError, TypeError, struct.error) as error:
        raise LegacyError(f"the legacy backend returned no value of its own: {error}") from error
