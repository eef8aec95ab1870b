"""Conflicts between rules: duplicates, ambiguities, rules that no request reaches.

The gateway applies the first rule that matches. Rules are looked up by host and by the beginning of
their paths, so that unrelated rules are never compared.
"""

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from khala_pg.lightning.compiler.diagnostics import fault
from khala_pg.lightning.compiler.languages import Searches
from khala_pg.lightning.compiler.patterns import HostPattern, PathKind
from khala_pg.lightning.compiler.rules import Rule
from khala_pg.proto_gen.openagents.lightning.v1 import compile_pb2
from khala_pg.proto_gen.openagents.lightning.v1.compile_pb2 import (
    CompileDiagnostic,
    CompileDiagnosticCode,
)


def conflicts(rules: list[Rule]) -> list[CompileDiagnostic]:
    """Every conflict among rules, which are in the order in which the gateway applies them."""
    unique, found = _duplicates(rules)
    searches = Searches()
    return [*found, *_ambiguities(unique, searches), *_shadowed(unique, searches)]


def _duplicates(rules: list[Rule]) -> tuple[list[Rule], list[CompileDiagnostic]]:
    first: dict[tuple[object, ...], Rule] = {}
    found = []
    for rule in rules:
        other = first.setdefault((rule.priority, rule.host, rule.path), rule)
        if other is not rule:
            found.append(
                _conflict(
                    compile_pb2.COMPILE_DIAGNOSTIC_CODE_DUPLICATE_ROUTE,
                    rule,
                    other,
                    "has the same host, path and priority as",
                )
            )
    return list(first.values()), found


def _ambiguities(rules: list[Rule], searches: Searches) -> Iterator[CompileDiagnostic]:
    """Only regular expressions of one host can overlap at equal priority and specificity. Of each,
    one ambiguity is reported: all of many would be their square."""
    expressions = [rule for rule in rules if rule.path.kind is PathKind.REGEX]
    for _, equals in groupby(expressions, key=lambda rule: (rule.priority, rule.host)):
        open_rules: list[Rule] = []
        for rule in sorted(equals, key=lambda rule: rule.path.beginning):
            # What begins otherwise cannot match the same path, nor any path that comes later.
            open_rules = [
                other
                for other in open_rules
                if rule.path.beginning.startswith(other.path.beginning)
            ]
            for other in open_rules:
                paywalls = sorted((rule.paywall_id, other.paywall_id))
                if searches.overlap(other.path, rule.path, paywalls):
                    later, earlier = sorted((rule, other), key=lambda one: one.place, reverse=True)
                    yield _conflict(
                        compile_pb2.COMPILE_DIAGNOSTIC_CODE_AMBIGUOUS_ROUTE,
                        later,
                        earlier,
                        "has equal priority and matches a common path of",
                    )
                    break
            open_rules.append(rule)


def _shadowed(rules: list[Rule], searches: Searches) -> Iterator[CompileDiagnostic]:
    earlier: dict[tuple[HostPattern, str], list[Rule]] = defaultdict(list)
    for rule in rules:
        other = next(
            (
                other
                for other in _candidates(earlier, rule)
                if other.priority < rule.priority
                and searches.contains(other.path, rule.path, (rule.paywall_id, other.paywall_id))
            ),
            None,
        )
        if other is not None:
            yield _conflict(
                compile_pb2.COMPILE_DIAGNOSTIC_CODE_FIRST_MATCH_SHADOWED,
                rule,
                other,
                "matches only what is matched earlier by",
            )
        earlier[rule.host, rule.path.beginning].append(rule)


def _candidates(earlier: dict[tuple[HostPattern, str], list[Rule]], rule: Rule) -> Iterator[Rule]:
    beginning = rule.path.beginning
    for host in rule.host.covering():
        for length in range(len(beginning) + 1):
            yield from earlier.get((host, beginning[:length]), ())


def _conflict(
    code: CompileDiagnosticCode, rule: Rule, other: Rule, relation: str
) -> CompileDiagnostic:
    return fault(
        code,
        f"route {rule.route_id} ({rule.host} {rule.path}) {relation} route {other.route_id}"
        f" ({other.host} {other.path}) of paywall {other.paywall_id}; change the priority, host or"
        " path of one",
        paywall_id=rule.paywall_id,
        route_id=rule.route_id,
        related_route_id=other.route_id,
        details={"relatedPaywallId": other.paywall_id},
    )
