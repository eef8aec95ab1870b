"""What a server says is read strictly: a value, or a ProtocolError, and never a guess."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.client import wire
from khala_pg.client.errors import (
    ClientError,
    ForbiddenTopicError,
    ProtocolError,
    RequestRefusedError,
    RetryLaterError,
    StaleCursorError,
    TransportError,
    UnauthorizedError,
)

HASH = base64.b64encode(b"h" * 32).decode()
UPDATE: dict[str, Any] = {
    "topic": "t",
    "doc_key": "k",
    "doc_version": 1,
    "watermark": 2,
    "payload_hash": HASH,
    "hydration_required": False,
    "payload": {"n": 1},
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=10,
)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in UPDATE.items() if name not in names}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "{}",
        "[]",
        '[null,null,"t","e"]',
        '[null,null,"t","e",{},1]',
        '[1,null,"t","e",{}]',
        '[null,2,"t","e",{}]',
        '[null,null,null,"e",{}]',
        '[null,null,"t","e",null]',
        '[null,null,"t","e",[]]',
        "[" * 100_000,
        b"\x00\x01",
    ],
)
def test_messages_that_are_no_frames(text: str | bytes) -> None:
    with pytest.raises(ProtocolError):
        wire.frame(text)


def test_a_frame() -> None:
    frame = wire.frame('["1",null,"sync:v1","sync:error",{"a":1}]')
    assert frame == wire.Frame("1", None, "sync:v1", "sync:error", {"a": 1})


@pytest.mark.parametrize("value", [9007199254740993, "9007199254740993"])
def test_counters_are_numbers_or_digits(value: object) -> None:
    assert wire.counter(value, "watermark") == 9007199254740993


@pytest.mark.parametrize("value", [None, True, 1.0, "", "1.0", "1e3", " 1", "٣", "--1", [1]])
def test_what_is_no_counter(value: object) -> None:
    with pytest.raises(ProtocolError):
        wire.counter(value, "watermark")


def test_kinds_of_updates() -> None:
    inline = wire.update(UPDATE)
    assert (inline.payload, inline.payload_hash) == ({"n": 1}, b"h" * 32)
    pointer = wire.update({**without("payload"), "hydration_required": True})
    assert (pointer.payload, pointer.hydration_required) == (None, True)
    gone = wire.update({**without("payload"), "payload_hash": "", "deleted": True})
    assert (gone.payload, gone.deleted, gone.payload_hash) == (None, True, b"")


@pytest.mark.parametrize(
    "fields",
    [
        *(without(name) for name in ("topic", "doc_key", "doc_version", "watermark")),
        without("payload"),
        without("payload_hash"),
        {**UPDATE, "payload": [1]},
        {**UPDATE, "payload": "text"},
        {**UPDATE, "payload_hash": "AAAA"},
        {**UPDATE, "payload_hash": ""},
        {**UPDATE, "deleted": True},
        {**UPDATE, "deleted": "yes"},
        {**UPDATE, "hydration_required": True},
        {**UPDATE, "doc_key": 1},
        [],
        None,
    ],
)
def test_what_is_no_update(fields: object) -> None:
    with pytest.raises(ProtocolError):
        wire.update(fields)


def test_a_batch() -> None:
    batch = wire.batch(
        {
            "updates": [UPDATE],
            "replay_complete": True,
            "head_watermarks": [{"topic": "t", "watermark": 5}],
            "covered_watermarks": [{"topic": "t", "watermark": "4"}],
        }
    )
    assert [update.watermark for update in batch.updates] == [2]
    assert (batch.replay_complete, batch.heads, batch.covered) == (True, {"t": 5}, {"t": 4})


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"code": "unauthorized"}, UnauthorizedError),
        ({"code": "forbidden_topic", "forbidden_topics": ["t"]}, ForbiddenTopicError),
        ({"code": "bad_subscription"}, RequestRefusedError),
        ({"code": "payload_too_large"}, RequestRefusedError),
        ({"code": "rate_limited", "retry_after_ms": 50}, RetryLaterError),
        ({"code": "internal", "retry_after_ms": "50"}, RetryLaterError),
        ({"code": "internal"}, TransportError),
        ({"code": "bad_frame"}, ProtocolError),
        ({"code": "from_the_future"}, TransportError),
        ({"code": "from_the_future", "retry_after_ms": 50}, RetryLaterError),
        ({"reason": "unmatched topic"}, TransportError),
        ({"code": "stale_cursor", "stale_topics": [{"topic": "t"}]}, StaleCursorError),
    ],
)
def test_errors_by_code(payload: dict[str, Any], kind: type[ClientError]) -> None:
    error = wire.error(payload)
    assert type(error) is kind
    if isinstance(error, RetryLaterError):
        assert error.retry_after == 0.05


def test_a_stale_cursor_says_which_and_why() -> None:
    entry = {"topic": "t", "resume_after": 10, "retention_floor": "42", "reason": "below_floor"}
    error = wire.error({"code": "stale_cursor", "stale_topics": [entry]})
    assert isinstance(error, StaleCursorError)
    [stale] = error.topics
    assert (stale.topic, stale.resume_after, stale.retention_floor) == ("t", 10, 42)


@pytest.mark.parametrize("value", ["2026-01-01T00:00:00Z", "2026-01-01T00:00:00.5+00:00"])
def test_times_have_a_zone(value: str) -> None:
    found = wire.timestamp(value)
    assert found is not None
    assert found.tzinfo is not None


@given(json_values)
def test_nothing_a_server_says_gets_past(value: Any) -> None:
    text = json.dumps(value)
    for read in (
        lambda: wire.frame(text),
        lambda: wire.snapshot_page(text),
        lambda: wire.update(value),
        lambda: wire.batch(value if isinstance(value, dict) else {"updates": value}),
        lambda: wire.timestamp(value),
        lambda: wire.error(value if isinstance(value, dict) else {"retry_after_ms": value}),
    ):
        try:
            read()
        except ProtocolError:
            continue
