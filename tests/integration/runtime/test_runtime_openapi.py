"""The OpenAPI document of the runtime's API against the live server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from khala_pg.workers.operations import DOCUMENT
from support.http.openapi import statuses_seen
from support.http.worker_api import worker_api
from support.postgres.databases import Database


async def test_the_document_is_true(newest_database: Database) -> None:
    async with worker_api(newest_database, max_runtime_calls_per_minute=10**6) as api:
        for number in range(3):
            api.append(f"w{number}", "started", workspace="/src", metadata={"model": "m"})
        api.append("w1", "heartbeat")
        api.append("w2", "failed", reason="out of memory")
        with newest_database.connect("runtime") as connection:
            connection.execute("SELECT khala.append_run_event('r1', 'run.started', '{}', 'org-a')")
        document = (await api.client.get(DOCUMENT)).json()
        headers = api.token()

        def prepare(case: Any) -> Mapping[str, str]:
            if "run_id" in (case.path_parameters or {}):
                case.path_parameters["run_id"] = "r1"
            if "worker_id" in (case.path_parameters or {}):
                is_stop = case.path.endswith("/stop")
                case.path_parameters["worker_id"] = "w0" if is_stop else "w1"
            return headers

        base_url = api.running.addresses.http
        assert base_url is not None
        answered = await asyncio.to_thread(statuses_seen, document, base_url, prepare)
        assert all(200 in statuses for statuses in answered.values()), answered
