"""`/api/lightning/security`: the switches of the control plane, for operators who are signed in.

A page cannot hold the operators' secret. What it signs in with can: a token, an API key or a
session that is for SCOPE, of the operators' organisation.
"""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.auth import api_keys
from khala_pg.auth.claims import Claims, TokenError
from khala_pg.auth.issuer import Identity, IssuerError, TokenRequest
from khala_pg.http.calls import Calls, Done, json_text, read_object
from khala_pg.http.credentials import Credentials, require_pace
from khala_pg.http.rates import Buckets
from khala_pg.sqlapi import lightning as sqlapi

SCOPE = "lightning.operate"
"""The scope of operators. It is no topic."""

Verify = Callable[[str], Awaitable[Claims]]
_ANYTHING = TokenRequest(scopes=None, ttl_s=None)


@dataclass
class Switches:
    """Switches' endpoints. verify: of tokens, None where no token is known; pace: calls of each
    subject of each organisation.
    """

    _calls: Calls
    _credentials: Credentials
    _verify: Verify | None
    _pace: Buckets

    async def answer(self, request: Request, function: str) -> Response:
        """The response to a request for one of SWITCHES."""

        async def authenticated() -> Done:
            self._credentials.admit(request)
            identity = await self._identity(request)
            if SCOPE not in identity.scopes:
                message = f"the token, key or session is not for {SCOPE}: make one that is"
                raise IssuerError(HTTPStatus.FORBIDDEN, "forbidden_scope", message)
            who = (identity.org_id, identity.subject)
            require_pace(self._pace.take(who, time.monotonic()))
            args = json_text("body", await read_object(request))
            key = request.headers.get("Idempotency-Key")
            return await self._calls.run(function, sqlapi.operate, *who, function, args, key)

        return await self._calls.answer(request, authenticated)

    async def _identity(self, request: Request) -> Identity:
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
