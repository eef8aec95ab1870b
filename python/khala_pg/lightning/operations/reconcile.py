"""`khala lightning reconcile`: has the gateway sell what the control plane says.

compile, intent pending, active deployment, apply, health, challenge, paid proxy, applied. What
fails after apply is rolled back to the deployment of before. A configuration that is in force
already is not deployed again, only checked.
"""

import uuid
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from khala_pg.lightning.compiler import Compiled, compile_paywalls
from khala_pg.lightning.operations.compile import diagnostics_of, refused, summary
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import OpsError, error_json
from khala_pg.lightning.operations.gate import deny_reason
from khala_pg.lightning.operations.gateway import Deployment, Gateway, Payment
from khala_pg.lightning.operations.observability import EXECUTION_PATH, Observation
from khala_pg.lightning.operations.progress import Say
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall

_Result = TypeVar("_Result")
# All of a few thousand would be more than a call may hold; the first ones stop the deployment.
_MOST_RECORDED = 40


@dataclass(frozen=True)
class Reconciled:
    """A gateway that sells the configuration. payment: of the check, if a wallet made it."""

    deployment: dict[str, Any]
    compiled: Compiled
    changed: bool
    payment: Payment | None
    observations: Sequence[Observation]

    def json(self) -> dict[str, Any]:
        return {
            **summary(self.compiled),
            "deploymentId": self.deployment["deploymentId"],
            "deploymentStatus": self.deployment["status"],
            "changed": self.changed,
            "records": [each.json() for each in self.observations],
        }


async def reconcile(plane: ControlPlane, gateway: Gateway, say: Say) -> Reconciled:
    """Raises OpsError: what failed, and what became of the deployment."""
    say("reading the security state and the paywalls")
    reason = deny_reason(await plane.security_state(), None)
    if reason is not None:
        raise OpsError(
            reason,
            "the gateway is paused: nothing is deployed",
            "End the pause with lightning/security:setGlobalPause, and run it again.",
        )
    paywalls = await plane.paywalls()
    say(f"compiling {len(paywalls)} paywalls")
    compiled = compile_paywalls(paywalls)
    run = _Run(plane, gateway, say, compiled, _probed(compiled, paywalls))
    done = await run.work()
    if run.unrecorded is not None:
        raise OpsError(
            "events_not_recorded",
            f"the configuration is applied, but not every step is recorded: {run.unrecorded}",
            run.unrecorded.hint,
            deploymentId=done.deployment["deploymentId"],
            deploymentStatus=done.deployment["status"],
        )
    return done


def _probed(compiled: Compiled, paywalls: Sequence[Paywall]) -> Paywall | None:
    """The paywall that the events of a deployment belong to: that of the first rule, or of the
    first diagnostic."""
    names = [rule.paywall_id for rule in compiled.rules]
    if not compiled.deployable:
        names = [each.paywall_id for each in compiled.diagnostics if each.paywall_id]
    by_id = {paywall.paywall_id: paywall for paywall in paywalls}
    return next((by_id[name] for name in names if name in by_id), None)


