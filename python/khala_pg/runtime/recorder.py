"""Writes the events of a run into the database, beside the command and never in its way.

A thread with an event loop of its own. The database may refuse, vanish and come back at any time;
the recorder tries again with back-off, forever while the command runs.
"""

import asyncio
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import set_within
from khala_pg.connections import AsyncConnection, connect_async
from khala_pg.errors import UsageError, from_psycopg
from khala_pg.runtime.outbox import Event, Outbox
from khala_pg.runtime.output import OutputMeter
from khala_pg.sqlapi import runtime as sqlapi
from khala_pg.sqlapi.roles import RUNTIME, explained

_CONNECT_SECONDS = 5
_STATEMENT_SECONDS = 10
_CANCEL_SECONDS = 1
_BACKOFF_MOST_S = 5.0
_BACKOFF_ENDING = 0.25
# SQLSTATE classes that no later attempt changes: wrong data, no such function, no permission.
_HOPELESS_CLASSES = ("KH", "0A", "22", "23", "3D", "3F", "42")


@dataclass(frozen=True, slots=True)
class Leftover:
    """Events that the database may not have, and why.

    `loadable` is False when a khala.* function refused them: loading them later fails too.
    """

    events: list[Event]
    reason: str
    loadable: bool


class _HopelessError(Exception):
    """The database refuses this run's events for good."""

    def __init__(self, reason: str, refused: bool) -> None:
        super().__init__(reason)
        self.refused = refused


class Recorder:
    """Sends what `outbox` has to `database` until the run's last event is acknowledged."""

    def __init__(
        self, database: str, run_id: str, org_id: str, outbox: Outbox, meter: OutputMeter
    ) -> None:
        self._database = database
        self._run_id = run_id
        self._org_id = org_id
        self._outbox = outbox
        self._meter = meter
        # Guards the outbox: the recorder's thread sends from it, the command's thread ends it.
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake: asyncio.Event | None = None
        self._ending: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None
        self._ready = threading.Event()
        self._stopped = threading.Event()
        # Set when there is nothing more to wait for: it has stopped, or nobody wants to wait.
        self._settled = threading.Event()
        self._reason = ""
        self._refused = False
        self._thread = threading.Thread(target=self._run, name="khala-recorder", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def finish(
        self, kind: str, payload: Mapping[str, Any], at: datetime, flush_seconds: float
    ) -> Leftover:
        """Record the end of the command as an event of type `kind`; takes at most about
        `flush_seconds`."""
        with self._lock:
            self._outbox.finish(kind, payload, at)
        self._call(self._set_ending)
        self._settled.wait(flush_seconds)
        if not self._stopped.is_set():
            self._call(self._cancel)
            self._stopped.wait(_CANCEL_SECONDS)
        with self._lock:
            events = self._outbox.unsent()
        return Leftover(events, self._reason or "no response in time", not self._refused)

    def hurry(self) -> None:
        """Make `finish` return at once, now or when it is called."""
        self._settled.set()

    @property
    def stuck(self) -> bool:
        """Whether the thread is still there, in a call that cannot be cancelled."""
        return not self._stopped.is_set()

    def _call(self, function: Any) -> None:
        assert self._loop is not None
        # The loop may close at any moment because the recorder has given up; then nobody listens.
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            if not self._loop.is_closed():
                raise

    def _set_ending(self) -> None:
        if self._ending is not None and self._wake is not None:
            self._ending.set()
            self._wake.set()

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    def _run(self) -> None:
        try:
            with asyncio.Runner() as runner:
                self._loop = runner.get_loop()
                self._wake, self._ending = asyncio.Event(), asyncio.Event()
                self._ready.set()
                runner.run(self._record())
        except asyncio.CancelledError:
            pass
        except _HopelessError as error:
            self._reason, self._refused = str(error), error.refused
        except Exception as error:
            # The command must go on whatever is wrong here; the reason is printed at the end.
            self._reason = f"{type(error).__name__}: {error}"
        finally:
            self._ready.set()
            self._stopped.set()
            self._settled.set()

    async def _record(self) -> None:
        assert self._ending is not None
        self._task = asyncio.current_task()
        backoff = Backoff(0.1, _BACKOFF_MOST_S)
        while not self._outbox.done:
            try:
                async with asyncio.timeout(_CONNECT_SECONDS + 1):
                    connection = await connect_async(
                        self._database,
                        application_name="khala run",
                        connect_timeout=_CONNECT_SECONDS,
                    )
                try:
                    async with explained(connection, RUNTIME):
                        while not self._outbox.done:
                            await self._send_next(connection)
                            backoff.reset()
                finally:
                    await connection.close()
            except UsageError as error:
                raise _HopelessError(f"{error}. {error.hint}", refused=False) from error
            except (OSError, psycopg.Error) as error:
                self._reason = _explain(error)
                if self._ending.is_set():
                    # Little time is left: a server that is coming back is met as soon as it is up.
                    await asyncio.sleep(_BACKOFF_ENDING)
                else:
                    await set_within(self._ending, backoff.next_s())

    async def _send_next(self, connection: AsyncConnection) -> None:
        assert self._wake is not None
        now = time.monotonic()
        progress = self._meter.progress()
        with self._lock:
            event = self._outbox.next_event(progress, now)
            pause = self._outbox.wait(progress, now)
            reported = self._outbox.reported_bytes
        if event is None:
            wake = self._wake
            wake.clear()
            if self._meter.arm(reported, lambda: self._call(wake.set)) or progress.bytes > reported:
                await set_within(wake, pause)
            return
        async with asyncio.timeout(_STATEMENT_SECONDS):
            await sqlapi.append_run_event(
                connection,
                self._run_id,
                event.type,
                event.payload,
                self._org_id,
                event.seq,
                event.occurred_at,
            )
        with self._lock:
            self._outbox.acknowledge(time.monotonic())


def _explain(error: OSError | psycopg.Error) -> str:
    """The reason why the database did not take an event; raises _HopelessError if it never will."""
    if isinstance(error, psycopg.Error):
        known = from_psycopg(error)
        # libpq writes several lines.
        text = " ".join(str(known or error).split())
        if known is not None and known.hint:
            text = f"{text.rstrip('.?')}. {known.hint}"
        sqlstate = error.sqlstate or ""
        if sqlstate.startswith(_HOPELESS_CLASSES):
            raise _HopelessError(text, refused=sqlstate.startswith("KH")) from error
        return text
    if isinstance(error, TimeoutError):
        return "the database does not respond"
    return f"the database cannot be reached: {error}"
