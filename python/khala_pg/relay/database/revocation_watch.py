"""Keeps a relay's revocations those of the database."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from khala_pg.auth.revocations import Revocations
from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.errors import UnavailableError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi import relay as sqlapi

logger = logging.getLogger("khala.relay.revocations")


@dataclass
class RevocationWatch:
    """Reader of new revocations: after a hint, and every so often."""

    _settings: RelaySettings
    _database: Database
    _revocations: Revocations
    _on_change: Callable[[], None]
    """Called after something was revoked."""
    known: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the revocations have been read for the first time."""
    _everything: bool = True
    _hint: asyncio.Event = field(default_factory=asyncio.Event)

    def look(self) -> None:
        """Something may have been revoked."""
        self._hint.set()

    def start_over(self) -> None:
        """Reads everything anew: what was known may be another database's."""
        self._everything = True
        self._hint.set()

    async def run(self) -> None:
        """Watches until it is cancelled."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        while True:
            self._hint.clear()
            try:
                await self._ask()
            except Exception as error:
                if not isinstance(error, UnavailableError):
                    logger.exception("revocations cannot be read")
                await asyncio.sleep(backoff.next_s())
                continue
            backoff.reset()
            # A notification makes it quick; that one may be lost is what the interval is for.
            await set_within(self._hint, self._settings.revocation_poll_interval_s)

    async def _ask(self) -> None:
        everything, self._everything = self._everything, False
        try:
            changes = await self._database.call(
                sqlapi.revocations, 0 if everything else self._revocations.seen
            )
        except BaseException:
            self._everything = self._everything or everything
            raise
        self._revocations.take(changes, everything=everything)
        self.known.set()
        if changes:
            if not everything:
                logger.info("revocations that are new or lifted: %d", len(changes))
            self._on_change()
