"""`khala flags` sets the lane of a surface, and GET /api/sync/flags tells it to each subject."""

import json
from typing import Any

from khala_pg.cohort import cohort
from support.postgres.databases import Database
from support.programs.runs import khala_text
from support.relay.asking import bearer, http
from support.relay.relays import ready_relay, running_relay

PATH = "/api/sync/flags"


def khala(database: Database, *arguments: str, code: int = 0) -> str:
    """Runs `khala flags`; its output."""
    done = khala_text("flags", *arguments, "--database", database.dba_dsn)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def listed(database: Database) -> list[dict[str, Any]]:
    return [json.loads(line) for line in khala(database, "--json").splitlines()]


def test_flags_are_set_and_listed(newest_database: Database) -> None:
    database = newest_database
    assert listed(database) == []
    assert "khala flags set web --lane khala" in khala(database)
    said = khala(database, "set", "web", "--lane", "khala", "--percent", "5.25", "--person", "ann")
    assert said == "web: khala for 5.25 % and 1 person named\n"
    said = khala(database, "set", "web", "--lane", "legacy")
    assert said == "web: legacy for everybody; khala would be for 5.25 % and 1 person named\n"
    web = {"surface": "web", "lane": "legacy", "percent": 5.25, "people": ["ann"]}
    assert listed(database) == [web]
    khala(database, "set", "web", "--person", "bob", "--person", "eve")
    assert listed(database) == [{**web, "people": ["bob", "eve"]}]
    khala(database, "set", "web", "--nobody")
    assert listed(database) == [{**web, "people": []}]
    assert "5.25 %" in khala(database)
    khala(database, "set", "gone")
    assert khala(database, "remove", "gone") == "gone: its flag is removed\n"
    assert "gone has no flag" in khala(database, "remove", "gone", code=2)
    assert [flag["surface"] for flag in listed(database)] == ["web"]
    assert "p_surface is 'Web'" in khala(database, "set", "Web", code=1)
    assert "p_percent is 1.005" in khala(database, "set", "web", "--percent", "1.005", code=1)
    assert "contradict" in khala(database, "set", "web", "--nobody", "--person", "a", code=2)


async def test_each_subject_reads_its_own_lanes(newest_database: Database) -> None:
    def set_flag(*arguments: object) -> None:
        with newest_database.connect("dba") as connection:
            values = ", ".join(["%s"] * len(arguments))
            connection.execute(f"SELECT khala.set_flag({values})".encode(), arguments)

    subjects = [f"user-{n}" for n in range(40)]
    async with running_relay(newest_database, http_port=0) as running, http(running) as asking:
        await ready_relay(running)

        async def lanes(subject: str, etag: str | None = None) -> Any:
            headers = bearer(running.token(subject=subject))
            return await asking.get(
                PATH, headers={**headers, **({"If-None-Match": etag} if etag else {})}
            )

        first = await lanes("ann")
        assert (first.status_code, first.json()) == (200, {"flags": {}})
        assert (await lanes("ann", first.headers["etag"])).status_code == 304
        assert (await asking.get(PATH)).status_code == 401
        assert (await asking.get(PATH, headers=bearer("nonsense"))).status_code == 401

        set_flag("web", "khala", 50, ["ann"])
        set_flag("mobile", "legacy", 100)
        changed = await lanes("ann", first.headers["etag"])
        assert changed.json() == {"flags": {"mobile": "legacy", "web": "khala"}}
        for subject in subjects:
            lane = "khala" if cohort("web", subject) < 5000 else "legacy"
            assert (await lanes(subject)).json()["flags"]["web"] == lane, subject

        set_flag("web", "legacy")
        assert (await lanes("ann")).json()["flags"]["web"] == "legacy"
