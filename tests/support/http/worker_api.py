"""The API of codex workers, as a surface calls it, and the workers behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from psycopg.types.json import Jsonb

from khala_pg.workers.endpoints import OPERATE, READ
from khala_pg.workers.operations import WORKERS
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import RunningRelay, ready_relay, running_relay


@dataclass
class WorkerApi:
    """A relay that serves the API, and a client of its HTTP side."""

    running: RunningRelay
    client: httpx.AsyncClient
    database: Database

    def token(self, *scopes: str, org: str = "org-a", subject: str = "ann") -> dict[str, str]:
        """Headers with a token, which operates unless scopes are given."""
        granted = scopes or (READ, OPERATE)
        return bearer(self.running.token(org, granted, subject=subject))

    async def call(
        self, method: str, path: str = "", org: str = "org-a", **more: Any
    ) -> httpx.Response:
        headers = {**self.token(org=org), **more.pop("headers", {})}
        return await self.client.request(method, WORKERS + path, headers=headers, **more)

    def append(self, worker: str, event: str, org: str | None = "org-a", **payload: Any) -> None:
        """An event of a worker, as the worker writes it."""
        with self.database.connect("runtime") as connection:
            connection.execute(
                "SELECT khala.append_codex_worker_event(%s, %s, %s, %s)",
                (worker, f"worker.{event}", Jsonb(payload), org),
            )


@asynccontextmanager
async def worker_api(database: Database, /, **more: Any) -> AsyncIterator[WorkerApi]:
    async with running_relay(database, http_port=0, **more) as running:
        await ready_relay(running)
        async with http(running, timeout=30) as client:
            yield WorkerApi(running, client, database)


def heartbeat_long_ago(database: Database, worker: str, org: str = "org-a") -> None:
    """A running worker whose last heartbeat is an hour old."""
    with database.connect() as connection:
        connection.execute(
            "INSERT INTO runtime.entities (kind, id, latest_seq, org_id)"
            " VALUES ('codex_worker', %s, 2, %s)",
            (worker, org),
        )
        connection.execute(
            "INSERT INTO runtime.entity_events"
            " (kind, id, seq, occurred_at, recorded_at, event_type, payload)"
            " SELECT 'codex_worker', %s, e.seq, now(), now() - interval '1 hour', e.type, '{}'"
            " FROM (VALUES (1, 'worker.started'), (2, 'worker.heartbeat')) AS e (seq, type)",
            (worker,),
        )
        connection.execute("SELECT khala.project_codex_worker(%s)", (worker,))
