"""`khala publish`: deliver documents to another system, for as long as it runs or once."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any, Literal

import psycopg
import typer
from rich.console import Console

from khala_pg import logs
from khala_pg.cli.options import Database, LogFormat, LogLevel
from khala_pg.cli.serving.relay import log_level_of
from khala_pg.cli.text import counted, json_text, number, say
from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import UnavailableError, UsageError, from_psycopg
from khala_pg.relay.process.event_loops import loop_factory
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import publishers as sqlapi
from khala_pg.sqlapi.roles import DBA, PUBLISHER, connected
from khala_pg.sqlapi.telemetry import PublisherTopic

RUNTIME_TOPICS = ("runtime.run_summaries", "runtime.codex_worker_summaries")
Kind = Literal["convex", "webhook"]
_STANDARD_ERROR = 2


def command(
    publisher: Annotated[
        str | None, typer.Argument(help="The publisher's name. Default: what --to says.")
    ] = None,
    to: Annotated[
        Kind | None,
        typer.Option(
            help="convex: mutations of the legacy backend, each document in its latest version; "
            "webhook: signed events, one for each version. Not needed again for a known publisher."
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            help="Address of the backend, or of what receives the webhooks. Kept in the database."
        ),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(
            help="Topic to add to the publisher; may be repeated. Default for a new one of convex: "
            "those of runs and workers. `khala publishers set` says where its documents go."
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Deliver what there is, and end.")] = False,
    retry: Annotated[
        bool, typer.Option("--retry", help="First queue again what was set aside.")
    ] = False,
    wait_s: Annotated[
        float,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            min=0.0,
            help="With --once: how long to try what fails, without any delivery, before it ends.",
        ),
    ] = 15.0,
    timeout_s: Annotated[
        float,
        typer.Option(
            "--timeout", metavar="SECONDS", min=0.1, max=3600, help="Time limit of one delivery."
        ),
    ] = 10.0,
    concurrency: Annotated[
        int, typer.Option(min=1, max=1000, help="Most deliveries at the same time.")
    ] = 128,
    database: Database = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help='Print one line {"ready": true, …} at the start; with --once the result.'
        ),
    ] = False,
    log_level: LogLevel = "warning",
    log_format: LogFormat = "human",
) -> None:
    """Deliver documents to another system: the legacy backend during a migration, or a webhook.

    The database keeps what is delivered. Run it again after any end, or beside another one: one
    worker at a time works for a publisher, and the next waits. What fails is tried again with
    growing delays; what is refused for good is set aside, and listed by `khala publishers`.

    A new publisher begins with all current documents. The first call needs role khala_dba, later
    ones only khala_publisher.

    Credentials come from the environment: KHALA_PUBLISH_ADMIN_KEY or KHALA_PUBLISH_TOKEN for the
    legacy backend, KHALA_PUBLISH_WEBHOOK_SECRET for webhooks.

    With --once the exit status is 1 when something is left or set aside.

    Examples:

        khala publish --to convex --url https://happy-otter-123.convex.cloud

        khala publish --to convex --once

        khala publish orders --to webhook --url https://example.com/hook --topic shop.orders
    """
    level = log_level_of(log_level, log_format)
    name = publisher or to
    if name is None:
        raise UsageError(
            "no publisher is named", "Pass its name, or --to convex or --to webhook with --url."
        )
    dsn = resolve(DATABASE, database)
    configure = partial(_configured, dsn, name, to, url, topic)
    known = configure() if once else _patient(configure)
    if retry:
        with connected(dsn, DBA) as connection:
            sqlapi.retry_set_aside(connection, name, None, None)
    logs.configure(level, log_format)
    _fill_standard_streams()
    with asyncio.Runner(loop_factory=loop_factory("auto")) as runner:
        counts = runner.run(
            _work(dsn, name, known[0], once, wait_s, timeout_s, concurrency, as_json)
        )
    try:
        with connected(dsn, PUBLISHER) as connection:
            rows = sqlapi.publishers(connection, name)
    except psycopg.Error as error:
        # Stopped while the database is away: nothing is wrong with that.
        if once or not isinstance(from_psycopg(error), UnavailableError):
            raise
        return
    left, aside = sum(row.left for row in rows), sum(row.set_aside for row in rows)
    _say_end(name, once, counts, left, aside, as_json)
    if once and (left or aside):
        raise typer.Exit(1)


def _patient(configure: Callable[[], list[PublisherTopic]]) -> list[PublisherTopic]:
    """What `configure` returns, called again while the database is away; each new reason is said.

    A wrong password is among them: libpq names no SQLSTATE for what ends a connection at its begin.
    """
    backoff, said = Backoff(), ""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        while True:
            try:
                return configure()
            except psycopg.Error as error:
                reason = from_psycopg(error)
                if not isinstance(reason, UnavailableError):
                    raise
            notice = f"the database is away, trying again until it is back: {reason}"
            if notice != said:
                say(UnavailableError(notice, reason.hint))
                said = notice
            time.sleep(backoff.next_s())
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _configured(
    dsn: str, name: str, kind: Kind | None, url: str | None, topics: list[str] | None
) -> list[PublisherTopic]:
    """The publisher's rows, after what was given is stored where it differs."""
    with connected(dsn, PUBLISHER) as connection:
        rows = sqlapi.publishers(connection, name)
    known = rows[0] if rows else None
    if known is None and (kind is None or url is None):
        raise UsageError(
            f"there is no publisher {name!r}",
            "Create it: pass --to and --url. `khala publishers` lists those that exist.",
        )
    wanted = topics or []
    if known is None and not topics:
        if kind == "webhook":
            raise UsageError("a new webhook has no topics", "Pass --topic, once for each.")
        wanted = list(RUNTIME_TOPICS)
    missing = [each for each in wanted if each not in {row.topic for row in rows}]
    changed = known is None or kind not in {None, known.kind} or url not in {None, known.url}
    if not (changed or missing):
        return rows
    # Here, because it needs packages that not everybody has.
    from khala_pg.publish.senders import check

    if chosen := kind or (known and known.kind):
        check(chosen, os.environ)
    with connected(dsn, DBA) as connection, connection.transaction():
        if changed:
            sqlapi.set_publisher(connection, name, kind, url)
        for each in missing:
            sqlapi.set_publisher_topic(connection, name, each)
        return sqlapi.publishers(connection, name)


