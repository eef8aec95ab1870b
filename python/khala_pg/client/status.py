"""Status of a client, for display."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType

_LOG = logging.getLogger("khala.client")


class ConnectionState(StrEnum):
    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NEEDS_AUTH = "needs-auth"
    """The token is refused, and the callable that gives tokens has no other yet."""
    ERROR = "error"
    """The client has given up; `Status.error` says why."""
    CLOSED = "closed"


class TopicPhase(StrEnum):
    IDLE = "idle"
    RECOVERING = "recovering"
    """Its documents are being taken from a snapshot."""
    SUBSCRIBING = "subscribing"
    CATCHING_UP = "catching-up"
    LIVE = "live"


SERVED = (TopicPhase.CATCHING_UP, TopicPhase.LIVE)
"""Phases in which the server has accepted the cursor."""


@dataclass(frozen=True, slots=True)
class TopicStatus:
    """State of one topic: seen up to `watermark`; `head` is the last that the server announced."""

    phase: TopicPhase = TopicPhase.IDLE
    watermark: int | None = None
    head: int | None = None


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of a client. `error` is the last thing that went wrong, until connected again."""

    state: ConnectionState = ConnectionState.DISCONNECTED
    attempt: int = 0
    """Number of tries that have failed since the last success."""
    retry_in: float | None = None
    """Wait before the next try, in seconds."""
    error: Exception | None = None
    topics: Mapping[str, TopicStatus] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def live(self) -> bool:
        """Whether every topic has reached the head."""
        return (
            self.state is ConnectionState.CONNECTED
            and bool(self.topics)
            and all(topic.phase is TopicPhase.LIVE for topic in self.topics.values())
        )


OnStatus = Callable[[Status], None]


class ErrorLog:
    """What a status is told to where a program asks for none: a program that shows nothing is a
    riddle. One warning for each error, however often it comes again before the next connection.
    """

    def __init__(self) -> None:
        self._last = ""

    def __call__(self, status: Status) -> None:
        words = "" if status.error is None else str(status.error)
        if words and words != self._last:
            _LOG.warning("%s: %s", status.state, words)
        if words or status.state is ConnectionState.CONNECTED:
            self._last = words


class StatusBoard:
    """The current status; calls back when it changes."""

    def __init__(self, topics: Mapping[str, TopicStatus], tell: OnStatus) -> None:
        self.status = Status(topics=MappingProxyType(dict(topics)))
        self._tell = tell

    def connection(
        self,
        state: ConnectionState,
        *,
        attempt: int = 0,
        retry_in: float | None = None,
        error: Exception | None = None,
    ) -> None:
        """The connection is in another state; unless connected, no topic is being served."""
        topics = self.status.topics
        if state is not ConnectionState.CONNECTED:
            idle = {name: replace(t, phase=TopicPhase.IDLE) for name, t in topics.items()}
            topics = MappingProxyType(idle)
        self._set(Status(state, attempt, retry_in, error, topics))

    def notice(self, error: Exception) -> None:
        """Something went wrong that the connection survived."""
        self._set(replace(self.status, error=error))

    def drop(self, name: str) -> None:
        """Forgets the position of a topic."""
        topics = MappingProxyType({**self.status.topics, name: TopicStatus()})
        self._set(replace(self.status, topics=topics))

    def topic(
        self,
        name: str,
        *,
        phase: TopicPhase | None = None,
        watermark: int | None = None,
        head: int | None = None,
    ) -> None:
        """News of one topic; None leaves a part as it is."""
        known = self.status.topics.get(name, TopicStatus())
        changed = TopicStatus(
            phase=known.phase if phase is None else phase,
            watermark=known.watermark if watermark is None else watermark,
            head=known.head if head is None else head,
        )
        if changed != known:
            topics = MappingProxyType({**self.status.topics, name: changed})
            self._set(replace(self.status, topics=topics))

    def _set(self, status: Status) -> None:
        self.status = status
        self._tell(status)
