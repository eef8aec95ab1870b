"""`khala top`: topics, writers, relays, slow consumers and publishers, live."""

import time
from collections.abc import Callable, Mapping, Sequence
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
from khala_pg.cli.text import counted, duration, json_text, number, wide_console
from khala_pg.cli.watch.keys import pauses
from khala_pg.cli.watch.monitor import RelayView, oldest, read_database, read_relays
from khala_pg.errors import UnavailableError, UsageError
from khala_pg.settings import DATABASE, Following, relay_metrics, resolve
from khala_pg.sqlapi.telemetry import PublisherTopic, Telemetry, TopicTelemetry

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
    """Show topics, relays, publishers and waiting writers, live.

    Topics have head, floor, writes per second between two looks (per minute with --once) and lag;
    relays have sockets and slow consumers; publishers what is not delivered, how old that is, and
    what was set aside. The command runs until `q` or Ctrl-C, across restarts of
    the database, and of `khala dev` at other ports.

    Examples:

        khala top --relay http://127.0.0.1:9464/metrics

        khala top --once --json | jq '.topics[] | {topic, lag_events}'
    """
    if as_json and not once:
        raise UsageError("--json shows one moment", "Add --once.")
    console = wide_console()
    if not (once or console.is_terminal):
        raise UsageError("the live view needs a terminal", "Add --once.")
    places = Following(lambda: (resolve(DATABASE, database), relay_metrics(relay, database)))
    if once:
        conninfo, urls = places()
        found, relays = read_database(conninfo), read_relays(urls)
        if as_json:
            print(json_text(_as_json(found, relays)))
        else:
            console.print(_view(found, relays, console.width))
        return
    try:
        _watch(console, places, interval)
    except KeyboardInterrupt:
        return


def _watch(console: Console, places: Following[tuple[str, list[str]]], interval: float) -> None:
    found: Telemetry | None = None
    rates = Rates()
    with pauses() as pause, Live(console=console, auto_refresh=False, screen=False) as live:
        left = False
        while not left:
            line = f"{datetime.now():%H:%M:%S}"
            conninfo, urls = places()
            try:
                found = read_database(conninfo)
            except UnavailableError as error:
                # What was last seen stays; the relays are read all the same.
                line = str(error).partition("\n")[0]
            else:
                rates.take(found.topics, time.monotonic())
            view = _fitting(console, found, read_relays(urls), rates, line)
            live.update(view, refresh=True)
            left = pause(interval)


class Rates:
    """Writes per second of each topic, between the last two looks."""

    def __init__(self) -> None:
        self._heads: Mapping[str, int] = {}
        self._at_s = 0.0
        self._per_second: Mapping[str, float] = {}

    def take(self, topics: Sequence[TopicTelemetry], now_s: float) -> None:
        """Notes the heads of a look at that moment, by any clock that does not go back."""
        before, elapsed_s = self._heads, now_s - self._at_s
        self._heads, self._at_s = {each.topic: each.head_watermark for each in topics}, now_s
        self._per_second = {
            topic: (head - before[topic]) / elapsed_s
            for topic, head in self._heads.items()
            # A head that went back is of another database.
            if topic in before and head >= before[topic]
        }

    def shown(self, topic: str) -> str:
        rate = self._per_second.get(topic)
        return "-" if rate is None else f"{rate:.1f}"


def _lag(topic: str, relays: Sequence[RelayView]) -> int | None:
    lags = [r.lag_events[topic] for r in relays if r.lag_events and topic in r.lag_events]
    return max(lags, default=None)


def _as_json(found: Telemetry, relays: Sequence[RelayView]) -> dict[str, object]:
    document = asdict(found)
    for topic in document["topics"]:
        topic["lag_events"] = _lag(topic["topic"], relays)
    return {**document, "relays": [asdict(relay) for relay in relays]}


def _fitting(
    console: Console,
    found: Telemetry | None,
    relays: Sequence[RelayView],
    rates: Rates,
    line: str,
) -> Group:
    """As much as fits on the terminal: of too many topics, those with the most lag."""
    width = console.width
    last = Text(line, "dim", no_wrap=True, overflow="ellipsis")
    if found is None:
        return Group(*_relays(relays, width), last)
    rest = [*_relays(relays, width), *_publishers(found.publishers, width), _writers(found)]
    taken = len(console.render_lines(Group(_topics([], relays, width, rates), *rest, last)))
    room = max(_FEWEST, console.height - taken - 1)
    topics = found.topics
    if len(topics) > room:
        room -= 1
        topics = sorted(
            topics, key=lambda each: (-(_lag(each.topic, relays) or 0), -each.writes_per_minute)
        )[:room]
        rest.insert(0, Text(f"… and {number(len(found.topics) - room)} more topics", "dim"))
    return Group(_topics(topics, relays, width, rates), *rest, last)


def _view(found: Telemetry, relays: Sequence[RelayView], width: int) -> Group:
    return Group(
        _topics(found.topics, relays, width),
        *_relays(relays, width),
        *_publishers(found.publishers, width),
        _writers(found),
    )


def _topics(
    topics: Sequence[TopicTelemetry],
    relays: Sequence[RelayView],
    width: int,
    rates: Rates | None = None,
) -> Table:
    """rates: None when there was one look only."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    # Names are cut, not numbers.
    room = width - (_NUMBERS if width >= _WIDE else _FEWER_NUMBERS)
    table.add_column("topic", style="bold", no_wrap=True, min_width=12, max_width=max(12, room))
    columns: list[tuple[str, Callable[[TopicTelemetry], str | Text]]] = [
        ("head", lambda topic: number(topic.head_watermark)),
        ("lag", lambda topic: _shown(_lag(topic.topic, relays))),
    ]
    if rates is None:
        columns.append(("writes/min", lambda topic: number(topic.writes_per_minute)))
    else:
        columns.append(("writes/s", lambda topic: rates.shown(topic.topic)))
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


def _publishers(found: Sequence[PublisherTopic], width: int) -> list[RenderableType]:
    if not found:
        return []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("publisher", style="bold", no_wrap=True)
    table.add_column("topic", no_wrap=True, max_width=max(12, width - _NUMBERS))
    for name in ("left", "oldest", "aside"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for each in found:
        aside = Text(number(each.set_aside), "bold red" if each.set_aside else "")
        age = duration(each.oldest_age_s if each.left else None)
        state = Text(each.state, "bold red" if each.state in {"down", "stopped"} else "")
        table.add_row(each.publisher, each.topic or "-", number(each.left), age, aside, state)
    return [table]


def _writers(found: Telemetry) -> Text:
    listening = counted(found.listeners, "relay listens", "relays listen")
    waiting = counted(found.waiting_writers, "writer waits", "writers wait")
    drift = "".join(
        f"; {name} has drifted {counted(count, 'time')}" for name, count in found.drift.items()
    )
    return Text(
        f"{listening}; {waiting} for a topic, the longest {duration(found.longest_wait_s)}{drift}",
        no_wrap=True,
        overflow="ellipsis",
    )
