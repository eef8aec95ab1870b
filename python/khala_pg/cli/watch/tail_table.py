"""`khala tail` on a terminal: a table of documents that updates in place."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from khala_pg.canonical import canonical_bytes
from khala_pg.cli.text import duration, number
from khala_pg.cli.watch.keys import keyboard, leaves
from khala_pg.client import Change, ChangeKind, ConnectionState, Document, KhalaClient, Status
from khala_pg.errors import KhalaError

_FRAMES_PER_SECOND = 4
_FRAME_LINES = 6  # state, blank, heading, rule, blank, and what is left out
_STATE_STYLES = {
    ConnectionState.CONNECTED: "green",
    ConnectionState.CONNECTING: "yellow",
    ConnectionState.DISCONNECTED: "red",
    ConnectionState.NEEDS_AUTH: "red",
}
_STATUS_STYLES = {
    "running": "yellow",
    "active": "yellow",
    "succeeded": "green",
    "completed": "green",
    "failed": "red",
    "cancelled": "magenta",
    "lost": "red",
    "settled": "green",
    "applied": "green",
    "open": "yellow",
    "pending": "yellow",
    "rolled_back": "red",
}


class TailTable:
    """The documents of some topics, most recently changed first, as many as fit."""

    def __init__(self, topics: Sequence[str], console: Console) -> None:
        self._topics = topics
        self._console = console
        # In order of their last change, the latest at the end.
        self._documents: dict[tuple[str, str], Document] = {}

    async def run(self, client: KhalaClient) -> None:
        """Show changes until `q` is pressed or it is cancelled."""
        for topic in self._topics:
            for document in sorted(client.documents(topic).values(), key=lambda d: d.watermark):
                self._documents[document.topic, document.doc_key] = document
        # Raised below: until Python 3.11.4 what is raised inside of except* becomes a group again.
        ended_by: BaseException | None = None
        with keyboard() as descriptor, Live(console=self._console, auto_refresh=False) as live:
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._redraw(client, live))
                    if descriptor is not None:
                        group.create_task(_leave(descriptor))
                    async for change in client.changes():
                        self._take(change)
            except* (KhalaError, _LeftError) as failures:
                ended_by = failures.exceptions[0]
        if ended_by is not None and not isinstance(ended_by, _LeftError):
            raise ended_by

    def _take(self, change: Change) -> None:
        self._documents.pop((change.topic, change.doc_key), None)
        if change.kind is ChangeKind.PUT and change.document is not None:
            self._documents[change.topic, change.doc_key] = change.document

    async def _redraw(self, client: KhalaClient, live: Live) -> None:
        try:
            while True:
                live.update(self.render(client.status), refresh=True)
                await asyncio.sleep(1 / _FRAMES_PER_SECOND)
        finally:
            live.update(self.render(client.status), refresh=True)

    def render(self, status: Status) -> RenderableType:
        """One picture of the table, no higher than the terminal."""
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
        if len(self._topics) > 1:
            table.add_column("topic", style="dim", no_wrap=True)
        part = 3 if len(self._topics) > 1 else 2
        table.add_column(
            "document", style="bold", no_wrap=True, max_width=self._console.width // part
        )
        table.add_column("status", no_wrap=True, min_width=9)
        table.add_column("seq", justify="right", no_wrap=True)
        table.add_column("age", justify="right", no_wrap=True, min_width=5)
        table.add_column("last event", no_wrap=True, min_width=12, ratio=1)
        room = max(1, self._console.height - _FRAME_LINES - len(self._topics))
        for document in list(reversed(self._documents.values()))[:room]:
            row = _row(document)
            topic = document.topic.rpartition(".")[2]
            table.add_row(*([topic, *row] if len(self._topics) > 1 else row))
        hidden = len(self._documents) - room
        more = [Text(f"and {number(hidden)} more", "dim")] if hidden > 0 else []
        return Group(_head(status), table, *more)


class _LeftError(Exception):
    """The user pressed `q`."""


async def _leave(descriptor: int) -> None:
    """Raises _LeftError when `q` is pressed."""
    loop = asyncio.get_running_loop()
    pressed = asyncio.Event()
    loop.add_reader(descriptor, lambda: pressed.set() if leaves(descriptor) else None)
    try:
        await pressed.wait()
    finally:
        loop.remove_reader(descriptor)
    raise _LeftError


def _head(status: Status) -> Text:
    head = Text(no_wrap=True, overflow="ellipsis")
    head.append(f"● {status.state}", _STATE_STYLES.get(status.state, "dim"))
    if status.state is not ConnectionState.CONNECTED and status.error is not None:
        head.append(f"  {status.error}".replace("\n", " "), "dim")
    if status.retry_in:
        head.append(f"  trying again within {duration(status.retry_in)}", "dim")
    for name, topic in status.topics.items():
        seen = "-" if topic.watermark is None else number(topic.watermark)
        of = "" if topic.head is None or topic.head == topic.watermark else f"/{number(topic.head)}"
        head.append(f"\n  {name}  {topic.phase}  watermark {seen}{of}", "dim")
    return head


def _row(document: Document) -> list[str | Text]:
    payload: Mapping[str, Any] = document.payload or {}
    status = payload.get("status")
    sequence = payload.get("latest_seq", document.doc_version)
    event = payload.get("latest_event_type")
    shown = _preview(payload) if event is None else _event(payload, str(event))
    at = payload.get("latest_event_at", payload.get("updatedAtMs", payload.get("createdAtMs")))
    return [
        document.doc_key.rpartition(":")[2] or document.doc_key,
        Text("" if status is None else str(status), _STATUS_STYLES.get(str(status), "")),
        str(sequence),
        _age(at),
        Text(shown),
    ]


def _event(payload: Mapping[str, Any], event: str) -> str:
    reason = payload.get("terminal_reason")
    return event if reason is None else f"{event} ({reason})"


def _preview(payload: Mapping[str, Any]) -> str:
    amount = payload.get("amountMsats")
    if isinstance(amount, int):
        # An invoice or a settlement of the Lightning control plane.
        sats = f"{amount / 1000:,.3f}".rstrip("0").rstrip(".")
        what = [str(payload[name]) for name in ("paywallId", "invoiceId") if name in payload]
        return " ".join([sats, "sat for", *what])
    return canonical_bytes(payload)[:300].decode("utf-8", "ignore")


def _age(moment: object) -> str:
    """Age of a moment, in ISO 8601 or in milliseconds since 1970."""
    try:
        if isinstance(moment, str):
            then = datetime.fromisoformat(moment)
        elif isinstance(moment, int):
            then = datetime.fromtimestamp(moment / 1000, UTC)
        else:
            return ""
    except (ValueError, OverflowError, OSError):
        return ""
    then = then if then.tzinfo is not None else then.replace(tzinfo=UTC)
    return duration(max(0.0, round((datetime.now(UTC) - then).total_seconds())))
