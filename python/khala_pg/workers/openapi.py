"""OpenAPI 3.1 document of the runtime's API, made of its operations."""

from typing import Any

from khala_pg import __version__
from khala_pg.http.openapi import ERROR, operation_object
from khala_pg.http.operations import Schema
from khala_pg.workers.operations import DOCUMENT, OPERATIONS, STATUSES

_NULLABLE: Schema = {"type": ["string", "null"]}
_TIME: Schema = {"type": "string", "format": "date-time"}
_TIME_OR_NULL: Schema = {"type": ["string", "null"], "format": "date-time"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_OBJECT: Schema = {"type": "object"}


def _id(name: str) -> Schema:
    schema = {"type": "string", "minLength": 1, "maxLength": 400}
    return {"name": name, "in": "path", "required": True, "schema": schema}


_IN_PATHS = {name: _id(name) for name in ("worker_id", "run_id")}
# Documents may grow further fields.
_WORKER = {
    "document_id": {"type": "string"},
    "worker_id": {"type": "string"},
    "owner": {"type": "string"},
    "status": {"enum": list(STATUSES)},
    "activity": {"enum": ["idle", "busy", "waiting", "paused", None]},
    "task": _NULLABLE,
    "title": _NULLABLE,
    "terminal_reason": _NULLABLE,
    "workspace": _NULLABLE,
    "adapter": _NULLABLE,
    "metadata": {"type": ["object", "null"]},
    "heartbeat_at": _TIME_OR_NULL,
    "heartbeat_state": {"enum": ["fresh", "stale", "missing", "stopped", "failed"]},
    "heartbeat_age_ms": {"type": ["integer", "null"], "minimum": 0},
    "heartbeat_stale_after_s": _COUNT,
    "started_at": _TIME_OR_NULL,
    "stopped_at": _TIME_OR_NULL,
    "updated_at": _TIME,
    "projected_at": _TIME,
    "latest_seq": _COUNT,
    "projection_lag": _COUNT,
}
_RUN = {
    "document_id": {"type": "string"},
    "run_id": {"type": "string"},
    "owner": {"type": "string"},
    "status": {"type": "string"},
    "title": _NULLABLE,
    "terminal_reason": _NULLABLE,
    "progress": {"type": ["object", "null"]},
    "exit_code": {"type": ["number", "null"]},
    "signal": _NULLABLE,
    "started_at": _TIME_OR_NULL,
    "finished_at": _TIME_OR_NULL,
    "latest_event_at": _TIME,
    "projected_at": _TIME,
    "latest_seq": _COUNT,
    "projection_lag": _COUNT,
}
_EVENT = {
    "seq": _COUNT,
    "type": {"type": "string"},
    "payload": _OBJECT,
    "occurred_at": _TIME,
    "recorded_at": _TIME,
}
_REQUEST = {
    "worker_id": {"type": "string"},
    "seq": _COUNT,
    "action": {"enum": ["request", "stop"]},
    "requested_at": _TIME,
    "requested_by": {"type": "string"},
}


def document() -> dict[str, Any]:
    """The document, as DOCUMENT serves it."""
    paths: dict[str, Any] = {}
    for each in OPERATIONS:
        found = operation_object(each, "signed_in", _IN_PATHS)
        paths.setdefault(each.path, {})[each.method.lower()] = found
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Khala: runs and codex workers",
            "version": __version__,
            "description": f"Served at {DOCUMENT}.",
        },
        "paths": paths,
        "components": {
            "schemas": {
                "CodexWorker": _record(_WORKER),
                "Event": _record(_EVENT),
                "CodexWorkerRequest": _record(_REQUEST, request=_OBJECT, reason=_NULLABLE),
                "Run": _record(_RUN),
                "Error": ERROR,
            },
            "securitySchemes": {
                "signed_in": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "A token, an API key, or a session of the host application.",
                },
            },
        },
    }


def _record(fields: dict[str, Any], **optional: Schema) -> Schema:
    return {"type": "object", "required": list(fields), "properties": {**fields, **optional}}
