"""The binary lane is read strictly, whatever bytes come."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.client import binary
from khala_pg.client.errors import ProtocolError
from khala_pg.client.wire import Frame
from khala_pg.proto_gen.openagents.sync.v1 import topic_pb2, update_pb2
from khala_pg.relay.delivery.lanes import PROTOBUF

PAYLOAD = '{"n":1,"s":"é"}'.encode()
DIGEST = hashlib.sha256(PAYLOAD).digest()


def test_what_the_relay_sends_is_read() -> None:
    message = PROTOBUF.page_message(b"\x10\x01", 1)
    assert binary.frame(message.data_for("1")) == Frame(
        "1", None, "sync:v1", "sync:update_batch", {}, b"\x10\x01"
    )


def test_broadcasts_and_join_references_are_read() -> None:
    assert binary.frame(b"\x02\x01\x02tev!") == Frame(None, None, "t", "ev", {}, b"!")
    assert binary.frame(b"\x00\x02\x01\x0112tex") == Frame("12", None, "t", "e", {}, b"x")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x00",
        b"\x00\x00\x01",
        b"\x01\x00\x00\x00\x00",
        b"\x00\x00\x07\x11sync:v1",
        b"\x02\x01\x01\xff\xff",
    ],
)
def test_what_is_no_frame_is_refused(message: bytes) -> None:
    with pytest.raises(ProtocolError):
        binary.frame(message)


@given(st.binary(max_size=60))
def test_any_bytes_are_a_frame_or_refused(message: bytes) -> None:
    try:
        assert binary.frame(message).data is not None
    except ProtocolError:
        return


@given(st.binary(max_size=60))
def test_any_bytes_are_a_batch_or_refused(data: bytes) -> None:
    try:
        binary.batch(data)
    except ProtocolError:
        return


def one(**fields: object) -> bytes:
    entry = {"topic": "t", "doc_key": "k", "doc_version": 2**62, "watermark": 2**63 - 1}
    return update_pb2.UpdateBatch(
        updates=[update_pb2.Update(**(entry | fields))],  # type: ignore[arg-type]
        replay_complete=True,
        head_watermarks=[topic_pb2.TopicWatermark(topic="t", watermark=9)],
        covered_watermarks=[topic_pb2.TopicWatermark(topic="t")],
    ).SerializeToString()


def test_a_batch() -> None:
    batch = binary.batch(one(payload_hash=DIGEST, payload_json=PAYLOAD))
    [update] = batch.updates
    assert (update.payload, update.payload_bytes) == ({"n": 1, "s": "é"}, PAYLOAD)
    assert (update.doc_version, update.watermark) == (2**62, 2**63 - 1)
    assert (batch.replay_complete, batch.heads, batch.covered) == (True, {"t": 9}, {"t": 0})


def test_pointers_and_tombstones() -> None:
    [pointer] = binary.batch(one(payload_hash=DIGEST, hydration_required=True)).updates
    assert (pointer.hydration_required, pointer.payload) == (True, None)
    [tombstone] = binary.batch(one(deleted=True)).updates
    assert (tombstone.deleted, tombstone.payload, tombstone.payload_hash) == (True, None, b"")


@pytest.mark.parametrize(
    "fields",
    [
        {"payload_hash": DIGEST},
        {"payload_hash": DIGEST, "payload_json": PAYLOAD, "deleted": True},
        {"payload_hash": DIGEST, "payload_json": PAYLOAD, "hydration_required": True},
        {"payload_hash": b"short", "payload_json": PAYLOAD},
        {"payload_hash": DIGEST, "deleted": True},
        {"payload_hash": DIGEST, "payload_json": b"nonsense"},
        {"payload_hash": DIGEST, "payload_json": b"[1]"},
        {"payload_hash": DIGEST, "payload_json": b"[" * 100_000},
    ],
)
def test_an_update_that_says_two_things_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ProtocolError):
        binary.batch(one(**fields))
