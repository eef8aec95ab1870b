"""The gateway's configuration: the same for the same paywalls, with every fault named."""

import hashlib
import random
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from khala_pg.lightning.compiler import Compiled, compile_paywalls
from khala_pg.lightning.records import api_json, read_record, wire_name
from khala_pg.proto_gen.openagents.lightning.v1.compile_pb2 import CompileDiagnosticCode
from khala_pg.proto_gen.openagents.lightning.v1.paywall_pb2 import Paywall

NEWS: dict[str, Any] = {"hostPattern": "api.example.com", "pathPattern": "/news/*", "priority": 10}
WEATHER: dict[str, Any] = {**NEWS, "pathPattern": "/weather/*", "priority": 20}


def route(changes: dict[str, Any]) -> dict[str, Any]:
    return {
        "upstreamUrl": "https://upstream.example.com:8443",
        "protocol": "https",
        "timeoutMs": 3000,
        "createdAtMs": 1,
        "updatedAtMs": 1,
        **changes,
    }


def paywall(name: str, *routes: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A paywall as the API writes it; `policy` among the changes is added to its policy."""
    ids = {"paywallId": f"pw_{name}", "ownerId": f"owner of {name}"}
    policy = {"pricingMode": "fixed", "fixedAmountMsats": 2500, "killSwitch": False}
    return {
        **ids,
        "name": name,
        "status": "active",
        "createdAtMs": 1,
        "updatedAtMs": 1,
        "routes": [{"routeId": f"{name}_{n}", **ids, **route(r)} for n, r in enumerate(routes)],
        **changes,
        "policy": changes["policy"] and {**ids, **policy, **changes["policy"]}
        if "policy" in changes
        else {**ids, **policy},
    }


def compiled(*paywalls: dict[str, Any]) -> Compiled:
    return compile_paywalls(read_record(Paywall, each) for each in paywalls)


def codes(result: Compiled) -> list[str]:
    return [
        wire_name(CompileDiagnosticCode.DESCRIPTOR, diagnostic.code)
        for diagnostic in result.diagnostics
    ]


def services(result: Compiled) -> list[dict[str, Any]]:
    services: list[dict[str, Any]] = yaml.safe_load(result.config_yaml)["services"]
    return services


def test_two_paywalls_become_two_services() -> None:
    result = compiled(paywall("weather", WEATHER), paywall("news", NEWS))
    assert result.deployable
    assert result.diagnostics == ()
    assert services(result) == [
        {
            "name": f"pw_{name}/{name}_0",
            "hostregexp": r"^api\.example\.com$",
            "pathregexp": f"^/{name}/.*$",
            "address": "upstream.example.com:8443",
            "protocol": "https",
            "auth": "on",
            "price": 3,
            "timeout_ms": 3000,
        }
        for name in ("news", "weather")
    ]
    digest = hashlib.sha256(result.config_yaml.encode()).hexdigest()
    assert result.config_hash == f"cfg_{digest}"


def test_hosts_paths_and_time_limits_are_normalised() -> None:
    changed = {**NEWS, "hostPattern": " API.Example.COM ", "pathPattern": " /news/* "}
    result = compiled(paywall("news", {**changed, "timeoutMs": 0}))
    plain = compiled(paywall("news", {**NEWS, "timeoutMs": 15_000}))
    assert result.config_yaml == plain.config_yaml
    assert services(result)[0]["timeout_ms"] == 15_000


@pytest.mark.parametrize(
    ("policy", "price", "auth"),
    [
        ({"fixedAmountMsats": 0}, 0, "off"),
        ({"fixedAmountMsats": 1}, 1, "on"),
        ({"fixedAmountMsats": 5000, "maxPerRequestMsats": 2000}, 2, "on"),
    ],
)
def test_the_price_is_whole_satoshi_within_the_cap(
    policy: dict[str, int], price: int, auth: str
) -> None:
    [service] = services(compiled(paywall("news", NEWS, policy=policy)))
    assert (service["price"], service["auth"]) == (price, auth)


def test_rules_are_sorted_by_priority_then_specificity() -> None:
    paths = ["/*", r"/a/\d+", "/a/*", "/a/b/*", "/a/b"]
    hosts = ["*", "*.example.com", "*.api.example.com", "v1.api.example.com"]
    routes = [{"hostPattern": h, "pathPattern": p, "priority": 5} for h in hosts for p in paths]
    random.Random(7).shuffle(routes)
    first = {"hostPattern": "*.example.org", "pathPattern": "/*", "priority": 4}
    result = compiled(paywall("news", *routes, first))
    assert result.deployable, codes(result)
    order = [(str(rule.host), str(rule.path)) for rule in result.rules]
    assert order == [
        ("*.example.org", "/*"),
        *((host, path) for host in reversed(hosts) for path in reversed(paths)),
    ]


@pytest.mark.parametrize(
    "left_out",
    [{"status": "paused"}, {"status": "archived"}, {"policy": {"killSwitch": True}}],
)
def test_paywalls_that_are_not_sold_are_left_out(left_out: dict[str, Any]) -> None:
    alone = compiled(paywall("news", NEWS))
    assert compiled(paywall("news", NEWS), paywall("weather", WEATHER, **left_out)) == alone


def bad(**changes: Any) -> dict[str, Any]:
    return paywall("bad", {**NEWS, **changes})


REACHED: dict[str, list[dict[str, Any]]] = {
    "invalid_pricing_mode": [paywall("bad", NEWS, policy={"pricingMode": "auction"})],
    "missing_pricing": [paywall("bad", NEWS, policy=None)],
    "invalid_route_pattern": [bad(pathPattern="news")],
    "missing_route_protocol": [bad(protocol=None)],
    "invalid_upstream_url": [bad(upstreamUrl="http://upstream.example.com")],
    "duplicate_route": [paywall("a", NEWS), bad(hostPattern="API.example.com")],
    "ambiguous_route": [
        paywall("a", {**NEWS, "pathPattern": "/n/[a-m]+"}),
        bad(pathPattern="/n/[k-z]+"),
    ],
    "first_match_shadowed": [
        paywall("a", {**NEWS, "hostPattern": "*.example.com"}),
        bad(pathPattern="/news/today", priority=11),
    ],
    "no_compilable_routes": [],
}


def test_every_diagnostic_is_reachable() -> None:
    values = CompileDiagnosticCode.DESCRIPTOR.values
    names = {wire_name(CompileDiagnosticCode.DESCRIPTOR, v.number) for v in values if v.number}
    assert names == set(REACHED)


@pytest.mark.parametrize("code", REACHED)
def test_a_fault_is_named_and_nothing_is_deployed(code: str) -> None:
    result = compiled(paywall("good", WEATHER), *REACHED[code]) if REACHED[code] else compiled()
    assert codes(result) == [code]
    assert not result.deployable
    [diagnostic] = result.diagnostics
    shown = api_json(diagnostic)
    assert shown["severity"] == "error"
    assert shown["message"]
    if REACHED[code]:
        assert shown["paywallId"] == "pw_bad"
    if len(REACHED[code]) == 2:
        assert shown["relatedRouteId"] == "a_0"
        assert shown["details"] == {"relatedPaywallId": "pw_a"}


@pytest.mark.parametrize(
    "path",
    ["", "news", "/a/*/b", "/a(", "/a[", "/(?=a)", r"/(a)\1", "/(?i)a", "/a\nb", "/" + "a" * 2000],
)
def test_paths_that_cannot_be_read(path: str) -> None:
    assert "invalid_route_pattern" in codes(compiled(bad(pathPattern=path)))


@pytest.mark.parametrize("host", ["", "*.", "a..b", "-a.com", "a b", "*.*.com", "a/b", "x:80"])
def test_hosts_that_cannot_be_read(host: str) -> None:
    assert "invalid_route_pattern" in codes(compiled(bad(hostPattern=host)))


@pytest.mark.parametrize(
    "policy",
    [{"blockedHosts": ["*.example.com"]}, {"allowedHosts": ["example.org", "*.example.org"]}],
)
def test_a_policy_refuses_hosts(policy: dict[str, Any]) -> None:
    result = compiled(paywall("bad", NEWS, policy=policy))
    assert codes(result) == ["invalid_route_pattern", "no_compilable_routes"][::-1]


@pytest.mark.parametrize(
    "url",
    [
        "",
        "upstream",
        "https://",
        "ftp://a.com",
        "https://a.com/v1",
        "https://a.com?x",
        "https://u@a",
    ],
)
def test_addresses_that_cannot_be_forwarded_to(url: str) -> None:
    assert "invalid_upstream_url" in codes(compiled(bad(upstreamUrl=url)))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (r"/articles/\d+", r"/weather/\d{5}"),
        (r"/(?:v1|v2)/news", r"/(?:v3|v4)/news"),
        (r"/files/[^/]+\.json", r"/files/[^/]+\.xml"),
        (r"/a+b", r"/a+c"),
        # Not in the common part of expressions: nothing is shown, so nothing is claimed.
        (r"/x\b.*", r"/x.+"),
    ],
)
def test_unrelated_expressions_of_two_owners_compile(one: str, other: str) -> None:
    result = compiled(
        paywall("a", {**NEWS, "pathPattern": one}), paywall("b", {**NEWS, "pathPattern": other})
    )
    assert result.diagnostics == ()
    assert len(result.rules) == 2


@pytest.mark.parametrize(
    ("general", "special"),
    [
        ("/*", "/news/*"),
        ("/news/*", r"/news/\d+"),
        (r"/news/\d+", "/news/12"),
        (r"/news/.*", "/news/today/*"),
        (r"/news/\w+", r"/news/[a-c]{2,5}"),
    ],
)
def test_what_no_request_reaches_is_found(general: str, special: str) -> None:
    result = compiled(
        paywall("a", {**NEWS, "pathPattern": general}),
        paywall("bad", {**NEWS, "pathPattern": special, "priority": 11}),
    )
    assert codes(result) == ["first_match_shadowed"]
    turned = compiled(
        paywall("a", {**NEWS, "pathPattern": general, "priority": 11}),
        paywall("bad", {**NEWS, "pathPattern": special}),
    )
    assert turned.diagnostics == ()


_PATHS = st.sampled_from(
    ["/*", "/a/*", "/a/b", "/b/*", r"/a/\d+", r"/a/[0-4]+", r"/(?:a|b)/x", "/é", "a", "/a(", "/a/*"]
)
_HOSTS = st.sampled_from(["*", "*.example.com", "api.example.com", "API.example.com", "b.com", "-"])
_ROUTES = st.fixed_dictionaries(
    {"hostPattern": _HOSTS, "pathPattern": _PATHS, "priority": st.integers(0, 3)}
)


@given(st.lists(st.lists(_ROUTES, max_size=4), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_the_input_never_matters(
    routes: list[list[dict[str, Any]]], rng: random.Random
) -> None:
    paywalls = [paywall(str(n), *each) for n, each in enumerate(routes)]
    result = compiled(*paywalls)
    assert compiled(*paywalls) == result
    shuffled = [
        {**each, "routes": rng.sample(each["routes"], len(each["routes"]))} for each in paywalls
    ]
    rng.shuffle(shuffled)
    assert compiled(*shuffled) == result
    assert len(services(result)) == len(result.rules)


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1))
def test_an_identifier_is_the_same_in_the_configuration(name: str) -> None:
    one = paywall("news", NEWS)
    one["routes"][0]["routeId"] = name
    [service] = services(compiled(one))
    assert service["name"] == f"pw_news/{name}"


@pytest.mark.parametrize("name", ["\x7f", "\x85", "\u2028", "\ufeff", "\uffff", "\U0001f600"])
def test_characters_that_yaml_reads_otherwise(name: str) -> None:
    one = paywall("news", NEWS)
    one["routes"][0]["routeId"] = name
    [service] = services(compiled(one))
    assert service["name"] == f"pw_news/{name}"


@pytest.mark.parametrize(
    "host", ["a b", "a\x7fb", "b\u00fccher.example", "-a", "a..b", "[::g]", "x" * 254, "a/../b:1"]
)
def test_upstreams_that_no_gateway_reaches(host: str) -> None:
    result = compiled(paywall("news", {**NEWS, "upstreamUrl": f"https://{host}"}))
    assert codes(result) == ["no_compilable_routes", "invalid_upstream_url"]


@pytest.mark.parametrize("host", ["localhost", "10.0.0.1", "[::1]:8443", "my_service", "A.example"])
def test_upstreams_of_any_host(host: str) -> None:
    [service] = services(compiled(paywall("news", {**NEWS, "upstreamUrl": f"https://{host}/"})))
    assert service["address"] == host.lower()


def test_a_route_that_many_routes_are_ambiguous_with() -> None:
    """One diagnostic for each route, not for each pair."""
    routes = [{**NEWS, "pathPattern": f"/.*a{n}.*b"} for n in range(60)]
    result = compiled(paywall("news", *routes))
    assert codes(result) == ["ambiguous_route"] * 59


def test_a_diagnostic_of_long_patterns_is_short() -> None:
    long = {**NEWS, "pathPattern": "/" + "x" * 1990}
    [diagnostic] = compiled(paywall("news", long), paywall("weather", long)).diagnostics
    assert len(diagnostic.message) == 601
    assert diagnostic.related_route_id == "news_0"


@pytest.mark.parametrize(
    "path",
    [
        *("/a{,3}", "/a++", "/(?:a|b)*+", "/a?+", "/a{2}+", "/a{1001}", "/a{2,99999}", "/a{5000,}"),
        *(r"/\u0041", r"/a\Z", r"/\N{BULLET}", r"/\U00000041"),
    ],
)
def test_what_only_python_reads_is_refused(path: str) -> None:
    result = compiled(paywall("news", {**NEWS, "pathPattern": path}))
    assert codes(result) == ["no_compilable_routes", "invalid_route_pattern"]


@pytest.mark.parametrize("path", [r"/\*+", "/[*+]", "/a{1000}", r"/a\{,3", r"/\\\\Z+", "/a{2,}"])
def test_what_only_looks_like_that_is_allowed(path: str) -> None:
    assert compiled(paywall("news", {**NEWS, "pathPattern": path})).deployable


_PIECES = [
    *"ab/.*+?()[]{}|^$-,:=!<>013é\x85\u2028 \\",
    *("(?:", "(?P<a>", "{2}", "{1,}", "{,3}", r"\d", r"\b", r"\p{L}", "[^a]", "[[:alpha:]]"),
    *(r"\x41", r"\Q", "(?i)", r"\z", "[a-", r"\/", r"\."),
]


@given(st.lists(st.lists(st.sampled_from(_PIECES), max_size=14).map("".join), max_size=3))
@pytest.mark.filterwarnings("error")
def test_any_path_is_compiled_or_diagnosed(paths: list[str]) -> None:
    routes = [
        {**NEWS, "pathPattern": f"/{path}", "priority": n % 2} for n, path in enumerate(paths)
    ]
    result = compiled(paywall("news", *routes))
    assert len(services(result)) + len(result.diagnostics) >= len(paths)
