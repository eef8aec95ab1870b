"""Operations of administrators' reads: the source of the routes, and of the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

from khala_pg.http.operations import Operation, Schema

ADMIN = "khala.admin"
"""The scope of every read here. It is no topic."""

ADMIN_ALL = "khala.admin.all"
"""The scope that extends it from the token's organisation to the whole installation."""

READS = "/api/admin"
DOCUMENT = "/api/admin/openapi.json"
DEFAULT_DOCUMENTS = 200
DEFAULT_VERSIONS = 50

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_COUNT_OR_NULL: Schema = {"type": ["integer", "null"], "minimum": 0}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_FLAG: Schema = {"type": "boolean"}
_LARGE: Schema = {"type": ["integer", "string"], "description": "A string above 2^53 - 1."}
_COUNTS: Schema = {"type": "object", "additionalProperties": _COUNT}


def _list(**fields: Schema) -> Schema:
    item = {"type": "object", "required": list(fields), "properties": fields}
    return {"type": "array", "items": item}


def _query(name: str, description: str, *, required: bool = False, **schema: Any) -> Schema:
    schema = {"type": "string", **schema}
    found = {"name": name, "in": "query", "description": description, "schema": schema}
    return {**found, "required": True} if required else found


def _limit(most: int, default: int) -> Schema:
    number: dict[str, Any] = {"minimum": 1, "maximum": most, "default": default}
    return _query("limit", "Most rows of a page.", type="integer", **number)


def _read(name: str, summary: str, result: Mapping[str, Schema], *query: Schema) -> Operation:
    return Operation("GET", f"{READS}/{name}", f"admin_{name}", summary, result, query=query)


_TOPIC = _query("topic", "Its own name.", required=True)

