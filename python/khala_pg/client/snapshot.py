"""A topic as it is now, read page by page over HTTP."""

from collections.abc import Sequence
from functools import partial

from khala_pg.client.documents import Cursor
from khala_pg.client.errors import StaleCursorError, TransportError
from khala_pg.client.http_api import HttpApi
from khala_pg.client.resolver import Resolved, Resolver
from khala_pg.client.topic import Topic

_TRIES = 5


async def read_snapshot(api: HttpApi, resolver: Resolver, topic: Topic) -> tuple[Resolved, Cursor]:
    """All documents of a topic that are ours to see, and the cursor to subscribe from.

    Raises what HttpApi raises, and TransportError when the topic's history is cut off
    under it again and again.
    """
    for attempt in range(_TRIES):
        try:
            return await _read_once(api, resolver, topic)
        except StaleCursorError as error:
            # A purge or a restore overtook the first page: what it began is of no use.
            await resolver.pause(attempt, error)
    raise TransportError(f"{topic.name}: no snapshot could be finished before it was out of date")


async def _read_once(api: HttpApi, resolver: Resolver, topic: Topic) -> tuple[Resolved, Cursor]:
    resolved = Resolved([], [])
    cursors = [
        await _read_part(api, resolver, topic.name, query, resolved)
        for query in topic.snapshot_queries()
    ]
    if len({cursor.epoch for cursor in cursors}) > 1:
        raise StaleCursorError(f"{topic.name}: the epoch changed between two parts", ())
    # From the earliest part on, replay has what the others lack or have already.
    return resolved, min(cursors, key=lambda cursor: cursor.watermark)


async def _read_part(
    api: HttpApi,
    resolver: Resolver,
    name: str,
    query: Sequence[tuple[str, str | int]],
    resolved: Resolved,
) -> Cursor:
    """Adds the documents of a part."""
    page = first = await resolver.patiently(partial(api.snapshot_page, query))
    while True:
        found = await resolver.resolve(page.documents)
        resolved.documents.extend(found.documents)
        resolved.missing.extend(found.missing)
        if page.complete:
            return Cursor(name, first.watermark, first.epoch)
        page = await resolver.patiently(
            partial(
                api.snapshot_page,
                query,
                after_doc_key=page.next_doc_key,
                watermark=first.watermark,
            )
        )
        if page.epoch != first.epoch:
            raise StaleCursorError(f"{name}: the epoch changed between two pages", ())
