"""`khala flags`: from which backend each surface reads during a migration, and for whom."""

from dataclasses import asdict
from typing import Annotated, Literal

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from khala_pg.cli.options import AsJson, Database
from khala_pg.cli.text import counted, json_text, print_table
from khala_pg.errors import UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected

app = typer.Typer(add_completion=False)


@app.callback(invoke_without_command=True)
def command(context: typer.Context, database: Database = None, as_json: AsJson = False) -> None:
    """List the surfaces that move from the legacy backend to Khala, and for whom they have moved.

    Examples:

        khala flags

        khala flags set web --lane khala --percent 5

        khala flags set web --lane legacy

        khala flags remove web
    """
    if context.invoked_subcommand is not None:
        context.obj = database
        return
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = admin.flags(connection)
    if as_json:
        for flag in found:
            print(json_text(asdict(flag)))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("surface", overflow="fold", style="bold")
    table.add_column("lane")
    table.add_column("share", justify="right")
    table.add_column("people", overflow="fold")
    for flag in found:
        table.add_row(flag.surface, flag.lane, f"{flag.percent:g} %", "\n".join(flag.people))
    print_table(
        table,
        "No surface has a flag: each reads what it was built with. "
        "Set one: khala flags set web --lane khala --percent 5",
    )


@app.command("set")
def set_flag(
    context: typer.Context,
    surface: Annotated[str, typer.Argument(help="The surface: web, mobile, desktop …")],
    lane: Annotated[
        Literal["legacy", "khala"] | None,
        typer.Option(help="legacy is for everybody; khala is for the share and the people named."),
    ] = None,
    percent: Annotated[
        float | None, typer.Option(help="Share of all subjects, 0 to 100, at most two decimals.")
    ] = None,
    person: Annotated[
        list[str] | None,
        typer.Option(help="Subject besides the share; may be repeated; replaces those named."),
    ] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Name nobody any more.")] = False,
    database: Database = None,
) -> None:
    """Create or change a flag. What is not given stays, so a rollback keeps share and people.

    A larger share includes everybody of a smaller one. Open surfaces follow within
    seconds: they read GET /api/sync/flags again and again.

    Examples:

        khala flags set web --lane khala --person ann --person bob

        khala flags set web --percent 25

        khala flags set web --lane legacy
    """
    if nobody and person:
        raise UsageError("--nobody and --person contradict each other", "Pass one of them.")
    people = [] if nobody else person or None
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        flag = admin.set_flag(connection, surface, lane, percent, people)
    whom = f"{flag.percent:g} % and {counted(len(flag.people), 'person', 'people')} named"
    said = "legacy for everybody; khala would be for" if flag.lane == "legacy" else "khala for"
    Console(highlight=False, soft_wrap=True).print(f"{flag.surface}: {said} {whom}", markup=False)


@app.command("remove")
def remove_flag(
    context: typer.Context,
    surface: Annotated[str, typer.Argument(help="The surface: web, mobile, desktop …")],
    database: Database = None,
) -> None:
    """Remove the flag of a surface that has moved for good. An open one keeps the lane that it has.

    Examples:

        khala flags remove web
    """
    with connected(resolve(DATABASE, database or context.obj), DBA) as connection:
        removed = admin.remove_flag(connection, surface)
    if not removed:
        raise UsageError(f"{surface} has no flag", "List the flags: khala flags.")
    Console(highlight=False, soft_wrap=True).print(f"{surface}: its flag is removed", markup=False)
