"""A message for many sockets: built once, compressed once for those that compress alike."""

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from khala_pg.relay.connection import SharedMessage

TEXT = ('{"text":"' + "ähnlich " * 200 + '"}').encode()


def deflate(window: int, *, takeover: bool) -> PerMessageDeflate:
    return PerMessageDeflate(True, not takeover, 15, window)


def read(wire: bytes, extensions: Sequence[Extension]) -> Frame:
    reader = StreamReader()
    reader.feed_data(wire)
    parsing = Frame.parse(reader.read_exact, mask=False, max_size=None, extensions=extensions)
    try:
        next(parsing)
    except StopIteration as done:
        frame: Frame = done.value
        return frame
    raise AssertionError("the frame is not whole")


def test_it_is_compressed_once_for_all_that_compress_alike() -> None:
    message = SharedMessage(Opcode.TEXT, TEXT)
    first = message.wire_for([deflate(12, takeover=False)])
    assert message.wire_for([deflate(12, takeover=False)]) is first
    assert message.wire_for([deflate(9, takeover=False)]) is not first
    assert len(first) < len(message.wire) / 10
    frame = read(first, [deflate(12, takeover=False)])
    assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, TEXT)


def test_a_socket_that_builds_on_what_went_before_gets_its_own() -> None:
    message, other = (
        SharedMessage(Opcode.TEXT, TEXT),
        SharedMessage(Opcode.BINARY, b"\x00\x01"),
    )
    sender, receiver = [deflate(12, takeover=True)], [PerMessageDeflate(False, False, 12, 15)]
    for each, opcode, data in (
        (message, Opcode.TEXT, TEXT),
        (other, Opcode.BINARY, b"\x00\x01"),
        (message, Opcode.TEXT, TEXT),
    ):
        frame = read(each.wire_for(sender), receiver)
        assert (frame.opcode, bytes(frame.data)) == (opcode, data)


def test_without_extensions_it_is_as_it_is() -> None:
    message = SharedMessage(Opcode.BINARY, b"\x00\x01", 3)
    assert message.wire_for([]) is message.wire
    assert message.updates == 3
    assert bytes(read(message.wire, []).data) == b"\x00\x01"
