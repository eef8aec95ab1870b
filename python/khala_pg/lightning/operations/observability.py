"""Records of what the programs saw: each has all fields, null where unknown."""

import time
from dataclasses import dataclass, field, fields
from typing import Any

EXECUTOR = "khala lightning"
EXECUTION_PATH = "hosted-node"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Observation:
    """One call or request. endpoint: what was called; plane: control, gateway or settlement."""

    endpoint: str
    plane: str
    request_id: str | None = None
    user_id: str | None = None
    paywall_id: str | None = None
    task_id: str | None = None
    quoted_cost_msats: int | None = None
    cap_applied_msats: int | None = None
    paid_amount_msats: int | None = None
    payment_proof_ref: str | None = None
    cache_hit: bool | None = None
    deny_reason: str | None = None
    executor: str | None = EXECUTOR
    execution_path: str | None = EXECUTION_PATH
    desktop_session_id: str | None = None
    desktop_runtime_status: str | None = None
    wallet_state: str | None = None
    node_sync_status: str | None = None
    observed_at_ms: int = field(default_factory=_now_ms)

    def json(self) -> dict[str, Any]:
        return {camel(each.name): getattr(self, each.name) for each in fields(self)}


def camel(name: str) -> str:
    """The name of a field on the API."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
