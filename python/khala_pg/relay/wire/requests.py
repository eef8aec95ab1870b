"""The payloads of requests: their shape is checked here, their meaning by the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from khala_pg import strict_json
from khala_pg.relay.wire.frames import Frame

MAX_REQUEST_ID_CHARACTERS = 128
MAX_NAME_CHARACTERS = 255


class RequestError(Exception):
    """A request is refused. `code` is a wire error code; `details` are further members."""

    def __init__(
        self, code: str, message: str, *, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.details: Mapping[str, Any] = details or {}

    def payload(self, request_id: str | None = None) -> dict[str, Any]:
        """The error as it travels, in a reply or in `sync:error`."""
        payload: dict[str, Any] = {"code": self.code, "message": str(self), **self.details}
        if request_id is not None:
            payload["request_id"] = request_id
        return payload


@dataclass(frozen=True, slots=True)
class SubscribeRequest:
    """A well-shaped `sync:subscribe`.

    resume_after: the cursors as the client gave them, map or list, for the database to judge.
    batch_size: the most updates in one batch, at least 1; None when the client did not say.
    compact: whether replay may leave out versions that a later one has replaced.
    filters: what narrows topics, as the client gave it, for the database to judge.
    """

    join_ref: str | None
    ref: str | None
    topics: tuple[str, ...]
    resume_after: Mapping[str, Any] | list[Any] | None
    epoch: str | None
    batch_size: int | None
    compact: bool
    request_id: str | None
    filters: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class UnsubscribeRequest:
    """A well-shaped `sync:unsubscribe`; a topic may be named otherwise than it was subscribed."""

    join_ref: str | None
    ref: str | None
    topics: tuple[str, ...]
    request_id: str | None


@dataclass(frozen=True, slots=True)
class RefreshRequest:
    """A well-shaped `sync:refresh`."""

    join_ref: str | None
    ref: str | None
    token: str


def subscribe(frame: Frame, max_topics: int) -> SubscribeRequest:
    """Reads a `sync:subscribe`. Raises RequestError."""
    payload = frame.payload
    resume_after = payload.get("resume_after")
    if resume_after is not None and not isinstance(resume_after, (dict, list)):
        raise _bad("resume_after is an object {topic: watermark} or a list of {topic, watermark}")
    resume_after = _without_blanks(resume_after)
    if resume_after is not None and strict_json.holds_nul(strict_json.dumps(resume_after)):
        raise _bad("resume_after holds a NUL character")
    batch_size = payload.get("replay_batch_size")
    if batch_size is not None and (
        isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 0
    ):
        raise _bad("replay_batch_size is a whole number from 0")
    compact = payload.get("compact")
    if not isinstance(compact, bool | None):
        raise _bad("compact is true or false")
    filters = payload.get("filters")
    if filters is not None and not isinstance(filters, dict):
        raise _bad('filters is an object {topic: {"keys": […]}} or {topic: {"prefix": …}}')
    if filters and strict_json.holds_nul(strict_json.dumps(filters)):
        raise _bad("filters holds a NUL character")
    return SubscribeRequest(
        join_ref=frame.join_ref,
        ref=frame.ref,
        topics=_topics(payload, max_topics),
        resume_after=resume_after,
        epoch=_text(payload, "epoch", MAX_NAME_CHARACTERS),
        # What proto3 writes for a number that was not set.
        batch_size=batch_size or None,
        compact=compact is True,
        request_id=request_id(payload),
        filters=_without_blank_names(filters) or None,
    )


def unsubscribe(frame: Frame, max_topics: int) -> UnsubscribeRequest:
    """Reads a `sync:unsubscribe`. Raises RequestError."""
    return UnsubscribeRequest(
        frame.join_ref, frame.ref, _topics(frame.payload, max_topics), request_id(frame.payload)
    )


def refresh(frame: Frame) -> RefreshRequest:
    """Reads a `sync:refresh`. Raises RequestError."""
    token = frame.payload.get("token")
    if not isinstance(token, str) or not token:
        raise _bad("sync:refresh takes {token}: the new token, a string")
    return RefreshRequest(frame.join_ref, frame.ref, token)


def request_id(payload: Mapping[str, Any]) -> str | None:
    """The `request_id` of a request. Raises RequestError when it is unfit."""
    return _text(payload, "request_id", MAX_REQUEST_ID_CHARACTERS)


def _topics(payload: Mapping[str, Any], max_topics: int) -> tuple[str, ...]:
    topics = payload.get("topics")
    if not isinstance(topics, list) or not topics:
        raise _bad("topics is a list of at least one topic name")
    if len(topics) > max_topics:
        raise _bad(f"topics holds {len(topics)} names: at most {max_topics} fit in one request")
    topics = [topic.strip() if isinstance(topic, str) else topic for topic in topics]
    for topic in topics:
        if not isinstance(topic, str) or not topic or "\0" in topic:
            raise _bad("a topic name is a string of at least one character, without NUL")
        if len(topic) > MAX_NAME_CHARACTERS:
            raise _bad(f"a topic name has at most {MAX_NAME_CHARACTERS} characters")
    return tuple(dict.fromkeys(topics))


def _without_blank_names(filters: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The filters with the names of their topics as `_topics` reads them."""
    found = {name.strip(): each for name, each in (filters or {}).items()}
    if filters and len(found) < len(filters):
        raise _bad("filters names a topic twice")
    return found


def _without_blanks(resume_after: Any) -> Any:
    """The cursors with the names of their topics as `_topics` reads them."""
    if isinstance(resume_after, dict):
        # A list: two names may have become one.
        if all(name == name.strip() for name in resume_after):
            return resume_after
        resume_after = [{"topic": name, "watermark": at} for name, at in resume_after.items()]
    if not isinstance(resume_after, list):
        return resume_after
    return [
        {**entry, "topic": entry["topic"].strip()}
        if isinstance(entry, dict) and isinstance(entry.get("topic"), str)
        else entry
        for entry in resume_after
    ]


def _text(payload: Mapping[str, Any], name: str, max_characters: int) -> str | None:
    value = payload.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or len(value) > max_characters or "\0" in value:
        raise _bad(f"{name} is a string of at most {max_characters} characters, without NUL")
    return value


def _bad(message: str) -> RequestError:
    return RequestError("bad_subscription", message)
