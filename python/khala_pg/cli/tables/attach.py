"""`khala attach`: make the rows of a table the documents of a topic."""

import shlex
from typing import Annotated, Any

import psycopg
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from khala_pg.cli.options import Database, LockTimeout
from khala_pg.cli.text import counted
from khala_pg.cli.topics import sequence
from khala_pg.dev.first_page import first_page
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, dev_state, resolve
from khala_pg.sqlapi import attachments
from khala_pg.sqlapi.roles import DBA, connected


def command(
    table: Annotated[str, typer.Argument(help="The table, with its schema: public.orders.")],
    key: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,…",
            help="Columns of a unique key. Their values, joined by /, are the document key. "
            "Default: the primary key.",
        ),
    ] = None,
    org: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Column that names the organisation.")
    ] = None,
    public: Annotated[
        bool, typer.Option("--public", help="Show every row to every client: no --org.")
    ] = False,
    columns: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN,…",
            help="Columns that documents have. Default: all, those added later included.",
        ),
    ] = None,
    topic: Annotated[
        str | None, typer.Option(help="The topic. Default: the table's name, public.orders.")
    ] = None,
    replace: Annotated[
        bool,
        typer.Option("--replace", help="Let rows take the place of documents that the topic has."),
    ] = False,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Let functions of the table's owner run with the rights of khala_owner, where "
            "policies, indexes, statistics or casts call them. For members of khala_owner.",
        ),
    ] = False,
    no_wait: Annotated[
        bool,
        typer.Option("--no-wait", help="Do not read the rows that are there: a relay does."),
    ] = False,
    lock_timeout: LockTimeout = 5,
    database: Database = None,
) -> None:
    """Make the rows of a table the documents of a topic: those that are there, and each change.

    The login owns the table and is a member of khala_dba. Safe beside writers. Ctrl-C ends the
    reading of the rows; a relay goes on with it, and so does the same command. Run it again when
    the table has changed (`khala attachments` says so): it makes all documents anew.

    Examples:

        khala attach public.orders --key id --org org_id

        khala attach public.prices --key shop,article --public --columns shop,article,price
    """
    if public and org is not None:
        raise UsageError("--org and --public exclude each other", "Leave one of them out.")
    with connected(resolve(DATABASE, database), DBA) as connection:
        name = attachments.attach(
            connection,
            table,
            None if key is None else _names(key),
            org=org,
            columns=None if columns is None else _names(columns),
            topic=topic,
            ownership="public" if public else None,
            replace=replace,
            trust=trust,
            lock_timeout_s=lock_timeout,
        )
        console = Console(highlight=False, soft_wrap=True)
        if no_wait:
            console.print(f"{table} is attached to topic {name}", markup=False)
            return
        try:
            _backfill(connection, name)
        except KeyboardInterrupt:
            typer.echo(
                f"{table} is attached to topic {name}. A relay goes on with the rows that are "
                f"there; so does `khala sequence {name}`.",
                err=True,
            )
            raise
        [found] = attachments.attachments(connection, name)
        example = None if org is None else attachments.some_organisation(connection, table, org)
    console.print(
        f"{table} is attached to topic {name}: {counted(found.backfilled_rows, 'row')} read",
        markup=False,
    )
    if found.set_aside:
        console.print(
            f"{counted(found.set_aside, 'row')} cannot be "
            f"{'a document' if found.set_aside == 1 else 'documents'}: khala attachments --aside",
            markup=False,
        )
    _print_next(console, name, example, resolve(DATABASE, database))


def _print_next(console: Console, topic: str, org: str | None, database: str) -> None:
    """The next step, for the `khala dev` that runs here if it is in this database.

    org: one that owns a row, if rows have owners and there are any.
    """
    try:
        dev = dev_state()
    except UsageError:
        # Of a `khala dev` that was killed, in a directory where another database is worked on.
        dev = {}
    if dev.get("database") != database:
        console.print(
            f"A relay delivers its changes from now on. To follow them: khala tail {topic}, or a "
            "client, with a token for this topic.",
            markup=False,
        )
        return
    org = org or dev["organisation"]
    page = first_page(topic, org, dev["ws"])
    console.print(
        f"\nTo see it live in a browser, save this as index.html:\n\n{page}\n"
        "and run in the same directory, then open http://127.0.0.1:8000:\n\n"
        "  npm install khala-client\n"
        "  python3 -m http.server 8000 --bind 127.0.0.1\n\n"
        "In a terminal:\n\n"
        f"  khala tail {shlex.quote(topic)} --org {shlex.quote(org)}",
        markup=False,
    )


def _names(columns: str) -> list[str]:
    return [name for name in columns.split(",") if name]


def _backfill(connection: psycopg.Connection[Any], topic: str) -> None:
    """Have the rows read until the topic is live; what another one reads meanwhile counts too."""
    console = Console(stderr=True, highlight=False)
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    standstill = sequence.Standstill()
    with progress:
        bar = progress.add_task(topic, total=None)
        while True:
            [found] = attachments.attachments(connection, topic)
            # The estimate is that of the last ANALYZE.
            total = max(found.rows_estimate, found.backfilled_rows)
            progress.update(bar, completed=found.backfilled_rows, total=total or None)
            if found.state != "reading rows" and found.state != "removing documents":
                return
            _, state, obstacle = sequence.step(connection, topic)
            if state == "busy":
                standstill.wait(sequence.waiting_for(topic, obstacle))
            else:
                standstill = sequence.Standstill()
