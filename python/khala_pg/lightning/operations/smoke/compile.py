"""`smoke compile`: the two paywalls compile, in order, to the same hash however they come."""

from typing import Any

from khala_pg.lightning.operations.compile import compile_or_refuse, summary
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.owners import OwnerApi
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.operations.smoke.checks import expect
from khala_pg.lightning.operations.smoke.paywalls import PRIORITIES, smoke_paywalls


async def run(plane: ControlPlane, owner: OwnerApi | None, say: Say) -> dict[str, Any]:
    """The result of the check. Raises OpsError."""
    say("reading the paywalls")
    paywalls = await smoke_paywalls(plane, owner, say)
    say("compiling them, twice")
    compiled = compile_or_refuse(paywalls)
    rules = [(rule.paywall_id, rule.priority) for rule in compiled.rules]
    wanted = list(PRIORITIES.items())
    expect(rules == wanted, "pw_news comes with priority 10, then pw_weather with 20", rules=rules)
    again = compile_or_refuse(list(reversed(await smoke_paywalls(plane, owner, say))))
    expect(
        (again.config_hash, again.config_yaml) == (compiled.config_hash, compiled.config_yaml),
        "the same paywalls in another order give the same hash",
        hashes=[compiled.config_hash, again.config_hash],
    )
    say("recording the intent")
    # The same identifier for the same configuration: another run is no other deployment.
    deployment = await plane.record_intent(
        deploymentId=f"dep_smoke_{compiled.config_hash.removeprefix('cfg_')[:24]}",
        configHash=compiled.config_hash,
        status="pending",
        metadata={"smoke": "compile"},
    )
    expect(
        (deployment["configHash"], deployment["status"]) == (compiled.config_hash, "pending"),
        "the intent is recorded as pending",
        deployment=deployment,
    )
    return {
        **summary(compiled),
        "deterministic": True,
        "rules": [
            {"paywallId": rule.paywall_id, "routeId": rule.route_id, "priority": rule.priority}
            for rule in compiled.rules
        ],
        "deploymentId": deployment["deploymentId"],
        "deploymentStatus": deployment["status"],
    }
