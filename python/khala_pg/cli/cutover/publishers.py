"""`khala publishers`: state of the publishers, where topics go, and what was set aside."""

from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import confirm, counted, duration, json_text, number, print_table, utc
from khala_pg.cli.topics.topic_names import complete
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import publishers as sqlapi
from khala_pg.sqlapi.roles import DBA, connected

app = typer.Typer(add_completion=False)

Name = Annotated[str, typer.Argument(help="The publisher.")]
OneTopic = Annotated[
    str | None, typer.Option("--topic", help="This topic alone.", autocompletion=complete)
]


@app.callback(invoke_without_command=True)
def command(context: typer.Context, database: Database = None, as_json: AsJson = False) -> None:
    """List publishers: state, what is not delivered, how old that is, what was set aside.

    state: running; resyncing: it takes a snapshot of the current documents; down: the other system
    does not respond; stopped: no `khala publish` works for it; paused.

    Examples:

        khala publishers

        khala publishers aside convex

        khala publishers retry convex
    """
    if context.invoked_subcommand is not None:
        context.obj = database
        return
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = sqlapi.publishers(connection)
    if as_json:
        for row in found:
            print(json_text({**asdict(row), "left": row.left}))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("publisher", "state", "topic", "to"):
        table.add_column(name, overflow="fold", style="bold" if name == "publisher" else "")
    for name in ("left", "oldest", "retrying", "set aside", "delivered"):
        table.add_column(name, justify="right")
    table.add_column("last error", overflow="fold")
    for row in found:
        table.add_row(
            row.publisher,
            row.state,
            row.topic or "-",
            row.target or row.url,
            number(row.left),
            duration(row.oldest_age_s if row.left else None),
            number(row.retrying),
            number(row.set_aside),
            number(row.delivered or 0),
            row.last_error or "",
        )
    print_table(
        table,
        "There is no publisher. One is made by its first delivery, or by: "
        "khala publishers set NAME --to webhook --url URL",
    )


@app.command("set")
def set_publisher(
    context: typer.Context,
    publisher: Name,
    to: Annotated[
        str | None, typer.Option(help="convex or webhook; a new publisher needs it.")
    ] = None,
    url: Annotated[str | None, typer.Option(help="The address that it delivers to.")] = None,
    topic: Annotated[
        str | None, typer.Option(help="Topic to add or change.", autocompletion=complete)
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            help="Where documents of --topic go: the path of a mutation, or the type of an event."
        ),
    ] = None,
    delete_target: Annotated[
        str | None,
        typer.Option(
            help="The same for tombstones. Without one, tombstones for convex are set aside."
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Create or change a publisher, or where one of its topics goes. What is not given stays.

    Examples:

        khala publishers set convex --to convex --url https://happy-otter-123.convex.cloud

        khala publishers set convex --topic shop.orders --target shop:upsertOrder
    """
    if topic is None and (target or delete_target):
        raise UsageError("--target is for a topic, and none is named", "Pass --topic.")
    with (
        connected(resolve(DATABASE, database or context.obj), DBA) as connection,
        connection.transaction(),
    ):
        if topic is None or to or url:
            sqlapi.set_publisher(connection, publisher, to, url)
        if topic is not None:
            sqlapi.set_publisher_topic(connection, publisher, topic, target, delete_target)
    _say(f"{publisher}: set")


@app.command("pause")
def pause(context: typer.Context, publisher: Name, database: Database = None) -> None:
    """Have a publisher deliver nothing until `khala publishers resume`. Nothing is lost meanwhile.

    Example:

        khala publishers pause convex
    """
    _set_paused(context, publisher, database, paused=True)


@app.command("resume")
def resume(context: typer.Context, publisher: Name, database: Database = None) -> None:
    """Have a paused publisher deliver again, from where it was; one that is down tries at once.

    Example:

        khala publishers resume convex
    """
    _set_paused(context, publisher, database, paused=False)


@app.command("aside")
def aside(
    context: typer.Context,
    publisher: Annotated[str | None, typer.Argument(help="The publisher. Default: all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="Most updates to list.")] = 100,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List updates that were refused for good, newest first, each with the reason.

    Example:

        khala publishers aside convex
    """
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        found = sqlapi.set_aside(connection, publisher, limit)
    if as_json:
        for each in found:
            print(json_text(asdict(each)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("publisher", "topic", "document"):
        table.add_column(name, overflow="fold")
    for name in ("version", "tries"):
        table.add_column(name, justify="right")
    table.add_column("since")
    table.add_column("reason", overflow="fold")
    for each in found:
        table.add_row(
            each.publisher,
            each.topic,
            each.doc_key,
            str(each.doc_version),
            str(each.attempts),
            utc(each.set_aside_at),
            each.reason,
        )
    print_table(
        table,
        "Nothing is set aside.",
    )


@app.command("retry")
def retry(
    context: typer.Context,
    publisher: Name,
    topic: OneTopic = None,
    document: Annotated[
        str | None, typer.Option(metavar="KEY", help="This document alone.")
    ] = None,
    database: Database = None,
) -> None:
    """Queue updates again that were set aside: after what refused them was corrected.

    Example:

        khala publishers retry convex --topic runtime.run_summaries
    """
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        done = sqlapi.retry_set_aside(connection, publisher, topic, document)
    _say(f"{publisher}: {counted(done, 'update')} queued again")


@app.command("remove")
def remove(
    context: typer.Context,
    publisher: Name,
    topic: OneTopic = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    database: Database = None,
) -> None:
    """Remove a publisher, or one of its topics, with what it has not delivered.

    Examples:

        khala publishers remove convex

        khala publishers remove convex --topic runtime.run_summaries --yes
    """
    what = publisher if topic is None else f"{topic} of {publisher}"
    dsn = resolve(DATABASE, database or context.obj)
    with connected(dsn, DBA) as connection:
        found = sqlapi.publishers(connection, publisher)
    # What is not there is refused, and needs no answer.
    if not yes and any(topic in {None, row.topic} for row in found):
        confirm(f"Remove {what} with what it has not delivered?")
    with connected(dsn, DBA) as connection:
        undelivered, set_aside = sqlapi.remove_publisher(connection, publisher, topic)
    _say(
        f"{what}: removed, with {counted(undelivered, 'queued update')} and "
        f"{number(set_aside)} set aside"
    )


def _set_paused(context: typer.Context, publisher: str, database: Any, *, paused: bool) -> None:
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        sqlapi.set_publisher(connection, publisher, paused=paused)
    _say(f"{publisher}: {'paused' if paused else 'resumed'}")


def _say(text: str) -> None:
    Console(highlight=False, soft_wrap=True).print(text, markup=False)
