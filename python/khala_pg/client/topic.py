"""Topics that a client follows, whole or narrowed to some of their documents."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

MAX_KEYS = 1000
# The server takes 64 KiB for the line and the headers of a request, a token of 16 KiB among them.
_MAX_QUERY_BYTES = 30_000


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic, by either name. `keys` or `prefix` narrow it to the documents with these keys, or
    whose keys begin so. `newest` starts with so many documents, those that changed last, instead of
    all; every later change of the others comes as well.

    Raises ValueError for what no server takes.
    """

    name: str
    keys: Sequence[str] | None = None
    prefix: str | None = None
    newest: int | None = None

    def __post_init__(self) -> None:
        if self.keys is not None:
            object.__setattr__(self, "keys", tuple(sorted(set(self.keys))))
            if self.prefix is not None or self.newest is not None:
                raise ValueError(f"{self.name}: keys exclude prefix and newest")
            if not 1 <= len(self.keys) <= MAX_KEYS:
                raise ValueError(f"{self.name}: {len(self.keys)} keys, from 1 to {MAX_KEYS} are")
        if self.newest is not None and self.newest < 1:
            raise ValueError(f"{self.name}: newest is {self.newest}, at least 1 is")

    @property
    def filter(self) -> dict[str, Any] | None:
        """What narrows a subscription; None: nothing."""
        if self.keys is not None:
            return {"keys": list(self.keys)}
        return None if self.prefix is None else {"prefix": self.prefix}

    @property
    def stored_as(self) -> str:
        """The name under which a store keeps it apart from the topic narrowed otherwise."""
        narrowed = {**(self.filter or {})}
        if self.newest is not None:
            narrowed["newest"] = self.newest
        if not narrowed:
            return self.name
        return f"{self.name}?{json.dumps(narrowed, ensure_ascii=False, sort_keys=True)}"

    def snapshot_queries(self) -> Iterator[list[tuple[str, str | int]]]:
        """The parameters of the snapshots that together have its documents: one, or some of its
        keys each."""
        query: list[tuple[str, str | int]] = [("topic", self.name)]
        if self.prefix is not None:
            query.append(("prefix", self.prefix))
        if self.newest is not None:
            query += [("order", "newest"), ("limit", self.newest)]
        if self.keys is None:
            yield query
            return
        part, size = list(query), 0
        for key in self.keys:
            length = len(quote(key)) + len("&key=")
            if size and size + length > _MAX_QUERY_BYTES:
                yield part
                part, size = list(query), 0
            part.append(("key", key))
            size += length
        yield part

    def view(self, organisation: str, scopes: Sequence[str]) -> str:
        """What a token shows of it: documents seen by another view are others.

        Only where nothing else narrows it, the prefixes in the scopes do.
        """
        if self.filter is not None or self.name in scopes:
            return organisation
        # Scopes may have the topic's other name, which is not known here.
        prefixed = sorted(
            scope
            for scope in scopes
            if "/" in scope and (scope.partition("/")[0] == self.name or _is_enum(scope, self.name))
        )
        return f"{organisation} {json.dumps(prefixed)}" if prefixed else organisation


def by_name(topics: Sequence[str | Topic]) -> Mapping[str, Topic]:
    """The topics by their names. Raises ValueError for one that is narrowed in two ways."""
    found: dict[str, Topic] = {}
    for each in topics:
        topic = Topic(each) if isinstance(each, str) else each
        if found.setdefault(topic.name, topic) != topic:
            raise ValueError(f"{topic.name} is narrowed in two ways: use a client for each")
    return found


def _is_enum(*names: str) -> bool:
    return any(name.startswith("SYNC_TOPIC_") for name in names)
