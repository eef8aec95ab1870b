"""Options that several commands have."""

from typing import Annotated

import typer

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
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
