"""`khala topics`: list the topics of a database; add, change and remove one."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from khala_pg import strict_json
from khala_pg.cli.input import decoded, opened
from khala_pg.cli.options import AsJson, Database, Topic
from khala_pg.cli.text import confirm, counted, duration, json_text, number, size, wide_console
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

app = typer.Typer(add_completion=False)

Mode = Literal["inline", "pointer", "auto"]
Ownership = Literal["owned", "public", "mixed"]
_MODE = "Whether updates carry their payload: always, never, or up to the limit."
_INLINE_LIMIT = "Largest inline payload."
_HORIZON = "How long updates are kept, as PostgreSQL writes it."
_OWNERSHIP = (
    "Whether each document names its organisation, none may (everybody sees all), or either."
)


@app.callback(invoke_without_command=True)
def command(context: typer.Context, database: Database = None, as_json: AsJson = False) -> None:
    """List topics with their settings and journals; add, change and remove one.

    Examples:

        khala topics

        khala topics --json

        khala topics add shop.orders --horizon '30 days'
    """
    if context.invoked_subcommand is not None:
        context.obj = database
        return
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = admin.topics(connection)
    if as_json:
        for topic in found:
            print(json_text(asdict(topic)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("topic", overflow="fold", style="bold", min_width=16)
    table.add_column("payloads")
    table.add_column("inline up to", justify="right")
    table.add_column("kept for", justify="right")
    table.add_column("documents")
    table.add_column("writes")
    table.add_column("floor", justify="right")
    table.add_column("head", justify="right")
    for topic in found:
        table.add_row(
            topic.topic,
            topic.payload_mode,
            size(topic.inline_limit_bytes),
            duration(topic.retention_horizon_s),
            topic.ownership,
            topic.writes,
            number(topic.retention_floor),
            number(topic.head_watermark),
        )
    wide_console().print(table)


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="Lower-case words joined by dots: shop.orders.")],
    read_model: Annotated[
        str | None,
        typer.Option(help="View of the documents. Default: sync_ and the name with _ for dots."),
    ] = None,
    mode: Annotated[Mode | None, typer.Option(help=f"{_MODE} Default: auto.")] = None,
    inline_limit: Annotated[
        int | None, typer.Option(metavar="BYTES", help=f"{_INLINE_LIMIT} Default: 262144.")
    ] = None,
    horizon: Annotated[
        str | None, typer.Option(metavar="INTERVAL", help=f"{_HORIZON} Default: '7 days'.")
    ] = None,
    ownership: Annotated[
        Ownership | None, typer.Option(help=f"{_OWNERSHIP} Default: owned.")
    ] = None,
    enum_name: Annotated[
        str | None, typer.Option(help="Name of the proto enum value: SYNC_TOPIC_SHOP_ORDERS.")
    ] = None,
    writes: Annotated[
        Literal["direct", "grouped"] | None,
        typer.Option(
            help="Whether a write has its watermark at once, or is staged and writers do not wait "
            "for each other. Default: direct."
        ),
    ] = None,
    database: Database = None,
) -> None:
    """Add a topic of your own, with a view of its documents. Safe to repeat.

    Write to it with khala.sink; clients whose token has the topic in its scopes see it.

    Examples:

        khala topics add shop.orders

        khala topics add shop.blobs --mode pointer --horizon '1 day' --ownership public
    """
    conninfo = resolve(DATABASE, database or context.obj)
    with connected(conninfo, DBA) as connection:
        admin.register_topic(
            connection,
            name,
            read_model=read_model,
            payload_mode=mode,
            inline_limit_bytes=inline_limit,
            retention_horizon=horizon,
            ownership=ownership,
            enum_name=enum_name,
            writes=writes,
        )
    Console(highlight=False, soft_wrap=True).print(f"topic {name} is registered", markup=False)


@app.command("set")
def change(
    context: typer.Context,
    name: Topic,
    mode: Annotated[Mode | None, typer.Option(help=_MODE)] = None,
    inline_limit: Annotated[int | None, typer.Option(metavar="BYTES", help=_INLINE_LIMIT)] = None,
    horizon: Annotated[str | None, typer.Option(metavar="INTERVAL", help=_HORIZON)] = None,
    ownership: Annotated[Ownership | None, typer.Option(help=_OWNERSHIP)] = None,
    max_staged_writes: Annotated[
        int | None,
        typer.Option(metavar="WRITES", help="Most writes that wait while the topic is grouped."),
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-", help="File with a JSON Schema of the documents, for `khala types`."
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="With --schema: refuse writes that do not match it. Rows of an attached table are "
            "set aside.",
        ),
    ] = False,
    no_schema: Annotated[bool, typer.Option("--no-schema", help="Remove the schema.")] = False,
    database: Database = None,
) -> None:
    """Change settings of a topic, while it is written to; what is not given stays.

    They apply to the writes and purges that follow. `khala topics writes` has its own command.

    Examples:

        khala topics set shop.orders --horizon '2 days'

        khala topics set shop.orders --schema order.schema.json --check
    """
    settings = {
        "payload_mode": mode,
        "inline_limit_bytes": inline_limit,
        "retention_horizon": horizon,
        "ownership": ownership,
        "max_staged_writes": max_staged_writes,
    }
    changes_schema = schema is not None or no_schema
    if check and schema is None:
        raise UsageError("--check is given without --schema", "Pass the schema that is checked.")
    if schema is not None and no_schema:
        raise UsageError("--schema and --no-schema exclude each other", "Leave one of them out.")
    has_settings = any(value is not None for value in settings.values())
    if not (has_settings or changes_schema):
        raise UsageError(
            "no setting is given",
            "Pass --mode, --inline-limit, --horizon, --ownership, --max-staged-writes, --schema or "
            "--no-schema.",
        )
    text = None if schema is None else _json_of(schema)
    conninfo = resolve(DATABASE, database or context.obj)
    with connected(conninfo, DBA) as connection, connection.transaction():
        if has_settings:
            admin.set_topic(connection, name, **settings)
        if changes_schema:
            admin.set_topic_schema(connection, name, text, check=check)
    # Without --check, a schema that was checked is so no more.
    how = "" if schema is None else f": writes are {'' if check else 'not '}checked by its schema"
    Console(highlight=False, soft_wrap=True).print(f"topic {name} is changed{how}", markup=False)


def _json_of(file: str) -> str:
    with opened(file) as (source, _):
        raw = source.read()
    try:
        text = decoded(raw)
        strict_json.loads(text)
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}", "Write a JSON Schema into it.") from None
    return text


@app.command()
def remove(
    context: typer.Context,
    name: Topic,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database: Database = None,
) -> None:
    """Remove a topic for good, with its documents, journal and staged writes; asks first.

    Subscribers get an error, and lose it. Writes to it are refused from then on. A topic that is
    added with its name later accepts no cursor of this one.

    Example:

        khala topics remove shop.orders
    """
    conninfo = resolve(DATABASE, database or context.obj)
    with connected(conninfo, DBA) as connection:
        is_there = name in {topic.topic for topic in admin.topics(connection)}
    # What is not there is refused, and needs no answer.
    if is_there and not yes:
        confirm(f"Remove topic {name} with all its documents, its journal and its read model?")
    with connected(conninfo, DBA) as connection:
        documents, journal_rows = admin.remove_topic(connection, name)
    Console(highlight=False, soft_wrap=True).print(
        f"topic {name} is removed, with {counted(documents, 'document')} and "
        f"{counted(journal_rows, 'row')} of its journal",
        markup=False,
    )


@app.command()
def writes(
    context: typer.Context,
    name: Topic,
    how: Annotated[Literal["direct", "grouped"], typer.Argument(help="What its writes become.")],
    database: Database = None,
) -> None:
    """Switch a topic between direct and grouped writes, while it is written to.

    Becoming direct waits for transactions that have staged writes, and sequences what is staged.

    Example:

        khala topics writes shop.orders grouped
    """
    conninfo = resolve(DATABASE, database or context.obj)
    with connected(conninfo, DBA) as connection:
        sequenced = admin.set_topic_writes(connection, name, how)
    Console(highlight=False, soft_wrap=True).print(
        f"writes to {name} are {how}"
        + (f", {counted(sequenced, 'staged write')} sequenced" if sequenced else ""),
        markup=False,
    )
