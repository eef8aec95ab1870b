"""The OpenAPI document against the live server: requests that it allows, responses that it says."""

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from khala_pg.lightning.api.operations import DOCUMENT, FUNCTIONS, SECURITY
from support.control_plane import PAYWALL, SECRET, control_plane
from support.databases import Database

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


async def test_the_document_is_true(newest_database: Database) -> None:
    async with control_plane(newest_database, max_lightning_calls_per_minute=10**6) as plane:
        assert (await plane.own("POST", json=PAYWALL)).status_code == 200
        document = (await plane.client.get(DOCUMENT)).json()
        assert document["openapi"] == "3.1.0"
        schema = schemathesis.openapi.from_dict(document)
        answered: dict[str, set[int]] = {}

        def check(operation: Any) -> None:
            @settings(
                max_examples=40,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(operation.as_strategy())
            def requested(case: Any) -> None:
                is_signed_in = case.path.startswith("/api/lightning")
                owner = "operators" if case.path.startswith(SECURITY) else "ann"
                who = {"X-Owner": owner} if is_signed_in else {"Authorization": f"Bearer {SECRET}"}
                if "paywall_id" in (case.path_parameters or {}) and case.method == "GET":
                    case.path_parameters["paywall_id"] = "pw_news"
                base_url = plane.running.addresses.http
                response = case.call(base_url=base_url, headers=who)
                answered.setdefault(operation.label, set()).add(response.status_code)
                case.validate_response(response, checks=CHECKS, headers=who)

            requested()

        def check_all() -> None:
            operations: Any = schema.get_all_operations()
            for found in operations:
                check(found.ok())

        await asyncio.to_thread(check_all)
        operations = [method for path in document["paths"].values() for method in path]
        assert len(answered) == len(operations)
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
