"""The ports of a relay: bound, described, and with TLS if there is a certificate."""

import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from khala_pg.errors import UsageError
from khala_pg.relay.settings import RelaySettings

logger = logging.getLogger("khala.relay.listening")

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses of a running relay; http and metrics are None when it serves none."""

    ws: str
    http: str | None
    metrics: str | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """The listening sockets of a relay."""

    ws: socket.socket
    http: socket.socket | None
    metrics: socket.socket | None


@contextmanager
def bound(settings: RelaySettings) -> Iterator[Ports]:
    """Every port, closed afterwards. Raises UsageError when one cannot be had."""
    with ExitStack() as opened:
        shared = settings.reuse_port

        def bind_one(option: str, host: str, port: int | None) -> socket.socket | None:
            if port is None:
                return None
            return opened.enter_context(bind(option, host, port, shared=shared))

        yield Ports(
            opened.enter_context(bind("--ws-port", settings.host, settings.ws_port, shared=shared)),
            bind_one("--http-port", settings.host, settings.http_port),
            bind_one("--metrics-port", settings.metrics_host, settings.metrics_port),
        )


def addresses_of(ports: Ports, *, is_tls: bool) -> Addresses:
    """Addresses of bound sockets."""
    s = "s" if is_tls else ""
    return Addresses(
        f"ws{s}://{authority(ports.ws)}/socket/websocket",
        None if ports.http is None else f"http{s}://{authority(ports.http)}",
        None if ports.metrics is None else f"http://{authority(ports.metrics)}/metrics",
    )


class Certificate:
    """A certificate's files, and what both ports need to speak TLS with it."""

    def __init__(self, certificate: str, key: str | None) -> None:
        """Raises UsageError when the PEM files are of no use."""
        self._files = (certificate, key)
        self.context = _tls_context(certificate, key)

    @classmethod
    def given(cls, certificate: str | None, key: str | None) -> "Certificate | None":
        """None without a certificate. Raises UsageError when the PEM files are of no use."""
        return None if certificate is None else cls(certificate, key)

    def reload(self) -> bool:
        """Reads the files again; those that are unfit are reported and change nothing."""
        try:
            # Tried apart: a context keeps the first file of a pair that does not fit together.
            _tls_context(*self._files)
            self.context.load_cert_chain(*self._files)
        except (UsageError, OSError) as error:
            logger.error("the certificate in force stays: %s", error)
            return False
        logger.info("certificate read again")
        return True


def _tls_context(certificate: str, key: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(
            f"the TLS certificate cannot be used: {error}",
            "Name PEM files of a certificate chain and its key.",
        ) from None
    return context


def bind(option: str, host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A listening socket. Raises UsageError, naming the option, when the port cannot be had.

    The host `::` stands for all addresses of IPv6, and of IPv4 where the system can do both.

    shared: other processes may listen on the same port, and the kernel spreads connections.
    """
    if not 0 <= port <= _LAST_PORT:
        raise cannot_listen(option, host, port, f"the last port is {_LAST_PORT}")
    try:
        sock = socket.create_server(
            (host, port),
            family=family_of(host),
            backlog=1024,
            reuse_port=shared,
            dualstack_ipv6=is_dual(host),
        )
    except OSError as error:
        raise cannot_listen(option, host, port, error.strerror) from error
    # Or an update waits until the client has acknowledged the one before, which takes it 40 ms.
    # asyncio does it itself only for listening sockets that it made; accepted ones inherit it.
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def cannot_listen(option: str, host: str, port: int, reason: str | None) -> UsageError:
    return UsageError(
        f"cannot listen on {host} port {port}: {reason}",
        f"Choose another one with {option}; 0 takes any that is free.",
    )


def is_dual(host: str) -> bool:
    """Whether a socket for the host takes IPv4 as well as IPv6."""
    return family_of(host) == socket.AF_INET6 and _is_all(host) and socket.has_dualstack_ipv6()


def _is_all(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False


def family_of(host: str) -> socket.AddressFamily:
    """IPv6 for an address with colons."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def authority(sock: socket.socket) -> str:
    host, port = sock.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
