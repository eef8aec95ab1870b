"""The two forms in which updates leave: JSON in text frames, protobuf in binary ones.

A lane says which functions of the database write its pages and how a frame is put together from
what they wrote. Nothing here looks into an update.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, AnyStr, Generic

from khala_pg import sqlapi
from khala_pg.relay.wire import frames
from khala_pg.sqlapi import FeedRow, Page

_EVENT = "sync:update_batch"


@dataclass(frozen=True, slots=True)
class Lane(Generic[AnyStr]):
    """One form of `sync:update_batch`.

    encoding: its name in the URL of a socket.
    replay, replay_feed: see sqlapi.
    page_message: the message that carries a finished page.
    batch_message: the message that carries some updates of a feed page and what ends the page.
    """

    encoding: str
    replay: Callable[..., Awaitable[Page[AnyStr]]]
    replay_feed: Callable[..., Awaitable[list[FeedRow[AnyStr]]]]
    page_message: Callable[[AnyStr], AnyStr]
    batch_message: Callable[[Iterable[AnyStr], AnyStr], AnyStr]


def _text_page(page: str) -> str:
    return frames.splice(None, _EVENT, page)


def _text_batch(updates: Iterable[str], page_tail: str) -> str:
    return _text_page(frames.batch_payload(updates, page_tail))


def _binary_page(page: bytes) -> bytes:
    return frames.binary_push(_EVENT, page)


def _binary_batch(updates: Iterable[bytes], page_tail: bytes) -> bytes:
    # A protobuf message is its fields one after the other.
    return _binary_page(b"".join(updates) + page_tail)


JSON: Lane[str] = Lane("json", sqlapi.replay, sqlapi.replay_feed, _text_page, _text_batch)
PROTOBUF: Lane[bytes] = Lane(
    "protobuf", sqlapi.replay_binary, sqlapi.replay_feed_binary, _binary_page, _binary_batch
)

LANES: Mapping[str, Lane[Any]] = {lane.encoding: lane for lane in (JSON, PROTOBUF)}
"""Every lane by the name of its encoding."""
