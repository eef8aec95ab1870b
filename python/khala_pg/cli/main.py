"""Entry point of `khala`: finds the subcommand's module; says errors in words, not tracebacks."""

import importlib
import sys
from typing import Any

import psycopg
import typer
from rich.console import Console
from rich.markup import escape
from typer.core import TyperGroup

from khala_pg import __version__
from khala_pg.errors import KhalaError, from_psycopg

# In the order in which a newcomer meets them.
COMMANDS = (
    "dev",
    "run",
    "tail",
    "topics",
    "stats",
    "token",
    "key",
    "revoke",
    "keyring",
    "ingest",
    "reproject",
    "migrate",
    "retain",
    "relay",
    "doctor",
)


class LazyGroup(TyperGroup):
    """Imports a subcommand when it is asked for: `khala run` does not wait for the others."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"khala_pg.cli.{cmd_name}")
        own = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(add_completion=False)
            own.command(name=cmd_name)(module.command)
        found = typer.main.get_command(own)
        found.name = cmd_name
        return found


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    add_completion=False,
    help="Khala Sync: a sync engine that lives in Postgres.\n\n"
    "Start with `khala dev`; then `khala run -- <any command>` in one terminal and "
    "`khala tail runtime.run_summaries` in another.",
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"khala {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version."
    ),
) -> None:
    """The options that stand before the subcommand."""


def _say(error: KhalaError) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"[bold red]khala:[/] {escape(str(error))}")
    if error.hint:
        console.print(f"  {escape(error.hint)}")


def main() -> None:
    """Run `khala`; exit status 1 when the work failed, 2 when the call was wrong."""
    try:
        app()
    except KhalaError as error:
        _say(error)
        sys.exit(1)
    except psycopg.Error as error:
        ours = from_psycopg(error)
        if ours is None:
            raise
        _say(ours)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
