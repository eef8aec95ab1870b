"""Limits of opening requests: number, rate and origin, before and after the token is verified."""

import math
import time
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from websockets.datastructures import Headers

from khala_pg.auth.claims import Claims
from khala_pg.http.edge import OTHER_ORIGIN, Client, Origins, Proxies
from khala_pg.http.rates import Buckets, Queue
from khala_pg.relay.opening.handshake import HandshakeError
from khala_pg.relay.settings import RelaySettings


class OpeningLimits:
    """Counts the sockets of every address and subject, and the opening requests of all."""

    def __init__(self, settings: RelaySettings, now: Callable[[], float] = time.monotonic) -> None:
        """now: a clock in seconds."""
        self._settings = settings
        self._now = now
        self._proxies = Proxies(settings.trusted_proxies)
        self._origins = Origins(settings.origins, settings.host)
        self._handshakes = Queue(settings.max_handshakes_per_second, settings.max_handshake_burst)
        per_minute = settings.max_failed_handshakes_per_minute
        self._failures = Buckets(per_minute / 60, per_minute)
        self._by_ip: Counter[str] = Counter()
        self._by_subject: Counter[tuple[str, str]] = Counter()
        self._subject_rates = Buckets(
            settings.max_handshakes_per_second_per_subject, settings.max_connections_per_subject
        )
        self.counts = counts_for(settings, self._proxies)

    def client(self, peer: str, is_tls: bool, headers: Headers) -> Client:
        """The client that sends an opening request."""
        return self._proxies.client(
            peer,
            is_tls,
            headers.get_all("X-Forwarded-For"),
            headers.get_all("X-Forwarded-Proto"),
        )

    def refuse_request(self, client: Client, headers: Headers) -> None:
        """Raises HandshakeError for a request whose token need not be verified."""
        if self._settings.require_tls and not client.is_secure:
            message = "sockets are opened with TLS only: use wss://"
            raise HandshakeError(HTTPStatus.FORBIDDEN, "insecure_transport", message)
        origins, hosts = headers.get_all("Origin"), headers.get_all("Host")
        if len(origins) > 1 or not self._origins.allows(
            origins[0] if origins else None, hosts[0] if len(hosts) == 1 else None
        ):
            raise HandshakeError(HTTPStatus.FORBIDDEN, "forbidden_origin", OTHER_ORIGIN)
        wait_s = self._failures.wait_s(client.bucket, self._now())
        if wait_s > 0:
            raise _too_many("this address was refused too often", _ms(wait_s))
        self._refuse_address(client)

    def refuse_holder(self, client: Client, claims: Claims) -> None:
        """Raises HandshakeError when the holder of a good token has to come back later.

        Only they take places in the queue: without a token it cannot be used up.
        """
        # Asked once more: checking the token may have taken a while.
        self._refuse_address(client)
        subject = (claims.org_id, claims.subject)
        if self._by_subject[subject] >= self._settings.max_connections_per_subject:
            raise _too_many("this subject has too many sockets", _ms(self._settings.retry_after_s))
        now = self._now()
        wait_s = self._subject_rates.take(subject, now)
        if wait_s > 0:
            raise _too_many("this subject opens too many sockets", _ms(wait_s))
        wait_s = self._handshakes.take(now)
        if wait_s > 0:
            raise HandshakeError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "rate_limited",
                "too many sockets are being opened: try again after retry_after_ms",
                _ms(wait_s),
            )

    def failed(self, client: Client) -> None:
        self._failures.take(client.bucket, self._now())

    def entered(self, client: Client, claims: Claims) -> None:
        self._by_ip[client.bucket] += 1
        self._by_subject[claims.org_id, claims.subject] += 1

    def left(self, client: Client, claims: Claims) -> None:
        """A socket that had opened is gone. `claims` are those that it opened with."""
        _decrement(self._by_ip, client.bucket)
        _decrement(self._by_subject, (claims.org_id, claims.subject))

    def _refuse_address(self, client: Client) -> None:
        if self._by_ip[client.bucket] >= self._settings.max_connections_per_ip:
            raise _too_many("this address has too many sockets", _ms(self._settings.retry_after_s))


@dataclass
class ConnectionCounts:
    """Counts of connections, in all and by address; a proxy's are those of many clients.

    _most_per_peer: for each address that is no proxy of ours; an IPv6 /64 counts as one.
    """

    _proxies: Proxies
    _most: int
    _most_per_peer: int
    _count: int = 0
    _by_peer: Counter[str] = field(default_factory=Counter)

    def enter(self, peer: str) -> bool:
        """A connection was made: whether it may stay. `leave` follows in either case."""
        self._count += 1
        bucket = Client(peer, False).bucket
        self._by_peer[bucket] += 1
        within = self._by_peer[bucket] <= self._most_per_peer or self._proxies.trusts(peer)
        return within and self._count <= self._most

    def leave(self, peer: str) -> None:
        """A connection that was made is gone."""
        self._count -= 1
        _decrement(self._by_peer, Client(peer, False).bucket)


def counts_for(settings: RelaySettings, proxies: Proxies) -> ConnectionCounts:
    """Counts for one port of a relay: what may be open, and what may be about to open."""
    return ConnectionCounts(
        proxies,
        settings.max_connections + settings.max_pending_handshakes,
        settings.max_connections_per_ip + settings.max_pending_handshakes_per_ip,
    )


def _decrement(counter: Counter[Any], key: Hashable) -> None:
    counter[key] -= 1
    # Not one entry for every address that was ever seen.
    if counter[key] <= 0:
        del counter[key]


def _too_many(message: str, retry_after_ms: int) -> HandshakeError:
    message = f"{message}: try again after retry_after_ms"
    return HandshakeError(HTTPStatus.TOO_MANY_REQUESTS, "rate_limited", message, retry_after_ms)


def _ms(seconds: float) -> int:
    return math.ceil(seconds * 1000)
