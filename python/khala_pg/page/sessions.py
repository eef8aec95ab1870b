"""`/api/page/…`: sign-in of the admin page with the code of a link, and its tokens.

The database has only hashes of codes and cookies, and no log has either.
"""

import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
from starlette.requests import Request
from starlette.responses import Response

from khala_pg import strict_json
from khala_pg.auth.claims import NOT_TOPICS
from khala_pg.auth.issuer import Identity, Issuer, IssuerError, TokenRequest
from khala_pg.http.calls import Calls, Done, invalid, json_text, read_object
from khala_pg.http.credentials import Credentials, require_pace
from khala_pg.http.errors import NO_STORE
from khala_pg.http.rates import Buckets
from khala_pg.page.own_page import is_local, require_own_page
from khala_pg.sqlapi import page as sqlapi

COOKIE = "khala_page"
PATH = "/api/page"
DEV_TOKEN = "/api/dev/token"  # noqa: S105
MAX_CODE = 200
_STARTS_MS = 500
_ALL = TokenRequest(scopes=None, ttl_s=None)


@dataclass
class Sessions:
    """Endpoints of sessions.

    is_secure: whether a request came by TLS all the way. ws_url: where its page opens sockets.
    dev_file: the dev.json whose session pages of this machine have without a cookie, or None.
    pace: tokens of each session.
    """

    _calls: Calls
    _credentials: Credentials
    _issuer: Issuer
    _is_secure: Callable[[Request], bool]
    _ws_url: Callable[[Request], str]
    _dev_file: Path | None
    _pace: Buckets

    async def sign_in(self, request: Request) -> Response:
        cookie = secrets.token_urlsafe(32)

        async def work() -> Done:
            self._admit(request)
            code = (await read_object(request)).get("code")
            if not isinstance(code, str) or not 0 < len(code) <= MAX_CODE:
                raise invalid("code", "Send the code of a link that `khala page` printed.")
            json_text("code", code)
            done = await self._calls.run("sign_in", sqlapi.sign_in, _hash(code), _hash(cookie))
            if done.content == sqlapi.NONE:
                raise self._refuse(request, "the link is used, expired or unknown")
            return self._shown(request, done)

        response = await self._calls.answer(request, work)
        if response.status_code == HTTPStatus.OK:
            response.set_cookie(
                COOKIE,
                cookie,
                path=PATH,
                secure=self._is_secure(request),
                httponly=True,
                samesite="strict",
            )
        return response

    async def session(self, request: Request) -> Response:
        async def work() -> Done:
            self._admit(request)
            async for cookie in self._cookies(request):
                done = await self._calls.run("session", sqlapi.session, _hash(cookie))
                if done.content != sqlapi.NONE:
                    return self._shown(request, done)
            raise self._unauthorized(request)

        return await self._calls.answer(request, work)

    async def token(self, request: Request) -> Response:
        async def work() -> Done:
            self._admit(request)
            org_id = (await read_object(request)).get("org_id")
            if not (org_id is None or isinstance(org_id, str)):
                raise invalid("org_id", "Name an organisation, or null for all.")
            json_text("org_id", org_id)
            async for cookie in self._cookies(request):
                call, cookie_hash = sqlapi.identity, _hash(cookie)
                done = await self._calls.run("token", call, cookie_hash, org_id)
                if done.content != sqlapi.NONE:
                    return Done("token", self._issue(json.loads(done.content), org_id))
            raise self._unauthorized(request)

        return await self._calls.answer(request, work)

    async def dev_token(self, request: Request) -> Response:
        """A token as text, for a page of this machine that its author tries beside `khala dev`.

        It stands for the endpoint that such a page will have in its own backend, and is for topics
        only: what administrators do is the admin page's.
        """

        async def work() -> Done:
            self._issuer.require_ready()
            self._credentials.admit(request)
            if not is_local(request):
                message = "this is for pages and programs of the machine that `khala dev` runs on"
                raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_origin", message)
            cookie = await self._dev_cookie(request)
            if cookie is None:
                raise IssuerError(
                    HTTPStatus.SERVICE_UNAVAILABLE,
                    "sync_token_unavailable",
                    "`khala dev` starts: ask again",
                    retry_after_ms=_STARTS_MS,
                )
            org_id = request.query_params.get("org")
            if not org_id:
                raise invalid("org", f"Name an organisation: {DEV_TOKEN}?org=acme.")
            json_text("org", org_id)
            done = await self._calls.run("dev_token", sqlapi.identity, _hash(cookie), org_id)
            if done.content == sqlapi.NONE:
                raise self._unauthorized(request)
            found = json.loads(done.content)
            topics = [scope for scope in found["scopes"] if scope not in NOT_TOPICS]
            issued = json.loads(self._issue({**found, "scopes": topics}, org_id))
            return Done("dev_token", issued["token"])

        response = await self._calls.answer(request, work)
        if response.status_code == HTTPStatus.OK:
            response.headers["Content-Type"] = "text/plain; charset=utf-8"
            response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    async def sign_out(self, request: Request) -> Response:
        async def work() -> Done:
            require_own_page(request)
            cookie = request.cookies.get(COOKIE, "")
            return await self._calls.run("sign_out", sqlapi.sign_out, _hash(cookie))

        response = await self._calls.answer(request, work)
        if response.status_code == HTTPStatus.OK:
            kept = {name: response.headers[name] for name in ("X-Request-Id",)}
            response = Response(status_code=HTTPStatus.NO_CONTENT, headers={**NO_STORE, **kept})
            response.delete_cookie(
                COOKIE,
                path=PATH,
                secure=self._is_secure(request),
                httponly=True,
                samesite="strict",
            )
        return response

    def _admit(self, request: Request) -> None:
        require_own_page(request)
        self._issuer.require_ready()
        self._credentials.admit(request)

    async def _cookies(self, request: Request) -> AsyncIterator[str]:
        """The request's own, and that of `khala dev` for pages of this machine."""
        if cookie := request.cookies.get(COOKIE):
            yield cookie
        if cookie := await self._dev_cookie(request):
            yield cookie

    async def _dev_cookie(self, request: Request) -> str | None:
        if self._dev_file is None or not is_local(request):
            return None
        try:
            state = json.loads(await anyio.Path(self._dev_file).read_text(encoding="utf-8"))
        except FileNotFoundError:
            # It is written when everything is up.
            return None
        return str(state["page_session"])

    def _shown(self, request: Request, done: Done) -> Done:
        session = {**json.loads(done.content), "ws": self._ws_url(request)}
        return Done(done.function, strict_json.dumps(session))

    def _issue(self, found: dict[str, Any], org_id: str | None) -> str:
        identity = Identity(**found)
        require_pace(self._pace.take(identity.token_id, time.monotonic()))
        issued = self._issuer.issue(identity, _ALL, ())
        shown = {name: issued[name] for name in ("token", "expires_in", "scopes")}
        return strict_json.dumps({**shown, "org_id": org_id})

    def _unauthorized(self, request: Request) -> IssuerError:
        message = "no session: open a link that `khala page` prints"
        if COOKIE in request.cookies:
            return self._refuse(request, message)
        return IssuerError(HTTPStatus.UNAUTHORIZED, "unauthorized", message)

    def _refuse(self, request: Request, message: str) -> IssuerError:
        """A refusal that counts against the address: it may be guessing."""
        self._credentials.note_refused(request)
        return IssuerError(HTTPStatus.UNAUTHORIZED, "unauthorized", message)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
