"""What the desktop surface shows, and when it notifies: plain values, without Qt.

Rules are Khala's: a status and the state of a heartbeat are shown as the document has them.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from khala_pg.cli.text import duration, number
from khala_pg.client import Change, ConnectionState, Document, Status
from khala_pg.errors import KhalaError

RUNS = "runtime.run_summaries"
WORKERS = "runtime.codex_worker_summaries"
SECURITY = "lightning.security"
TOPICS = (RUNS, WORKERS, SECURITY)
KINDS = {RUNS: "runs", WORKERS: "workers"}
"""Tables, by topic, as the address of the admin page names them."""

Tone = Literal["good", "busy", "bad", "plain"]
_TONES: Mapping[str, Tone] = {
    "running": "busy",
    "starting": "busy",
    "stopping": "busy",
    "waiting": "busy",
    "succeeded": "good",
    "fresh": "good",
    "failed": "bad",
    "lost": "bad",
    "stale": "bad",
}
NONE = "none"
_FAILED_RUN = frozenset(("failed", "lost"))
_FAILED_WORKER = frozenset(("failed", "stale"))
_MOST_NOTICES = 3


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table. heartbeat: of a worker; empty for a run."""

    topic: str
    doc_key: str
    name: str
    status: str
    heartbeat: str
    activity: str
    at: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification. doc_key: of the document that it is about; None for several."""

    title: str
    text: str
    topic: str
    doc_key: str | None


@dataclass(frozen=True, slots=True)
class Connection:
    """The connection in words. lag: changes that the server has and the window does not."""

    words: str
    detail: str
    tone: Tone
    lag: int | None


class Rows:
    """Rows of a topic in the order in which their documents came, newest first."""

    def __init__(self) -> None:
        # Oldest first: a new row is at the end, and moves no other.
        self._rows: list[Row] = []
        self._places: dict[str, int] = {}
        self._states: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, position: int) -> Row:
        return self._rows[len(self._rows) - 1 - position]

    def position(self, doc_key: str) -> int | None:
        """Where the row is; None if there is none."""
        place = self._places.get(doc_key)
        return None if place is None else len(self._rows) - 1 - place

    def add(self, rows: Sequence[Row]) -> None:
        """New rows, the newest last."""
        for row in rows:
            self._places[row.doc_key] = len(self._rows)
            self._rows.append(row)
            self._states[_state(row)] += 1

    def replace(self, row: Row) -> None:
        """Another version of a row that is there."""
        place = self._places[row.doc_key]
        self._states[_state(self._rows[place])] -= 1
        self._states[_state(row)] += 1
        self._rows[place] = row

    def remove(self, doc_key: str) -> None:
        """Removes a row that is there."""
        place = self._places.pop(doc_key)
        self._states[_state(self._rows.pop(place))] -= 1
        for later in range(place, len(self._rows)):
            self._places[self._rows[later].doc_key] = later

    def clear(self) -> None:
        """Removes all rows."""
        self._rows.clear()
        self._places.clear()
        self._states.clear()

    def counts(self) -> str:
        """How many rows there are in each state, the most frequent first."""
        found = [f"{number(count)} {state}" for state, count in self._states.most_common() if count]
        return ", ".join(found) or NONE


def _state(row: Row) -> str:
    return row.heartbeat or row.status


def tone(word: str) -> Tone:
    """How a status or the state of a heartbeat looks."""
    return _TONES.get(word, "plain")


def row(document: Document) -> Row:
    """The line of a document that is there."""
    payload: Mapping[str, Any] = document.payload or {}
    identity = _string(payload, "run_id") or _string(payload, "worker_id")
    title = _string(payload, "title")
    return Row(
        document.topic,
        document.doc_key,
        title or identity or document.doc_key.partition(":")[2] or document.doc_key,
        _string(payload, "status") or "unknown",
        _string(payload, "heartbeat_state"),
        _activity(payload),
        _string(payload, "latest_event_at"),
    )


def _activity(payload: Mapping[str, Any]) -> str:
    progress = payload.get("progress")
    fields: Mapping[str, Any] = progress if isinstance(progress, dict) else {}
    return (
        _string(payload, "terminal_reason")
        or _string(fields, "message")
        or _string(fields, "last_line")
        or _string(payload, "task")
        or _string(payload, "latest_event_type")
    )


def _string(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def local_time(moment: str, now: datetime) -> str:
    """An ISO 8601 moment on the user's clock: the time today, else the day as well."""
    try:
        local = datetime.fromisoformat(moment).astimezone(now.tzinfo)
    except ValueError:
        return ""
    return f"{local:%H:%M:%S}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"