OPERATIONS: Sequence[Operation] = (
    _read(
        "topics",
        "Topics",
        {
            "topics": _list(
                topic=_TEXT,
                ownership={"enum": ["owned", "public", "mixed"]},
                payload_mode={"enum": ["inline", "pointer", "auto"]},
                writes={"enum": ["direct", "grouped"]},
                head_watermark=_LARGE,
                retention_floor=_LARGE,
                documents=_COUNT,
                documents_at_least=_FLAG,
                journal_rows=_COUNT,
                journal_bytes=_COUNT_OR_NULL,
                writes_per_minute=_NUMBER_OR_NULL,
                oldest_age_s=_NUMBER_OR_NULL,
                horizon_s={"type": "number"},
                subscribers=_COUNT_OR_NULL,
            )
        },
    ),
    _read(
        "organisations",
        "Organisations that own documents",
        {
            "organisations": _list(org_id=_TEXT, documents=_COUNT, documents_at_least=_FLAG),
            "complete": _FLAG,
        },
    ),
    _read(
        "documents",
        "Documents of a topic in the order of their keys, tombstones too",
        {
            "documents": _list(
                doc_key=_TEXT,
                doc_version=_LARGE,
                org_id=_TEXT_OR_NULL,
                deleted=_FLAG,
                watermark=_LARGE,
                updated_at=_TIME,
                payload={"type": ["object", "null"]},
            ),
            "next": _TEXT_OR_NULL,
        },
        _TOPIC,
        _query("org_id", "Their owner; empty: public ones.", maxLength=200),
        _query("prefix", "What their keys begin with."),
        _query("after", "next of the page before."),
        _limit(10_000, DEFAULT_DOCUMENTS),
        _query(
            "payload",
            "false: payloads are null, and limit may be above 1000.",
            enum=["true", "false"],
            default="true",
        ),
    ),
    _read(
        "history",
        "Versions of a document, newest first, from the journal",
        {
            "versions": _list(
                watermark=_LARGE,
                doc_version=_LARGE,
                org_id=_TEXT_OR_NULL,
                deleted=_FLAG,
                inserted_at=_TIME,
                payload={"type": ["object", "null"]},
                payload_bytes=_COUNT,
            ),
            "retention_floor": _LARGE,
            "next": {"type": ["integer", "string", "null"]},
        },
        _TOPIC,
        _query("doc_key", "Its key.", required=True),
        _query("before", "next of the page before.", pattern="^[0-9]{1,18}$"),
        _limit(200, DEFAULT_VERSIONS),
    ),
    _read(
        "relays",
        "Relays of the last hour",
        {
            "relays": _list(
                relay=_TEXT,
                version=_TEXT,
                started_at=_TIME,
                reported_at=_TIME,
                stopped_at=_TIME_OR_NULL,
                connections=_COUNT,
                subscribers=_COUNTS,
                behind=_COUNT,
                sent_bytes=_COUNT,
                is_live=_FLAG,
            )
        },
    ),
    _read(
        "activity",
        "Writes and deliveries of the last hour",
        {
            "interval_s": {"const": 10},
            "to": _TIME,
            "points": _list(
                at=_TIME,
                writes=_COUNT_OR_NULL,
                connections=_COUNT_OR_NULL,
                sent_bytes=_COUNT_OR_NULL,
                delivery_lag_p50_s=_NUMBER_OR_NULL,
                delivery_lag_p99_s=_NUMBER_OR_NULL,
            ),
        },
        _query("topic", "Of one topic: writes and lag alone."),
    ),
    _read(
        "retention",
        "Retention of each topic",
        {
            "topics": _list(
                topic=_TEXT,
                retention_floor=_LARGE,
                head_watermark=_LARGE,
                horizon_s={"type": "number"},
                oldest_at=_TIME_OR_NULL,
                oldest_age_s=_NUMBER_OR_NULL,
                overdue_s=_NUMBER_OR_NULL,
                last_purge_at=_TIME_OR_NULL,
                purges=_COUNT,
                purged_events=_COUNT,
            )
        },
    ),
    _read(
        "publishers",
        "Publishers, and the newest updates that they set aside",
        {
            "publishers": _list(
                publisher=_TEXT,
                kind=_TEXT,
                url=_TEXT,
                state=_TEXT,
                last_delivery_at=_TIME_OR_NULL,
                last_error_at=_TIME_OR_NULL,
                last_error=_TEXT_OR_NULL,
                topics=_list(
                    topic=_TEXT,
                    target=_TEXT,
                    delete_target=_TEXT_OR_NULL,
                    unread={"type": ["integer", "null"]},
                    waiting=_COUNT,
                    in_flight=_COUNT,
                    retrying=_COUNT,
                    oldest_age_s=_NUMBER_OR_NULL,
                    set_aside=_COUNT,
                    delivered=_COUNT,
                    failed=_COUNT,
                    refused=_COUNT,
                    resyncs=_COUNT,
                    resync_reason=_TEXT_OR_NULL,
                    overtaken=_COUNT,
                ),
            ),
            "set_aside": _list(
                publisher=_TEXT,
                topic=_TEXT,
                doc_key=_TEXT,
                watermark=_LARGE,
                doc_version=_LARGE,
                deleted=_FLAG,
                attempts=_COUNT,
                reason=_TEXT,
                set_aside_at=_TIME,
            ),
        },
    ),
    _read(
        "parity",
        "Comparisons with the legacy backend",
        {
            "topics": _list(topic=_TEXT, reasons=_COUNTS, max_drift=_NUMBER_OR_NULL),
            "gates": _list(gate=_TEXT, is_met=_FLAG, found=_NUMBER_OR_NULL, allowed=_TEXT),
            "cycles": _list(
                cycle={"type": "integer"},
                started_at=_TIME,
                finished_at=_TIME_OR_NULL,
                sampled=_COUNT,
                error=_TEXT_OR_NULL,
                reasons=_COUNTS,
            ),
        },
    ),
    _read(
        "flags",
        "Flags of surfaces",
        {
            "flags": _list(
                surface=_TEXT,
                lane={"enum": ["legacy", "khala"]},
                percent={"type": "number"},
                people={"type": "array", "items": _TEXT},
                changed_at=_TIME,
                changed_by=_TEXT,
            )
        },
    ),
)
