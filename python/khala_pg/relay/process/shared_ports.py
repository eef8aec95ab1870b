"""The ports that the workers of one relay share, held while any of them may run."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from khala_pg.relay.opening.ports import bind, cannot_listen, family_of, is_dual
from khala_pg.relay.settings import RelaySettings


@contextmanager
def held(settings: RelaySettings, workers: int) -> Iterator[list[RelaySettings]]:
    """The settings of each worker: the same ports for clients, a port of its own for metrics.

    A port of 0 is chosen here, once. Metrics: the requested port and those that follow it. While
    this lasts no other program gets the ports, however many workers are dead at the moment; but see
    _reserve for a port that connections of an earlier relay have not quite left.

    Raises UsageError when a port cannot be had.
    """
    with ExitStack() as opened:

        def hold(option: str, host: str, port: int | None) -> int | None:
            if port is None:
                return None
            sock = opened.enter_context(_reserve(option, host, port))
            found: int = sock.getsockname()[1]
            return found

        ws_port = hold("--ws-port", settings.host, settings.ws_port)
        assert ws_port is not None
        http_port = hold("--http-port", settings.host, settings.http_port)
        first = settings.metrics_port
        yield [
            replace(
                settings,
                ws_port=ws_port,
                http_port=http_port,
                metrics_port=hold(
                    "--metrics-port", settings.metrics_host, first + number if first else first
                ),
                reuse_port=True,
            )
            for number in range(workers)
        ]


def _reserve(option: str, host: str, port: int) -> socket.socket:
    """A socket that is bound and does not listen: the kernel gives it no connection."""
    if port:
        # Sharing a port with a stranger who shares it too would look like success. For 0 the kernel
        # takes one that nobody has; giving that back, to take it again, somebody else may get it.
        bind(option, host, port).close()
    sock = socket.socket(family_of(host), socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, not is_dual(host))
        try:
            sock.bind((host, port))
        except OSError:
            # Connections of an earlier relay that have not quite ended stand in the way. Kept for
            # the last resort: who sets this shares the port with all who set it.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise cannot_listen(option, host, port, error.strerror) from error
    return sock
