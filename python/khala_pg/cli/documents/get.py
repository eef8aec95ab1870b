"""`khala get`: show one document as the database has it."""

import time
from typing import Annotated, Any

import psycopg
import typer

from khala_pg.cli.documents.lines import as_line
from khala_pg.cli.options import AsJson, Database, Topic
from khala_pg.cli.text import duration, json_text, printable, utc
from khala_pg.concurrency.backoff import Backoff
from khala_pg.errors import KhalaError, UnavailableError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import documents
from khala_pg.sqlapi.documents import Document
from khala_pg.sqlapi.roles import RUNTIME, connected


def command(
    topic: Topic,
    doc_key: Annotated[str, typer.Argument(metavar="KEY", help="The document's key.")],
    at_least: Annotated[
        int | None,
        typer.Option(min=0, metavar="VERSION", help="Wait for this version or a later one."),
    ] = None,
    timeout_s: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", min=0.0, help="Most to wait for --at-least."),
    ] = 30.0,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Show a document of the read model: version, watermark, owner and payload.

    It is read from the database, whatever organisation owns it. Exit status 1: it is not there, it
    is deleted, or --at-least was not reached in time.

    Examples:

        khala get shop.orders customer/42/order/7

        khala get shop.orders customer/42/order/7 --at-least 3 --timeout 5

        khala get shop.orders customer/42/order/7 --json | jq .payload
    """
    with connected(resolve(DATABASE, database), RUNTIME) as connection:
        found = _read(connection, topic, doc_key, at_least, timeout_s)
    if found is None:
        raise KhalaError(
            f"topic {topic} has no document {doc_key}",
            f"List its documents: khala query {topic}.",
        )
    if found.deleted:
        raise KhalaError(
            f"document {doc_key} of {topic} is deleted: version {found.doc_version}, watermark "
            f"{found.watermark}, {utc(found.updated_at)}"
        )
    if as_json:
        print(as_line(topic, found))
        return
    typer.echo(
        f"{printable(doc_key)}: version {found.doc_version}, watermark {found.watermark}, "
        f"{printable(found.org_id or 'public')}, {utc(found.updated_at)}"
    )
    typer.echo(json_text(found.payload, indent=2))


def _read(
    connection: psycopg.Connection[Any],
    topic: str,
    doc_key: str,
    at_least: int | None,
    timeout_s: float,
) -> Document | None:
    """The document, at the version wanted. Raises UnavailableError when it is too late.

    It looks again and again: a notification does not pass through every pooler.
    """
    end = time.monotonic() + timeout_s
    backoff = Backoff(0.02, 0.5)
    while True:
        found = documents.get(connection, topic, doc_key)
        if at_least is None or (found is not None and found.doc_version >= at_least):
            return found
        left_s = end - time.monotonic()
        if left_s <= 0:
            now = "is not there" if found is None else f"has version {found.doc_version}"
            raise UnavailableError(
                f"document {doc_key} of {topic} {now}, and not version {at_least} within "
                f"{duration(timeout_s)}",
                "Allow more with --timeout. A grouped topic needs a relay or `khala sequence`.",
            )
        time.sleep(min(left_s, backoff.next_s()))
