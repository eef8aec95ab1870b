"""Parts of OpenAPI documents that all APIs have."""

from collections.abc import Collection, Mapping
from typing import Any

from khala_pg.http.operations import Operation, Schema

ERRORS = {
    401: "The credential is missing or wrong.",
    403: "The credential is not for this, or a page of another origin asks.",
    404: "There is nothing of this name for the caller.",
    408: "The body did not come in time.",
    409: "The call contradicts what is stored.",
    413: "The body is too large.",
    422: "An argument is missing or invalid.",
    429: "There were too many calls: wait Retry-After seconds.",
    500: "The server has no secret, or a fault.",
    503: "The database is unavailable: wait Retry-After seconds.",
}
ERROR: Schema = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": {"type": "string"},
                "message": {"type": "string"},
                "hint": {"type": "string"},
                "retry_after_ms": {"type": "integer", "minimum": 0},
            },
        }
    },
}
REQUEST_ID: Schema = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Stands in the log and in the response; one is made where none is given.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
}
_IDEMPOTENCY_KEY: Schema = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key has the first one's response.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def operation_object(operation: Operation, who: str, in_path: Mapping[str, Schema]) -> Schema:
    """An operation.

    who: the security scheme of its callers. in_path: parameters of paths, by name.
    """
    named = [each for name, each in in_path.items() if f"{{{name}}}" in operation.path]
    parameters: list[Schema] = [REQUEST_ID, *named, *operation.query]
    errors = {401, 403, 422, 429, 500, 503}
    if named:
        errors |= {404}
    if operation.method != "GET":
        parameters.append(_IDEMPOTENCY_KEY)
        errors |= {409}
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [{who: []}],
        "parameters": parameters,
    }
    if operation.body is not None:
        is_required = not operation.may_lack_body
        found["requestBody"] = {**body(operation.body), "required": is_required}
        errors |= {408, 413}
    result = {
        "type": "object",
        "required": list(operation.result),
        "properties": {**operation.result, **operation.optional},
    }
    return {**found, "responses": responses(result, errors)}


def body(schema: Schema) -> Schema:
    """A required body of a request."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def responses(schema: Schema, errors: Collection[int]) -> Schema:
    """The response of success, and those of errors."""

    def response(description: str, schema: Schema) -> Schema:
        headers = {"X-Request-Id": {"required": True, "schema": {"type": "string"}}}
        content = {"application/json": {"schema": schema}}
        return {"description": description, "headers": headers, "content": content}

    error = {"$ref": "#/components/schemas/Error"}
    return {
        "200": response("It is done.", schema),
        **{str(status): response(ERRORS[status], error) for status in sorted(errors)},
    }
