"""Routes of the control plane, for every server that has them."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from khala_pg.http.calls import Calls, Connect, Note
from khala_pg.http.credentials import Credentials
from khala_pg.http.paths import OwnPath
from khala_pg.http.rates import Buckets
from khala_pg.lightning.api.openapi import document
from khala_pg.lightning.api.operations import DOCUMENT, OPERATORS, OWNERS_OPERATIONS, SWITCHES
from khala_pg.lightning.api.operators import Operators
from khala_pg.lightning.api.owners import Owners
from khala_pg.lightning.api.switches import Switches, Verify
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
    calls = Calls(connect, note, settings.retry_after_s)
    operators = Operators(calls, settings.lightning_ops_secret, Buckets(most / 60, most))
    owners = Owners(calls, credentials, Buckets(most / 60, most))
    switches = Switches(calls, credentials, verify, Buckets(most / 60, most))
    by_path: dict[str, dict[str, str]] = {}
    for operation in OWNERS_OPERATIONS:
        by_path.setdefault(operation.path, {})[operation.method] = operation.name

    def endpoint(names: dict[str, str]) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            # What takes GET takes HEAD.
            return await owners.answer(request, names[request.method.replace("HEAD", "GET")])

        return answer

    def switch(function: str) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            return await switches.answer(request, function)

        return answer

    return [
        OwnPath(DOCUMENT, _document),
        OwnPath(f"{OPERATORS}/query", operators.query, methods=["POST"]),
        OwnPath(f"{OPERATORS}/mutation", operators.mutation, methods=["POST"]),
        *(OwnPath(path, endpoint(names), methods=list(names)) for path, names in by_path.items()),
        *(OwnPath(each.path, switch(name), methods=[each.method]) for name, each in SWITCHES),
    ]


async def _document(request: Request) -> Response:
    return JSONResponse(document())
