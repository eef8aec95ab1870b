"""Connections of one port, counted from their first packet, before they say anything."""

from collections import Counter

from khala_pg.http.edge import Client, Proxies
from khala_pg.relay.settings import RelaySettings


class ConnectionCounts:
    """Counts of connections, in all and by address; a proxy's are those of many clients."""

    def __init__(self, proxies: Proxies, most: int, most_per_peer: int) -> None:
        """most_per_peer: for each address that is no proxy of ours; an IPv6 /64 counts as one."""
        self._proxies = proxies
        self._most = most
        self._most_per_peer = most_per_peer
        self._count = 0
        self._by_peer: Counter[str] = Counter()

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
        bucket = Client(peer, False).bucket
        self._by_peer[bucket] -= 1
        # Not one entry for every address that was ever seen.
        if self._by_peer[bucket] <= 0:
            del self._by_peer[bucket]


def counts_for(settings: RelaySettings, proxies: Proxies) -> ConnectionCounts:
    """Counts for one port of a relay: what may be open, and what may be about to open."""
    return ConnectionCounts(
        proxies,
        settings.max_connections + settings.max_pending_handshakes,
        settings.max_connections_per_ip + settings.max_pending_handshakes_per_ip,
    )
