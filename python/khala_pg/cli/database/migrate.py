"""`khala migrate`: bring a database's schema up to date, look at it, or take it back."""

from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.text import confirm
from khala_pg.errors import UsageError
from khala_pg.migration.functions import FunctionChanges
from khala_pg.migration.migrate import Status, migrate, revert, status, verify
from khala_pg.settings import DATABASE, resolve


def command(
    database: Annotated[
        str | None,
        typer.Option(
            help="Connection string of a superuser, or of a role with CREATEROLE that owns the "
            "database. "
            "Default: KHALA_DATABASE_URL, else a running `khala dev`."
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            metavar="CHANGE",
            help="Stop after this change, with functions as they are if others are left; "
            "with --revert, keep it and those before.",
        ),
    ] = None,
    take_back: Annotated[
        bool,
        typer.Option(
            "--revert",
            help="Undo changes, newest first. Drops their tables with their rows, once confirmed.",
        ),
    ] = False,
    show_status: Annotated[
        bool,
        typer.Option(
            "--status",
            help="Say what is applied and pending; exit status 1 if anything is pending.",
        ),
    ] = False,
    check: Annotated[
        bool, typer.Option("--verify", help="Check that every applied change is really there.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before --revert.")] = False,
) -> None:
    """Bring the schema of a database up to date.

    Applies the changes of db/sqitch.plan that the database does not have yet, each in one
    transaction, then loads every function whose body, comment or grants differ, in one
    transaction more. Safe to run again, by several at once, and while sessions are working:
    they use a function's new body from their next call.

    The same files are deployed by sqitch (`sqitch deploy`, in db/). Keep to one tool per database.

    Examples:

        khala migrate --database postgresql://me@localhost/app

        khala migrate --status

        khala migrate --revert --to sync_tables
    """
    if show_status + check + take_back > 1:
        raise UsageError("--status, --verify and --revert exclude each other")
    conninfo = resolve(DATABASE, database)
    console = Console(highlight=False, soft_wrap=True)
    if check:
        for name in verify(conninfo):
            console.print(f"ok       {name}")
        return
    if show_status or dry_run:
        found = status(conninfo)
        if show_status:
            _print_status(console, found)
            raise typer.Exit(0 if found.up_to_date else 1)
        _print_plan(console, found, to, take_back)
        return
    if take_back:
        kept = f"down to {to}" if to else "completely, with everything in it"
        if not yes:
            confirm(f"Take Khala's schema back {kept}?")
        for name in revert(conninfo, to=to).changes:
            console.print(f"reverted {name}")
        return
    outcome = migrate(conninfo, to=to)
    for name in outcome.changes:
        console.print(f"applied  {name}")
    _print_functions(console, outcome.functions, "loaded  ")
    if not outcome.changes and not outcome.functions:
        there = "the schema is up to date" if to is None else f"{to} is applied"
        console.print(f"nothing to do: {there}")


def _print_status(console: Console, found: Status) -> None:
    for name in found.applied:
        console.print(f"applied  {name}")
    for name in found.pending:
        console.print(f"pending  {name}")
    _print_functions(console, found.functions, "differs ")
    if found.on_standby:
        console.print(
            "this server is a standby: migrate the primary, which it follows; functions are "
            "compared there"
        )
    if found.by_sqitch:
        console.print("deployed by sqitch: pending changes are sqitch's to deploy")


def _print_plan(console: Console, found: Status, to: str | None, take_back: bool) -> None:
    names = [*found.applied, *found.pending]
    if to is not None and to not in names:
        raise UsageError(f"no change {to}; the plan has {', '.join(names)}")
    if take_back:
        kept = names[: names.index(to) + 1] if to else []
        for name in reversed(found.applied):
            if name not in kept:
                console.print(f"would revert {name}")
        return
    last = names.index(to) if to else len(names)
    for name in found.pending:
        if names.index(name) <= last:
            console.print(f"would apply  {name}")
    _print_functions(console, found.functions, "would load  ")
    if found.up_to_date:
        console.print("nothing to do: the schema is up to date")


def _print_functions(console: Console, changes: FunctionChanges, verb: str) -> None:
    for name in changes.added:
        console.print(f"{verb} {name} (new)", markup=False)
    for name in changes.changed:
        console.print(f"{verb} {name}", markup=False)
