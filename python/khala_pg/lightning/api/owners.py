"""`/api/lightning/paywalls`: the paywalls of an owner, which is the caller's organisation."""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.auth.issuer import IssuerError, TokenRequest
from khala_pg.http.calls import Calls, Done, json_text, page_size, read_object
from khala_pg.http.credentials import Credentials, require_pace
from khala_pg.http.rates import Buckets
from khala_pg.lightning.api.operations import STATUSES
from khala_pg.sqlapi import lightning as sqlapi

SCOPE = "lightning.paywalls"
DEFAULT_LIMIT = 100
_Work = Callable[[Request, str], Awaitable[Done]]
_ANYTHING = TokenRequest(scopes=None, ttl_s=None)


@dataclass
class Owners:
    """Owners' endpoints. pace: calls of each organisation."""

    _calls: Calls
    _credentials: Credentials
    _pace: Buckets

    def __post_init__(self) -> None:
        self._work: Mapping[str, _Work] = {
            "list_paywalls": self._list,
            "create_paywall": self._create,
            "get_paywall": self._get,
            "change_paywall": self._change,
            "list_invoices": self._list_invoices,
            "list_settlements": self._list_settlements,
            **{f"{action}_paywall": self._set_status for action in STATUSES},
        }

    async def answer(self, request: Request, operation: str) -> Response:
        """The response to a request for one of OWNERS_OPERATIONS."""

        async def authenticated() -> Done:
            self._credentials.admit(request)
            identity = (await self._credentials.holder(request, _ANYTHING)).identity
            if SCOPE not in identity.scopes:
                message = f"the key or session is not for {SCOPE}: make one that is"
                raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_topic", message)
            require_pace(self._pace.take(identity.org_id, time.monotonic()))
            return await self._work[operation](request, identity.org_id)

        return await self._calls.answer(request, authenticated)

    async def _create(self, request: Request, owner: str) -> Done:
        args, key = json_text("body", await read_object(request)), _key(request)
        return await self._calls.run("create_paywall", sqlapi.create_paywall, owner, args, key)

    async def _change(self, request: Request, owner: str) -> Done:
        args, key = json_text("body", await read_object(request)), _key(request)
        call = sqlapi.change_paywall
        return await self._calls.run("change_paywall", call, owner, _paywall(request), args, key)

    async def _set_status(self, request: Request, owner: str) -> Done:
        status, key = STATUSES[request.url.path.rpartition("/")[2]], _key(request)
        call, paywall = sqlapi.set_paywall_status, _paywall(request)
        return await self._calls.run("set_paywall_status", call, owner, paywall, status, key)

    async def _get(self, request: Request, owner: str) -> Done:
        return await self._calls.run("get_paywall", sqlapi.get_paywall, owner, _paywall(request))

    async def _list(self, request: Request, owner: str) -> Done:
        call, page = sqlapi.list_paywalls, _page(request)
        return await self._calls.run("list_paywalls", call, owner, *page)

    async def _list_invoices(self, request: Request, owner: str) -> Done:
        call, page = sqlapi.list_invoices, _page(request)
        return await self._calls.run("list_invoices", call, owner, _paywall(request), *page)

    async def _list_settlements(self, request: Request, owner: str) -> Done:
        call, page = sqlapi.list_settlements, _page(request)
        return await self._calls.run("list_settlements", call, owner, _paywall(request), *page)


def _key(request: Request) -> str | None:
    return request.headers.get("Idempotency-Key")


def _paywall(request: Request) -> str:
    paywall: str = request.path_params["paywall_id"]
    json_text("paywallId", paywall)
    return paywall


def _page(request: Request) -> tuple[str | None, int]:
    """Cursor and size of the page that the query requests. Raises CallError."""
    cursor = request.query_params.get("cursor")
    json_text("cursor", cursor)
    return cursor, page_size(request, DEFAULT_LIMIT)
