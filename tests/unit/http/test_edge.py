"""Who is at the other end, and how fast anybody may come."""

import pytest

from khala_pg.http.edge import Client, Origins, Proxies
from khala_pg.http.rates import Buckets, Queue
from khala_pg.relay.opening.limits import ConnectionCounts
from khala_pg.relay.settings import RelaySettings

PROXIES = Proxies(["10.0.0.0/8", "::1"])


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "ip"),
    [
        ("1.2.3.4", [], "1.2.3.4"),
        # Nobody believes a stranger.
        ("1.2.3.4", ["9.9.9.9"], "1.2.3.4"),
        ("10.0.0.1", ["9.9.9.9"], "9.9.9.9"),
        # What stands before the address that our own proxy saw is the client's invention.
        ("10.0.0.1", ["6.6.6.6, 9.9.9.9"], "9.9.9.9"),
        ("10.0.0.1", ["6.6.6.6", "9.9.9.9"], "9.9.9.9"),
        ("10.0.0.1", ["6.6.6.6, 9.9.9.9, 10.0.0.2"], "9.9.9.9"),
        ("10.0.0.1", ["9.9.9.9, nonsense"], "10.0.0.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["9.9.9.9"], "9.9.9.9"),
        ("::1", ["2001:db8::1"], "2001:db8::1"),
    ],
)
def test_only_named_proxies_say_who_the_client_is(
    peer: str, forwarded_for: list[str], ip: str
) -> None:
    assert PROXIES.client(peer, False, forwarded_for, []).ip == ip


@pytest.mark.parametrize(
    ("peer", "is_tls", "proto", "secure"),
    [
        ("1.2.3.4", True, [], True),
        ("1.2.3.4", False, ["https"], False),
        ("10.0.0.1", False, ["https"], True),
        ("10.0.0.1", False, ["WSS"], True),
        ("10.0.0.1", False, ["https, http"], False),
        ("10.0.0.1", False, [], False),
    ],
)
def test_transport(peer: str, is_tls: bool, proto: list[str], secure: bool) -> None:
    assert PROXIES.client(peer, is_tls, ["9.9.9.9"], proto).is_secure is secure


def test_networks_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        Proxies(["nonsense"])


def test_a_subscriber_has_a_whole_network_of_ipv6() -> None:
    assert Client("2001:db8::1", True).bucket == Client("2001:db8::2", True).bucket
    assert Client("2001:db8:0:1::1", True).bucket != Client("2001:db8::1", True).bucket
    assert Client("1.2.3.4", True).bucket == "1.2.3.4"


@pytest.mark.parametrize(
    ("origin", "host", "allowed"),
    [
        (None, "relay.example", True),
        ("https://app.example", "relay.example", True),
        ("https://APP.example", "relay.example", True),
        ("http://app.example", "relay.example", False),
        ("https://app.example:8443", "relay.example", False),
        ("https://app.example.evil", "relay.example", False),
        ("https://relay.example", "relay.example:4000", True),
        ("https://evil.example", "relay.example", False),
        ("null", "relay.example", False),
        ("http://[", "relay.example", False),
        ("", "", False),
        ("http://localhost:3000", "relay.example", False),
        ("https://x", None, False),
        ("https://app.example:443", "relay.example", True),
        ("http://localhost:8080", "relay.example", False),
        ("https://xn--bcher-kva.example", "relay.example", True),
        ("tauri://localhost", "relay.example", True),
        ("http://[2001:db8::1]:3000", "relay.example", True),
    ],
)
def test_origins(origin: str | None, host: str | None, allowed: bool) -> None:
    given = ("HTTPS://App.Example:443/", "https://bücher.example", "tauri://localhost")
    origins = (*given, "http://[2001:DB8:0::1]:3000")
    assert Origins(origins, "0.0.0.0").allows(origin, host) is allowed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "app.example",
        "//app.example",
        "https://",
        "https://app.example/path",
        "https://app.example?x",
        "https://me@app.example",
        "https://app.example:port",
        "https://[",
        "https://*.app.example",
    ],
)
def test_what_is_no_origin_is_refused_when_it_is_given(text: str) -> None:
    with pytest.raises(ValueError, match="is no origin: write scheme, host"):
        Origins([text], "0.0.0.0")
    with pytest.raises(ValueError, match="is no origin"):
        RelaySettings("", origins=(text,))


def test_pages_of_this_machine_may_use_a_relay_of_this_machine() -> None:
    local = Origins([], "127.0.0.1")
    assert local.allows("http://localhost:3000", "127.0.0.1:4000")
    assert local.allows("http://[::1]:3000", "127.0.0.1:4000")
    assert not local.allows("https://evil.example", "127.0.0.1:4000")
    assert not local.allows("http://localhost.evil.example", "127.0.0.1:4000")
    assert Origins(["*"], "0.0.0.0").allows("https://evil.example", "relay.example")


def test_buckets_refill_and_forget() -> None:
    buckets = Buckets(per_s=2, burst=3, max_keys=2)
    assert [buckets.take("a", 0) for _ in range(4)] == [0, 0, 0, 0.5]
    assert buckets.take("b", 0) == 0
    assert buckets.wait_s("a", 0.25) == 0.25
    assert buckets.take("a", 0.5) == 0
    assert buckets.take("a", 0.5) == 0.5
    # A clock that steps back takes nothing away and gives nothing.
    assert buckets.take("a", 0) == 0.5
    buckets.take("c", 1)
    assert buckets.take("b", 0) == 0, "forgotten"


def test_those_turned_away_are_sent_to_different_moments() -> None:
    queue = Queue(per_s=10, burst=5)
    assert [queue.take(0) for _ in range(5)] == [0] * 5
    told = [queue.take(0) for _ in range(100)]
    assert told == pytest.approx([n / 10 for n in range(1, 101)])
    # Coming when they were told to, they are all served.
    assert all(queue.take(wait_s + 0.001) == 0 for wait_s in told)


def test_nobody_is_sent_away_for_long_however_many_come() -> None:
    queue = Queue(per_s=10, burst=1, max_wait_s=5)
    assert queue.take(0) == 0
    told = [queue.take(0) for _ in range(10_000)]
    assert max(told) <= 5 + 1e-9
    # All moments there are get the same number.
    assert told[:50] == pytest.approx(told[50:100])
    assert told[:50] == pytest.approx([n / 10 for n in range(1, 51)])


def test_connections_are_counted_by_where_they_come_from() -> None:
    counts = ConnectionCounts(Proxies(["10.0.0.0/8"]), 6, 2)
    assert [counts.enter("1.1.1.1") for _ in range(3)] == [True, True, False]
    counts.leave("1.1.1.1")
    proxied = [counts.enter("10.0.0.1") for _ in range(3)]
    assert proxied == [True] * 3, "a proxy's connections are many people's"
    assert counts.enter("2001:db8::1")
    assert not counts.enter("2.2.2.2"), "all together"
    for peer in ("1.1.1.1", "1.1.1.1", "10.0.0.1", "10.0.0.1", "10.0.0.1", "2.2.2.2"):
        counts.leave(peer)
    assert counts.enter("2001:db8::2")
    assert not counts.enter("2001:db8::3"), "a subscriber has a whole network"