def notice(change: Change) -> Notice | None:
    """The notification of a change: a run has failed or is lost, a worker has failed or is stale,
    and was not before."""
    if change.document is None or change.document.payload is None:
        return None
    now = row(change.document)
    before = None if change.previous is None or change.previous.deleted else row(change.previous)
    if change.topic == RUNS:
        word, bad, noun = now.status, _FAILED_RUN, "Run"
        word_before = None if before is None else before.status
    elif change.topic == WORKERS:
        word, bad, noun = now.heartbeat, _FAILED_WORKER, "Worker"
        word_before = None if before is None else before.heartbeat
    else:
        return None
    if word not in bad or word == word_before:
        return None
    return Notice(f"{noun} {word}: {now.name}", now.activity, change.topic, change.doc_key)


def digest(notices: Sequence[Notice]) -> Sequence[Notice]:
    """The notices as they are, or one for all when they are too many to read."""
    if len(notices) <= _MOST_NOTICES:
        return notices
    names = ", ".join(each.title for each in notices[:_MOST_NOTICES])
    return [
        Notice(f"{number(len(notices))} runs or workers need a look", f"{names}, …", RUNS, None)
    ]


def connection(status: Status, lane: str, failure: Exception | None) -> Connection:
    """The connection in words."""
    if failure is not None:
        return Connection("Stopped", _one_line(failure), "bad", None)
    if lane == "legacy":
        detail = "The flag “desktop” is legacy: documents stay as they were. See khala flags."
        return Connection("Switched off", detail, "plain", None)
    lag = _lag(status) if status.state is ConnectionState.CONNECTED else None
    detail = "" if status.error is None else _one_line(status.error)
    match status.state:
        case ConnectionState.CONNECTED if status.live:
            return Connection("Live", detail, "good", lag)
        case ConnectionState.CONNECTED:
            return Connection("Catching up", detail, "busy", lag)
        case ConnectionState.NEEDS_AUTH:
            return Connection("Signed out", detail or "The relay refuses the token.", "bad", None)
        case ConnectionState.DISCONNECTED if status.retry_in is not None:
            wait = f"tries again within {duration(status.retry_in)}"
            return Connection("Offline", f"{detail}; {wait}" if detail else wait, "bad", None)
        case ConnectionState.ERROR:
            return Connection("Stopped", detail, "bad", None)
    return Connection("Connecting", detail, "busy", None)


def _lag(status: Status) -> int | None:
    known = [
        each.head - each.watermark
        for each in status.topics.values()
        if each.head is not None and each.watermark is not None
    ]
    return max(0, sum(known)) if known else None


def _one_line(error: Exception) -> str:
    hint = f". {error.hint}" if isinstance(error, KhalaError) and error.hint else ""
    return " ".join(f"{str(error) or type(error).__name__}{hint}".split())


def counts(rows: Rows, status: Status, topic: str) -> str:
    """How many rows there are in each state, or why nobody knows."""
    if status.topics and topic not in status.topics:
        return "the token is not for them"
    return rows.counts() if is_known(status, topic) or len(rows) else "unknown"


def is_known(status: Status, topic: str) -> bool:
    """Whether the documents of a topic have come, now or in an earlier run."""
    found = status.topics.get(topic)
    return found is not None and found.watermark is not None


def pause(documents: Iterable[Document]) -> tuple[str, Tone]:
    """State of the Lightning switches, of those documents that the organisation sees."""
    stopped: list[str] = []
    seen = False
    for document in documents:
        payload = document.payload or {}
        if document.doc_key == "global":
            seen = True
            if payload.get("globalPause") is True:
                reason = _string(payload, "denyReason")
                return (f"paused: {reason}" if reason else "paused"), "bad"
        elif payload.get("killSwitch") is True:
            stopped.append(_string(payload, "ownerId"))
    if stopped:
        return f"stopped by kill switch: {', '.join(sorted(set(stopped)))}", "bad"
    return ("not paused", "good") if seen else ("no switch is set", "plain")
