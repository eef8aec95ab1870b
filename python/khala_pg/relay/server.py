"""The relay as a whole: sockets, feeds, listener and HTTP in one event loop."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from khala_pg.auth.authority import Authority
from khala_pg.auth.keys import Keyring
from khala_pg.errors import KhalaError
from khala_pg.http.credentials import SessionAuthenticator
from khala_pg.relay.database.health import Health
from khala_pg.relay.database.heartbeats import watch_heartbeats
from khala_pg.relay.database.listener import Listener
from khala_pg.relay.database.pool import Database
from khala_pg.relay.database.proof import Terms
from khala_pg.relay.database.prover import Prover
from khala_pg.relay.database.revocation_watch import RevocationWatch
from khala_pg.relay.database.sequencer import Sequencer
from khala_pg.relay.delivery.checks import Checks
from khala_pg.relay.delivery.feeds import Feeds
from khala_pg.relay.delivery.pager import Supply
from khala_pg.relay.delivery.pages import Pages
from khala_pg.relay.http_server import make_http_server
from khala_pg.relay.keepalive import Keepalive
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.monitoring.gauges import Gauges
from khala_pg.relay.monitoring.gauges import read as read_gauges
from khala_pg.relay.monitoring.metrics_server import make_metrics_server
from khala_pg.relay.monitoring.reports import Reporter
from khala_pg.relay.monitoring.telemetry_reader import TelemetryReader
from khala_pg.relay.monitoring.tracing import PageTracer, Spans
from khala_pg.relay.opening.ports import Addresses, Certificate, Ports, addresses_of, bound
from khala_pg.relay.opening.socket_server import SocketServer
from khala_pg.relay.process import memory
from khala_pg.relay.process.drain import drain, end_tasks
from khala_pg.relay.session import Session
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.sockets import Sockets
from khala_pg.sqlapi import relay_connection as sqlapi

__all__ = ["Addresses", "Relay"]

logger = logging.getLogger("khala.relay")

_TRACE_S = 1.0


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
        self.metrics = Metrics()
        self._socket_server = SocketServer(
            settings, self._authority, self._why_unready, self._is_full, self.metrics
        )
        self._sessions: set[Session] = set()
        self._keepalive = Keepalive(self._sessions, settings, self._authority, self.metrics)
        self._terms: Terms | None = None
        self._serves = asyncio.Event()
        self.health = Health(self._serves.set)
        self.database = Database(settings, self._note_terms, self._on_doubt)
        self._prover = Prover(settings, self.database, self.health, self._give_up)
        self._spans = spans
        self._tracer = None if spans is None else PageTracer(self.database, spans)
        self._feeds = Feeds(self.database, settings, self.metrics, self._spawn, self._tracer)
        self._watch = RevocationWatch(
            settings, self.database, self._authority.revocations, self._keepalive.check_all
        )
        self._sequencer = Sequencer(settings, self.database, self.metrics)
        self._listener = Listener(
            settings,
            self.database,
            self.health,
            self.metrics,
            self._on_listening,
            self._on_notify,
        )
        supply = Supply(
            settings,
            self.database,
            self._feeds,
            Checks(settings, self.database),
            Pages(settings, self.database, self.metrics.replay_reads.inc, self._spawn),
            self.metrics,
        )
        self._sockets = Sockets(
            self._sessions,
            supply,
            self._authority,
            self.metrics,
            self._served_epoch,
            lambda: 0 if self._terms is None else self._terms.max_payload_bytes,
            self._spawn,
        )
        self._telemetry = TelemetryReader(self.database)
        self._reporter = Reporter(self.database, self.metrics, self._sessions)
        self._tasks: set[asyncio.Task[None]] = set()
        self._group: asyncio.TaskGroup | None = None
        self._is_draining = False
        self._fatal: KhalaError | None = None

    async def run(
        self,
        stop: asyncio.Event,
        on_serving: Callable[[Addresses], None] | None = None,
        on_ready: Callable[[Addresses], None] | None = None,
    ) -> None:
        """Serves until `stop` is set, then drains.

        on_serving: called when the ports are open; the database may still be away.
        on_ready: called when it is ready for the first time: clients can join.

        Raises UsageError when a port cannot be had or the database's schema is not one it knows.
        """
        self._stop = stop
        memory.keep_freed()
        memory.collect_rarely()
        with bound(self._settings) as ports:
            await self.database.open()
            try:
                async with asyncio.TaskGroup() as self._group:
                    await self._serve(stop, on_serving, on_ready, ports)
                    await end_tasks(self._tasks)
            finally:
                await self.database.close()
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
        if self.health.why_unready is None and not self._authority.revocations.known:
            return "it is not known yet which tokens are revoked"
        return self.health.why_unready

    async def _announce(self, addresses: Addresses, on_ready: Callable[[Addresses], None]) -> None:
        await self._watch.known.wait()
        await self._serves.wait()
        on_ready(addresses)

    async def _serve(
        self,
        stop: asyncio.Event,
        on_serving: Callable[[Addresses], None] | None,
        on_ready: Callable[[Addresses], None] | None,
        ports: Ports,
    ) -> None:
        for work in (
            self._authority.run,
            self._prover.run,
            self._watch.run,
            self._listener.run,
            self._sequencer.run,
            self._feeds.poll,
            self._keepalive.run,
            self._keepalive.push_heartbeats,
        ):
            self._spawn(work())
        self._spawn(watch_heartbeats(self._settings, self.database, self.metrics))
        self._spawn(self._reporter.run(self._serves))
        if self._tracer is not None:
            self._spawn(self._tracer.run())
        tls = None if self._certificate is None else self._certificate.context
        http = make_http_server(
            self.database,
            self._authority,
            self._authenticate_session,
            self.unready,
            self._settings,
            tls,
            self.metrics.answered,
            self.metrics.lightning.note,
            self.metrics.runtime.note,
            self.metrics.page.note,
            ports.ws.getsockname()[1],
        )
        metrics = make_metrics_server(self.metrics, self._read_gauges, self._settings)
        servers = [(http, ports.http), (metrics, ports.metrics)]
        assert self._group is not None
        done = [self._group.create_task(server.serve([sock])) for server, sock in servers if sock]
        serve = self._sockets.serve
        async with self._socket_server.serve(ports.ws, tls, serve, http.app) as server:
            addresses = addresses_of(ports, is_tls=tls is not None)
            logger.info("listening on ws=%s http=%s", addresses.ws, addresses.http)
            if on_serving is not None:
                on_serving(addresses)
            if on_ready is not None:
                self._spawn(self._announce(addresses, on_ready))
            await stop.wait()
            http.should_exit = True
            self._is_draining = True
            await drain(server, self._sessions, self._settings)
        await self._reporter.stop()
        if self._tracer is not None:
            await self._tracer.finish(_TRACE_S)
        # How it ended can be read to the last.
        metrics.should_exit = True
        await asyncio.gather(*done)

    def _is_full(self) -> bool:
        return self._is_draining or len(self._sessions) >= self._settings.max_connections

    async def _read_gauges(self) -> Gauges:
        return read_gauges(
            await self._telemetry.read(),
            self._sessions,
            self._feeds,
            state=self.health.state,
            ready=self._why_unready() is None,
            listening=self.health.hears,
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

    def _note_terms(self, terms: Terms) -> None:
        before, self._terms = self._terms, terms
        if before is not None and terms.epoch != before.epoch:
            logger.warning(
                "the epoch changed from %s to %s: clients resync", before.epoch, terms.epoch
            )
            # Each feed asks under its own epoch, and so finds out at its next pull.
            self._feeds.wake()
            self._watch.start_over()

    def _on_doubt(self, error: KhalaError) -> None:
        self._prover.doubt(error)

    def _served_epoch(self) -> str | None:
        # Nobody is served as long as it is not known who must not be.
        if self._terms is None or not self._authority.revocations.known:
            return None
        return self._terms.epoch

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

    def _give_up(self, error: KhalaError) -> None:
        self._fatal = error
        self._stop.set()
