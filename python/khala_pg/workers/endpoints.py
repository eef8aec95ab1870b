"""`/api/runtime`: the runs and the codex workers of the caller's organisation."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.auth.issuer import Identity
from khala_pg.http.calls import Calls, Done, invalid, json_text, page_size, read_object, whole
from khala_pg.http.credentials import require_pace
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn
from khala_pg.sqlapi import workers as sqlapi
from khala_pg.workers.operations import DEFAULT_LIMIT

READ = "runtime.codex_worker_summaries"
"""The topic of the workers: who may follow it may read here."""

READ_RUNS = "runtime.run_summaries"
"""The topic of the runs, likewise."""

OPERATE = "runtime.operate"
"""The scope of those who send requests to workers. It is no topic."""

_Work = Callable[[Request, Identity], Awaitable[Done]]


@dataclass
class Workers:
    """Endpoints of runs and codex workers. pace: calls of each subject of each organisation."""

    _calls: Calls
    _signed_in: SignedIn
    _pace: Buckets

    def __post_init__(self) -> None:
        self._work: Mapping[str, tuple[_Work, tuple[str, ...]]] = {
            "list_codex_workers": (self._list, (READ, OPERATE)),
            "get_codex_worker": (self._get, (READ, OPERATE)),
            "list_codex_worker_events": (self._events, (READ, OPERATE)),
            "get_run": (self._get_run, (READ_RUNS, OPERATE)),
            "list_run_events": (self._run_events, (READ_RUNS, OPERATE)),
            "request_codex_worker": (self._request, (OPERATE,)),
            "stop_codex_worker": (self._stop, (OPERATE,)),
        }

    async def answer(self, request: Request, operation: str) -> Response:
        """The response to a request for one of OPERATIONS."""
        work, scopes = self._work[operation]

        async def authenticated() -> Done:
            caller = await self._signed_in.identity(request, *scopes)
            who = (caller.org_id, caller.subject)
            require_pace(self._pace.take(who, time.monotonic()))
            return await work(request, caller)

        return await self._calls.answer(request, authenticated)

    async def _list(self, request: Request, caller: Identity) -> Done:
        status, cursor = _text(request, "status"), _text(request, "cursor")
        limit = page_size(request, DEFAULT_LIMIT)
        call = sqlapi.list_codex_workers
        return await self._calls.run(
            "list_codex_workers", call, caller.org_id, status, cursor, limit
        )

    async def _get(self, request: Request, caller: Identity) -> Done:
        call, worker = sqlapi.get_codex_worker, _id(request, "worker_id")
        return await self._calls.run("get_codex_worker", call, caller.org_id, worker)

    async def _events(self, request: Request, caller: Identity) -> Done:
        after = whole("after", request.query_params.get("after", "0"))
        limit = page_size(request, DEFAULT_LIMIT)
        call, worker = sqlapi.list_codex_worker_events, _id(request, "worker_id")
        return await self._calls.run(
            "list_codex_worker_events", call, caller.org_id, worker, after, limit
        )

    async def _get_run(self, request: Request, caller: Identity) -> Done:
        call, run = sqlapi.get_run, _id(request, "run_id")
        return await self._calls.run("get_run", call, caller.org_id, run)

    async def _run_events(self, request: Request, caller: Identity) -> Done:
        after = whole("after", request.query_params.get("after", "0"))
        limit = page_size(request, DEFAULT_LIMIT)
        call, run = sqlapi.list_run_events, _id(request, "run_id")
        return await self._calls.run("list_run_events", call, caller.org_id, run, after, limit)

    async def _request(self, request: Request, caller: Identity) -> Done:
        body = json_text("body", await read_object(request))
        call, who = sqlapi.request_codex_worker, (caller.org_id, _id(request, "worker_id"))
        key = request.headers.get("Idempotency-Key")
        return await self._calls.run("request_codex_worker", call, *who, body, caller.subject, key)

    async def _stop(self, request: Request, caller: Identity) -> Done:
        reason = (await read_object(request, may_be_empty=True)).get("reason")
        if reason is not None and not isinstance(reason, str):
            raise invalid("reason", "Pass a string of at most 500 characters, or leave it out.")
        json_text("reason", reason)
        call, who = sqlapi.stop_codex_worker, (caller.org_id, _id(request, "worker_id"))
        key = request.headers.get("Idempotency-Key")
        return await self._calls.run("stop_codex_worker", call, *who, reason, caller.subject, key)


def _id(request: Request, name: str) -> str:
    found: str = request.path_params[name]
    json_text(name, found)
    return found


def _text(request: Request, name: str) -> str | None:
    text = request.query_params.get(name)
    json_text(name, text)
    return text
