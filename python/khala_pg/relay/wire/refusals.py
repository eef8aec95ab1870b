"""Refusals of requests and topics, in the form that clients receive."""

import logging
import random
from typing import Any

from khala_pg.auth.claims import TokenError
from khala_pg.errors import KhalaError, RefusedError, StaleCursorError, UnavailableError
from khala_pg.relay.wire.frames import number
from khala_pg.relay.wire.requests import RequestError
from khala_pg.sqlapi.relay import Cursor

logger = logging.getLogger("khala.relay.refusals")


def of(error: Exception, max_retry_after_ms: int) -> RequestError:
    """The refusal that an error stands for; what is this program's fault is logged."""
    match error:
        case RequestError():
            return error
        case TokenError():
            return RequestError("unauthorized", str(error))
        case StaleCursorError():
            return stale(str(error), error.stale_topics)
        case RefusedError() if error.wire_code == "forbidden_topic":
            details: dict[str, Any] = {"forbidden_topics": error.forbidden_topics}
            return RequestError(error.wire_code, str(error), details=details)
        case RefusedError():
            details = error.detail if isinstance(error.detail, dict) else {}
            return RequestError(error.wire_code, str(error), details=details)
        case UnavailableError():
            message = "the database cannot be reached: try again after retry_after_ms"
        case _:
            logger.error("a request failed", exc_info=error)
            message = str(error) if isinstance(error, KhalaError) else "internal failure"
    retry_after_ms = random.randint(max_retry_after_ms // 10, max_retry_after_ms)  # noqa: S311
    return RequestError("internal", message, details={"retry_after_ms": retry_after_ms})


def refuse_stale(epoch: str, cursors: list[Cursor]) -> None:
    """Raises RequestError when a cursor of a request is stale, naming all that are."""
    entries = [
        {
            "topic": cursor.name,
            "resume_after": cursor.resume_after,
            "retention_floor": cursor.retention_floor,
            "head_watermark": cursor.head_watermark,
            "reason": cursor.reason,
        }
        for cursor in cursors
        if cursor.stale
    ]
    if entries:
        topics = ", ".join(str(entry["topic"]) for entry in entries)
        raise stale(
            f"cannot resume {topics}: take a snapshot and never use this cursor again",
            entries,
            epoch,
        )


def stale(message: str, entries: list[dict[str, Any]], epoch: str | None = None) -> RequestError:
    """The refusal that makes a client resync; `entries` as in `stale_topics`."""
    wire = [
        {key: number(value) if isinstance(value, int) else value for key, value in entry.items()}
        for entry in entries
    ]
    details: dict[str, Any] = {"full_resync_required": True, "stale_topics": wire}
    if epoch is not None:
        details["epoch"] = epoch
    return RequestError("stale_cursor", message, details=details)
