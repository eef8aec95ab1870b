"""Operations of the API: the source of the routes, and of the OpenAPI document."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import Message

from khala_pg.http.operations import Operation, Schema
from khala_pg.lightning.api.schemas import arguments, name_of
from khala_pg.proto_gen.openagents.lightning.v1 import (
    control_plane_pb2,
    deployment_pb2,
    paywall_pb2,
    security_pb2,
    settlement_pb2,
)

OPERATORS = "/api/internal/lightning-ops/control-plane"
OWNERS = "/api/lightning/paywalls"
SECURITY = "/api/lightning/security"
DOCUMENT = "/api/lightning/openapi.json"
ONE = f"{OWNERS}/{{paywall_id}}"
STATUSES = {"pause": "paused", "resume": "active", "archive": "archived"}
"""The status that each action of a paywall's path sets."""


@dataclass(frozen=True)
class Function:
    """Function of the control plane: its response, and the schema of its arguments."""

    name: str
    is_mutation: bool
    response: type[Message]
    args: Schema


def _change(verb: str, *optional: str) -> Function:
    response = control_plane_pb2.ChangeCredentialRoleResponse
    args = arguments(security_pb2.CredentialRole, ["role"], optional)
    return Function(f"lightning/security:{verb}CredentialRole", True, response, args)


_STRING: Schema = {"type": "string"}
_SWITCH: Schema = {"active": {"type": "boolean"}, "reason": _STRING}

FUNCTIONS = (
    Function(
        "lightning/ops:listPaywallControlPlaneState",
        False,
        control_plane_pb2.ListPaywallControlPlaneStateResponse,
        {
            "type": "object",
            "properties": {
                "statuses": {
                    "type": "array",
                    "items": {"enum": ["active", "paused", "archived"]},
                    "default": ["active", "paused"],
                }
            },
        },
    ),
    Function(
        "lightning/security:getControlPlaneSecurityState",
        False,
        control_plane_pb2.GetControlPlaneSecurityStateResponse,
        {"type": "object"},
    ),
    Function(
        "lightning/ops:recordGatewayCompileIntent",
        True,
        control_plane_pb2.RecordGatewayCompileIntentResponse,
        arguments(
            deployment_pb2.DeploymentIntent,
            ["configHash", "status"],
            [
                *("deploymentId", "paywallId", "ownerId", "diagnostics"),
                *("imageDigest", "rolledBackFrom", "appliedAtMs"),
            ],
            {"metadata": {}, "requestId": _STRING},
        ),
    ),
    Function(
        "lightning/ops:recordGatewayDeploymentEvent",
        True,
        control_plane_pb2.RecordGatewayDeploymentEventResponse,
        arguments(
            deployment_pb2.GatewayEvent,
            ["paywallId", "ownerId", "eventType", "level", "executionPath"],
            ["requestId", "metadata"],
            {"executionPath": _STRING, "deploymentId": _STRING, "configHash": _STRING},
        ),
    ),
    Function(
        "lightning/settlements:ingestInvoiceLifecycle",
        True,
        control_plane_pb2.IngestInvoiceLifecycleResponse,
        arguments(
            settlement_pb2.Invoice,
            ["invoiceId", "paywallId", "ownerId", "amountMsats", "status"],
            ["paymentHash", "paymentRequest", "paymentProofRef", "requestId", "settledAtMs"],
        ),
    ),
    Function(
        "lightning/settlements:ingestSettlement",
        True,
        control_plane_pb2.IngestSettlementResponse,
        arguments(
            settlement_pb2.Settlement,
            [
                *("settlementId", "paywallId", "ownerId", "amountMsats"),
                *("paymentProofType", "paymentProofValue"),
            ],
            ["invoiceId", "requestId", "metadata"],
            {
                "paymentProofType": {"const": "lightning_preimage"},
                "paymentProofValue": {"type": "string", "description": "The preimage in hex."},
                "paymentHash": _STRING,
                "taskId": _STRING,
                "routeId": _STRING,
            },
        ),
    ),
    Function(
        "lightning/security:setGlobalPause",
        True,
        control_plane_pb2.SetGlobalPauseResponse,
        arguments(security_pb2.SecurityGlobal, ["active"], ["updatedBy"], _SWITCH),
    ),
    Function(
        "lightning/security:setOwnerKillSwitch",
        True,
        control_plane_pb2.SetOwnerKillSwitchResponse,
        arguments(security_pb2.OwnerSecurityControl, ["ownerId", "active"], ["updatedBy"], _SWITCH),
    ),
    _change("rotate", "fingerprint", "note"),
    _change("activate", "fingerprint", "note"),
    _change("revoke", "note"),
)

