"""`khala types`: write types of documents for a program."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from khala_pg.cli.options import Database
from khala_pg.cli.text import counted, say
from khala_pg.document_types import python_source, typescript_source
from khala_pg.document_types.reading import read_document
from khala_pg.errors import KhalaError, UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin, attachments
from khala_pg.sqlapi.roles import DBA, connected

_WRITERS = {"ts": typescript_source, "python": python_source}


def command(
    lang: Annotated[Literal["ts", "python"], typer.Option(help="The language.")],
    out: Annotated[
        Path | None,
        typer.Option(help="File to write, if it changes. Default: standard output."),
    ] = None,
    topic: Annotated[
        list[str] | None,
        typer.Option(help="A topic; may be given again. Default: all that have a schema or table."),
    ] = None,
    database: Database = None,
) -> None:
    """Write types for the documents of topics.

    They are made of the columns of an attached table, or of the JSON Schema that `khala topics set
    --schema` has set. The same database gives the same file.

    In TypeScript, `client.topic("shop.orders")` of khala-client then has documents of this type. In
    Python, each is a TypedDict.

    Examples:

        khala types --lang ts --out src/khala-topics.ts

        khala types --lang python --topic public.orders
    """
    with connected(resolve(DATABASE, database), DBA) as connection:
        found = admin.topic_schemas(connection, topic)
        drifted = {each.topic for each in attachments.attachments(connection) if each.drift}
    missing = sorted(set(topic or ()) - {each.topic for each in found})
    if missing or not found:
        raise UsageError(
            f"topic {missing[0]} has neither a table nor a schema"
            if missing
            else "no topic has a table or a schema",
            "Attach a table with `khala attach`, or describe the documents: "
            "`khala topics set TOPIC --schema FILE`.",
        )
    for each in found:
        if each.source == "table" and each.topic in drifted:
            say(
                KhalaError(
                    f"the table of topic {each.topic} has changed since it was attached: its types "
                    "are those of now, and documents that were written before may differ",
                    "`khala attachments` says what has changed; `khala attach` makes all anew.",
                )
            )
    source = _WRITERS[lang]([read_document(each.topic, each.json_schema) for each in found])
    if out is None:
        typer.echo(source, nl=False)
        return
    # A device or a pipe is not read.
    if not out.is_file() or out.read_bytes() != source.encode():
        out.write_bytes(source.encode())
    typer.echo(f"{out}: types of {counted(len(found), 'topic')}")
