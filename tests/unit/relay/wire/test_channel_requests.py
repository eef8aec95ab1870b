"""Requests on a channel that is joined, without a socket."""

from dataclasses import replace
from typing import Any

import pytest

from khala_pg.auth.claims import Claims
from khala_pg.relay.wire.requests import (
    RefreshRequest,
    RequestError,
    SubscribeRequest,
    UnsubscribeRequest,
)
from support.relay.channels import CLAIMS, SETTINGS, Peer, error, ok, seen


def test_heartbeat_is_answered_and_pushed() -> None:
    peer = Peer()
    peer.join()
    peer.covered = [("a", 4), ("b", 2**53)]
    watermarks = [{"topic": "a", "watermark": 4}, {"topic": "b", "watermark": str(2**53)}]
    assert peer.send(None, "2", "sync:v1", "sync:heartbeat", {}) == [
        ok(None, "2", {"subscription_id": "s1", "watermarks": watermarks}),
        ["1", None, "sync:v1", "sync:heartbeat", {"watermarks": watermarks}],
    ]


def test_subscribe_is_handed_on_with_its_cursors_untouched() -> None:
    peer = Peer()
    peer.join()
    payload = {
        "topics": ["a", "b", "a"],
        "resume_after": {"a": 7, "b": "9007199254740993"},
        "epoch": "e1",
        "replay_batch_size": 10,
        "compact": True,
        "request_id": "r",
    }
    [action] = peer.send("1", "2", "sync:v1", "sync:subscribe", payload)
    request = SubscribeRequest(
        "1", "2", ("a", "b"), {"a": 7, "b": "9007199254740993"}, "e1", 10, True, "r"
    )
    assert action == request
    answer = peer.channel.subscribed(request, "e2", [("a", 7), ("b", 8)], [("a", 9), ("b", 8)])
    assert seen(answer) == [
        ok(
            "1",
            "2",
            {
                "subscription_id": "s1",
                "topics": ["a", "b"],
                "current_watermarks": [
                    {"topic": "a", "watermark": 7},
                    {"topic": "b", "watermark": 8},
                ],
                "head_watermarks": [
                    {"topic": "a", "watermark": 9},
                    {"topic": "b", "watermark": 8},
                ],
                "epoch": "e2",
                "request_id": "r",
            },
        )
    ]


@pytest.mark.parametrize(
    ("resume_after", "handed_on"),
    [
        (None, None),
        ({"a": 1}, {"a": 1}),
        ({" a": 1, "a": 2}, [{"topic": "a", "watermark": 1}, {"topic": "a", "watermark": 2}]),
        ([{"topic": "a\t", "watermark": 1}, 7], [{"topic": "a", "watermark": 1}, 7]),
    ],
)
def test_blanks_and_defaults_are_forgiven(resume_after: Any, handed_on: Any) -> None:
    peer = Peer()
    peer.join()
    payload = {
        "topics": [" a", "b\n", "a"],
        "resume_after": resume_after,
        "replay_batch_size": 0,
    }
    [action] = peer.send("1", "2", "sync:v1", "sync:subscribe", payload)
    assert action == SubscribeRequest("1", "2", ("a", "b"), handed_on, None, None, False, None)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"topics": None},
        {"topics": []},
        {"topics": "a"},
        {"topics": {"a": 1}},
        {"topics": [1]},
        {"topics": [""]},
        {"topics": [" "]},
        {"topics": ["a\0"]},
        {"topics": ["a" * 256]},
        {"topics": [f"t{number}" for number in range(65)]},
        {"topics": ["a"], "resume_after": 7},
        {"topics": ["a"], "resume_after": "a"},
        {"topics": ["a"], "resume_after": {"a\0": 1}},
        {"topics": ["a"], "resume_after": [{"topic": "\0"}]},
        {"topics": ["a"], "epoch": 7},
        {"topics": ["a"], "epoch": "e" * 256},
        {"topics": ["a"], "replay_batch_size": -1},
        {"topics": ["a"], "replay_batch_size": True},
        {"topics": ["a"], "replay_batch_size": 1.5},
        {"topics": ["a"], "replay_batch_size": "10"},
        {"topics": ["a"], "compact": "true"},
        {"topics": ["a"], "compact": 1},
        {"topics": ["a"], "request_id": 7},
        {"topics": ["a"], "request_id": "r" * 129},
    ],
)
def test_subscribe_of_another_shape_is_refused(payload: dict[str, Any]) -> None:
    peer = Peer()
    peer.join()
    [answer] = peer.send("1", "2", "sync:v1", "sync:subscribe", payload)
    assert answer[:4] == ["1", "2", "sync:v1", "phx_reply"]
    assert answer[4]["status"] == "error"
    assert answer[4]["response"]["code"] == "bad_subscription"


