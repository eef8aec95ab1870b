"""The channel of one socket, message by message, without a socket."""

import json
from dataclasses import replace
from typing import Any

import pytest

from khala_pg.keyring import Claims
from khala_pg.relay.actions import Action, Close, End, Refresh, Send, Subscribe
from khala_pg.relay.channel import Channel
from khala_pg.relay.requests import RefreshRequest, RequestError, SubscribeRequest
from khala_pg.relay.settings import RelaySettings

CLAIMS = Claims("me", "org-a", ("a", "b"), 0, 0, 1_700_000_000, "jti")
SETTINGS = RelaySettings("", max_bad_frames=3, max_requests_per_second=10, max_request_burst=20)


class Peer:
    """A client's view of a channel: sends values, reads what comes back as values."""

    def __init__(self, settings: RelaySettings = SETTINGS, epoch: str | None = "e1") -> None:
        self.covered: list[tuple[str, int]] = []
        self.time = 0.0
        self.epoch = epoch
        ids = iter(f"s{number}" for number in range(1, 1000))
        self.channel = Channel(
            CLAIMS,
            settings,
            epoch=lambda: self.epoch,
            covered=lambda: self.covered,
            now=lambda: self.time,
            new_id=lambda: next(ids),
        )

    def send(self, *message: Any) -> list[Any]:
        return seen(self.channel.receive(json.dumps(message)))

    def join(self, ref: str = "1") -> None:
        assert self.send(ref, ref, "sync:v1", "phx_join", {})[-1]


def seen(actions: list[Action]) -> list[Any]:
    """Actions with the texts of messages read back."""
    return [json.loads(action.text) if isinstance(action, Send) else action for action in actions]


def ok(join_ref: str | None, ref: str | None, response: Any, topic: str = "sync:v1") -> list[Any]:
    return [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response}]


def error(join_ref: str | None, ref: str | None, response: Any) -> list[Any]:
    return [join_ref, ref, "sync:v1", "phx_reply", {"status": "error", "response": response}]


def join_response(subscription_id: str) -> dict[str, Any]:
    return {
        "subscription_id": subscription_id,
        "allowed_topics": ["a", "b"],
        "limits": {
            "max_batch_updates": 200,
            "max_batch_bytes": 2097152,
            "max_payload_bytes": 262144,
            "max_frame_bytes": 1048576,
            "max_topics": 64,
        },
        "heartbeat_interval_ms": 15000,
        "token_expires_at": "2023-11-14T22:13:20Z",
        "epoch": "e1",
    }


def test_join() -> None:
    peer = Peer()
    assert peer.send("3", "3", "sync:v1", "phx_join", {}) == [ok("3", "3", join_response("s1"))]


def test_join_without_a_join_ref_takes_the_ref() -> None:
    peer = Peer()
    assert peer.send(None, "3", "sync:v1", "phx_join", {}) == [ok("3", "3", join_response("s1"))]
    assert peer.send("3", "4", "sync:v1", "phx_leave", {})[1] == ok("3", "4", {})


def test_join_without_any_reference_is_no_frame() -> None:
    [answer] = Peer().send(None, None, "sync:v1", "phx_join", {})
    assert answer[3:] == [
        "sync:error",
        {"code": "bad_frame", "message": "message dropped: phx_join needs a ref"},
    ]


def test_second_join_replaces_the_first() -> None:
    peer = Peer()
    peer.join("1")
    assert peer.send("7", "7", "sync:v1", "phx_join", {}) == [
        End(None),
        ok("7", "7", join_response("s2")),
        ["1", "1", "sync:v1", "phx_close", {}],
    ]
    assert peer.send("1", "8", "sync:v1", "sync:heartbeat", {}) == []
    assert peer.send("1", "8", "sync:v1", "phx_leave", {}) == []
    assert peer.send("7", "9", "sync:v1", "sync:heartbeat", {})[0][0:2] == ["7", "9"]


