"""Options that several commands have."""

from typing import Annotated

import typer

from khala_pg.cli.topics.topic_names import complete

Topic = Annotated[str, typer.Argument(help="The topic.", autocompletion=complete)]
Database = Annotated[
    str | None,
    typer.Option(
        help="Connection string. Default: KHALA_DATABASE_URL, else a running `khala dev`."
    ),
]
Organisation = Annotated[
    str | None,
    typer.Option(
        help="Organisation that owns what is written. Default: KHALA_ORG, else, in the database of "
        "a running `khala dev`, that of `khala dev`; required otherwise."
    ),
]
LockTimeout = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="Give up when another transaction holds the table for longer; 0: never. Its writers "
        "wait meanwhile.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
LimitSettings = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=NUMBER",
        help="Set a limit or interval; may be given again. Names and defaults: see below.",
    ),
]
LogLevel = Annotated[
    str, typer.Option(help="debug, info, warning or error; the log goes to standard error.")
]
LogFormat = Annotated[str, typer.Option(help="human or json: one object a line, for programs.")]
TrustedProxies = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NETWORK",
        help="Address or network of proxies whose X-Forwarded-* is believed; may be repeated.",
    ),
]
