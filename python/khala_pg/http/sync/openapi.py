"""OpenAPI 3.1 document of `/api/sync`, made of its operations and of the messages on the wire."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, cast

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from khala_pg import __version__
from khala_pg.http.operations import Operation, Schema
from khala_pg.http.sync.operations import (
    DOCUMENT,
    FLAGS,
    LEGACY_TOKEN,
    SINGLE_DOCUMENTS,
    SNAPSHOTS,
    TOKENS,
)
from khala_pg.proto_gen.openagents.sync.v1 import update_pb2

_ERRORS = {
    400: "A parameter is missing or invalid.",
    401: "The credential is missing, wrong, expired or revoked.",
    403: "The topic is unknown or not in the token's scopes, or a page of another origin asks.",
    404: "There is no such document that the token may see.",
    408: "The body did not come in time.",
    409: "The watermark of the first page is stale: start again.",
    413: "The body is too large.",
    422: "The credential may not have such a token.",
    429: "There were too many requests: wait Retry-After seconds.",
    503: "The database is unavailable, or there is no signing key: wait Retry-After seconds.",
}
_READ = {401, 403, 503}
_OF_TOKENS = {400, 401, 403, 408, 413, 422, 429, 503}
_ERROR: Schema = {
    "type": "object",
    "required": ["code", "message"],
    "properties": {"code": {"type": "string"}, "message": {"type": "string"}},
}
_LARGE: Schema = {"type": ["integer", "string"], "description": "A string above 2^53 - 1."}
_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_INT64: _LARGE,
    FieldDescriptor.TYPE_UINT64: _LARGE,
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_VALUE = "google.protobuf.Value"
_OF_THE_BINARY_LANE = "payload_json"
# What the database leaves out where it says nothing: a document is not deleted.
_LEFT_OUT = {"payload", "deleted"}


def document() -> dict[str, Any]:
    """The document, as DOCUMENT serves it."""
    paths: dict[str, Any] = {
        "/healthz": {"get": _health("get_health", "Whether the process lives", may_fail=False)},
        "/readyz": {"get": _health("get_readiness", "Whether the relay serves", may_fail=True)},
    }
    groups: Sequence[tuple[Sequence[Operation], Collection[int]]] = (
        (SNAPSHOTS, _READ | {400, 409}),
        (SINGLE_DOCUMENTS, _READ | {400, 404}),
        ([FLAGS], _READ),
        (TOKENS, _OF_TOKENS),
    )
    for operations, errors in groups:
        for each in operations:
            paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, errors)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Khala: snapshots, documents, flags and tokens",
            "version": __version__,
            "description": f"Served at {DOCUMENT}.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "SnapshotPage": _message(update_pb2.SnapshotPage.DESCRIPTOR),
                "Update": _message(update_pb2.Update.DESCRIPTOR),
                "Error": _ERROR,
            },
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "credential": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "khala_…",
                    "description": "An API key, or a session of the host application.",
                },
            },
        },
    }


def _operation(operation: Operation, errors: Collection[int]) -> Schema:
    is_read = operation.method == "GET"
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in ("topic", "doc_key")
        if f"{{{name}}}" in operation.path
    ]
    parameters: list[Schema] = [*in_path, *operation.query]
    result = operation.result
    if "$ref" not in result:
        result = {"type": "object", "required": list(result), "properties": result}
    success: dict[str, Any] = {"200": _response("It is done.", result)}
    if is_read:
        parameters.append({"name": "If-None-Match", "in": "header", "schema": {"type": "string"}})
        etag = {"ETag": {"required": True, "schema": {"type": "string"}}}
        success["200"] = {**success["200"], "headers": etag}
        success["304"] = {"description": "You have the content.", "headers": etag}
    found: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "security": [{"token" if is_read else "credential": []}],
        "parameters": parameters,
        "responses": {**success, **{str(each): _error(each) for each in sorted(errors)}},
    }
    if operation.path == LEGACY_TOKEN:
        found["deprecated"] = True
    if operation.body is not None:
        content = {"application/json": {"schema": operation.body}}
        found["requestBody"] = {"required": not operation.may_lack_body, "content": content}
    return found


def _health(name: str, summary: str, *, may_fail: bool) -> Schema:
    text = {"text/plain": {"schema": {"type": "string"}}}
    responses: dict[str, Any] = {"200": {"description": "Yes.", "content": text}}
    if may_fail:
        responses["503"] = _response(
            "Not yet, or not at the moment; the message says why.", _reference("Error")
        )
    # Anybody may ask.
    return {"operationId": name, "summary": summary, "security": [], "responses": responses}


def _response(description: str, schema: Schema) -> Schema:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _error(status: int) -> Schema:
    return _response(_ERRORS[status], _reference("Error"))


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _message(descriptor: Any) -> Schema:
    """The schema of a message as the JSON lane has it."""
    fields = [
        field for field in cast(Descriptor, descriptor).fields if field.name != _OF_THE_BINARY_LANE
    ]
    return {
        "type": "object",
        "required": [field.name for field in fields if field.name not in _LEFT_OUT],
        "properties": {field.name: _field(field) for field in fields},
    }


def _field(field: FieldDescriptor) -> Schema:
    kind = field.message_type
    if kind is None:
        scalar = _SCALARS[field.type]
        # What proto3 calls optional is in a oneof of its own.
        is_optional = field.containing_oneof is not None
        return {**scalar, "type": [scalar["type"], "null"]} if is_optional else scalar
    one: Schema = {"type": "object"} if kind.full_name == _VALUE else _reference(kind.name)
    return {"type": "array", "items": one} if field.is_repeated else one
