"""A topic as it is now, read page by page over HTTP."""

from functools import partial

from khala_pg.client.documents import Cursor
from khala_pg.client.errors import StaleCursorError, TransportError
from khala_pg.client.http_api import HttpApi
from khala_pg.client.resolver import Resolved, Resolver

_TRIES = 5


async def read_snapshot(api: HttpApi, resolver: Resolver, topic: str) -> tuple[Resolved, Cursor]:
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
    raise TransportError(f"{topic}: no snapshot could be finished before it was out of date")


async def _read_once(api: HttpApi, resolver: Resolver, topic: str) -> tuple[Resolved, Cursor]:
    page = await resolver.patiently(partial(api.snapshot_page, topic))
    first = page
    resolved = await resolver.resolve(page.documents)
    while not page.complete:
        page = await resolver.patiently(
            partial(
                api.snapshot_page,
                topic,
                after_doc_key=page.next_doc_key,
                watermark=first.watermark,
            )
        )
        if page.epoch != first.epoch:
            raise StaleCursorError(f"{topic}: the epoch changed between two pages", ())
        more = await resolver.resolve(page.documents)
        resolved.documents.extend(more.documents)
        resolved.missing.extend(more.missing)
    return resolved, Cursor(topic, first.watermark, first.epoch)
