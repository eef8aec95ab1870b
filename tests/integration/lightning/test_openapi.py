"""The OpenAPI document against the live server: requests that it allows, responses that it says."""

import asyncio
from collections.abc import Mapping
from typing import Any

from khala_pg.lightning.api.operations import DOCUMENT, FUNCTIONS, SECURITY
from support.http.control_plane import PAYWALL, SECRET, control_plane
from support.http.openapi import statuses_seen
from support.postgres.databases import Database


def prepare(case: Any) -> Mapping[str, str]:
    if "paywall_id" in (case.path_parameters or {}) and case.method == "GET":
        case.path_parameters["paywall_id"] = "pw_news"
    if case.path.startswith("/api/lightning"):
        return {"X-Owner": "operators" if case.path.startswith(SECURITY) else "ann"}
    return {"Authorization": f"Bearer {SECRET}"}


async def test_the_document_is_true(newest_database: Database) -> None:
    async with control_plane(newest_database, max_lightning_calls_per_minute=10**6) as plane:
        assert (await plane.own("POST", json=PAYWALL)).status_code == 200
        document = (await plane.client.get(DOCUMENT)).json()
        base_url = plane.running.addresses.http
        assert base_url is not None
        answered = await asyncio.to_thread(statuses_seen, document, base_url, prepare)
        # Some of what the document allows was done.
        assert sum(200 in statuses for statuses in answered.values()) >= 7, answered


async def test_the_document_has_the_functions_that_there_are(newest_database: Database) -> None:
    with newest_database.connect() as connection:
        row = connection.execute(
            "SELECT pg_get_functiondef('lightning.call(text, jsonb, boolean)'::regprocedure)"
        ).fetchone()
        assert row is not None
    named = {part.split("'")[0] for part in row[0].split("WHEN '")[1:]}
    assert named == {function.name for function in FUNCTIONS}