def test_join_before_the_database_was_ever_reached_is_told_to_come_back() -> None:
    peer = Peer(epoch=None)
    [answer] = peer.send("1", "1", "sync:v1", "phx_join", {})
    assert answer[4]["status"] == "error"
    assert answer[4]["response"]["code"] == "internal"
    assert answer[4]["response"]["retry_after_ms"] == 5000
    peer.epoch = "e1"
    peer.join()


@pytest.mark.parametrize("topic", ["sync:v2", "room:1", "", "phoenix"])
def test_other_channels_do_not_exist(topic: str) -> None:
    peer = Peer()
    unmatched = {"status": "error", "response": {"reason": "unmatched topic"}}
    assert peer.send("1", "1", topic, "phx_join", {}) == [
        [None, "1", topic, "phx_reply", unmatched]
    ]
    assert peer.send("1", "2", topic, "phx_leave", {}) == [ok("1", "2", {}, topic)]


def test_request_on_a_channel_not_joined() -> None:
    assert Peer().send("1", "2", "sync:v1", "sync:subscribe", {"topics": ["a"]}) == [
        error(None, "2", {"reason": "unmatched topic"})
    ]


def test_leave() -> None:
    peer = Peer()
    assert peer.send("1", "2", "sync:v1", "phx_leave", {}) == [ok("1", "2", {})]
    peer.join("1")
    assert peer.send("1", "2", "sync:v1", "phx_leave", {}) == [
        End(None),
        ok("1", "2", {}),
        ["1", "1", "sync:v1", "phx_close", {}],
    ]
    assert peer.send("1", "3", "sync:v1", "sync:heartbeat", {}) == [
        error(None, "3", {"reason": "unmatched topic"})
    ]


def test_phoenix_heartbeat_needs_no_join() -> None:
    assert Peer().send(None, "5", "phoenix", "heartbeat", {}) == [ok(None, "5", {}, "phoenix")]


def test_heartbeat_is_answered_and_pushed() -> None:
    peer = Peer()
    peer.join()
    peer.covered = [("a", 4), ("b", 2**53)]
    watermarks = [{"topic": "a", "watermark": 4}, {"topic": "b", "watermark": str(2**53)}]
    assert peer.send(None, "2", "sync:v1", "sync:heartbeat", {}) == [
        ok(None, "2", {"subscription_id": "s1", "watermarks": watermarks}),
        [None, None, "sync:v1", "sync:heartbeat", {"watermarks": watermarks}],
    ]


