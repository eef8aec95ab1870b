"""Choosing TCP ports that a server can take again after a restart."""

import random
import socket
from pathlib import Path

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST = 15000
_TRIES = 200


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on host:port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free now and that no outgoing connection takes by itself.

    The kernel's own choice (port 0) lies among the ports it also gives to outgoing connections:
    while a server restarts, a client that reconnects could be given the server's port, even
    connect to itself. So the port comes from below that range.

    Raises OSError when no free port turns up.
    """
    ceiling = _first_ephemeral_port()
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, ceiling)  # noqa: S311 - not a secret
        if is_free(port, host):
            return port
    raise OSError(f"no free port between {_LOWEST} and {ceiling} on {host}")


def _first_ephemeral_port() -> int:
    try:
        first = int(_EPHEMERAL_RANGE.read_text().split()[0])
    except FileNotFoundError:  # not Linux: IANA's range
        first = 49152
    return first if first > _LOWEST + 1000 else 65536
