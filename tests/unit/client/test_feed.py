"""The feed: no queue, a batch is done when every listener asked for more, nobody waits forever."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from khala_pg.client.documents import Change, ChangeKind
from khala_pg.client.errors import StoreError
from khala_pg.client.feed import ChangeFeed


def change(name: str) -> Change:
    return Change(ChangeKind.REMOVE, "t", name, None, None)


async def started(listener: AsyncIterator[Change]) -> "asyncio.Task[Change]":
    task = asyncio.ensure_future(anext(listener))
    await asyncio.sleep(0)
    return task


async def test_without_listeners_nothing_waits() -> None:
    await ChangeFeed().publish([change("a")])


async def test_a_batch_is_done_when_more_is_asked_for() -> None:
    feed = ChangeFeed()
    listener = feed.listen()
    first = await started(listener)
    publishing = asyncio.ensure_future(feed.publish([change("a"), change("b")]))
    assert (await first).doc_key == "a"
    assert (await anext(listener)).doc_key == "b"
    assert not publishing.done()
    more = await started(listener)
    await publishing
    feed.end()
    with pytest.raises(StopAsyncIteration):
        await more


async def test_each_listener_sees_each_change() -> None:
    feed = ChangeFeed()
    seen: list[list[str]] = [[], []]

    async def listen(into: list[str]) -> None:
        into.extend([item.doc_key async for item in feed.listen()])

    async with asyncio.TaskGroup() as group:
        for into in seen:
            group.create_task(listen(into))
        await asyncio.sleep(0)
        for name in "abc":
            await feed.publish([change(name), change(name * 2)])
        feed.end()
    assert seen == [["a", "aa", "b", "bb", "c", "cc"]] * 2


async def test_a_listener_that_leaves_holds_nobody_up() -> None:
    feed = ChangeFeed()
    listener = feed.listen()
    first = await started(listener)
    publishing = asyncio.ensure_future(feed.publish([change("a"), change("b")]))
    await first
    await listener.aclose()  # type: ignore[attr-defined]
    await publishing
    await feed.publish([change("c")])


async def test_a_failure_reaches_listeners_present_and_future() -> None:
    feed = ChangeFeed()
    waiting = await started(feed.listen())
    feed.end(StoreError("disk full"))
    with pytest.raises(StoreError):
        await waiting
    with pytest.raises(StoreError):
        await anext(feed.listen())
