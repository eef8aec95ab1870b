"""OpenAPI 3.1 document of the control plane, made of its operations and its messages."""

from collections.abc import Mapping
from typing import Any

from khala_pg import __version__
from khala_pg.http.openapi import ERROR, ERRORS, REQUEST_ID, body, operation_object, responses
from khala_pg.lightning.api.operations import (
    DOCUMENT,
    FUNCTIONS,
    OPERATORS,
    OWNERS_OPERATIONS,
    SWITCHES,
    Function,
)
from khala_pg.lightning.api.operators import MAX_NAME
from khala_pg.lightning.api.schemas import components, name_of
from khala_pg.proto_gen.openagents.lightning.v1 import paywall_pb2, settlement_pb2

_PAYWALL_ID = {
    "name": "paywall_id",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_.:~-]*$", "maxLength": 200},
}


def document() -> dict[str, Any]:
    """The document, as DOCUMENT serves it."""
    paths: dict[str, Any] = {
        f"{OPERATORS}/{kind}": {"post": _operators(kind, is_mutation)}
        for kind, is_mutation in (("query", False), ("mutation", True))
    }
    signed_in = [(each, "owners") for each in OWNERS_OPERATIONS]
    signed_in += [(each, "signed_in_operators") for _, each in SWITCHES]
    for each, who in signed_in:
        paths.setdefault(each.path, {})[each.method.lower()] = operation_object(
            each, who, {"paywall_id": _PAYWALL_ID}
        )
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
            "schemas": {**components(kinds), "Error": ERROR},
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
        "parameters": [REQUEST_ID],
        "requestBody": body({"oneOf": [_call(each) for each in functions]}),
        "responses": responses({"anyOf": schemas}, set(ERRORS) - {403}),
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
