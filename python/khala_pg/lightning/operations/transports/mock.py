"""Mode `mock`: a scripted control plane and gateway in memory, to try the programs without servers.

It stores what it is sent and decides nothing: no argument is checked, no rule is kept.
"""

import base64
import hashlib
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from khala_pg.lightning.operations.configuration import ROLES, GatewaySettings
from khala_pg.lightning.operations.smoke.paywalls import OWNER, SMOKE_PAYWALLS
from khala_pg.lightning.operations.transports.interface import Args, Kind

GATEWAY = GatewaySettings(
    base_url="http://gateway.mock",
    challenge_url="http://gateway.mock/sold",
    proxy_url="http://gateway.mock/sold",
    ops_token="mock-gateway-token",  # noqa: S106 - of nothing
    wallet_url="http://gateway.mock/wallet",
)
CREDENTIALS = {role: f"mock-credential-of-{role}" for role in ROLES}
_STATUSES = {"rotate": "rotating", "activate": "active", "revoke": "revoked"}


@dataclass
class MockTransport:
    """Answers with what it was sent."""

    _stored: dict[str, dict[str, Any]] = field(default_factory=dict)

    async def call(self, kind: Kind, function: str, args: Args) -> dict[str, Any]:
        sent = {name: value for name, value in args.items() if name != "secret"}
        match function.partition(":")[2]:
            case "listPaywallControlPlaneState":
                return {"ok": True, "paywalls": [_paywall(body) for body in SMOKE_PAYWALLS]}
            case "getControlPlaneSecurityState":
                return {"ok": True, **self._security()}
            case "recordGatewayCompileIntent":
                return {"ok": True, "deployment": self._keep(sent["deploymentId"], sent)}
            case "recordGatewayDeploymentEvent":
                event_id = f"evt_{secrets.token_hex(8)}"
                return {"ok": True, "event": self._keep(event_id, {"eventId": event_id, **sent})}
            case "ingestInvoiceLifecycle":
                key = f"invoice/{sent['invoiceId']}"
                changed = key not in self._stored
                invoice = self._keep(key, sent) if changed else self._stored[key]
                return {"ok": True, "changed": changed, "invoice": invoice}
            case "ingestSettlement":
                return {"ok": True, **self._settle(sent)}
            case "setGlobalPause":
                state = {"stateId": "global", "globalPause": sent["active"]}
                code = "global_pause_active"
                self._stored["global"] = _switched(state, sent, code)
                return {"ok": True, "global": self._stored["global"]}
            case "setOwnerKillSwitch":
                state = {"ownerId": sent["ownerId"], "killSwitch": sent["active"]}
                code = "owner_kill_switch_active"
                self._stored["owner"] = _switched(state, sent, code)
                return {"ok": True, "ownerControl": self._stored["owner"]}
            case name:
                verb = name.removesuffix("CredentialRole")
                before = self._stored.get(sent["role"], {"version": 0})
                version = before["version"] + (verb == "rotate")
                role = {**sent, "status": _STATUSES[verb], "version": version}
                return {"ok": True, "role": self._keep(sent["role"], role)}

    def _security(self) -> dict[str, Any]:
        off = {"stateId": "global", "globalPause": False, "updatedAtMs": _now_ms()}
        return {
            "global": self._stored.get("global", off),
            "ownerControls": [self._stored["owner"]] if "owner" in self._stored else [],
            "credentialRoles": [self._stored[role] for role in ROLES if role in self._stored],
        }

    def _settle(self, sent: dict[str, Any]) -> dict[str, Any]:
        key = f"settlement/{sent['settlementId']}"
        existed = key in self._stored
        reference = f"lightning_preimage:{str(sent.pop('paymentProofValue', ''))[:24]}"
        settlement = self._keep(key, {**sent, "paymentProofRef": reference})
        found: dict[str, Any] = {"existed": existed, "settlement": settlement}
        if invoice := self._stored.get(f"invoice/{sent.get('invoiceId')}"):
            invoice.update(status="settled", settledAtMs=_now_ms())
            found["invoice"] = invoice
        return found

    def _keep(self, key: str, sent: dict[str, Any]) -> dict[str, Any]:
        now = {"createdAtMs": _now_ms(), "updatedAtMs": _now_ms()}
        self._stored[key] = {**now, **self._stored.get(key, {}), **sent}
        return self._stored[key]


@dataclass
class MockGateway:
    """Deploys and sells whatever it is sent; a payment is right if its preimage is."""

    _active: dict[str, Any] | None = None
    _preimages: dict[str, str] = field(default_factory=dict)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/ops/deployment":
                return httpx.Response(200, json={"deployment": self._active})
            case "/ops/deploy" | "/ops/rollback":
                self._active = json.loads(request.content)
                return httpx.Response(200, json={"ok": True})
            case "/wallet":
                invoice = json.loads(request.content)["invoice"]
                return httpx.Response(200, json={"preimage": self._preimages[invoice]})
            case "/sold":
                return self._sell(request.headers.get("Authorization", ""))
        return httpx.Response(200)

    def _sell(self, authorization: str) -> httpx.Response:
        macaroon, _, preimage = authorization.removeprefix("L402 ").partition(":")
        if preimage and hashlib.sha256(bytes.fromhex(preimage)).digest() == _decoded(macaroon):
            return httpx.Response(200)
        preimage = secrets.token_hex(32)
        payment_hash = hashlib.sha256(bytes.fromhex(preimage)).digest()
        invoice = f"lnmock{payment_hash.hex()}"
        self._preimages[invoice] = preimage
        macaroon = base64.b64encode(payment_hash).decode()
        challenge = f'L402 macaroon="{macaroon}", invoice="{invoice}"'
        return httpx.Response(402, headers={"WWW-Authenticate": challenge})


def _decoded(macaroon: str) -> bytes:
    return base64.b64decode(macaroon)


def _paywall(body: dict[str, Any]) -> dict[str, Any]:
    whose = {"paywallId": body["paywallId"], "ownerId": OWNER}
    return {
        **body,
        **whose,
        "status": "active",
        "policy": {"pricingMode": "fixed", "killSwitch": False, **body["policy"], **whose},
        "routes": [{**route, **whose} for route in body["routes"]],
    }


def _switched(state: dict[str, Any], sent: dict[str, Any], code: str) -> dict[str, Any]:
    reason = sent.get("reason", "mock")
    return {**state, "denyReasonCode": code, "denyReason": reason} if sent["active"] else state


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
