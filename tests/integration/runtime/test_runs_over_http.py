"""The API of runs: what `khala run` has recorded, for the run's organisation only."""

from pathlib import Path
from typing import Any

from khala_pg.workers.endpoints import OPERATE, READ, READ_RUNS
from support.http.worker_api import worker_api
from support.postgres.databases import Database
from support.programs.runs import environment, khala

RUNS = "/api/runtime/runs"


async def test_output_and_history_of_a_recorded_run(
    newest_database: Database, tmp_path: Path
) -> None:
    env = environment(newest_database.runtime_dsn, tmp_path)
    words = ["run", "--id", "é/1", "--org", "org-a", "--", "sh", "-c"]
    done = khala(*words, "for n in $(seq 30); do echo line $n; done; exit 3", env=env)
    assert done.returncode == 3
    async with worker_api(newest_database) as api:
        headers = api.token(READ_RUNS)
        found = (await api.client.get(f"{RUNS}/%C3%A9%2F1", headers=headers)).json()
        assert found["last_lines"] == [f"line {n}" for n in range(11, 31)]
        assert (found["run"]["status"], found["run"]["exit_code"]) == ("failed", 3)
        assert found["version"] == found["run"]["latest_seq"]
        # A document goes to every subscriber with every change: it has one line.
        assert found["run"]["progress"] == {"lines": 30, "bytes": 231, "last_line": "line 30"}

        async def page(**query: Any) -> dict[str, Any]:
            path = f"{RUNS}/%C3%A9%2F1/events"
            answer = await api.client.get(path, params=query, headers=headers)
            found: dict[str, Any] = answer.json()
            return found

        first = await page(limit=1)
        assert [event["type"] for event in first["events"]] == ["run.started"]
        rest = await page(after=first["next_after"])
        assert rest["events"][-1]["type"] == "run.finished"
        assert rest["next_after"] == rest["latest_seq"] == found["version"]
        assert (await page(after=-1))["error"]["code"] == "invalid_arguments"


async def test_who_may_read_a_run(newest_database: Database) -> None:
    with newest_database.connect("runtime") as connection:
        connection.execute("SELECT khala.append_run_event('r', 'run.started', '{}', 'org-a')")
    async with worker_api(newest_database) as api:
        for path in (f"{RUNS}/r", f"{RUNS}/r/events"):

            async def status(path: str = path, **who: str) -> int:
                return (await api.client.get(path, headers=who)).status_code

            assert await status(**api.token(READ_RUNS)) == 200
            assert await status(**api.token(OPERATE)) == 200
            assert await status(**api.token(READ)) == 403
            assert await status(**api.token(READ_RUNS, org="org-b")) == 404
            assert await status() == 401
