"""`smoke full-flow`: a paywall is deployed, requested, paid and settled, and the settlement seen
live."""

from typing import Any

from khala_pg.client import EndpointProvider
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.gateway import Gateway
from khala_pg.lightning.operations.live import TOPIC, watching
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.reconcile import reconcile
from khala_pg.lightning.operations.smoke.paywalls import smoke_paywalls
from khala_pg.lightning.operations.smoke.settlement import settle


async def run(
    plane: ControlPlane,
    gateway: Gateway,
    owner: OwnerApi | None,
    endpoint: EndpointProvider | None,
    limit_s: float,
    say: Say,
) -> dict[str, Any]:
    """The result of the check. endpoint: of the relay; None: nothing is to be seen live.

    Raises OpsError.
    """
    if not gateway.settings.wallet_url:
        raise OpsError(
            "invalid_configuration",
            "OA_LIGHTNING_OPS_WALLET_URL is not set: the check has to have the proof of a payment",
            "Set it to a wallet that pays invoices.",
            variables=["OA_LIGHTNING_OPS_WALLET_URL"],
        )
    say("reading the paywalls")
    paywall, _ = await smoke_paywalls(plane, owner, say)
    reconciled = await reconcile(plane, gateway, say)
    payment = reconciled.payment
    assert payment is not None
    name = f"smoke_{payment.payment_hash[:32]}"
    async with watching(endpoint, f"settlement/set_{name}", limit_s):
        settled = await settle(plane, paywall, payment, name, say)
        say("waiting to see the settlement live")
    live = None if endpoint is None else {"topic": TOPIC, "docKey": f"settlement/set_{name}"}
    records = [*reconciled.json()["records"], *settled.pop("records")]
    return {**reconciled.json(), **settled, "live": live, "records": records}
