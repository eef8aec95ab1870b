"""The HTTP endpoints beside the sockets, in the same event loop."""

import asyncio
import contextlib
import math
import ssl
from collections.abc import AsyncIterator, Generator, Sequence
from http import HTTPStatus
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from khala_pg.auth.authority import Authority
from khala_pg.auth.claims import Claims
from khala_pg.auth.issuer import Issuer
from khala_pg.errors import UnavailableError
from khala_pg.http.app import Ready, create_app
from khala_pg.http.bounded import Refused
from khala_pg.http.calls import Note as CallNote
from khala_pg.http.credentials import Credentials, SessionAuthenticator
from khala_pg.http.edge import Origins, Proxies
from khala_pg.http.measured import Note, measured
from khala_pg.http.timed_protocol import counted
from khala_pg.http.tokens import TokenEndpoint
from khala_pg.lightning.api.routes import lightning_routes
from khala_pg.page.routes import page_api_routes
from khala_pg.relay.database.pool import Database
from khala_pg.relay.opening.limits import counts_for
from khala_pg.relay.opening.refusal_log import RefusalLog
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi
from khala_pg.sqlapi.calls import Connection
from khala_pg.workers.routes import worker_routes


class HttpServer(uvicorn.Server):
    """A uvicorn that leaves signals to the relay; `should_exit` ends it."""

    @property
    def app(self) -> ASGIApp:
        """The application that it serves."""
        return cast("ASGIApp", self.config.app)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


def make_http_server(
    database: Database,
    authority: Authority,
    authenticate_session: SessionAuthenticator | None,
    ready: Ready,
    settings: RelaySettings,
    tls: ssl.SSLContext | None,
    note: Note,
    note_lightning: CallNote,
    note_runtime: CallNote,
    note_page: CallNote,
    ws_port: int,
) -> HttpServer:
    """A server for snapshots, documents, flags and tokens; `serve` runs it on bound sockets.

    authenticate_session: whom a session of the host application belongs to, if it has sessions.
    note: called for each request. note_lightning, note_runtime, note_page: for each call of the
    Lightning control plane, of the API of runs and codex workers, and of the admin page.
    ws_port: of sockets.
    """

    # However many ask at once, live feeds do not queue behind them for a connection.
    slots = asyncio.Semaphore(max(1, settings.pool_size // 4))

    @contextlib.asynccontextmanager
    async def connect() -> AsyncIterator[Connection]:
        async with slots, database.connection() as connection:
            yield connection

    async def ask(
        key_id: str, secret_hash: bytes, subject: str | None, org_id: str | None
    ) -> sqlapi.KeyHolder | None:
        async with slots:
            call = sqlapi.authenticate_api_key
            return await database.call(call, key_id, secret_hash, subject, org_id)

    async def scopes_beyond(requested: Sequence[str], allowed: Sequence[str]) -> list[str]:
        async with slots:
            return await database.call(sqlapi.scopes_beyond, requested, allowed)

    async def verify(token: str) -> Claims:
        if not authority.revocations.known:
            raise UnavailableError("it is not known yet which tokens are revoked")
        return await authority.verify(token)

    origins = Origins(settings.origins, settings.host)
    proxies = Proxies(settings.trusted_proxies)
    credentials = Credentials(
        ask,
        authenticate_session,
        origins,
        proxies,
        max_refused_per_minute=settings.max_tokens_per_minute,
    )
    issuer = Issuer(lambda: authority.keyring, settings.token_ttl_s)
    tokens = TokenEndpoint(
        issuer,
        credentials,
        scopes_beyond,
        max_per_minute=settings.max_tokens_per_minute,
        retry_after_s=settings.retry_after_s,
    )
    refusals = RefusalLog("a request was refused", lambda status: None)
    others = [
        *lightning_routes(connect, credentials, settings, note_lightning, verify),
        *worker_routes(connect, credentials, settings, note_runtime, verify),
    ]
    if settings.has_page:
        others += page_api_routes(
            connect, credentials, issuer, settings, ws_port, note_page, verify
        )
    app = create_app(connect, verify, ready, settings, tokens, refusals.note, others)
    return serving_clients(app, note, refusals, settings, tls)


def serving_clients(
    app: ASGIApp,
    note: Note,
    refusals: RefusalLog,
    settings: RelaySettings,
    tls: ssl.SSLContext | None,
) -> HttpServer:
    """A server of an application for clients. note: called for each request."""
    proxies = Proxies(settings.trusted_proxies)
    return serving(
        measured(app, note),
        counted(settings.open_timeout_s, counts_for(settings, proxies), unreadable(note, refusals)),
        settings.drain_timeout_s,
        settings.max_head_bytes,
        ssl_context_factory=None if tls is None else lambda config, default: tls,
    )


def unreadable(note: Note, refusals: RefusalLog) -> Refused:
    """Notes the refusals of what never became a request."""

    def refused(address: str, status: HTTPStatus, code: str) -> None:
        note("unreadable", status, 0.0)
        refusals.note(address, status, code)

    return refused


def serving(
    app: ASGIApp,
    protocol: type[H11Protocol],
    drain_timeout_s: float,
    max_head_bytes: int,
    **settings: Any,
) -> HttpServer:
    """A server of an application. settings: further ones of uvicorn."""
    return HttpServer(
        uvicorn.Config(
            app,
            lifespan="off",
            http=protocol,
            # Sockets are opened on the other port, under its limits.
            ws="none",
            # Its headers are judged by khala_pg.http.edge, which trusts nobody who was not named.
            proxy_headers=False,
            # What uvicorn would log of a request is its line, and the relay configures logging.
            access_log=False,
            log_config=None,
            # It warns of every request that it cannot read; those are counted and logged here.
            log_level="error",
            server_header=False,
            timeout_graceful_shutdown=math.ceil(drain_timeout_s),
            h11_max_incomplete_event_size=max_head_bytes,
            **settings,
        )
    )
