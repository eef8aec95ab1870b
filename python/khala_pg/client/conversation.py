"""One connection's conversation: join, subscribe, take updates in, recover from stale cursors.

Frames are dealt with one after the other, recovery and slow listeners included, so that nothing
moves the replica but the frame at hand, and a frame that is not dealt with holds up the socket.
Documents that could not be had are fetched again beside that, and take their turn with the frames.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from khala_pg.client import binary, wire
from khala_pg.client.connection import Connection
from khala_pg.client.documents import Cursor, Document, Update
from khala_pg.client.errors import (
    ClientError,
    ForbiddenTopicError,
    RequestRefusedError,
    RetryLaterError,
    StaleCursorError,
    TransportError,
    UnauthorizedError,
)
from khala_pg.client.http_api import HttpApi
from khala_pg.client.local.replica import Replica
from khala_pg.client.missing import Missing
from khala_pg.client.resolver import Resolved, Resolver
from khala_pg.client.snapshot import read_snapshot
from khala_pg.client.start import Start
from khala_pg.client.status import SERVED, ConnectionState, StatusBoard, TopicPhase
from khala_pg.client.subscribing import subscriptions
from khala_pg.client.tokens import Tokens
from khala_pg.client.topic import Topic
from khala_pg.client.waits import Heads
from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import KhalaError

_SILENT_HEARTBEATS = 2.5

Handler = Callable[[Mapping[str, Any]], Awaitable[None]]


@dataclass(eq=False)
class Conversation:
    """Lives as long as its connection. `run` ends by raising why it could not go on."""

    _connection: Connection
    _replica: Replica
    _api: HttpApi
    _resolver: Resolver
    _tokens: Tokens
    _board: StatusBoard
    _narrowed: Mapping[str, Topic]
    """The topics by name."""
    _start: Start
    _backoff: Backoff
    _compact: bool
    _heads: Heads
    _pending: dict[str, Handler] = field(default_factory=dict)
    _epochs: dict[str, str | None] = field(default_factory=dict)
    _views: Mapping[str, str] = field(default_factory=dict)
    _told_to_wait: float = 0.0
    _helpers: set[asyncio.Task[None]] = field(default_factory=set)
    _refusals: int = 0
    _missing: Missing = field(default_factory=Missing)
    _is_fetching: bool = False
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def run(self) -> None:
        """Converse until it ends; always raises a ClientError or is cancelled."""
        failure = ClientError("the conversation ended")
        async with asyncio.TaskGroup() as group:
            self._group = group
            try:
                self._pending[await self._connection.join()] = self._joined
                while True:
                    frame = await self._connection.receive()
                    async with self._turn:
                        await self._handle(frame)
            except RetryLaterError as error:
                failure = RetryLaterError(str(error), max(error.retry_after, self._told_to_wait))
            except ClientError as error:
                failure = error
            finally:
                for helper in self._helpers:
                    helper.cancel()
        raise failure

    async def renew(self) -> None:
        """Subscribe once more, from where the topics are: the reply has the heads of now."""
        async with self._turn:
            served = [topic for topic in self._narrowed if self._serves(topic)]
            await self._request({topic: self._replica.cursor(topic) for topic in served})

    async def ask_for_watermarks(self) -> None:
        """Have the server push the covered watermarks, which it does now and then by itself."""
        await self._connection.request("sync:heartbeat", {})

    async def _handle(self, frame: wire.Frame) -> None:
        match frame.event:
            case "phx_reply":
                handler = self._pending.pop(frame.ref or "", None)
                if handler is not None:
                    await handler(frame.payload)
            case "sync:update_batch":
                await self._take(
                    wire.batch(frame.payload) if frame.data is None else binary.batch(frame.data)
                )
            case "sync:heartbeat":
                await self._advance(wire.watermarks(frame.payload.get("watermarks"), "watermarks"))
            case "sync:error":
                await self._told(wire.error(frame.payload), frame.payload)
            case "phx_error" | "phx_close":
                raise TransportError(f"the server ended the channel ({frame.payload})")

    async def _joined(self, reply: Mapping[str, Any]) -> None:
        response = wire.response(reply)
        self._board.connection(ConnectionState.CONNECTED)
        interval = wire.counter(response.get("heartbeat_interval_ms"), "heartbeat_interval_ms")
        self._connection.silence_limit = max(interval / 1000 * _SILENT_HEARTBEATS, 1.0)
        self._help(self._heartbeats(max(interval / 1000, 0.1)))
        self._schedule_refresh(wire.timestamp(response.get("token_expires_at")))
        self._views = self._views_of(response)
        for name in await self._replica.belong_to(self._views):
            self._board.drop(name)
        await self._subscribe(list(self._narrowed))

    def _views_of(self, response: Mapping[str, Any]) -> Mapping[str, str]:
        """What the current token shows of each topic, from a reply that names its scopes."""
        scopes = response.get("allowed_topics")
        scopes = [str(scope) for scope in scopes] if isinstance(scopes, list) else []
        return {
            name: topic.view(self._tokens.organisation, scopes)
            for name, topic in self._narrowed.items()
        }

    async def _subscribe(self, topics: Sequence[str]) -> None:
        for topic in topics:
            if self._replica.cursor(topic) is None and self._start.from_snapshot(
                topic, always=self._narrowed[topic].newest is not None
            ):
                await self._recover(topic)
        cursors = {t: self._replica.cursor(t) or self._start.cursor(t) for t in topics}
        for topic in topics:
            self._board.topic(topic, phase=TopicPhase.SUBSCRIBING)
        await self._request(cursors)

    async def _request(self, cursors: Mapping[str, Cursor | None]) -> None:
        for payload in subscriptions(
            cursors, self._missing.seen, self._narrowed, compact=self._compact
        ):
            number = self._heads.ask()
            ref = await self._connection.request("sync:subscribe", payload)
            self._pending[ref] = partial(self._subscribed, payload["topics"], number)

    async def _subscribed(
        self, names: Sequence[str], number: int, reply: Mapping[str, Any]
    ) -> None:
        try:
            response = wire.response(reply)
        except StaleCursorError as error:
            stale = {entry.topic for entry in error.topics} or set(names)
            for topic in names:
                if topic in stale:
                    await self._recover(topic)
            await self._subscribe(names)
            return
        except (UnauthorizedError, ForbiddenTopicError, RequestRefusedError):
            raise
        except ClientError as error:
            self._board.notice(error)
            wait = error.retry_after if isinstance(error, RetryLaterError) else 0.0
            self._refusals += 1
            delay = self._backoff.delay(self._refusals, at_least=wait)
            self._help(self._later(delay, names))
            return
        self._refusals = 0
        epoch = response.get("epoch")
        current = wire.watermarks(response.get("current_watermarks"), "current_watermarks")
        heads = wire.watermarks(response.get("head_watermarks"), "head_watermarks")
        for topic in names:
            self._epochs[topic] = epoch if isinstance(epoch, str) else None
            is_live = self._board.status.topics[topic].phase is TopicPhase.LIVE
            phase = None if is_live else TopicPhase.CATCHING_UP
            self._board.topic(topic, phase=phase, head=heads.get(topic))
        await self._advance(current)
        self._heads.tell(number, heads)

    async def _recover(self, topic: str) -> None:
        self._board.topic(topic, phase=TopicPhase.RECOVERING)
        resolved, cursor = await read_snapshot(self._api, self._resolver, self._narrowed[topic])
        self._missing.begin(topic, cursor.watermark)
        self._miss(resolved)
        complete = self._missing.complete(topic, cursor.watermark)
        await self._replica.replace(resolved.documents, replace(cursor, watermark=complete))
        self._board.topic(topic, watermark=complete)

    async def _take(self, batch: wire.Batch) -> None:
        updates = [update for update in batch.updates if self._serves(update.topic)]
        resolved = await self._resolver.resolve(updates, self._replica.get)
        self._missing.settle(updates)
        self._miss(resolved)
        for topic, head in batch.heads.items():
            if self._serves(topic):
                self._board.topic(topic, head=head)
        await self._advance(batch.covered, resolved.documents)
        if batch.replay_complete:
            for topic in filter(self._serves, {**batch.heads, **batch.covered}):
                self._board.topic(topic, phase=TopicPhase.LIVE)

    async def _advance(
        self, covered: Mapping[str, int], documents: Sequence[Document] = ()
    ) -> None:
        served = {topic: at for topic, at in covered.items() if self._serves(topic)}
        cursors = [
            Cursor(topic, self._missing.complete(topic, at), self._epochs.get(topic))
            for topic, at in served.items()
        ]
        await self._replica.advance(documents, cursors)
        for topic in served:
            cursor = self._replica.cursor(topic)
            if cursor is not None and self._serves(topic):
                self._board.topic(topic, watermark=cursor.watermark)

    def _miss(self, resolved: Resolved) -> None:
        """Reports documents that could not be had, and has them fetched again."""
        for _, error in resolved.missing:
            self._board.notice(error)
        self._missing.add(update for update, _ in resolved.missing)
        if self._missing and not self._is_fetching:
            self._is_fetching = True
            self._help(self._fetch_missing())

    async def _fetch_missing(self) -> None:
        attempt = 0
        while self._missing:
            await asyncio.sleep(self._backoff.delay(attempt))
            attempt += 1
            updates = self._missing.updates
            resolved = await self._resolver.resolve(updates, self._replica.get)
            async with self._turn:
                await self._fetched(updates, resolved)
        self._is_fetching = False

    async def _fetched(self, updates: Sequence[Update], resolved: Resolved) -> None:
        # What a later update or a snapshot replaced meanwhile is no longer missed.
        wanted = {(each.topic, each.doc_key): each for each in updates if self._missing.has(each)}
        self._missing.settle(wanted.values())
        self._miss(
            replace(resolved, missing=[m for m in resolved.missing if m[0] in wanted.values()])
        )
        covered = {topic: self._missing.seen(topic, 0) for topic, _ in wanted}
        documents = [d for d in resolved.documents if (d.topic, d.doc_key) in wanted]
        await self._advance(covered, documents)

    async def _told(self, error: ClientError, payload: Mapping[str, Any]) -> None:
        wait = wire.retry_after(payload)
        if wait is not None:
            self._told_to_wait = wait
        self._board.notice(error)
        match error:
            case UnauthorizedError() | ForbiddenTopicError():
                raise error
            case StaleCursorError():
                # For a topic being subscribed the reply to the request says the same.
                named = {entry.topic for entry in error.topics} or set(self._narrowed)
                stale = [t for t in self._narrowed if t in named and self._serves(t)]
                for topic in stale:
                    await self._recover(topic)
                await self._subscribe(stale)

    def _serves(self, topic: str) -> bool:
        # What is on the way of a subscription that ended must not count for the one that follows.
        known = self._board.status.topics.get(topic)
        return known is not None and known.phase in SERVED

    def _help(self, work: Coroutine[Any, Any, None]) -> None:
        helper = self._group.create_task(_until_closed(work))
        self._helpers.add(helper)
        helper.add_done_callback(self._helpers.discard)

    async def _heartbeats(self, interval: float) -> None:
        while True:
            await asyncio.sleep(interval)
            await self._connection.heartbeat()

    async def _later(self, delay: float, topics: Sequence[str]) -> None:
        await asyncio.sleep(delay)
        await self._subscribe(topics)

    def _schedule_refresh(self, expires_at: datetime | None) -> None:
        if expires_at is not None:
            self._help(self._refresh(expires_at))

    async def _refresh(self, expires_at: datetime) -> None:
        while (left := (expires_at - datetime.now(UTC)).total_seconds()) > 1:
            await asyncio.sleep(left * 0.75)
            try:
                token = await self._tokens.ask()
            except KhalaError as error:
                self._board.notice(error)
                continue
            if token != self._tokens.current:
                ref = await self._connection.request("sync:refresh", {"token": token})
                self._pending[ref] = partial(self._refreshed, token)
                return

    async def _refreshed(self, token: str, reply: Mapping[str, Any]) -> None:
        try:
            response = wire.response(reply)
        except ClientError as error:
            # The old token still holds; when it expires, the connection starts over.
            self._board.notice(error)
            return
        self._tokens.accept(token)
        if self._views_of(response) != self._views:
            # What is subscribed was chosen for the token before, and the cursors count for that.
            raise TransportError("the new token shows other documents")
        self._schedule_refresh(wire.timestamp(response.get("expires_at")))


async def _until_closed(work: Coroutine[Any, Any, None]) -> None:
    try:
        await work
    except ClientError:
        return  # the socket closed, which its reader finds out by itself
