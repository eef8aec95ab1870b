"""`smoke staging`: the gateway is brought up to date, and a second time nothing changes."""

from typing import Any

from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.gateway import Gateway
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.reconcile import reconcile
from khala_pg.lightning.operations.smoke.checks import expect
from khala_pg.lightning.operations.smoke.paywalls import smoke_paywalls


async def run(
    plane: ControlPlane, gateway: Gateway, owner: OwnerApi | None, say: Say
) -> dict[str, Any]:
    """The result of the check. Raises OpsError."""
    await smoke_paywalls(plane, owner, say)
    first = await reconcile(plane, gateway, say)
    say("reconciling again")
    again = await reconcile(plane, gateway, say)
    # The control plane may have changed meanwhile, which is a new deployment by right.
    expect(
        not again.changed or again.compiled.config_hash != first.compiled.config_hash,
        "a second run deploys nothing",
        deployments=[first.deployment["deploymentId"], again.deployment["deploymentId"]],
    )
    return {**first.json(), "changedOnRepeat": again.changed}
