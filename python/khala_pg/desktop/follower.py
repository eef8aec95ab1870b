"""The client in a thread of its own, with an event loop of its own: Qt has the main thread."""

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx

from khala_pg.client import (
    Backoff,
    ConnectionState,
    ForbiddenTopicError,
    KhalaClient,
    SqliteStore,
    Status,
    TopicPhase,
    UnauthorizedError,
)
from khala_pg.desktop.batches import Batch, Batches, Seen
from khala_pg.desktop.credentials import Credentials, Flag, Lane
from khala_pg.desktop.model import TOPICS
from khala_pg.desktop.settings import Place
from khala_pg.errors import KhalaError

logger = logging.getLogger(__name__)
_FLAG_S = 4.0
_HTTP_S = 10.0
_BACKOFF = Backoff(base=0.25, cap=5.0)


class Follower:
    """Follows the topics from `start` to `stop`, in the lane that the flag has."""

    def __init__(
        self, place: Callable[[], Place], store: Path, send: Callable[[Batch], None]
    ) -> None:
        """send: called in the follower's thread; `taken` says that the next batch may come."""
        self._place = place
        self._store = store
        self._send = send
        self._thread = threading.Thread(target=self._run, name="khala-desktop")
        self._started = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._batches: Batches | None = None

    def start(self) -> None:
        """Returns when the thread has its event loop."""
        self._thread.start()
        self._started.wait()

    def taken(self) -> None:
        """The last batch has been dealt with. From any thread."""
        if self._batches is not None:
            self._call(self._batches.taken)

    def stop(self) -> None:
        """Disconnects, closes the store, and ends the thread."""
        if self._task is not None:
            self._call(self._task.cancel)
        self._thread.join()

    def _call(self, function: Callable[[], object]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(function)
        except RuntimeError:
            # It has ended by itself, and has sent why.
            logger.debug("the follower has ended")

    def _run(self) -> None:
        asyncio.run(self._main())

    async def _main(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._batches = batches = Batches(self._send)
        self._task = asyncio.create_task(self._follow(batches))
        self._started.set()
        await asyncio.wait({self._task})
        if self._task.cancelled():
            return
        failure = self._task.exception()
        if isinstance(failure, ExceptionGroup):
            failure = failure.exceptions[0]
        if isinstance(failure, Exception):
            if not isinstance(failure, KhalaError):
                logger.error("the follower failed", exc_info=failure)
            batches.fail(failure)

    async def _follow(self, batches: Batches) -> None:
        async with httpx.AsyncClient(timeout=_HTTP_S, trust_env=False) as http:
            credentials = Credentials(http, self._place)
            switch = _Switch()
            async with asyncio.TaskGroup() as group:
                group.create_task(_watch(Flag(http, credentials), switch))
                while True:
                    await switch.becomes("khala")
                    batches.lane("khala")
                    following = group.create_task(self._follow_khala(credentials, batches))
                    await switch.becomes("legacy")
                    following.cancel()
                    await asyncio.wait({following})
                    batches.lane("legacy")

    async def _follow_khala(self, credentials: Credentials, batches: Batches) -> None:
        topics = list(TOPICS)
        while True:
            try:
                await self._follow_topics(topics, credentials, batches)
            except ForbiddenTopicError as error:
                # The token decides what there is to show.
                topics = [topic for topic in topics if topic not in error.topics]
                if not topics or not error.topics:
                    raise
                logger.info("not followed, as the token is not for it: %s", *error.topics)
            except UnauthorizedError:
                await credentials.wait_after_refusal()

    async def _follow_topics(
        self, topics: list[str], credentials: Credentials, batches: Batches
    ) -> None:
        store = SqliteStore(self._store)
        async with KhalaClient(
            credentials.endpoint,
            topics,
            store=store,
            backoff=_BACKOFF,
            on_status=batches.status,
        ) as client:
            batches.load([each for topic in topics for each in client.documents(topic).values()])
            try:
                async for change in client.changes():
                    await batches.change(Seen(change, _is_news(client.status, change.topic)))
            except UnauthorizedError:
                # The client has ended, and the follower goes on.
                batches.status(replace(client.status, state=ConnectionState.NEEDS_AUTH))
                raise


def _is_news(status: Status, topic: str) -> bool:
    return status.topics[topic].phase is not TopicPhase.RECOVERING


class _Switch:
    """The lane that holds now."""

    def __init__(self) -> None:
        self._lane: Lane = "khala"
        self._changed = asyncio.Condition()

    async def set(self, lane: Lane) -> None:
        async with self._changed:
            self._lane = lane
            self._changed.notify_all()

    async def becomes(self, lane: Lane) -> None:
        """Waits until this is the lane."""
        async with self._changed:
            await self._changed.wait_for(lambda: self._lane == lane)


async def _watch(flag: Flag, switch: _Switch) -> None:
    while True:
        lane = await flag.read()
        if lane is not None:
            await switch.set(lane)
        await asyncio.sleep(_FLAG_S)
