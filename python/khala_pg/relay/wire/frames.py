"""Phoenix V2 frames: text ones, `[join_ref, ref, topic, event, payload]`, decoded strictly, and
binary ones, which only the server sends.

Pure: text in, values out, and the other way round. What the database has already written as JSON
text or as bytes is put into a frame without being parsed.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from khala_pg import strict_json

CHANNEL = "sync:v1"
"""The one channel a socket can join."""

MAX_REF_BYTES = 255
"""References longer than this cannot travel in a binary frame, so they are refused in any."""

_BINARY_PUSH = 0
MAX_NESTING = 64
_SAFE_INTEGER = 2**53 - 1
_STRUCTURE = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)


class FrameError(Exception):
    """A message is not a frame of this protocol; the reason is safe to send back."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of a client. A reference that the client left out is None."""

    join_ref: str | None
    ref: str | None
    topic: str
    event: str
    payload: Mapping[str, Any]


def decode(text: str) -> Frame:
    """Decodes one message of a client.

    Raises FrameError for anything but a JSON array of five members of the right types, and for what
    strict_json refuses or is nested deeply: it could not be handed on to the database.
    """
    _refuse_deep_nesting(text)
    try:
        message = strict_json.loads(text)
    except ValueError as error:
        raise FrameError(f"not JSON: {error}") from None
    if not isinstance(message, list) or len(message) != 5:
        raise FrameError("a message is an array of five: [join_ref, ref, topic, event, payload]")
    join_ref, ref, topic, event, payload = message
    if not isinstance(topic, str) or not isinstance(event, str):
        raise FrameError("the topic and the event of a message are strings")
    if not isinstance(payload, dict):
        raise FrameError("the payload of a message is an object")
    return Frame(_reference(join_ref), _reference(ref), topic, event, payload)


def encode(
    join_ref: str | None, ref: str | None, topic: str, event: str, payload: Mapping[str, Any]
) -> str:
    """One message of the server."""
    return strict_json.dumps([join_ref, ref, topic, event, payload])


def reply(
    join_ref: str | None, ref: str | None, topic: str, status: str, response: Mapping[str, Any]
) -> str:
    """The reply to one message; `status` is `ok` or `error`."""
    payload = {"status": status, "response": response}
    return encode(join_ref, ref, topic, "phx_reply", payload)


def push_head(event: str, join_ref: str | None) -> bytes:
    """The head of a push on the channel, before the payload; the frame ends with a bracket."""
    return f'[{strict_json.dumps(join_ref)},null,"{CHANNEL}",{strict_json.dumps(event)},'.encode()


def binary_push_head(event: str, join_ref: str | None) -> bytes:
    """The head of a binary push on the channel, before the payload: kind 0, three sizes, three
    strings. An empty join_ref stands for null.
    """
    texts = [text.encode() for text in (join_ref or "", CHANNEL, event)]
    return bytes((_BINARY_PUSH, *map(len, texts))) + b"".join(texts)


def number(value: int) -> int | str:
    """A watermark as it travels: a number while a double holds it, a string above."""
    return value if -_SAFE_INTEGER <= value <= _SAFE_INTEGER else str(value)


def watermark_list(watermarks: Iterable[tuple[str, int]]) -> list[dict[str, Any]]:
    """Positions as they travel: `[{"topic": …, "watermark": …}]`."""
    return [{"topic": topic, "watermark": number(value)} for topic, value in watermarks]


def _reference(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise FrameError("the references of a message are strings or null")
    if len(value.encode()) > MAX_REF_BYTES:
        raise FrameError(f"a reference has at most {MAX_REF_BYTES} bytes")
    return value


def _refuse_deep_nesting(text: str) -> None:
    # Brackets in texts do not count, and the parser's own limit differs between interpreters.
    if text.count("[") + text.count("{") <= MAX_NESTING:
        return
    depth = 0
    for token in _STRUCTURE.finditer(text):
        mark = token.group()[0]
        if mark in "[{":
            depth += 1
            if depth > MAX_NESTING:
                raise FrameError(f"nested deeper than {MAX_NESTING} levels")
        elif mark in "]}":
            depth -= 1