@dataclass
class _Run:
    plane: ControlPlane
    gateway: Gateway
    say: Say
    compiled: Compiled
    paywall: Paywall | None
    deployment_id: str = field(default_factory=lambda: f"dep_{uuid.uuid4()}")
    request_id: str = field(default_factory=lambda: f"req_{uuid.uuid4()}")
    observations: list[Observation] = field(default_factory=list)
    unrecorded: OpsError | None = None
    steps: int = 0

    async def work(self) -> Reconciled:
        if not self.compiled.deployable:
            diagnostics = diagnostics_of(self.compiled)[:_MOST_RECORDED]
            await self._intent("failed", diagnostics=diagnostics)
            error = refused(self.compiled, deploymentId=self.deployment_id)
            await self._event("compile", error)
            raise error
        # Looked at before anything is recorded: what is in force is no new deployment.
        try:
            previous: Deployment | OpsError | None = await self.gateway.active()
        except OpsError as error:
            previous = error
        if isinstance(previous, Deployment) and previous.config_hash == self.compiled.config_hash:
            self.deployment_id = previous.deployment_id
            return await self._check_again()
        await self._intent("pending")
        await self._event("compile")
        if isinstance(previous, OpsError):
            await self._event("active_deployment", previous)
            raise await self._failed("active_deployment", previous)
        await self._event("active_deployment")
        return await self._deploy(previous)

    async def _check_again(self) -> Reconciled:
        self.say("the configuration is in force already: checking that it sells")
        try:
            payment = await self._checks(record=False)
        except OpsError as error:
            raise OpsError(
                error.code,
                f"deployment {self.deployment_id} is in force, and does not sell: {error}",
                error.hint,
                **error.details,
                deploymentId=self.deployment_id,
                records=[each.json() for each in self.observations],
            ) from error
        return self._done(await self._intent("applied"), False, payment)

    async def _deploy(self, previous: Deployment | None) -> Reconciled:
        deployment = Deployment(self.deployment_id, self.compiled.config_hash)
        try:
            applying = self.gateway.deploy(deployment, self.compiled.config_yaml)
            await self._step("apply", "deploying", applying)
            payment = await self._checks(record=True)
        except OpsError as error:
            step = error.details.get("step", "apply")
            if previous is None:
                raise await self._failed(step, error) from error
            raise await self._rolled_back(step, error, previous) from error
        applied = await self._intent("applied")
        await self._event("applied")
        return self._done(applied, True, payment)

    async def _checks(self, *, record: bool) -> Payment | None:
        """What shows that the gateway sells. record: an event for each success as well."""
        gateway, step = self.gateway, self._step
        await step("health", "waiting for the gateway's health", gateway.check_health(), record)
        asking = gateway.challenge()
        challenge = await step("challenge", "requesting without payment", asking, record)
        payment = None
        if gateway.settings.wallet_url:
            paying = gateway.pay(challenge)
            payment = await step("payment", "paying the invoice", paying, record)
        requesting = gateway.paid_request(challenge, payment)
        await step("paid_proxy", "requesting with payment", requesting, record)
        return payment

    async def _step(
        self, name: str, doing: str, work: Awaitable[_Result], record: bool = True
    ) -> _Result:
        self.say(doing)
        try:
            result = await work
        except OpsError as error:
            error.details["step"] = name
            self.observations.append(self._observed(name))
            await self._event(name, error)
            raise
        self.observations.append(self._observed(name))
        if record:
            await self._event(name)
        return result

    async def _failed(self, step: str, error: OpsError, **details: Any) -> OpsError:
        unrecorded = await self._close("failed", step, error)
        await self._event("failed", error)
        return self._outcome("failed", step, error, recordError=unrecorded, **details)

    async def _close(
        self, status: str, step: str, error: OpsError, **more: Any
    ) -> dict[str, Any] | None:
        """Records how a deployment ended. What went wrong with that, or None: it must not hide why
        it ended so."""
        try:
            await self._intent(status, diagnostics={"step": step, **_brief(error)}, **more)
        except OpsError as failure:
            return error_json(failure)
        return None

    async def _rolled_back(self, step: str, error: OpsError, previous: Deployment) -> OpsError:
        self.say(f"{step} failed: rolling back to {previous.deployment_id}")
        try:
            await self.gateway.roll_back(previous)
        except OpsError as second:
            await self._event("rollback", second)
            return await self._failed(step, error, rollbackError=error_json(second))
        await self._event("rollback")
        unrecorded = await self._close(
            "rolled_back",
            step,
            error,
            rolledBackFrom=self.deployment_id,
            metadata={"restored": previous.deployment_id, "restoredHash": previous.config_hash},
        )
        await self._event("rolled_back", error)
        restored = previous.deployment_id
        return self._outcome("rolled_back", step, error, recordError=unrecorded, restored=restored)

    def _outcome(self, status: str, step: str, error: OpsError, **details: Any) -> OpsError:
        return OpsError(
            error.code,
            f"deployment {self.deployment_id} is {status}: {step}: {error}",
            error.hint,
            **{**error.details, "step": step},
            configHash=self.compiled.config_hash,
            deploymentId=self.deployment_id,
            deploymentStatus=status,
            records=[each.json() for each in self.observations],
            **details,
        )

    def _done(
        self, deployment: dict[str, Any], changed: bool, payment: Payment | None
    ) -> Reconciled:
        return Reconciled(deployment, self.compiled, changed, payment, self.observations)

    async def _intent(self, status: str, **more: Any) -> dict[str, Any]:
        return await self.plane.record_intent(
            deploymentId=self.deployment_id,
            configHash=self.compiled.config_hash,
            status=status,
            requestId=self.request_id,
            **more,
        )

    async def _event(self, step: str, error: OpsError | None = None) -> None:
        """Records a step. A step that cannot be recorded does not stop the work."""
        if self.paywall is None:
            return
        self.steps += 1
        metadata: dict[str, Any] = {"step": self.steps}
        if error is not None:
            metadata["error"] = _brief(error)
        try:
            await self.plane.record_event(
                paywallId=self.paywall.paywall_id,
                ownerId=self.paywall.owner_id,
                eventType=step,
                level="info" if error is None else "error",
                executionPath=EXECUTION_PATH,
                deploymentId=self.deployment_id,
                configHash=self.compiled.config_hash,
                requestId=self.request_id,
                metadata=metadata,
            )
        except OpsError as failure:
            self.unrecorded = failure

    def _observed(self, step: str) -> Observation:
        rule = self.compiled.rules[0]
        return Observation(
            endpoint=f"gateway.{step}",
            plane="gateway",
            request_id=self.request_id,
            paywall_id=rule.paywall_id,
            quoted_cost_msats=rule.price_msats,
        )


def _brief(error: OpsError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error)}
