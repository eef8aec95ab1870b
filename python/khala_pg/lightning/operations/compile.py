"""`khala lightning compile`: the gateway's configuration of what the control plane has."""

from collections.abc import Sequence
from typing import Any

from khala_pg.lightning.compiler import Compiled, compile_paywalls
from khala_pg.lightning.operations.control_plane import ControlPlane
from khala_pg.lightning.operations.errors import OpsError
from khala_pg.lightning.operations.progress import Say
from khala_pg.lightning.records import api_json
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall


async def run(plane: ControlPlane, say: Say) -> dict[str, Any]:
    """The result of the program. Writes nothing. Raises OpsError."""
    say("reading the paywalls")
    paywalls = await plane.paywalls()
    say(f"compiling {len(paywalls)} paywalls")
    compiled = compile_or_refuse(paywalls)
    return {**summary(compiled), "paywallCount": len(paywalls), "configYaml": compiled.config_yaml}


def compile_or_refuse(paywalls: Sequence[Paywall], **details: Any) -> Compiled:
    """The configuration. Raises OpsError if any diagnostic is an error."""
    compiled = compile_paywalls(paywalls)
    if not compiled.deployable:
        raise refused(compiled, **details)
    return compiled


def refused(compiled: Compiled, **details: Any) -> OpsError:
    """The error of a configuration that cannot be deployed."""
    diagnostics = diagnostics_of(compiled)
    said = "; ".join(
        f"{each.get('paywallId', 'all paywalls')}: {each['message']}" for each in diagnostics[:5]
    )
    more = f"; and {len(diagnostics) - 5} more" if len(diagnostics) > 5 else ""
    return OpsError(
        "compile_failed",
        f"the paywalls cannot be compiled: {said}{more}",
        "Have their owners change what each diagnostic names.",
        configHash=compiled.config_hash,
        diagnostics=diagnostics,
        **details,
    )


def summary(compiled: Compiled) -> dict[str, Any]:
    """What the programs say of a configuration."""
    return {
        "configHash": compiled.config_hash,
        "ruleCount": len(compiled.rules),
        "diagnosticsCount": len(compiled.diagnostics),
        "diagnostics": diagnostics_of(compiled),
    }


def diagnostics_of(compiled: Compiled) -> list[dict[str, Any]]:
    return [api_json(diagnostic) for diagnostic in compiled.diagnostics]
