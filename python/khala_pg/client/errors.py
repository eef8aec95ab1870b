"""Errors of a client: a class for each way a caller would handle them.

ClientError
├── TransportError            the server cannot be reached or went away: the client tries again
│   └── RetryLaterError       the same, and the server said when
├── ProtocolError             the server said what this protocol does not allow: tried again
├── HydrationBehindError      the server's copy of a document is older than announced: fetched again
├── PayloadHashMismatchError  a document does not have the hash it was announced with: fetched again
├── StaleCursorError          a cursor cannot be resumed from: the client takes a snapshot
├── UnauthorizedError         the token is refused: get a new one
├── ForbiddenTopicError       the token does not cover a topic: final
├── RequestRefusedError       a request is refused and would be again: final
└── StoreError                the local store cannot be used: final at the start, later tried again
"""

from collections.abc import Sequence
from dataclasses import dataclass

from khala_pg.errors import KhalaError


class ClientError(KhalaError):
    """Base of everything a client raises on purpose."""


class TransportError(ClientError):
    """The server cannot be reached, or the connection to it broke."""


class RetryLaterError(TransportError):
    """The server cannot serve now and says how long to wait."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        """Seconds to wait before the next try."""


class ProtocolError(ClientError):
    """A message does not have the shape this protocol gives it."""


class UnauthorizedError(ClientError):
    """The token is missing, not valid, expired or revoked."""


class ForbiddenTopicError(ClientError):
    """The token does not cover these topics, or they do not exist."""

    def __init__(self, message: str, topics: Sequence[str] = ()) -> None:
        super().__init__(
            message,
            "Use a token whose scopes include the topic: see `khala token`. "
            "`khala topics` lists the topics that there are.",
        )
        self.topics = tuple(topics)


class RequestRefusedError(ClientError):
    """A request was refused, and would be again."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        """The error's wire name."""


@dataclass(frozen=True, slots=True)
class StaleTopic:
    """A cursor that cannot be resumed from, and why."""

    topic: str
    resume_after: int | None
    retention_floor: int | None
    reason: str | None


class StaleCursorError(ClientError):
    """One or more cursors cannot be resumed from."""

    def __init__(self, message: str, topics: Sequence[StaleTopic]) -> None:
        super().__init__(message)
        self.topics = tuple(topics)


class PayloadHashMismatchError(ClientError):
    """A document and the hash it was announced with do not belong together."""

    def __init__(self, topic: str, doc_key: str, expected: str, found: str) -> None:
        super().__init__(
            f"{topic} {doc_key}: the payload's hash is {found}, announced was {expected}: "
            "it was changed behind the engine's back or on the way"
        )
        self.topic = topic
        self.doc_key = doc_key
        self.expected = expected
        self.found = found


class HydrationBehindError(ClientError):
    """The server still has an older version of a document than it announced."""


class StoreError(ClientError):
    """The local store cannot be opened, read or written."""
