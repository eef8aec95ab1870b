"""`khala top`: topics, writers, relays and slow consumers, live."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from khala_pg.cli.options import Database
from khala_pg.cli.text import duration, number, wide_console
from khala_pg.cli.watch.monitor import RelayView, oldest, read_database, read_relays
from khala_pg.errors import UnavailableError, UsageError
from khala_pg.settings import DATABASE, relay_metrics, resolve
from khala_pg.sqlapi.telemetry import Telemetry, TopicTelemetry

# Columns: fewer do not hold floor and age as well. Topics: shown in however few lines.
_WIDE = 72
_NUMBERS = 54
_FEWER_NUMBERS = 36
_FEWEST = 4


def command(
    database: Database = None,
    relay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            help="Where a relay's metrics are, as in http://127.0.0.1:9464/metrics; may be given "
            "again. Lag and slow consumers come from there. Default: that of a running "
            "`khala dev --metrics-port`.",
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option(min=0.2, metavar="SECONDS", help="How often to look.")
    ] = 2.0,
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object; with --once.")
    ] = False,
) -> None:
    """Show topics, relays and waiting writers, live.

    Topics have head, floor, writes per second and lag; relays have sockets and slow consumers. The
    command runs until Ctrl-C, across restarts of the database.

    Examples:

        khala top --relay http://127.0.0.1:9464/metrics

        khala top --once --json | jq '.topics[] | {topic, lag_events}'
    """
    if as_json and not once:
        raise UsageError("--json shows one moment", "Add --once.")
    console = wide_console()
    if not (once or console.is_terminal):
        raise UsageError("the live view needs a terminal", "Add --once.")
    conninfo, urls = resolve(DATABASE, database), relay_metrics(relay, database)
    if once:
        found, relays = read_database(conninfo), read_relays(urls)
        if as_json:
            print(json.dumps(_as_json(found, relays)))
        else:
            console.print(_view(found, relays, console.width))
        return
    try:
        _watch(console, conninfo, urls, interval)
    except KeyboardInterrupt:
        return


def _watch(console: Console, conninfo: str, urls: Sequence[str], interval: float) -> None:
    found: Telemetry | None = None
    with Live(console=console, auto_refresh=False, screen=False) as live:
        while True:
            line = f"{datetime.now():%H:%M:%S}"
            try:
                found = read_database(conninfo)
            except UnavailableError as error:
                # What was last seen stays; the relays are asked all the same.
                line = str(error).partition("\n")[0]
            live.update(_fitting(console, found, read_relays(urls), line), refresh=True)
            time.sleep(interval)


def _lag(topic: str, relays: Sequence[RelayView]) -> int | None:
    lags = [r.lag_events[topic] for r in relays if r.lag_events and topic in r.lag_events]
    return max(lags, default=None)


def _as_json(found: Telemetry, relays: Sequence[RelayView]) -> dict[str, object]:
    document = asdict(found)
    for topic in document["topics"]:
        topic["lag_events"] = _lag(topic["topic"], relays)
    return {**document, "relays": [asdict(relay) for relay in relays]}


def _fitting(
    console: Console, found: Telemetry | None, relays: Sequence[RelayView], line: str
) -> Group:
    """As much as fits on the terminal: of too many topics, those with the most lag."""
    width = console.width
    last = Text(line, "dim", no_wrap=True, overflow="ellipsis")
    if found is None:
        return Group(*_relays(relays, width), last)
    rest = [*_relays(relays, width), _writers(found)]
    taken = len(console.render_lines(Group(_topics([], relays, width), *rest, last)))
    room = max(_FEWEST, console.height - taken - 1)
    topics = found.topics
    if len(topics) > room:
        room -= 1
        topics = sorted(
            topics, key=lambda each: (-(_lag(each.topic, relays) or 0), -each.writes_per_minute)
        )[:room]
        rest.insert(0, Text(f"… and {number(len(found.topics) - room)} more topics", "dim"))
    return Group(_topics(topics, relays, width), *rest, last)


def _view(found: Telemetry, relays: Sequence[RelayView], width: int) -> Group:
    return Group(_topics(found.topics, relays, width), *_relays(relays, width), _writers(found))


def _topics(topics: Sequence[TopicTelemetry], relays: Sequence[RelayView], width: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # Names are cut, not numbers.
    room = width - (_NUMBERS if width >= _WIDE else _FEWER_NUMBERS)
    table.add_column("topic", style="bold", no_wrap=True, min_width=12, max_width=max(12, room))
    columns: list[tuple[str, Callable[[TopicTelemetry], str | Text]]] = [
        ("head", lambda topic: number(topic.head_watermark)),
        ("lag", lambda topic: _shown(_lag(topic.topic, relays))),
        ("writes/s", lambda topic: f"{topic.writes_per_minute / 60:.1f}"),
    ]
    if width >= _WIDE:
        columns.insert(1, ("floor", lambda topic: number(topic.retention_floor)))
        columns.append(("oldest", oldest))
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for topic in topics:
        table.add_row(topic.topic, *(show(topic) for _, show in columns))
    return table


def _shown(lag: int | None) -> str:
    return "-" if lag is None else number(lag)


def _relays(relays: Sequence[RelayView], width: int) -> list[RenderableType]:
    if not relays:
        return []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("relay", style="bold", no_wrap=True)
    for name in ("sockets", "live", "behind", "slow"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True, max_width=max(9, width - _NUMBERS))
    for relay in relays:
        counts = (relay.connections, relay.live, relay.catching_up)
        slow = Text(number(relay.slow), "bold red" if relay.slow else "")
        state = relay.problem or ("ready" if relay.ready else "not ready")
        cells = [""] * 4 if relay.problem else [*map(number, counts), slow]
        where = relay.url.removeprefix("http://").removesuffix("/metrics")
        table.add_row(where, *cells, Text(state, "" if relay.ready else "bold red"))
    return [table]


def _writers(found: Telemetry) -> Text:
    listening = "1 relay listens" if found.listeners == 1 else f"{found.listeners} relays listen"
    drift = "".join(
        f"; {name} has drifted {number(count)} times" for name, count in found.drift.items()
    )
    return Text(
        f"{listening}; {found.waiting_writers} writers wait for a topic, "
        f"the longest {duration(found.longest_wait_s)}{drift}",
        no_wrap=True,
        overflow="ellipsis",
    )
