"""Tasks end, though one misses its cancellation and another starts a third."""

import asyncio
import contextlib

from khala_pg.relay.process.drain import end_tasks


async def test_tasks_end_whatever_they_miss_or_start() -> None:
    tasks: set[asyncio.Task[None]] = set()
    ended: list[str] = []

    def spawn(name: str, misses: int, heir: str | None = None) -> None:
        async def live() -> None:
            try:
                for _ in range(misses):
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.Future()
                await asyncio.Future()
            finally:
                ended.append(name)
                if heir is not None:
                    spawn(heir, 0)

        task = asyncio.create_task(live())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    spawn("deaf", 1)
    spawn("parent", 0, heir="heir")
    await asyncio.sleep(0)  # both wait
    await end_tasks(tasks)
    assert sorted(ended) == ["deaf", "heir", "parent"]
    assert not tasks
