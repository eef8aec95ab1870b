"""Credentials of a request: an API key, or a session of the host application."""

import logging
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from psycopg_pool import PoolTimeout
from starlette.requests import Request

from khala_pg.auth import api_keys
from khala_pg.auth.api_keys import ApiKeyText
from khala_pg.auth.issuer import Identity, IssuerError, SessionExpiredError, TokenRequest
from khala_pg.errors import RefusedError, UnavailableError
from khala_pg.http.edge import OTHER_ORIGIN, Origins, Proxies
from khala_pg.http.rates import Buckets
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.http.credentials")

SessionAuthenticator = Callable[[Request], Awaitable[Identity | None]]
"""Identity of a request's session, None when it has none; raises SessionExpiredError."""

Ask = Callable[[str, bytes, str | None, str | None], Awaitable[sqlapi.KeyHolder | None]]
"""The holder of an API key of that id and hash, for a requested subject and organisation."""


@dataclass(frozen=True, slots=True)
class Holder:
    """Holder of a credential. key: id and tokens a minute of an API key; None for a session."""

    identity: Identity
    key: tuple[str, int] | None = None


@dataclass
class Credentials:
    """Check of credentials, for every endpoint that takes them.

    max_refused_per_minute: refused attempts of one address.
    """

    _authenticate_api_key: Ask
    _authenticate_session: SessionAuthenticator | None
    _origins: Origins
    _proxies: Proxies
    max_refused_per_minute: float

    def __post_init__(self) -> None:
        per_minute = self.max_refused_per_minute
        self._refused = Buckets(per_minute / 60, per_minute)

    def admit(self, request: Request) -> None:
        """Raises IssuerError for a page of another origin, and an address that guesses."""
        if not self._origins.allows(request.headers.get("Origin"), request.headers.get("Host")):
            raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_origin", OTHER_ORIGIN)
        require_pace(self._refused.wait_s(self._address(request), time.monotonic()))

    async def holder(self, request: Request, asked: TokenRequest) -> Holder:
        """The holder of the request's credential.

        Raises IssuerError when there is none, UnavailableError as long as it cannot be known.
        """
        try:
            return await self._holder(request, asked)
        except IssuerError as error:
            if error.status == HTTPStatus.UNAUTHORIZED:
                self.note_refused(request)
            raise

    def note_refused(self, request: Request) -> None:
        """Counts a refused attempt against the request's address."""
        self._refused.take(self._address(request), time.monotonic())

    def _address(self, request: Request) -> str:
        return self._proxies.client_of(request).bucket

    async def _holder(self, request: Request, asked: TokenRequest) -> Holder:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        key = api_keys.parse(credential.strip()) if scheme.lower() == "bearer" else None
        if key is None:
            return Holder(await self._session(request, asked))
        found = await self._ask(key, asked)
        if found is None:
            raise _unauthorized("the API key is not good: it is unknown, revoked or expired")
        identity = Identity(found.subject, found.org_id, found.scopes)
        return Holder(identity, (key.key_id, found.tokens_per_minute))

    async def _session(self, request: Request, asked: TokenRequest) -> Identity:
        if self._authenticate_session is None:
            raise _unauthorized("no API key: send Authorization: Bearer khala_…")
        try:
            identity = await self._authenticate_session(request)
        except SessionExpiredError:
            raise _unauthorized("the session has expired: sign in again") from None
        except Exception:
            logger.exception("the session authenticator failed")
            raise UnavailableError("sessions cannot be checked at the moment") from None
        if identity is None:
            raise _unauthorized("no session and no API key")
        if asked.subject not in (None, identity.subject) or asked.org_id not in (
            None,
            identity.org_id,
        ):
            raise invalid_identity("a session's tokens are for its own sub and org: leave both out")
        return identity

    async def _ask(self, key: ApiKeyText, asked: TokenRequest) -> sqlapi.KeyHolder | None:
        try:
            return await self._authenticate_api_key(
                key.key_id, key.secret_hash, asked.subject, asked.org_id
            )
        except RefusedError as error:
            raise invalid_identity(f"{error}. {error.hint}") from None
        except (UnavailableError, PoolTimeout):
            raise UnavailableError("the database cannot be reached: try again") from None


def require_pace(wait_s: float) -> None:
    """Raises IssuerError where there is a time to wait."""
    if wait_s > 0:
        raise IssuerError(
            HTTPStatus.TOO_MANY_REQUESTS,
            "rate_limited",
            "too many requests: try again after retry_after_ms",
            retry_after_ms=math.ceil(wait_s * 1000),
        )


def invalid_identity(message: str) -> IssuerError:
    return IssuerError(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_identity", message)


def _unauthorized(message: str) -> IssuerError:
    return IssuerError(HTTPStatus.UNAUTHORIZED, "unauthorized", message)
