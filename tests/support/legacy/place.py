"""Address of a stand-in whose server ends and comes back, while its documents stay."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from support.legacy.backend import LegacyBackend
from support.legacy.server import serving


class LegacyPlace:
    """A backend and, while it is up, its server; always at the same URL."""

    def __init__(self, backend: LegacyBackend) -> None:
        self.backend = backend
        self.url = ""
        self._server = AsyncExitStack()

    async def up(self) -> None:
        """Returns when it serves."""
        port = int(self.url.rpartition(":")[2]) if self.url else 0
        self.url = await self._server.enter_async_context(serving(self.backend, port))

    async def down(self) -> None:
        """Returns when nothing listens any more; what it was asked is cut off."""
        await self._server.aclose()


@asynccontextmanager
async def legacy_place(backend: LegacyBackend) -> AsyncIterator[LegacyPlace]:
    """A place that is up."""
    place = LegacyPlace(backend)
    await place.up()
    try:
        yield place
    finally:
        await place.down()
