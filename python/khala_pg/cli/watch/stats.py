"""`khala stats`: what every topic's journal holds and how retention keeps up."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import duration, json_text, number, size, wide_console
from khala_pg.cli.watch.keys import pauses
from khala_pg.cli.watch.monitor import oldest, read_database
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.settings import DATABASE, Following, resolve
from khala_pg.sqlapi.telemetry import TopicTelemetry

_WIDE = 100


def command(
    database: Database = None,
    as_json: AsJson = False,
    watch: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            metavar="SECONDS",
            help="Look again at this interval until Ctrl-C, or q on a terminal, across restarts of "
            "the database.",
        ),
    ] = None,
) -> None:
    """Show the journal of each topic, and how retention keeps up.

    The columns are head, retention floor, rows and bytes between them, writes per minute, how old
    the oldest row is and whether retention is overdue. Bytes are estimated from the rows at both
    ends of the journal.

    Examples:

        khala stats

        khala stats --watch 2

        khala stats --json | jq 'select(.overdue_s > 0)'
    """
    place = Following(lambda: resolve(DATABASE, database))
    if watch is None:
        found = read_database(place()).topics
        if as_json:
            _print_json(found)
        else:
            console = wide_console()
            console.print(_table(found, console.width))
        return
    try:
        if as_json:
            _watch_json(place, watch)
        else:
            _watch_table(place, watch)
    except KeyboardInterrupt:
        return


def _watch_json(place: Following[str], interval: float) -> None:
    while True:
        try:
            _print_json(read_database(place()).topics)
        except UnavailableError as error:
            Console(stderr=True, highlight=False).print(f"khala: {error}", markup=False)
        time.sleep(interval)


def _watch_table(place: Following[str], interval: float) -> None:
    console = wide_console()
    table = _table([], console.width)
    with pauses() as pause, Live(console=console, auto_refresh=False) as live:
        left = False
        while not left:
            trouble: KhalaError | None = None
            try:
                table = _table(read_database(place()).topics, console.width)
            except UnavailableError as error:
                trouble = error
            line = Text(str(trouble) if trouble else f"{datetime.now():%H:%M:%S}", "dim")
            live.update(Group(table, line), refresh=True)
            left = pause(interval)


def _print_json(found: Sequence[TopicTelemetry]) -> None:
    for topic in found:
        print(json_text(asdict(topic)), flush=True)


def _table(found: Sequence[TopicTelemetry], width: int) -> Table:
    columns: list[tuple[str, Callable[[TopicTelemetry], str | Text]]] = [
        ("head", lambda topic: number(topic.head_watermark)),
        ("rows", lambda topic: number(topic.rows)),
        ("bytes", lambda topic: size(topic.bytes)),
        ("writes/min", lambda topic: number(topic.writes_per_minute)),
        ("oldest", oldest),
    ]
    if width >= _WIDE:
        columns.insert(0, ("floor", lambda topic: number(topic.retention_floor)))
        columns.append(("kept for", lambda topic: duration(topic.retention_horizon_s)))
        columns.append(("purged", lambda topic: number(topic.purged_events)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("topic", overflow="fold", style="bold", min_width=16)
    for name, _ in columns:
        table.add_column(name, justify="right")
    for topic in found:
        table.add_row(topic.topic, *(show(topic) for _, show in columns))
    return table
