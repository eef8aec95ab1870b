"""Legacy backend of a drill, which can be taken away and brought back with what it holds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from support.legacy.backend import LegacyBackend
from support.legacy.server import serving
from support.trials.waiting import until


class Legacy:
    """The stand-in, on one address as long as the drill lasts."""

    def __init__(self, backend: LegacyBackend) -> None:
        self.backend = backend
        self.url = ""
        self._port = 0
        self._task: asyncio.Task[None] | None = None
        self._end = asyncio.Event()
        self._is_up = False

    async def up(self) -> None:
        """Serves; what it held before is still there."""
        self._end = asyncio.Event()
        self._is_up = False
        task = self._task = asyncio.create_task(self._serve(self._end))
        await until(lambda: self._is_up or task.done(), "the legacy backend serves")
        if task.done():
            await task

    async def down(self) -> None:
        """Connections are refused from now on."""
        if self._task is not None:
            self._end.set()
            await self._task
            self._task = None

    async def _serve(self, end: asyncio.Event) -> None:
        async with serving(self.backend, self._port) as self.url:
            self._port = int(self.url.rpartition(":")[2])
            self._is_up = True
            await end.wait()


@asynccontextmanager
async def legacy(backend: LegacyBackend) -> AsyncIterator[Legacy]:
    """A legacy backend that is up."""
    made = Legacy(backend)
    await made.up()
    try:
        yield made
    finally:
        await made.down()
