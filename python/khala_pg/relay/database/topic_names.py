"""What names of a request stand for: a topic has two, and only the database knows both."""

from collections.abc import Collection

from khala_pg.auth.keyring import Claims
from khala_pg.errors import RefusedError
from khala_pg.relay.database.pool import Database
from khala_pg.relay.delivery.subscription import Subscription
from khala_pg.relay.wire import refusals
from khala_pg.sqlapi import relay as sqlapi


async def topics_of(
    database: Database, names: Collection[str], subscriptions: Collection[Subscription]
) -> set[str]:
    """The subscribed topics that names stand for; names that stand for none are left out."""
    known = {name: each.topic for each in subscriptions for name in (each.name, each.topic)}
    topics = {known[name] for name in names if name in known}
    others = [name for name in names if name not in known]
    # Another may be the other name of what is subscribed.
    while others and topics < set(known.values()):
        try:
            _, cursors = await database.call(sqlapi.judge, others, None, None, None)
        except RefusedError as error:
            unknown = refusals.topics_refused(error)
            if not unknown & set(others):
                raise
            others = [name for name in others if name not in unknown]
        else:
            return topics | {cursor.topic for cursor in cursors}
    return topics


async def lost(database: Database, names: list[str], old: Claims, new: Claims) -> list[str]:
    """Which of the names stand for topics that the new claims do not cover."""
    if not names or set(old.scopes) <= set(new.scopes):
        return []
    try:
        await database.call(sqlapi.judge, names, None, None, new.scopes)
    except RefusedError as error:
        if error.wire_code != "forbidden_topic":
            raise
        return sorted(refusals.topics_refused(error)) or names
    return []
