"""Drain of a relay that stops: every client gets a time to come back."""

import asyncio
import logging
import random
from collections.abc import Collection

from websockets.asyncio.server import Server

from khala_pg.relay.session import Session
from khala_pg.relay.settings import RelaySettings

logger = logging.getLogger("khala.relay.draining")

_AGAIN_S = 1.0


async def drain(server: Server, sessions: Collection[Session], settings: RelaySettings) -> None:
    """Returns when all sockets have ended, by force after `drain_timeout_s`.

    sessions: those that are open; it shrinks meanwhile.
    """
    logger.info("stopping: %d sockets get a time to come back", len(sessions))
    server.close(close_connections=False)
    most = settings.max_retry_after_ms
    for session in list(sessions):
        retry_after_ms = random.randint(most // 10, most)  # noqa: S311 - spreads load
        session.act(session.channel.drain(retry_after_ms))
    try:
        async with asyncio.timeout(settings.drain_timeout_s):
            await server.wait_closed()
    except TimeoutError:
        for session in list(sessions):
            session.connection.abort()
        await server.wait_closed()


async def end_tasks(tasks: Collection[asyncio.Task[None]]) -> None:
    """Returns when all have ended, and those that they started meanwhile.

    tasks: those that run; it shrinks and grows meanwhile.
    """
    # More than once: asyncio.wait_for of Python 3.11, by which the pool waits for a connection,
    # loses a cancellation that comes together with the connection.
    while tasks:
        for task in list(tasks):
            task.cancel()
        await asyncio.wait(list(tasks), timeout=_AGAIN_S)
