"""Routes of the control plane, for every server that has them."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from khala_pg.http.calls import Calls, Connect, Note
from khala_pg.http.credentials import Credentials
from khala_pg.http.operations import routes_of
from khala_pg.http.paths import OwnPath
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn, Verify
from khala_pg.lightning.api.openapi import document
from khala_pg.lightning.api.operations import DOCUMENT, OPERATORS, OWNERS_OPERATIONS, SWITCHES
from khala_pg.lightning.api.operators import Operators
from khala_pg.lightning.api.owners import Owners
from khala_pg.lightning.api.switches import Switches
from khala_pg.relay.settings import RelaySettings


def lightning_routes(
    connect: Connect,
    credentials: Credentials,
    settings: RelaySettings,
    note: Note,
    verify: Verify | None = None,
) -> Sequence[BaseRoute]:
    """The routes. note: called for each call. verify: of tokens; None: this server knows none."""
    most = settings.max_lightning_calls_per_minute
    calls = Calls("khala.lightning", connect, note, settings.retry_after_s)
    operators = Operators(calls, settings.lightning_ops_secret, Buckets(most / 60, most))
    owners = Owners(calls, credentials, Buckets(most / 60, most))
    switches = Switches(calls, SignedIn(credentials, verify), Buckets(most / 60, most))

    def switch(function: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await switches.answer(request, function)

        return answer

    return [
        OwnPath(DOCUMENT, _document),
        OwnPath(f"{OPERATORS}/query", operators.query, methods=["POST"]),
        OwnPath(f"{OPERATORS}/mutation", operators.mutation, methods=["POST"]),
        *routes_of(OWNERS_OPERATIONS, owners.answer),
        *(OwnPath(each.path, switch(name), methods=[each.method]) for name, each in SWITCHES),
    ]


async def _document(request: Request) -> Response:
    return JSONResponse(document())
