"""A message for many sockets: built once, compressed once for those that compress alike."""

from collections.abc import Sequence

from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.streams import StreamReader

from khala_pg.relay.connection import SharedMessage

BODY = ('{"text":"' + "ähnlich " * 200 + '"}]').encode()


def head(join_ref: str | None) -> bytes:
    return f'["{join_ref}",'.encode()


def message(opcode: Opcode = Opcode.TEXT) -> SharedMessage:
    return SharedMessage(opcode, head, BODY, 3)


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


def test_it_is_framed_once_for_all_that_joined_alike() -> None:
    shared = message(Opcode.BINARY)
    first = shared.wire_for("1")
    assert shared.wire_for("1") is first
    assert bytes(read(first, []).data) == b'["1",' + BODY
    assert bytes(read(shared.wire_for("2"), []).data) == b'["2",' + BODY
    assert shared.updates == 3
    assert len(shared) == len(BODY)


def test_however_many_references_there_are_few_frames_are_kept() -> None:
    shared = message()
    wires = [shared.wire_for(str(number)) for number in range(100)]
    assert [bytes(read(wire, []).data) for wire in wires] == [
        head(str(number)) + BODY for number in range(100)
    ]
    kept = [wire for number, wire in enumerate(wires) if shared.wire_for(str(number)) is wire]
    assert kept == wires[:4]


def test_it_is_compressed_once_for_all_that_joined_and_compress_alike() -> None:
    shared = message()
    first = shared.wire_for("1", [deflate(12, takeover=False)])
    assert shared.wire_for("1", [deflate(12, takeover=False)]) is first
    assert shared.wire_for("1", [deflate(9, takeover=False)]) is not first
    other = shared.wire_for("2", [deflate(12, takeover=False)])
    assert len(first) < len(BODY) / 10
    for wire, join_ref in ((first, "1"), (other, "2")):
        frame = read(wire, [deflate(12, takeover=False)])
        assert (frame.opcode, bytes(frame.data)) == (Opcode.TEXT, head(join_ref) + BODY)


def test_a_socket_that_builds_on_what_went_before_gets_its_own() -> None:
    text, binary = message(), message(Opcode.BINARY)
    sender, receiver = [deflate(12, takeover=True)], [PerMessageDeflate(False, False, 12, 15)]
    for each, opcode in ((text, Opcode.TEXT), (binary, Opcode.BINARY), (text, Opcode.TEXT)):
        frame = read(each.wire_for("1", sender), receiver)
        assert (frame.opcode, bytes(frame.data)) == (opcode, head("1") + BODY)
