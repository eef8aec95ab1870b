"""`khala lightning reconcile`: has the gateway sell what the control plane says."""

from typing import Any

from khala_pg.cli.lightning.programs import AsJson, ModeOption, TimeLimit, out, run
from khala_pg.lightning.operations.opening import Surroundings
from khala_pg.lightning.operations.progress import Say


def command(mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0) -> None:
    """Have the gateway sell what the control plane says, and see that it does.

    Compiles the paywalls, deploys the configuration, waits for the gateway's health, requests a
    route without payment (402 is right) and with payment (2xx is right), and records the deployment
    as applied. What fails after the deployment is rolled back to the one of before. A configuration
    that is in force already is not deployed again, only checked, so it may run as often as you
    like. Each step of a deployment is recorded as an event.

    The gateway: OA_LIGHTNING_OPS_GATEWAY_BASE_URL, _GATEWAY_OPS_TOKEN, _CHALLENGE_URL and
    _PROXY_URL are required; _GATEWAY_HEALTH_PATH is /healthz by default. With
    OA_LIGHTNING_OPS_WALLET_URL the invoice is paid there; else the proxy URL has to pay by itself.

    Examples:

        khala lightning reconcile

        khala lightning reconcile --json | jq -r .deploymentStatus

        khala lightning reconcile --mode mock
    """
    run(mode, as_json, timeout, _work, _show)


async def _work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
    from khala_pg.lightning.operations.reconcile import reconcile

    gateway = surroundings.gateway()
    return (await reconcile(surroundings.plane, gateway, say)).json()


def _show(result: dict[str, Any]) -> None:
    what = "deployed" if result["changed"] else "was in force already"
    out(
        f"{result['configHash']} {what}: deployment {result['deploymentId']} is "
        f"{result['deploymentStatus']}, and the gateway sells {result['ruleCount']} rules"
    )
