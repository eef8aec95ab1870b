"""OpenAPI 3.1 document of the admin page's API, made of its operations."""

from collections.abc import Collection
from typing import Any

from khala_pg import __version__
from khala_pg.http.openapi import ERROR, ERRORS, REQUEST_ID, body, operation_object, responses
from khala_pg.http.operations import Schema
from khala_pg.page.operations import DOCUMENT, OPERATIONS
from khala_pg.page.sessions import COOKIE, MAX_CODE, PATH

_NAMES: Schema = {"type": "array", "items": {"type": "string"}}
_NAME_OR_NULL: Schema = {"type": ["string", "null"]}
_SESSION: Schema = {
    "type": "object",
    "required": ["organisations", "organisation", "scopes", "ws", "ends_at"],
    "properties": {
        "organisations": {"type": ["array", "null"], "items": {"type": "string"}},
        "organisation": _NAME_OR_NULL,
        "scopes": _NAMES,
        "ws": {"type": "string"},
        "ends_at": {"type": "string", "format": "date-time"},
    },
}
_TOKEN: Schema = {
    "type": "object",
    "required": ["token", "expires_in", "org_id", "scopes"],
    "properties": {
        "token": {"type": "string"},
        "expires_in": {"type": "integer", "minimum": 1},
        "org_id": _NAME_OR_NULL,
        "scopes": _NAMES,
    },
}
_CODE: Schema = {
    "type": "object",
    "required": ["code"],
    "properties": {"code": {"type": "string", "minLength": 1, "maxLength": MAX_CODE}},
}
_ORGANISATION: Schema = {
    "type": "object",
    "properties": {"org_id": {"type": ["string", "null"], "minLength": 1, "maxLength": 200}},
}


def document() -> dict[str, Any]:
    """The document, as DOCUMENT serves it."""
    reads = {each.path: {"get": operation_object(each, "signed_in", {})} for each in OPERATIONS}
    for path, methods in reads.items():
        # A topic that is not there.
        if any(each["name"] == "topic" for each in methods["get"]["parameters"]):
            result = methods["get"]["responses"]
            reads[path]["get"] = {
                **methods["get"],
                "responses": {**result, "404": {**result["403"], "description": ERRORS[404]}},
            }
    signed: list[dict[str, list[str]]] = [{"cookie": []}]
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Khala: the admin page",
            "version": __version__,
            "description": f"Served at {DOCUMENT}.",
        },
        "paths": {
            f"{PATH}/sign-in": {
                "post": _operation(
                    "sign_in",
                    "Open the session of a link",
                    [{}],
                    responses(_SESSION, _errors(408, 413, 422)),
                    _CODE,
                )
            },
            f"{PATH}/session": {
                "get": _operation("session", "The session", signed, responses(_SESSION, _errors()))
            },
            f"{PATH}/token": {
                "post": _operation(
                    "token",
                    "A token for an organisation of the session, or null for reads alone",
                    signed,
                    responses(_TOKEN, _errors(408, 413, 422)),
                    _ORGANISATION,
                )
            },
            f"{PATH}/sign-out": {
                "post": _operation("sign_out", "End the session", [{}], _without_content())
            },
            **reads,
        },
        "components": {
            "schemas": {"Error": ERROR},
            "securitySchemes": {
                "cookie": {"type": "apiKey", "in": "cookie", "name": COOKIE},
                "signed_in": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token, an API key, or a session of the host application.",
                },
            },
        },
    }


def _errors(*more: int) -> Collection[int]:
    return {401, 403, 429, 500, 503, *more}


def _without_content() -> Schema:
    found = responses({}, {403, 500, 503})
    done = {name: value for name, value in found["200"].items() if name != "content"}
    return {"204": done, **{status: each for status, each in found.items() if status != "200"}}


def _operation(
    name: str,
    summary: str,
    security: list[dict[str, list[str]]],
    answers: Schema,
    takes: Schema | None = None,
) -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": name,
        "summary": summary,
        "security": security,
        "parameters": [REQUEST_ID],
        "responses": answers,
    }
    return found if takes is None else {**found, "requestBody": body(takes)}
