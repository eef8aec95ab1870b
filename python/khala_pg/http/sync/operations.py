"""Operations of `/api/sync` and health: the source of the routes, and of the OpenAPI document."""

from collections.abc import Mapping, Sequence

from khala_pg.http.operations import Operation, Schema

DOCUMENT = "/api/sync/openapi.json"
SNAPSHOT = "/api/sync/snapshot"
DOCUMENTS = "/api/sync/documents"
TOKEN = "/api/sync/token"  # noqa: S105
LEGACY_TOKEN = "/api/convex/token"  # noqa: S105
MAX_SCOPES = 1000

_TEXT: Schema = {"type": "string"}
_NAME: Schema = {"type": "string", "minLength": 1}
_WATERMARK: Schema = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}
_TIME: Schema = {"type": "string", "format": "date-time"}


def _query(name: str, description: str, schema: Schema, *, required: bool = False) -> Schema:
    found = {"name": name, "in": "query", "description": description, "schema": schema}
    return {**found, "required": True} if required else found


_TOPIC = _query("topic", "Topic, by either of its names.", _NAME, required=True)
_DOC_KEY = _query("doc_key", "Key of the document.", _NAME, required=True)
_PAGE = (
    _query(
        "limit",
        "Most documents of a page; the relay has a limit of its own.",
        {"type": "integer", "minimum": 1, "maximum": 2**63 - 1},
    ),
    _query("after_doc_key", "next_doc_key of the page before; none for the first page.", _TEXT),
    _query("watermark", "watermark of the first page; none for the first page.", _WATERMARK),
    _query(
        "key",
        "Key of a document that is wanted; may be repeated. Excludes prefix.",
        {"type": "array", "minItems": 1, "maxItems": 1000, "items": _NAME},
    ),
    _query("prefix", "What the keys begin with.", {"type": "string", "maxLength": 512}),
    _query(
        "order",
        "newest: the documents that changed last, in one page.",
        {"enum": ["key", "newest"], "default": "key"},
    ),
)
_SNAPSHOT: Schema = {"$ref": "#/components/schemas/SnapshotPage"}
_UPDATE: Schema = {"$ref": "#/components/schemas/Update"}
_FLAGS: Mapping[str, Schema] = {
    "flags": {"type": "object", "additionalProperties": {"enum": ["khala", "legacy"]}}
}
_ISSUED: Mapping[str, Schema] = {
    "data": {
        "type": "object",
        "required": ["token", "expires_in", "expires_at", "org_id", "scopes"],
        "properties": {
            "token": _TEXT,
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "minimum": 1},
            "issued_at": _TIME,
            "expires_at": _TIME,
            "issuer": _TEXT,
            "audience": _TEXT,
            "subject": _TEXT,
            "org_id": _TEXT,
            "claims_version": {"type": "integer"},
            "scopes": {"type": "array", "items": _TEXT},
            "kid": _TEXT,
        },
    }
}
_TOKEN_REQUEST: Schema = {
    "type": "object",
    "properties": {
        "scopes": {
            "type": ["array", "null"],
            "maxItems": MAX_SCOPES,
            "items": _TEXT,
            "description": "Topics; all that the credential may see where it is left out.",
        },
        "expires_in": {"type": ["integer", "null"], "description": "Seconds, 60 to 900."},
        "sub": {"type": ["string", "null"], "description": "Subject, of a key for any."},
        "org": {"type": ["string", "null"], "description": "Organisation, of a key for any."},
    },
}

SNAPSHOTS: Sequence[Operation] = (
    Operation(
        "GET",
        SNAPSHOT,
        "get_snapshot",
        "Current documents of a topic that the token may see, in byte order of their keys",
        _SNAPSHOT,
        query=(_TOPIC, *_PAGE),
    ),
    Operation(
        "GET",
        f"{SNAPSHOT}/{{topic}}",
        "get_snapshot_of",
        "The same, with the topic in the path",
        _SNAPSHOT,
        query=_PAGE,
    ),
)
SINGLE_DOCUMENTS: Sequence[Operation] = (
    Operation(
        "GET",
        DOCUMENTS,
        "get_document",
        "One document with its payload, whatever its size",
        _UPDATE,
        query=(_TOPIC, _DOC_KEY),
    ),
    Operation(
        "GET",
        f"{DOCUMENTS}/{{topic}}/{{doc_key}}",
        "get_document_of",
        "The same, with both names in the path",
        _UPDATE,
    ),
)
FLAGS = Operation(
    "GET",
    "/api/sync/flags",
    "get_flags",
    "From which backend each surface reads for the token's subject",
    _FLAGS,
)
TOKENS: Sequence[Operation] = (
    Operation(
        "POST",
        TOKEN,
        "issue_token",
        "A short-lived token for an API key or a session",
        _ISSUED,
        _TOKEN_REQUEST,
        may_lack_body=True,
    ),
    Operation(
        "POST",
        LEGACY_TOKEN,
        "issue_token_legacy",
        "The same under the path that older clients know",
        _ISSUED,
        _TOKEN_REQUEST,
        may_lack_body=True,
    ),
)
