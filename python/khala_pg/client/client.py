"""The client: keeps a local copy of some topics up to date for as long as it is open."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from types import TracebackType
from typing import Self

import httpx

from khala_pg.client.connection import Encoding, open_connection
from khala_pg.client.conversation import Conversation
from khala_pg.client.documents import Change, Document
from khala_pg.client.errors import (
    ClientError,
    HydrationBehindError,
    ProtocolError,
    RetryLaterError,
    StoreError,
    TransportError,
    UnauthorizedError,
)
from khala_pg.client.feed import ChangeFeed
from khala_pg.client.http_api import HttpApi
from khala_pg.client.local.apart import ApartStore
from khala_pg.client.local.replica import Replica
from khala_pg.client.local.store import MemoryStore, WatermarkStore
from khala_pg.client.resolver import Resolver
from khala_pg.client.start import Start
from khala_pg.client.status import (
    ConnectionState,
    ErrorLog,
    OnStatus,
    Status,
    StatusBoard,
    TopicStatus,
)
from khala_pg.client.tokens import Endpoint, EndpointProvider, Tokens
from khala_pg.client.topic import Topic, by_name
from khala_pg.client.waits import Waits
from khala_pg.concurrency.backoff import Backoff
from khala_pg.concurrency.waiting import within
from khala_pg.errors import KhalaError

_PASSING = (TransportError, ProtocolError, HydrationBehindError)
_JOIN_SILENCE_S = 15.0
# Of an HTTP response that comes in drops.
_MOST_PARTS = 6


class KhalaClient:
    """Subscribes to `topics` and follows them across every kind of disconnection.

        async with KhalaClient(Endpoint(url, token), ["runtime.run_summaries"]) as k:
            async for change in k.changes():
                ...

    endpoint: a function is called for every connection and token refresh, so that an old token is
    never used again; may be a coroutine function, and must not block. The client owns `store` and
    closes it. A store that fails later than at the start is reported by the status; it gets
    everything once it works again.
    """

    def __init__(
        self,
        endpoint: Endpoint | EndpointProvider,
        topics: Sequence[str | Topic],
        *,
        store: WatermarkStore | None = None,
        start: Start | None = None,
        backoff: Backoff | None = None,
        on_status: OnStatus | None = None,
        timeout: float = 10.0,
        max_frame_bytes: int = 32 * 1024 * 1024,
        encoding: Encoding = "json",
        compact: bool = True,
    ) -> None:
        """topics: names, or `Topic(name, keys=…)`, `Topic(name, prefix=…)` and
        `Topic(name, newest=…)` for a part of one. A store keeps the parts of a topic apart.
        timeout: of a handshake, each part of an HTTP response, `endpoint` and `store`; seconds.
        max_frame_bytes: the largest frame taken from the server.
        encoding: how updates travel; protobuf costs both sides less, and shows the same documents.
        on_status: called with each status; without it errors are logged, as `khala.client`.
        compact: catching up may leave out versions that a later one has replaced; False: it brings
        each of them. Live updates are never left out.
        """
        if not topics:
            raise ValueError("a client needs at least one topic")
        self._narrowed = by_name(topics)
        self._topics = tuple(self._narrowed)
        self._tokens = Tokens(endpoint, timeout)
        stored_as = {name: topic.stored_as for name, topic in self._narrowed.items()}
        self._store = ApartStore(MemoryStore() if store is None else store, stored_as)
        self._start = Start() if start is None else start
        self._backoff = Backoff() if backoff is None else backoff
        self._timeout = timeout
        self._max_frame_bytes = max_frame_bytes
        self._encoding: Encoding = encoding
        self._compact = compact
        self._feed = ChangeFeed()
        self._changed = asyncio.Event()
        self._replica = Replica(self._store, self._feed, self._notice, timeout, self._changed.set)
        self._on_status = ErrorLog() if on_status is None else on_status
        self._board = StatusBoard({topic: TopicStatus() for topic in self._topics}, self._tell)
        self._waits = Waits(self._topics, self._replica, self._board, self._changed)
        self._running: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            await self._replica.load(self._topics)
        except BaseException:
            await self._close()
            raise
        for topic in self._topics:
            cursor = self._replica.cursor(topic)
            self._board.topic(topic, watermark=cursor.watermark if cursor else None)
        self._running = asyncio.create_task(self._run(), name="khala-client")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._running is not None
        self._running.cancel()
        try:
            await asyncio.wait({self._running})
            await self._replica.flush()
        finally:
            await self._close()
        if not self._running.cancelled():
            self._running.result()

    @property
    def status(self) -> Status:
        return self._board.status

    def documents(self, topic: str) -> Mapping[str, Document]:
        """The documents of a topic by key, as of now, without deleted ones."""
        return self._replica.documents(topic)

    def changes(self) -> AsyncIterator[Change]:
        """Changes from when iteration begins; `documents` has what was before.

        Several iterations may run. The client takes no more from the server than the slowest of
        them has asked for, and saves a watermark once all have asked for more than it covers: after
        a crash, or an exception that leaves the client's context as well, what was not dealt with
        comes again. An iterator that is kept but no longer asked therefore stops everything: close
        it, and the rest of its batch counts as dealt with. Raises the error that ends the client
        for good.
        """
        return self._feed.listen()

    async def caught_up(self) -> None:
        """Wait until every topic has reached the server's head; iterate `changes` meanwhile or not
        at all. Raises the error that ends the client for good.
        """
        await self._waits.until(lambda: self.status.live)

    async def wait_for(
        self, topic: str, watermark: int | None, *, timeout: float | None = None
    ) -> None:
        """Wait until this client has what was written up to a watermark, as a sink returned it.

        `documents` shows it then, unless it is not ours to see; iterations of `changes` have dealt
        with it, and the store has it, if it works. A watermark of None, which a duplicate has,
        resolves at once: nothing was written, or it is staged in a grouped topic, where only a
        version can be waited for. Do not wait inside an iteration of `changes`, which
        holds up the rest.

        timeout: in seconds; raises TimeoutError then. Raises the error that ends the client for
        good.
        """
        self._require(topic)
        if watermark is not None:
            async with asyncio.timeout(timeout):
                await self._waits.watermark(topic, watermark)

    async def wait_for_version(
        self, topic: str, doc_key: str, version: int, *, timeout: float | None = None
    ) -> Document:
        """Wait until a document is here in this version or a later one; returns it.

        A tombstone counts, but a snapshot has none: for a deletion wait for its watermark. Raises
        as `wait_for` does.
        """
        self._require(topic)
        async with asyncio.timeout(timeout):
            return await self._waits.version(topic, doc_key, version)

    async def sync(self, *, timeout: float | None = None) -> None:
        """Wait until this client has all that the server has of its topics at the time of the
        call. Raises as `wait_for` does."""
        async with asyncio.timeout(timeout):
            await self._waits.head()

    def _require(self, topic: str) -> None:
        if topic not in self._topics:
            raise ValueError(f"{topic!r} is not among this client's topics {self._topics}")

    async def _close(self) -> None:
        await within(self._store.close(), self._timeout, StoreError, "closing the store")

    def _notice(self, error: Exception) -> None:
        self._board.notice(error)

    def _tell(self, status: Status) -> None:
        self._changed.set()
        try:
            self._on_status(status)
        except Exception as error:
            # A fault of the program, which the connection does not depend on.
            context = {"message": "on_status raised", "exception": error}
            asyncio.get_running_loop().call_exception_handler(context)

    async def _run(self) -> None:
        try:
            async with httpx.AsyncClient(timeout=self._timeout, trust_env=False) as http:
                await self._follow(http)
        except asyncio.CancelledError:
            self._board.connection(ConnectionState.CLOSED)
            self._feed.end()
            raise
        except Exception as error:
            self._board.connection(ConnectionState.ERROR, error=error)
            self._feed.end(error)
            if not isinstance(error, KhalaError):
                raise

    async def _follow(self, http: httpx.AsyncClient) -> None:
        attempt = 0
        refused: str | None = None
        while True:
            try:
                endpoint = await self._tokens.endpoint()
            except TransportError as failure:
                delay = self._backoff.delay(attempt)
                attempt += 1
                self._board.connection(
                    ConnectionState.DISCONNECTED, attempt=attempt, retry_in=delay, error=failure
                )
                await asyncio.sleep(delay)
                continue
            delay = 0.0
            if endpoint.token == refused:
                state = ConnectionState.NEEDS_AUTH
                error: Exception | None = self.status.error
                delay = self._backoff.delay(attempt)
            else:
                self._board.connection(
                    ConnectionState.CONNECTING, attempt=attempt, error=self.status.error
                )
                error, was_live = await self._connect(http, endpoint.url, endpoint.http_url)
                state = ConnectionState.DISCONNECTED
                attempt = 0 if was_live else attempt
                if isinstance(error, UnauthorizedError):
                    # Not endpoint.token: it may have been refreshed meanwhile.
                    refused = self._tokens.current
                # The first new token is worth trying at once; one refused after another is not.
                if attempt > 0 or not isinstance(error, UnauthorizedError):
                    wait = error.retry_after if isinstance(error, RetryLaterError) else 0.0
                    delay = self._backoff.delay(attempt, at_least=wait)
            attempt += 1
            self._board.connection(state, attempt=attempt, retry_in=delay, error=error)
            await asyncio.sleep(delay)

    async def _connect(
        self, http: httpx.AsyncClient, ws_url: str, http_url: str
    ) -> tuple[ClientError, bool]:
        """One connection from beginning to end: why it ended, and whether it got anywhere.

        Raises errors that another connection would meet again.
        """
        api = HttpApi(http, http_url, lambda: self._tokens.current, self._timeout * _MOST_PARTS)
        try:
            async with open_connection(
                ws_url,
                self._tokens.current,
                timeout=self._timeout,
                silence_limit=_JOIN_SILENCE_S,
                max_frame_bytes=self._max_frame_bytes,
                encoding=self._encoding,
            ) as connection:
                session = Conversation(
                    connection,
                    self._replica,
                    api,
                    Resolver(api, self._backoff, self._board.notice),
                    self._tokens,
                    self._board,
                    self._narrowed,
                    self._start,
                    self._backoff,
                    self._compact,
                    self._waits.heads,
                )
                self._waits.session = session
                await session.run()
        except (*_PASSING, UnauthorizedError) as error:
            return error, self.status.live
        finally:
            self._waits.session = None
        raise AssertionError("a session ends by raising")
