"""The OpenAPI document of `/api/sync` against the live server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from khala_pg.auth import api_keys
from khala_pg.http.sync.operations import DOCUMENT
from khala_pg.sqlapi import admin
from support.http.openapi import statuses_seen
from support.postgres.databases import Database
from support.relay.asking import bearer, http
from support.relay.relays import NOTES, RUNS, ready_relay, running_relay


async def test_the_document_is_true(newest_database: Database) -> None:
    key = api_keys.generate()
    with newest_database.connect("dba") as connection:
        who = ("test", "shop", "org-a", [NOTES, RUNS], None, 10**6)
        admin.create_api_key(connection, key, *who)
        connection.execute("SELECT khala.set_flag('web', 'khala', 5, ARRAY['ann'])")
    with newest_database.connect("runtime") as connection:
        for number in range(3):
            connection.execute(
                "SELECT khala.sink(%s, %s, 1, '{\"a\": 1}', 'org-a')", (NOTES, f"k{number}")
            )
    async with running_relay(newest_database, http_port=0) as running:
        await ready_relay(running)
        async with http(running, timeout=30) as client:
            document = (await client.get(DOCUMENT)).json()
        token = bearer(running.token("org-a", (NOTES, RUNS)))

        def prepare(case: Any) -> Mapping[str, str]:
            if case.method == "POST":
                return bearer(str(key))
            for place in (case.path_parameters or {}, case.query or {}):
                if "topic" in place:
                    place["topic"] = NOTES
                if "doc_key" in place:
                    place["doc_key"] = "k1"
            # What is no cursor, and what excludes each other, is refused, as other tests show.
            excluded = {"watermark"} | ({"key"} if "prefix" in (case.query or {}) else set())
            for name in excluded:
                (case.query or {}).pop(name, None)
            return token

        base_url = running.addresses.http
        assert base_url is not None
        seen = await asyncio.to_thread(statuses_seen, document, base_url, prepare, 20)
    assert all(200 in statuses for statuses in seen.values()), seen
