"""Session of one socket: reads its messages one by one and performs the actions of its channel."""

import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from dataclasses import InitVar, dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed

from khala_pg.auth.claims import Claims, TokenError
from khala_pg.errors import RefusedError, StaleCursorError
from khala_pg.relay.connection import RelayConnection
from khala_pg.relay.delivery.pager import Pager, Supply
from khala_pg.relay.delivery.subscription import Subscription
from khala_pg.relay.delivery.subset import Subset
from khala_pg.relay.wire import refusals
from khala_pg.relay.wire.actions import Action, Close, End, Send
from khala_pg.relay.wire.channel import Channel
from khala_pg.relay.wire.requests import (
    RefreshRequest,
    RequestError,
    SubscribeRequest,
    UnsubscribeRequest,
)
from khala_pg.sqlapi.relay import Cursor

logger = logging.getLogger("khala.relay.session")

CLOSE_INTERNAL_ERROR = 1011
_BINARY_MESSAGE = "clients send text messages, on the binary lane too"


@dataclass(slots=True, eq=False)
class Session:
    """The socket's channel, its subscriptions, and the task that brings them up to date.

    verify: checks a token, raises TokenError.
    epoch: the database's epoch, None as long as it is not known.
    max_payload_bytes: the largest payload inside an update, called once there is an epoch.
    spawn: starts a task that may outlive the socket for a moment.
    closing_since: when the close was begun, by the loop's clock.
    unsent_before, moved_at, pinged_at: what the keepalive saw last.
    """

    connection: RelayConnection
    claims: InitVar[Claims]
    _supply: Supply
    _verify: Callable[[str], Awaitable[Claims]]
    epoch: InitVar[Callable[[], str | None]]
    max_payload_bytes: InitVar[Callable[[], int]]
    _spawn: Callable[[Coroutine[Any, Any, None]], object]
    closing_since: float | None = None
    unsent_before: int = 0
    moved_at: float = field(init=False)
    pinged_at: float = field(init=False)
    channel: Channel = field(init=False)
    _pager: Pager = field(init=False)
    _subscriptions: dict[str, Subscription] = field(default_factory=dict)
    _has_subscribed: bool = False

    def __post_init__(
        self,
        claims: Claims,
        epoch: Callable[[], str | None],
        max_payload_bytes: Callable[[], int],
    ) -> None:
        self.moved_at = self.pinged_at = self.connection.loop.time()
        self.channel = Channel(
            claims, self._supply.settings, epoch, max_payload_bytes, self.covered, self._note
        )
        self._pager = Pager(self.connection, self._supply, self._refuse, self.crash)

    @property
    def subscriptions(self) -> Collection[Subscription]:
        return self._subscriptions.values()

    def covered(self) -> list[tuple[str, int]]:
        """The covered watermark of each subscribed topic."""
        return [(name, each.covered) for name, each in self._subscriptions.items()]

    async def run(self) -> None:
        """Serves the socket until it closes; raises nothing."""
        try:
            while self.connection.is_open:
                message = await self.connection.recv()
                if isinstance(message, str):
                    await self._perform(self.channel.receive(message))
                else:
                    await self._perform(self.channel.refuse_frame(_BINARY_MESSAGE))
                del message
                # The next message is read when the replies to this one are on their way.
                await self.connection.drained()
        except ConnectionClosed:
            return
        except Exception:
            logger.exception("a socket failed")
            self.act([Close(CLOSE_INTERNAL_ERROR, "internal error")])
        finally:
            self._end(None)

    def act(self, actions: Iterable[Action]) -> None:
        """Performs actions that wait for nothing."""
        for action in actions:
            match action:
                case Send(text):
                    self.connection.write(text)
                case End(topics):
                    self._end(topics)
                case Close(code, reason):
                    self._end(None)
                    self.closing_since = self.connection.loop.time()
                    self.connection.start_close(code, reason)
                case UnsubscribeRequest():
                    self._unsubscribe(action)
                case SubscribeRequest() | RefreshRequest():
                    raise TypeError(f"{action} takes a while")

    def crash(self) -> None:
        """Ends the channel after an internal failure: the client joins again."""
        self.act(self.channel.crash())

    async def _perform(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case SubscribeRequest():
                    await self._subscribe(action)
                case RefreshRequest():
                    await self._refresh(action)
                case _:
                    self.act([action])

    async def _subscribe(self, request: SubscribeRequest) -> None:
        try:
            epoch, cursors = await self._supply.checks.judge(request, self.channel.claims.scopes)
            refusals.refuse_stale(epoch, cursors)
            self._refuse_too_many(cursors)
        except Exception as error:
            refusal = self._refusal(error)
            self._supply.metrics.subscribed(refusal.code)
            self.act(self.channel.refused(request, refusal))
            return
        self._count(cursors)
        if not (self.connection.is_open and self.channel.joined):
            return
        ends = [
            old.name
            for c in cursors
            for old in self._subscriptions.values()
            if old.topic == c.topic
        ]
        self._end(ends)
        added = [self._subscription(request, epoch, cursor) for cursor in cursors]
        current = [(each.name, each.covered) for each in added]
        heads = [(cursor.name, cursor.head_watermark) for cursor in cursors]
        self.act(self.channel.subscribed(request, epoch, current, heads))
        for subscription in added:
            self._subscriptions[subscription.name] = subscription
            self._fall_back(subscription)

    def _count(self, cursors: list[Cursor]) -> None:
        metrics = self._supply.metrics
        metrics.subscribed("ok")
        if not self._has_subscribed and any(each.resume_after is not None for each in cursors):
            metrics.reconnects.inc()
        self._has_subscribed = True

    def _note(self, event: str, outcome: str) -> None:
        if event == "heartbeat":
            self._supply.metrics.client_heartbeats.inc()
        elif event == "sync:subscribe":
            self._supply.metrics.subscribed(outcome)

    def _refuse_too_many(self, cursors: list[Cursor]) -> None:
        settings = self._supply.settings
        topics = {
            each.topic: each.subset and each.subset.text for each in self._subscriptions.values()
        }
        topics |= {cursor.topic: cursor.subset for cursor in cursors}
        if len(topics) > settings.max_topics:
            message = (
                f"a socket has at most {settings.max_topics} topics: unsubscribe from some first"
            )
            raise RequestError("bad_subscription", message)
        held = sum(len(subset.encode()) for subset in topics.values() if subset)
        if held > settings.max_subset_bytes:
            message = (
                f"the keys and prefixes of a socket's topics have {held} bytes, at most "
                f"{settings.max_subset_bytes}: follow fewer, by a prefix, or in a further socket"
            )
            raise RequestError("bad_subscription", message)

    def _subscription(self, request: SubscribeRequest, epoch: str, cursor: Cursor) -> Subscription:
        settings = self._supply.settings
        # Without a cursor it begins before the earliest retained update. The reply says where, and
        # a client stores that: from then on it is a cursor like any other, which a purge can pass.
        begin = cursor.retention_floor - 1 if cursor.resume_after is None else cursor.resume_after
        return Subscription(
            connection=self.connection,
            join_ref=self.channel.join_ref,
            name=cursor.name,
            topic=cursor.topic,
            enum_name=cursor.enum_name,
            org_id=self.channel.claims.org_id,
            subset=Subset.of(cursor.subset),
            epoch=epoch,
            replayed=begin,
            head=cursor.head_watermark,
            batch_size=min(
                request.batch_size or settings.max_batch_updates, settings.max_batch_updates
            ),
            compact=request.compact,
            on_fall_back=self._fall_back,
            on_refuse=self._refuse,
            on_fail=self.crash,
        )

    def _unsubscribe(self, request: UnsubscribeRequest) -> None:
        names = set(request.topics)
        subscriptions = self._subscriptions.values()
        self._end([s.name for s in subscriptions if not names.isdisjoint((s.topic, s.enum_name))])
        self.act(self.channel.unsubscribed(request))

    async def _refresh(self, request: RefreshRequest) -> None:
        try:
            claims = await self._verify(request.token)
            if claims.expires_at <= time.time():
                raise TokenError("the new token has expired already")
            forbidden = await self._forbidden(claims)
        except Exception as error:
            self.act(self.channel.refresh_refused(request, self._refusal(error)))
            return
        self.act(self.channel.refreshed(request, claims))
        if self.channel.claims is claims and forbidden:
            self._end(forbidden)
            message = "the new token does not cover these topics"
            payload = {"code": "forbidden_topic", "message": message, "forbidden_topics": forbidden}
            self.act(self.channel.push_error(payload))

    async def _forbidden(self, claims: Claims) -> list[str]:
        """The subscribed topics, by their names, of which the token does not allow as much."""
        if set(claims.scopes) == set(self.channel.claims.scopes):
            return []
        subscribed = {
            name: None if each.subset is None else each.subset.text
            for name, each in self._subscriptions.items()
        }
        return await self._supply.checks.beyond(subscribed, claims.scopes) if subscribed else []

    def _refusal(self, error: Exception) -> RequestError:
        return refusals.of(error, self._supply.settings.max_retry_after_ms)

    def _fall_back(self, subscription: Subscription) -> None:
        self._pager.add(subscription)
        if not self._pager.is_running:
            self._pager.is_running = True
            self._spawn(self._pager.run())

    def _refuse(self, subscription: Subscription, error: RefusedError) -> None:
        """Ends a topic that the database refuses to continue, and reports it to the client."""
        self._end([subscription.name])
        if isinstance(error, StaleCursorError):
            entries = [
                {**entry, "resume_after": subscription.covered} for entry in error.stale_topics
            ]
            payload = refusals.stale(str(error), entries).payload()
        else:
            names = [subscription.name]
            payload = {**self._refusal(error).payload(), "topics": names}
            if error.wire_code == "forbidden_topic":
                payload["forbidden_topics"] = names
        self.act(self.channel.push_error(payload))

    def _end(self, names: Iterable[str] | None) -> None:
        for name in list(self._subscriptions if names is None else names):
            subscription = self._subscriptions.pop(name, None)
            if subscription is not None:
                subscription.end()
