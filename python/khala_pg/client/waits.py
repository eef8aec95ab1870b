"""Waits for what was written to be here: read your writes."""

import asyncio
import itertools
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Protocol

from khala_pg.client.documents import Document
from khala_pg.client.errors import ClientError
from khala_pg.client.local.replica import Replica
from khala_pg.client.status import SERVED, ConnectionState, StatusBoard
from khala_pg.concurrency.backoff import Backoff

_ASK_AGAIN = Backoff(base=0.5, cap=8.0)
# However many wait, the server is asked by one at a time.
_ASK_EVERY_S = 0.25


@dataclass(slots=True)
class Heads:
    """Heads of topics as the replies to subscribe requests had them; the requests are numbered."""

    _changed: asyncio.Event
    requests: int = 0
    _told: dict[str, tuple[int, int]] = field(default_factory=dict)

    def ask(self) -> int:
        """The number of a request that is about to be sent."""
        self.requests += 1
        return self.requests

    def tell(self, request: int, heads: Mapping[str, int]) -> None:
        """The reply to a request."""
        self._told.update((topic, (request, head)) for topic, head in heads.items())
        self._changed.set()

    def since(self, request: int, topic: str) -> int | None:
        """The head in the reply to a later request; None as long as there is none."""
        number, head = self._told.get(topic, (0, 0))
        return head if number > request else None


class Session(Protocol):
    """The conversation of a connection. Methods raise ClientError when it ends."""

    async def renew(self) -> None:
        """Subscribe once more, from where the topics are."""
        ...

    async def ask_for_watermarks(self) -> None:
        """Have the server say how far the topics are covered."""
        ...


@dataclass(slots=True)
class Waits:
    """Conditions that come true as the replica moves."""

    _topics: Sequence[str]
    _replica: Replica
    _board: StatusBoard
    _changed: asyncio.Event
    """Set at every change of replica or status."""
    session: Session | None = None
    heads: Heads = field(init=False)
    _asked_at: float = float("-inf")
    _renewing: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        self.heads = Heads(self._changed)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Raises the error that ended the client, or that it is closed."""
        while not condition():
            status = self._board.status
            if status.state is ConnectionState.ERROR and status.error is not None:
                raise status.error
            if status.state is ConnectionState.CLOSED:
                raise ClientError("the client is closed")
            self._changed.clear()
            await self._changed.wait()

    async def watermark(self, topic: str, watermark: int) -> None:
        """The topic is covered up to the watermark."""
        for attempt in itertools.count():
            # Where the last update is not ours to see, only a heartbeat says that it is behind us.
            with suppress(TimeoutError):
                async with asyncio.timeout(_ASK_AGAIN.delay(attempt)):
                    return await self.until(lambda: self._covers(topic, watermark))
            now = asyncio.get_running_loop().time()
            if self.session and self._serves(topic) and now - self._asked_at >= _ASK_EVERY_S:
                self._asked_at = now
                with suppress(ClientError):  # The socket closed: the next one subscribes.
                    await self.session.ask_for_watermarks()
        raise AssertionError("unreachable")

    async def version(self, topic: str, doc_key: str, version: int) -> Document:
        """The document has come in this version or a later one."""

        def found() -> Document | None:
            document = self._replica.get(topic, doc_key)
            return document if document and document.doc_version >= version else None

        await self.until(lambda: found() is not None)
        document = found()
        assert document is not None
        return document

    async def head(self) -> None:
        """Every topic is covered up to the head that the server has now."""
        before = self.heads.requests

        def was_told() -> bool:
            return all(self.heads.since(before, topic) is not None for topic in self._topics)

        def is_here(topic: str) -> bool:
            head = self.heads.since(before, topic)
            return head is not None and self._covers(topic, head)

        # Those that come while another one asks share the next request.
        async with self._renewing:
            await self.until(lambda: all(map(self._serves, self._topics)) or was_told())
            if not was_told() and self.session is not None:
                with suppress(ClientError):
                    await self.session.renew()
            await self.until(was_told)
        await self.until(lambda: all(map(is_here, self._topics)))

    def _covers(self, topic: str, watermark: int) -> bool:
        # Not the replica's cursor, which moves before listeners and store have the documents. And
        # a stored one may be of another epoch, before the server has accepted it.
        position = self._board.status.topics[topic].watermark
        return self._serves(topic) and position is not None and position >= watermark

    def _serves(self, topic: str) -> bool:
        return self._board.status.topics[topic].phase in SERVED
