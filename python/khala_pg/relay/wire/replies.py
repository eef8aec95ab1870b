"""Answers of a channel to one message."""

from collections.abc import Mapping
from typing import Any

from khala_pg.relay.wire import frames, requests
from khala_pg.relay.wire.actions import Send
from khala_pg.relay.wire.frames import CHANNEL, Frame
from khala_pg.relay.wire.requests import (
    RefreshRequest,
    RequestError,
    SubscribeRequest,
    UnsubscribeRequest,
)


def reply(
    request: Frame | SubscribeRequest | UnsubscribeRequest | RefreshRequest,
    status: str,
    response: Mapping[str, Any],
) -> Send:
    """The reply to a request on the channel, which gets its id back."""
    request_id = getattr(request, "request_id", None)
    if request_id is not None:
        response = {**response, "request_id": request_id}
    return Send(frames.reply(request.join_ref, request.ref, CHANNEL, status, response))


def unmatched(frame: Frame) -> Send:
    """There is no such channel, or it is not joined; leaving it is fine all the same."""
    if frame.event == "phx_leave":
        return Send(frames.reply(frame.join_ref, frame.ref, frame.topic, "ok", {}))
    response = {"reason": "unmatched topic"}
    return Send(frames.reply(None, frame.ref, frame.topic, "error", response))


def phx_close(join_ref: str | None) -> Send:
    """The join with that reference is over, and not to be repeated."""
    return Send(frames.encode(join_ref, join_ref, CHANNEL, "phx_close", {}))


def request_id(frame: Frame) -> str | None:
    """The id that the client gave its request, if it is one that can be returned."""
    try:
        return requests.request_id(frame.payload)
    except RequestError:
        return None
