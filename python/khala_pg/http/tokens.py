"""`POST /api/sync/token`: a short-lived token for an API key or a session."""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from khala_pg import strict_json
from khala_pg.auth import api_keys, claims
from khala_pg.auth.api_keys import ApiKeyText
from khala_pg.auth.issuer import Identity, Issuer, IssuerError, SessionExpiredError, TokenRequest
from khala_pg.errors import RefusedError, UnavailableError
from khala_pg.http.edge import Origins, Proxies
from khala_pg.http.errors import NO_STORE
from khala_pg.http.rates import Bucket, Buckets
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.http.tokens")

SessionAuthenticator = Callable[[Request], Awaitable[Identity | None]]
"""Whom a request's session belongs to, None when it has none; raises SessionExpiredError."""

Ask = Callable[[str, bytes, str | None, str | None], Awaitable[sqlapi.KeyHolder | None]]
"""Whom an API key of that id and hash speaks for, asked for a subject and an organisation."""

MAX_BODY_BYTES = 16 * 1024
BODY_TIMEOUT_S = 5.0
MAX_SCOPES = 1000
# Deprecated since then (RFC 9745), in favour of the path without a product's name.
_LEGACY_HEADERS = {
    "Deprecation": "@1763856000",
    "Link": '</api/sync/token>; rel="successor-version"',
}


