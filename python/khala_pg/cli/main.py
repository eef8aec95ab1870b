"""Entry point of `khala`: finds the subcommand's module; says errors in words, not tracebacks."""

import codecs
import importlib
import io
import os
import re
import sys
from typing import Any

import psycopg
import typer
from typer.core import TyperGroup

from khala_pg import __version__
from khala_pg.cli.text import say, status_of
from khala_pg.errors import KhalaError, UsageError, from_psycopg

# In the order in which a newcomer meets them, each with its module.
COMMANDS = {
    "dev": "serving.dev",
    "run": "recording.run",
    "worker": "recording.worker",
    "tail": "watch.tail",
    "desktop": "serving.desktop",
    "topics": "topics.topics",
    "types": "tables.types",
    "sink": "documents.sink",
    "get": "documents.get",
    "query": "documents.query",
    "attach": "tables.attach",
    "attachments": "tables.attachments",
    "detach": "tables.detach",
    "stats": "watch.stats",
    "top": "watch.top",
    "token": "access.token",
    "key": "access.key",
    "revoke": "access.revoke",
    "page": "serving.page",
    "flags": "cutover.flags",
    "parity": "cutover.parity",
    "publish": "cutover.publish",
    "publishers": "cutover.publishers",
    "keyring": "access.keyring",
    "ingest": "recording.ingest",
    "reproject": "recording.reproject",
    "migrate": "database.migrate",
    "psql": "database.psql",
    "retain": "topics.retain",
    "forget": "topics.forget",
    "archive": "topics.archive",
    "sequence": "topics.sequence",
    "relay": "serving.relay",
    "lightning": "lightning",
    "doctor": "database.doctor",
    "completion": "completion",
}


class LazyGroup(TyperGroup):
    """Group that imports a subcommand at its use: `khala run` does not wait for the others."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        # Typer looks here for the commands that an unknown one resembles.
        self.commands: Any = dict.fromkeys(COMMANDS)

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"khala_pg.cli.{COMMANDS[cmd_name]}")
        own = getattr(module, "app", None)
        if own is None:
            own = typer.Typer(add_completion=False)
            own.command(
                name=cmd_name,
                cls=getattr(module, "Command", None),
                context_settings=getattr(module, "CONTEXT", None),
            )(module.command)
        found = typer.main.get_command(own)
        found.name = cmd_name
        _lay_out(found)
        return found


def _lay_out(command: Any) -> None:
    """Make each paragraph of the help one line, so that it wraps at the terminal's width only, and
    keep examples indented: Typer takes away what all lines begin with, so each begins with markup
    that shows nothing."""
    text = re.sub(r"(?<=\S)\n(?=\S)", " ", command.help or "")
    command.help = re.sub(r"^(?= )", "[dim][/dim]", text, flags=re.MULTILINE)
    for one in getattr(command, "commands", {}).values():
        _lay_out(one)


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
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


def _write_any_character() -> None:
    """Have standard output and error take every character, whatever the locale: ASCII, which is
    that of the locale C, becomes UTF-8, and others write escapes for what they do not have."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            stream.reconfigure(encoding="utf-8" if ascii_only else None, errors="backslashreplace")


def _unexpected(error: psycopg.Error) -> KhalaError:
    primary = (error.diag.message_primary or str(error)).strip()
    return KhalaError(
        f"the database refuses this: {primary} (SQLSTATE {error.sqlstate or 'unknown'})",
        "`khala doctor` checks the database and its schema. If it finds nothing, this is a fault "
        "of khala-pg.",
    )


def main() -> None:
    """Run `khala`; exit status 1 when the work failed, 2 when the call was wrong.

    `khala run` has its own.
    """
    _write_any_character()
    try:
        try:
            app()
        finally:
            # A failed write is reported here, not by the interpreter as it ends.
            if sys.__stdout__ is not None:
                sys.__stdout__.flush()
    except KhalaError as error:
        say(error)
        sys.exit(status_of(error))
    except psycopg.Error as error:
        ours = from_psycopg(error) or _unexpected(error)
        say(ours)
        sys.exit(status_of(ours))
    except UnicodeEncodeError:
        # What was given in another encoding, and is not handed to a command, goes to the database.
        wrong = UsageError("an argument is not UTF-8", "Write it in UTF-8, as the database has it.")
        say(wrong)
        sys.exit(status_of(wrong))
    except OSError as error:
        # The interpreter flushes once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if not isinstance(error, BrokenPipeError):
            where = f"{error.filename}: " if error.filename else ""
            say(KhalaError(f"{where}{error.strerror or error}"))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
