"""The OpenAPI document of the admin page's API against the live server."""

import asyncio
from collections.abc import Mapping
from typing import Any

from khala_pg.page.operations import DOCUMENT
from support.http.openapi import statuses_seen
from support.http.page_api import page_api
from support.postgres.databases import Database
from support.relay.relays import NOTES


async def test_the_document_is_true(newest_database: Database) -> None:
    quick = {"max_admin_calls_per_minute": 10**6, "max_tokens_per_minute": 10**6}
    async with page_api(newest_database, **quick) as api:
        api.sink(NOTES, ("a", "acme"), ("b", None), ("a", "acme"))
        with newest_database.connect("dba") as connection:
            connection.execute("SELECT khala.set_flag('web', 'khala', 5, ARRAY['ann'])")
            connection.execute("SELECT khala.set_publisher('hook', 'webhook', 'http://x.invalid')")
            connection.execute("SELECT khala.set_publisher_topic('hook', %s)", (NOTES,))
        document = (await api.client.get(DOCUMENT)).json()
        await api.sign_in()
        cookie = {"Cookie": f"khala_page={api.client.cookies['khala_page']}"}
        token = await api.token()

        def prepare(case: Any) -> Mapping[str, str]:
            # A session that is there, except for what ends it.
            if case.path.startswith("/api/page"):
                return {} if case.path.endswith("sign-out") else cookie
            if "topic" in (case.query or {}) and case.path.endswith(("documents", "history")):
                case.query["topic"] = NOTES
            return token

        base_url = api.running.addresses.http
        assert base_url is not None
        seen = await asyncio.to_thread(statuses_seen, document, base_url, prepare, 15)
        answered = dict(seen)
        codes = answered.pop("POST /api/page/sign-in")
        assert codes & {401, 422}
        assert 204 in answered.pop("POST /api/page/sign-out")
        assert all(200 in statuses for statuses in answered.values()), answered
