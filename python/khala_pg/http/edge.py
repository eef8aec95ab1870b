"""Clients behind proxies: their address and transport; and web origins.

Headers that a proxy writes are believed only when they come from a proxy that was named, and only
what that proxy itself added: the rest of the list may be the client's own invention.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request

OTHER_ORIGIN = "pages of this origin may not come here: `khala relay --origin` names those that may"

_USUAL_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Client:
    """A client: its address, and whether its connection is encrypted all the way."""

    ip: str
    is_secure: bool

    @property
    def bucket(self) -> str:
        """The key that limits are counted by: an IPv6 subscriber has a whole /64."""
        address = _address(self.ip)
        if isinstance(address, ipaddress.IPv6Address):
            return str(ipaddress.ip_network((address, 64), strict=False))
        return self.ip


class Proxies:
    """The proxies whose headers are believed."""

    def __init__(self, networks: Sequence[str]) -> None:
        """networks: addresses or networks, such as 10.0.0.0/8. Raises ValueError."""
        self._networks: tuple[Network, ...] = tuple(map(ipaddress.ip_network, networks))

    def trusts(self, ip: str) -> bool:
        """Whether the address is a proxy of ours."""
        address = _address(ip)
        return address is not None and any(address in network for network in self._networks)

    def client(
        self, peer: str, is_tls: bool, forwarded_for: Sequence[str], forwarded_proto: Sequence[str]
    ) -> Client:
        """The client behind the peer.

        peer: the address the connection comes from. is_tls: whether that connection is TLS.
        forwarded_for, forwarded_proto: values of X-Forwarded-For and -Proto, in order.
        """
        if not self.trusts(peer):
            return Client(_plain(peer), is_tls)
        hops = [hop.strip() for value in forwarded_for for hop in value.split(",")]
        found = peer
        for hop in reversed(hops):
            if _address(hop) is None:
                break
            found = hop
            if not self.trusts(hop):
                break
        protocols = [each.strip().lower() for value in forwarded_proto for each in value.split(",")]
        return Client(_plain(found), is_tls or (protocols[-1:] in (["https"], ["wss"])))

    def client_of(self, request: Request) -> Client:
        """The client behind a request over HTTP."""
        peer = request.client.host if request.client else ""
        headers = request.headers
        return self.client(
            peer,
            request.url.scheme == "https",
            headers.getlist("X-Forwarded-For"),
            headers.getlist("X-Forwarded-Proto"),
        )


class Origins:
    """The web origins whose pages may open sockets and ask for tokens.

    A page of the relay's own host always may; so may a page of this machine when the relay itself
    listens on it only. A program that is no browser sends no origin and is not meant.
    """

    def __init__(self, allowed: Sequence[str], host: str) -> None:
        """allowed: origins such as https://app.example, or "*". host: where the relay listens.

        Raises ValueError for what is no origin.
        """
        self._allowed = {each if each == "*" else normal_origin(each) for each in allowed}
        self._is_local = _is_loopback(host)

    def allows(self, origin: str | None, host: str | None) -> bool:
        """Whether a request with these Origin and Host headers is let through."""
        if origin is None or "*" in self._allowed:
            return True
        try:
            normal = normal_origin(origin)
        except ValueError:
            return False
        asking = _hostname(normal)
        own = _hostname(f"//{host}") if host else None
        return (
            normal in self._allowed
            or (asking is not None and asking == own)
            or (self._is_local and asking is not None and _is_loopback(asking))
        )


def normal_origin(text: str) -> str:
    """An origin as browsers write it: no capitals, no usual port, hosts in ASCII, no final slash.

    Raises ValueError for what is no origin.
    """
    try:
        parts = urlsplit(text.strip())
        host, port = parts.hostname, parts.port
        # An address, a name in ASCII, or one that IDNA can write so.
        name = host if host is None or host.isascii() else host.encode("idna").decode()
    except ValueError:
        name, parts, port = None, urlsplit(""), None
    is_more = parts.path.strip("/") or parts.query or parts.fragment or "@" in text
    if not name or not parts.scheme or "*" in name or is_more:
        raise ValueError(
            f"{text!r} is no origin: write scheme, host and, where it is not the usual one, port, "
            "as in https://app.example or http://localhost:3000"
        )
    shown = f"[{_plain(name)}]" if ":" in name else name
    usual = port is None or port == _USUAL_PORTS.get(parts.scheme)
    return f"{parts.scheme}://{shown}" + ("" if usual else f":{port}")


def is_loopback_url(url: str) -> bool:
    """Whether the URL's host, such as that of `//localhost:4001`, is this machine."""
    host = _hostname(url)
    return host is not None and _is_loopback(host)


def _hostname(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _is_loopback(host: str) -> bool:
    address = _address(host)
    return host == "localhost" or (address is not None and address.is_loopback)


def _address(text: str) -> Address | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _plain(text: str) -> str:
    address = _address(text)
    return text if address is None else str(address)
