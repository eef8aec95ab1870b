"""Subscribe requests for topics and their cursors. Pure."""

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby
from typing import Any

from khala_pg.client.documents import Cursor
from khala_pg.client.topic import Topic


def subscriptions(
    cursors: Mapping[str, Cursor | None],
    seen: Callable[[str, int], int],
    narrowed: Mapping[str, Topic],
    *,
    compact: bool,
) -> Iterator[dict[str, Any]]:
    """The payloads of the requests: cursors of different epochs cannot share one.

    seen: the watermark from which a topic goes on, for that of its cursor.
    narrowed: the topics by name, with their filters.
    """
    members = sorted(cursors.items(), key=lambda member: _epoch(member[1]) or "")
    for epoch, group in groupby(members, key=lambda member: _epoch(member[1])):
        topics = dict(group)
        resume = {name: seen(name, cursor.watermark) for name, cursor in topics.items() if cursor}
        payload: dict[str, Any] = {"topics": list(topics), "resume_after": resume}
        if epoch is not None:
            payload["epoch"] = epoch
        if compact:
            payload["compact"] = True
        filters = {name: narrowed[name].filter for name in topics if narrowed[name].filter}
        if filters:
            payload["filters"] = filters
        yield payload


def _epoch(cursor: Cursor | None) -> str | None:
    return None if cursor is None else cursor.epoch
