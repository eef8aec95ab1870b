"""Loads runtime events from JSON lines in bulk: in batches, each all or nothing and exactly once.

Running it again over the same lines is how it recovers from anything: what is there already with
the same content is skipped, by entity, id and sequence number.
"""

import asyncio
import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import psycopg

from khala_pg import strict_json
from khala_pg.connections import AsyncConnection, connect_async
from khala_pg.errors import (
    BadValueError,
    KhalaError,
    RefusedError,
    UnavailableError,
    from_psycopg,
)
from khala_pg.settings import NAME_ORGANISATION
from khala_pg.sqlapi import runtime as sqlapi
from khala_pg.sqlapi.roles import RUNTIME, explained

BATCH_EVENTS = 1000
_CHUNK_BYTES = 1 << 18
_LINE_BYTES = 4 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_REQUIRED = ("entity", "id", "seq", "type")


class LineError(KhalaError):
    """A line cannot be loaded; `line` counts from 1. Lines of earlier batches are loaded."""

    def __init__(self, line: int, reason: str, hint: str = "") -> None:
        super().__init__(f"line {line}: {reason}", hint)
        self.line = line


@dataclass(frozen=True, slots=True)
class Line:
    """One line with an event: its number from 1, and the JSON object in it."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """Progress of loading: events appended and found there already, and bytes read."""

    appended: int = 0
    duplicates: int = 0
    bytes: int = 0


def load(
    database: str,
    source: BinaryIO,
    org_id: str | None,
    report: Callable[[Loaded], None] = lambda _: None,
    wait: Callable[[UnavailableError], None] | None = None,
    skip: Callable[[LineError], None] | None = None,
) -> Loaded:
    """Load all lines of `source` into `database`; `report` is called after every batch.

    org_id: the organisation of lines that name none; None refuses them.
    wait: called when the database is away, before the same batch is tried again; None: that is
    raised.
    skip: called for a line that is no event, which is passed over; None: that is raised.

    A line that cannot be loaded raises LineError after what stands before it has been loaded, or,
    when the database refuses it, all batches before its own. psycopg's errors pass through.
    """
    loaded = Loaded()
    with asyncio.Runner() as runner:
        connection = runner.run(connect_async(database, application_name="khala ingest"))
        try:
            for lines, position, error in _batches(source, org_id, skip):
                if lines:
                    while True:
                        try:
                            ingested = runner.run(_send(connection, lines))
                            break
                        except UnavailableError as away:
                            if wait is None:
                                raise
                            runner.run(connection.close())
                            wait(away)
                            connection = _connect_again(runner, database, wait)
                    loaded = Loaded(
                        loaded.appended + ingested.appended,
                        loaded.duplicates + ingested.duplicates,
                        position,
                    )
                    report(loaded)
                if error is not None:
                    raise error
        finally:
            runner.run(connection.close())
    return loaded


def _connect_again(
    runner: asyncio.Runner, database: str, wait: Callable[[UnavailableError], None]
) -> AsyncConnection:
    while True:
        try:
            return runner.run(connect_async(database, application_name="khala ingest"))
        except psycopg.Error as error:
            known = from_psycopg(error)
            if not isinstance(known, UnavailableError):
                raise
            wait(known)


async def _send(connection: AsyncConnection, lines: Sequence[Line]) -> sqlapi.Ingested:
    try:
        async with explained(connection, RUNTIME):
            return await sqlapi.ingest_events(
                connection, f"[{','.join(line.text for line in lines)}]"
            )
    except psycopg.Error as error:
        known = from_psycopg(error)
        if isinstance(known, RefusedError):
            ordinal = known.detail.get("ordinal") if isinstance(known.detail, dict) else None
            if isinstance(ordinal, int):
                raise LineError(lines[ordinal - 1].number, str(known), known.hint) from error
        if known is None or isinstance(known, BadValueError):
            first, last = lines[0].number, lines[-1].number
            raise LineError(
                first, f"the database refuses something between here and line {last}: {error}"
            ) from error
        if isinstance(known, UnavailableError):
            raise UnavailableError(
                f"{known}; loading stopped before line {lines[0].number}",
                "Run it again when it is back: what is loaded already is skipped.",
            ) from error
        raise


def _batches(
    source: BinaryIO, org_id: str | None, skip: Callable[[LineError], None] | None = None
) -> Iterator[tuple[list[Line], int, LineError | None]]:
    """Batches of lines with how many bytes have been read; an error comes with what is before it.

    A batch is what one read returns, so a slow writer's lines go in as they come.
    """
    position = 0
    for chunk, size in _whole_lines(source):
        position += size
        lines: list[Line] = []
        error = None
        for number, raw in chunk:
            try:
                text = check_line(number, raw, org_id)
            except LineError as found:
                if skip is None:
                    error = found
                    break
                skip(found)
                continue
            if text is not None:
                lines.append(Line(number, text))
        for part in _parts(lines):
            yield part, position, None
        if error is not None:
            yield [], position, error


def _parts(lines: Sequence[Line]) -> Iterator[list[Line]]:
    rest = iter(lines)
    while part := list(itertools.islice(rest, BATCH_EVENTS)):
        yield part


def _whole_lines(source: BinaryIO) -> Iterator[tuple[Iterable[tuple[int, bytes]], int]]:
    """Numbered lines, read by read, with the bytes they take; a rest without newline is a line."""
    # An unbuffered or pipe-like source returns what it has; a file as much as requested.
    read: Callable[[int], bytes] = getattr(source, "read1", source.read)
    number = 1
    rest = read(len(_BYTE_ORDER_MARK))
    if rest == _BYTE_ORDER_MARK:
        rest = b""
    while chunk := read(_CHUNK_BYTES):
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > _LINE_BYTES:
            raise LineError(
                number + len(lines), f"is longer than {_LINE_BYTES} bytes", "Is this JSON lines?"
            )
        yield enumerate(lines, number), sum(map(len, lines)) + len(lines)
        number += len(lines)
    if rest:
        yield [(number, rest)], len(rest)


def check_line(number: int, raw: bytes, org_id: str | None) -> str | None:
    """The string of a line that holds one JSON object, None for a blank one.

    org_id: the organisation of a line that names none.

    The text goes to the database as it is, which judges numbers and fields; here is refused what
    would make it refuse the whole batch without naming the line. Raises LineError.
    """
    if not raw.strip():
        return None
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LineError(
            number, f"is not UTF-8 (byte {error.start + 1})", "Convert the file to UTF-8."
        ) from error
    try:
        value = strict_json.loads(text)
    except json.JSONDecodeError as error:
        raise LineError(
            number,
            f"is not JSON: {error.msg} at character {error.colno}",
            "Write one object a line.",
        ) from error
    except ValueError as error:
        raise LineError(number, str(error)) from error
    if not isinstance(value, dict):
        raise LineError(number, "is not a JSON object", "Write one object a line.")
    for field in _REQUIRED:
        if field not in value:
            raise LineError(
                number,
                f"field {field} is missing",
                'An event is {"entity": "run", "id": …, "seq": …, "type": …, "payload": {…}}.',
            )
    if strict_json.holds_nul(text):
        raise LineError(number, "holds U+0000", "The database cannot store this character.")
    if "org_id" not in value:
        if org_id is None:
            raise LineError(number, "names no organisation", NAME_ORGANISATION)
        text = f'{{"org_id":{json.dumps(org_id)},{text.lstrip()[1:]}'
    return text
