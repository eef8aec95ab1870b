"""`khala tail`: follow topics as they change."""

import asyncio
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.watch.tail_lines import StateLines, print_lines
from khala_pg.cli.watch.tail_table import TailTable
from khala_pg.client import (
    Backoff,
    ConnectionState,
    Endpoint,
    KhalaClient,
    MemoryStore,
    SqliteStore,
    Start,
    Status,
    UnauthorizedError,
    WatermarkStore,
)
from khala_pg.errors import UsageError
from khala_pg.settings import HTTP, TOKEN, WS, resolve

_BACKOFF = Backoff(base=0.25, cap=3.0)


def command(
    topics: Annotated[
        list[str], typer.Argument(metavar="TOPIC...", help="Such as runtime.run_summaries.")
    ],
    since: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TOPIC=]WATERMARK",
            help="Begin after this watermark; 0 is before the first. Default: with the earliest "
            "update that is still kept.",
        ),
    ] = None,
    from_snapshot: Annotated[
        bool,
        typer.Option("--from-snapshot", help="Begin with the documents as they are now."),
    ] = False,
    state: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Keep documents and watermarks here and go on from them in the next run.",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Lines of JSON, on a terminal too.")
    ] = False,
    ws: Annotated[
        str | None,
        typer.Option(
            help="The relay's WebSocket address. Default: KHALA_WS_URL, else a running `khala dev`."
        ),
    ] = None,
    http: Annotated[
        str | None,
        typer.Option(
            help="The relay's HTTP address. Default: KHALA_HTTP_URL, else a running `khala dev`."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="The token. Default: KHALA_TOKEN, else that of a running `khala dev`."),
    ] = None,
) -> None:
    """Follow topics as they change, across restarts of the relay and of the database.

    On a terminal: a table of documents that updates in place. Otherwise one line of JSON for each
    change on standard output, with the state of the connection on standard error. With --state, a
    change is only counted as seen once its line is written: none is left out between runs.

    Examples:

        khala tail runtime.run_summaries

        khala tail runtime.run_summaries --from-snapshot --json | jq .payload.status

        khala tail runtime.run_summaries --state ~/.runs.khala >> runs.jsonl
    """
    if since and from_snapshot:
        raise UsageError("--since and --from-snapshot exclude each other")
    start = Start(snapshot=from_snapshot, cursors=_cursors(topics, since or []))
    store: WatermarkStore = MemoryStore() if state is None else SqliteStore(state)
    source = _Source(ws, http, token)
    try:
        asyncio.run(_follow(source, topics, store, start, as_json))
    except BrokenPipeError:
        # The reader has enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Source:
    """Endpoint of the relay and token, looked up for every connection."""

    def __init__(self, ws: str | None, http: str | None, token: str | None) -> None:
        self._ws, self._http, self._token = ws, http, token
        # A token that was given will not change; that of `khala dev` does when it starts again.
        self._token_is_given = bool(token or os.environ.get(TOKEN.variable))
        self._last: Endpoint | None = None
        self.refusal: Exception | None = None
        """Why the relay refuses the token, once it does."""

    def endpoint(self) -> Endpoint:
        """Raises UsageError, or UnauthorizedError if there is no use in trying again."""
        if self.refusal is not None and self._token_is_given:
            raise UnauthorizedError(
                f"the relay refuses the token: {self.refusal}",
                "Get a new one with `khala token`, and pass it with --token or KHALA_TOKEN.",
            )
        try:
            self._last = Endpoint(
                resolve(WS, self._ws), resolve(HTTP, self._http), resolve(TOKEN, self._token)
            )
        except UsageError:
            # `khala dev` is down, perhaps only between two runs: what it said may hold again.
            if self._last is None:
                raise
        return self._last


async def _follow(
    source: _Source,
    topics: Sequence[str],
    store: WatermarkStore,
    start: Start,
    as_json: bool,
) -> None:
    console = Console(highlight=False)
    in_place = console.is_terminal and not as_json
    say = StateLines()

    def on_status(status: Status) -> None:
        if not in_place:
            say(status)
        if status.state is ConnectionState.NEEDS_AUTH:
            source.refusal = status.error

    async with KhalaClient(
        source.endpoint,
        topics,
        store=store,
        start=start,
        backoff=_BACKOFF,
        on_status=on_status,
        # Lines show each change, a table what is current.
        compact=in_place,
    ) as client:
        # In this very task: an interruption must reach the client before it can take the batch at
        # hand for dealt with.
        if in_place:
            await TailTable(topics, console).run(client)
        else:
            await print_lines(client)


def _cursors(topics: Sequence[str], since: Sequence[str]) -> dict[str, int]:
    cursors: dict[str, int] = {}
    for entry in since:
        topic, equals, watermark = entry.rpartition("=")
        if not (watermark.isascii() and watermark.isdecimal()):
            raise UsageError(f"--since {entry}: a watermark is a whole number from 0")
        if equals and topic not in topics:
            raise UsageError(f"--since {entry}: {topic} is not among the topics to follow")
        cursors.update(dict.fromkeys([topic] if equals else topics, int(watermark)))
    return cursors