def test_subscribe_is_handed_on_with_its_cursors_untouched() -> None:
    peer = Peer()
    peer.join()
    payload = {
        "topics": ["a", "b", "a"],
        "resume_after": {"a": 7, "b": "9007199254740993"},
        "epoch": "e1",
        "replay_batch_size": 10,
        "request_id": "r",
    }
    [action] = peer.send("1", "2", "sync:v1", "sync:subscribe", payload)
    request = SubscribeRequest(
        "1", "2", ("a", "b"), {"a": 7, "b": "9007199254740993"}, "e1", 10, "r"
    )
    assert action == Subscribe(request)
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
    "payload",
    [
        {},
        {"topics": None},
        {"topics": []},
        {"topics": "a"},
        {"topics": {"a": 1}},
        {"topics": [1]},
        {"topics": [""]},
        {"topics": ["a\0"]},
        {"topics": ["a" * 256]},
        {"topics": [f"t{number}" for number in range(65)]},
        {"topics": ["a"], "resume_after": 7},
        {"topics": ["a"], "resume_after": "a"},
        {"topics": ["a"], "resume_after": {"a\0": 1}},
        {"topics": ["a"], "resume_after": [{"topic": "\0"}]},
        {"topics": ["a"], "epoch": 7},
        {"topics": ["a"], "epoch": "e" * 256},
        {"topics": ["a"], "replay_batch_size": 0},
        {"topics": ["a"], "replay_batch_size": -1},
        {"topics": ["a"], "replay_batch_size": True},
        {"topics": ["a"], "replay_batch_size": 1.5},
        {"topics": ["a"], "replay_batch_size": "10"},
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
    request = SubscribeRequest("1", "2", ("a",), {"a": 1}, None, None, "r")
    refusal = RequestError("stale_cursor", "too old", details={"full_resync_required": True})
    payload = {
        "code": "stale_cursor",
        "message": "too old",
        "full_resync_required": True,
        "request_id": "r",
    }
    assert seen(peer.channel.subscribe_refused(request, refusal)) == [
        ["1", None, "sync:v1", "sync:error", payload],
        error("1", "2", payload),
    ]
    [only] = seen(peer.channel.subscribe_refused(request, RequestError("internal", "no")))
    assert only == error("1", "2", {"code": "internal", "message": "no", "request_id": "r"})


def test_unsubscribe_ends_before_it_answers() -> None:
    peer = Peer()
    peer.join()
    peer.covered = [("a", 1), ("b", 2)]
    payload = {"topics": ["a", "c"], "request_id": "r"}
    assert peer.send("1", "2", "sync:v1", "sync:unsubscribe", payload) == [
        End(("a", "c")),
        ok("1", "2", {"subscription_id": "s1", "topics": ["b"], "request_id": "r"}),
    ]
    [refused] = peer.send("1", "2", "sync:v1", "sync:unsubscribe", {"topics": []})
    assert refused[4]["response"]["code"] == "bad_subscription"


def test_refresh() -> None:
    peer = Peer()
    peer.join()
    [action] = peer.send("1", "2", "sync:v1", "sync:refresh", {"token": "t"})
    request = RefreshRequest("1", "2", "t")
    assert action == Refresh(request)
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


def test_a_few_bad_frames_are_told_and_the_next_closes() -> None:
    peer = Peer()
    peer.join()
    for text in ("nonsense", "[1]"):
        [told] = seen(peer.channel.receive(text))
        assert told[:4] == ["1", None, "sync:v1", "sync:error"]
        assert told[4]["code"] == "bad_frame"
    told, close = seen(peer.channel.receive("{}"))
    assert told[4]["code"] == "bad_frame"
    assert close == Close(1002, "too many messages that are no frames")


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


def test_expiry_ends_everything_with_4401() -> None:
    peer = Peer()
    told = ["sync:v1", "sync:error", {"code": "unauthorized", "message": "expired"}]
    assert seen(peer.channel.expire("expired")) == [
        End(None),
        [None, None, *told],
        Close(4401, "unauthorized"),
    ]
    peer.join("4")
    assert seen(peer.channel.expire("expired")) == [
        End(None),
        ["4", None, *told],
        ["4", "4", "sync:v1", "phx_error", {"reason": "unauthorized"}],
        Close(4401, "unauthorized"),
    ]


def test_drain_tells_when_to_come_back() -> None:
    peer = Peer()
    peer.join()
    end, told, close = seen(peer.channel.drain(1234))
    assert end == End(None)
    assert (told[3], told[4]["retry_after_ms"]) == ("sync:error", 1234)
    assert close == Close(1012, "service restart")


def test_crash_makes_the_client_rejoin_and_keeps_the_socket() -> None:
    peer = Peer()
    assert peer.channel.crash() == []
    peer.join("2")
    assert seen(peer.channel.crash()) == [
        End(None),
        ["2", "2", "sync:v1", "phx_error", {"reason": "channel_crash"}],
    ]
    assert peer.send("2", "3", "sync:v1", "sync:heartbeat", {})[0][4]["status"] == "error"
    peer.join("3")


def test_a_moment_beyond_the_calendar_is_its_last() -> None:
    peer = Peer()
    peer.channel.claims = replace(CLAIMS, expires_at=10**15)
    [answer] = peer.send("1", "1", "sync:v1", "phx_join", {})
    assert answer[4]["response"]["token_expires_at"] == "9999-12-31T23:59:59Z"