def _fill_standard_streams() -> None:
    """Opens standard streams that are closed: libuv takes none of their numbers."""
    while (opened := os.open(os.devnull, os.O_RDWR)) <= _STANDARD_ERROR:
        pass
    os.close(opened)


async def _work(
    dsn: str,
    name: str,
    known: PublisherTopic,
    once: bool,
    patience_s: float,
    timeout_s: float,
    concurrency: int,
    as_json: bool,
) -> Mapping[str, int]:
    # Here, because it needs aiohttp, which not everybody has.
    from khala_pg.publish.http import http
    from khala_pg.publish.senders import sender
    from khala_pg.publish.worker import Settings, Worker

    stop = asyncio.Event()
    for number_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number_, stop.set)
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say_open() -> None:
        if as_json and not once:
            said = {"ready": True, "publisher": name, "kind": known.kind, "url": known.url}
            print(json_text(said), flush=True)
        elif not as_json and known.state == "paused":
            console.print(
                f"{name}: paused: `khala publishers resume {name}` lets it deliver", markup=False
            )
        elif not as_json:
            console.print(f"{name}: publishing to {known.url}", markup=False)

    def say_busy() -> None:
        console.print(f"{name}: waiting: another worker is at it", markup=False)

    settings = Settings(name, dsn, timeout_s, concurrency, once, patience_s)
    async with http(concurrency, timeout_s) as client:
        deliver = sender(known.kind, client, known.url, os.environ)
        worker = Worker(settings, deliver, stop, say_open, say_busy)
        async with _progress(worker.counts, console):
            await worker.run()
    return worker.counts


@asynccontextmanager
async def _progress(counts: Mapping[str, int], console: Console) -> AsyncIterator[None]:
    """Shows the counts on a terminal while the work goes on."""
    if not console.is_terminal:
        yield
        return

    with console.status("") as status:

        async def show() -> None:
            while True:
                status.update(", ".join(f"{number(n)} {what}" for what, n in counts.items()))
                await asyncio.sleep(0.25)

        showing = asyncio.create_task(show())
        try:
            yield
        finally:
            showing.cancel()


def _say_end(
    name: str, once: bool, counts: Mapping[str, int], left: int, aside: int, as_json: bool
) -> None:
    if as_json:
        if once:
            found: dict[str, Any] = {"publisher": name, **counts, "left": left, "set_aside": aside}
            print(json_text(found))
        return
    said = f"{name}: {counted(counts['delivered'], 'update')} delivered"
    said += f", {number(left)} left" if left else ", nothing is left"
    if aside:
        said += f", {number(aside)} set aside: see `khala publishers aside {name}`"
    Console(highlight=False, soft_wrap=True).print(said, markup=False)
