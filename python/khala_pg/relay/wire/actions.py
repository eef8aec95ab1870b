"""Actions of a channel, for its session to perform: a request is one as well."""

from dataclasses import dataclass

from khala_pg.relay.wire.requests import RefreshRequest, SubscribeRequest, UnsubscribeRequest


@dataclass(frozen=True, slots=True)
class Send:
    """Write one message."""

    text: str


@dataclass(frozen=True, slots=True)
class End:
    """End the delivery of these topics, before anything else is written; None: of all topics."""

    topics: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Close:
    """Close the socket."""

    code: int
    reason: str


Action = Send | SubscribeRequest | UnsubscribeRequest | RefreshRequest | End | Close
