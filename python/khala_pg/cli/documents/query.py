"""`khala query`: list documents of a topic by key, owner and content."""

from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from khala_pg.cli.documents.lines import as_line
from khala_pg.cli.options import AsJson, Database, Topic
from khala_pg.cli.text import json_text, print_table, utc
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import documents
from khala_pg.sqlapi.roles import RUNTIME, connected


def command(
    topic: Topic,
    prefix: Annotated[str | None, typer.Option(help="What the keys begin with.")] = None,
    org: Annotated[str | None, typer.Option(help="The organisation that owns them.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CONDITION",
            help="A jsonpath predicate on the payload, such as '$.status == \"open\"'; may be "
            "repeated, and all have to be true.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=2**31 - 1, help="Most documents.")] = 100,
    newest: Annotated[
        bool, typer.Option("--newest", help="Those first that changed last, not by key.")
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """List documents of the read model, whatever organisation owns them. Deleted ones are left out.

    --where compares as PostgreSQL's jsonpath does: == != < > <= >=, && || !(…), exists(…),
    starts with, like_regex. $ is the payload, $.tags[*] each element. A string is never above a
    number: $.total.double() reads the number in it, as of a numeric column.

    Examples:

        khala query shop.orders --prefix customer/42/ --newest --limit 10

        khala query shop.orders --where '$.status == "open"' --where '$.total > 100'

        khala query shop.orders --org acme --json | jq -r .payload.status
    """
    with connected(resolve(DATABASE, database), RUNTIME) as connection:
        found = documents.query(
            connection,
            topic,
            prefix=prefix,
            org_id=org,
            where=where or (),
            limit=limit,
            newest=newest,
        )
    if as_json:
        for document in found:
            print(as_line(topic, document))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, expand=True)
    table.add_column("key", overflow="fold", style="bold")
    table.add_column("version", justify="right")
    table.add_column("watermark", justify="right")
    table.add_column("organisation", overflow="fold")
    table.add_column("changed", no_wrap=True)
    # What the others leave: a long payload takes no room from the key.
    table.add_column("payload", no_wrap=True, overflow="ellipsis", ratio=1)
    for document in found:
        table.add_row(
            escape(document.doc_key),
            str(document.doc_version),
            str(document.watermark),
            escape(document.org_id or "public"),
            utc(document.updated_at),
            escape(json_text(document.payload)),
        )
    # A comparison of a string with a number is no error, and never true.
    numbers = " Numbers in strings are compared as $.total.double() > 100." if where else ""
    is_narrowed = bool(where) or prefix is not None or org is not None
    print_table(
        table,
        f"No document of {topic} is like that.{numbers}"
        if is_narrowed
        else f"Topic {topic} has no documents.",
    )