@dataclass
class TokenEndpoint:
    """Endpoint of one relay.

    max_per_minute: tokens for one session's subject, and refused attempts from one address. A key
    has a number of its own.
    """

    _issuer: Issuer
    _authenticate_api_key: Ask
    _authenticate_session: SessionAuthenticator | None
    _origins: Origins
    _proxies: Proxies
    max_per_minute: float
    retry_after_s: float

    def __post_init__(self) -> None:
        self._issued = Buckets(self.max_per_minute / 60, self.max_per_minute)
        self._failed = Buckets(self.max_per_minute / 60, self.max_per_minute)
        # As many as there are keys; only a good one gets an entry.
        self._by_key: dict[tuple[str, int], Bucket] = {}

    async def answer(self, request: Request) -> Response:
        """The token, or why there is none."""
        try:
            body = {"data": await self._issue(request)}
        except IssuerError as error:
            return _refuse(error)
        return JSONResponse(body, headers=NO_STORE)

    async def answer_legacy(self, request: Request) -> Response:
        """The same under the path that older clients know."""
        response = await self.answer(request)
        response.headers.update(_LEGACY_HEADERS)
        return response

    async def _issue(self, request: Request) -> Mapping[str, Any]:
        if not self._origins.allows(request.headers.get("Origin"), request.headers.get("Host")):
            message = "pages of this origin may not ask for tokens here"
            raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_origin", message)
        self._issuer.require_ready()
        address = self._address(request)
        _limit(self._failed.wait_s(address, time.monotonic()))
        asked = await _read(request)
        try:
            identity = await self._identify(request, asked)
        except IssuerError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                self._failed.take(address, time.monotonic())
            raise
        return self._issuer.issue(identity, asked)

    def _address(self, request: Request) -> str:
        peer = request.client.host if request.client else ""
        headers = request.headers
        return self._proxies.client(
            peer,
            request.url.scheme == "https",
            headers.getlist("X-Forwarded-For"),
            headers.getlist("X-Forwarded-Proto"),
        ).bucket

    async def _identify(self, request: Request, asked: TokenRequest) -> Identity:
        """Whom the token is for. Raises IssuerError, also when there were too many."""
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        key = api_keys.parse(credential.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            identity = await self._session(request, asked)
            _limit(self._issued.take((identity.org_id, identity.subject), time.monotonic()))
            return identity
        holder = await self._ask(key, asked)
        if holder is None:
            raise _unauthorized("the API key is not good: it is unknown, revoked or expired")
        most = holder.tokens_per_minute
        bucket = self._by_key.setdefault((key.key_id, most), Bucket(most / 60, most))
        _limit(bucket.take(time.monotonic()))
        return Identity(holder.subject, holder.org_id, holder.scopes)

    async def _session(self, request: Request, asked: TokenRequest) -> Identity:
        if self._authenticate_session is None:
            raise _unauthorized("no API key: send Authorization: Bearer khala_…")
        try:
            identity = await self._authenticate_session(request)
        except SessionExpiredError:
            raise _unauthorized("the session has expired: sign in again") from None
        except Exception:
            logger.exception("the session authenticator failed")
            raise self._unavailable("sessions cannot be checked at the moment") from None
        if identity is None:
            raise _unauthorized("no session and no API key")
        if asked.subject not in (None, identity.subject) or asked.org_id not in (
            None,
            identity.org_id,
        ):
            raise _invalid_identity(
                "a session's tokens are for its own sub and org: leave both out"
            )
        return identity

    async def _ask(self, key: ApiKeyText, asked: TokenRequest) -> sqlapi.KeyHolder | None:
        try:
            return await self._authenticate_api_key(
                key.key_id, key.secret_hash, asked.subject, asked.org_id
            )
        except RefusedError as error:
            raise _invalid_identity(f"{error}. {error.hint}") from None
        except (UnavailableError, PoolTimeout):
            raise self._unavailable("the database cannot be reached: try again") from None

    def _unavailable(self, message: str) -> IssuerError:
        return IssuerError(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "sync_token_unavailable",
            message,
            retry_after_ms=round(self.retry_after_s * 1000),
        )


async def _read(request: Request) -> TokenRequest:
    """The request's body; an empty one requests everything."""
    content = bytearray()
    try:
        async with asyncio.timeout(BODY_TIMEOUT_S):
            async for piece in request.stream():
                content += piece
                if len(content) > MAX_BODY_BYTES:
                    message = f"a token request has at most {MAX_BODY_BYTES} bytes"
                    raise IssuerError(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "payload_too_large", message
                    )
    except (TimeoutError, ClientDisconnect):
        raise IssuerError(
            HTTPStatus.REQUEST_TIMEOUT, "invalid_request", "the body did not come in time"
        ) from None
    try:
        document = strict_json.loads(bytes(content) or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = "the body is a JSON object, or empty"
        raise IssuerError(HTTPStatus.BAD_REQUEST, "invalid_request", message)
    scopes, ttl_s = document.get("scopes"), document.get("expires_in")
    if scopes is not None and not (
        isinstance(scopes, list)
        and len(scopes) <= MAX_SCOPES
        and all(isinstance(scope, str) for scope in scopes)
    ):
        message = "scopes is a list of topic names"
        raise IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_scope", message)
    if ttl_s is not None and (isinstance(ttl_s, bool) or not isinstance(ttl_s, int)):
        message = "expires_in is a number of seconds"
        raise IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_ttl", message)
    subject, org_id = document.get("sub"), document.get("org")
    if not all(name is None or claims.is_name(name) for name in (subject, org_id)):
        raise _invalid_identity("sub and org are strings that are not empty")
    named = None if scopes is None else tuple(dict.fromkeys(scopes))
    return TokenRequest(named, ttl_s, subject, org_id)


def _limit(wait_s: float) -> None:
    if wait_s > 0:
        raise IssuerError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            "too many token requests: try again after retry_after_ms",
            retry_after_ms=math.ceil(wait_s * 1000),
        )


def _invalid_identity(message: str) -> IssuerError:
    return IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_identity", message)


def _unauthorized(message: str) -> IssuerError:
    return IssuerError(HTTPStatus.UNAUTHORIZED, "unauthorized", message)


def _refuse(error: IssuerError) -> JSONResponse:
    headers = dict(NO_STORE)
    if error.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if "retry_after_ms" in error.details:
        headers["Retry-After"] = str(math.ceil(error.details["retry_after_ms"] / 1000))
    said = {"code": error.code, "message": str(error)}
    # Existing clients read the nested form.
    body = {**said, **error.details, "error": said}
    return JSONResponse(body, error.status, headers)
