"""Every error that a channel tells, read strictly as a SyncError whose code the enum lists."""

import json
from typing import Any

import pytest

from khala_pg.auth.claims import TokenError
from khala_pg.errors import WIRE_CODES, RefusedError, StaleCursorError, UnavailableError
from khala_pg.proto_gen.openagents.sync.v1 import error_pb2
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire import refusals
from khala_pg.relay.wire.actions import Action, Send
from support.relay.channels import SETTINGS, Peer, seen
from support.wire.proto_reader import Reader, wire_names

CODES = set(wire_names(error_pb2.SyncErrorCode).values())
STALE = {
    "topic": "a",
    "resume_after": 2**60,
    "retention_floor": 1,
    "head_watermark": 5,
    "reason": "cursor_ahead",
}


@pytest.fixture(scope="module")
def read() -> Reader:
    return Reader()


def told(actions: list[Action]) -> list[dict[str, Any]]:
    """The errors among some actions: pushed, and in replies."""
    frames = seen([each for each in actions if isinstance(each, Send)])
    pushed = [frame[4] for frame in frames if frame[3] == "sync:error"]
    replies = [frame[4] for frame in frames if frame[3] == "phx_reply"]
    return pushed + [each["response"] for each in replies if each["status"] == "error"]


def ask(peer: Peer, event: str, payload: Any) -> list[Action]:
    return peer.channel.receive(json.dumps(["1", "2", "sync:v1", event, payload]))


def flooded() -> list[Action]:
    peer = Peer(RelaySettings("", max_message_burst=1, max_messages_per_second=1))
    peer.join()
    return ask(peer, "sync:heartbeat", {})


def too_many_requests() -> list[Action]:
    peer = Peer(RelaySettings("", max_request_burst=1, max_requests_per_second=1))
    peer.join()
    return ask(peer, "sync:heartbeat", {})


def joined() -> Peer:
    peer = Peer()
    peer.join()
    return peer


MOMENTS = {
    "far too many messages": (flooded, "rate_limited"),
    "too many requests": (too_many_requests, "rate_limited"),
    "a request that is too large": (
        lambda: ask(joined(), "sync:subscribe", {"x": "x" * SETTINGS.max_request_bytes}),
        "payload_too_large",
    ),
    "a message that is no frame": (lambda: joined().channel.receive("{}"), "bad_frame"),
    "an unknown event": (lambda: ask(joined(), "sync:x", {}), "bad_subscription"),
    "no topics": (lambda: ask(joined(), "sync:subscribe", {}), "bad_subscription"),
    "no token": (lambda: ask(joined(), "sync:refresh", {}), "bad_subscription"),
    "the token expires": (lambda: joined().channel.expire("expired"), "unauthorized"),
    "the relay stops": (lambda: joined().channel.drain(1234), "internal"),
    "a join before the database was reached": (
        lambda: ask(Peer(epoch=None), "phx_join", {}),
        "internal",
    ),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_what_a_channel_tells(moment: str, read: Reader) -> None:
    act, code = MOMENTS[moment]
    errors = [read("SyncError", each) for each in told(act())]
    assert [error.code for error in errors] == [code]
    assert code in CODES
    assert errors[0].message
    assert errors[0].HasField("retry_after_ms") == (code in {"rate_limited", "internal"})


@pytest.mark.parametrize("sqlstate", sorted(WIRE_CODES))
def test_what_a_refusal_of_the_database_tells(sqlstate: str, read: Reader) -> None:
    code = WIRE_CODES[sqlstate]
    detail: Any = {"unknown_topics": ["a"]} if code == "forbidden_topic" else None
    refused = RefusedError("no", "", sqlstate, detail)
    if code == "stale_cursor":
        refused = StaleCursorError("no", "", sqlstate, [STALE])
    error = read("SyncError", refusals.of(refused, 5000).payload("r"))
    assert (error.code, error.message, error.request_id) == (code, "no", "r")
    assert list(error.forbidden_topics) == (["a"] if code == "forbidden_topic" else [])
    if code == "stale_cursor":
        assert error.full_resync_required
        assert error.stale_topics[0].resume_after == STALE["resume_after"]


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (TokenError("not good"), "unauthorized"),
        (UnavailableError("away"), "internal"),
        (RuntimeError("a fault"), "internal"),
    ],
)
def test_what_another_failure_tells(failure: Exception, code: str, read: Reader) -> None:
    error = read("SyncError", refusals.of(failure, 5000).payload())
    assert error.code == code
    assert error.HasField("retry_after_ms") == (code == "internal")
