"""Diagnostics of the compiler, in an order of their own."""

from google.protobuf import json_format

from khala_pg.proto_gen.openagents.lightning.v1.compile_pb2 import (
    DIAGNOSTIC_SEVERITY_ERROR,
    CompileDiagnostic,
    CompileDiagnosticCode,
)

# Messages quote patterns of up to 2,000 characters.
_LONGEST = 600


def fault(
    code: CompileDiagnosticCode,
    message: str,
    *,
    paywall_id: str | None = None,
    route_id: str | None = None,
    related_route_id: str | None = None,
    details: dict[str, str] | None = None,
) -> CompileDiagnostic:
    """A diagnostic that keeps the configuration from being deployed."""
    diagnostic = CompileDiagnostic(
        code=code,
        severity=DIAGNOSTIC_SEVERITY_ERROR,
        message=message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…",
        paywall_id=paywall_id,
        route_id=route_id,
        related_route_id=related_route_id,
    )
    if details is not None:
        json_format.ParseDict(details, diagnostic.details)
    return diagnostic


def in_order(diagnostics: list[CompileDiagnostic]) -> list[CompileDiagnostic]:
    """By paywall, route, code and other route: the same whatever the order they were found in."""
    return sorted(
        diagnostics,
        key=lambda d: (d.paywall_id, d.route_id, d.code, d.related_route_id, d.message),
    )
