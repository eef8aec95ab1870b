"""Client of the control plane: the secret, retries, and what is expected of a response."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.message import Message

from khala_pg.lightning.api.operations import FUNCTIONS
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.http import repeated
from khala_pg.lightning.operations.transports.interface import Kind, Transport
from khala_pg.lightning.records import InvalidRecordError, api_json, read_record
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall

_RESPONSES = {function.name: function.response for function in FUNCTIONS}
# Mutations that may arrive twice. An event that arrives twice stands there twice, with the same
# requestId and step: history can bear that, and not a gap. A role that is rotated or activated
# twice has another version.
_SAFE_MUTATIONS = frozenset(
    (
        "lightning/ops:recordGatewayCompileIntent",
        "lightning/ops:recordGatewayDeploymentEvent",
        "lightning/settlements:ingestInvoiceLifecycle",
        "lightning/settlements:ingestSettlement",
        "lightning/security:setGlobalPause",
        "lightning/security:setOwnerKillSwitch",
        "lightning/security:revokeCredentialRole",
    )
)


@dataclass(frozen=True)
class ControlPlane:
    """Control plane behind a transport."""

    transport: Transport
    secret: str = field(repr=False)

    async def paywalls(self) -> list[Paywall]:
        """All that are active or paused, in the order of their creation."""
        function = "lightning/ops:listPaywallControlPlaneState"
        response: Any = await self._read("query", function, {}, "paywalls")
        return list(response.paywalls)

    async def security_state(self) -> dict[str, Any]:
        function = "lightning/security:getControlPlaneSecurityState"
        return await self._call("query", function, {}, "global", "ownerControls", "credentialRoles")

    async def record_intent(self, **args: Any) -> dict[str, Any]:
        """Records a state of a deployment, by its deploymentId."""
        return await self._one("lightning/ops:recordGatewayCompileIntent", args, "deployment")

    async def record_event(self, **args: Any) -> dict[str, Any]:
        return await self._one("lightning/ops:recordGatewayDeploymentEvent", args, "event")

    async def ingest_invoice(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The whole response: `changed` and `invoice`."""
        function = "lightning/settlements:ingestInvoiceLifecycle"
        return await self._call("mutation", function, args, "changed", "invoice")

    async def ingest_settlement(self, args: Mapping[str, Any]) -> dict[str, Any]:
        """The whole response: `existed`, `settlement`, and `invoice` where there is one."""
        function = "lightning/settlements:ingestSettlement"
        return await self._call("mutation", function, args, "existed", "settlement")

    async def set_global_pause(self, **args: Any) -> dict[str, Any]:
        return await self._one("lightning/security:setGlobalPause", args, "global")

    async def set_owner_kill_switch(self, **args: Any) -> dict[str, Any]:
        return await self._one("lightning/security:setOwnerKillSwitch", args, "ownerControl")

    async def change_role(self, verb: str, **args: Any) -> dict[str, Any]:
        """verb: rotate, activate or revoke."""
        return await self._one(f"lightning/security:{verb}CredentialRole", args, "role")

    async def _one(self, function: str, args: Mapping[str, Any], field_name: str) -> dict[str, Any]:
        response = await self._call("mutation", function, args, field_name)
        found: dict[str, Any] = response[field_name]
        return found

    async def _call(
        self, kind: Kind, function: str, args: Mapping[str, Any], *fields: str
    ) -> dict[str, Any]:
        return api_json(await self._read(kind, function, args, *fields))

    async def _read(
        self, kind: Kind, function: str, args: Mapping[str, Any], *fields: str
    ) -> Message:
        """The response as its message, so that whatever is read of it has the right type."""
        sent = {name: value for name, value in args.items() if value is not None}
        sent["secret"] = self.secret
        response = await repeated(
            lambda: self.transport.call(kind, function, sent),
            safe=kind == "query" or function in _SAFE_MUTATIONS,
        )
        absent = [name for name in fields if response.get(name) is None]
        if response.get("ok") is not True or absent:
            raise _bad_response(function, f"no {', '.join(absent) or 'ok'}")
        try:
            return read_record(_RESPONSES[function], response)
        except InvalidRecordError as error:
            raise _bad_response(function, str(error)) from error


def _bad_response(function: str, why: str) -> OpsError:
    return OpsError(
        "bad_response",
        f"the response to {function} cannot be read: {why}",
        "See whether the configured address is the control plane's.",
    )
