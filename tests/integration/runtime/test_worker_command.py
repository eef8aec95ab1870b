"""`khala worker`, as the API and a command see it."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from support.http.worker_api import WorkerApi, worker_api
from support.postgres.databases import Database
from support.programs.runs import KHALA, environment
from support.trials.waiting import until

FAILS = "echo no; exit 3"


@asynccontextmanager
async def working(
    database: Database, tmp_path: Path, *words: str
) -> AsyncIterator[tuple[WorkerApi, asyncio.subprocess.Process]]:
    """A `khala worker` named w that has started, and the API of workers."""
    async with worker_api(database) as api:
        process = await asyncio.create_subprocess_exec(
            *(KHALA, "worker", "--org", "org-a", "--poll", "0.1", "--heartbeat", "0.3"),
            *("--workspace", "/src", "w", "--", *words),
            stderr=asyncio.subprocess.PIPE,
            env=environment(database.runtime_dsn, tmp_path),
        )
        try:
            assert process.stderr is not None
            assert await process.stderr.readline() == b"w: started\n"
            yield api, process
        finally:
            if process.returncode is None:
                process.kill()
            await process.communicate()


async def events(api: WorkerApi, kind: str) -> list[dict[str, Any]]:
    found = (await api.call("GET", "/w/events")).json()["events"]
    return [event for event in found if event["type"] == f"worker.{kind}"]


async def acknowledgements(api: WorkerApi, count: int) -> list[dict[str, Any]]:
    async def are_there() -> bool:
        return len(await events(api, "acknowledged")) == count

    await until(are_there, "requests are acknowledged")
    return [event["payload"] for event in await events(api, "acknowledged")]


async def test_requests_are_served_until_a_stop(newest_database: Database, tmp_path: Path) -> None:
    async with working(newest_database, tmp_path, "cat") as (api, process):
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["workspace"], worker["adapter"]) == ("/src", "cat")
        assert (worker["status"], worker["heartbeat_state"]) == ("running", "fresh")
        sent = await api.call("POST", "/w/requests", json={"method": "é"})
        seq = sent.json()["request"]["seq"]
        [found] = await acknowledgements(api, 1)
        assert found == {"request_seq": seq, "outcome": "done", "response": {"method": "é"}}

        async def beats() -> bool:
            return len(await events(api, "heartbeat")) >= 3

        await until(beats, "heartbeats come")
        await api.call("POST", "/w/stop", json={"reason": "enough"})
        assert await asyncio.wait_for(process.wait(), 60) == 0
        worker = (await api.call("GET", "/w")).json()["worker"]
        assert (worker["status"], worker["terminal_reason"]) == ("stopped", "enough")


async def test_a_command_that_fails_refuses(newest_database: Database, tmp_path: Path) -> None:
    async with working(newest_database, tmp_path, "sh", "-c", FAILS) as (api, process):
        await api.call("POST", "/w/requests", json={})
        [found] = await acknowledgements(api, 1)
        assert found["outcome"] == "refused"
        assert found["response"] == {"output": "no\n", "exit_code": 3}
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert (await api.call("GET", "/w")).json()["worker"]["status"] == "stopped"


async def test_ctrl_c_ends_the_command(newest_database: Database, tmp_path: Path) -> None:
    async with working(newest_database, tmp_path, "sleep", "1000") as (api, process):
        await api.call("POST", "/w/requests", json={})

        async def is_busy() -> bool:
            return bool(await events(api, "busy"))

        await until(is_busy, "the command runs")
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0
        [found] = await acknowledgements(api, 1)
        assert found["outcome"] == "refused"


async def test_a_command_that_is_not_there_starts_no_worker(
    newest_database: Database, tmp_path: Path
) -> None:
    async with worker_api(newest_database) as api:
        process = await asyncio.create_subprocess_exec(
            *(KHALA, "worker", "--org", "org-a", "w", "--", "no-such-command"),
            stderr=asyncio.subprocess.PIPE,
            env=environment(newest_database.runtime_dsn, tmp_path),
        )
        _, said = await process.communicate()
        assert process.returncode == 2
        assert b"no-such-command: command not found" in said
        assert (await api.call("GET", "/w")).status_code == 404
