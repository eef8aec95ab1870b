"""Worker of a publisher: claims updates, delivers them at the same time, reports the results.

It holds nothing that matters. Killed anywhere, its claims are due again for the next worker; the
database decides what is claimed, in which order, and what becomes of each result.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.connections import AsyncConnection, bounded, connect_async
from khala_pg.errors import KhalaError, UnavailableError, UsageError, from_psycopg
from khala_pg.logs import one_line
from khala_pg.publish.results import Result
from khala_pg.sqlapi import publish as sqlapi
from khala_pg.sqlapi.publish import Batch, Update
from khala_pg.sqlapi.relay_connection import is_pooled, listen
from khala_pg.sqlapi.roles import PUBLISHER, explained

logger = logging.getLogger("khala.publish")

Deliver = Callable[[Update], Awaitable[Result]]

_DATABASE_TIMEOUT_S = 30.0
_MAX_BACKOFF_S = 30.0
# Lost notifications cost this much.
_SLOW_POLL_S = 5.0
# Results and claims of so long share a call, its transaction and its flush: of 500 updates a second
# those took more processor time than the requests.
_ROUND_S = 0.04
# A backlog does not wait for that: so large a share of the deliveries has a call of its own.
_WORTH = 1 / 4
# A writer at work is looked after by polling: a notification at each write would cost it more.
_SHORTEST_POLL_S, _LONGEST_POLL_S = 0.02, 1.0
_AWAKE_POLLS = 5
# From the claim to the begin of a delivery, and from its end to the other side's.
_LEASE_SLACK_S = 1.0


@dataclass(frozen=True, slots=True)
class Settings:
    """How a worker works.

    delivery_s: time limit of one delivery. once: it ends when nothing is left, and waits up to
    patience_s for updates that failed.
    base_delay_s, max_delay_s: of the back-off between tries of an update.
    """

    publisher: str
    database: str
    delivery_s: float
    concurrency: int = 128
    once: bool = False
    patience_s: float = 10.0
    base_delay_s: float = 0.5
    max_delay_s: float = 60.0


@dataclass
class Worker:
    """One run of a worker.

    on_open: called each time it begins to work. on_busy: another worker is at it. counts: results
    of this run by outcome.

    _landed is set by each delivery that ends, _worth when those that did are worth a call.
    """

    _settings: Settings
    _deliver: Deliver
    _stop: asyncio.Event
    _on_open: Callable[[], None] = lambda: None
    _on_busy: Callable[[], None] = lambda: None
    counts: dict[str, int] = field(
        default_factory=lambda: {"delivered": 0, "failed": 0, "refused": 0}
    )
    _results: list[dict[str, Any]] = field(default_factory=list)
    _flying: set[asyncio.Task[None]] = field(default_factory=set)
    _landed: asyncio.Event = field(default_factory=asyncio.Event)
    _worth: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Works until it is stopped, or, once, until nothing is left. Raises KhalaError."""
        backoff = Backoff(0.25, _MAX_BACKOFF_S)
        while not self._stop.is_set():
            try:
                async with await connect_async(
                    self._settings.database,
                    application_name="khala publish",
                    timeout_s=_DATABASE_TIMEOUT_S,
                ) as connection:
                    await self._prepare(connection)
                    backoff.reset()
                    if not self._stop.is_set():
                        await self._work(connection)
                    return
            except (psycopg.Error, TimeoutError, OSError) as error:
                reason = _explained(error)
                if self._settings.once or not isinstance(reason, UnavailableError):
                    raise reason from error
                logger.warning("%s", reason)
            finally:
                # Two versions of a document must not be under way at once, and these claims end
                # with the connection.
                await self._land()
            await set_within(self._stop, backoff.next_s())

    async def _prepare(self, connection: AsyncConnection) -> None:
        async with bounded(connection, _DATABASE_TIMEOUT_S):
            if await is_pooled(connection):
                raise UsageError(
                    "a pooler stands between this publisher and the database",
                    "A publisher holds a lock and listens for as long as it works: pass --database "
                    "with a way past the pooler.",
                )
            await sqlapi.set_parameters(connection, round(_DATABASE_TIMEOUT_S * 1000))
            await listen(connection)
        said = False
        while not self._stop.is_set():
            async with bounded(connection, _DATABASE_TIMEOUT_S), explained(connection, PUBLISHER):
                opened = await sqlapi.open_publisher(connection, self._settings.publisher)
            if opened.state == "open":
                self._on_open()
                return
            if not said:
                self._on_busy()
                said = True
            await set_within(self._stop, _LONGEST_POLL_S)

    async def _work(self, connection: AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + self._settings.patience_s
        quiet = 0
        while True:
            began = loop.time()
            self._landed.clear()
            self._worth.clear()
            results = self._take_results()
            sleepy = quiet >= _AWAKE_POLLS and not self._flying
            async with bounded(connection, _DATABASE_TIMEOUT_S):
                batch = await self._round(connection, results, sleepy)
            for update in batch.updates:
                self._start(update, began + self._lease_s)
            if results or batch.updates:
                quiet = 0
            if any(result["outcome"] == "delivered" for result in results):
                patient_until = loop.time() + self._settings.patience_s
            if batch.state == "more" and not batch.updates:
                continue
            idle = not (self._flying or self._results)
            if idle and self._is_finished(batch, loop.time() > patient_until):
                return
            quiet = await self._wait(connection, batch, quiet)
            await set_within(self._worth, began + _ROUND_S - loop.time())

    async def _round(
        self, connection: AsyncConnection, results: list[dict[str, Any]], sleepy: bool
    ) -> Batch:
        """Reports results, and claims what there is room for."""
        settings = self._settings
        free = settings.concurrency - len(self._flying)
        if free and not self._stop.is_set():
            return await sqlapi.publisher_next(
                connection,
                settings.publisher,
                free,
                sleepy,
                self._lease_s,
                results,
            )
        if results:
            await sqlapi.publisher_report(connection, settings.publisher, results)
        return Batch("stopping" if self._stop.is_set() else "full", None, [])

    def _is_finished(self, batch: Batch, impatient: bool) -> bool:
        if batch.state == "stopping":
            return True
        if not self._settings.once or batch.updates or batch.state in {"more", "full"}:
            return False
        if batch.state == "paused":
            return True
        waits = batch.wait_s is not None or batch.state == "down"
        return impatient or not waits

    async def _wait(self, connection: AsyncConnection, batch: Batch, quiet: int) -> int:
        """Waits for what may change something; the number of times that nothing has."""
        if self._results:
            return 0
        if batch.state == "stopping" or len(self._flying) >= self._settings.concurrency:
            await self._landed.wait()
            return 0
        if batch.state == "down" and self._flying:
            # The next try comes after this one.
            await self._either(self._landed, _SLOW_POLL_S)
            return 0
        poll_s = min(_SHORTEST_POLL_S * 2.0 ** min(quiet, 30), _LONGEST_POLL_S)
        if batch.state == "down":
            poll_s = max(batch.wait_s or 0.0, _SHORTEST_POLL_S)
        elif batch.state in {"armed", "paused"}:
            poll_s = _SLOW_POLL_S
        if batch.wait_s is not None:
            poll_s = min(poll_s, max(batch.wait_s, _SHORTEST_POLL_S))
        if batch.state in {"armed", "paused"} and not self._flying:
            await self._hear(connection, poll_s)
            return 0
        await self._either(self._landed, poll_s)
        return quiet + 1

    async def _either(self, event: asyncio.Event, seconds: float) -> None:
        """Waits for an event or the stop."""
        waits = [asyncio.create_task(each.wait()) for each in (event, self._stop)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    async def _hear(self, connection: AsyncConnection, seconds: float) -> None:
        """Waits for a notification or the stop."""

        async def hear() -> None:
            async for _ in connection.notifies(timeout=seconds, stop_after=1):
                pass

        hearing = asyncio.create_task(hear())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({hearing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            hearing.cancel()
            [heard] = await asyncio.gather(hearing, return_exceptions=True)
        if isinstance(heard, Exception):
            raise heard

    @property
    def _lease_s(self) -> float:
        return self._settings.delivery_s + _LEASE_SLACK_S

    def _start(self, update: Update, until: float) -> None:
        self._flying.add(asyncio.create_task(self._fly(update, until)))

    async def _fly(self, update: Update, until: float) -> None:
        try:
            result = await self._try(update, until)
            self._results.append(result)
        finally:
            # Not by a callback, which would come after those that wait for the events.
            task = asyncio.current_task()
            assert task is not None
            self._flying.remove(task)
            self._landed.set()
            # Where nothing else is under way nothing is gained by waiting, and a document that is
            # written all the time goes on with its next version.
            if not self._flying or len(self._results) >= self._settings.concurrency * _WORTH:
                self._worth.set()

    async def _try(self, update: Update, until: float) -> dict[str, Any]:
        """The delivery's entry for khala.publisher_report. until: time of the loop when its claim
        ends, after which another worker may deliver a later version."""
        try:
            # A process that was stopped, and a response that came late, begin nothing any more.
            if asyncio.get_running_loop().time() >= until:
                raise TimeoutError
            async with asyncio.timeout_at(until):
                result = await self._deliver(update)
        except TimeoutError:
            result = Result("failed", "its claim ended before there was a response")
        except Exception as error:
            # A fault of the sender must not end the others; the update stays.
            logger.exception("the delivery of %s of %s failed", update.doc_key, update.topic)
            result = Result("failed", f"a fault of khala publish: {error!r}")
        self.counts[result.outcome] += 1
        said: dict[str, Any] = {
            "topic": update.topic,
            "doc_key": update.doc_key,
            "watermark": update.watermark,
            "outcome": result.outcome,
        }
        if result.outcome != "delivered":
            # The other system may have written anything into it.
            said["error"] = one_line(result.error) or result.outcome
            logger.warning(
                "%s of %s: %s: %s", update.doc_key, update.topic, result.outcome, said["error"]
            )
        if result.outcome == "failed":
            delays = Backoff(self._settings.base_delay_s, self._settings.max_delay_s)
            said["retry_s"] = delays.delay(update.attempts, at_least=result.retry_after_s)
        return said

    def _take_results(self) -> list[dict[str, Any]]:
        results, self._results = self._results, []
        return results

    async def _land(self) -> None:
        while self._flying:
            await asyncio.wait(set(self._flying))
        self._results.clear()


def _explained(error: Exception) -> KhalaError:
    if isinstance(error, psycopg.Error):
        found = from_psycopg(error)
        if found is None:
            raise error
        return found
    return UnavailableError(f"the database cannot be reached: {error}")
