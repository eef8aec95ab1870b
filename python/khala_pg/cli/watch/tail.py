"""`khala tail`: follow topics as they change."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.topics.topic_names import complete
from khala_pg.cli.watch.source import Source
from khala_pg.cli.watch.tail_lines import StateLines, print_lines
from khala_pg.cli.watch.tail_table import TailTable
from khala_pg.client import (
    Backoff,
    ConnectionState,
    KhalaClient,
    MemoryStore,
    SqliteStore,
    Start,
    Status,
    Topic,
    WatermarkStore,
)
from khala_pg.errors import KhalaError, UsageError

_BACKOFF = Backoff(base=0.25, cap=3.0)


def command(
    topics: Annotated[
        list[str],
        typer.Argument(
            metavar="TOPIC...", help="Such as runtime.run_summaries.", autocompletion=complete
        ),
    ],
    since: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TOPIC=]WATERMARK",
            help="Begin after this watermark; 0 is before the first. Default: with the earliest "
            "update that is still kept, in a pipe.",
        ),
    ] = None,
    from_snapshot: Annotated[
        bool,
        typer.Option(
            "--from-snapshot",
            help="Begin with the documents as they are now. Default on a terminal.",
        ),
    ] = False,
    key: Annotated[
        list[str] | None,
        typer.Option(help="Only the document with this key; may be repeated. For one topic."),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(help="Only documents whose key begins so. For one topic."),
    ] = None,
    until: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[TOPIC=]WATERMARK",
            help="End, with status 0, once everything up to this watermark, such as `khala sink` "
            "returns, has been shown. Default: with Ctrl-C.",
        ),
    ] = None,
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
            help="Where snapshots are read. Default: KHALA_HTTP_URL, else where --ws leads."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="The token. Default: KHALA_TOKEN, else that of a running `khala dev`."),
    ] = None,
    org: Annotated[
        str | None,
        typer.Option(
            help="Organisation whose documents a running `khala dev` shows. Default: its own, dev."
        ),
    ] = None,
) -> None:
    """Follow topics as they change, across restarts of the relay and of the database.

    On a terminal: a table of the documents as they are now, which updates in place, until `q` or
    Ctrl-C. Otherwise one line of JSON for each change on standard output, with the state of the
    connection on standard error. With --state, a change is only counted as seen once its line is
    written: none is left out between runs.

    Examples:

        khala tail runtime.run_summaries

        khala tail public.orders --org acme

        khala tail shop.orders --prefix customer/42/

        khala tail runtime.run_summaries --from-snapshot --json | jq .payload.status

        khala tail runtime.run_summaries --state ~/.runs.khala >> runs.jsonl

        khala tail runtime.run_summaries --from-snapshot --until 47 > runs.jsonl
    """
    if since and from_snapshot:
        raise UsageError("--since and --from-snapshot exclude each other")
    followed = _narrowed(topics, key, prefix)
    in_place = Console().is_terminal and not as_json
    start = Start(
        snapshot=from_snapshot or in_place, cursors=_watermarks("--since", topics, since or [])
    )
    ends = _watermarks("--until", topics, until or [])
    store: WatermarkStore = MemoryStore() if state is None else SqliteStore(state)
    source = Source(ws, http, token, topics, org)
    try:
        asyncio.run(_follow(source, followed, store, start, ends, in_place))
    except BrokenPipeError:
        # The reader has enough. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _narrowed(
    topics: Sequence[str], keys: Sequence[str] | None, prefix: str | None
) -> Sequence[Topic]:
    """Raises UsageError where keys and prefix do not fit."""
    if (keys or prefix is not None) and len(set(topics)) > 1:
        raise UsageError("--key and --prefix are for one topic", "Run a `khala tail` for each.")
    if keys and prefix is not None:
        raise UsageError("--key and --prefix exclude each other", "Pass one of them.")
    try:
        return [Topic(name, keys=keys or None, prefix=prefix) for name in topics]
    except ValueError as error:
        raise UsageError(f"--key: {error}", "Use --prefix for more.") from error


async def _follow(
    source: Source,
    topics: Sequence[Topic],
    store: WatermarkStore,
    start: Start,
    ends: Mapping[str, int],
    in_place: bool,
) -> None:
    say = StateLines()

    def on_status(status: Status) -> None:
        if not in_place:
            say(status)
        if status.state is ConnectionState.NEEDS_AUTH:
            source.refusal = status.error

    client = KhalaClient(
        source.endpoint,
        topics,
        store=store,
        start=start,
        backoff=_BACKOFF,
        on_status=on_status,
        # Lines show each change, a table what is current.
        compact=in_place,
    )
    async with client, _until(client, ends):
        # In this very task: an interruption must reach the client before it can take the batch at
        # hand for dealt with.
        if in_place:
            await TailTable([topic.name for topic in topics], Console(highlight=False)).run(client)
        else:
            await print_lines(client)


@asynccontextmanager
async def _until(client: KhalaClient, ends: Mapping[str, int]) -> AsyncIterator[None]:
    """Ends what is in the context once everything up to the watermarks has been shown."""

    async def reach() -> None:
        with suppress(KhalaError):  # The end of the client, which its changes raise as well.
            for topic, watermark in ends.items():
                await client.wait_for(topic, watermark)
            limit.reschedule(0)

    try:
        async with asyncio.timeout(None) as limit:
            reaching = asyncio.create_task(reach()) if ends else None
            try:
                yield
            finally:
                if reaching is not None:
                    reaching.cancel()
    except TimeoutError:
        if not limit.expired():
            raise


def _watermarks(option: str, topics: Sequence[str], given: Sequence[str]) -> dict[str, int]:
    watermarks: dict[str, int] = {}
    for entry in given:
        topic, equals, watermark = entry.rpartition("=")
        if not (watermark.isascii() and watermark.isdecimal()):
            raise UsageError(f"{option} {entry}: a watermark is a whole number from 0")
        if equals and topic not in topics:
            raise UsageError(f"{option} {entry}: {topic} is not among the topics to follow")
        watermarks.update(dict.fromkeys([topic] if equals else topics, int(watermark)))
    return watermarks
