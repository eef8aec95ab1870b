"""Notifications to the service manager that started the relay, as `Type=notify` of systemd takes.

One datagram each, to the socket that NOTIFY_SOCKET names; without it nothing is sent.
"""

import asyncio
import contextlib
import logging
import os
import socket
from collections.abc import Mapping

logger = logging.getLogger("khala.relay.service_manager")

_MICROSECONDS = 1_000_000
# What a manager that is behind with reading gets of time. Nothing repeats READY.
_PATIENCE_S = 1.0


class ServiceManager:
    """The service manager of this process, if it has one.

    `alive_every_s` is the interval in which it has to be notified that this process is alive; None
    when it does not watch it.
    """

    def __init__(self, address: str | None = None, alive_every_s: float | None = None) -> None:
        self.alive_every_s = alive_every_s
        self._address = address

    def ready(self) -> None:
        """Clients can join."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The relay has begun to stop."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """This process does its work."""
        if self.alive_every_s is not None:
            self._send("WATCHDOG=1", patience_s=0)

    async def keep_alive(self) -> None:
        """Says so in every interval, from the event loop: one that hangs is noticed."""
        while self.alive_every_s is not None:
            self.alive()
            await asyncio.sleep(self.alive_every_s)

    def _send(self, message: str, patience_s: float = _PATIENCE_S) -> None:
        if self._address is None:
            return
        with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sending:
            sending.settimeout(patience_s)
            try:
                sending.sendto(message.encode(), self._address)
            except OSError as error:
                logger.warning("the service manager did not get %s: %s", message, error)


def service_manager(environment: Mapping[str, str], pid: int | None = None) -> ServiceManager:
    """That of the environment. `pid`: this process, which WATCHDOG_PID has to name."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return ServiceManager()
    if address.startswith("@"):
        address = "\0" + address[1:]
    period = environment.get("WATCHDOG_USEC", "")
    own = str(os.getpid() if pid is None else pid)
    if not period.isdecimal() or environment.get("WATCHDOG_PID", own) != own:
        return ServiceManager(address)
    # Twice in each period, as sd_watchdog_enabled(3) advises.
    return ServiceManager(address, int(period) / _MICROSECONDS / 2 or None)
