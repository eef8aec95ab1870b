"""Wake-ups from the database, on a connection of their own.

The connection only listens: whatever it hears, and every time it is made anew, is passed on as
"look again". That it hears at all is proven by a notification that this relay sends itself, at once
and every so often, through another connection; a deaf one is dropped and made anew.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

import psycopg
from psycopg.conninfo import make_conninfo

from khala_pg import conninfo
from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.connections import bounded, connect_async
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.relay.database.health import Health
from khala_pg.relay.database.pool import Database, conninfo_for
from khala_pg.relay.metrics import Metrics
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay_connection as sqlapi
from khala_pg.sqlapi.calls import Connection

logger = logging.getLogger("khala.relay.listener")

_PROBE = "probe:"


class ListenerError(Exception):
    """The listening connection is of no use any more."""


@dataclass
class Listener:
    """Calls back for every notification and every new connection.

    _database: sends the probes.
    _on_connect: anything may have happened while nobody listened.
    _on_notify: a topic may have moved; the payload is its name.
    """

    _settings: RelaySettings
    _database: Database
    _health: Health
    _metrics: Metrics
    _on_connect: Callable[[], None]
    _on_notify: Callable[[str], None]
    _probe: str = ""
    _heard: asyncio.Event = field(default_factory=asyncio.Event)
    _is_pooled: bool = False

    def __post_init__(self) -> None:
        given = conninfo.check(self._settings.listener_database or self._settings.database)
        # By this name the database knows how many listen (khala.telemetry), whatever name is given.
        named = make_conninfo(given, application_name="khala relay listener")
        self._conninfo = conninfo_for(named, self._settings)

    async def run(self) -> None:
        """Listens until it is cancelled, through every loss of the connection."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        while True:
            try:
                async with await connect_async(
                    self._conninfo, timeout_s=self._settings.database_timeout_s
                ) as connection:
                    async with bounded(connection, self._settings.database_timeout_s):
                        self._is_pooled = await sqlapi.is_pooled(connection)
                        if not self._is_pooled:
                            await sqlapi.stay(connection)
                        await sqlapi.listen(connection)
                    logger.debug("listening for wake-ups")
                    self._metrics.listens.inc()
                    self._on_connect()
                    async with asyncio.TaskGroup() as tasks:
                        tasks.create_task(self._prove(backoff))
                        await self._hear(connection)
            except* (psycopg.Error, ListenerError, OSError) as errors:
                self._health.not_heard(UnavailableError(str(errors.exceptions[0])))
            except* Exception as errors:
                logger.exception("the listening connection failed")
                self._health.not_heard(UnavailableError(str(errors.exceptions[0])))
            await asyncio.sleep(backoff.next_s())

    async def _hear(self, connection: Connection) -> None:
        async for notification in connection.notifies():
            if not notification.payload.startswith(_PROBE):
                self._on_notify(notification.payload)
            elif notification.payload == self._probe:
                self._heard.set()
        raise ListenerError("the listening connection ended")

    async def _prove(self, backoff: Backoff) -> None:
        unsent = Backoff(0.1, self._settings.probe_interval_s)
        while True:
            self._probe = _PROBE + secrets.token_hex(8)
            self._heard.clear()
            try:
                await self._database.call(sqlapi.notify, self._probe)
            except KhalaError:
                # Sending goes another way: it says nothing about hearing.
                await asyncio.sleep(unsent.next_s())
                continue
            unsent.reset()
            if not await set_within(self._heard, self._settings.probe_timeout_s):
                pooler = (
                    ": a pooler stands between; --listener-database is for a way past it"
                    if self._is_pooled
                    else ""
                )
                raise ListenerError(
                    f"a notification to itself was not heard within "
                    f"{self._settings.probe_timeout_s:g} s{pooler}"
                )
            backoff.reset()
            self._health.heard()
            await asyncio.sleep(self._settings.probe_interval_s)
