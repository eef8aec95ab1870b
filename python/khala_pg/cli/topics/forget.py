"""`khala forget`: delete a document and empty its versions in the journal."""

from typing import Annotated

import typer
from rich.console import Console

from khala_pg.cli.options import Database, Topic
from khala_pg.cli.text import confirm, counted, printable
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import admin
from khala_pg.sqlapi.roles import DBA, connected


def command(
    topic: Topic,
    doc_key: Annotated[str, typer.Argument(metavar="KEY", help="The document's key.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    database: Database = None,
) -> None:
    """Delete a document for good, with the content of all its versions in the journal.

    Subscribers receive a deletion. Its key, versions and times stay, and so does what has left the
    database: stores of clients, systems that publishers deliver to, backups.

    Example:

        khala forget shop.orders customer/42/order/7
    """
    where = resolve(DATABASE, database)
    if not yes:
        confirm(f"Forget {printable(doc_key)} of {topic} for good?")
    with connected(where, DBA) as connection:
        done = admin.forget(connection, topic, doc_key)
    deleted = (
        "was not there any more"
        if done.watermark is None
        else f"is deleted (watermark {done.watermark})"
    )
    staged = f" and {counted(done.staged_writes, 'staged write')}" if done.staged_writes else ""
    Console(highlight=False, soft_wrap=True).print(
        f"document {printable(doc_key)} of {topic} {deleted}; "
        f"{counted(done.journal_rows, 'journal row')}{staged} emptied",
        markup=False,
    )
