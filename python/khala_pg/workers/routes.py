"""Routes of the API of runs and codex workers."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from khala_pg.http.calls import Calls, Connect, Note
from khala_pg.http.credentials import Credentials
from khala_pg.http.operations import routes_of
from khala_pg.http.paths import OwnPath
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn, Verify
from khala_pg.relay.settings import RelaySettings
from khala_pg.workers.endpoints import Workers
from khala_pg.workers.openapi import document
from khala_pg.workers.operations import DOCUMENT, OPERATIONS


def worker_routes(
    connect: Connect,
    credentials: Credentials,
    settings: RelaySettings,
    note: Note,
    verify: Verify,
) -> Sequence[BaseRoute]:
    """The routes. note: called for each call. verify: of tokens."""
    most = settings.max_runtime_calls_per_minute
    calls = Calls("khala.workers", connect, note, settings.retry_after_s)
    workers = Workers(calls, SignedIn(credentials, verify), Buckets(most / 60, most))
    return [
        OwnPath(DOCUMENT, _document),
        # An id may have slashes.
        *routes_of(OPERATIONS, workers.answer, {"worker_id": "anytext", "run_id": "anytext"}),
    ]


async def _document(request: Request) -> Response:
    return JSONResponse(document())
