"""`khala lightning compile`: the gateway's configuration of what the control plane has."""

from typing import Any

from khala_pg.cli.lightning.programs import AsJson, ModeOption, TimeLimit, run
from khala_pg.lightning.operations.opening import Surroundings
from khala_pg.lightning.operations.progress import Say


def command(mode: ModeOption = None, as_json: AsJson = False, timeout: TimeLimit = 10.0) -> None:
    """Print the gateway's configuration for the paywalls that the control plane has now.

    Nothing is written and no gateway is called. The same paywalls always give the same text and
    the same hash. If a paywall cannot be sold as it is, each diagnostic says what to change, and
    the exit status is 1.

    Examples:

        khala lightning compile > gateway.yaml

        khala lightning compile --json | jq -r .configHash
    """
    run(mode, as_json, timeout, _work, _show)


async def _work(surroundings: Surroundings, say: Say) -> dict[str, Any]:
    from khala_pg.lightning.operations import compile

    return await compile.run(surroundings.plane, say)


def _show(result: dict[str, Any]) -> None:
    print(f"# {result['configHash']}: {result['ruleCount']} rules")
    print(result["configYaml"], end="")
