"""Snapshot pages that many ask for at once are read once, and only by those who may."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg_pool

from khala_pg.http.app import create_app
from khala_pg.http.snapshots import FEW
from khala_pg.relay.settings import RelaySettings
from khala_pg.sqlapi.calls import Connection
from support.postgres.databases import Database
from support.relay.client_relay import NOTES, RUNS, sink
from support.trials.waiting import until

from .test_http_api import bearer, ready, verify

MANY = 60
URL = f"/api/sync/snapshot/{RUNS}"


class Serving:
    """The application without a socket in between, and how often it went to the database."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.reads = 0

    async def get(self, headers: dict[str, str], **params: Any) -> httpx.Response:
        return await self.http.get(URL, headers=headers, params=params)

    async def get_many(self, headers: dict[str, str], **params: Any) -> list[httpx.Response]:
        return await asyncio.gather(*(self.get(headers, **params) for _ in range(MANY)))


@asynccontextmanager
async def serving(dsn: str, **settings: Any) -> AsyncIterator[Serving]:
    async with psycopg_pool.AsyncConnectionPool(
        dsn, min_size=1, max_size=2, kwargs={"autocommit": True}, open=False
    ) as pool:

        @asynccontextmanager
        async def connect() -> AsyncIterator[Connection]:
            async with pool.connection() as connection:
                running.reads += 1
                yield connection

        app = create_app(connect, verify, ready, RelaySettings(dsn, **settings))
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://relay"
        ) as http:
            running = Serving(http)
            yield running


async def test_a_page_that_many_ask_for_is_read_by_few(database: Database) -> None:
    for n in range(5):
        sink(database, f"d{n}", 1, {"n": n})
    async with serving(database.relay_dsn, max_shared_page_age_s=60) as relay:
        found = await relay.get_many(bearer(), limit=3)
        assert Counter(each.text for each in found) == {found[0].text: MANY}
        assert [each["doc_key"] for each in found[0].json()["documents"]] == ["d0", "d1", "d2"]
        # The first, one for those that came meanwhile, the epoch, and one more for each.
        assert relay.reads <= 6
        # From then on the database is only asked for its epoch, for many at once.
        reads = relay.reads
        again = await relay.get_many(
            {**bearer(), "If-None-Match": found[0].headers["etag"]}, limit=3
        )
        assert {each.status_code for each in again} == {304}
        assert relay.reads - reads < FEW
        reads = relay.reads
        # What makes a page another one.
        rest = await relay.get(bearer(), after_doc_key="d2", watermark=5)
        assert [each["doc_key"] for each in rest.json()["documents"]] == ["d3", "d4"]
        assert relay.reads == reads + 1


async def test_a_program_sees_what_it_has_just_written(newest_database: Database) -> None:
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        for n in range(FEW):
            sink(newest_database, f"d{n}", 1, {"n": n})
            page = (await relay.get(bearer())).json()
            assert len(page["documents"]) == n + 1


async def test_a_read_that_has_begun_is_not_shared_with_who_comes_later(
    newest_database: Database,
) -> None:
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        for n in range(FEW // 2):
            under_way = asyncio.create_task(relay.get(bearer()))
            reads = relay.reads
            await until(lambda reads=reads: relay.reads > reads, "it has begun")
            sink(newest_database, f"d{n}", 1, {"n": n})
            page = (await relay.get(bearer())).json()
            assert len(page["documents"]) == n + 1
            await under_way


async def test_a_page_is_shared_for_a_moment(newest_database: Database) -> None:
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=0.5) as relay:
        sink(newest_database, "d", 1, {"n": 1})
        await relay.get_many(bearer())
        sink(newest_database, "d", 2, {"n": 2})
        deadline = asyncio.get_running_loop().time() + 10
        while (await relay.get(bearer())).json()["watermark"] < 2:
            assert asyncio.get_running_loop().time() < deadline
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=0) as relay:
        await relay.get_many(bearer())
        assert relay.reads == MANY
    async with serving(newest_database.relay_dsn, max_shared_page_bytes=0) as relay:
        await relay.get_many(bearer())
        reads = relay.reads
        await relay.get_many(bearer())
        assert relay.reads > reads


async def test_a_page_stays_with_those_who_may_read_it(newest_database: Database) -> None:
    sink(newest_database, "ours", 1, {})
    sink(newest_database, "theirs", 1, {}, org="org-b")
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        await relay.get_many(bearer())
        [theirs] = (await relay.get(bearer(org_id="org-b"))).json()["documents"]
        assert theirs["doc_key"] == "theirs"
        reads = relay.reads
        assert (await relay.get(bearer(ttl_s=-100))).status_code == 401
        assert (await relay.get({})).status_code == 401
        assert relay.reads == reads
        assert (await relay.get(bearer(scopes=[NOTES]))).status_code == 403


async def test_everybody_is_told_of_an_error(newest_database: Database) -> None:
    sink(newest_database, "d", 1, {})
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        found = await relay.get_many(bearer(), watermark=7)
        assert {each.status_code for each in found} == {409}
        # It is not kept.
        for version in range(2, 8):
            sink(newest_database, "d", version, {})
        found = await relay.get_many(bearer(), watermark=7)
        assert {each.status_code for each in found} == {200}


async def test_whoever_leaves_takes_the_page_from_nobody(newest_database: Database) -> None:
    sink(newest_database, "d", 1, {})
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        asking = [asyncio.create_task(relay.get(bearer())) for _ in range(MANY)]
        await until(lambda: relay.reads > 0, "the page is being read")
        for each in asking[: MANY // 2]:
            each.cancel()
        found = await asyncio.gather(*asking[MANY // 2 :])
        assert {each.status_code for each in found} == {200}


async def test_a_page_of_another_epoch_is_not_shared(newest_database: Database) -> None:
    sink(newest_database, "d", 1, {})
    async with serving(newest_database.relay_dsn, max_shared_page_age_s=60) as relay:
        old = (await relay.get_many(bearer()))[0].json()["epoch"]
        with newest_database.connect() as connection:
            [new] = connection.execute("SELECT khala.new_epoch()").fetchone() or ("",)
        assert new != old
        reads = relay.reads
        assert {each.json()["epoch"] for each in await relay.get_many(bearer())} == {new}
        # And the new one is shared in its turn.
        assert relay.reads - reads < MANY // 2
