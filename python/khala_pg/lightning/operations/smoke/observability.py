"""`smoke observability`: each record of a flow has all fields, null where nothing is known."""

from typing import Any

from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.gate import deny_reason
from khala_pg.lightning.operations.observability import Observation
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.smoke.checks import expect
from khala_pg.lightning.operations.smoke.paywalls import smoke_paywalls
from khala_pg.lightning.operations.smoke.settlement import made_up_payment, settle

FIELDS = frozenset(
    (
        *("requestId", "userId", "paywallId", "taskId", "endpoint", "quotedCostMsats"),
        *("capAppliedMsats", "paidAmountMsats", "paymentProofRef", "cacheHit", "denyReason"),
        *("executor", "plane", "executionPath", "desktopSessionId", "desktopRuntimeStatus"),
        *("walletState", "nodeSyncStatus", "observedAtMs"),
    )
)


async def run(plane: ControlPlane, owner: OwnerApi | None, say: Say) -> dict[str, Any]:
    """The result of the check. Raises OpsError."""
    say("reading the paywalls and the security state")
    paywall, _ = await smoke_paywalls(plane, owner, say)
    gate = Observation(
        endpoint="lightning/security:getControlPlaneSecurityState",
        plane="control",
        paywall_id=paywall.paywall_id,
        deny_reason=deny_reason(await plane.security_state(), paywall.owner_id),
    )
    payment = made_up_payment("observability")
    settled = await settle(plane, paywall, payment, "smoke_observability", say)
    records = [gate.json(), *settled["records"]]
    for record in records:
        expect(set(record) == FIELDS, "a record has exactly its fields", fields=sorted(record))
        expect(record["observedAtMs"] > 0, "a record has its time")
    paid = records[-1]
    expect(
        (paid["paymentProofRef"], paid["paidAmountMsats"])
        == (f"lightning_preimage:{payment.preimage[:24]}", paid["quotedCostMsats"]),
        "the record of a payment has its amount and the reference of its proof",
    )
    return {"recordCount": len(records), "fields": sorted(FIELDS), "records": records}
