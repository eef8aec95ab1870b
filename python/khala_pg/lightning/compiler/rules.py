"""Rules of the gateway: the routes of paywalls, normalised, each with its price."""

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from khala_pg.lightning.compiler.diagnostics import fault
from khala_pg.lightning.compiler.patterns import (
    HostPattern,
    InvalidPatternError,
    PathPattern,
    is_host_name,
    parse_host,
    parse_path,
)
from khala_pg.lightning.records import wire_name
from khala_pg.proto_gen.openagents.lightning.v1 import compile_pb2
from khala_pg.proto_gen.openagents.lightning.v1.compile_pb2 import CompileDiagnostic
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import (
    PAYWALL_STATUS_ACTIVE,
    PRICING_MODE_FIXED,
    Paywall,
    PaywallPolicy,
    PaywallRoute,
    RouteProtocol,
)

DEFAULT_TIMEOUT_MS = 15_000


@dataclass(frozen=True)
class Rule:
    """One route as the gateway applies it. `upstream` is a host with an optional port."""

    priority: int
    host: HostPattern
    path: PathPattern
    paywall_id: str
    route_id: str
    upstream: str
    protocol: str
    timeout_ms: int
    price_msats: int

    @property
    def place(self) -> tuple[object, ...]:
        """Sort key: the gateway applies the first rule that matches."""
        host_kind, host_length = self.host.specificity
        path_kind, path_length = self.path.specificity
        return (
            self.priority,
            (-host_kind, -host_length),
            (-path_kind, -path_length),
            str(self.host),
            str(self.path),
            self.paywall_id,
            self.route_id,
        )


def rules_of(paywalls: Iterable[Paywall]) -> tuple[list[Rule], list[CompileDiagnostic]]:
    """The rules of all paywalls that are sold, sorted, and what is wrong with the rest."""
    rules: list[Rule] = []
    faults: list[CompileDiagnostic] = []
    for paywall in paywalls:
        if paywall.status != PAYWALL_STATUS_ACTIVE or paywall.policy.kill_switch:
            continue
        pricing = _pricing_fault(paywall)
        if pricing is not None:
            faults.append(pricing)
        for route in paywall.routes:
            found = _route_faults(paywall, route)
            faults += found
            if pricing is None and not found:
                rules.append(_rule(paywall, route))
    return sorted(rules, key=lambda rule: rule.place), faults


def price_msats(policy: PaywallPolicy) -> int:
    """Price of a request: the fixed amount, capped by the largest amount of a request."""
    if policy.HasField("max_per_request_msats"):
        return min(policy.fixed_amount_msats, policy.max_per_request_msats)
    return policy.fixed_amount_msats


def _pricing_fault(paywall: Paywall) -> CompileDiagnostic | None:
    policy = paywall.policy
    if not paywall.HasField("policy") or not policy.HasField("fixed_amount_msats"):
        code = compile_pb2.COMPILE_DIAGNOSTIC_CODE_MISSING_PRICING
        message = "the paywall has no price; set its policy's fixedAmountMsats"
    elif policy.pricing_mode != PRICING_MODE_FIXED:
        code = compile_pb2.COMPILE_DIAGNOSTIC_CODE_INVALID_PRICING_MODE
        message = "the policy's pricingMode is unknown; 'fixed' is allowed"
    elif policy.fixed_amount_msats < 0:
        code = compile_pb2.COMPILE_DIAGNOSTIC_CODE_MISSING_PRICING
        message = f"fixedAmountMsats is {policy.fixed_amount_msats}; 0 or more is allowed"
    else:
        return None
    return fault(code, message, paywall_id=paywall.paywall_id)


def _route_faults(paywall: Paywall, route: PaywallRoute) -> list[CompileDiagnostic]:
    found = []
    for code, message in (
        (compile_pb2.COMPILE_DIAGNOSTIC_CODE_INVALID_ROUTE_PATTERN, _host_fault(paywall, route)),
        (compile_pb2.COMPILE_DIAGNOSTIC_CODE_INVALID_ROUTE_PATTERN, _path_fault(route)),
        (compile_pb2.COMPILE_DIAGNOSTIC_CODE_MISSING_ROUTE_PROTOCOL, _protocol_fault(route)),
        (compile_pb2.COMPILE_DIAGNOSTIC_CODE_INVALID_UPSTREAM_URL, _upstream_fault(route)),
    ):
        if message:
            found.append(
                fault(code, message, paywall_id=paywall.paywall_id, route_id=route.route_id)
            )
    return found


def _host_fault(paywall: Paywall, route: PaywallRoute) -> str:
    try:
        host = parse_host(route.host_pattern)
        allowed = {parse_host(name) for name in paywall.policy.allowed_hosts}
        blocked = {parse_host(name) for name in paywall.policy.blocked_hosts}
    except InvalidPatternError as error:
        return str(error)
    above = set(host.covering())
    if above & blocked:
        return f"host {route.host_pattern!r} is one of the policy's blockedHosts"
    if allowed and not above & allowed:
        return f"host {route.host_pattern!r} is none of the policy's allowedHosts"
    return ""


def _path_fault(route: PaywallRoute) -> str:
    try:
        parse_path(route.path_pattern)
    except InvalidPatternError as error:
        return str(error)
    return ""


def _protocol_fault(route: PaywallRoute) -> str:
    return "" if _protocol(route) else "the route has no protocol; set 'http' or 'https'"


def _upstream_fault(route: PaywallRoute) -> str:
    url = route.upstream_url.strip()
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        return f"upstreamUrl {url!r} is no address: {error}"
    protocol = _protocol(route)
    if parts.scheme not in {"http", "https"} or not _is_host(host or "") or port == 0:
        return f"upstreamUrl {url!r} is no address such as https://api.example.com"
    if protocol and parts.scheme != protocol:
        return f"upstreamUrl {url!r} does not have the route's protocol {protocol!r}"
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username is not None:
        return (
            f"upstreamUrl {url!r} has more than scheme, host and port; the gateway forwards the"
            " path of the request as it is"
        )
    return ""


def _is_host(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return is_host_name(host)
    return True


def _protocol(route: PaywallRoute) -> str:
    return wire_name(RouteProtocol.DESCRIPTOR, route.protocol)


def _rule(paywall: Paywall, route: PaywallRoute) -> Rule:
    return Rule(
        priority=route.priority,
        host=parse_host(route.host_pattern),
        path=parse_path(route.path_pattern),
        paywall_id=paywall.paywall_id,
        route_id=route.route_id,
        upstream=urlsplit(route.upstream_url.strip()).netloc.lower(),
        protocol=_protocol(route),
        timeout_ms=route.timeout_ms or DEFAULT_TIMEOUT_MS,
        price_msats=price_msats(paywall.policy),
    )
