"""Routes of the admin page's API."""

from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute

from khala_pg.auth.issuer import Issuer
from khala_pg.http.calls import Calls, Connect, Note
from khala_pg.http.credentials import Credentials
from khala_pg.http.edge import Proxies
from khala_pg.http.operations import routes_of
from khala_pg.http.paths import OwnPath
from khala_pg.http.rates import Buckets
from khala_pg.http.signed_in import SignedIn, Verify
from khala_pg.page.openapi import document
from khala_pg.page.operations import DOCUMENT, OPERATIONS
from khala_pg.page.reads import Reads
from khala_pg.page.sessions import DEV_TOKEN, PATH, Sessions
from khala_pg.relay.settings import RelaySettings


def page_api_routes(
    connect: Connect,
    credentials: Credentials,
    issuer: Issuer,
    settings: RelaySettings,
    ws_port: int,
    note: Note,
    verify: Verify,
) -> Sequence[BaseRoute]:
    """The routes. ws_port: of sockets. note: called for each call. verify: of tokens."""
    proxies = Proxies(settings.trusted_proxies)

    def is_secure(request: Request) -> bool:
        return proxies.client_of(request).is_secure

    def ws_url(request: Request) -> str:
        if settings.page_ws_url is not None:
            return settings.page_ws_url
        # The name by which the page came here.
        host = request.url.hostname or settings.host
        shown = f"[{host}]" if ":" in host else host
        return f"ws{'s' * is_secure(request)}://{shown}:{ws_port}/socket/websocket"

    calls = Calls("khala.page", connect, note, settings.retry_after_s)
    tokens, most = settings.max_tokens_per_minute, settings.max_admin_calls_per_minute
    sessions = Sessions(
        calls,
        credentials,
        issuer,
        is_secure,
        ws_url,
        settings.dev_session,
        Buckets(tokens / 60, tokens),
    )
    reads = Reads(calls, SignedIn(credentials, verify), Buckets(most / 60, most))
    return [
        OwnPath(DOCUMENT, _document),
        OwnPath(f"{PATH}/sign-in", sessions.sign_in, methods=["POST"]),
        OwnPath(f"{PATH}/session", sessions.session),
        OwnPath(f"{PATH}/token", sessions.token, methods=["POST"]),
        OwnPath(f"{PATH}/sign-out", sessions.sign_out, methods=["POST"]),
        *([] if settings.dev_session is None else [OwnPath(DEV_TOKEN, sessions.dev_token)]),
        *routes_of(OPERATIONS, reads.answer),
    ]


async def _document(request: Request) -> Response:
    return JSONResponse(document())
