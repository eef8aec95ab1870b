"""Parity of the two control planes: every entity that both have to hold, compared."""

from collections import Counter
from dataclasses import dataclass

from drills.lanes import Lane, Lanes

# A payment through a lane's own gateway has a hash of its own.
_OWN = "invoice_id ~ '^inv_smoke_[0-9a-f]{32}$'"
_TIMES = (
    "ARRAY['created_at_ms', 'updated_at_ms', 'settled_at_ms', 'applied_at_ms',"
    " 'last_rotated_at_ms', 'revoked_at_ms']"
)
_ROWS = f"SELECT (to_jsonb(t) - {_TIMES})::text FROM lightning."
ENTITIES = {
    "paywalls": f"{_ROWS}paywalls AS t",
    "policies": f"{_ROWS}policies AS t",
    "routes": f"{_ROWS}routes AS t",
    "invoices": f"{_ROWS}invoices AS t WHERE NOT {_OWN}",
    "settlements": f"{_ROWS}settlements AS t WHERE ({_OWN}) IS NOT TRUE",
    "global pause": f"{_ROWS}security_global AS t",
    "owners' switches": f"{_ROWS}owner_security_controls AS t",
    "credential roles": f"{_ROWS}credential_roles AS t",
}
# Deployments have identifiers of their lane.
DEPLOYMENTS = {
    "deployments": "SELECT config_hash || ' ' || status FROM lightning.deployments",
    "gateway events": "SELECT event_type || ' ' || level FROM lightning.gateway_events",
}
APPLIED = {
    "configurations applied": (
        "SELECT DISTINCT config_hash FROM lightning.deployments WHERE status = 'applied'"
    ),
    "configuration in force": (
        "SELECT config_hash FROM lightning.deployments WHERE status = 'applied'"
        " ORDER BY applied_at_ms DESC, created_at_ms DESC LIMIT 1"
    ),
}


@dataclass(frozen=True)
class Compared:
    """An entity on both sides. differing: rows that only one of them has."""

    entity: str
    api: int
    convex: int
    differing: tuple[str, ...]


def compare(lanes: Lanes, entities: dict[str, str]) -> list[Compared]:
    """Every entity, row by row."""
    return [_compare(lanes, entity, query) for entity, query in entities.items()]


def _compare(lanes: Lanes, entity: str, query: str) -> Compared:
    api, convex = (_rows(lane, query) for lane in lanes.both)
    differing = (api - convex) + (convex - api)
    return Compared(entity, api.total(), convex.total(), tuple(sorted(differing)))


def _rows(lane: Lane, query: str) -> Counter[str]:
    return Counter(row for (row,) in lane.query(query))
