"""`khala publish` as an operator runs it, beside a stand-in in this event loop."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from support.legacy.backend import LegacyBackend
from support.postgres.databases import Database
from support.programs.runs import KHALA, environment

RUNS, WORKERS = "runtime.run_summaries", "runtime.codex_worker_summaries"


@dataclass(frozen=True)
class Ended:
    """A `khala publish` that has ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def result(self) -> dict[str, Any]:
        """What --once --json says."""
        found: dict[str, Any] = json.loads(self.stdout.splitlines()[-1])
        return found


class Publishing:
    """A `khala publish` that runs."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def ready(self) -> None:
        assert self._process.stdout is not None
        async with asyncio.timeout(60):
            line = await self._process.stdout.readline()
        assert line, await self.end()
        assert json.loads(line)["ready"] is True

    async def said(self) -> str:
        """A line of its standard error."""
        assert self._process.stderr is not None
        async with asyncio.timeout(60):
            return (await self._process.stderr.readline()).decode()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def kill(self) -> None:
        """SIGKILL: it gets no chance to say goodbye."""
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> Ended:
        """SIGTERM, and its end."""
        self._process.send_signal(signal.SIGTERM)
        return await self.end()

    async def end(self) -> Ended:
        async with asyncio.timeout(60):
            out, err = await self._process.communicate()
        assert self._process.returncode is not None
        return Ended(self._process.returncode, out.decode(), err.decode())

    @property
    def runs(self) -> bool:
        return self._process.returncode is None


async def start(dsn: str, *arguments: str, variables: Mapping[str, str]) -> Publishing:
    return Publishing(
        await asyncio.create_subprocess_exec(
            KHALA,
            "publish",
            *arguments,
            env={**environment(dsn), **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    )


async def once(dsn: str, *arguments: str, variables: Mapping[str, str]) -> Ended:
    """`khala publish … --once --json`, to its end."""
    return await (await start(dsn, *arguments, "--once", "--json", variables=variables)).end()


@asynccontextmanager
async def started(
    dsn: str, *arguments: str, variables: Mapping[str, str]
) -> AsyncIterator[Publishing]:
    """A worker, killed at the end if it still runs."""
    running = await start(dsn, *arguments, "--json", variables=variables)
    try:
        yield running
    finally:
        if running.runs:
            await running.kill()


@asynccontextmanager
async def publishing(
    dsn: str, *arguments: str, variables: Mapping[str, str]
) -> AsyncIterator[Publishing]:
    """As `started`, a worker that is ready."""
    async with started(dsn, *arguments, variables=variables) as running:
        await running.ready()
        yield running


def credential(backend: LegacyBackend) -> dict[str, str]:
    """The variable with the admin key of the stand-in."""
    return {"KHALA_PUBLISH_ADMIN_KEY": backend.admin_key}


def write(database: Database, doc_key: str, version: int, topic: str = RUNS) -> None:
    """Sink a version of a document, whose latest_seq is the version."""
    with database.connect() as connection:
        connection.execute(
            "SELECT khala.sink(%s, %s, %s, jsonb_build_object('latest_seq', %s::bigint), 'acme')",
            (topic, doc_key, version, version),
        )


def rows(database: Database) -> list[dict[str, Any]]:
    """The rows of khala.publisher_stats."""
    with database.connect() as connection:
        [(found,)] = connection.execute("SELECT khala.list_publishers()").fetchall()
    return list(found)


def stored(database: Database, topic: str = RUNS) -> dict[str, int]:
    """Version of each document that Khala has."""
    with database.connect() as connection:
        return dict(
            connection.execute(
                "SELECT doc_key, doc_version FROM runtime.sync_documents"
                " WHERE topic = %s AND NOT deleted",
                (topic,),
            ).fetchall()
        )


def published(backend: LegacyBackend, table: str = "run_summaries") -> dict[str, int]:
    """Version of each document that the stand-in has."""
    return {
        document_id: int(summary["latest_seq"])
        for document_id, summary in backend.tables[table].items()
    }