def test_stale_cursor_is_pushed_then_answered() -> None:
    peer = Peer()
    peer.join()
    request = SubscribeRequest("1", "2", ("a",), {"a": 1}, None, None, False, "r")
    refusal = RequestError("stale_cursor", "too old", details={"full_resync_required": True})
    payload = {
        "code": "stale_cursor",
        "message": "too old",
        "full_resync_required": True,
        "request_id": "r",
    }
    assert seen(peer.channel.refused(request, refusal)) == [
        ["1", None, "sync:v1", "sync:error", payload],
        error("1", "2", payload),
    ]
    [only] = seen(peer.channel.refused(request, RequestError("internal", "no")))
    assert only == error("1", "2", {"code": "internal", "message": "no", "request_id": "r"})


def test_unsubscribe_is_handed_on_and_answered_with_what_remains() -> None:
    peer = Peer()
    peer.join()
    peer.covered = [("b", 2)]
    payload = {"topics": ["a", "c"], "request_id": "r"}
    [action] = peer.send("1", "2", "sync:v1", "sync:unsubscribe", payload)
    request = UnsubscribeRequest("1", "2", ("a", "c"), "r")
    assert action == request
    assert seen(peer.channel.unsubscribed(request)) == [
        ok("1", "2", {"subscription_id": "s1", "topics": ["b"], "request_id": "r"}),
    ]
    [refused] = peer.send("1", "2", "sync:v1", "sync:unsubscribe", {"topics": []})
    assert refused[4]["response"]["code"] == "bad_subscription"


def test_refresh() -> None:
    peer = Peer()
    peer.join()
    [action] = peer.send("1", "2", "sync:v1", "sync:refresh", {"token": "t"})
    request = RefreshRequest("1", "2", "t")
    assert action == request
    newer = replace(CLAIMS, expires_at=1_700_000_100, scopes=("a",))
    assert seen(peer.channel.refreshed(request, newer)) == [
        ok("1", "2", {"expires_at": "2023-11-14T22:15:00Z", "allowed_topics": ["a"]})
    ]
    assert peer.channel.claims == newer


@pytest.mark.parametrize("other", [{"subject": "you"}, {"org_id": "org-b"}])
def test_refresh_with_somebody_elses_token_is_refused(other: dict[str, str]) -> None:
    peer = Peer()
    peer.join()
    foreign = Claims(**{name: getattr(CLAIMS, name) for name in CLAIMS.__slots__} | other)
    [answer] = seen(peer.channel.refreshed(RefreshRequest("1", "2", "t"), foreign))
    assert answer[4]["response"]["code"] == "unauthorized"
    assert peer.channel.claims == CLAIMS


@pytest.mark.parametrize("payload", [{}, {"token": None}, {"token": 7}, {"token": ""}])
def test_refresh_without_a_token_is_refused(payload: dict[str, Any]) -> None:
    peer = Peer()
    peer.join()
    [answer] = peer.send("1", "2", "sync:v1", "sync:refresh", payload)
    assert answer[4]["response"]["code"] == "bad_subscription"


def test_unknown_event_is_named() -> None:
    peer = Peer()
    peer.join()
    [answer] = peer.send("1", "2", "sync:v1", "sync:explode", {"request_id": "r"})
    assert answer == error(
        "1",
        "2",
        {
            "code": "bad_subscription",
            "message": "unknown event 'sync:explode'",
            "request_id": "r",
        },
    )


def test_requests_are_limited_in_number() -> None:
    peer = Peer()
    peer.join()
    for _ in range(19):
        assert peer.send("1", "2", "sync:v1", "sync:heartbeat", {})[0][4]["status"] == "ok"
    [refused] = peer.send("1", "2", "sync:v1", "sync:heartbeat", {"request_id": "r"})
    assert refused[4]["response"] == {
        "code": "rate_limited",
        "message": "too many requests: try again after retry_after_ms",
        "retry_after_ms": 100,
        "request_id": "r",
    }
    assert peer.send(None, "5", "phoenix", "heartbeat", {}) == [ok(None, "5", {}, "phoenix")]
    peer.time += 0.1
    assert peer.send("1", "2", "sync:v1", "sync:heartbeat", {})[0][4]["status"] == "ok"


def test_requests_are_limited_in_bytes() -> None:
    peer = Peer(replace(SETTINGS, max_request_bytes=1000))
    peer.join()
    [refused] = seen(
        peer.channel.receive(
            '["1","2","sync:v1","sync:subscribe",{"topics":["a"],"x":"' + "ä" * 480 + '"}]'
        )
    )
    assert refused[:2] == ["1", "2"]
    assert refused[4]["response"]["code"] == "payload_too_large"
