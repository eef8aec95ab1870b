"""A channel without a socket: messages in as values, what comes back as values."""

import json
from typing import Any

from khala_pg.auth.claims import Claims
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire.actions import Action, Send
from khala_pg.relay.wire.channel import Channel

CLAIMS = Claims("me", "org-a", ("a", "b"), 0, 0, 1_700_000_000, "jti")
SETTINGS = RelaySettings("", max_bad_frames=2, max_requests_per_second=10, max_request_burst=20)


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
            max_payload_bytes=lambda: 262144,
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
