"""`khala publish` against systems that respond with what no well-meaning one does."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from khala_pg.publish.results import retry_after_s
from support.legacy.backend import LegacyBackend
from support.postgres.databases import Database
from support.programs.publishing import credential, once, rows, write

DAY_S = 86400


@asynccontextmanager
async def responding(head: str, *parts: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A server that sends a response part by part, each when the one before has left."""
    requests: list[bytes] = []

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                size = 0
                while header := (await reader.readline()).strip():
                    name, _, value = header.partition(b":")
                    size = int(value) if name.lower() == b"content-length" else size
                requests.append(line + await reader.readexactly(size))
                length = sum(map(len, parts))
                writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {length}\r\n\r\n".encode())
                for part in parts:
                    await writer.drain()
                    # Parts that are sent at once may arrive as one.
                    await asyncio.sleep(0.05)
                    writer.write(part)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(respond, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}", requests


async def publish(database: Database, url: str) -> dict[str, object]:
    write(database, "r", 1)
    arguments = ["--to", "convex", "--url", url, "--wait", "1"]
    done = await once(database.dsn, *arguments, variables=credential(LegacyBackend()))
    assert done.stdout, done
    assert "Traceback" not in done.stderr
    return done.result


SUCCESS = b'{"status": "success", "value": "' + b"v" * 200_000 + b'"}'


@pytest.mark.parametrize(
    "parts", [(SUCCESS[:20], SUCCESS[20:]), (SUCCESS,)], ids=["in two parts", "large"]
)
async def test_a_success_is_read_to_its_end(
    newest_database: Database, parts: Sequence[bytes]
) -> None:
    async with responding("200 OK", *parts) as (url, requests):
        assert (await publish(newest_database, url))["delivered"] == 1
        assert len(requests) == 1


async def test_an_endless_response_is_not_read_to_its_end(newest_database: Database) -> None:
    async with responding("200 OK", *[b" " * (1 << 20)] * 40) as (url, requests):
        result = await publish(newest_database, url)
        assert (result["delivered"], result["left"]) == (0, 1)
        assert requests


@pytest.mark.parametrize("later", ["inf", "1e999", "nan", "9" * 400, "Mon, 01 Jan 9999999999 x"])
async def test_no_retry_after_ends_the_worker(newest_database: Database, later: str) -> None:
    async with responding(f"429 Too Many\r\nRetry-After: {later}", b"no") as (url, requests):
        result = await publish(newest_database, url)
        assert (result["left"], result["set_aside"]) == (1, 0)
        assert requests
    assert "HTTP 429" in rows(newest_database)[1]["last_error"]


@pytest.mark.parametrize(
    ("value", "least", "most"),
    [
        (None, 0, 0),
        ("3", 3, 3),
        (" 3 ", 3, 3),
        ("-3", 0, 0),
        ("1e3", 0, 0),
        ("inf", 0, 0),
        ("nan", 0, 0),
        ("9" * 5000, DAY_S, DAY_S),
        ("Fri, 31 Dec 9999 23:59:59 GMT", DAY_S, DAY_S),
        ("Fri, 31 Dec 9999 23:59:59 -2359", DAY_S, DAY_S),
        ("Mon, 01 Jan 99999999999 00:00:00 GMT", 0, 0),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0, 0),
    ],
)
def test_retry_after(value: str | None, least: float, most: float) -> None:
    assert least <= retry_after_s(value) <= most


async def test_errors_of_any_characters_are_kept(newest_database: Database) -> None:
    said = 'no\x00 \ud800 \x1b[2J\nnext " \\'
    body = json.dumps({"status": "error", "errorMessage": said}).encode()
    async with responding("200 OK", body) as (url, _):
        result = await publish(newest_database, url)
    assert (result["refused"], result["left"], result["set_aside"]) == (1, 0, 1)
    with newest_database.connect() as connection:
        [(reason,)] = connection.execute("SELECT reason FROM khala.list_set_aside()").fetchall()
    assert reason == 'no\\x00 \\ud800 \\x1b[2J\\nnext " \\'
