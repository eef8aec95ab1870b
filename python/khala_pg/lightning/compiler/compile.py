"""Compilation of paywalls to the configuration of the gateway, Aperture."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from khala_pg.lightning.compiler.conflicts import conflicts
from khala_pg.lightning.compiler.diagnostics import fault, in_order
from khala_pg.lightning.compiler.rules import Rule, rules_of
from khala_pg.proto_gen.openagents.lightning.v1 import compile_pb2
from khala_pg.proto_gen.openagents.lightning.v1.compile_pb2 import CompileDiagnostic
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall

_MSATS_PER_SAT = 1_000
# What JSON takes as it is, and YAML as a line break or not at all.
_NOT_YAML = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


@dataclass(frozen=True)
class Compiled:
    """A configuration of the gateway.

    `config_yaml` has a service for each of `rules`, in the order in which the gateway applies them.
    `config_hash` is `cfg_` and the SHA-256 of that text, in hexadecimal. `diagnostics` are in the
    order of paywalls and routes.
    """

    config_yaml: str
    config_hash: str
    rules: tuple[Rule, ...]
    diagnostics: tuple[CompileDiagnostic, ...]

    @property
    def deployable(self) -> bool:
        """Whether no diagnostic is an error."""
        return all(
            diagnostic.severity != compile_pb2.DIAGNOSTIC_SEVERITY_ERROR
            for diagnostic in self.diagnostics
        )


def compile_paywalls(paywalls: Iterable[Paywall]) -> Compiled:
    """The configuration that sells the routes of all active paywalls.

    Paywalls that are paused, archived or switched off by their owner are left out.
    """
    rules, faults = rules_of(paywalls)
    faults += conflicts(rules)
    if not rules:
        faults.append(
            fault(
                compile_pb2.COMPILE_DIAGNOSTIC_CODE_NO_COMPILABLE_ROUTES,
                "no active paywall has a route that can be sold; a pause stops the gateway",
            )
        )
    config = _config(rules)
    digest = hashlib.sha256(config.encode("utf-8")).hexdigest()
    return Compiled(config, f"cfg_{digest}", tuple(rules), tuple(in_order(faults)))


def _config(rules: list[Rule]) -> str:
    """YAML of the services. JSON strings and numbers are YAML as well, and always written alike."""
    if not rules:
        return "services: []\n"
    lines = ["services:"]
    for rule in rules:
        mark = "-"
        for key, value in _service(rule).items():
            lines.append(f"  {mark} {key}: {_scalar(value)}")
            mark = " "
    return "\n".join(lines) + "\n"


def _scalar(value: str | int) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return _NOT_YAML.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def _service(rule: Rule) -> dict[str, str | int]:
    # The gateway counts whole satoshi, and takes a price of 0 for its default price: what costs
    # nothing needs no payment.
    price = -(-rule.price_msats // _MSATS_PER_SAT)
    return {
        "name": f"{rule.paywall_id}/{rule.route_id}",
        "hostregexp": rule.host.regular_expression,
        "pathregexp": rule.path.regular_expression,
        "address": rule.upstream,
        "protocol": rule.protocol,
        "auth": "on" if price else "off",
        "price": price,
        "timeout_ms": rule.timeout_ms,
    }