_POLICY_FIELDS = (
    *("pricingMode", "maxPerRequestMsats", "allowedHosts", "blockedHosts"),
    *("quotaPerMinute", "quotaPerDay", "killSwitch"),
)
_POLICY = arguments(paywall_pb2.PaywallPolicy, ["fixedAmountMsats"], _POLICY_FIELDS)
_CHANGED_POLICY = arguments(paywall_pb2.PaywallPolicy, [], ["fixedAmountMsats", *_POLICY_FIELDS])
_ROUTE = arguments(
    paywall_pb2.PaywallRoute,
    ["hostPattern", "pathPattern", "upstreamUrl", "protocol"],
    ["routeId", "timeoutMs", "priority"],
)
_ROUTES: Schema = {"type": "array", "items": _ROUTE, "maxItems": 1000}
_WORDS = ("description", "requestId", "metadata")


_PAGE: Sequence[Schema] = (
    {
        "name": "cursor",
        "in": "query",
        "description": "nextCursor of the page before.",
        "schema": {"type": "string"},
    },
    {
        "name": "limit",
        "in": "query",
        "schema": {"type": "integer", "minimum": 1, "maximum": 1000, "default": 100},
    },
)
_OK: Schema = {"ok": {"const": True}}
_NEXT: Schema = {"nextCursor": {"type": "string"}}


def _one(kind: type[Message], field: str) -> Schema:
    return {**_OK, field: {"$ref": f"#/components/schemas/{name_of(kind)}"}}


def _many(kind: type[Message], field: str) -> Schema:
    return {**_OK, field: {"type": "array", "items": _one(kind, field)[field]}}


_PAYWALL = _one(paywall_pb2.Paywall, "paywall")

OWNERS_OPERATIONS: Sequence[Operation] = (
    Operation(
        "GET",
        OWNERS,
        "list_paywalls",
        "Your paywalls, in the order of their creation",
        _many(paywall_pb2.Paywall, "paywalls"),
        query=_PAGE,
        optional=_NEXT,
    ),
    Operation(
        "POST",
        OWNERS,
        "create_paywall",
        "Create a paywall",
        _PAYWALL,
        arguments(
            paywall_pb2.Paywall,
            ["name", "policy"],
            ["paywallId", *_WORDS, "routes"],
            {"policy": _POLICY, "routes": _ROUTES},
        ),
    ),
    Operation("GET", ONE, "get_paywall", "A paywall", _PAYWALL),
    Operation(
        "PATCH",
        ONE,
        "change_paywall",
        "Change a paywall: what is left out stays, routes are replaced as a whole",
        _PAYWALL,
        arguments(
            paywall_pb2.Paywall,
            [],
            ["name", *_WORDS, "policy", "routes"],
            {"policy": _CHANGED_POLICY, "routes": _ROUTES},
        ),
    ),
    Operation(
        "GET",
        f"{ONE}/invoices",
        "list_invoices",
        "Invoices of a paywall",
        _many(settlement_pb2.Invoice, "invoices"),
        query=_PAGE,
        optional=_NEXT,
    ),
    Operation(
        "GET",
        f"{ONE}/settlements",
        "list_settlements",
        "Settlements of a paywall",
        _many(settlement_pb2.Settlement, "settlements"),
        query=_PAGE,
        optional=_NEXT,
    ),
    *(
        Operation("POST", f"{ONE}/{action}", f"{action}_paywall", f"Make it {status}", _PAYWALL)
        for action, status in STATUSES.items()
    ),
)

_REASON: Schema = {"type": "string", "description": "Required where active is true."}
_SET: Schema = {"active": {"type": "boolean"}, "reason": _REASON}
SWITCHES: Sequence[tuple[str, Operation]] = (
    (
        "lightning/security:setGlobalPause",
        Operation(
            "POST",
            f"{SECURITY}/pause",
            "set_pause",
            "Pause the gateway, or end the pause",
            _one(security_pb2.SecurityGlobal, "global"),
            arguments(security_pb2.SecurityGlobal, ["active"], [], _SET),
        ),
    ),
    (
        "lightning/security:setOwnerKillSwitch",
        Operation(
            "POST",
            f"{SECURITY}/kill-switch",
            "set_kill_switch",
            "Switch all paywalls of an owner off, or on again",
            _one(security_pb2.OwnerSecurityControl, "ownerControl"),
            arguments(security_pb2.OwnerSecurityControl, ["ownerId", "active"], [], _SET),
        ),
    ),
)
"""Each switch: the function that sets it, and its operation."""
