"""`khala tail` for programs: one line of JSON per change, states on standard error."""

import asyncio
from typing import Any

from rich.console import Console

from khala_pg.canonical import hash_text
from khala_pg.cli.text import json_text
from khala_pg.client import Change, ConnectionState, KhalaClient, Status


def line(change: Change) -> str:
    """A change as a line of JSON, without its line feed."""
    document = change.document
    fields: dict[str, Any] = {"topic": change.topic, "doc_key": change.doc_key}
    if document is not None:
        fields["doc_version"] = document.doc_version
        fields["watermark"] = document.watermark
    if document is None or document.deleted:
        fields["deleted"] = True
    else:
        fields["payload_hash"] = hash_text(document.payload_hash)
        fields["payload"] = document.payload
    return json_text(fields)


async def print_lines(client: KhalaClient) -> None:
    """Print changes until cancelled. A line counts as dealt with once it is written out."""
    async for change in client.changes():
        # In a thread: a pipe that nobody empties must not stop the heartbeats.
        await asyncio.to_thread(_write, line(change))


def _write(text: str) -> None:
    # Not a method of standard output, which is None where it is closed.
    print(text, flush=True)


class StateLines:
    """Says on standard error when the state of the connection changes."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._said = ""

    def __call__(self, status: Status) -> None:
        said = describe(status)
        if said is not None and said != self._said:
            self._said = said
            self._console.print(f"khala: {said}", markup=False)


def describe(status: Status) -> str | None:
    """A state in words; None for those on the way to another."""
    match status.state:
        case ConnectionState.CONNECTED:
            if status.live:
                return "live"
            phases = {topic.phase for topic in status.topics.values()}
            if "recovering" not in phases:
                return "connected"
            return f"taking a snapshot: {status.error}" if status.error else "taking a snapshot"
        case ConnectionState.DISCONNECTED:
            # Without an error it is the end of the program, or its beginning.
            return f"disconnected: {status.error}" if status.error else None
        case ConnectionState.NEEDS_AUTH:
            return f"the token is refused: {status.error}"
        case _:
            return None
