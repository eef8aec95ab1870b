"""The channel of one socket, message by message: joining, leaving and how it ends."""

from dataclasses import replace

import pytest

from khala_pg.relay.wire.actions import Close, End
from support.relay.channels import CLAIMS, Peer, error, join_response, ok, seen


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


def test_second_join_with_the_same_reference_is_not_closed() -> None:
    peer = Peer()
    peer.join("1")
    assert peer.send("1", "1", "sync:v1", "phx_join", {}) == [
        End(None),
        ok("1", "1", join_response("s2")),
    ]
    assert peer.send("1", "2", "sync:v1", "sync:heartbeat", {})[0][0:2] == ["1", "2"]


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
