"""Calls of every function of schema lightning, and their scene: a part of `api_examples`."""

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any

from psycopg.types.json import Jsonb

from support.schema.example_calls import Call, fails, read, write

_PREIMAGE = "0f" * 32
_HASH = sha256(bytes.fromhex(_PREIMAGE)).hexdigest()
_OTHER_PREIMAGE = "AB" * 32
_WHOSE = {"paywallId": "pw", "ownerId": "a", "amountMsats": 1000}


def _literal(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return "'" + text.replace("'", "''") + "'"


def _made(function: str, *values: Any) -> str:
    return f"SELECT lightning.{function}({', '.join(map(_literal, values))});\n"


LIGHTNING_SCENE = "".join(
    (
        _made(
            "create_paywall",
            "a",
            {
                **{"paywallId": "pw", "name": "café", "metadata": {"é": [1.5, None]}},
                "policy": {"fixedAmountMsats": 1000, "allowedHosts": ["a.example"]},
                "routes": [
                    {
                        **{"routeId": "rt", "hostPattern": "a.example", "pathPattern": "/é/*"},
                        **{"protocol": "https", "upstreamUrl": "https://b.example"},
                    }
                ],
            },
            "key",
        ),
        _made(
            "create_paywall",
            "a",
            {"paywallId": "pw2", "name": "2", "policy": {"fixedAmountMsats": 1}},
        ),
        _made(
            "record_gateway_compile_intent",
            {"deploymentId": "d", "configHash": "c", "status": "applied"},
        ),
        _made(
            "ingest_invoice_lifecycle",
            {**_WHOSE, "invoiceId": "i", "status": "open", "paymentHash": _HASH},
        ),
        _made("ingest_invoice_lifecycle", {**_WHOSE, "invoiceId": "j", "status": "expired"}),
        _made(
            "ingest_settlement",
            {
                **{**_WHOSE, "settlementId": "s", "paymentProofType": "lightning_preimage"},
                **{"paymentProofValue": "1" * 64, "metadata": {"b\\": 1e-7}},
            },
        ),
        _made("set_owner_kill_switch", {"ownerId": "é", "active": True}),
        _made("rotate_credential_role", {"role": "operator_admin", "fingerprint": "f"}),
    )
)

# Clocks and random names, in every result and table of the control plane.
CHANGING = (
    '"[a-zA-Z_]+(AtMs|_at_ms)": ?[0-9]+|"nextCursor": "[0-9]+'
    "|(evt|dep|pw|rt)_[0-9a-f]{8}-[-0-9a-f]{27}"
)

_SETTLEMENT = {
    **_WHOSE,
    "settlementId": "new",
    "invoiceId": "i",
    "paymentProofType": "lightning_preimage",
    "paymentProofValue": f" {_PREIMAGE.upper()}\t",
    "requestId": "re\\quest",
}
_ROUTE = {
    "hostPattern": "*.É.example",
    "pathPattern": "^/a\\d+$",
    "protocol": "http",
    "upstreamUrl": "http://b.example",
}
_EVENT = {
    **{"paywallId": "pw", "ownerId": "a", "eventType": "deployment.applied", "level": "info"},
    **{"executionPath": "hosted", "deploymentId": "d", "metadata": {"é\\": [1e300, None]}},
}


def _call(function: str, *values: Any) -> tuple[Any, ...]:
    """Statement with the result of a function as text without what changes, and its values."""
    arguments = ", ".join(["%s"] * len(values))
    result = f"lightning.{function}({arguments})::pg_catalog.text"
    return f"SELECT pg_catalog.regexp_replace({result}, %s, '', 'g')", *values, CHANGING


def _calls(make: Callable[..., Call], function: str, *values: Any) -> Call:
    return make(*_call(function, *values))


def _reads(function: str, *values: Any) -> Call:
    return _calls(read, function, *values)


def _writes(function: str, *values: Any) -> Call:
    return _calls(write, function, *values)


def _refuses(error: str, function: str, *values: Any) -> Call:
    return fails(error, *_call(function, *values))


LIGHTNING_EXAMPLES: Mapping[str, tuple[Call, ...]] = {
    "activate_credential_role": (
        _writes("activate_credential_role", Jsonb({"role": "operator_admin", "note": "é\\"})),
        _writes("activate_credential_role", Jsonb({"role": "gateway_invoice"})),
        _refuses("KH020", "activate_credential_role", Jsonb({"role": "ro\\ot"})),
    ),
    "call": (
        _reads("call", "lightning/ops:listPaywallControlPlaneState", Jsonb({}), False),
        _writes("call", "lightning/security:setGlobalPause", Jsonb({"active": True}), True),
        _refuses("KH022", "call", "lightning/ops:no\\thing", Jsonb({}), True),
        _refuses("KH020", "call", "lightning/security:setGlobalPause", Jsonb([]), True),
    ),
    "change_paywall": (
        _writes("change_paywall", "a", "pw", Jsonb({"name": "n\\", "routes": [_ROUTE]}), "key2"),
        _writes("change_paywall", "a", "pw", Jsonb({"policy": {"quotaPerDay": 5}})),
        _refuses("KH020", "change_paywall", "a", "pw", Jsonb({"policy": {"quotaPerDay": 0.5}})),
        _refuses("KH021", "change_paywall", "a", "pw", Jsonb({"name": "x"}), "key"),
        _refuses("KH023", "change_paywall", "b", "p\\w", Jsonb({"name": "x"})),
    ),
    "create_paywall": (
        _writes(
            "create_paywall",
            "é",
            Jsonb({"name": " é ", "policy": {"fixedAmountMsats": 2**53 - 1}, "routes": [_ROUTE]}),
            "\\key",
        ),
        _refuses(
            *("KH021", "create_paywall", "a"),
            Jsonb({"paywallId": "pw", "name": "n", "policy": {"fixedAmountMsats": 1}}),
        ),
        _refuses("KH020", "create_paywall", "a", Jsonb({"name": "n", "policy": {}})),
    ),
    "get_control_plane_security_state": (
        _reads("get_control_plane_security_state", Jsonb({"x": 1})),
    ),
    "get_paywall": (
        _reads("get_paywall", "a", "pw"),
        _refuses("KH023", "get_paywall", "a", "p\\w"),
    ),
    "ingest_invoice_lifecycle": (
        _writes(
            "ingest_invoice_lifecycle",
            Jsonb({**_WHOSE, "invoiceId": "n", "status": "settled", "settledAtMs": 7}),
        ),
        _writes(
            "ingest_invoice_lifecycle", Jsonb({**_WHOSE, "invoiceId": "i", "status": "canceled"})
        ),
        _writes("ingest_invoice_lifecycle", Jsonb({**_WHOSE, "invoiceId": "j", "status": "open"})),
        _refuses(
            "KH020", "ingest_invoice_lifecycle", Jsonb({**_WHOSE, "invoiceId": "i", "status": "x"})
        ),
        _refuses(
            *("KH021", "ingest_invoice_lifecycle"),
            Jsonb({**_WHOSE, "invoiceId": "i", "status": "open", "amountMsats": 1}),
        ),
        _refuses(
            *("KH021", "ingest_invoice_lifecycle"),
            Jsonb({**_WHOSE, "invoiceId": "n", "status": "open", "paymentHash": _HASH.upper()}),
        ),
    ),
    "ingest_settlement": (
        _writes("ingest_settlement", Jsonb(_SETTLEMENT)),
        _writes(
            "ingest_settlement",
            Jsonb({**_SETTLEMENT, "invoiceId": "j", "paymentProofValue": _OTHER_PREIMAGE}),
        ),
        _refuses(
            *("KH020", "ingest_settlement"),
            Jsonb({**_SETTLEMENT, "paymentProofValue": _OTHER_PREIMAGE}),
        ),
        _refuses("KH021", "ingest_settlement", Jsonb({**_SETTLEMENT, "settlementId": "s"})),
    ),
    "list_invoices": (
        _reads("list_invoices", "a", "pw", None, 1),
        _reads("list_invoices", "a", "pw", "5:é\\", 10),
        _refuses("KH020", "list_invoices", "a", "pw", "5\\", 10),
        _refuses("KH023", "list_invoices", "b", "pw"),
    ),
    "list_paywall_control_plane_state": (
        _reads("list_paywall_control_plane_state", Jsonb({})),
        _reads("list_paywall_control_plane_state", Jsonb({"statuses": [" paused ", ""]})),
        _refuses("KH020", "list_paywall_control_plane_state", Jsonb({"statuses": ["\\"]})),
    ),
    "list_paywalls": (
        _reads("list_paywalls", "a", None, 1),
        _reads("list_paywalls", "a", "5:pw"),
        _refuses("KH020", "list_paywalls", "a", None, 0),
    ),
    "list_settlements": (
        _reads("list_settlements", "a", "pw"),
        _refuses("KH020", "list_settlements", "a", "pw", None, 1001),
    ),
    "operate": (
        _writes(
            *("operate", "operators", "é\\", "lightning/security:setOwnerKillSwitch"),
            Jsonb({"ownerId": "a", "active": True, "reason": "é\\"}),
            "key",
        ),
        _refuses("KH024", "operate", "o\\", "ann", "x", Jsonb({"active": False})),
        _refuses("KH022", "operate", "operators", "ann", "no\\thing", Jsonb({"active": False})),
        _refuses("KH020", "operate", "operators", "ann", "x", Jsonb({"active": True})),
    ),
    "record_gateway_compile_intent": (
        _writes(
            "record_gateway_compile_intent",
            Jsonb({"paywallId": "pw", "configHash": "c\\", "status": "pending"}),
        ),
        _writes(
            "record_gateway_compile_intent",
            Jsonb({"deploymentId": "d", "configHash": "c", "status": "rolled_back"}),
        ),
        _refuses("KH020", "record_gateway_compile_intent", Jsonb({"configHash": "c"})),
    ),
    "record_gateway_deployment_event": (
        _writes("record_gateway_deployment_event", Jsonb(_EVENT)),
        _refuses("KH020", "record_gateway_deployment_event", Jsonb({**_EVENT, "level": "\\"})),
    ),
    "revoke_credential_role": (
        _writes("revoke_credential_role", Jsonb({"role": "operator_admin"})),
        _refuses("KH020", "revoke_credential_role", Jsonb({"role": 5})),
    ),
    "rotate_credential_role": (
        _writes("rotate_credential_role", Jsonb({"role": "operator_admin", "fingerprint": "\\"})),
        _refuses("KH020", "rotate_credential_role", Jsonb({})),
    ),
    "set_global_pause": (
        _writes("set_global_pause", Jsonb({"active": True, "reason": "é\\", "updatedBy": " "})),
        _writes("set_global_pause", Jsonb({"active": False})),
        _refuses("KH020", "set_global_pause", Jsonb({"active": "t"})),
    ),
    "set_operators": (
        _writes("set_operators", "é\\"),
        _refuses("KH007", "set_operators", ""),
    ),
    "set_owner_kill_switch": (
        _writes("set_owner_kill_switch", Jsonb({"ownerId": "é", "active": False})),
        _refuses("KH020", "set_owner_kill_switch", Jsonb({"ownerId": "", "active": False})),
    ),
    "set_paywall_status": (
        _writes("set_paywall_status", "a", "pw", "archived", "key3"),
        _refuses("KH020", "set_paywall_status", "a", "pw", "\\"),
        _refuses("KH023", "set_paywall_status", "b", "pw", "paused"),
    ),
}

LIGHTNING_EFFECTS = (
    "SELECT owner_id, idempotency_key, request_hash FROM lightning.idempotency_keys"
    " ORDER BY owner_id, idempotency_key",
    *(
        f"SELECT regexp_replace(to_jsonb(t)::text, '{CHANGING}', '', 'g')"
        f" FROM lightning.{table} AS t ORDER BY {key}"
        for table, key in (
            ("paywalls", "paywall_id"),
            ("policies", "paywall_id"),
            ("routes", "priority, paywall_id, path_pattern"),
            ("deployments", "created_at_ms, deployment_id"),
            ("gateway_events", "event_id"),
            ("invoices", "invoice_id"),
            ("settlements", "settlement_id"),
            ("security_global", "state_id"),
            ("owner_security_controls", "owner_id"),
            ("credential_roles", "role"),
        )
    ),
)
