"""The codec: what is a frame, what is not, and that ready-made text is never parsed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.client import binary
from khala_pg.relay.delivery.lanes import JSON as JSON_LANE
from khala_pg.relay.delivery.lanes import PROTOBUF
from khala_pg.relay.wire import frames
from khala_pg.relay.wire.frames import Frame, FrameError


def test_a_frame_is_read() -> None:
    text = '["1","2","sync:v1","sync:subscribe",{"topics":["a"]}]'
    assert frames.decode(text) == Frame("1", "2", "sync:v1", "sync:subscribe", {"topics": ["a"]})


def test_references_may_be_null() -> None:
    assert frames.decode('[null,null,"phoenix","heartbeat",{}]').join_ref is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not JSON"),
        ("nonsense", "not JSON"),
        ("[", "not JSON"),
        ("{}", "array of five"),
        ("null", "array of five"),
        ("[]", "array of five"),
        ('["1","2","t","e"]', "array of five"),
        ('["1","2","t","e",{},{}]', "array of five"),
        ('[1,"2","t","e",{}]', "strings or null"),
        ('["1",2,"t","e",{}]', "strings or null"),
        ('["1","2",null,"e",{}]', "topic and the event"),
        ('["1","2","t",7,{}]', "topic and the event"),
        ('["1","2","t","e",null]', "payload"),
        ('["1","2","t","e",[]]', "payload"),
        ('["1","2","t","e","{}"]', "payload"),
        ('["1","2","t","e",{"a":NaN}]', "NaN"),
        ('["1","2","t","e",{"a":Infinity}]', "Infinity"),
        ('["1","2","t","e",{"a":-Infinity}]', "Infinity"),
        ('["1","2","t","e",{"a":1e400}]', "outside the range"),
        ('["1","2","t","e",{"a":-1e400}]', "outside the range"),
        ('["1","2","t","e",{"a":' + "9" * 10_000 + "}]", "outside the range"),
        ('["1","2","t","e",{"a":1,"a":2}]', "twice"),
        ('["1","2","t","e",{"a":"\\ud800"}]', "surrogate"),
        ('["1","2","t","e",{"\\udc00":1}]', "surrogate"),
        ('["1","\\ud83d","t","e",{}]', "surrogate"),
        ("[" * 100_000, "nested"),
        ('["1","2","t","e",' + '{"a":' * 5_000 + "1" + "}" * 5_000 + "]", "nested"),
        ('["' + "x" * 256 + '","2","t","e",{}]', "at most 255"),
    ],
)
def test_anything_else_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(FrameError, match=why) as caught:
        frames.decode(text)
    assert len(str(caught.value)) < 200


def test_brackets_in_texts_and_pairs_of_surrogates_are_fine() -> None:
    frame = frames.decode(
        '["1","2","t","e",{"a":"' + "[{" * 1000 + '\\"' + "[" * 100 + '","b":"\\ud83d\\ude00"}]'
    )
    assert frame.payload["b"] == "😀"
    assert len(frame.payload["a"]) == 2101


def test_replies_and_pushes_are_golden() -> None:
    assert (
        frames.reply("1", "2", "sync:v1", "ok", {"a": "ä"})
        == '["1","2","sync:v1","phx_reply",{"status":"ok","response":{"a":"ä"}}]'
    )
    assert (
        frames.encode(None, None, "sync:v1", "sync:heartbeat", {"watermarks": []})
        == '[null,null,"sync:v1","sync:heartbeat",{"watermarks":[]}]'
    )


def test_ready_made_text_is_put_together_as_it_is() -> None:
    page = b'{"updates":[ not even JSON'
    assert JSON_LANE.page_message(page, 1).data_for("1") == (
        b'["1",null,"sync:v1","sync:update_batch",' + page + b"]"
    )
    message = JSON_LANE.batch_message([b'{"watermark":1}', b'{"watermark":2}'], b'],"x":true}')
    payload = b'{"updates":[{"watermark":1},{"watermark":2}],"x":true}'
    assert message.data_for("1") == JSON_LANE.page_message(payload, 2).data_for("1")
    assert message.updates == 2


@pytest.mark.parametrize("join_ref", ["1", 'a"\\\n', "é", "x" * 255, None])
def test_a_push_carries_the_join_ref_whatever_it_is(join_ref: str | None) -> None:
    text = JSON_LANE.page_message(b"{}", 0).data_for(join_ref)
    assert json.loads(text) == [join_ref, None, "sync:v1", "sync:update_batch", {}]
    binary_frame = binary.frame(PROTOBUF.page_message(b"", 0).data_for(join_ref))
    assert (binary_frame.join_ref, binary_frame.event) == (join_ref, "sync:update_batch")


def test_a_binary_push_is_laid_out_as_phoenix_reads_it() -> None:
    message = PROTOBUF.page_message(b"\x10\x01", 1)
    assert message.data_for("12") == b"\x00\x02\x07\x1112sync:v1sync:update_batch\x10\x01"
    assert PROTOBUF.batch_message([b"\x10"], b"\x01").data_for("") == message.data_for(None)


def test_watermarks_above_a_double_travel_as_text() -> None:
    assert frames.watermark_list([("a", 2**53 - 1), ("b", 2**53)]) == [
        {"topic": "a", "watermark": 9007199254740991},
        {"topic": "b", "watermark": "9007199254740992"},
    ]


NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
REFERENCE = st.none() | st.text(max_size=20)


@given(REFERENCE, REFERENCE, st.text(), st.text(), st.dictionaries(st.text(), JSON, max_size=3))
def test_what_is_encoded_decodes_to_the_same(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: dict[str, object]
) -> None:
    expected = Frame(join_ref, ref, topic, event, payload)
    for ascii_only in (True, False):
        text = json.dumps([join_ref, ref, topic, event, payload], ensure_ascii=ascii_only)
        assert frames.decode(text) == expected
    assert frames.decode(frames.encode(join_ref, ref, topic, event, payload)) == expected


def test_a_nesting_bomb_in_an_endless_text_is_refused_in_time() -> None:
    with pytest.raises(FrameError):
        frames.decode("[" * 60 + "{" * 5 + '"' + '\\"[' * 300_000)


@given(st.text())
def test_any_text_is_a_frame_or_a_frame_error(text: str) -> None:
    try:
        frames.decode(text)
    except FrameError:
        return
