"""State machine of one socket's channel: messages in, actions out, no I/O.

A socket has one channel, `sync:v1`. While it is joined, it has a join reference, by which messages
of earlier joins are recognised, and an id for its subscriptions.
"""

import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from khala_pg.auth.claims import Claims, timestamp
from khala_pg.http.rates import Bucket
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire import frames, replies, requests
from khala_pg.relay.wire.actions import Action, Close, End, Send
from khala_pg.relay.wire.frames import CHANNEL, Frame, FrameError
from khala_pg.relay.wire.requests import (
    RefreshRequest,
    RequestError,
    SubscribeRequest,
    UnsubscribeRequest,
)

CLOSE_PROTOCOL_ERROR = 1002
CLOSE_SERVICE_RESTART = 1012
CLOSE_TRY_LATER = 1013
CLOSE_UNAUTHORIZED = 4401

Watermarks = Iterable[tuple[str, int]]


@dataclass(slots=True, eq=False)
class Channel:
    """One socket's side of the protocol. Not aware of sockets, tasks or databases.

    claims: whom the socket belongs to.
    epoch: the epoch of the database, None as long as it is not known.
    max_payload_bytes: the largest payload inside an update, called once there is an epoch.
    covered: the covered watermarks of what the socket is subscribed to.
    note: called for heartbeats, and for requests that are refused here, with the code.
    now: a clock in seconds, for the limit of requests.
    """

    claims: Claims
    settings: RelaySettings
    epoch: Callable[[], str | None]
    max_payload_bytes: Callable[[], int]
    covered: Callable[[], Watermarks]
    note: Callable[[str, str], None] = lambda event, outcome: None
    now: Callable[[], float] = time.monotonic
    new_id: Callable[[], str] = lambda: secrets.token_hex(8)
    join_ref: str | None = None
    subscription_id: str = ""
    joined: bool = False
    _bad_frames: int = 0
    _messages: Bucket = field(init=False)
    _requests: Bucket = field(init=False)

    def __post_init__(self) -> None:
        limits = self.settings
        self._messages = Bucket(limits.max_messages_per_second, limits.max_message_burst)
        self._requests = Bucket(limits.max_requests_per_second, limits.max_request_burst)

    def receive(self, text: str) -> list[Action]:
        """Handles one message of the client."""
        if self._messages.take(self.now()) > 0:
            return self._end_flood()
        try:
            frame = frames.decode(text)
        except FrameError as error:
            return self.refuse_frame(str(error))
        if frame.topic == "phoenix" and frame.event == "heartbeat":
            self.note("heartbeat", "ok")
            return [Send(frames.reply(frame.join_ref, frame.ref, "phoenix", "ok", {}))]
        if frame.topic != CHANNEL or (not self.joined and frame.event != "phx_join"):
            return [replies.unmatched(frame)]
        if frame.event == "phx_leave" and not self._is_outdated(frame):
            return self._leave(frame)
        if frame.event != "phx_join" and self._is_outdated(frame):
            return []
        try:
            self._limit(text)
            return self._join(frame) if frame.event == "phx_join" else self._request(frame)
        except RequestError as error:
            self.note(frame.event, error.code)
            return [replies.reply(frame, "error", error.payload(replies.request_id(frame)))]

    def _end_flood(self) -> list[Action]:
        message = "far too many messages: connect again after retry_after_ms"
        payload = {
            "code": "rate_limited",
            "message": message,
            "retry_after_ms": self.settings.max_retry_after_ms,
        }
        return [End(None), *self.push_error(payload), Close(CLOSE_TRY_LATER, "too many messages")]

    def refuse_frame(self, reason: str) -> list[Action]:
        """Reports a dropped message to the client; closes after a few of them."""
        self._bad_frames += 1
        actions = self.push_error({"code": "bad_frame", "message": f"message dropped: {reason}"})
        if self._bad_frames > self.settings.max_bad_frames:
            actions.append(Close(CLOSE_PROTOCOL_ERROR, "too many messages that are no frames"))
        return actions

    def subscribed(
        self,
        request: SubscribeRequest,
        epoch: str,
        current: Watermarks,
        heads: Watermarks,
    ) -> list[Action]:
        """The response to an accepted subscribe: sent before any update."""
        response = {
            "subscription_id": self.subscription_id,
            "topics": [name for name, _ in current],
            "current_watermarks": frames.watermark_list(current),
            "head_watermarks": frames.watermark_list(heads),
            "epoch": epoch,
        }
        return [replies.reply(request, "ok", response)]

    def refused(
        self, request: SubscribeRequest | UnsubscribeRequest, error: RequestError
    ) -> list[Action]:
        """The response to a refused request; a stale cursor is pushed as an error as well."""
        payload = error.payload(request.request_id)
        actions = self.push_error(payload) if error.code == "stale_cursor" else []
        return [*actions, replies.reply(request, "error", payload)]

    def unsubscribed(self, request: UnsubscribeRequest) -> list[Action]:
        """The response to an unsubscribe, with the remaining topics: sent after the others' end."""
        topics = [topic for topic, _ in self.covered()]
        response = {"subscription_id": self.subscription_id, "topics": topics}
        return [replies.reply(request, "ok", response)]

    def refreshed(self, request: RefreshRequest, claims: Claims) -> list[Action]:
        """The response to a verified new token; the channel continues under it.

        Another subject or organisation is refused: what is subscribed was chosen for this one.
        """
        if (claims.subject, claims.org_id) != (self.claims.subject, self.claims.org_id):
            message = "the new token is of another subject or organisation: connect anew with it"
            return self.refresh_refused(request, RequestError("unauthorized", message))
        self.claims = claims
        response = {
            "expires_at": timestamp(claims.expires_at),
            "allowed_topics": list(claims.scopes),
        }
        return [replies.reply(request, "ok", response)]

    def refresh_refused(self, request: RefreshRequest, error: RequestError) -> list[Action]:
        """The response to a refused new token; the old one stays."""
        return [replies.reply(request, "error", error.payload())]

    def push_error(self, payload: dict[str, Any]) -> list[Action]:
        """A `sync:error` that belongs to no request."""
        return [Send(frames.encode(self.join_ref, None, CHANNEL, "sync:error", payload))]

    def heartbeat(self) -> dict[str, Any]:
        """The payload of a heartbeat."""
        return {"watermarks": frames.watermark_list(self.covered())}

    def expire(self, message: str) -> list[Action]:
        """The token no longer holds: the client has to come back with another one."""
        actions = self.push_error({"code": "unauthorized", "message": message})
        if self.joined:
            actions.append(Send(self._phx_error({"reason": "unauthorized"})))
        return [End(None), *actions, Close(CLOSE_UNAUTHORIZED, "unauthorized")]

    def drain(self, retry_after_ms: int) -> list[Action]:
        """The relay is about to stop: come back elsewhere, at a moment of one's own."""
        message = "the relay is restarting: connect again after retry_after_ms"
        payload = {"code": "internal", "message": message, "retry_after_ms": retry_after_ms}
        actions = self.push_error(payload)
        return [End(None), *actions, Close(CLOSE_SERVICE_RESTART, "service restart")]

    def crash(self) -> list[Action]:
        """An internal failure: the client rejoins, the socket stays."""
        if not self.joined:
            return []
        crashed = Send(self._phx_error({"reason": "channel_crash"}))
        self._reset()
        return [End(None), crashed]

    def _join(self, frame: Frame) -> list[Action]:
        join_ref = frame.join_ref if frame.join_ref is not None else frame.ref
        if join_ref is None:
            return self.refuse_frame("phx_join needs a ref")
        epoch = self.epoch()
        if epoch is None:
            raise RequestError(
                "internal",
                "the database cannot be reached yet: try again after retry_after_ms",
                details={"retry_after_ms": self.settings.max_retry_after_ms},
            )
        replaced, self.join_ref = (self.join_ref, self.joined), join_ref
        self.subscription_id = self.new_id()
        self.joined = True
        response = {
            "subscription_id": self.subscription_id,
            "allowed_topics": list(self.claims.scopes),
            "limits": {
                "max_batch_updates": self.settings.max_batch_updates,
                "max_batch_bytes": self.settings.max_batch_bytes,
                "max_payload_bytes": self.max_payload_bytes(),
                "max_frame_bytes": self.settings.max_frame_bytes,
                "max_topics": self.settings.max_topics,
            },
            "heartbeat_interval_ms": round(self.settings.heartbeat_interval_s * 1000),
            "token_expires_at": timestamp(self.claims.expires_at),
            "epoch": epoch,
        }
        reply = Send(frames.reply(join_ref, frame.ref, CHANNEL, "ok", response))
        old_ref, was_joined = replaced
        if not was_joined:
            return [reply]
        # A phx_close with the reference of the new join would close that one.
        closed = [] if old_ref == join_ref else [replies.phx_close(old_ref)]
        return [End(None), reply, *closed]

    def _leave(self, frame: Frame) -> list[Action]:
        closed = replies.phx_close(self.join_ref)
        self._reset()
        return [End(None), replies.reply(frame, "ok", {}), closed]

    def _request(self, frame: Frame) -> list[Action]:
        match frame.event:
            case "sync:subscribe":
                return [requests.subscribe(frame, self.settings.max_topics)]
            case "sync:unsubscribe":
                return [requests.unsubscribe(frame, self.settings.max_topics)]
            case "sync:heartbeat":
                self.note("heartbeat", "ok")
                payload = self.heartbeat()
                response = {"subscription_id": self.subscription_id, **payload}
                return [
                    replies.reply(frame, "ok", response),
                    Send(frames.encode(self.join_ref, None, CHANNEL, "sync:heartbeat", payload)),
                ]
            case "sync:refresh":
                return [requests.refresh(frame)]
        raise RequestError("bad_subscription", f"unknown event {frame.event[:64]!r}")

    def _limit(self, text: str) -> None:
        wait_s = self._requests.take(self.now())
        if wait_s > 0:
            raise RequestError(
                "rate_limited",
                "too many requests: try again after retry_after_ms",
                details={"retry_after_ms": max(1, round(wait_s * 1000))},
            )
        if _is_longer(text, self.settings.max_request_bytes):
            raise RequestError(
                "payload_too_large",
                f"a request has at most {self.settings.max_request_bytes} bytes",
            )

    def _is_outdated(self, frame: Frame) -> bool:
        return frame.join_ref is not None and frame.join_ref != self.join_ref

    def _phx_error(self, payload: dict[str, Any]) -> str:
        return frames.encode(self.join_ref, self.join_ref, CHANNEL, "phx_error", payload)

    def _reset(self) -> None:
        self.join_ref = None
        self.joined = False
        self.subscription_id = ""


def _is_longer(text: str, max_bytes: int) -> bool:
    # Encoding only to count is worth it for the few texts whose characters do not decide it.
    return len(text) > max_bytes or (len(text) * 4 > max_bytes and len(text.encode()) > max_bytes)
