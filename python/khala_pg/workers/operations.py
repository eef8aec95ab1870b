"""Operations of the API: the source of the routes, and of the OpenAPI document."""

from collections.abc import Sequence

from khala_pg.http.operations import Operation, Schema

WORKERS = "/api/runtime/codex/workers"
ONE = f"{WORKERS}/{{worker_id}}"
RUN = "/api/runtime/runs/{run_id}"
DOCUMENT = "/api/runtime/openapi.json"
STATUSES = ("starting", "running", "stopping", "stopped", "failed")
DEFAULT_LIMIT = 100

_LIMIT: Schema = {
    "name": "limit",
    "in": "query",
    "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": DEFAULT_LIMIT},
}
_WORKER: Schema = {"$ref": "#/components/schemas/CodexWorker"}
_REQUEST: Schema = {"$ref": "#/components/schemas/CodexWorkerRequest"}
_RUN: Schema = {"$ref": "#/components/schemas/Run"}
_EVENT: Schema = {"$ref": "#/components/schemas/Event"}
_SEQ: Schema = {"type": "integer", "minimum": 0}
_VERSION: Schema = {"type": "integer", "minimum": 1}
_EVENTS: Schema = {
    "events": {"type": "array", "items": _EVENT},
    "next_after": _SEQ,
    "latest_seq": _SEQ,
}
_AFTER: Schema = {
    "name": "after",
    "in": "query",
    "description": "next_after of the page before.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 999_999_999, "default": 0},
}

OPERATIONS: Sequence[Operation] = (
    Operation(
        "GET",
        WORKERS,
        "list_codex_workers",
        "Your organisation's workers, in the order of their ids",
        {"workers": {"type": "array", "items": _WORKER}},
        query=(
            {"name": "status", "in": "query", "schema": {"enum": list(STATUSES)}},
            {
                "name": "cursor",
                "in": "query",
                "description": "next_cursor of the page before.",
                "schema": {"type": "string"},
            },
            _LIMIT,
        ),
        optional={"next_cursor": {"type": "string"}},
    ),
    Operation(
        "GET",
        ONE,
        "get_codex_worker",
        "A worker",
        {"worker": _WORKER, "version": _VERSION},
    ),
    Operation(
        "GET",
        f"{ONE}/events",
        "list_codex_worker_events",
        "Events of a worker after a sequence number; a page ends after 1 MiB",
        _EVENTS,
        query=(_AFTER, _LIMIT),
    ),
    Operation(
        "GET",
        RUN,
        "get_run",
        "A run, and the last lines of its output",
        {
            "run": _RUN,
            "version": _VERSION,
            "last_lines": {"type": "array", "maxItems": 20, "items": {"type": "string"}},
        },
    ),
    Operation(
        "GET",
        f"{RUN}/events",
        "list_run_events",
        "Events of a run after a sequence number; a page ends after 1 MiB",
        _EVENTS,
        query=(_AFTER, _LIMIT),
    ),
    Operation(
        "POST",
        f"{ONE}/requests",
        "request_codex_worker",
        "Send a request to a worker: any JSON object",
        {"request": _REQUEST},
        {"type": "object"},
    ),
    Operation(
        "POST",
        f"{ONE}/stop",
        "stop_codex_worker",
        "Request a worker to stop",
        {"request": _REQUEST},
        {"type": "object", "properties": {"reason": {"type": ["string", "null"]}}},
        may_lack_body=True,
    ),
)
