"""The database's word on subscribe requests, asked for once by all that ask the same.

After an outage a thousand sockets ask alike within moments. Whoever asks while an equal question
waits for its turn shares its answer, which therefore is never older than the question.
"""

import asyncio
from dataclasses import dataclass
from typing import Any

from khala_pg import strict_json
from khala_pg.errors import KhalaError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire.requests import SubscribeRequest
from khala_pg.sqlapi import relay as sqlapi
from khala_pg.sqlapi.calls import Connection
from khala_pg.sqlapi.relay import Cursor


@dataclass(frozen=True, slots=True)
class Checked:
    """The epoch in force, and what is to be said of each topic."""

    epoch: str
    cursors: list[Cursor]


@dataclass(frozen=True, slots=True)
class _Question:
    """Key of a question. cursors: the client's, as JSON."""

    topics: tuple[str, ...]
    cursors: str
    epoch: str | None
    scopes: tuple[str, ...]


class Checks:
    """The questions that wait for their turn at the database."""

    def __init__(self, settings: RelaySettings, database: Database) -> None:
        self._database = database
        # However many subscribe, pages, feeds and writers get on meanwhile.
        self._slots = asyncio.Semaphore(settings.pool_size // 2)
        self._waiting: dict[_Question, asyncio.Future[Checked | KhalaError | None]] = {}
        self._under_way: dict[_Question, asyncio.Future[Checked | KhalaError | None]] = {}

    async def judge(self, request: SubscribeRequest, scopes: tuple[str, ...]) -> Checked:
        """Whether the request can be served.

        Raises what the call of the database raises.
        """
        question = _Question(
            request.topics, strict_json.dumps(request.resume_after), request.epoch, scopes
        )
        while True:
            waiting = self._waiting.get(question)
            if waiting is None:
                return await self._ask(question, request.resume_after)
            found = await asyncio.shield(waiting)
            if isinstance(found, KhalaError):
                raise found
            if found is not None:
                return found
            # Whoever asked went away.

    async def _ask(self, question: _Question, resume_after: Any) -> Checked:
        waiting = self._waiting[question] = asyncio.get_running_loop().create_future()
        found: Checked | KhalaError | None = None

        async def check(connection: Connection) -> Checked:
            # From now on, whoever asks that asks anew.
            if self._waiting.get(question) is waiting:
                self._under_way[question] = self._waiting.pop(question)
            return Checked(
                *await sqlapi.judge(
                    connection, question.topics, resume_after, question.epoch, question.scopes
                )
            )

        try:
            before = self._under_way.get(question)
            if before is not None:
                # More may come to share this one meanwhile.
                await asyncio.wait([before])
            async with self._slots:
                found = await self._database.call(check)
            return found
        except KhalaError as error:
            found = error
            raise
        finally:
            for each in (self._waiting, self._under_way):
                if each.get(question) is waiting:
                    del each[question]
            waiting.set_result(found)
