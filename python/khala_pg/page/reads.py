"""`GET /api/admin/…`: what administrators read. What a token may see is decided in SQL."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.auth.issuer import Identity
from khala_pg.http.calls import Calls, Done, invalid, json_text, page_size
from khala_pg.http.credentials import require_pace
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn
from khala_pg.page.operations import ADMIN, DEFAULT_DOCUMENTS, DEFAULT_VERSIONS
from khala_pg.sqlapi import page as sqlapi

_MAX_WATERMARK_DIGITS = 18


@dataclass
class Reads:
    """Endpoints of administrators' reads. pace: of each subject of each organisation."""

    _calls: Calls
    _signed_in: SignedIn
    _pace: Buckets

    def __post_init__(self) -> None:
        self._work: Mapping[str, Callable[[Request, Identity], Awaitable[Done]]] = {
            "admin_documents": self._documents,
            "admin_history": self._history,
            "admin_activity": self._activity,
        }
        self._plain = {
            "admin_topics": sqlapi.topics,
            "admin_organisations": sqlapi.organisations,
            "admin_relays": sqlapi.relays,
            "admin_retention": sqlapi.retention,
            "admin_publishers": sqlapi.publishers,
            "admin_parity": sqlapi.parity,
            "admin_flags": sqlapi.flags,
        }

    async def answer(self, request: Request, operation: str) -> Response:
        """The response to a request for one of OPERATIONS."""

        async def authenticated() -> Done:
            caller = await self._signed_in.identity(request, ADMIN)
            require_pace(self._pace.take((caller.org_id, caller.subject), time.monotonic()))
            if operation in self._work:
                return await self._work[operation](request, caller)
            call = self._plain[operation]
            return await self._calls.run(operation, call, caller.org_id, caller.scopes)

        return await self._calls.answer(request, authenticated)

    async def _documents(self, request: Request, caller: Identity) -> Done:
        topic = _required(request, "topic")
        owner, prefix = _text(request, "org_id"), _text(request, "prefix")
        after, limit = _text(request, "after"), page_size(request, DEFAULT_DOCUMENTS)
        payloads = request.query_params.get("payload", "true")
        if payloads not in ("true", "false"):
            raise invalid("payload", "Use true or false.")
        wanted = sqlapi.Wanted(topic, owner, prefix, after, limit, payloads == "true")
        call, who = sqlapi.documents, (caller.org_id, caller.scopes)
        return await self._calls.run("admin_documents", call, *who, wanted)

    async def _history(self, request: Request, caller: Identity) -> Done:
        topic, doc_key = _required(request, "topic"), _required(request, "doc_key")
        before = _watermark(request.query_params.get("before"))
        limit = page_size(request, DEFAULT_VERSIONS)
        who = (caller.org_id, caller.scopes)
        return await self._calls.run(
            "admin_history", sqlapi.history, *who, topic, doc_key, before, limit
        )

    async def _activity(self, request: Request, caller: Identity) -> Done:
        topic = _text(request, "topic")
        who = (caller.org_id, caller.scopes)
        return await self._calls.run("admin_activity", sqlapi.activity, *who, topic)


def _required(request: Request, name: str) -> str:
    text = _text(request, name)
    if text is None:
        raise invalid(name, f"Add ?{name}=…, percent-encoded.", "missing")
    return text


def _text(request: Request, name: str) -> str | None:
    text = request.query_params.get(name)
    json_text(name, text)
    return text


def _watermark(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= _MAX_WATERMARK_DIGITS):
        raise invalid("before", "Use next of the page before.")
    return int(text)
