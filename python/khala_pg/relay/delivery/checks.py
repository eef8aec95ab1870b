"""Checks of subscribe requests by the database, shared by all equal requests.

After an outage a thousand sockets send equal requests within moments. A request that comes while
an equal one waits for its turn shares its check, which is therefore never older than the request.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from khala_pg import strict_json
from khala_pg.concurrency.single_flight import SingleFlight
from khala_pg.relay.database.pool import Database
from khala_pg.relay.settings import RelaySettings
from khala_pg.relay.wire.requests import SubscribeRequest
from khala_pg.sqlapi import relay as sqlapi
from khala_pg.sqlapi.calls import Connection
from khala_pg.sqlapi.relay import Cursor

Checked = tuple[str, list[Cursor]]
"""The epoch in force, and what is to be said of each topic."""


@dataclass(frozen=True, slots=True)
class _Question:
    """Key of a question. cursors, filters: the client's, as JSON."""

    topics: tuple[str, ...]
    cursors: str
    epoch: str | None
    scopes: tuple[str, ...]
    filters: str


class Checks:
    """The questions that wait for their turn at the database."""

    def __init__(self, settings: RelaySettings, database: Database) -> None:
        self._database = database
        # However many subscribe, pages, feeds and writers get on meanwhile.
        self._slots = asyncio.Semaphore(settings.pool_size // 2)
        self._waiting: SingleFlight[_Question, Checked] = SingleFlight()
        self._under_way: dict[_Question, asyncio.Task[Checked]] = {}

    async def judge(self, request: SubscribeRequest, scopes: tuple[str, ...]) -> Checked:
        """Whether the request can be served.

        Raises what the call of the database raises.
        """
        question = _Question(
            request.topics,
            strict_json.dumps(request.resume_after),
            request.epoch,
            scopes,
            strict_json.dumps(request.filters),
        )
        return await self._waiting.run(
            question, lambda: self._ask(question, request.resume_after, request.filters)
        )

    async def beyond(
        self, subscribed: Mapping[str, str | None], scopes: Sequence[str]
    ) -> list[str]:
        """Those of the topics whose subscribed subset the scopes do not allow.

        Raises what the call of the database raises.
        """
        async with self._slots:
            return await self._database.call(sqlapi.subsets_beyond, subscribed, scopes)

    async def _ask(self, question: _Question, resume_after: Any, filters: Any) -> Checked:
        me = asyncio.current_task()

        async def check(connection: Connection) -> Checked:
            # A second try, after a lost connection, has left already.
            if self._under_way.get(question) is not me:
                self._under_way[question] = self._waiting.release(question)
            return await sqlapi.judge(
                connection,
                question.topics,
                resume_after,
                question.epoch,
                question.scopes,
                filters,
            )

        try:
            before = self._under_way.get(question)
            if before is not None:
                # More may come to share this one meanwhile.
                await asyncio.wait([before])
            async with self._slots:
                return await self._database.call(check)
        finally:
            if self._under_way.get(question) is me:
                del self._under_way[question]
