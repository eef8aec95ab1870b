"""Actions of a channel, for its session to perform."""

from dataclasses import dataclass

from khala_pg.relay.wire.requests import RefreshRequest, SubscribeRequest, UnsubscribeRequest


@dataclass(frozen=True, slots=True)
class Send:
    """Write one message."""

    text: str


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Check the request against the database, then pass the result to the channel."""

    request: SubscribeRequest


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """End these topics, then pass the rest to the channel."""

    request: UnsubscribeRequest


@dataclass(frozen=True, slots=True)
class Refresh:
    """Verify the new token, then tell the channel how it went."""

    request: RefreshRequest


@dataclass(frozen=True, slots=True)
class End:
    """End the delivery of these topics, before anything else is written; None: of all topics."""

    topics: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int
    reason: str


Action = Send | Subscribe | Unsubscribe | Refresh | End | Close
