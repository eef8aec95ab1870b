"""`/api/lightning/security`: the switches of the control plane, for operators who are signed in.

A page cannot hold the operators' secret. What it signs in with can: a token, an API key or a
session that is for SCOPE, of the operators' organisation.
"""

import time
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from khala_pg.http.calls import Calls, Done, json_text, read_object
from khala_pg.http.credentials import require_pace
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn
from khala_pg.sqlapi import lightning as sqlapi

SCOPE = "lightning.operate"
"""The scope of operators. It is no topic."""


@dataclass
class Switches:
    """Switches' endpoints. pace: calls of each subject of each organisation."""

    _calls: Calls
    _signed_in: SignedIn
    _pace: Buckets

    async def answer(self, request: Request, function: str) -> Response:
        """The response to a request for one of SWITCHES."""

        async def authenticated() -> Done:
            identity = await self._signed_in.identity(request, SCOPE)
            who = (identity.org_id, identity.subject)
            require_pace(self._pace.take(who, time.monotonic()))
            args = json_text("body", await read_object(request))
            key = request.headers.get("Idempotency-Key")
            return await self._calls.run(function, sqlapi.operate, *who, function, args, key)

        return await self._calls.answer(request, authenticated)
