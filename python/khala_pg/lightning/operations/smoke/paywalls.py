"""The two paywalls that the smoke checks sell."""

from collections.abc import Sequence
from typing import Any

from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import PAYWALL_STATUS_ACTIVE, Paywall

OWNER = "smoke"


def _paywall(name: str, priority: int, msats: int) -> dict[str, Any]:
    return {
        "paywallId": f"pw_{name}",
        "name": f"Smoke check: {name}",
        "policy": {"fixedAmountMsats": msats},
        "routes": [
            {
                "routeId": f"rt_{name}",
                "hostPattern": "*",
                "pathPattern": f"/smoke/{name}/*",
                "upstreamUrl": "https://upstream.example",
                "protocol": "https",
                "timeoutMs": 5000,
                "priority": priority,
            }
        ],
    }


SMOKE_PAYWALLS = (_paywall("news", 10, 1000), _paywall("weather", 20, 2000))
PRIORITIES = {"pw_news": 10, "pw_weather": 20}


async def smoke_paywalls(
    plane: ControlPlane, owner: OwnerApi | None, say: Say
) -> Sequence[Paywall]:
    """Both, in the order of their priorities; made if they are not there and an owner's key is.

    Raises OpsError.
    """
    found = await _find(plane)
    missing = [body for body in SMOKE_PAYWALLS if body["paywallId"] not in found]
    if missing and owner is not None:
        for body in missing:
            say(f"creating paywall {body['paywallId']}")
            await owner.create(body)
        found = await _find(plane)
        missing = [body for body in SMOKE_PAYWALLS if body["paywallId"] not in found]
    if missing:
        names = [body["paywallId"] for body in missing]
        raise OpsError(
            "smoke_paywalls_missing",
            f"the control plane has no {' and no '.join(names)}",
            "Set OA_LIGHTNING_OPS_OWNER_KEY to an API key for lightning.paywalls (`khala key create"
            " smoke --org ORGANISATION --topic lightning.paywalls` makes one), and the check makes"
            " them.",
            paywallIds=names,
        )
    paywalls = [found[name] for name in PRIORITIES]
    asleep = [each.paywall_id for each in paywalls if each.status != PAYWALL_STATUS_ACTIVE]
    if asleep:
        raise OpsError(
            "smoke_paywalls_paused",
            f"{' and '.join(asleep)} are not active",
            "Have their owner resume them: POST /api/lightning/paywalls/<id>/resume.",
            paywallIds=asleep,
        )
    bare = [each.paywall_id for each in paywalls if not each.routes]
    if bare:
        raise OpsError(
            "smoke_paywalls_without_routes",
            f"{' and '.join(bare)} have no routes",
            "Have their owner give them one: PATCH /api/lightning/paywalls/<id>.",
            paywallIds=bare,
        )
    return paywalls


async def _find(plane: ControlPlane) -> dict[str, Paywall]:
    return {
        paywall.paywall_id: paywall
        for paywall in await plane.paywalls()
        if paywall.paywall_id in PRIORITIES
    }
