"""`POST /api/sync/token`: a short-lived token for an API key or a session."""

import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from khala_pg import strict_json
from khala_pg.auth import claims
from khala_pg.auth.issuer import Issuer, IssuerError, TokenRequest
from khala_pg.errors import UnavailableError
from khala_pg.http.bodies import BodyError, read_body
from khala_pg.http.credentials import Credentials, Holder, invalid_identity, require_pace
from khala_pg.http.errors import NO_STORE
from khala_pg.http.rates import Bucket, Buckets
from khala_pg.http.sync.operations import MAX_SCOPES

MAX_BODY_BYTES = 16 * 1024
# Deprecated since then (RFC 9745), in favour of the path without a product's name.
_LEGACY_HEADERS = {
    "Deprecation": "@1763856000",
    "Link": '</api/sync/token>; rel="successor-version"',
}


@dataclass
class TokenEndpoint:
    """Endpoint of one relay.

    _scopes_beyond: the requested scopes that others do not cover.
    max_per_minute: tokens for one session's subject. A key has a number of its own.
    """

    _issuer: Issuer
    _credentials: Credentials
    _scopes_beyond: Callable[[Sequence[str], Sequence[str]], Awaitable[list[str]]]
    max_per_minute: float
    retry_after_s: float

    def __post_init__(self) -> None:
        self._issued = Buckets(self.max_per_minute / 60, self.max_per_minute)
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
        self._issuer.require_ready()
        self._credentials.admit(request)
        asked = await _read(request)
        try:
            holder = await self._credentials.holder(request, asked)
            require_pace(self._wait_s(holder))
            excess = (
                await self._scopes_beyond(asked.scopes, holder.identity.scopes)
                if asked.scopes
                else []
            )
        except UnavailableError as error:
            raise IssuerError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "sync_token_unavailable",
                str(error),
                retry_after_ms=round(self.retry_after_s * 1000),
            ) from None
        return self._issuer.issue(holder.identity, asked, excess)

    def _wait_s(self, holder: Holder) -> float:
        now = time.monotonic()
        if holder.key is None:
            return self._issued.take((holder.identity.org_id, holder.identity.subject), now)
        _, most = holder.key
        return self._by_key.setdefault(holder.key, Bucket(most / 60, most)).take(now)


async def _read(request: Request) -> TokenRequest:
    """The request's body; an empty one requests everything."""
    try:
        content = await read_body(request, MAX_BODY_BYTES)
    except BodyError as error:
        raise IssuerError(error.status, error.code, str(error)) from None
    try:
        document = strict_json.loads(content or b"{}")
    except ValueError:
        document = None
    if not isinstance(document, dict):
        message = "the body is a JSON object, or empty"
        raise IssuerError(HTTPStatus.BAD_REQUEST, "invalid_request", message)
    scopes, ttl_s = document.get("scopes"), document.get("expires_in")
    if scopes is not None and not (
        isinstance(scopes, list)
        and len(scopes) <= MAX_SCOPES
        and all(claims.is_name(scope) for scope in scopes)
    ):
        message = "scopes is a list of topic names"
        raise IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_scope", message)
    if ttl_s is not None and (isinstance(ttl_s, bool) or not isinstance(ttl_s, int)):
        message = "expires_in is a number of seconds"
        raise IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_ttl", message)
    subject, org_id = document.get("sub"), document.get("org")
    if not all(name is None or claims.is_name(name) for name in (subject, org_id)):
        raise invalid_identity("sub and org are strings that are not empty")
    named = None if scopes is None else tuple(dict.fromkeys(scopes))
    return TokenRequest(named, ttl_s, subject, org_id)


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
