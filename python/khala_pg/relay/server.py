"""The relay as a whole: sockets, feeds, listener and HTTP in one event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from websockets.asyncio.server import ServerConnection

from khala_pg.auth.authority import Authority
from khala_pg.auth.keys import Keyring
from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.http.tokens import SessionAuthenticator
from khala_pg.relay.database.listener import Listener
from khala_pg.relay.database.pool import Database
from khala_pg.relay.database.revocation_watch import RevocationWatch
from khala_pg.relay.database.sequencer import Sequencer
from khala_pg.relay.delivery.checks import Checks
from khala_pg.relay.delivery.feeds import Feeds
from khala_pg.relay.delivery.pager import Supply
from khala_pg.relay.delivery.pages import Pages
from khala_pg.relay.http_server import make_http_server
from khala_pg.relay.keepalive import Keepalive
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring import socket_log
from khala_pg.relay.monitoring.gauges import Gauges
from khala_pg.relay.monitoring.gauges import read as read_gauges
from khala_pg.relay.monitoring.metrics_server import make_metrics_server
from khala_pg.relay.monitoring.telemetry_reader import TelemetryReader
from khala_pg.relay.monitoring.tracing import PageTracer, Spans
from khala_pg.relay.opening.limited_connection import LimitedConnection
from khala_pg.relay.opening.ports import Addresses, Certificate, Ports, addresses_of, bound
from khala_pg.relay.opening.socket_server import SocketServer
from khala_pg.relay.process import memory
from khala_pg.relay.process.drain import drain, end_tasks
from khala_pg.relay.session import Session
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay_connection as sqlapi

__all__ = ["Addresses", "Relay"]

logger = logging.getLogger("khala.relay")

_TRACE_S = 1.0
_NOTSENT_BYTES = 256 * 1024


class Relay:
    """One relay process. `run` is its whole life."""

    def __init__(
        self,
        settings: RelaySettings,
        keyring: Keyring,
        load_keyring: Callable[[], Keyring] | None = None,
        authenticate_session: SessionAuthenticator | None = None,
        spans: Spans | None = None,
    ) -> None:
        """
        load_keyring: reads the keyring again at every `reload`, raises KeyringError.
        authenticate_session: whom a session of the host application belongs to; for tokens.
        spans: where the traces of writers go on; closed when `run` ends. None: nothing is traced.
        """
        self._settings = settings
        self._authenticate_session = authenticate_session
        self._authority = Authority(keyring, load_keyring)
        self._certificate = Certificate.given(settings.tls_certificate, settings.tls_key)
        self._metrics = Metrics()
        self._socket_server = SocketServer(
            settings, self._authority, self._why_unready, self._is_full, self._metrics
        )
        self._sessions: set[Session] = set()
        self._ended = memory.EndedSockets()
        self._keepalive = Keepalive(self._sessions, settings, self._authority, self._metrics)
        self._epoch: str | None = None
        self._max_payload_bytes = 0
        self._database = Database(settings, self._note_terms)
        self._spans = spans
        self._tracer = None if spans is None else PageTracer(self._database, spans)
        self._feeds = Feeds(self._database, settings, self._metrics, self._spawn, self._tracer)
        self._watch = RevocationWatch(
            settings, self._database, self._authority.revocations, self._keepalive.check_all
        )
        self._sequencer = Sequencer(settings, self._database, self._metrics)
        self._listener = Listener(
            settings, self._database, self._metrics, self._on_listening, self._on_notify
        )
        self._supply = Supply(
            settings,
            self._database,
            self._feeds,
            Checks(settings, self._database),
            Pages(settings, self._database, self._metrics.replay_reads.inc, self._spawn),
            self._metrics,
        )
        self._telemetry = TelemetryReader(self._database)
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._is_draining = False
        self._fatal: KhalaError | None = None

    async def run(
        self, stop: asyncio.Event, on_serving: Callable[[Addresses], None] | None = None
    ) -> None:
        """Serves until `stop` is set, then drains.

        on_serving: called when the ports answer; the database may still be away.

        Raises UsageError when a port cannot be had or the database's schema is not one it knows.
        """
        memory.keep_freed()
        memory.collect_rarely()
        with bound(self._settings) as ports:
            await self._database.open()
            try:
                async with asyncio.TaskGroup() as self._group:
                    await self._serve(stop, on_serving, ports)
                    await end_tasks(self._tasks)
            finally:
                await self._database.close()
                if self._spans is not None:
                    self._spans.close()
        if self._fatal is not None:
            raise self._fatal

    @property
    def feed_count(self) -> int:
        """The number of live feeds: one for each topic that has subscribers."""
        return len(self._feeds)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that this process holds for sockets."""
        return sum(session.connection.unsent_bytes for session in self._sessions)

    async def unready(self) -> str | None:
        """The reason why no traffic should come here; None when it should."""
        return self._why_unready()

    def _why_unready(self) -> str | None:
        if self._is_draining:
            return "the relay is stopping"
        if not self._database.is_available:
            return "the database cannot be reached"
        if not self._authority.revocations.known:
            return "it is not known yet which tokens are revoked"
        if not self._listener.is_connected:
            return "wake-ups from the database are not heard"
        return None

    async def _serve(
        self,
        stop: asyncio.Event,
        on_serving: Callable[[Addresses], None] | None,
        ports: Ports,
    ) -> None:
        self._spawn(self._start(stop))
        for work in (
            self._authority.run,
            self._watch.run,
            self._listener.run,
            self._sequencer.run,
            self._poll,
            self._keepalive.run,
            self._keepalive.push_heartbeats,
        ):
            self._spawn(work())
        if self._tracer is not None:
            self._spawn(self._tracer.run())
        tls = None if self._certificate is None else self._certificate.context
        http = make_http_server(
            self._database,
            self._authority,
            self._authenticate_session,
            self.unready,
            self._settings,
            tls,
            self._metrics.answered,
        )
        metrics = make_metrics_server(self._metrics, self._read_gauges, self._settings)
        servers = [(http, ports.http), (metrics, ports.metrics)]
        assert self._group is not None
        done = [self._group.create_task(server.serve([sock])) for server, sock in servers if sock]
        async with self._socket_server.serve(ports.ws, tls, self._handle) as server:
            addresses = addresses_of(ports, is_tls=tls is not None)
            logger.info("serving ws=%s http=%s", addresses.ws, addresses.http)
            if on_serving is not None:
                on_serving(addresses)
            await stop.wait()
            http.should_exit = True
            self._is_draining = True
            await drain(server, self._sessions, self._settings)
        if self._tracer is not None:
            await self._tracer.finish(_TRACE_S)
        # How it ended can be read to the last.
        metrics.should_exit = True
        await asyncio.gather(*done)

    def _is_full(self) -> bool:
        return self._is_draining or len(self._sessions) >= self._settings.max_connections

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, LimitedConnection)
        claims = connection.claims
        assert claims is not None
        connection.limit_kernel_buffer(_NOTSENT_BYTES)
        connection.forget_opening()
        session = Session(
            connection,
            claims,
            self._supply,
            self._authority.verify,
            self._served_epoch,
            lambda: self._max_payload_bytes,
            self._spawn,
        )
        self._sessions.add(session)
        self._metrics.opened.inc()
        opened_at = connection.loop.time()
        try:
            await session.run()
        finally:
            self._sessions.discard(session)
            socket_log.log_end(
                connection, claims, self._metrics, connection.loop.time() - opened_at
            )
            self._ended.add(len(self._sessions))

    async def _read_gauges(self) -> Gauges:
        return read_gauges(
            await self._telemetry.read(),
            self._sessions,
            self._feeds,
            ready=self._why_unready() is None,
            listening=self._listener.is_connected,
        )

    def reload(self) -> bool:
        """Reads keyring and certificate again; whether that went well.

        What cannot be used is reported and changes nothing. Sockets of withdrawn keys are closed;
        a new certificate is for new connections.
        """
        done = [self._authority.reload()]
        if self._certificate is not None:
            done.append(self._certificate.reload())
        self._keepalive.check_all()
        return all(done)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        assert self._group is not None
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note_terms(self, epoch: str, max_payload_bytes: int) -> None:
        self._max_payload_bytes = max_payload_bytes
        if self._epoch is not None and epoch != self._epoch:
            logger.warning("the epoch changed from %s to %s: clients resync", self._epoch, epoch)
            # Each feed asks under its own epoch, and so finds out at its next pull.
            self._feeds.wake()
            self._watch.start_over()
        self._epoch = epoch

    def _served_epoch(self) -> str | None:
        # Nobody is served as long as it is not known who must not be.
        return self._epoch if self._authority.revocations.known else None

    def _on_listening(self) -> None:
        self._feeds.wake()
        self._watch.start_over()
        self._sequencer.look()

    def _on_notify(self, payload: str) -> None:
        if payload == sqlapi.REVOKED:
            self._watch.look()
        elif payload.startswith(sqlapi.STAGED):
            self._sequencer.look(payload.removeprefix(sqlapi.STAGED))
        else:
            self._feeds.wake(payload)

    async def _start(self, stop: asyncio.Event) -> None:
        """Waits for the database; gives up only if its schema is of no use."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        while True:
            try:
                await self._database.check_schema()
                self._note_terms(*await self._database.call(sqlapi.terms))
            except UnavailableError:
                await asyncio.sleep(backoff.next_s())
            except KhalaError as error:
                self._fatal = error
                stop.set()
                return
            else:
                return

    async def _poll(self) -> None:
        """Looks every so often whether anything moved, whatever was heard."""
        while True:
            await asyncio.sleep(self._settings.slow_poll_interval_s)
            try:
                self._note_terms(*await self._database.call(sqlapi.terms))
                await self._feeds.look()
            except UnavailableError:
                continue
            except Exception:
                logger.exception("the heads of topics cannot be read")
                self._feeds.wake()
