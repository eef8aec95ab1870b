"""OpenAPI 3.1 document of the control plane, made of its operations and its messages."""

from collections.abc import Mapping, Sequence
from typing import Any

from khala_pg import __version__
from khala_pg.lightning.api.operations import (
    DOCUMENT,
    FUNCTIONS,
    ONE,
    OPERATORS,
    OWNERS_OPERATIONS,
    SWITCHES,
    Function,
    Operation,
)
from khala_pg.lightning.api.operators import MAX_NAME
from khala_pg.lightning.api.schemas import components, name_of
from khala_pg.proto_gen.openagents.lightning.v1 import paywall_pb2, settlement_pb2

_ERRORS = {
    401: "The credential is missing or wrong.",
    403: "The credential is not for this, or a page of another origin asks.",
    404: "There is no such function or paywall.",
    408: "The body did not come in time.",
    409: "The call contradicts what is stored.",
    413: "The body is too large.",
    422: "An argument is missing or invalid.",
    429: "There were too many calls: wait Retry-After seconds.",
    500: "The server has no secret, or a fault.",
    503: "The database is unavailable: wait Retry-After seconds.",
}
_ERROR = {
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
_REQUEST_ID = {
    "name": "X-Request-Id",
    "in": "header",
    "description": "Stands in the log and in the response; one is made where none is given.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._:-]{1,128}$"},
}
_PAYWALL_ID = {
    "name": "paywall_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.:~-]*$", "maxLength": 200},
}
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A repeat with the same key within a day has the first one's response.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}
_PAGE = (
    {
        "name": "cursor",
        "in": "query",
        "description": "nextCursor of the page before.",
        "schema": {"type": "string"},
    },
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    },
)


def document() -> dict[str, Any]:
    """The document, as DOCUMENT serves it."""
    paths: dict[str, Any] = {
        f"{OPERATORS}/{kind}": {"post": _operators(kind, is_mutation)}
        for kind, is_mutation in (("query", False), ("mutation", True))
    }
    signed_in = [(each, "owners") for each in OWNERS_OPERATIONS]
    signed_in += [(each, "signed_in_operators") for _, each in SWITCHES]
    for each, who in signed_in:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, who)
    kinds = [function.response for function in FUNCTIONS]
    kinds += [paywall_pb2.Paywall, settlement_pb2.Invoice, settlement_pb2.Settlement]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Khala: Lightning control plane",
            "version": __version__,
            "description": f"Served at {DOCUMENT}.",
        },
        "paths": paths,
        "components": {
            "schemas": {**components(kinds), "Error": _ERROR},
            "securitySchemes": {
                "operators": {"type": "http", "scheme": "bearer"},
                "owners": {"type": "http", "scheme": "bearer", "bearerFormat": "khala_…"},
                "signed_in_operators": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
            },
        },
    }


def _operators(kind: str, is_mutation: bool) -> Mapping[str, Any]:
    functions = [each for each in FUNCTIONS if each.is_mutation is is_mutation]
    answers = {name_of(each.response) for each in functions}
    schemas = [{"$ref": f"#/components/schemas/{name}"} for name in sorted(answers)]
    return {
        "operationId": f"operators_{kind}",
        "summary": f"Call a {kind} of the control plane",
        # The secret may stand in args as well.
        "security": [{"operators": []}, {}],
        "parameters": [_REQUEST_ID],
        "requestBody": _body({"oneOf": [_call(each) for each in functions]}),
        "responses": _responses({"anyOf": schemas}, set(_ERRORS) - {403}),
    }


def _call(function: Function) -> Mapping[str, Any]:
    secret = {"type": "string", "description": "The operators' secret."}
    args = {
        **function.args,
        "properties": {"secret": secret, **function.args.get("properties", {})},
    }
    return {
        "type": "object",
        "required": ["functionName", "args"],
        "properties": {
            "functionName": {"const": function.name, "maxLength": MAX_NAME},
            "args": args,
        },
    }


def _operation(operation: Operation, who: str) -> Mapping[str, Any]:
    parameters: list[Mapping[str, Any]] = [_REQUEST_ID]
    properties: dict[str, Any] = {"ok": {"const": True}, **operation.result}
    errors = {401, 403, 422, 429, 500, 503}
    if operation.path.startswith(ONE):
        parameters.append(_PAYWALL_ID)
        errors |= {404}
    if operation.is_page:
        parameters += _PAGE
        properties["nextCursor"] = {"type": "string"}
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
        found["requestBody"] = _body(operation.body)
        errors |= {408, 413}
    required = ["ok", *operation.result]
    result = {"type": "object", "required": required, "properties": properties}
    return {**found, "responses": _responses(result, errors)}


def _body(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _responses(schema: Mapping[str, Any], errors: Sequence[int] | set[int]) -> Mapping[str, Any]:
    def response(description: str, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        headers = {"X-Request-Id": {"required": True, "schema": {"type": "string"}}}
        content = {"application/json": {"schema": schema}}
        return {"description": description, "headers": headers, "content": content}

    error = {"$ref": "#/components/schemas/Error"}
    return {
        "200": response("It is done.", schema),
        **{str(status): response(_ERRORS[status], error) for status in sorted(errors)},
    }
