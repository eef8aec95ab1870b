"""`khala sink`: write documents to a topic."""

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from typing import Annotated, Any, BinaryIO

import typer

from khala_pg import settings
from khala_pg.cli.documents import lines
from khala_pg.cli.input import opened
from khala_pg.cli.options import AsJson, Database, Organisation, Topic
from khala_pg.cli.text import counted, json_text, printable
from khala_pg.cli.topics import sequence
from khala_pg.errors import BadValueError, KhalaError, RefusedError, UsageError
from khala_pg.settings import DATABASE, resolve
from khala_pg.sqlapi import documents, write
from khala_pg.sqlapi.roles import RUNTIME, connected
from khala_pg.sqlapi.topic_names import UNKNOWN_TOPIC

_WRONG_OWNER = "KH006"
_STAGED = "staged"


def command(
    topic: Topic,
    doc_key: Annotated[
        str | None, typer.Argument(metavar="KEY", help="The document's key; none with --batch.")
    ] = None,
    payload: Annotated[
        str | None,
        typer.Argument(metavar="PAYLOAD|-", help="A JSON object; - is standard input."),
    ] = None,
    file: Annotated[
        str | None, typer.Option(metavar="FILE|-", help="Read the payload from a file.")
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="FILE|-",
            help="Write many documents, a line of JSON each: doc_key and payload, or "
            "deleted: true; optional: doc_version, org_id.",
        ),
    ] = None,
    delete: Annotated[bool, typer.Option("--delete", help="Delete the document.")] = False,
    version: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Version of the document; a lower one than that stored changes nothing. "
            "Default: the next.",
        ),
    ] = None,
    org: Organisation = None,
    public: Annotated[
        bool, typer.Option("--public", help="Name no organisation: everybody sees the document.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait",
            help="Print the watermark of the document as it is stored, also of a duplicate. In a "
            "grouped topic, sequence the write first, as relays do.",
        ),
    ] = False,
    database: Database = None,
    as_json: AsJson = False,
) -> None:
    """Write a document, or many; print watermark and outcome.

    The outcome is applied, rewritten (the same version with another payload), duplicate,
    stale_version, or staged (in a grouped topic, where a relay gives the watermark). A topic with
    an attached table is refused: write to the table.

    Of a batch each 1,000 lines are one transaction, all or none. Lines before the one that is
    refused stay written.

    Examples:

        khala sink shop.orders customer/42/order/7 '{"status": "open"}' --org acme

        khala sink shop.orders customer/42/order/7 - --org acme < order.json

        khala sink shop.orders customer/42/order/7 --delete

        khala sink shop.orders --batch orders.ndjson --org acme
    """
    if public and org is not None:
        raise UsageError("--org and --public exclude each other", "Leave one of them out.")
    owner = None if public else settings.organisation(org, database)
    if batch is not None:
        if doc_key is not None or file is not None or delete or version is not None:
            raise UsageError(
                "--batch excludes KEY, PAYLOAD, --file, --delete and --version",
                "Write them into the lines: khala sink --help.",
            )
        parts = partial(lines.batches, org_id=owner, is_public=public)
        _write_lines(resolve(DATABASE, database), topic, batch, parts, wait, as_json)
        return
    if doc_key is None:
        raise UsageError(
            "no KEY is given", 'For example: khala sink shop.orders order/7 \'{"status": "open"}\''
        )
    content = None if delete else _payload(payload, file)
    if delete and (payload is not None or file is not None):
        raise UsageError("--delete excludes a payload", "Leave one of them out.")
    if owner is None and not (public or delete):
        # In a mixed topic everybody would see it.
        raise UsageError("no organisation is named", lines.NAME_OWNER)
    with connected(resolve(DATABASE, database), RUNTIME) as connection, _owners_explained():
        if content is None:
            sunk = write.sink_delete(connection, topic, doc_key, org_id=owner, version=version)
        else:
            sunk = write.sink(connection, topic, doc_key, content, org_id=owner, version=version)
        if wait and sunk.outcome == _STAGED:
            sequence.drain(connection, topic)
        found = documents.get(connection, topic, doc_key)
    # What is staged is not stored yet.
    stored = None if sunk.outcome == _STAGED and not wait else found
    watermark = stored.watermark if wait and stored is not None else sunk.watermark
    version_now = None if stored is None else stored.doc_version
    if as_json:
        said = {**asdict(sunk), "watermark": watermark, "doc_version": version_now}
        print(json_text({"topic": topic, **said}))
        return
    at = "" if watermark is None else f", watermark {watermark}"
    now = "" if version_now is None else f"; version {version_now} is stored"
    typer.echo(f"{printable(doc_key)}: {sunk.outcome}{at}{now}")


def _write_lines(
    dsn: str,
    topic: str,
    file: str,
    parts: Callable[[BinaryIO], Iterator[list[lines.Line]]],
    wait: bool,
    as_json: bool,
) -> None:
    outcomes: Counter[str] = Counter()
    last: int | None = None
    with opened(file) as (source, _), connected(dsn, RUNTIME) as connection, _owners_explained():
        for batch in parts(source):
            try:
                sunk = write.sink_batch(connection, topic, [line.document for line in batch])
            except (RefusedError, BadValueError) as error:
                if getattr(error, "sqlstate", None) in {UNKNOWN_TOPIC, _WRONG_OWNER}:
                    raise
                before = counted(outcomes.total(), "document")
                raise KhalaError(
                    f"{lines.place(error, batch)}: {error}; {before} before line "
                    f"{batch[0].number} written",
                    error.hint,
                ) from error
            outcomes.update(each.outcome for each in sunk)
            last = max((each.watermark for each in sunk if each.watermark), default=last)
            if as_json:
                for each in sunk:
                    print(json_text({"topic": topic, **asdict(each)}))
        if wait and outcomes[_STAGED]:
            sequence.drain(connection, topic)
    if not as_json:
        said = ", ".join(f"{count} {outcome}" for outcome, count in sorted(outcomes.items()))
        at = "" if last is None else f"; watermark {last}"
        typer.echo(f"{topic}: {said or 'no document'}{at}")


@contextlib.contextmanager
def _owners_explained() -> Iterator[None]:
    """Has errors about owners say which option names one."""
    try:
        yield
    except RefusedError as error:
        if error.sqlstate != _WRONG_OWNER:
            raise
        raise KhalaError(str(error), lines.NAME_OWNER) from error


def _payload(payload: str | None, file: str | None) -> dict[str, Any]:
    if (payload is None) == (file is None):
        raise UsageError(
            "no payload is given" if payload is None else "two payloads are given",
            "Pass a JSON object, - for standard input, --file or --delete.",
        )
    if payload is not None and payload != "-":
        raw = payload.encode()
    else:
        with opened(file or "-") as (source, _):
            raw = source.read()
    try:
        return lines.json_object(raw)
    except ValueError as error:
        raise UsageError(
            f"the payload is no document: {error}", "Pass one JSON object, such as '{\"n\": 1}'."
        ) from error
