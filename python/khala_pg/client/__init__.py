"""An asyncio client: follows topics, keeps documents and watermarks, survives disconnections."""

from khala_pg.backoff import Backoff
from khala_pg.client.client import KhalaClient
from khala_pg.client.documents import Change, ChangeKind, Cursor, Document
from khala_pg.client.errors import (
    ClientError,
    ForbiddenTopicError,
    HydrationBehindError,
    PayloadHashMismatchError,
    ProtocolError,
    RequestRefusedError,
    RetryLaterError,
    StaleCursorError,
    StoreError,
    TransportError,
    UnauthorizedError,
)
from khala_pg.client.sqlite_store import SqliteStore
from khala_pg.client.start import Start
from khala_pg.client.status import ConnectionState, Status, TopicPhase, TopicStatus
from khala_pg.client.store import Commit, MemoryStore, Stored, WatermarkStore
from khala_pg.client.tokens import Endpoint, EndpointProvider

__all__ = [
    "Backoff",
    "Change",
    "ChangeKind",
    "ClientError",
    "Commit",
    "ConnectionState",
    "Cursor",
    "Document",
    "Endpoint",
    "EndpointProvider",
    "ForbiddenTopicError",
    "HydrationBehindError",
    "KhalaClient",
    "MemoryStore",
    "PayloadHashMismatchError",
    "ProtocolError",
    "RequestRefusedError",
    "RetryLaterError",
    "SqliteStore",
    "StaleCursorError",
    "Start",
    "Status",
    "StoreError",
    "Stored",
    "TopicPhase",
    "TopicStatus",
    "TransportError",
    "UnauthorizedError",
    "WatermarkStore",
]
