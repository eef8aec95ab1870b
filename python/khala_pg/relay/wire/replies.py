"""Replies of a channel to a frame."""

from typing import Any

from khala_pg.relay.wire import frames
from khala_pg.relay.wire.frames import CHANNEL, Frame


def ok(frame: Frame, response: dict[str, Any]) -> str:
    """The request went well."""
    return frames.reply(frame.join_ref, frame.ref, frame.topic, "ok", response)


def error(frame: Frame, response: dict[str, Any]) -> str:
    """The request is refused."""
    return frames.reply(frame.join_ref, frame.ref, frame.topic, "error", response)


def unmatched(frame: Frame) -> str:
    """There is no such channel, or it is not joined; leaving it is fine all the same."""
    if frame.event == "phx_leave":
        return ok(frame, {})
    return frames.reply(None, frame.ref, frame.topic, "error", {"reason": "unmatched topic"})


def phx_close(join_ref: str | None) -> str:
    """The join with that reference is over, and not to be repeated."""
    return frames.encode(join_ref, join_ref, CHANNEL, "phx_close", {})


def echo(request_id: str | None, response: dict[str, Any]) -> None:
    """Gives a request its id back."""
    if request_id is not None:
        response["request_id"] = request_id
