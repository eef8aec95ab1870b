"""The two forms in which updates leave: JSON in text frames, protobuf in binary ones.

A lane says how a message is put together from what the database wrote for it. Nothing here looks
into an update.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial

from websockets.frames import Opcode

from khala_pg.relay.connection import SharedMessage
from khala_pg.relay.wire import frames

_EVENT = "sync:update_batch"


@dataclass(frozen=True, slots=True)
class Lane:
    """One form of `sync:update_batch`.

    encoding: its name in the URL of a socket, and for the database.
    opcode: of the frames that carry it.
    head: what stands before a page in its message, for a socket's join_ref.
    end: what stands after it.
    first, between: what stands before the updates of a page, and between two of them.
    """

    encoding: str
    opcode: Opcode
    head: Callable[[str | None], bytes]
    first: bytes
    between: bytes
    end: bytes

    def page_message(self, page: bytes, updates: int) -> SharedMessage:
        """The message that carries a page of that many updates."""
        return SharedMessage(self.opcode, self.head, page + self.end, updates)

    def batch_message(self, updates: Collection[bytes], page_tail: bytes) -> SharedMessage:
        """The message that carries some updates of a feed page and what ends the page."""
        body = b"".join((self.first, self.between.join(updates), page_tail, self.end))
        return SharedMessage(self.opcode, self.head, body, len(updates))


JSON = Lane("json", Opcode.TEXT, partial(frames.push_head, _EVENT), b'{"updates":[', b",", b"]")
# A protobuf message is its fields one after the other.
PROTOBUF = Lane("protobuf", Opcode.BINARY, partial(frames.binary_push_head, _EVENT), b"", b"", b"")

LANES: Mapping[str, Lane] = {lane.encoding: lane for lane in (JSON, PROTOBUF)}
"""Every lane by the name of its encoding."""
