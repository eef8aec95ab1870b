"""Proves again and again that this relay can work with its database."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.errors import KhalaError, UnavailableError, UsageError
from khala_pg.relay.database.health import Health, State
from khala_pg.relay.database.pool import Database
from khala_pg.relay.settings import RelaySettings

logger = logging.getLogger("khala.relay.database")

# Calls that fail by the hundred ask for one proof.
_REST_S = 0.2


@dataclass
class Prover:
    """Proves every so often, and after a call that failed; between failures it waits ever longer.

    _on_useless: called with the reason when the first that is known of the database is that it is
    not one for this relay: another schema, a login without the role.
    """

    _settings: RelaySettings
    _database: Database
    _health: Health
    _on_useless: Callable[[KhalaError], None]
    _doubt: asyncio.Event = field(default_factory=asyncio.Event)
    _refused: UsageError | None = None
    _has_proven: bool = False

    def doubt(self, error: KhalaError) -> None:
        """A call failed in a way that may last."""
        if isinstance(error, UsageError):
            self._refused = error
        self._doubt.set()

    async def run(self) -> None:
        """Works until it is cancelled."""
        backoff = Backoff(0.1, self._settings.max_backoff_s)
        anew = True
        while True:
            self._doubt.clear()
            refused, self._refused = self._refused, None
            try:
                await self._database.prove(anew=anew)
            except UnavailableError as error:
                self._health.not_proven(error)
            except KhalaError as error:
                if not self._has_proven:
                    self._on_useless(error)
                self._health.not_proven(error)
            except Exception as error:
                logger.exception("it cannot be proven that the database serves")
                self._health.not_proven(UnavailableError(str(error)))
            else:
                backoff.reset()
                self._has_proven = True
                if refused is not None and self._health.state is State.SERVING:
                    # Not what the proof does, or it would be in the state.
                    logger.error("the database refuses a call: %s. %s", refused, refused.hint)
                self._health.proven()
                await asyncio.sleep(min(_REST_S, self._settings.slow_poll_interval_s))
                anew = await set_within(self._doubt, self._settings.slow_poll_interval_s)
                continue
            anew = True
            await asyncio.sleep(backoff.next_s())
