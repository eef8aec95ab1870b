"""OpenAPI documents against a live server: requests that they allow, responses that they say."""

from collections.abc import Callable, Mapping
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

CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    unsupported_method,
]


def statuses_seen(
    document: Mapping[str, Any],
    base_url: str,
    prepare: Callable[[Any], Mapping[str, str]],
    max_examples: int = 40,
) -> Mapping[str, set[int]]:
    """The statuses of random requests to each operation, each checked against the document.

    prepare: may change a request, and returns further headers of it.
    """
    answered: dict[str, set[int]] = {}

    def check(operation: Any) -> None:
        @settings(
            max_examples=max_examples,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def requested(case: Any) -> None:
            headers = prepare(case)
            response = case.call(base_url=base_url, headers=headers)
            answered.setdefault(operation.label, set()).add(response.status_code)
            case.validate_response(response, checks=CHECKS, headers=headers)

        requested()

    assert document["openapi"] == "3.1.0"
    operations: Any = schemathesis.openapi.from_dict(dict(document)).get_all_operations()
    for found in operations:
        check(found.ok())
    assert len(answered) == len([name for path in document["paths"].values() for name in path])
    return answered
