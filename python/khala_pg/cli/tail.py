"""`khala tail`: follow topics as they change."""

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli._tail_lines import StateLines, print_lines
from khala_pg.cli._tail_table import TailTable
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
from khala_pg.errors import KhalaError, UsageError
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
    given = bool(token or os.environ.get(TOKEN.variable))
    try:
        asyncio.run(_follow(_endpoints(ws, http, token), topics, store, start, as_json, given))
    except BrokenPipeError:
        # Whoever read us has enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


async def _follow(
    endpoint: Callable[[], Endpoint],
    topics: Sequence[str],
    store: WatermarkStore,
    start: Start,
    as_json: bool,
    token_is_given: bool,
) -> None:
    console = Console(highlight=False)
    in_place = console.is_terminal and not as_json
    say = StateLines()
    refused = asyncio.Event()

    def on_status(status: Status) -> None:
        if not in_place:
            say(status)
        # A token that was given will not change; that of `khala dev` does when it starts again.
        if token_is_given and status.state is ConnectionState.NEEDS_AUTH:
            refused.set()

    async def show(client: KhalaClient) -> None:
        if in_place:
            await TailTable(topics, console).run(client)
        else:
            await print_lines(client)

    client = KhalaClient(
        endpoint, topics, store=store, start=start, backoff=_BACKOFF, on_status=on_status
    )
    try:
        async with client, asyncio.TaskGroup() as group:
            showing = group.create_task(show(client))
            await _first(group, showing, refused)
            if refused.is_set():
                showing.cancel()
    except* (KhalaError, BrokenPipeError) as several:
        raise _single(several) from None
    if refused.is_set():
        raise UnauthorizedError(
            f"the relay refuses the token: {client.status.error}",
            "Get a new one with `khala token`, and pass it with --token or KHALA_TOKEN.",
        )


async def _first(
    group: asyncio.TaskGroup, showing: "asyncio.Task[None]", refused: asyncio.Event
) -> None:
    waiting = group.create_task(_wait(refused))
    await asyncio.wait({showing, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def _single(several: BaseExceptionGroup[BaseException]) -> BaseException:
    first = several.exceptions[0]
    return _single(first) if isinstance(first, BaseExceptionGroup) else first


def _endpoints(ws: str | None, http: str | None, token: str | None) -> Callable[[], Endpoint]:
    last: Endpoint | None = None

    def endpoint() -> Endpoint:
        nonlocal last
        try:
            last = Endpoint(resolve(WS, ws), resolve(HTTP, http), resolve(TOKEN, token))
        except UsageError:
            # `khala dev` is down, perhaps only between two runs: what it said last may hold again.
            if last is None:
                raise
        return last

    return endpoint


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
