"""Callers of an API who are signed in: with a token, an API key or a session."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request

from khala_pg.auth import api_keys
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.auth.issuer import Identity, IssuerError, TokenRequest
from khala_pg.http.credentials import Credentials

Verify = Callable[[str], Awaitable[Claims]]
_ANYTHING = TokenRequest(scopes=None, ttl_s=None)


@dataclass(frozen=True)
class SignedIn:
    """Check of callers. verify: of tokens, None where no token is known."""

    _credentials: Credentials
    _verify: Verify | None

    async def identity(self, request: Request, *scopes: str) -> Identity:
        """The caller, who has one of the scopes.

        Raises IssuerError, and UnavailableError as long as it cannot be known.
        """
        self._credentials.admit(request)
        identity = await self._holder(request)
        if set(scopes).isdisjoint(identity.scopes):
            names = " or ".join(scopes)
            message = f"the token, key or session is not for {names}: make one that is"
            raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_scope", message)
        return identity

    async def _holder(self, request: Request) -> Identity:
        scheme, _, credential = request.headers.get("Authorization", "").partition(" ")
        token = credential.strip()
        if self._verify is None or scheme.lower() != "bearer" or api_keys.parse(token) is not None:
            return (await self._credentials.holder(request, _ANYTHING)).identity
        try:
            claims = await self._verify(token)
        except TokenError as error:
            return await self._without_token(request, error)
        return Identity(claims.subject, claims.org_id, claims.scopes)

    async def _without_token(self, request: Request, error: TokenError) -> Identity:
        """The identity of a session, which may be in the same header."""
        try:
            return (await self._credentials.holder(request, _ANYTHING)).identity
        except IssuerError as refusal:
            if refusal.status != HTTPStatus.UNAUTHORIZED:
                raise
            raise IssuerError(refusal.status, refusal.code, str(error)) from None
